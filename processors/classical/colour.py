"""Colour: the target's broad chroma, and its way of changing with lightness, added to the source's own."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Mask, Pixels
from processors.classical.filters import Plane, blur, f32, reduced, resize, smoothstep, spread, to_lab
from processors.classical.tone import Areas, robust_std

# Numbers from the study's recipe, step 13.
_SIGMA = 0.20
_LIMIT = 30.0
_CURVE_LIMIT = 25.0
_KNOTS = 7
_FINE = 160.0  # eye distance in pixels above which the change of chroma is worked out at this size and enlarged (study)
_STEPS = 2048  # of a table over the skin's lightness: each a small part of a level
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
    # Chroma changes slowly: that of large faces is worked out at reduced size and enlarged.
    fine = lab if lab.shape[0] <= _FINE / areas.unit * own.shape[0] else \
        f32(resize(lab, reduced(lab.shape, _FINE / areas.unit * own.shape[0] / lab.shape[0])))
    shape = fine.shape[:2]
    lightness, *chroma = (f32(plane) for plane in cv2.split(fine))
    low, shifts = (tuple(f32(p) for p in cv2.split(resize(plane, shape))) for plane in (low_own, shift))
    feature = f32(resize(areas.feature, shape))
    weight = _weight(chroma, low, shifts, np.clip(lightness / np.float32(level), 0, 1.1), feature)
    new = []
    for c, plane in enumerate(chroma):
        detail = plane - low[c]
        limit = np.float32(max(_SPOTS * deviation[c], 5.0))
        calm = limit * np.tanh(detail * (ratio[c] / limit))
        by_lightness = _looked_up(lightness, knots, curve[:, c]) * (1 - np.float32(0.7) * feature)
        new.append(plane + (calm - detail) * (1 - feature) + (shifts[c] + by_lightness) * weight)
    there = _without_colour(f32(cv2.merge(new)), lightness, own, aim, low_aim, areas)
    change = cv2.merge([np.zeros(shape, np.float32),
                        *(np.float32(strength) * (n - p) for n, p in zip(cv2.split(there), chroma, strict=True))])
    return f32(cv2.add(lab, resize(change, lab.shape), dst=lab))


def _looked_up(lightness: Plane, knots: NDArray[np.float64], values: NDArray[np.float64]) -> Plane:
    """np.interp by a fine table, ten times faster."""
    table = f32(np.interp(np.linspace(knots[0], knots[-1], _STEPS + 1), knots, values))
    step = np.float32(_STEPS / max(float(knots[-1] - knots[0]), 1e-6))
    place = np.clip((lightness - np.float32(knots[0])) * step + np.float32(0.5), 0, _STEPS)
    return f32(table[place.astype(np.intp)])


def settle(lab: Plane, small_target: Pixels, areas: Areas, sigma: float, strength: float) -> Plane:
    """A last broad correction on skin, of what limits and curves left over; features get a third of it. Writes over
    `lab`."""
    own, aim = resize(lab, areas.skin.shape), to_lab(small_target)
    even = areas.skin * _even(own[..., 0], areas) * _even(aim[..., 0], areas)
    rest = spread(aim - own, even, sigma * areas.unit)
    rest = np.clip(rest, -12, 12) * np.float32(strength) * (1 - 0.7 * areas.feature)[..., None]
    return f32(cv2.add(lab, resize(f32(rest), lab.shape[:2]), dst=lab))


def _even(lightness: Plane, areas: Areas) -> Plane:
    """1 on even skin, towards 0 on brows, folds and nostrils, whose darkness is no light."""
    away = (lightness - spread(lightness, areas.skin, 0.1 * areas.unit)) / 5
    return np.asarray(1 / (1 + away**4), np.float32)


def _weight(chroma: Sequence[Plane], skin: Sequence[Plane], shift: Sequence[Plane], dim: Plane, feature: Plane,
            ) -> Plane:
    """(H, W): how much of the skin's shift a pixel takes. chroma, skin, shift: planes of a and b, of the pixels, of the
    broad new skin, and what is to be added to that; dim: less where it is dark; feature: 1 in eyes and lips.

    Where the picture is more vivid than the photo: less where it is dark, and less on eye whites, teeth and spectacles,
    which have little tint. Where it is paler, as much as the pixel has of the skin's tint, so that chroma is scaled: a
    half-tinted highlight on a lip gets paler and never blue, and in features red lids pale as far as the skin does.
    Folds of the skin keep some of their red, as folds do.
    """
    strength = skin[0] * skin[0] + skin[1] * skin[1]
    share = (chroma[0] * skin[0] + chroma[1] * skin[1]) / np.maximum(strength, 1)
    # Skin without chroma (black and white) has no tint to tell by: everything moves.
    known = strength > 16
    growing = np.where(known, np.clip(np.float32(1.5) * share, 0.3, 1), 1) * dim
    length = np.sqrt(np.maximum(strength, 1))
    left = f32(cv2.magnitude(skin[0] + shift[0], skin[1] + shift[1]))
    paler = np.clip((length - left) / (np.float32(0.25) * length), 0, 1) * known
    scaled = np.clip(share, 0, 1.2) * (dim + (1 - dim) * feature)
    return f32(growing + (scaled - growing) * paler)


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
