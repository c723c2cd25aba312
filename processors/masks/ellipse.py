"""A plain oval over the face."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from models.arrays import Mask
from processors.base import Processor
from processors.batches import Crop, PatchBatch
from processors.context import Context
from processors.params import ProcessorParams, Slider
from processors.registry import processor

# How far over the brows a forehead reaches: a third of chin to hairline, which is half of chin to brow (the rule of
# equal thirds). The oval's top lies there.
_FOREHEAD = 0.5


@processor("ellipse", title="Oval", role="mask", version="1.0")
class Ellipse(Processor):
    """Keeps the change to an oval over the face."""

    class Params(ProcessorParams):
        width: float = Slider(0.9, ge=0.4, le=1.5, help="Width of the oval; 1 is as wide as the face.")
        height: float = Slider(0.9, ge=0.4, le=1.5, help="Height of the oval; 1 reaches from chin to hairline.")
        rise: float = Slider(0.0, ge=-0.5, le=0.5, help="Moves the oval up (or down, below 0), as a share of the face.")
        softness: float = Slider(0.1, ge=0, le=0.5, help="Width of the soft edge, as a share of the distance between "
                                                         "the outer eye corners.")

    def process(self, batch: PatchBatch, params: Params, ctx: Context) -> PatchBatch:
        done = []
        for patch in batch:
            oval = ellipse_mask(patch.crop, params)
            done.append(replace(patch, mask=oval if patch.mask is None else patch.mask * oval))
        return tuple(done)


def ellipse_mask(crop: Crop, params: Ellipse.Params) -> Mask:
    """(H, W) 0..1: an ellipse round the middle of the face, along its own axes, soft towards the inside."""
    points = crop.points
    brow, chin = points[17:27].mean(axis=0), points[8]
    up = brow - chin
    length = float(np.hypot(*up))
    if length < 1e-6:
        return np.zeros(crop.pixels.shape[:2], np.float32)
    up = up / length
    across = np.array([-up[1], up[0]])
    side = points[:17] @ across
    half_width = (side.max() - side.min()) / 2 * params.width
    half_height = length * (1 + _FOREHEAD) / 2 * params.height
    centre = chin + up * (length * (1 + _FOREHEAD) * (0.5 + params.rise))
    centre = centre + across * ((side.max() + side.min()) / 2 - centre @ across)
    # A row and a column: sums of them fill the crop.
    rows, columns = (np.arange(side, dtype=np.float32) for side in crop.pixels.shape[:2])
    dx, dy = (columns - np.float32(centre[0]))[None], (rows - np.float32(centre[1]))[:, None]
    # In single precision throughout: numpy's own numbers would make it double.
    wide, high = (across / max(half_width, 1e-3)).astype(np.float32), (up / max(half_height, 1e-3)).astype(np.float32)
    radius = cv2.magnitude(dx * wide[0] + dy * wide[1], dx * high[0] + dy * high[1])
    # Distance to the edge along the ray, in pixels of the shorter half-axis: the soft edge is as wide there as stated.
    edge = (1 - radius) * np.float32(min(half_width, half_height))
    soft = max(params.softness * crop.eye_distance, 1.0)
    hard = np.float32(0.5 if params.softness == 0 else 0)
    oval = edge / np.float32(soft) + hard
    return np.asarray(np.clip(oval, 0, 1, out=oval), np.float32)
