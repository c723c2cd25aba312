"""Colour: the target's broad chroma, and its way of changing with lightness, added to the source's own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.arrays import Mask, Pixels
from processors.classical.filters import Plane, blur, f32, resize, smoothstep, spread, to_lab
from processors.classical.tone import Areas, robust_std

# Numbers from the study's recipe, step 13.
_SIGMA = 0.20
_LIMIT = 30.0
_CURVE_LIMIT = 25.0
_KNOTS = 7
# Single spots of a skin keep at most three deviations of the other skin's chroma: past that they read as a rash.
_SPOTS = 3.0


def match_colour(pixels: Pixels, small: Pixels, small_target: Pixels, areas: Areas, strength: float) -> Plane:
    """(H, W, 3) Lab with the target's skin colour. pixels: BGR; small: the same picture at working size.

    Chroma is moved in Lab, additively and less where it is dark: a ratio per channel makes lips violet and brows blue.
    """
    lab = to_lab(np.clip(pixels, 0, 255))
    own, aim = to_lab(np.clip(small, 0, 255)), to_lab(small_target)
    chosen = areas.skin > 0.5
    if int(chosen.sum()) < 8 or strength <= 0:
        return lab
    width = _SIGMA * areas.unit
    low_own, low_aim = spread(own[..., 1:], areas.skin, width), spread(aim[..., 1:], areas.skin, width)
    shift = _feature_shift(np.clip(low_aim - low_own, -_LIMIT, _LIMIT), own, aim, areas)
    level = max(float(np.median(own[..., 0][chosen])), 1.0)
    deviation = [robust_std(aim[..., c + 1][chosen] - low_aim[..., c][chosen]) for c in (0, 1)]
    ratio = np.array([_ratio(own[..., c + 1] - low_own[..., c], deviation[c], chosen) for c in (0, 1)], np.float32)
    knots = _knots(own[..., 0][chosen])
    moved = low_own + (own[..., 1:] - low_own) * ratio + shift
    curve = np.clip(_curve(aim[..., 0][chosen], aim[..., 1:][chosen], knots)
                    - _curve(own[..., 0][chosen], moved[chosen], knots), -_CURVE_LIMIT, _CURVE_LIMIT)
    lightness, shape = lab[..., 0], lab.shape[:2]
    low, shift, feature = (resize(f32(plane), shape) for plane in (low_own, shift, areas.feature))
    dim = np.clip(lightness / np.float32(level), 0, 1.1)[..., None]
    by_lightness = np.stack([np.interp(lightness, knots, curve[:, c]) for c in (0, 1)], axis=-1)
    detail = lab[..., 1:] - low
    limit = np.maximum(_SPOTS * np.array(deviation, np.float32), 5.0)
    calm = limit * np.tanh(detail * ratio / limit)
    change = (calm - detail) * (1 - feature)[..., None]
    weight = _weight(lab, low, low + shift, dim, feature[..., None])
    change = change + (shift + by_lightness * (1 - 0.7 * feature)[..., None]) * weight
    chroma = lab[..., 1:] + change.astype(np.float32)
    chroma = _without_colour(chroma, lightness, own, aim, low_aim, areas)
    lab[..., 1:] += np.float32(strength) * (chroma - lab[..., 1:])
    return lab


def settle(lab: Plane, small_target: Pixels, areas: Areas, sigma: float, strength: float) -> Plane:
    """A last broad correction on skin, of what limits and curves left over; features get a third of it."""
    own, aim = resize(lab, areas.skin.shape), to_lab(small_target)
    even = areas.skin * _even(own[..., 0], areas) * _even(aim[..., 0], areas)
    rest = spread(aim - own, even, sigma * areas.unit)
    rest = np.clip(rest, -12, 12) * np.float32(strength) * (1 - 0.7 * areas.feature)[..., None]
    return lab + resize(rest.astype(np.float32), lab.shape[:2])


def _even(lightness: Plane, areas: Areas) -> Plane:
    """1 on even skin, towards 0 on brows, folds and nostrils, whose darkness is no light."""
    away = (lightness - spread(lightness, areas.skin, 0.1 * areas.unit)) / 5
    return np.asarray(1 / (1 + away**4), np.float32)


def _weight(lab: Plane, skin: Plane, aim: Plane, dim: Plane, feature: Plane) -> Plane:
    """(H, W, 1): how much of the skin's shift a pixel takes. skin, aim: (H, W, 2) broad chroma of the new skin and of
    what it becomes; dim: (H, W, 1) less where it is dark; feature: (H, W, 1) 1 in eyes and lips.

    Where the picture is more vivid than the photo: less where it is dark, and less on eye whites, teeth and spectacles,
    which have little tint. Where it is paler, as much as the pixel has of the skin's tint, so that chroma is scaled: a
    half-tinted highlight on a lip gets paler and never blue, and in features red lids pale as far as the skin does.
    Folds of the skin keep some of their red, as folds do.
    """
    strength = (skin * skin).sum(axis=-1, keepdims=True)
    share = (lab[..., 1:] * skin).sum(axis=-1, keepdims=True) / np.maximum(strength, 1)
    # Skin without chroma (black and white) has no tint to tell by: everything moves.
    known = strength > 16
    growing = np.where(known, np.clip(1.5 * share, 0.3, 1), 1) * dim
    length = np.sqrt(np.maximum(strength, 1))
    paler = np.clip((length - np.hypot(aim[..., :1], aim[..., 1:])) / (0.25 * length), 0, 1) * known
    scaled = np.clip(share, 0, 1.2) * (dim + (1 - dim) * feature)
    return np.asarray(growing + (scaled - growing) * paler, np.float32)


def _feature_shift(shift: Plane, own: Plane, aim: Plane, areas: Areas) -> Plane:
    """In eyes, lips and mouth a third of the skin's shift (whites and teeth would turn to skin), and two thirds of what
    brings the feature's mean to that of the target's: make-up and coloured light stay."""
    for new, old in areas.groups:
        mean_new, mean_old = _mean(own[..., 1:], new), _mean(aim[..., 1:], old)
        if mean_new is None or mean_old is None:
            continue  # closed in one of the two: nothing to compare with
        wanted = shift / 3 + 2 / 3 * np.clip(mean_old - mean_new, -_LIMIT, _LIMIT)
        weight = blur(new, 0.03 * areas.unit)[..., None]
        shift = shift + (wanted - shift) * weight
    return shift.astype(np.float32)


def _mean(plane: Plane, mask: Mask) -> NDArray[np.float32] | None:
    total = float(mask.sum())
    if total < 2:
        return None
    return np.asarray(mask.ravel() @ plane.reshape(-1, plane.shape[2]) / total, np.float32)


def _without_colour(chroma: Plane, lightness: Plane, own: Plane, aim: Plane, low_aim: Plane, areas: Areas) -> Plane:
    """A picture in black and white stays so; a black and white photo takes the colour of the face it goes on: of skin
    as light as its own on skin, of the same place in eyes and lips."""
    shape = chroma.shape[:2]
    colourful = [float(smoothstep(np.asarray((np.percentile(_vividness(lab), 95) - 2) / 3, np.float32)))
                 for lab in (own, aim)]
    if colourful[0] < 1:
        chosen = areas.skin > 0.5
        knots = _knots(aim[..., 0][chosen])
        curve = _curve(aim[..., 0][chosen], aim[..., 1:][chosen], knots)
        skin = f32(np.stack([np.interp(lightness, knots, curve[:, c]) for c in (0, 1)], axis=-1))
        there = resize(blur(aim[..., 1:], 0.03 * areas.unit), shape)
        there = skin + (there - skin) * resize(areas.feature, shape)[..., None]
        chroma = f32(there + (chroma - there) * np.float32(colourful[0]))
    if colourful[1] < 1:
        there = resize(low_aim, shape)
        chroma = f32(there + (chroma - there) * np.float32(colourful[1]))
    return chroma


def _vividness(lab: Plane) -> Plane:
    """Distance from the picture's mean chroma: a sepia print is as colourless as a grey one."""
    chroma = lab[::2, ::2, 1:].reshape(-1, 2)  # a quarter of the pixels tells it as well
    away = chroma - np.median(chroma, axis=0)
    return np.asarray(np.hypot(away[:, 0], away[:, 1]), np.float32)


def _knots(lightness: Plane) -> NDArray[np.float64]:
    low, high = np.percentile(lightness, (2, 98))
    return np.linspace(float(low), float(high), _KNOTS)


def _ratio(own: Plane, deviation: float, chosen: NDArray[np.bool_]) -> float:
    is_ = robust_std(own[chosen])
    return float(np.clip(deviation / is_, 0.5, 1.2)) if is_ > 0.1 else 1.0


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
