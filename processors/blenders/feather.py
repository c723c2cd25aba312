"""A soft edge, and nothing else."""

from __future__ import annotations

from processors.base import Processor
from processors.batches import LayBatch, Region, RegionBatch
from processors.blenders.edges import alpha_of, mix
from processors.context import Context
from processors.params import ProcessorParams, Slider
from processors.registry import processor


@processor("feather", title="Soft edge", role="blender", version="1.0")
class Feather(Processor):
    """Lays the face in with a soft edge."""

    class Params(ProcessorParams):
        # Measured best in the classical-swap study: narrower shows a seam, wider loses the identity.
        softness: float = Slider(0.14, ge=0, le=0.5, help="Width of the soft edge, as a share of the distance between "
                                                          "the outer eye corners.")

    def process(self, batch: LayBatch, params: Params, ctx: Context) -> RegionBatch:
        done = []
        for lay in batch:
            alpha = alpha_of(lay, params.softness)
            done.append(Region(mix(lay.background, lay.pixels, alpha), lay.rect, alpha))
        return tuple(done)
