"""From the picture as it is stored to the picture as people see it: square pixels first, then quarter turns."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.clips.clip import Clip
from processors.batches import Rect


@dataclass(frozen=True, slots=True)
class View:
    """width, height: of the stored picture. turn: clockwise quarter turns to upright. wide: width of the stored picture
    in square pixels."""

    width: int
    height: int
    turn: int
    wide: int

    @property
    def whole(self) -> Rect:
        return Rect(0, 0, self.width, self.height)

    @property
    def square(self) -> bool:
        return self.wide == self.width

    @property
    def plain(self) -> bool:
        """Whether the stored picture is the upright one, pixel by pixel."""
        return self.square and self.turn == 0

    def stored_rect(self, rect: Rect) -> Rect:
        """The stored pixels that a rectangle of the upright picture shows; with pixels that are not square, one more on
        each side, which interpolation looks at."""
        turned = self._turned_back(rect)
        if self.square:
            return turned
        scale = Fraction(self.width, self.wide)
        low, high = int(turned.x0 * scale) - 1, int(-(-turned.x1 * scale // 1)) + 1
        return Rect(max(low, 0), turned.y0, min(high, self.width), turned.y1)

    def _turned_back(self, rect: Rect) -> Rect:
        """Of the picture in square pixels before it is turned."""
        x0, y0, x1, y1 = rect
        wide, high = self.wide, self.height
        return {0: rect, 1: Rect(y0, high - x1, y1, high - x0), 2: Rect(wide - x1, high - y1, wide - x0, high - y0),
                3: Rect(wide - y1, x0, wide - y0, x1)}[self.turn]

    def upright(self, pixels: NDArray[Any], stored: Rect, rect: Rect) -> NDArray[Any]:
        """Pixels of `stored` as the upright picture's `rect` shows them; the same array where they need nothing."""
        turned = self._turned_back(rect)
        if not self.square:
            pixels = self._resampled(pixels, stored.x0, turned.x0, turned.x1 - turned.x0, self.width / self.wide)
        return np.ascontiguousarray(np.rot90(pixels, -self.turn)) if self.turn else pixels

    def back(self, change: NDArray[np.float32], rect: Rect, stored: Rect) -> NDArray[np.float32]:
        """A difference over `rect` of the upright picture as a difference over `stored`."""
        turned = self._turned_back(rect)
        change = np.ascontiguousarray(np.rot90(change, self.turn)) if self.turn else change
        if self.square:
            return change
        return np.asarray(self._resampled(change, turned.x0, stored.x0, stored.x1 - stored.x0, self.wide / self.width,
                                          outside=0), np.float32)

    @staticmethod
    def _resampled(pixels: NDArray[Any], first: int, start: int, width: int, scale: float,
                   outside: int | None = None) -> NDArray[Any]:
        """Columns `start` and on of a picture whose columns are 1 / scale as many. first: the given pixels' first
        column. outside: what lies beyond them, None for the outermost columns repeated."""
        columns = (np.arange(start, start + width, dtype=np.float64) + 0.5) * scale - 0.5 - first
        rows = np.arange(pixels.shape[0], dtype=np.float32)
        xs, ys = np.meshgrid(columns.astype(np.float32), rows)
        if outside is None:
            return np.asarray(cv2.remap(pixels, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
        return np.asarray(cv2.remap(pixels, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT,
                                    borderValue=(outside,) * 4))


def view_of(clip: Clip) -> View:
    width, height = clip.stored
    return View(width, height, clip.turn % 4, clip.height if clip.turn % 2 else clip.width)
