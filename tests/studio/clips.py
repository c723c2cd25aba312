"""A small clip with two people for the studio's tests, and what is done with it without a browser."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pipeline.clips.example import example_clip
from pipeline.engine import Engine
from studio.machine import Machine
from studio.perform import perform
from studio.session import TabSession
from studio.tabs import Tabs
from studio.work import Worker

SIZE, FRAMES, CUT = (640, 360), 36, 18
"""Faces of about 78 pixels between the outer eye corners: the built-in detector finds them, and a frame takes a quarter
of 720p's time."""


def small_clip(folder: Path, name: str = "interview.mp4") -> Path:
    """The astronaut for half a second, then Grace Hopper."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    if not path.exists():
        example_clip(path, size=SIZE, frames=FRAMES, cut=CUT)
    return path


@contextlib.contextmanager
def tabs_of(engine: Engine, folder: Path) -> Iterator[Tabs]:
    """A studio's tabs without its server. The queue is not started: jobs are submitted, and stay."""
    machine = Machine(folder / "data")
    with ThreadPoolExecutor(1) as executor:
        opened = Tabs(engine, Worker(executor), folder / "data" / "tabs" / "run", machine)
        opened.uploads.mkdir(parents=True)
        yield opened
        opened.close_all()
        machine.close()


def do(tab: TabSession, **action: Any) -> list[tuple[str, ...]]:
    """Performs an action to its end; the parts that were told to change, step by step."""
    async def collect() -> list[tuple[str, ...]]:
        return [step async for step in perform(tab, action)]

    return asyncio.run(collect())


def codes(tab: TabSession) -> list[str]:
    return [notice.code for notice in (*tab.notices, *tab.clip.notices)]


def wait_for(true: Callable[[], bool], seconds: float = 60) -> bool:
    """Looks again and again, for at most so long."""
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.05)
    return true()
