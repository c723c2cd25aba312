"""Colour: the target's broad chroma, and its way of changing with lightness, added to the source's own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.arrays import Pixels
from processors.classical.filters import Plane, from_lab, resize, spread, to_lab
from processors.classical.tone import Areas, robust_std

# Numbers from the study's recipe, step 13.
_SIGMA = 0.20
_LIMIT = 30.0
_CURVE_LIMIT = 25.0
_KNOTS = 7


def match_colour(pixels: Pixels, small: Pixels, small_target: Pixels, areas: Areas, strength: float) -> Pixels:
    """(H, W, 3) float32 BGR with the target's skin colour. small: the same picture at working size.

    Chroma is moved in Lab, additively and less where it is dark: a ratio per channel makes lips violet and brows blue.
    """
    own, aim = to_lab(np.clip(small, 0, 255)), to_lab(small_target)
    chosen = areas.skin > 0.5
    if int(chosen.sum()) < 8 or strength <= 0:
        return pixels
    width = _SIGMA * areas.unit
    low_own, low_aim = spread(own[..., 1:], areas.skin, width), spread(aim[..., 1:], areas.skin, width)
    shift = np.clip(low_aim - low_own, -_LIMIT, _LIMIT) * (1 - 0.5 * areas.feature)[..., None]
    level = max(float(np.median(own[..., 0][chosen])), 1.0)
    ratio = np.array([_ratio(own[..., c + 1] - low_own[..., c], aim[..., c + 1] - low_aim[..., c], areas.skin)
                      for c in (0, 1)], np.float32)
    keep = 1 + (ratio - 1) * areas.skin[..., None]
    knots = np.linspace(*np.percentile(own[..., 0][chosen], (2, 98)), _KNOTS)
    moved = low_own + (own[..., 1:] - low_own) * keep + shift
    curve = _curve(aim[..., 0][chosen], aim[..., 1:][chosen], knots) - _curve(
        own[..., 0][chosen], moved[chosen], knots)
    curve = np.clip(curve, -_CURVE_LIMIT, _CURVE_LIMIT)

    lab = to_lab(np.clip(pixels, 0, 255))
    lightness, shape = lab[..., 0], lab.shape[:2]
    low, keep, shift, feature = (resize(np.asarray(p, np.float32), shape)
                                 for p in (low_own, keep, shift, areas.feature))
    dim = np.clip(lightness / np.float32(level), 0, 1.1)[..., None]
    by_lightness = np.stack([np.interp(lightness, knots, curve[:, c]) for c in (0, 1)], axis=-1)
    change = (lab[..., 1:] - low) * (keep - 1) + (shift + by_lightness * (1 - 0.7 * feature)[..., None]) * dim
    lab[..., 1:] += np.float32(strength) * change.astype(np.float32)
    return from_lab(lab)


def _ratio(own: Plane, aim: Plane, skin: Plane) -> float:
    chosen = skin > 0.5
    s, t = robust_std(own[chosen]), robust_std(aim[chosen])
    return float(np.clip(t / s, 0.5, 1.2)) if s > 0.1 else 1.0


def _curve(lightness: Plane, chroma: Plane, knots: NDArray[np.float64]) -> NDArray[np.float64]:
    """(knots, 2) mean a and b by lightness: piecewise linear, smoothed by a second-difference penalty and held to the
    mean where there is little skin of that lightness."""
    gap = max(float(knots[1] - knots[0]), 1e-3)
    place = np.clip((lightness - knots[0]) / gap, 0, len(knots) - 1)
    basis = np.maximum(1 - np.abs(place[:, None] - np.arange(len(knots))[None]), 0).astype(np.float64)
    mean = chroma.mean(axis=0, dtype=np.float64)
    bend = np.diff(np.eye(len(knots)), 2, axis=0)
    count = len(lightness)
    normal = basis.T @ basis + count * (0.05 * bend.T @ bend + 0.005 * np.eye(len(knots)))
    return np.asarray(np.linalg.solve(normal, basis.T @ (chroma - mean)) + mean)
