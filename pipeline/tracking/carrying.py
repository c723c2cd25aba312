"""Heads carried from one small grey picture to the next, forwards or backwards, whether or not a face can be seen."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Pixels, Points
from models.face import Box
from models.geometry import scale_of, similarity, transform
from pipeline.tracking.flow import settle

WIDTH = 640
"""Pixels across that heads are carried at: a head that the detector finds there has 100 and more."""

_GRID = 9
_WINDOW, _LEVELS = 15, 3
# Least share of the points that must be followed for the head to count as carried, and least correlation of what is in
# the box before and after. Measured on made clips: heads that move and turn stay above .8 and .7; a bar that covers a
# head brings the correlation down to .3 in its first frame.
_SHARE, _ALIKE = 0.4, 0.5
_GROWTH = (0.93, 1.07)  # change of size from one frame to the next that is believed


def small_grey(grey: Pixels) -> Pixels:
    """(h, WIDTH) uint8 of an (H, W) grey picture, or a copy of it where it is no wider."""
    height, width = grey.shape
    if width <= WIDTH:
        return grey.copy()
    return np.asarray(cv2.resize(grey, (WIDTH, max(round(height * WIDTH / width), 16)), interpolation=cv2.INTER_AREA),
                      np.uint8)


def carry(before: Pixels, now: Pixels, box: Box) -> Box | None:
    """Where the head in `box` went, or None where it cannot be told. Both pictures and the box at the small size."""
    points = _grid(box, before.shape)
    if len(points) < 12:
        return None
    settings = {"winSize": (_WINDOW, _WINDOW), "maxLevel": _LEVELS}
    start = points.astype(np.float32).reshape(-1, 1, 2)
    moved, found, _ = cv2.calcOpticalFlowPyrLK(before, now, start, None, **settings)  # type: ignore[call-overload]
    back, again, _ = cv2.calcOpticalFlowPyrLK(now, before, moved, None, **settings)  # type: ignore[call-overload]
    trip = np.hypot(*(back - start).reshape(-1, 2).T)
    good = (found.ravel() > 0) & (again.ravel() > 0) & (trip < max(0.02 * box.width, 0.5))
    went = moved.reshape(-1, 2).astype(np.float64)
    flow = settle(points, went, _together(points, went, good, box.width), box.width / 2)
    if flow.share < _SHARE:
        return None
    matrix = similarity(points[flow.good], went[flow.good])
    if not _GROWTH[0] < scale_of(matrix) < _GROWTH[1]:
        return None
    there = _through(box, matrix)
    return there if _alike(before, box, now, there) > _ALIKE else None


def _grid(box: Box, shape: tuple[int, ...]) -> Points:
    """Points inside the oval that fits the box, those that lie in the picture with a window's half to spare."""
    at = (np.arange(_GRID) + 0.5) / _GRID * 2 - 1
    u, v = (plane.ravel() for plane in np.meshgrid(at, at))
    oval = u * u + v * v < 0.85
    x = (box.x0 + box.x1 - 1) / 2 + u[oval] * box.width / 2
    y = (box.y0 + box.y1 - 1) / 2 + v[oval] * box.height / 2
    kept = (x > 2) & (y > 2) & (x < shape[1] - 3) & (y < shape[0] - 3)
    return np.stack([x[kept], y[kept]], axis=1)


def _together(points: Points, went: Points, good: NDArray[np.bool_], width: float) -> NDArray[np.bool_]:
    """Those of the good points that went about where most of them went: what passes in front does not count."""
    if not good.any():
        return good
    step = went - points
    away = np.hypot(*(step - np.median(step[good], axis=0)).T)
    return np.asarray(good & (away < max(0.08 * width, 1.0)), np.bool_)


def _through(box: Box, matrix: NDArray[np.float64]) -> Box:
    """The upright box whose middle and size went through the matrix."""
    (x, y), = transform(np.array([[(box.x0 + box.x1 - 1) / 2, (box.y0 + box.y1 - 1) / 2]]), matrix)
    wide, tall = box.width * scale_of(matrix) / 2, box.height * scale_of(matrix) / 2
    return Box(float(x - wide + 0.5), float(y - tall + 0.5), float(x + wide + 0.5), float(y + tall + 0.5))


def _patch(picture: Pixels, box: Box) -> NDArray[np.float32]:
    """The middle of the box, 24 x 24, the picture's last pixels repeated beyond its edge."""
    side = 24
    across, down = 0.8 * box.width / side, 0.8 * box.height / side
    x, y = (box.x0 + box.x1 - 1) / 2, (box.y0 + box.y1 - 1) / 2
    matrix = np.array([[across, 0, x - across * (side - 1) / 2], [0, down, y - down * (side - 1) / 2]])
    soft = cv2.warpAffine(picture, matrix, (side, side), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                          borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(soft, np.float32)


def _alike(before: Pixels, box: Box, now: Pixels, there: Box) -> float:
    """Correlation of what the two boxes hold, -1..1."""
    one, other = _patch(before, box), _patch(now, there)
    return float(cv2.matchTemplate(one, other, cv2.TM_CCOEFF_NORMED)[0, 0])


def find_again(model: Pixels, now: Pixels, box: Box) -> Box | None:
    """The head of an earlier picture (`model`: the part of it in the box) looked for near where it was lost."""
    reach = 0.6
    x0, y0 = int(max(box.x0 - reach * box.width, 0)), int(max(box.y0 - reach * box.height, 0))
    x1, y1 = (int(min(box.x1 + reach * box.width, now.shape[1])), int(min(box.y1 + reach * box.height, now.shape[0])))
    shape = (max(round(box.width), 8), max(round(box.height), 8))
    part = np.asarray(cv2.resize(model, shape, interpolation=cv2.INTER_AREA), np.uint8)
    if x1 - x0 <= shape[0] or y1 - y0 <= shape[1]:
        return None
    found = cv2.matchTemplate(now[y0:y1, x0:x1], part, cv2.TM_CCOEFF_NORMED)
    _, best, _, (x, y) = cv2.minMaxLoc(found)
    if best < 0.7:  # the same head in another pose: .75 and more; other parts of the same pictures: .55 and less
        return None
    return Box(float(x0 + x), float(y0 + y), float(x0 + x + shape[0]), float(y0 + y + shape[1]))


def part_of(picture: Pixels, box: Box) -> Pixels | None:
    """What lies in the box, for `find_again`; None where too little of it is in the picture."""
    x0, y0, x1, y1 = max(round(box.x0), 0), max(round(box.y0), 0), round(box.x1), round(box.y1)
    part = picture[y0:y1, x0:x1]
    return part.copy() if min(part.shape) >= 8 else None
