"""What an analysis holds of a span of a clip: shots, and every face's way through them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.arrays import Embedding
from models.face import Box

SEEN, HELD, FILLED = 1, 2, 4
"""Of a face in a frame: the detector saw it there; its points are carried on because what is read is not to be
believed; nothing was read at all, and it lies between what was before and behind."""

UNKNOWN = 9.0
"""The spread of points that nobody read."""


@dataclass(frozen=True, slots=True, eq=False)
class Glimpse:
    """A frame that shows a face well. clear: how well, 0..1. box: where it is in that frame."""

    frame: int
    clear: float
    box: Box
    descriptor: Embedding


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One face through consecutive frames of one span. first: number of the first frame. points: (n, 68, 2) pixels of
    the upright frame. boxes: (n, 4), as `Box`. spread: (n,), UNKNOWN where nothing was read. flags: (n,), SEEN, HELD,
    FILLED. turns: (n,), quarter turns. score: the detector's best. glimpses: best first."""

    first: int
    points: NDArray[np.float64]
    boxes: NDArray[np.float64]
    spread: NDArray[np.float64]
    flags: NDArray[np.uint8]
    turns: NDArray[np.uint8]
    score: float
    glimpses: tuple[Glimpse, ...] = ()

    @property
    def last(self) -> int:
        return self.first + len(self.points) - 1

    def box_at(self, frame: int) -> Box:
        return Box(*map(float, self.boxes[frame - self.first]))


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What was found in the frames first..last. cuts: frames that begin a shot. flashes: frames that only flash."""

    first: int
    last: int
    cuts: tuple[int, ...] = ()
    flashes: tuple[int, ...] = ()
    pieces: tuple[Piece, ...] = ()
