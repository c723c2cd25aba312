"""The soft edge that blenders share."""

from __future__ import annotations

import cv2
import numpy as np

from models.arrays import Mask, Pixels
from processors.batches import Lay

# Below this a mask counts as not there: a trace that no eye sees must not place the edge.
_TRACE = 0.02


def soften(mask: Mask, width: float) -> Mask:
    """(H, W) 0..1: the mask, faded in from its edge over `width` pixels, towards the inside only, so that nothing is
    changed where the mask is 0. The picture's own edge is no edge of the mask."""
    support = (mask > _TRACE).astype(np.uint8)
    if width <= 0 or not support.any() or support.all():
        return np.where(support > 0, mask, np.float32(0)).astype(np.float32)
    depth = cv2.distanceTransform(support, cv2.DIST_L2, 5)
    t = np.clip(depth / np.float32(width + 0.5), 0, 1)
    return np.asarray(mask * (t * t * (3 - 2 * t)) * support, np.float32)


def mix(background: Pixels, pixels: Pixels, alpha: Mask) -> Pixels:
    """background where alpha is 0 (bit for bit), pixels where it is 1; dtype of the background."""
    mixed = background + (pixels.astype(np.float32) - background) * alpha[..., None]
    if background.dtype == np.uint8:
        return np.asarray(np.clip(np.rint(mixed), 0, 255), np.uint8)
    return np.asarray(mixed, background.dtype)


def alpha_of(lay: Lay, softness: float) -> Mask:
    """The lay's mask with an edge of `softness` outer-eye distances."""
    return soften(lay.mask, softness * lay.eye_distance)
