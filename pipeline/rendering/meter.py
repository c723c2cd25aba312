"""How fast it goes, and how long it will take."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

WINDOW = 5.0
"""Seconds that the speed is measured over: long enough to be steady, short enough to follow a harder scene."""

ETA_SHARE, ETA_SECONDS = 0.03, 5.0
"""Time left is told after this share or so many seconds, whichever is first: before that it is a guess."""


class Meter:
    """Counts frames. total: all that are to be done; `done` may begin above nought where parts were there already.

    Time spent paused does not count.
    """

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = total
        self.done = 0
        self._clock = clock
        self._began = clock()
        self._worked = 0
        self._away = 0.0
        self._marks: deque[tuple[float, int]] = deque([(0.0, 0)])

    def now(self) -> float:
        """Seconds of work so far."""
        return self._clock() - self._began - self._away

    def skip(self, frames: int) -> None:
        """Frames that need no work."""
        self.done += frames

    def count(self, frames: int = 1) -> None:
        self.done += frames
        self._worked += frames
        now = self.now()
        self._marks.append((now, self._worked))
        while len(self._marks) > 2 and self._marks[1][0] < now - WINDOW:
            self._marks.popleft()

    def away(self, seconds: float) -> None:
        """So long nothing was meant to happen."""
        self._away += seconds

    @property
    def fps(self) -> float:
        (then, before), (now, worked) = self._marks[0], self._marks[-1]
        return (worked - before) / (now - then) if now > then else 0.0

    @property
    def eta(self) -> float | None:
        """Seconds left; None while nobody can know."""
        left = self.total - self.done
        if left <= 0:
            return 0.0
        early = self.done < ETA_SHARE * self.total and self.now() < ETA_SECONDS
        return None if early or self.fps <= 0 else left / self.fps
