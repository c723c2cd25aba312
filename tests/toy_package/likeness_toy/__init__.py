"""A processor in a package of its own: nothing of Likeness is edited for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from processors.base import Processor
from processors.batches import PatchBatch
from processors.context import Context
from processors.params import ProcessorParams, Slider, Switch
from processors.registry import processor


@processor("tint", title="Tint", role="enhancer", version="1.0")
class Tint(Processor):
    """Warms the face by adding red."""

    class Params(ProcessorParams):
        red: float = Slider(40.0, ge=0, le=80, step=1, help="Levels of red that are added.")
        fail: bool = Switch(False, help="Fail, to see what happens then.")

    def process(self, batch: PatchBatch, params: Params, ctx: Context) -> PatchBatch:
        if params.fail:
            raise RuntimeError("the tint ran out")
        shift = np.array([0, 0, params.red], np.float32)
        return tuple(replace(patch, pixels=np.clip(patch.pixels + shift, 0, 255).astype(patch.pixels.dtype))
                     for patch in batch)
