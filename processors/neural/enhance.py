"""An enhancer on a network: everything but which networks it may be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from models.families.enhancers import CropEnhancer
from processors.base import Needs
from processors.batches import PatchBatch
from processors.context import Context
from processors.neural.networked import Networked
from processors.neural.rows import template_of, with_needs
from processors.neural.swap import mixed
from processors.params import ProcessorParams, Slider


class EnhanceParams(ProcessorParams):
    """What every neural enhancer has. blend: FaceFusion's default, too; the whole of it looks painted."""

    blend: float = Slider(0.8, ge=0, le=1, help="How much of the restored face is laid over what was there: 0 leaves "
                                                "it alone.")


class NetworkEnhancer(Networked):
    """Makes a face clearer with its network."""

    def needs(self, params: Any) -> Needs:
        slot = self.slot(params)
        return Needs(models=with_needs(slot), crop=template_of(slot))

    def is_identity(self, params: Any) -> bool:
        return bool(params.blend == 0)

    def process(self, batch: PatchBatch, params: Any, ctx: Context) -> PatchBatch:
        """All faces of the frame in one batch."""
        ctx.check()
        network = ctx.models.get(self.slot(params), CropEnhancer)
        made = network.enhance([patch.pixels for patch in batch], getattr(params, "fidelity", 0.5))
        return tuple(replace(patch, pixels=mixed(patch.pixels, pixels, params.blend))
                     for patch, pixels in zip(batch, made, strict=True))
