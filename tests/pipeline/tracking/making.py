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


def heads(size: tuple[int, int], *placed: tuple[Pixels, tuple[float, float], float, tuple[float, float]],
          backdrop: int = 110) -> Pixels:
    """A plain picture with heads cut out of stills: (still, centre of the head in it, scale, place), the last in
    front."""
    width, height = size
    ramp = np.linspace(-25, 25, width, dtype=np.float32)[None] + np.linspace(-20, 20, height, dtype=np.float32)[:, None]
    pattern = np.random.default_rng(7).standard_normal((height // 12 + 1, width // 12 + 1)).astype(np.float32) * 12
    ramp = ramp + cv2.resize(pattern, size, interpolation=cv2.INTER_CUBIC)
    canvas = np.repeat((ramp + backdrop)[..., None], 3, axis=2)
    for still, centre, scale, (x, y) in placed:
        matrix = np.array([[scale, 0, x - scale * centre[0]], [0, scale, y - scale * centre[1]]])
        head = cv2.warpAffine(still, matrix, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
        mask = np.zeros((height, width), np.float32)
        cv2.ellipse(mask, (round(x * 16), round(y * 16)), (round(scale * 80 * 16), round(scale * 108 * 16)), 0, 0, 360,
                    1.0, -1, cv2.LINE_AA, 4)
        canvas = canvas + (head - canvas) * cv2.GaussianBlur(mask, (0, 0), 1.5)[..., None]
    return np.asarray(np.clip(np.rint(canvas), 0, 255), np.uint8)
