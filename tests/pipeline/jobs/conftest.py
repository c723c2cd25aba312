"""A queue on a folder of its own whose workers run the stand-in, and waits by conditions."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.jobs.job import State
from pipeline.jobs.runner import Jobs
from pipeline.recipe import Recipe
from pipeline.rendering.request import ClipRequest

STAND_IN = (sys.executable, "-P", str(Path(__file__).with_name("standin.py")))
PATIENCE = 30.0
"""Seconds before a wait is given up: a worker's start takes 1 s, a machine that tests share may be ten times slower."""


def until(true: Callable[[], object], what: str) -> None:
    """Waits for a condition."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.01)


class Hands:
    """What tests do with a queue."""

    def __init__(self, jobs: Jobs, outputs: Path) -> None:
        self.jobs = jobs
        self.outputs = outputs

    def submit(self, title: str, name: str | None = None) -> str:
        name = name or f"{len(self.jobs.list())}.mp4"
        return self.jobs.submit(title, ClipRequest(recipe=Recipe(), output=self.outputs / name))

    def until(self, id: str, *states: State) -> State:
        until(lambda: self.jobs.get(id).state in states, f"{id} is {states}: {self.jobs.get(id)}")
        return self.jobs.get(id).state

    def until_frame(self, id: str, frame: int) -> None:
        until(lambda: self.jobs.get(id).finished_frames >= frame, f"{id} is at frame {frame}: {self.jobs.get(id)}")

    def beside(self, id: str, suffix: str) -> Path:
        return Path(self.jobs.get(id).output).with_suffix(suffix)

    def pid(self, id: str, suffix: str = ".pid") -> int:
        path = self.beside(id, suffix)
        until(lambda: path.exists() and path.read_text(), f"{path} is there")
        return int(path.read_text())


def alive(pid: int) -> bool:
    """True while a process runs; one that has ended and is not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def hands(tmp_path: Path) -> Iterator[Hands]:
    outputs = tmp_path / "out"
    outputs.mkdir()
    jobs = Jobs(tmp_path / "jobs", command=STAND_IN)
    yield Hands(jobs, outputs)
    jobs.close()
