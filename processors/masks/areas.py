"""Areas of a face by its points alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.arrays import Mask
from processors.base import Processor
from processors.batches import Crop, PatchBatch
from processors.classical import points as parts
from processors.classical.filters import blur
from processors.classical.pose import forehead
from processors.classical.sources import pose_of
from processors.context import Context
from processors.params import ProcessorParams, Slider, Switch
from processors.registry import processor

_MOUTH = 1.3  # times the outer lips: with it comes the skin that moves with them


@processor("areas", title="Areas of the face", role="mask", version="1.0")
class Areas(Processor):
    """Keeps the change to the upper face, the lower face, or the mouth; needs no model."""

    class Params(ProcessorParams):
        upper: bool = Switch(True, help="Change forehead, brows and eyes.")
        lower: bool = Switch(True, help="Change nose, cheeks and chin.")
        mouth: bool = Switch(True, help="Change the mouth.")
        softness: float = Slider(0.06, ge=0, le=0.3, help="Width of the soft edge between them, as a share of the "
                                                          "distance between the outer eye corners.")

    def process(self, batch: PatchBatch, params: Params, ctx: Context) -> PatchBatch:
        done = []
        for patch in batch:
            mask = area_mask(patch.crop, params)
            done.append(replace(patch, mask=mask if patch.mask is None else patch.mask * mask))
        return tuple(done)


def area_mask(crop: Crop, params: Areas.Params) -> Mask:
    """(H, W) 0..1. The upper face reaches down to the eyes' lower lids and the nose's root; the mouth is in neither."""
    points, shape = crop.points, crop.pixels.shape[:2]
    over = forehead(points, pose_of(crop))
    whole = parts.fill(shape, np.vstack([over, points]))
    mouth = parts.fill(shape, parts.grown(parts.lips(points), _MOUTH))
    upper = parts.fill(shape, np.vstack([over, points[[0, 16]], points[17:28], points[36:48]])) * (1 - mouth)
    lower = np.clip(whole - upper - mouth, 0, 1)
    chosen = params.upper * upper + params.lower * lower + params.mouth * mouth
    soft = blur(np.asarray(chosen, np.float32), params.softness * crop.eye_distance / 2)
    return np.asarray(np.clip(soft, 0, 1) * whole, np.float32)
