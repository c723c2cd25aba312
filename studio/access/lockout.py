"""Guessing made slow: after some failures every further try waits, longer and longer, and few may wait at once.

Nobody is locked out for good: the right password counts after the wait, and whoever is signed in notices nothing. While
somebody keeps guessing, others at the same place may have to try again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

FREE = 5
"""Failures that cost nothing: people mistype."""
LONGEST = 30.0
"""Seconds. With as many waiting as may, 23,000 guesses a day, of a password of 60 bits."""
FORGOTTEN = 900.0
"""Seconds without a failure after which all is forgiven."""
WAITING = 8
"""Tries of one place that may wait at once; further ones are turned away."""
PLACES = 1000
"""Places that are remembered; the ones that failed longest ago go first."""


@dataclass(slots=True)
class _Place:
    failures: int = 0
    last: float = 0.0
    waiting: int = 0


class Lockout:
    """By place (an address; everybody who comes by one tunnel is at one place). clock: seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._places: dict[str, _Place] = {}

    def enter(self, place: str) -> bool:
        """Somebody there wants to try. False where too many wait there already."""
        found = self._place(place)
        if found.waiting >= WAITING:
            return False
        found.waiting += 1
        return True

    def begin(self, place: str) -> float:
        """Seconds that this try has to wait. It counts as failed from now on, until `passed` says otherwise."""
        found = self._place(place)
        if self._clock() - found.last > FORGOTTEN:
            found.failures = 0
        wait = min(2.0 ** (found.failures - FREE), LONGEST) if found.failures >= FREE else 0.0
        found.failures += 1
        found.last = self._clock()
        return wait

    def leave(self, place: str) -> None:
        self._place(place).waiting -= 1

    def passed(self, place: str) -> None:
        self._place(place).failures = 0

    def _place(self, place: str) -> _Place:
        found = self._places.pop(place, None) or _Place()
        self._places[place] = found
        while len(self._places) > PLACES:
            idle = next((key for key, one in self._places.items() if not one.waiting and key != place), None)
            if idle is None:
                break
            del self._places[idle]
        return found
