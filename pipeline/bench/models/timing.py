"""Several ways of one thing, measured in turns: what else the machine does then meets all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median

from pipeline.bench.models.report import Against, Time

PAUSE = 0.1
"""Seconds before each way: threads of sessions with default options spin on after a run, and would slow the next."""
LOOP = 6
"""Calls in a row, where a loop is measured, as over frames of a clip: what a single call takes after a pause is mostly
how long a machine that rested needs to wake a second core, up to twice the call itself."""


def in_turns(ways: Mapping[str, Callable[[], object]], rounds: int, pause: float = PAUSE, calls: int = 1,
             ) -> dict[str, list[float]]:
    """Milliseconds a call of each way in each round. Every way runs twice first, uncounted: networks are loaded, shapes
    are settled, graphs are written down. Its order turns around from round to round. calls: how often in a row."""
    for way in ways.values():
        way()
        way()
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in list(ways) if number % 2 == 0 else list(ways)[::-1]:
            time.sleep(pause)
            began = time.perf_counter()
            for _ in range(calls):
                ways[name]()
            taken[name].append(1000 * (time.perf_counter() - began) / calls)
    return taken


def told(ms: Sequence[float]) -> Time:
    return Time(median=round(median(ms), 4), least=round(min(ms), 4), most=round(max(ms), 4))


def against(ours: Sequence[float], theirs: Sequence[float]) -> Against:
    """Ratios are taken within a round, so that a busy machine is in both."""
    return Against(ours=told(ours), theirs=told(theirs), ratio=times(theirs, ours))


def times(dear: Sequence[float], cheap: Sequence[float]) -> float:
    return round(median(a / max(b, 1e-9) for a, b in zip(dear, cheap, strict=True)), 3)
