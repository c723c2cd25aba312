"""The soft edge that blenders share."""

from __future__ import annotations

import cv2
import numpy as np

from models.arrays import Mask, Pixels
from processors.batches import Lay
from processors.classical.filters import f32, reduced, resize, smoothstep

# Below this a mask counts as not there: a trace that no eye sees must not place the edge.
_TRACE = 0.02
# Pixels of a soft edge that are enough to find its distances: wider ones are found on a smaller mask, in a third of the
# time on a large face (measured on hulls and blobs: alpha differs by .003 on average, .07 at most).
_FINE = 12.0


def soften(mask: Mask, width: float) -> Mask:
    """(H, W) 0..1: the mask, faded in from its edge over `width` pixels, towards the inside only, so that nothing is
    changed where the mask is 0. The picture's own edge is no edge of the mask."""
    if mask.size == 0:
        return mask.astype(np.float32)
    # cv2 throughout: these are the pixels of a whole head, in every frame of a clip.
    present = f32(cv2.threshold(mask, _TRACE, 0, cv2.THRESH_TOZERO)[1])
    if width <= 0 or cv2.countNonZero(present) in (0, present.size):
        return present
    support = f32(cv2.threshold(present, 0, 1, cv2.THRESH_BINARY)[1])
    scale = min(_FINE / width, 1.0)
    small = support if scale > 0.75 else resize(support, reduced(support.shape, scale))
    scale = np.sqrt(small.size / support.size)
    depth = cv2.distanceTransform((small > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    # A pixel's middle lies half a pixel behind the edge that it touches, at either size.
    depth = np.where(depth > 0, (depth - 0.5) / scale + 0.5, 0)
    fade = resize(smoothstep(f32(depth / (width + 0.5))), support.shape)
    return f32(cv2.multiply(present, fade))


def mix(background: Pixels, pixels: Pixels, alpha: Mask) -> Pixels:
    """background where alpha is 0 (bit for bit), pixels where it is 1; dtype of the background."""
    if background.dtype == pixels.dtype == np.uint8 and background.size:
        return np.asarray(cv2.blendLinear(background, pixels, np.float32(1) - alpha, alpha), np.uint8)
    mixed = background + (pixels.astype(np.float32) - background) * alpha[..., None]
    if background.dtype == np.uint8:
        return np.asarray(np.clip(np.rint(mixed), 0, 255), np.uint8)
    return np.asarray(mixed, background.dtype)


def alpha_of(lay: Lay, softness: float) -> Mask:
    """The lay's mask with an edge of `softness` outer-eye distances."""
    return soften(lay.mask, softness * lay.eye_distance)
