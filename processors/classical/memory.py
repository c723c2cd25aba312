"""What is kept of a face from frame to frame of a clip, in its own coordinates, so that decisions do not flicker.

A face in a picture has no memory, and everything here gives back what it is given.
"""

from __future__ import annotations

import cv2
import numpy as np

from models.arrays import Mask, Matrix
from models.geometry import compose, invert
from processors.batches import Crop
from processors.classical.filters import f32
from processors.classical.grain import on_face

# Eye distances that are kept to the sides of, above and below the middle between the eyes, and pixels an eye distance.
_SIDE, _UP, _DOWN, _FINE = 1.1, 1.3, 1.4, 128.0


def steady(crop: Crop, name: str, value: float, old: float) -> float:
    """A running mean of a number. old: share of what was (0..1)."""
    memory = crop.face.memory
    if memory is None:
        return value
    kept, count = memory.get(name, (value, 0))
    old = _share(old, count)
    mean = float(kept * old + value * (1 - old))
    memory[name] = mean, count + 1
    return mean


def steady_mask(crop: Crop, name: str, mask: Mask, old: float) -> Mask:
    """A running mean of a mask, (H, W) of the crop's size, that moves with the face."""
    memory = crop.face.memory
    if memory is None:
        return mask
    shape = (round(2 * _SIDE * _FINE), round((_UP + _DOWN) * _FINE))
    to_kept = compose(np.array([[_FINE, 0, _SIDE * _FINE], [0, _FINE, _UP * _FINE]]), on_face(crop.points))
    new = _warp(mask, to_kept, shape)
    kept, count = memory.get(name, (new, 0))
    old = _share(old, count)
    kept = f32(cv2.addWeighted(kept, old, new, 1 - old, 0))
    memory[name] = kept, count + 1
    height, width = mask.shape
    here = invert(to_kept)
    seen = _warp(np.ones((shape[1], shape[0]), np.float32), here, (width, height))
    # Beyond what is kept, the mask is as it is.
    return f32(mask + (_warp(kept, here, (width, height)) - mask) * (seen >= 1))


def _share(old: float, count: int) -> float:
    """Of what was, after so many frames: at first the plain mean, so that the first frame does not count for more."""
    return min(old, count / (count + 1))


def _warp(mask: Mask, matrix: Matrix, size: tuple[int, int]) -> Mask:
    return f32(cv2.warpAffine(mask, matrix, size, flags=cv2.INTER_LINEAR))
