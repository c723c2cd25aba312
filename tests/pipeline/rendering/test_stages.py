"""Stages that overlap: order, bounds, and what happens when one of them fails or is left."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.rendering.meter import Meter
from pipeline.rendering.stages import Behind, ahead, depth_for


@settings(max_examples=25, deadline=None)
@given(items=st.lists(st.integers(), max_size=60), depth=st.integers(1, 5))
def test_items_keep_their_order_through_both_stages(items: list[int], depth: int) -> None:
    got: list[int] = []
    with Behind[int](got.extend, depth) as sink:
        for item in ahead((i for i in items), depth):
            sink.put(item)
    assert got == items


def test_a_source_runs_no_further_ahead_than_its_queue() -> None:
    made: list[int] = []
    full = threading.Event()

    def count() -> Generator[int, None, None]:
        for number in range(1000):
            made.append(number)
            if number == 4:
                full.set()
            yield number

    frames = ahead(count(), 3)
    assert next(frames) == 0
    assert full.wait(5)  # one taken, three waiting, one in hand
    frames.close()
    assert len(made) <= 6


def test_a_source_that_fails_fails_its_user_after_what_it_had_made() -> None:
    def broken() -> Generator[int, None, None]:
        yield 1
        raise ValueError("no more")

    frames = ahead(broken())
    assert next(frames) == 1
    with pytest.raises(ValueError, match="no more"):
        next(frames)


def test_leaving_early_closes_the_source() -> None:
    closed = threading.Event()

    def endless() -> Generator[int, None, None]:
        try:
            while True:
                yield 0
        finally:
            closed.set()

    frames = ahead(endless())
    next(frames)
    frames.close()
    assert closed.is_set()
    assert not [t for t in threading.enumerate() if t.name == "ahead"]


def put_all(work: Callable[[int], None], items: int, depth: int) -> None:
    def each(found: Iterator[int]) -> None:
        for item in found:
            work(item)

    with Behind[int](each, depth) as sink:
        for item in range(items):
            sink.put(item)


def test_a_sink_that_fails_fails_whoever_puts() -> None:
    def full(_item: int) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        put_all(full, 100, 1)


def test_a_sink_that_fails_at_the_last_item_fails_the_end() -> None:
    def picky(item: int) -> None:
        if item == 3:
            raise OSError("the last one")

    with pytest.raises(OSError, match="the last one"):
        put_all(picky, 4, 8)


def test_what_waits_is_dropped_when_the_body_fails() -> None:
    gate = threading.Event()
    done: list[int] = []

    def slow(items: Iterator[int]) -> None:
        for item in items:
            gate.wait(5)
            done.append(item)

    def body() -> None:
        with Behind[int](slow, 8) as sink:
            for item in range(8):
                sink.put(item)
            gate.set()
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        body()
    assert len(done) < 8
    assert not [t for t in threading.enumerate() if t.name == "behind"]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_speed_is_that_of_the_last_seconds_and_waits_do_not_count() -> None:
    clock = Clock()
    meter = Meter(1000, clock)
    meter.skip(500)
    assert (meter.done, meter.fps) == (500, 0.0)
    for _ in range(20):
        clock.now += 0.5
        meter.count()
    assert meter.fps == pytest.approx(2.0)
    assert meter.eta == pytest.approx(240.0)
    clock.now += 60
    meter.away(60)
    for _ in range(40):
        clock.now += 0.25
        meter.count()
    assert meter.fps == pytest.approx(4.0)
    assert meter.eta == pytest.approx(110.0)


def test_no_time_is_told_before_it_can_be_known() -> None:
    clock = Clock()
    meter = Meter(1000, clock)
    clock.now += 0.1
    meter.count()
    assert meter.eta is None
    for _ in range(29):
        clock.now += 0.1
        meter.count()
    assert meter.eta == pytest.approx(97.0)


@pytest.mark.parametrize(("size", "frames"), [((1, 1), 4), ((1920, 1080), 4), ((3840, 2160), 2), ((16384, 8192), 2)])
def test_few_large_frames_wait_between_stages(size: tuple[int, int], frames: int) -> None:
    assert depth_for(size[0] * size[1] * 3 // 2) == frames
