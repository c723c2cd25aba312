"""Frames made in memory, in the place of a decoder's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import cv2
import numpy as np

from models.arrays import Pixels
from pipeline.clips.example import Truth
from pipeline.frame import Frame
from processors.batches import Rect


@dataclass(frozen=True)
class Made:
    """What tracking needs of a clip's frame, over BGR pixels."""

    pixels: Pixels
    index: int

    @property
    def ticks(self) -> int:
        return self.index * 1000

    @property
    def pts(self) -> Fraction:
        return Fraction(self.index, 30)

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @cached_property
    def _grey(self) -> Pixels:
        return np.asarray(cv2.cvtColor(self.pixels, cv2.COLOR_BGR2GRAY), np.uint8)

    def grey8(self) -> Pixels:
        return self._grey

    def region(self, rect: Rect) -> Pixels:
        return Frame(self.pixels).region(rect)

    def at(self, index: int) -> Made:
        return replace(self, index=index)


def frames_of(made: Iterable[tuple[Pixels, Truth]], first: int = 0) -> Iterator[tuple[Made, Truth]]:
    """Numbered frames with their truth."""
    for index, (pixels, truth) in enumerate(made, first):
        yield Made(pixels, index), truth
