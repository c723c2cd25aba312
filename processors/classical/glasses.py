"""Finds spectacles on a face by their shape alone, and says which pixels are rims.

A rim is a line that closes round an eye, the same round both eyes, with a line across the bridge of the nose. Bare
faces have brows, lids and folds, but no such ring and nothing across the bridge. What closes is followed all round:
where a lash or a brow touches it, the rim goes on as thick as it was.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Mask, Pixels, Points
from processors.batches import Crop
from processors.classical import points as parts
from processors.classical.filters import Plane, blur, f32, grown, luminance, reduced, resize, shrunk
from processors.classical.lines import (
    Way,
    along,
    courses,
    edges,
    line_strength,
    normals,
    pulled_straight,
    smoothed,
)
from processors.classical.memory import steady_mask
from processors.classical.notes import once
from processors.classical.pose import fit_pose

_WORK = 120.0  # eye distance in pixels at which rims are looked for: the finest are about a fiftieth of it
_STEP = 0.01  # eye distances from column to column of a band
_ANGLES = 96
_RADII = np.arange(0.06, 0.62, _STEP)  # in eye distances from the eye: half a lens is .25 to .5 wide
_THETA = np.linspace(-np.pi / 2, 1.5 * np.pi, _ANGLES, endpoint=False)
# From a little above the outer corner, under the eye, to the nose: where a bare face has no brow.
_SURE = (np.radians(-20) < _THETA) & (np.radians(200) > _THETA)
# Contrast in Lab units. A line is one from _LINE on, an arm over hair from _ARM. Of ring and bridge the geometric mean
# counts: measured, 4.0 found nothing on 240 variants of eight bare faces (mirrored, dark, blurred, noisy, turned,
# sized), and 8.0 found Grace Hopper's in all of 13 variants.
_LINE, _ARM, _SPECTACLES = 3.5, 6.0, 5.5
_CAP = 10.0  # a line of this contrast counts three quarters, stronger ones at most twice as much
_BEND = 1.0  # what a line's step aside by one column costs, on the scale of _CAP
_REACH = 0.12  # eye distances to either side of a line's middle where its edges are looked for
_CORNER = 0.04  # eye distances: half the width of corners that are frame
_OLD, _FAINT = 0.9, 0.05  # share of the frames before in a clip's mean; below that, nothing is left of a rim
_LIGHT = 150.0  # luma of skin in usual light


def rims_of(crop: Crop) -> Mask | None:
    """(H, W) 0..1 at the crop's size, 1 on rims (and dark lenses); None where there are no spectacles."""
    return once(crop, "rims", lambda: _steady(crop, _find(crop)))


def _steady(crop: Crop, found: Mask | None) -> Mask | None:
    """In a clip, the mean over the last frames: the outlines that are found differ by a quarter from frame to frame."""
    if crop.face.memory is None:
        return found
    shape = crop.pixels.shape[:2]
    mean = steady_mask(crop, "rims", np.zeros(shape, np.float32) if found is None else found, _OLD)
    return mean if float(mean.max()) > _FAINT else None


def _find(crop: Crop) -> Mask | None:
    size = fit_pose(crop.points).size(crop.points)
    if size < 24:  # too few pixels for a line
        return None
    origin, _, _ = parts.upright_axes(crop.points)
    shape = crop.pixels.shape[:2]
    x0, y0 = (int(np.clip(origin[i] - size, 0, shape[1 - i])) for i in (0, 1))
    x1, y1 = (int(np.clip(origin[i] + size, 0, shape[1 - i])) for i in (0, 1))
    if x1 - x0 < size or y1 - y0 < size / 2:  # the face is hardly in the frame
        return None
    found = _in_window(crop.pixels[y0:y1, x0:x1], crop.points - (x0, y0), size)
    if found is None:
        return None
    mask = np.zeros(shape, np.float32)
    mask[y0:y1, x0:x1] = found
    return mask


def _in_window(pixels: Pixels, points: Points, size: float) -> Mask | None:
    """The surroundings of the eyes; size: the eye distance there."""
    fine, scale = min(2 * _WORK / size, 1.0), min(_WORK / size, 1.0)
    large = resize(np.asarray(pixels, np.float32), reduced(pixels.shape[:2], fine))
    small = blur(resize(large, reduced(pixels.shape[:2], scale)), 0.012 * size * scale)
    light = _light(small, _scaled(points, scale))
    small = small * light
    rings = _rings(small, _scaled(points, scale), size * scale)
    if rings is None:
        return None
    picture = _Picture(large * light, fine, size)
    rings = [_scaled(ring, 1 / scale) for ring in rings]
    mask = np.zeros(pixels.shape[:2], np.uint8)
    sides = [_outline(picture, ring, 112, closed=True) for ring in rings]
    for ring, outlines in zip(rings, sides, strict=True):
        _fill(mask, *outlines)
        _dark_lens(mask, picture, min(outlines, key=_area), ring)
    outer = [max(outlines, key=_area) for outlines in sides]
    arms = [_arm(picture, points, ring, edge) for ring, edge in zip(rings, outer, strict=True)]
    for way in (_bridge_between(picture, points, outer), *arms):
        if len(way):
            low, high = _outline(picture, way, max(len(way), 8), closed=False)
            _fill(mask, np.vstack([low, high[::-1]]))
    drawn = f32(mask) * np.float32(1 / 255)
    # Where an arm or the bridge starts, a frame is broader than either: narrow corners between them are frame.
    lenses = np.zeros_like(mask)
    for outlines in sides:
        _fill(lenses, min(outlines, key=_area))
    reach = _CORNER * size
    return f32(np.maximum(drawn, np.where(lenses > 0, 0, shrunk(grown(drawn, reach), reach))))


@dataclass(frozen=True, slots=True)
class _Picture:
    """pixels: of the window, times `scale` its size, in usual light. size: eye distance in the window's own pixels."""

    pixels: Pixels
    scale: float
    size: float

    def at(self, places: NDArray[np.float64]) -> Plane:
        return pulled_straight(self.pixels, _scaled(places, self.scale))


def _rings(small: Pixels, points: Points, unit: float) -> list[Way] | None:
    """The ways round both eyes; None where there are no spectacles."""
    line = line_strength(pulled_straight(small, _bridge(points, unit)))
    over = courses(_soft(line)[None], _BEND, closed=False)[0]
    # What the grain of the picture alone would give: the best way through noise has over twice its median (measured).
    bridge = float(np.percentile(line[np.arange(len(over)), over], 25) - 2 * np.median(line))
    if bridge < _LINE:  # most faces are done with here
        return None
    places = np.stack([_ring(points, unit, side) for side in (0, 1)])
    line = line_strength(pulled_straight(small, places))
    for side, eye in enumerate(parts.eyes(points)):
        line[side][_on_eye(places[side], points, eye, unit)] = 0
    near = [cv2.dilate(one, np.ones((1, 5), np.uint8)) for one in line]
    both = np.minimum(near[0], near[1])
    shared = courses(_soft(both + 0.25 * (near[0] + near[1]))[None], _BEND, closed=True)[0]
    strength = both[np.arange(_ANGLES), shared][_SURE]
    ring = float(np.median(strength))
    if ring < _LINE or ring * bridge < _SPECTACLES**2 or (strength > _LINE / 2).mean() < 0.6:
        return None
    columns = np.arange(len(_RADII))[None]
    # The rim is the outermost of the lines there: glints and the lens's own edge lie within.
    aside = np.maximum(np.abs(columns - shared[:, None] - 1) - 4, 0)
    own = courses(f32(_soft(line) + 0.12 * columns - 0.5 * aside), _BEND, closed=True)
    return [places[side][np.arange(_ANGLES), own[side]] for side in (0, 1)]


def _bridge_between(picture: _Picture, points: Points, rings: list[Way]) -> Way:
    """(N, 2) from one ring's inner side to the other's."""
    origin, across, down = parts.upright_axes(points)
    heights = (rings[0] - origin) @ down, (rings[1] - origin) @ down
    # It lies between the tops of the rings and their middles.
    low, high = min(h.min() for h in heights) / picture.size, max(h.mean() for h in heights) / picture.size
    v = np.arange(low - 0.03, high + 0.03, _STEP) * picture.size
    sides = []
    for ring, inward in zip(rings, (1, -1), strict=True):
        aside = (ring - origin) @ np.column_stack([across, down])
        half = aside[(aside[:, 0] - aside[:, 0].mean()) * inward > 0]
        half = half[half[:, 1].argsort()]
        sides.append(np.interp(v, half[:, 1], half[:, 0]))
    share = np.linspace(0, 1, 12)[:, None]
    places = origin + (sides[0] + share * (sides[1] - sides[0]))[..., None] * across + v[None, :, None] * down
    line = line_strength(picture.at(places))
    way = places[np.arange(12), courses(_soft(line)[None], 3 * _BEND, closed=False)[0]]
    into = 0.02 * picture.size * across
    return np.vstack([way[:1] - into, way, way[-1:] + into])


def _arm(picture: _Picture, points: Points, ring: Way, outer: Way) -> Way:
    """(N, 2) from within the ring outwards, as far as a line goes on beyond its outer edge; empty where none does."""
    origin, across, down = parts.upright_axes(points)
    aside = (ring - origin) @ np.column_stack([across, down]) / picture.size
    outward = np.sign(aside[:, 0].mean())
    middle, edge = (float(((way - origin) @ across * outward).max()) / picture.size for way in (ring, outer))
    u = np.arange(middle - 0.06, edge + 0.30, 0.02)
    v = np.arange(aside[:, 1].min() - 0.05, aside[:, 1].mean() + 0.05, _STEP)
    places = origin + (u * outward * picture.size)[:, None, None] * across + (v * picture.size)[None, :, None] * down
    line = line_strength(picture.at(places))
    course = courses(_soft(line)[None], _BEND, closed=False)[0]
    rows = np.arange(len(u))
    faint = (line[rows, course] < _ARM) & (u > edge + 0.02)
    stop = int(faint.argmax()) if faint.any() else len(u)
    return np.asarray(places[rows, course][:stop if u[stop - 1] > edge + 0.04 else 0])


def _dark_lens(mask: NDArray[np.uint8], picture: _Picture, inner: Way, ring: Way) -> None:
    """All within the ring where the lens is dark: less than half as light as what lies round it."""
    centre = ring.mean(axis=0)
    within = centre + np.linspace(0.2, 0.8, 7)[None, :, None] * (ring - centre)[:, None]
    beyond = centre + np.linspace(1.3, 1.5, 3)[None, :, None] * (ring - centre)[:, None]
    if np.median(picture.at(within)[..., 0]) < 0.5 * np.median(picture.at(beyond)[..., 0]):
        _fill(mask, inner)


def _soft(line: Plane) -> Plane:
    """A much stronger line is hardly better a rim."""
    return f32(1.5 * _CAP * line / (line + _CAP))


def _scaled(places: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """Pixel places in a picture `scale` times the size."""
    return np.asarray((places + 0.5) * scale - 0.5)


def _light(pixels: Pixels, points: Points) -> np.float32:
    """What brings skin to usual light: a dark picture's rims are no fainter."""
    skin = parts.fill(pixels.shape[:2], points[[1, 15, 30]], points[27:36]) > 0.5
    usual = _LIGHT / max(float(np.median(luminance(pixels)[skin])), 1.0) if skin.any() else 1.0
    return np.float32(np.clip(usual, 1, 4))


def _ring(points: Points, unit: float, side: int) -> NDArray[np.float64]:
    """(N, R, 2) surroundings of one eye in polar form, from the top outwards, down and in: alike for both eyes."""
    _, across, down = parts.upright_axes(points)
    outward = across * (1 if side else -1)
    centre = parts.eyes(points)[side].mean(axis=0) + 0.04 * unit * down
    ways = np.cos(_THETA)[:, None] * outward + np.sin(_THETA)[:, None] * down
    return np.asarray(centre + ways[:, None] * (_RADII * unit)[None, :, None])


def _on_eye(places: NDArray[np.float64], points: Points, eye: Points, unit: float) -> NDArray[np.bool_]:
    """Where lids and lashes are."""
    _, across, down = parts.upright_axes(points)
    aside = (places - eye.mean(axis=0)) / unit
    half = np.ptp(eye @ across) / 2 / unit + 0.035  # a face turned away has narrow eyes
    return np.asarray(((aside @ across) / half) ** 2 + ((aside @ down) / 0.08) ** 2 < 1)


def _bridge(points: Points, unit: float) -> NDArray[np.float64]:
    """(N, R, 2) from one eye's inner side to the other's, across the nose; columns run down the face."""
    origin, across, down = parts.upright_axes(points)
    u, v = np.linspace(-0.06, 0.06, 13), np.arange(-0.30, 0.30, _STEP)
    return np.asarray(origin + (u * unit)[:, None, None] * across + (v * unit)[None, :, None] * down)


def _outline(picture: _Picture, way: Way, count: int, closed: bool) -> tuple[Way, Way]:
    """The two sides of a line, (N, 2) each."""
    way = along(smoothed(way, 1.0, closed), count, closed)
    across = smoothed(normals(way, closed), 2.0, closed)
    step = max(_STEP * picture.size, 1 / picture.scale)
    reach = max(round(_REACH * picture.size / step), 3)
    offsets = np.arange(-2 * reach, 2 * reach + 1) * step
    lab = picture.at(way[:, None] + across[:, None] * offsets[None, :, None])
    middle = np.full(count, 2 * reach)
    if closed:  # a ring was found with the eye as its centre: its middle is found better straight across it
        near = slice(2 * reach - reach // 2, 2 * reach + reach // 2 + 1)
        middle = near.start + courses(_soft(line_strength(lab))[None, :, near], _BEND, closed)[0]
    rows = np.arange(count)[:, None]
    lab = lab[rows, middle[:, None] + np.arange(-reach, reach + 1)]
    far = edges(lab, max(round(0.1 * count), 2), closed) + 0.5
    moved = offsets[middle]
    low, high = smoothed(np.column_stack([moved - far[0] * step, moved + far[1] * step]), 1.0, closed).T
    return way + across * low[:, None], way + across * high[:, None]


def _area(outline: Way) -> float:
    return float(cv2.contourArea(f32(outline)))


def _fill(mask: NDArray[np.uint8], *outlines: Way) -> None:
    """What lies within an odd number of the outlines is set."""
    one = np.zeros_like(mask)
    cv2.fillPoly(one, [np.rint(outline * 16).astype(np.int32) for outline in outlines], 255, cv2.LINE_AA, 4)
    np.maximum(mask, one, out=mask)
