"""Where what a network made of a whole crop is laid, and in which light."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from models.arrays import Mask, Pixels
from processors.batches import Patch
from processors.classical.filters import f32, rounded, spread

# Shares of the crop's side: the border that is left out, and how soft its edge is: about FaceFusion's at its blur of
# 0.3, but so that nothing is left of it at the crop's rim.
_BORDER, _SOFT = 0.09, 0.03
# Width of the low-pass that light and colour are taken from, as a share of the crop's side: a cheek's.
_LIGHT = 0.08


def soft_box(side: int) -> Mask:
    """(S, S): 1 in the middle, 0 at the border."""
    border = max(round(side * _BORDER), 1)
    box = np.zeros((side, side), np.float32)
    box[border:-border, border:-border] = 1
    return np.clip(f32(cv2.GaussianBlur(box, (0, 0), side * _SOFT)), 0, 1)


def in_the_light_of(made: Pixels, old: Pixels, mask: Mask, strength: float) -> Pixels:
    """`made` with the broad light and colour that `old` has under the mask, in its dtype. strength: 0 as it is .. 1."""
    if strength == 0:
        return made
    change = spread(f32(old) - f32(made), mask, _LIGHT * made.shape[0])
    return rounded(f32(made) + np.float32(strength) * change, made.dtype)


def laid(patch: Patch, pixels: Pixels, mask: Mask) -> Patch:
    """The patch with new pixels that count under the mask, and under the one that it had."""
    return replace(patch, pixels=pixels, mask=f32(mask if patch.mask is None else patch.mask * mask))
