"""Where on a face each figure is taken: hull, features, skin, and the ring around."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from models.arrays import Mask, Points
from models.face import BROW_LEFT, BROW_RIGHT, EYE_LEFT, EYE_RIGHT, MOUTH_OUTER, Face
from pipeline.measure.formulas import Flags
from processors.batches import Rect

# Shares of the outer-eye distance. Features reach further than their points (lashes, the rim of the lips): the margin
# with which the relighting of `geometric` leaves them out as well.
FEATURE_MARGIN = 0.08
# A pair of brows, eyes and mouth lies apart from the skin; the ring begins where the mask has surely ended.
RING_FROM, RING_TO = 0.05, 0.35
# How far a face may reach beyond its points where no recipe tells: half an outer-eye distance.
HULL_MARGIN = 0.5
# What is cut out of the picture for measuring: five widths of the low pass beyond the points, so that its edge is far.
WINDOW_MARGIN = 1.0


def grow(flags: Flags, distance: float) -> Flags:
    """Everything within `distance` pixels of a set pixel."""
    if not flags.any():
        return flags.copy()
    return (cv2.distanceTransform((~flags).astype(np.uint8), cv2.DIST_L2, 5) <= distance).astype(np.bool_)


def polygon(points: Points, shape: tuple[int, int]) -> Flags:
    """The convex hull of points, filled (sub-pixel corners are rounded to 1/16 pixel)."""
    flags = np.zeros(shape, np.uint8)
    corners = cv2.convexHull(np.asarray(points, np.float32))
    cv2.fillConvexPoly(flags, np.rint(corners * 16).astype(np.int32), 1, shift=4)
    return flags.astype(np.bool_)


def features(points: Points, shape: tuple[int, int], size: float) -> Flags:
    """Eyes, brows and mouth with their margin."""
    flags = np.zeros(shape, np.bool_)
    for part in (EYE_RIGHT, EYE_LEFT, BROW_RIGHT, BROW_LEFT, MOUTH_OUTER):
        flags |= polygon(points[part], shape)
    return grow(flags, FEATURE_MARGIN * size)


def window(face: Face, mask: Mask | None, width: int, height: int) -> Rect:
    """What is cut out of a width x height frame to measure one face (clipped to the frame)."""
    margin = WINDOW_MARGIN * face.eye_distance
    low, high = face.points.min(axis=0) - margin, face.points.max(axis=0) + margin
    if mask is not None and mask.any():
        ys, xs = np.nonzero(mask)
        low = np.minimum(low, (xs.min() - margin, ys.min() - margin))
        high = np.maximum(high, (xs.max() + margin, ys.max() + margin))
    x0, y0 = max(int(low[0]), 0), max(int(low[1]), 0)
    return Rect(x0, y0, max(min(int(high[0]) + 2, width), x0 + 1), max(min(int(high[1]) + 2, height), y0 + 1))


@dataclass(frozen=True, slots=True)
class Areas:
    """alpha: the mask (or the hull, where nobody told). inside: alpha >= 0.5. skin: inside the hull and well inside
    the mask, without features. ring: just outside the mask."""

    alpha: Mask
    inside: Flags
    skin: Flags
    ring: Flags


def areas(points: Points, alpha: Mask | None, shape: tuple[int, int], size: float, taken: Flags | None = None) -> Areas:
    """points in the window's pixels. taken: pixels that other faces' masks changed, which are no surroundings."""
    hull = polygon(points, shape)
    if alpha is None:
        alpha = hull.astype(np.float32)
    touched = alpha > 0
    skin = hull & (alpha >= 0.95) & ~features(points, shape, size)
    if not skin.any():  # a mask at less than full strength has no pixel at 0.95
        skin = hull & (alpha >= 0.5) & ~features(points, shape, size)
    ring = grow(touched, RING_TO * size) & ~grow(touched, RING_FROM * size)
    if taken is not None:
        ring &= ~taken
    return Areas(alpha, alpha >= 0.5, skin, ring)


def share_out(mask: Mask, faces: list[Face]) -> list[Mask]:
    """One mask for all faces, cut into one per face: every pixel goes to the face whose centre is nearest in that
    face's own outer-eye distances, and to none beyond three of them."""
    ys, xs = np.nonzero(mask)
    far = np.stack([np.hypot(xs - f.centre[0], ys - f.centre[1]) / max(f.eye_distance, 1e-6) for f in faces]) \
        if faces else np.zeros((0, len(xs)))
    owner = far.argmin(axis=0) if faces else np.zeros(len(xs), int)
    shares = []
    for number in range(len(faces)):
        mine = (owner == number) & (far[number] <= 3.0)
        part = np.zeros_like(mask)
        part[ys[mine], xs[mine]] = mask[ys[mine], xs[mine]]
        shares.append(part)
    return shares


def allowed_without_recipe(faces: list[Face], shape: tuple[int, int]) -> Flags:
    """Each face's hull grown by half an outer-eye distance, together."""
    flags = np.zeros(shape, np.bool_)
    for face in faces:
        flags |= grow(polygon(face.points, shape), HULL_MARGIN * face.eye_distance)
    return flags
