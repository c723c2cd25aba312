"""What a process and its children used: CPU time, time by the clock, and the most memory at once."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

_MB = 1 << 20


@dataclass(frozen=True, slots=True)
class Spent:
    """cpu, wall: seconds since the start. CPU time is of this process and of its children that have ended (on Windows
    of this process alone)."""

    cpu: float
    wall: float


class Stopwatch:
    def __init__(self) -> None:
        self._cpu, self._wall = _cpu(), time.perf_counter()

    def read(self) -> Spent:
        return Spent(_cpu() - self._cpu, time.perf_counter() - self._wall)


def _cpu() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def peak_mb() -> float | None:
    """The most memory that this process had resident at any time, in MB; None where the system does not tell (Windows).
    """
    if sys.platform.startswith("linux"):
        # Not `resource`'s figure: that one is inherited from the process that started this one.
        return _high_water("self")
    if sys.platform == "win32":
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MB


def children_peak_mb() -> float:
    """The same of the children that run just now, together; 0 where the system does not tell (all but Linux)."""
    if not sys.platform.startswith("linux"):
        return 0.0
    found = 0.0
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            found += _high_water(child)
    return found


def _high_water(process: str) -> float:
    for line in Path("/proc", process, "status").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / _MB
    return 0.0  # a child that has just ended
