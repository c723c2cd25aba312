"""What is skin in a crop, learned from the face's own cheeks and nose. Shared by hull, occlusion and the relighting."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Mask, Pixels, Points
from processors.batches import Crop
from processors.classical import points as parts
from processors.classical.filters import (
    Plane,
    blur,
    f32,
    grown,
    guided_coefficients,
    luminance,
    reduced,
    resize,
    smoothstep,
    to_lab,
)
from processors.classical.glasses import rims_of
from processors.classical.notes import once

WORK = 60.0
"""Eye distance in pixels at which skin is judged (study: masks were made at about 60)."""
# Floors of the robust spreads of L, a and b: even clean skin varies so much over a face (about two just noticeable
# differences), and JPEG pictures quantise chroma to steps of this size.
_FLOOR = np.array([4.0, 2.5, 2.5], np.float32)
_SPOTS = 2_000  # pixels, spread evenly, that the skin is learned from: nine numbers need no more


@dataclass(frozen=True, slots=True)
class Skin:
    """scale: working pixels a crop pixel. mask: (h, w) at working size, 1 skin. a, b: its guided filter coefficients.
    sample: (h, w) where it was learned. foreign: (h, w) 1 where something of another colour is in front of the face.
    small: (h, w, 3) the crop at working size.
    """

    scale: float
    mask: Mask
    a: Plane
    b: Plane
    sample: Mask
    foreign: Mask
    small: Pixels

    def at_crop(self, pixels: Pixels, rows: int) -> Mask:
        """(rows, W), the topmost at the crop's size, with edges that follow its pixels."""
        shape = pixels.shape[:2]
        guide = luminance(pixels[:rows])
        guide *= resize(self.a, shape)[:rows] * np.float32(1 / 255)
        guide += resize(self.b, shape)[:rows]
        return np.clip(guide, 0, 1, out=guide)


def skin_of(crop: Crop) -> Skin:
    """Worked out once a crop."""
    return once(crop, "skin", lambda: _learn(crop.pixels, crop.points, crop.eye_distance, crop.inside))


def _sample(points: Points, shape: tuple[int, int], eye_distance: float) -> Mask:
    """Cheeks and nose above the nose base, clear of eyes: skin without beard."""
    _, _, down = parts.upright_axes(points)
    low = down * 0.08 * eye_distance
    right = np.vstack([points[[1, 2, 3]] * 0.75 + points[[30]] * 0.25, points[[31]], points[[39]] + 1.5 * low,
                       points[[41, 40]] + 1.5 * low, points[[36]] + low])
    left = np.vstack([points[[15, 14, 13]] * 0.75 + points[[30]] * 0.25, points[[35]], points[[42]] + 1.5 * low,
                      points[[46, 47]] + 1.5 * low, points[[45]] + low])
    nose = np.vstack([points[[28, 31, 35]], points[[28]] + low])
    return parts.fill(shape, right, left, nose)


def _fit_plane(lab: Plane, weight: Mask, grid: Plane) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """(3, 3) coefficients of L, a, b over (1, x, y), reweighted against outliers, and the robust spreads (3,)."""
    chosen = np.flatnonzero(weight > 0.5)
    chosen = chosen[::max(len(chosen) // _SPOTS, 1)]
    x, y = (plane.reshape(-1, plane.shape[2])[chosen].astype(np.float64) for plane in (grid, lab))
    design = np.column_stack([np.ones(len(x)), x])
    w = np.ones(len(x))
    ridge = np.diag([1e-9, 0.02, 0.02]) * len(x)
    fit = np.zeros((3, 3))
    sigma = _FLOOR.astype(np.float64)
    for _ in range(5):
        fit = np.linalg.solve((design * w[:, None]).T @ design + ridge, (design * w[:, None]).T @ y)
        error = y - design @ fit
        sigma = np.maximum(1.4826 * np.median(np.abs(error), axis=0), _FLOOR)
        w = 1 / (1 + ((error / (2 * sigma)) ** 2).sum(axis=1)) ** 2
    return fit, sigma.astype(np.float32)


def _learn(pixels: Pixels, points: Points, eye_distance: float, inside: Mask | None) -> Skin:
    scale = min(WORK / max(eye_distance, 1.0), 1.0)
    shape = reduced(pixels.shape[:2], scale)
    small = resize(np.asarray(pixels, np.float32), shape)
    pts, unit = points * scale, max(eye_distance * scale, 1.0)
    lab = to_lab(small)
    sample = _sample(pts, shape, unit)
    if inside is not None:
        sample = sample * (resize(inside, shape) > 0.99)
    if float(sample.sum()) < 12:  # a face almost out of the frame or a few pixels wide: nothing to learn from
        whole = np.ones(shape, np.float32)
        nothing = np.zeros(shape, np.float32)
        return Skin(scale, whole, nothing, whole, sample, nothing, small)
    origin, across, down = parts.upright_axes(pts)
    ys, xs = np.ogrid[:shape[0], :shape[1]]
    # Clipped at the face's outline, so that the plane is not led far beyond what it was learned from.
    u = np.clip(((xs - origin[0]) * across[0] + (ys - origin[1]) * across[1]) / unit, -0.9, 0.9)
    v = np.clip(((xs - origin[0]) * down[0] + (ys - origin[1]) * down[1]) / unit, -0.5, 0.9)
    grid = f32(cv2.merge((f32(u), f32(v))))
    fit, sigma = _fit_plane(lab, sample, grid)
    expected = f32(cv2.transform(grid, np.column_stack([fit[1:].T, fit[0]])))
    smooth = blur(lab, 0.02 * unit)
    z = cv2.split((smooth - expected) / sigma)
    lower = np.where(z[0] < 0, z[0], z[0] * np.float32(0.5))  # highlights are skin too
    # 1 up to a distance of 3 robust spreads, 0 from 5.5: Gaussian skin stays, hair and cloth go.
    likely = 1 - smoothstep((np.sqrt(lower * lower + z[1] * z[1] + z[2] * z[2]) - 3) / 2.5)
    likely = likely * _smooth_texture(lab[..., 0], sample, unit)
    mask = _tidy(np.maximum(likely, inner_features(pts, shape, unit)), sample, unit)
    a, b = guided_coefficients(mask, luminance(small) * np.float32(1 / 255), max(round(0.05 * unit), 1), 4e-4)
    return Skin(scale, mask, a, b, sample, _foreign(smooth, expected, pts, unit), small)


def _foreign(smooth: Plane, expected: Plane, points: Points, unit: float) -> Mask:
    """1 on things that reach over the outline of the face below the eyes: of another hue, or as light as the skin and
    without its tint.

    Far stricter than the skin model, and blind to darkness: shadows and beards are dark, and belong to the face.
    Thresholds in Lab units: blushing turns skin's hue by up to 8; lips and eyes are left out. A hand of the face's own
    colour is not seen (measured: its edges are weaker than those of jaw and hair).
    """
    shape = smooth.shape[:2]
    face = parts.fill(shape, points)
    # What lies further out would tie everything together.
    near = cv2.dilate(face, np.ones((2 * round(0.12 * unit) + 1,) * 2, np.uint8))
    below = near * (1 - eye_line(points, shape, unit)) * (1 - features(points, shape, unit, 0.10))
    odd = np.zeros(shape, np.bool_)
    lightness, a, b = cv2.split(smooth)
    usual, tint_a, tint_b = cv2.split(expected)
    length = np.maximum(cv2.magnitude(tint_a, tint_b), 1e-3)
    if float(np.median(length)) > 6:  # not black and white
        aside = np.abs(a * tint_b - b * tint_a) / length
        along = (a * tint_a + b * tint_b) / length
        odd = (aside > 18) | (along < -6) | ((along < 0.3 * length) & (lightness > usual - 8))
    return f32(np.maximum.reduce([np.zeros(shape, np.float32), *_reaching_in(odd & (below > 0.5), face, unit)]))


def _reaching_in(flags: NDArray[np.bool_], face: Mask, unit: float) -> list[Mask]:
    """The large parts of `flags` that lie across the outline of the face, .05 to either side and more."""
    side = 2 * max(round(0.03 * unit), 1) + 1
    disc = np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)
    count, labels = cv2.connectedComponents(cv2.morphologyEx(flags.astype(np.uint8), cv2.MORPH_OPEN, disc))
    deep = cv2.erode(face, np.ones((2 * round(0.12 * unit) + 1,) * 2, np.uint8)) > 0.5
    inner, outer = (np.bincount(labels[where], minlength=count)[1:] > 0 for where in (deep, face < 0.5))
    both = np.flatnonzero(inner & outer) + 1
    return [f32(cv2.dilate((labels == one).astype(np.float32), disc)) for one in both]


def _smooth_texture(lightness: Plane, sample: Mask, unit: float) -> Plane:
    """1 where the local variance is skin's, 0 where it is more than four times the cheeks': strands of hair."""
    size = 2 * max(round(0.04 * unit), 1) + 1
    mean = cv2.blur(lightness, (size, size))
    variance = cv2.blur(lightness * lightness, (size, size)) - mean * mean
    cheek = max(float(np.median(variance[sample > 0.5])), 1.0)
    return 1 - smoothstep(f32((variance / np.float32(4 * cheek) - 1) / 3))


def _tidy(likely: Plane, sample: Mask, unit: float) -> Mask:
    """Without specks and pinholes; only what hangs together with the cheeks."""
    def disc(radius: float) -> NDArray[np.uint8]:
        side = 2 * max(round(radius * unit), 1) + 1
        return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)

    opened = cv2.morphologyEx((likely > 0.5).astype(np.uint8), cv2.MORPH_OPEN, disc(0.025))
    closed = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, disc(0.05))
    count, labels = cv2.connectedComponents(closed)
    touching = np.bincount(labels[(sample > 0.5) & (closed > 0)], minlength=count) > 0
    kept = f32(touching[labels])
    return np.asarray(kept if kept.any() else np.ones_like(kept), np.float32)


def eye_line(points: Points, shape: tuple[int, int], eye_distance: float) -> Mask:
    """(H, W): 1 above the line through the eyes, 0 below, soft over .1 eye distances."""
    origin, _, down = parts.upright_axes(points)
    ys, xs = np.ogrid[:shape[0], :shape[1]]
    ramp = down / (0.1 * max(eye_distance, 1.0))
    return smoothstep(f32(0.5 - (xs - origin[0]) * ramp[0]) - f32((ys - origin[1]) * ramp[1]))


def features(points: Points, shape: tuple[int, int], eye_distance: float, margin: float = 0.0) -> Mask:
    """(H, W): eyes, brows and lips, with a margin in eye distances."""
    found = parts.fill(shape, *parts.eyes(points), *parts.brows(points, eye_distance), parts.lips(points))
    return grown(found, margin * eye_distance) if margin * eye_distance >= 0.5 else found


def inner_features(points: Points, shape: tuple[int, ...], eye_distance: float, margin: float = 0.04) -> Mask:
    """(H, W): each eye together with its brow and what lies between, which is dark and uneven on any face, and a margin
    in eye distances round them: always taken for face."""
    above = parts.brows(points, eye_distance)
    areas = [np.vstack([parts.grown(eye, 1.3), brow]) for eye, brow in zip(parts.eyes(points), above, strict=True)]
    found = parts.fill((shape[0], shape[1]), *areas)
    return grown(found, margin * eye_distance) if margin > 0 else found


def face_mask(crop: Crop, rims: bool = True) -> Mask:
    """(H, W) 0..1: skin above the eye line, trusted geometry below it, features always (study: a skin classifier
    drops shaded cheeks, so below the eyes the outline of the points is the better judge), the rims of spectacles
    never, unless `rims` is False, and things of another colour never. Worked out once a crop."""
    mask = once(crop, "face", lambda: _face_mask(crop))
    found = rims_of(crop) if rims else None
    return mask if found is None else mask * (1 - found)


def _face_mask(crop: Crop) -> Mask:
    shape, size, skin = crop.pixels.shape[:2], crop.eye_distance, skin_of(crop)
    # Both are smooth, so for large faces they are drawn at reduced size.
    scale = min(2 * WORK / max(size, 1.0), 1.0)
    less, points, unit = reduced(shape, scale), crop.points * scale, size * scale
    above = eye_line(points, less, unit)
    inner = blur(inner_features(points, less, unit), 0.02 * unit)
    mask = np.ones(shape, np.float32)
    # Rows that lie below the eye line altogether are left as they are.
    touched = int(np.flatnonzero(np.append(1, above.any(axis=1)))[-1])
    rows = min(int(np.ceil((touched + 1) * shape[0] / less[0])), shape[0])
    mask[:rows] -= resize(above, shape)[:rows] * (1 - skin.at_crop(crop.pixels, rows))
    if skin.foreign.any():
        mask = mask * (1 - resize(skin.foreign, shape))
    return f32(np.maximum(mask, resize(inner, shape)))
