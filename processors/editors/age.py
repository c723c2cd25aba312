"""Older and younger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from models.families.ages import AgeChanger
from models.templates import TEMPLATES, drawn_in
from processors.base import Needs, Processor
from processors.batches import PatchBatch, Template
from processors.context import Context
from processors.neural.laying import in_the_light_of, laid, soft_box
from processors.neural.rows import facts_of, template_named
from processors.params import Choice, ProcessorParams, Slider
from processors.registry import processor

_SLOTS: Mapping[str, str] = {"fran": "age.fran", "styleganex": "age.styleganex"}
_SIDE = 1024
"""Pixels of the crop: what either network answers with."""


@processor("age", title="Age", role="editor", version="1.0")
class Age(Processor):
    """Makes a face older or younger."""

    class Params(ProcessorParams):
        years: float = Slider(0.0, ge=-80, le=80, step=1, help="Years older; below 0 younger.")
        now: float = Slider(35.0, ge=10, le=90, step=1, title="Looks", depth="expert",
                            help="How old the face looks now: FRAN has to be told.")
        colour: float = Slider(0.5, ge=0, le=1, depth="expert",
                               help="How far the new face takes on the light and colour of this one.")
        model: Literal["fran", "styleganex"] = Choice(
            "fran", depth="expert", help="FRAN changes skin and keeps all else; StyleGANEX changes shape and hair.")

    def needs(self, params: Params) -> Needs:
        return Needs(models=(_SLOTS[params.model],), crop=_template(params.model))

    def is_identity(self, params: Params) -> bool:
        return params.years == 0

    def process(self, batch: PatchBatch, params: Params, ctx: Context) -> PatchBatch:
        ctx.check()
        changer = ctx.models.get(_SLOTS[params.model], AgeChanger)
        made = changer.change([patch.pixels for patch in batch], [params.now] * len(batch), params.years)
        mask = soft_box(_SIDE)
        return tuple(laid(patch, in_the_light_of(face, patch.pixels, mask, params.colour), mask)
                     for patch, face in zip(batch, made, strict=True))


def _template(model: str) -> Template:
    facts = facts_of(_SLOTS[model])
    wide = facts.get("wide")
    if wide is None:
        return template_named(facts["template"], _SIDE)
    points = drawn_in(TEMPLATES[wide["template"]], wide["drawn"])
    return Template(f"{wide['template']} drawn in", tuple((float(x), float(y)) for x, y in points), _SIDE)
