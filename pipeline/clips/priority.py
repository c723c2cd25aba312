"""Keeps an encoder from taking the whole machine."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

_THREADS = Path("/proc/self/task")


@contextlib.contextmanager
def usual_priority() -> Iterator[None]:
    """Round the opening of an encoder: what it did to the priority of this process's threads is undone.

    SVT-AV1 gives the thread that opens it, and every thread of its own, the highest real-time priority where it may: as
    root, which is how containers and many home servers run (seen with SVT-AV1 4.1.0 in PyAV 18.1). Every thread and
    process that is started from there inherits it, and nothing else on the machine gets its turn until all of them have
    done with theirs. Linux alone; other systems do not let a thread's priority be set from outside.
    """
    if sys.platform != "linux":
        yield
        return
    before = set(_in_real_time())
    try:
        yield
    finally:
        for thread in _in_real_time():
            if thread not in before:
                with contextlib.suppress(ProcessLookupError):  # it has just ended
                    os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))


def _in_real_time() -> Iterator[int]:
    """The ids of this process's threads that the system serves before all others."""
    for entry in list(_THREADS.iterdir()):
        with contextlib.suppress(ProcessLookupError):
            if os.sched_getscheduler(int(entry.name)) in (os.SCHED_FIFO, os.SCHED_RR):
                yield int(entry.name)
