"""A studio that nobody uses gives back what it holds: models, decoders, memory that the allocator kept."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from pipeline.engine import Engine
from studio.work import Worker

AFTER = 300.0
"""Seconds without work after which it rests: whoever comes back from lunch waits a second for the models at most."""
LOOK = 15.0
"""Seconds between two looks."""


class Idle:
    """Watches the workers. clock: seconds that only go forward."""

    def __init__(self, engine: Engine, workers: tuple[Worker, ...],
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._workers = workers
        self._clock = clock
        self._seen = sum(worker.started for worker in workers)
        self._since = clock()
        self.resting = True
        """Nothing was loaded yet."""

    async def watch(self) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Rests, once, where nothing was asked for long enough."""
        started = sum(worker.started for worker in self._workers)
        if started != self._seen or any(worker.busy for worker in self._workers):
            self._seen, self._since, self.resting = started, self._clock(), False
        elif not self.resting and self._clock() - self._since >= AFTER:
            self.resting = True
            self._engine.rest()
            give_back()


def give_back() -> None:
    """Memory that Python and the C library keep for later, to the system. Linux alone can be told."""
    gc.collect()
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library than glibc
            ctypes.CDLL(None).malloc_trim(0)
