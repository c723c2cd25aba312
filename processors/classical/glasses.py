"""Finds spectacles on a face by their shape alone, and says which pixels are rims.

A rim is a line that closes round an eye, the same round both eyes, with a line across the bridge of the nose. Bare
faces have brows, lids and folds, but no such ring and nothing across the bridge.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Mask, Points
from processors.batches import Crop
from processors.classical import points as parts
from processors.classical.filters import Plane, blur, f32, reduced, resize, smoothstep, to_lab
from processors.classical.notes import once
from processors.classical.pose import fit_pose

_WORK = 120.0  # eye distance in pixels at which rims are looked for: the finest are about a fiftieth of it
_ANGLES = 96
_RADII = np.linspace(0.06, 0.62, 57)  # in eye distances from the eye: half a lens is .25 to .5 wide
_STEP = float(_RADII[1] - _RADII[0])
# A line must differ from what lies so far to both sides of it: rims are from a twentieth to a seventh thick.
_ASIDE = (0.035, 0.07)
# Contrast is in Lab units. Measured: lines on bare faces reach a median of 4 round the eyes and 6 across the bridge
# (a profile 16), clear spectacles 15 and 29.
_RING, _BRIDGE = 6.0, 8.0
_CAP = 10.0  # a stronger line is no better a rim


@dataclass(frozen=True, slots=True)
class _Strip:
    """A band of the picture pulled straight: rows along a supposed line, columns across it.

    places: (N, R, 2) pixels. lab: (N, R, 3). line: (N, R) how much a pixel is on a line along the rows.
    """

    places: NDArray[np.float32]
    lab: Plane
    line: Plane


def rims_of(crop: Crop) -> Mask | None:
    """(H, W) 0..1 at the crop's size, 1 on rims (and dark lenses); None where there are no spectacles."""
    small = once(crop, "rims", lambda: _find(crop))
    return None if small is None else resize(small, crop.pixels.shape[:2])


def _find(crop: Crop) -> Mask | None:
    size = fit_pose(crop.points).size(crop.points)
    scale = min(_WORK / size, 1.0)
    shape, unit = reduced(crop.pixels.shape[:2], scale), size * scale
    if unit < 24:  # too few pixels for a line
        return None
    lab = blur(to_lab(resize(np.asarray(crop.pixels, np.float32), shape)), 0.012 * unit)
    points = crop.points * scale
    # Contrast as it would be on skin of usual lightness (L 60): a dark picture's rims are no fainter.
    skin = parts.fill(shape, points[[1, 15, 30]], points[27:36]) > 0.5
    if skin.any():
        lab = f32(lab * np.clip(60 / max(float(np.median(lab[..., 0][skin])), 1.0), 1, 3))
    bridge = _bridge(lab, points, unit)
    if float(np.percentile(bridge.line.max(axis=1), 25)) < _BRIDGE:  # most faces are done with here
        return None
    eyes = [_ring(lab, points, unit, side) for side in (0, 1)]
    near = [cv2.dilate(np.minimum(eye.line, _CAP * 1.5), np.ones((1, 5), np.uint8)) for eye in eyes]
    both = np.minimum(near[0], near[1])
    course = _course(np.minimum(both + 0.25 * (near[0] + near[1]), _CAP), closed=True)
    strength = both[np.arange(_ANGLES), course][_SURE]
    if np.median(strength) < _RING or (strength > _RING / 2).mean() < 0.7:
        return None
    mask = np.zeros(shape, np.float32)
    columns = np.arange(len(_RADII))[None]
    for eye in eyes:
        # The rim is the outermost of the lines there: glints and the lens's own edge lie within.
        band = (columns >= course[:, None] - 4) & (columns <= course[:, None] + 6)
        own = _course(np.where(band & (eye.line > 0), np.minimum(eye.line, _CAP) + 0.25 * columns, 0), closed=True)
        alpha = _thickness(eye, own)
        alpha = np.maximum(alpha, _dark_lens(eye, own))
        mask = np.maximum(mask, _laid(eye, alpha, shape))
    over = _course(np.minimum(bridge.line, _CAP), closed=False)
    mask = np.maximum(mask, _laid(bridge, _thickness(bridge, over), shape))
    return blur(mask, 0.008 * unit)


_THETA = np.linspace(-np.pi / 2, 1.5 * np.pi, _ANGLES, endpoint=False)
# From a little above the outer corner, under the eye, to the nose: where a bare face has no brow.
_SURE = (np.radians(-20) < _THETA) & (np.radians(200) > _THETA)


def _sampled(lab: Plane, places: NDArray[np.float64], unit: float, step: float) -> _Strip:
    where = places.astype(np.float32)
    strip = cv2.remap(lab, where[..., 0], where[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    line = np.zeros(strip.shape[:2], np.float32)
    for aside in _ASIDE:
        reach = round(aside / step)
        padded = np.pad(strip, ((0, 0), (reach, reach), (0, 0)), mode="edge")
        one, other = strip - padded[:, :-2 * reach], strip - padded[:, 2 * reach:]
        a, b = np.linalg.norm(one, axis=2), np.linalg.norm(other, axis=2)
        # A line differs in the same way from both sides; the edge of a shadow differs in opposite ways.
        alike = np.clip((one * other).sum(axis=2) / np.maximum(a * b, 1e-3), 0, 1)
        line = np.maximum(line, np.minimum(a, b) * alike)
    return _Strip(where, f32(strip), f32(line))


def _ring(lab: Plane, points: Points, unit: float, side: int) -> _Strip:
    """The surroundings of one eye in polar form, from the top outwards, down and in: alike for both eyes."""
    _, across, down = parts.upright_axes(points)
    outward = across * (1 if side else -1)
    centre = parts.eyes(points)[side].mean(axis=0) + 0.04 * unit * down
    ways = np.cos(_THETA)[:, None] * outward + np.sin(_THETA)[:, None] * down
    strip = _sampled(lab, centre + ways[:, None] * (_RADII * unit)[None, :, None], unit, _STEP)
    eye = 1 / np.sqrt((np.cos(_THETA) / 0.20) ** 2 + (np.sin(_THETA) / 0.12) ** 2)
    strip.line[_RADII[None] < eye[:, None]] = 0  # lids and lashes
    return strip


def _bridge(lab: Plane, points: Points, unit: float) -> _Strip:
    """From one eye's inner side to the other's, across the nose; columns run down the face."""
    origin, across, down = parts.upright_axes(points)
    u, v = np.linspace(-0.09, 0.09, 19), np.arange(-0.30, 0.30, _STEP)
    return _sampled(lab, origin + (u * unit)[:, None, None] * across + (v * unit)[None, :, None] * down, unit, _STEP)


def _course(line: Plane, closed: bool) -> NDArray[np.intp]:
    """(N,) the column of the strongest smooth line through the rows (dynamic programming)."""
    value = line
    rows = np.vstack([value, value, value]) if closed else value
    index = np.arange(value.shape[1])
    bend = 2.5 * np.abs(index[:, None] - index[None]) ** 1.5
    best, back = rows[0], np.zeros(rows.shape, np.intp)
    for i in range(1, len(rows)):
        reached = best[None] - bend
        back[i] = reached.argmax(axis=1)
        best = reached.max(axis=1) + rows[i]
    course = np.zeros(len(rows), np.intp)
    course[-1] = int(best.argmax())
    for i in range(len(rows) - 1, 0, -1):
        course[i - 1] = back[i, course[i]]
    return course[len(value):2 * len(value)] if closed else course


def _thickness(strip: _Strip, course: NDArray[np.intp]) -> Plane:
    """(N, R) 0..1: how far each pixel near the line has the line's colour rather than that beside it."""
    rows, width = np.arange(len(course)), strip.lab.shape[1]
    reach = round(0.09 / _STEP)
    alpha = np.zeros((len(course), width), np.float32)
    core = strip.lab[rows, course]
    for step in (1, -1):
        beside = strip.lab[rows, np.clip(course + step * reach, 0, width - 1)]
        way = core - beside
        length = np.linalg.norm(way, axis=1)
        share = ((strip.lab - beside[:, None]) * way[:, None]).sum(axis=2) / np.maximum(length**2, 1.0)[:, None]
        likeness = smoothstep((share - np.float32(0.3)) / np.float32(0.4))
        likeness *= smoothstep(np.asarray(length / 4 - 0.5, np.float32))[:, None]
        run = np.minimum.accumulate(  # outwards it only falls: what comes after a gap is something else
            np.stack([likeness[rows, np.clip(course + step * k, 0, width - 1)] for k in range(reach)], axis=1), axis=1)
        # A rim is about as thick as a little further along; a glint or a fold beside it is not rim.
        thick = run.sum(axis=1)
        usual = np.median(np.stack([np.roll(thick, k) for k in range(-6, 7)], axis=1), axis=1)
        for k in range(reach):
            now = course + step * k
            fits = (now >= 0) & (now < width)
            some = run[:, k] * np.clip(1.3 * usual + 1.0 - k, 0, 1)
            alpha[rows[fits], now[fits]] = np.maximum(alpha[rows[fits], now[fits]], some[fits])
    return alpha


def _dark_lens(strip: _Strip, course: NDArray[np.intp]) -> Plane:
    """All within the ring where the lens is dark: less than half as light as what lies round it."""
    columns = np.arange(strip.lab.shape[1])[None]
    within, beyond = columns < course[:, None], columns > course[:, None] + round(_ASIDE[1] / _STEP)
    lightness = strip.lab[..., 0]
    if not within.any() or not beyond.any() or \
            np.median(lightness[within]) > 0.5 * np.median(lightness[beyond]):
        return np.zeros(lightness.shape, np.float32)
    return within.astype(np.float32)


def _laid(strip: _Strip, alpha: Plane, shape: tuple[int, int]) -> Mask:
    """A strip's alpha back in the picture: its cells as small quadrilaterals would leave gaps, so each pixel near a
    cell takes the largest alpha of its cells."""
    mask = np.zeros(shape, np.float32)
    places = np.rint(strip.places).astype(np.intp)
    x, y = places[..., 0].ravel(), places[..., 1].ravel()
    inside = (x >= 0) & (y >= 0) & (x < shape[1]) & (y < shape[0])
    np.maximum.at(mask, (y[inside], x[inside]), alpha.ravel()[inside])
    return f32(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)))
