"""Undo and redo: the recipes of a tab, in the order in which they were made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

DEPTH = 200
"""How many states are kept. A recipe is a few kilobytes, so that this is below one megabyte a tab."""


class History(Generic[T]):
    """A line of states with a place on it; a new state cuts off what was undone."""

    def __init__(self, first: T, depth: int = DEPTH) -> None:
        self._states = [first]
        self._place = 0
        self._depth = depth
        self._merging: str | None = None

    @property
    def now(self) -> T:
        return self._states[self._place]

    @property
    def states(self) -> tuple[T, ...]:
        return tuple(self._states)

    @property
    def past(self) -> tuple[T, ...]:
        """Up to the present one: what stays when another is added."""
        return tuple(self._states[:self._place + 1])

    @property
    def can_undo(self) -> bool:
        return self._place > 0

    @property
    def can_redo(self) -> bool:
        return self._place < len(self._states) - 1

    def put(self, state: T, *, merge: str | None = None) -> bool:
        """Adds a state; False where it equals the present one.

        merge: neighbouring states with the same word become one step, so that six nudges of one slider are undone
        together.
        """
        if state == self.now:
            return False
        follows = merge is not None and merge == self._merging and self._place == len(self._states) - 1
        del self._states[self._place + 1:]
        if follows and self._place > 0:
            self._states[self._place] = state
        else:
            self._states.append(state)
            self._states = self._states[-self._depth:]
            self._place = len(self._states) - 1
        self._merging = merge
        return True

    def amend(self, change: Callable[[T], T]) -> None:
        """Changes every state in its place: for what was learned, which is no step of anybody's."""
        self._states = [change(state) for state in self._states]

    def undo(self) -> bool:
        """False where there is nothing to undo."""
        return self._go(-1)

    def redo(self) -> bool:
        """False where there is nothing to redo."""
        return self._go(1)

    def _go(self, step: int) -> bool:
        self._merging = None
        if not 0 <= self._place + step < len(self._states):
            return False
        self._place += step
        return True
