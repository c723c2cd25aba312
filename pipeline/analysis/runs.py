"""Runs of a clip's frames: from a first number to a last, both in it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

Runs = tuple[tuple[int, int], ...]
"""First and last frames, in order of time, with something between one and the next."""


def joined(runs: Iterable[tuple[int, int]]) -> Runs:
    """Those that touch or overlap as one."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(runs):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return tuple(found)


def holes(runs: Sequence[tuple[int, int]], frames: int) -> Runs:
    """What of 0..frames - 1 lies in no run."""
    edges = [(-1, -1), *joined(runs), (frames, frames)]
    return tuple((before[1] + 1, after[0] - 1) for before, after in itertools.pairwise(edges)
                 if before[1] + 1 < after[0])
