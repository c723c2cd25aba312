"""XSeg (DeepFaceLab): what lies before a face, seen by a network."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from models.families.masks import Occluder, seen_by_all
from processors.base import Needs, Processor
from processors.batches import PatchBatch
from processors.context import Context
from processors.neural.rows import template_of
from processors.params import Choice, ProcessorParams, Slider
from processors.registry import processor

_SLOTS = {word: f"mask.xseg_{word}" for word in ("1", "2", "3")}
_ALL = "vote"


@processor("xseg", title="What lies before the face", role="mask", version="1.0")
class Xseg(Processor):
    """Keeps what lies before the face (hands, hair, microphones) in front of it, by a network."""

    class Params(ProcessorParams):
        model: Literal["1", "2", "3", "vote"] = Choice("1", help="Which of three trainings; or all three, and what one "
                                                                 "of them takes for something before the face stays.")
        strength: float = Slider(1.0, ge=0, le=1, help="How far it is kept out: 0 lets everything be covered.")

    def needs(self, params: Params) -> Needs:
        return Needs(models=_slots(params), crop=template_of(_slots(params)[0]))

    def is_identity(self, params: Params) -> bool:
        return params.strength == 0

    def process(self, batch: PatchBatch, params: Params, ctx: Context) -> PatchBatch:
        ctx.check()
        crops = [patch.crop.pixels for patch in batch]
        votes = [ctx.models.get(slot, Occluder).masks(crops) for slot in _slots(params)]
        share = np.float32(params.strength)
        seen = [1 - share * (1 - seen_by_all(masks)) for masks in zip(*votes, strict=True)]
        return tuple(replace(patch, mask=mask if patch.mask is None else patch.mask * mask)
                     for patch, mask in zip(batch, seen, strict=True))


def _slots(params: Xseg.Params) -> tuple[str, ...]:
    return tuple(_SLOTS.values()) if params.model == _ALL else (_SLOTS[params.model],)
