"""Work off the event loop: one worker for the device, cancel tokens, and previews of which the newest wins."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Generic, TypeVar

from models.errors import Cancelled

T = TypeVar("T")

LOOK_EVERY = 0.02
"""Seconds between two looks at whether work is done: below what a person notices (0.1 s), above what costs."""


class Ticket(Generic[T]):
    """One piece of work: how far it is, and the way to stop it."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.share = 0.0
        self.future: Future[T] = Future()
        self._cancelled = threading.Event()

    def progress(self, share: float, stage: str = "") -> None:
        """Called by the worker. share: 0..1 of this piece of work."""
        self.share = min(max(share, 0.0), 1.0)
        if stage:
            self.stage = stage

    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def cancel(self) -> None:
        self._cancelled.set()

    @property
    def done(self) -> bool:
        return self.future.done()

    async def wait(self, seconds: float) -> bool:
        """Waits at most so long; True where the work is done, however it ended."""
        left = seconds
        while not self.future.done() and left > 0:
            await asyncio.sleep(min(LOOK_EVERY, left))
            left -= LOOK_EVERY
        return self.future.done()


class Worker:
    """Runs work on an executor that all tabs share, so that two tabs never use the device at once."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._lock = threading.Lock()
        self._ended = 0
        self.started = 0
        """How much work was ever asked for."""

    @property
    def busy(self) -> bool:
        return self._ended < self.started

    def start(self, stage: str, work: Callable[[Ticket[T]], T]) -> Ticket[T]:
        """Work that is cancelled before or while it runs ends in Cancelled, whatever it returns."""
        ticket: Ticket[T] = Ticket(stage)

        def run() -> None:
            try:
                result = None if ticket.cancelled() else work(ticket)
                if ticket.cancelled():
                    raise Cancelled("Stopped at your request.", remedy="Nothing was written.")
                ticket.future.set_result(result)  # type: ignore[arg-type]  # None only where cancelled
            except BaseException as error:  # carried to whoever waits for the ticket
                ticket.future.set_exception(error)
            finally:
                with self._lock:
                    self._ended += 1

        with self._lock:
            self.started += 1
        self._executor.submit(run)
        return ticket


class Newest(Generic[T]):
    """At most one piece of work counts: asking again cancels the one before."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self.ticket: Ticket[T] | None = None

    def ask(self, stage: str, work: Callable[[Ticket[T]], T]) -> Ticket[T]:
        self.drop()
        self.ticket = self._worker.start(stage, work)
        return self.ticket

    def take(self, ticket: Ticket[T]) -> T | None:
        """What a ticket of this place came to; None where another has taken its place, though it be done already: then
        the other's result is the one that counts. Raises what the work did."""
        if self.ticket is not ticket:
            return None
        self.ticket = None
        return ticket.future.result()

    @property
    def running(self) -> bool:
        return self.ticket is not None and not self.ticket.done

    def drop(self) -> None:
        """Nobody waits for the present one any more."""
        if self.ticket is not None:
            self.ticket.cancel()
        self.ticket = None
