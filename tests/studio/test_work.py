"""The worker and the newest of several previews."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from models.errors import Cancelled
from studio.work import Newest, Ticket, Worker


@pytest.fixture
def worker() -> Iterator[Worker]:
    with ThreadPoolExecutor(1) as executor:
        yield Worker(executor)


def wait_for_cancel(ticket: Ticket[str]) -> str:
    for _ in range(2000):
        if ticket.cancelled():
            return "stopped"
        threading.Event().wait(0.005)
    return "never told to stop"


def test_the_newest_request_wins_and_the_older_is_told_to_stop(worker: Worker) -> None:
    newest: Newest[str] = Newest(worker)
    first = newest.ask("rendering", wait_for_cancel)
    second = newest.ask("rendering", lambda _: "second")
    assert second.future.result(10) == "second"
    with pytest.raises(Cancelled):
        first.future.result(10)
    assert newest.take(first) is None
    assert newest.take(second) == "second"


def test_an_older_request_that_was_done_already_does_not_count_and_takes_nothing_from_the_newest(worker: Worker,
                                                                                              ) -> None:
    newest: Newest[str] = Newest(worker)
    first = newest.ask("rendering", lambda _: "first")
    assert first.future.result(10) == "first"
    second = newest.ask("rendering", lambda _: "second")
    assert newest.take(first) is None
    assert second.future.result(10) == "second"
    assert newest.take(second) == "second"
    assert not newest.running


def test_work_that_was_cancelled_before_its_turn_never_runs(worker: Worker) -> None:
    gate, ran = threading.Event(), []
    running: Ticket[bool] = worker.start("opening", lambda _: gate.wait(10))
    waiting: Ticket[None] = worker.start("opening", lambda _: ran.append(1))
    waiting.cancel()
    gate.set()
    assert running.future.result(10)
    with pytest.raises(Cancelled):
        waiting.future.result(10)
    assert ran == []


def test_an_error_reaches_whoever_waits(worker: Worker) -> None:
    def fail(_: Ticket[None]) -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        worker.start("opening", fail).future.result(10)


def test_waiting_ends_with_the_work_or_with_the_time(worker: Worker) -> None:
    gate = threading.Event()
    ticket: Ticket[bool] = worker.start("opening", lambda _: gate.wait(10))

    async def look() -> tuple[bool, bool]:
        early = await ticket.wait(0.05)
        gate.set()
        return early, await ticket.wait(10)

    assert asyncio.run(look()) == (False, True)


def test_progress_stays_between_nothing_and_all() -> None:
    ticket: Ticket[None] = Ticket("rendering")
    for told, kept in ((0.25, 0.25), (1.7, 1.0), (-1.0, 0.0)):
        ticket.progress(told)
        assert ticket.share == kept
