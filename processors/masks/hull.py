"""The cover: where the new face may show, by geometry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.arrays import Mask, Points
from processors.base import Needs, Processor
from processors.batches import Native, Patch, PatchBatch
from processors.classical import MARGIN
from processors.classical import points as parts
from processors.classical.filters import grown, shrunk
from processors.classical.memory import steady
from processors.classical.pose import forehead
from processors.classical.skin import face_mask
from processors.classical.sources import pose_of
from processors.context import Context
from processors.params import ProcessorParams, Slider
from processors.registry import processor

# In a clip, the share of the frames before in how much of the forehead is covered (classical-swap study: .9).
_OLD = 0.9


@processor("hull", title="Face outline", role="mask", version="1.0")
class Hull(Processor):
    """Shows the change inside the outline of jaw, brows and forehead."""

    class Params(ProcessorParams):
        forehead: float = Slider(1.0, ge=0, le=1, help="How much of the forehead is covered; where either forehead is "
                                                       "not clear, less is taken by itself.")
        grow: float = Slider(0.0, ge=-0.2, le=0.2, help="Widens or narrows the outline, as a share of the distance "
                                                        "between the eyes.", depth="expert")

    def needs(self, params: Params) -> Needs:
        return Needs(crop=Native(MARGIN))

    def process(self, batch: PatchBatch, params: Params, ctx: Context) -> PatchBatch:
        return tuple(_cover(patch, params) for patch in batch)


def _cover(patch: Patch, params: Hull.Params) -> Patch:
    crop = patch.crop
    shape = crop.pixels.shape[:2]
    pose = pose_of(crop)
    size = pose.size(crop.points)
    top = forehead(crop.points, pose)
    height = params.forehead * steady(crop, "forehead", _clear_height(patch, top), _OLD)
    cover = parts.fill(shape, np.vstack([crop.points, _lowered(crop.points, top, height)]))
    if abs(params.grow) * size >= 0.5:
        cover = (grown if params.grow > 0 else shrunk)(cover, abs(params.grow) * size)
    if crop.inside is not None:
        cover = cover * crop.inside
    mask = cover if patch.mask is None else cover * patch.mask
    return replace(patch, mask=np.clip(mask, 0, 1).astype(np.float32))


def _lowered(points: Points, top: Points, height: float) -> Points:
    """Forehead points drawn down towards the brows: height 1 leaves them, 0 ends at the brows."""
    _, _, down = parts.upright_axes(points)
    brows = points[17:27] @ down
    drop = (top @ down) - brows.min()
    return top - np.outer(np.minimum(drop, 0) * (1 - height), down)


def _clear_height(patch: Patch, top: Points) -> float:
    """Full where at least 95 % of both foreheads are clear skin, half at 80 % and below (study, step 8)."""
    crop = patch.crop
    area = parts.fill(crop.pixels.shape[:2], np.vstack([top, crop.points[17:27]])) > 0.5
    if crop.inside is not None:
        area &= crop.inside > 0.5
    if not area.any():
        return 0.0
    masks: list[Mask] = [face_mask(crop)]
    if patch.source_clean is not None:
        masks.append(patch.source_clean)
    share = min(float(mask[area].mean()) for mask in masks)
    return float(np.interp(share, [0.80, 0.95], [0.5, 1.0]))

