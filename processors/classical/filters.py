"""Small filters that the other files share. All take and give float32; sizes are in pixels."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Mask, Pixels

Plane = NDArray[np.float32]


def f32(values: Any) -> Plane:
    """As float32; shares memory where it can."""
    return np.asarray(values, np.float32)


def blur(plane: Plane, sigma: float) -> Plane:
    """Gaussian low-pass; wide ones at reduced size, where they look the same and cost little."""
    if sigma < 0.3:
        return plane
    height, width = plane.shape[:2]
    factor = int(min(sigma // 2, min(height, width) // 8))
    if factor < 2:
        return f32(cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE))
    small = cv2.resize(plane, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / factor, borderType=cv2.BORDER_REPLICATE)
    return f32(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def spread(plane: Plane, weight: Mask, sigma: float) -> Plane:
    """Low-pass of what has weight, carried into what has none (normalised convolution).

    Where the nearest weight is far, wider and wider neighbourhoods decide. plane: (H, W) or (H, W, C).
    """
    if float(weight.sum()) < 1e-3:
        return blur(plane, sigma)
    # The planes and their weight in one array: half the calls.
    planes = [plane] if plane.ndim == 2 else cv2.split(plane)
    both = f32(cv2.merge([*(cv2.multiply(p, weight) for p in planes), weight]))
    shape, last = plane.shape[:2], len(planes)
    factor = int(min(sigma // 2.5, min(shape) // 8))
    if factor >= 2:  # the narrowest low-pass keeps nothing that is lost here
        both, sigma = f32(resize(both, (shape[0] // factor, shape[1] // factor))), sigma / factor
    mean = f32(cv2.mean(both))
    result = mean[:last] / mean[last]
    for wide in (4.0, 2.0, 1.0):
        low = blur(both, sigma * wide)
        result = (low[..., :last] + np.float32(0.02) * result) / (low[..., last:] + np.float32(0.02))
    return resize(f32(result if plane.ndim == 3 else result[..., 0]), shape)


def times(plane: Pixels, weight: Mask, into: Pixels | None = None) -> Plane:
    """(H, W, 3) weighted by (H, W). numpy's broadcasting over three channels takes more than twice as long.

    into: an array to write to, perhaps `plane` itself; None: a new one.
    """
    return f32(cv2.multiply(plane, cv2.merge((weight, weight, weight)), dst=into))


def rounded(values: Plane, dtype: np.dtype[Any]) -> Pixels:
    """0..255 in the wanted type: whole numbers for uint8; what is beyond is cut off."""
    if dtype == np.uint8:
        return np.asarray(cv2.convertScaleAbs(np.maximum(values, 0)), np.uint8)
    return np.clip(values, 0, 255).astype(dtype)


def smoothstep(x: Plane) -> Plane:
    """0 below 0, 1 above 1, smooth between."""
    t = np.clip(x, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def resize(plane: Pixels, shape: tuple[int, ...]) -> Pixels:
    """To (height, width): averaging on the way down, bilinear on the way up."""
    height, width = shape[:2]
    if plane.shape[:2] == (height, width):
        return plane
    down = height * width < plane.shape[0] * plane.shape[1]
    return cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA if down else cv2.INTER_LINEAR)


def reduced(shape: tuple[int, ...], factor: float) -> tuple[int, int]:
    """A size made smaller, never larger and never empty."""
    factor = min(factor, 1.0)
    return max(round(shape[0] * factor), 1), max(round(shape[1] * factor), 1)


def guided_coefficients(mask: Mask, guide: Plane, radius: int, smooth: float) -> tuple[Plane, Plane]:
    """(a, b) of the guided filter (He, Sun, Tang, ECCV 2010): mask is about a * guide + b.

    Enlarged and applied to a larger guide they are the fast guided filter, whose edge is as sharp as the guide's.
    smooth: variance of the guide below which it counts as flat.
    """
    size = (2 * radius + 1, 2 * radius + 1)

    def box(plane: Plane) -> Plane:
        return f32(cv2.blur(plane, size, borderType=cv2.BORDER_REPLICATE))

    mean_g, mean_m = box(guide), box(mask)
    a = f32((box(guide * mask) - mean_g * mean_m) / (box(guide * guide) - mean_g * mean_g + smooth))
    b = f32(mean_m - a * mean_g)
    return box(a), box(b)


def grown(mask: Mask, reach: float) -> Mask:
    """The mask's maximum within `reach` pixels. Far reaches are taken at reduced size: a disc costs its area."""
    return _morphed(cv2.dilate, mask, reach)


def shrunk(mask: Mask, reach: float) -> Mask:
    """The mask's minimum within `reach` pixels; see `grown`."""
    return _morphed(cv2.erode, mask, reach)


def _morphed(operation: Any, mask: Mask, reach: float) -> Mask:
    factor = min(6 / max(reach, 1e-3), 1.0)
    less = resize(mask, reduced(mask.shape[:2], factor)) if factor < 0.75 else mask
    side = 2 * max(round(reach * factor if less is not mask else reach), 1) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    # In 255 steps, which is what a mask is drawn with: cv2 is ten times faster on bytes.
    moved = operation(cv2.convertScaleAbs(less, alpha=255), disc)
    return resize(f32(moved * np.float32(1 / 255)), mask.shape[:2])


def luminance(pixels: Pixels) -> Plane:
    """(H, W) float32 BT.601 luma 0..255 of BGR."""
    return np.asarray(cv2.transform(np.asarray(pixels, np.float32), np.array([[0.114, 0.587, 0.299]], np.float32)),
                      np.float32)


def to_lab(pixels: Pixels) -> Plane:
    """(H, W, 3) CIE Lab (D65, sRGB): L 0..100, a, b about -100..100."""
    return f32(cv2.cvtColor(np.asarray(pixels, np.float32) * np.float32(1 / 255), cv2.COLOR_BGR2LAB))


def from_lab(lab: Plane) -> Plane:
    return f32(cv2.cvtColor(lab, cv2.COLOR_LAB2BGR) * np.float32(255))
