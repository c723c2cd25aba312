"""Lines in a picture: bands pulled straight, how much a pixel is on a line, the best course of one, its two edges."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Pixels
from processors.classical.filters import Plane, f32, to_lab

Way = NDArray[np.float64]
"""(N, 2) points along a line, in pixels."""
_THICK = (1, 3, 5, 7)  # columns a line may be thick
_GAP, _SIDE = 1, 3  # columns left out beside it, and columns it is told from
_CLOSE = 4  # a course runs on over a quarter of the circle at either end before it counts as closed


def pulled_straight(pixels: Pixels, places: NDArray[np.float64]) -> Plane:
    """(..., N, R, 3) Lab at (..., N, R, 2) places of a BGR picture, bilinear."""
    where = places.reshape(-1, places.shape[-2], 2).astype(np.float32)
    strip = cv2.remap(f32(pixels), where[..., 0], where[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return to_lab(strip).reshape(*places.shape[:-1], 3)


def line_strength(lab: Plane) -> Plane:
    """(..., N, R) contrast in Lab of a line along the rows at each column, whatever its thickness.

    lab: (..., N, R, 3), columns a hundredth of the eye distance. A line differs in the same way from both sides; the
    edge of a shadow differs in opposite ways.
    """
    width, reach = lab.shape[-2], _THICK[-1] // 2 + _GAP + _SIDE
    planes = np.moveaxis(lab[..., np.clip(np.arange(-reach - 1, width + reach), 0, width - 1), :], -1, 0)
    total = np.cumsum(planes, axis=-1, dtype=np.float32)

    def mean(start: int, stop: int) -> Plane:
        """Over the columns from `start` to `stop` beside each."""
        first = reach + start
        return f32((total[..., first + stop - start:first + stop - start + width]
                    - total[..., first:first + width]) / np.float32(stop - start))

    best = np.zeros(lab.shape[:-1], np.float32)
    for thick in _THICK:
        half = thick // 2
        core = mean(-half, half + 1)
        one = core - mean(-half - _GAP - _SIDE, -half - _GAP)
        other = core - mean(half + 1 + _GAP, half + 1 + _GAP + _SIDE)
        alike, a, b = one * other, one * one, other * other
        # By hue alone too: a light rim lies between a bright lens and a shaded cheek.
        hue = [p[1] + p[2] for p in (alike, a, b)]
        for both, of_one, of_other in (hue, [h + p[0] for h, p in zip(hue, (alike, a, b), strict=True)]):
            # The weaker side's difference, times the cosine of the angle between both.
            stronger = np.maximum(np.maximum(of_one, of_other), np.float32(1e-6))
            best = np.maximum(best, both / np.sqrt(stronger))
    return best


def courses(value: Plane, bend: float, closed: bool) -> NDArray[np.intp]:
    """(B, N) the columns of the best smooth ways through each of (B, N, R) (dynamic programming).

    bend: what a step aside of one column costs; of more, in proportion to the power 1.5.
    """
    _, rows, width = value.shape
    more = -(-rows // _CLOSE) if closed else 0
    run = np.concatenate([value[:, rows - more:], value, value[:, :more]], axis=1) if closed else value
    index = np.arange(width)
    cost = f32(bend * np.abs(index[:, None] - index[None]) ** 1.5)
    best = np.array(run, np.float32)
    for i in range(1, run.shape[1]):
        best[:, i] += (best[:, i - 1, None] - cost).max(axis=2)
    course = np.zeros(run.shape[:2], np.intp)
    course[:, -1] = best[:, -1].argmax(axis=1)
    for i in range(run.shape[1] - 1, 0, -1):
        course[:, i - 1] = (best[:, i - 1] - cost[course[:, i]]).argmax(axis=1)
    return course[:, more:more + rows]


def along(way: Way, count: int, closed: bool) -> Way:
    """`count` points at equal distances along it."""
    ends = np.vstack([way, way[:1]]) if closed else way
    at = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(ends, axis=0).T))])
    wanted = np.linspace(0, at[-1], count, endpoint=not closed)
    return np.column_stack([np.interp(wanted, at, ends[:, i]) for i in (0, 1)])


def smoothed(values: NDArray[np.float64], sigma: float, closed: bool) -> NDArray[np.float64]:
    """(N, C) low-passed along N."""
    reach = max(round(3 * sigma), 1)
    weight = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    padded = _lengthened(values, reach, closed)
    return np.column_stack([np.convolve(column, weight / weight.sum(), "valid") for column in padded.T])


def normals(way: Way, closed: bool) -> Way:
    """(N, 2) unit vectors across it, to the right of where it goes (x right, y down: clockwise ways get inward)."""
    ahead = np.roll(way, -1, axis=0) - np.roll(way, 1, axis=0) if closed else np.gradient(way, axis=0)
    ahead = ahead / np.maximum(np.hypot(*ahead.T), 1e-6)[:, None]
    return np.column_stack([-ahead[:, 1], ahead[:, 0]])


def edges(lab: Plane, usual: int, closed: bool) -> NDArray[np.float64]:
    """(2, N) columns that the line reaches to the low and to the high side of the middle column.

    lab: (N, 2 K + 1, 3) with the line on column K. usual: over how many rows to either side it is about alike. A
    column belongs to the line while it is nearer to the line's colour than half way to that beside it.
    """
    middle = lab.shape[1] // 2
    core = _steady(lab[:, middle - 1:middle + 2].mean(axis=1), usual // 2, closed)
    gains = []
    for side in (lab[:, middle::-1], lab[:, middle:]):
        far = np.sqrt(np.einsum("nkc,nkc->nk", side - core[:, None], side - core[:, None]))
        third = middle // 3
        bands = [far[:, third * i:third * (i + 1) + 1].mean(axis=1) for i in (0, 1, 2)]
        contrast = np.maximum(_steady(np.max(bands, axis=0)[:, None], usual, closed), 4)
        away = _steady(far / contrast, 2, closed)
        away = np.maximum.accumulate(np.minimum(away, 1), axis=1)  # what comes after a gap is something else
        thick = (away < 0.5).sum(axis=1)[:, None]
        # A line is about as thick as a little further along: a lash that touches it, or a glint, is not its edge.
        beyond = np.arange(away.shape[1])[None] > 1.3 * _steady(thick, usual, closed) + 1
        gains.append(np.cumsum(np.where(beyond, -0.5, 0.5 - away), axis=1))
    return courses(f32(np.stack(gains)), 0.25, closed).astype(np.float64)


def _steady(rows: Plane, reach: int, closed: bool) -> Plane:
    """(N, C) medians over `reach` rows to either side."""
    windows = np.lib.stride_tricks.sliding_window_view(_lengthened(rows, reach, closed), 2 * reach + 1, axis=0)
    return f32(np.partition(windows, reach, axis=-1)[..., reach])


def _lengthened(rows: NDArray[Any], reach: int, closed: bool) -> NDArray[Any]:
    """With `reach` more at either end: those of the other end, or the last again."""
    at = np.arange(-reach, len(rows) + reach)
    return np.asarray(rows[at % len(rows) if closed else np.clip(at, 0, len(rows) - 1)])
