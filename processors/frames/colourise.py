"""Colour for black-and-white pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from models.families.colour import Colouriser
from processors.base import Needs, Processor
from processors.batches import FrameView, Rect, Region, RegionBatch
from processors.context import Context
from processors.params import Choice, ProcessorParams, Slider
from processors.registry import processor

_SLOTS: Mapping[str, str] = {name: f"colour.{name}" for name in (
    "ddcolor", "ddcolor_artistic", "deoldify", "deoldify_artistic", "deoldify_stable")}


@processor("colourise", title="Colour", role="frame", version="1.0")
class Colourise(Processor):
    """Colours black-and-white pictures; how light each pixel is stays as it was."""

    class Params(ProcessorParams):
        strength: float = Slider(1.0, ge=0, le=1, help="How much of the new colour is taken: 0 leaves all as it is.")
        model: Literal["ddcolor", "ddcolor_artistic", "deoldify", "deoldify_artistic", "deoldify_stable"] = Choice(
            "ddcolor", help="Which network: DDColor, DeOldify, or trainings of theirs that are livelier or calmer.")

    def needs(self, params: Params) -> Needs:
        return Needs(models=(_SLOTS[params.model],), faces=False)

    def is_identity(self, params: Params) -> bool:
        return params.strength == 0

    def process(self, batch: FrameView, params: Params, ctx: Context) -> RegionBatch:
        ctx.check()
        made = ctx.models.get(_SLOTS[params.model], Colouriser).colour(batch.pixels, params.strength)
        height, width = made.shape[:2]
        return (Region(made, Rect(0, 0, width, height), np.ones((height, width), np.float32)),)
