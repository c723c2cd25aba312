"""A small clip with two people for the studio's tests, and what is done with it without a browser."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.clips.example import example_clip
from studio.perform import perform
from studio.session import TabSession

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
