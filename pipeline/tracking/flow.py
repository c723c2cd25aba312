"""Lucas-Kanade: where points of one frame went in the next, at a size at which a large face costs no more than a small.

The settings are those that the classical-swap study measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Matrix, Pixels, Points
from models.face import Box
from models.geometry import invert, similarity, transform
from models.shrinking import halved

# Largest eye distance in pixels at which points are followed and read (of larger faces half to all of it, so that they
# need only be halved). Measured on two heads of 80 to 245 px, moved and noisy: jitter of .03 to .06 % at every size.
WORK = 128.0
# Window: a quarter of the eye distance, at most 61 pixels; three pyramid levels (study).
_LARGEST_WINDOW, _LEVELS = 61, 3
# A point has been followed where going back again ends within this share of the eye distance (study).
_ROUND_TRIP = 0.02
# Points that are this far from what the others do, in eye distances, do not count for the similarity of the rest.
_STRAY = 0.05
# Fewer points than this say nothing about how the others moved.
_FEWEST = 6


@dataclass(frozen=True, slots=True)
class View:
    """The part of two frames round one face, made small. scale: pixels of it a frame pixel. to_view: (2, 3), frame
    pixels to its pixels; to_frame: back."""

    before: Pixels
    now: Pixels
    scale: float
    to_view: Matrix
    to_frame: Matrix


@dataclass(frozen=True, slots=True)
class Flow:
    """points: (N, 2) where they are now. good: which were truly followed; the others move as those do. share: how many
    were. None of it means anything where share is 0."""

    points: Points
    good: NDArray[np.bool_]
    share: float


def view_of(before: Pixels, now: Pixels, points: Points, size: float, margin: float = 1.0) -> View | None:
    """Both frames' grey pictures round `points`, `margin` eye distances to spare; None where the points are outside.

    before, now: (H, W) uint8 of the same size. size: eye distance in pixels.
    """
    height, width = now.shape[:2]
    low = np.floor(points.min(axis=0) - margin * size).astype(int)
    high = np.ceil(points.max(axis=0) + margin * size).astype(int) + 1
    x0, y0 = max(int(low[0]), 0), max(int(low[1]), 0)
    x1, y1 = min(int(high[0]), width), min(int(high[1]), height)
    if x1 - x0 < 16 or y1 - y0 < 16:
        return None
    halvings = max(int(np.ceil(np.log2(max(size, 1.0) / WORK))), 0)
    parts = [np.ascontiguousarray(halved(picture[y0:y1, x0:x1], halvings)) for picture in (before, now)]
    scale = 0.5 ** halvings
    if min(parts[0].shape) < 8:
        return None
    to_view = scaling(scale, scale, x0, y0)
    return View(parts[0], parts[1], scale, to_view, invert(to_view))


def scaling(across: float, down: float, x: int, y: int) -> Matrix:
    """Matrix from frame pixels to those of a part whose corner is at (x, y), resized. The centre of the top left pixel
    is (0, 0) before and after."""
    return np.array([[across, 0, 0.5 * (across - 1) - across * x], [0, down, 0.5 * (down - 1) - down * y]])


def follow_points(before: Pixels, now: Pixels, points: Points, size: float) -> Flow:
    """Points followed forwards and back again. before, now: (H, W) uint8. size: eye distance in their pixels."""
    window = int(np.clip(size / 4, 7, _LARGEST_WINDOW))
    settings = {"winSize": (window, window), "maxLevel": _LEVELS,
                "criteria": (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.01)}
    start = np.asarray(points, np.float32).reshape(-1, 1, 2)
    moved, found, _ = cv2.calcOpticalFlowPyrLK(before, now, start, None, **settings)  # type: ignore[call-overload]
    back, again, _ = cv2.calcOpticalFlowPyrLK(now, before, moved, None, **settings)  # type: ignore[call-overload]
    trip = np.hypot(*(back - start).reshape(-1, 2).T)
    good = (found.ravel() > 0) & (again.ravel() > 0) & (trip < _ROUND_TRIP * size)
    return settle(np.asarray(points, np.float64), np.asarray(moved, np.float64).reshape(-1, 2), good, size)


def settle(points: Points, moved: Points, good: NDArray[np.bool_], size: float) -> Flow:
    """The flow with points that were lost, or do something of their own, moved as the others are."""
    if good.sum() < _FEWEST:
        return Flow(points, np.zeros(len(points), np.bool_), 0.0)
    for _ in range(2):
        matrix = similarity(points[good], moved[good])
        away = np.hypot(*(transform(points, matrix) - moved).T)
        # The limit is wider than any expression moves a point in one frame, and grows with what is usual here.
        kept = good & (away < max(_STRAY * size, 3 * float(np.median(away[good]))))
        if kept.sum() < _FEWEST or (kept == good).all():
            break
        good = kept
    return Flow(np.where(good[:, None], moved, transform(points, matrix)), good, float(good.mean()))


_PATCH = 24


def alike(before: Pixels, points: Points, now: Pixels, moved: Points) -> float:
    """-1..1: correlation of what lies round the points in one picture with what lies round them in the next. Turned and
    scaled as the points are."""
    one, other = _patch(before, points), _patch(now, moved)
    return float(cv2.matchTemplate(one, other, cv2.TM_CCOEFF_NORMED)[0, 0])


def _patch(picture: Pixels, points: Points) -> Pixels:
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    across, down = max(x1 - x0, 1.0) / (_PATCH - 1), max(y1 - y0, 1.0) / (_PATCH - 1)
    # Not a plain shrinking: the face is sampled soft enough for noise and a pixel's shift to make no difference.
    soft = cv2.blur(picture[max(int(y0), 0):int(y1) + 2, max(int(x0), 0):int(x1) + 2], (5, 5)) \
        if min(y1, x1) > 1 and y0 < picture.shape[0] - 2 and x0 < picture.shape[1] - 2 else picture
    corner = (max(int(x0), 0), max(int(y0), 0)) if soft is not picture else (0, 0)
    matrix = np.array([[across, 0, x0 - corner[0]], [0, down, y0 - corner[1]]])
    return np.asarray(cv2.warpAffine(soft, matrix, (_PATCH, _PATCH), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                                     borderMode=cv2.BORDER_REPLICATE), np.float32)


def moved_box(box: Box, matrix: Matrix) -> Box:
    """A box through a matrix that only scales and shifts. Boxes are counted from pixels' edges, points from centres."""
    corners = transform(np.array([[box.x0 - 0.5, box.y0 - 0.5], [box.x1 - 0.5, box.y1 - 0.5]]), matrix) + 0.5
    return Box(*map(float, corners.ravel()))
