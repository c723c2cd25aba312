"""Where shots begin, and which frames are only a flash: told with a look at the few frames that follow."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import cv2

from models.arrays import Pixels
from pipeline.tracking.cuts import differ, is_plain, small
from pipeline.tracking.frames import Looked

F = TypeVar("F", bound=Looked)

FLASH = 4
"""Frames that a flash lasts at most (a camera's is one to three frames at 30 a second): what shows the same as before
after so many has not been cut away from."""


_STILL = 1.0
"""Levels: mean change of a twelfth of the picture's width that is no motion. Noise of ten levels at 720p changes it
by .2; a face of a sixteenth of the width that moves by a twentieth of itself, by 2 and more."""


@dataclass(frozen=True, slots=True, eq=False)
class Told(Generic[F]):
    """cut: the frame begins a shot. flash: it is part of one, and what it shows is not to be looked at. still:
    nothing in the picture has moved since the frame before."""

    frame: F
    cut: bool = False
    flash: bool = False
    still: bool = False


def is_still(before: Pixels, now: Pixels) -> bool:
    """Whether two pictures (from `small`) are the same everywhere."""
    changes = cv2.absdiff(before, now)
    height, width = changes.shape
    blocks = cv2.resize(changes, (max(width // 8, 1), max(height // 8, 1)), interpolation=cv2.INTER_AREA)
    return bool(blocks.max() <= _STILL)


class Shots(Generic[F]):
    """Takes frames in order and gives them back, up to FLASH frames later, with what they are."""

    def __init__(self) -> None:
        self._before: Pixels | None = None
        self._waiting: deque[tuple[F, Pixels]] = deque()
        self._plainly = False  # nothing could be seen in the last frame, which was no flash: a fade

    def step(self, frame: F) -> Iterator[Told[F]]:
        self._waiting.append((frame, small(frame.grey8())))
        yield from self._settled(more=True)

    def end(self) -> Iterator[Told[F]]:
        """What still waits, where no frame follows."""
        yield from self._settled(more=False)

    def _settled(self, *, more: bool) -> Iterator[Told[F]]:
        while self._waiting:
            frame, picture = self._waiting[0]
            plain = is_plain(picture)
            strange = plain or (self._before is not None and differ(self._before, picture))
            if strange and self._before is not None and not self._plainly:
                back = self._comes_back()
                if back is None and more and len(self._waiting) <= FLASH:
                    return  # the frames to come decide
                if back is not None:
                    for _ in range(back):
                        yield Told(self._waiting.popleft()[0], flash=True)
                    continue
            self._waiting.popleft()
            cut = strange and not plain and self._before is not None
            still = not strange and self._before is not None and is_still(self._before, picture)
            self._plainly = plain
            if not plain:
                self._before = picture
            yield Told(frame, cut, still=still)

    def _comes_back(self) -> int | None:
        """How many frames it is until one shows what was before; None where none of those that wait does."""
        assert self._before is not None
        for count, (_, picture) in enumerate(self._waiting):
            if count and not is_plain(picture) and not differ(self._before, picture):
                return count
        return None
