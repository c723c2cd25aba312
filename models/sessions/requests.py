"""What was asked of a device: which goes next, and which fit into one run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.sessions.ports import Priority
from models.sessions.tensors import Array, DeviceArray, on_host

if TYPE_CHECKING:
    from models.sessions.model import Model

MOST = 32
"""Rows of one run at most, so that a preview never waits for a long one."""

Feeds = Mapping[str, Array]
Made = list[NDArray[Any]]


@dataclass(slots=True, eq=False)
class Request:
    """One run of one model for one owner. number: the order of arrival. keep: its answers stay on the device (see
    `tensors`). rows: of the inputs whose first axis is free; 1 where none is."""

    model: Model
    feeds: Feeds
    outputs: tuple[str, ...] | None
    priority: Priority = Priority.RENDER
    owner: str = ""
    number: int = 0
    keep: bool = False
    future: Future[Any] = field(default_factory=Future)

    @property
    def rows(self) -> int:
        return next((len(array) for name, array in self.feeds.items() if name in self.model.free), 1)

    @property
    def alone(self) -> bool:
        """Whether nothing can go along: nobody puts together, or takes apart, what lies on a device."""
        return self.keep or any(isinstance(array, DeviceArray) for array in self.feeds.values())


class Turns:
    """Who was served how much, in rows, so that of those who are equally urgent the one that had least goes first."""

    def __init__(self) -> None:
        self._served: dict[str, float] = {}

    def next(self, waiting: Sequence[Request]) -> list[Request]:
        """All that wait, in the order in which they are due."""
        owners = {request.owner for request in waiting}
        # Whoever comes anew begins level with those who wait: neither behind them, nor with a right to catch up.
        level = min((self._served[owner] for owner in owners if owner in self._served), default=0.0)
        self._served = {owner: max(self._served.get(owner, level), level) for owner in owners}
        return sorted(waiting, key=lambda one: (one.priority, self._served[one.owner], one.number))

    def took(self, requests: Iterable[Request]) -> None:
        for request in requests:
            self._served[request.owner] = self._served.get(request.owner, 0.0) + request.rows


def pack(due: Sequence[Request]) -> list[Request]:
    """The first one, and those behind it that its run can take along: of the same model, with rows of the same shape,
    wanting the same outputs, and equal in every input that all rows share."""
    first = due[0]
    model = first.model
    if not model.packs or first.alone:
        return [first]
    chosen, rows = [first], first.rows
    for other in due[1:]:
        if other.model is model and rows + other.rows <= model.most and _alike(first, other):
            chosen.append(other)
            rows += other.rows
    return chosen


def _alike(one: Request, other: Request) -> bool:
    if other.alone or one.outputs != other.outputs or one.feeds.keys() != other.feeds.keys():
        return False
    for name, array in one.feeds.items():
        theirs = other.feeds[name]
        if name in one.model.free:
            if array.dtype != theirs.dtype or array.shape[1:] != theirs.shape[1:]:
                return False
        elif array.dtype != theirs.dtype or not np.array_equal(array, theirs):  # type: ignore[arg-type]
            return False
    return True


def together(requests: Sequence[Request]) -> Feeds:
    """The feeds of one run for all of them."""
    if len(requests) == 1:
        return requests[0].feeds
    model = requests[0].model
    return {name: np.concatenate([on_host(request.feeds[name]) for request in requests]) if name in model.free
            else array for name, array in requests[0].feeds.items()}


def apart(made: Made, requests: Sequence[Request]) -> list[Made]:
    """What the run made, for each of them."""
    if len(requests) == 1:
        return [made]
    ends = np.cumsum([request.rows for request in requests])[:-1]
    parts = [np.split(array, ends) for array in made]
    return [[pieces[at] for pieces in parts] for at in range(len(requests))]
