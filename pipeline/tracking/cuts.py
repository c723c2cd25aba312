"""Hard cuts, told from two small grey pictures.

Pictures are compared in blocks, each against its best place within a few pixels in the other picture, by correlation:
so neither pans and zooms nor changes of exposure look like a cut. A flash that whites the picture out is no cut either:
what comes after it is compared with what was before.
"""

from __future__ import annotations

import cv2
import numpy as np

from models.arrays import Pixels
from models.shrinking import halved

WIDTH = 96
"""Pixels across that pictures are compared at."""

_BLOCK, _REACH = 16, 7  # side of a block, and how far away it is looked for: 1/14 of the width from frame to frame
# A block whose deviation is below this (in levels) is plain: nothing can be told from it, noise decides.
_PLAIN = 3.0
# The share of blocks that may have changed, and the correlation that the best of the others must have. Measured on 28
# photographs and drawings. 375 pairs that show different things: at most .65 (one pair of nearly plain drawings: .76).
# What is no cut: pans by 6 % of the width, turns by 4 degrees, zooms by 6 % a frame, exposure times .25 to 1.6, gamma,
# a flash that leaves 30 % of the contrast, noise of 25 levels, a bar over 37 % of the picture and one over half of it:
# at least .70 (a bar over a drawing of one clock: .56). With half of the blocks, bars and cuts overlap.
_CHANGED, SAME = 0.7, 0.68
# Correlation of the whole pictures above which blocks need not be looked at.
_PLAINLY = 0.9


def small(grey: Pixels) -> Pixels:
    """(h, WIDTH) uint8 of an (H, W) uint8 picture, for `likeness` and `CutTest`."""
    height, width = grey.shape[:2]
    # Most of the way by halves, which costs next to nothing.
    grey = halved(grey, max(int(np.log2(max(width / (2 * WIDTH), 1.0))), 0))
    return np.asarray(cv2.resize(grey, (WIDTH, max(round(WIDTH * height / width), _BLOCK + 1)),
                                 interpolation=cv2.INTER_AREA), np.uint8)


def is_plain(picture: Pixels) -> bool:
    """White, black or fog: nothing in it can be compared."""
    return not any(float(block.std()) >= _PLAIN for _, _, block in _blocks(picture))


def likeness(before: Pixels, now: Pixels) -> float:
    """0..1: how well the parts of `now` that were in `before` are found again there: their best correlation. 1 where
    there is nothing to compare."""
    found = []
    for y, x, block in _blocks(now):
        if float(block.std()) < _PLAIN:
            continue
        window = before[max(y - _REACH, 0):y + _BLOCK + _REACH, max(x - _REACH, 0):x + _BLOCK + _REACH]
        found.append(float(cv2.matchTemplate(window, block, cv2.TM_CCOEFF_NORMED).max()))
    return float(np.clip(np.quantile(found, _CHANGED), 0, 1)) if found else 1.0


def _blocks(picture: Pixels) -> list[tuple[int, int, Pixels]]:
    height, width = picture.shape
    return [(y, x, picture[y:y + _BLOCK, x:x + _BLOCK])
            for y in range(0, height - _BLOCK + 1, _BLOCK) for x in range(0, width - _BLOCK + 1, _BLOCK)]


class CutTest:
    """Tells for one frame after another whether it begins a shot. The first one does not: it has nothing before it."""

    def __init__(self) -> None:
        self._before: Pixels | None = None

    def step(self, picture: Pixels) -> bool:
        """picture: from `small`."""
        if is_plain(picture):
            return False  # a flash, a fade, black: what comes next decides
        before, self._before = self._before, picture
        return before is not None and differ(before, picture)


def differ(before: Pixels, now: Pixels) -> bool:
    """Whether two pictures (from `small`), neither of them plain, show different things."""
    if before.shape != now.shape:
        return True
    if float(cv2.matchTemplate(before, now, cv2.TM_CCOEFF_NORMED)[0, 0]) > _PLAINLY:
        return False
    return min(likeness(before, now), likeness(now, before)) < SAME
