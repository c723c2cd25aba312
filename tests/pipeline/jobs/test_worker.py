"""What a worker makes of a render's result and faults, and how it writes while the disk is full or slow."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pipeline.findings.finding import Finding
from pipeline.jobs.job import Job, JobError, JobNote
from pipeline.jobs.store import JobStore
from pipeline.jobs.worker import WRITE, Desk, _settle, fault_of, result_of
from pipeline.rendering.control import ClipProgress
from pipeline.rendering.doubts import Doubt, Doubtful
from pipeline.rendering.request import ClipWritten
from processors.batches import Remark
from tests.pipeline.jobs.conftest import until


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(tmp_path, time.time)


@pytest.fixture
def job(store: JobStore) -> Job:
    store.add("a", "a.mp4", "render", "/out/a.mp4", "{}")
    claimed = store.claim("me")
    assert claimed is not None
    return claimed


def test_doubtful_spans_are_in_the_row_for_the_screen_to_ask_about(store: JobStore, job: Job) -> None:
    fault = fault_of(Doubtful("a.mp4", (Doubt("ANONYMISE.HELD", 1.5, 2.25, "Held."),), Path("/out/a.mp4")), job)
    store.settle("a", "me", "failed", error=fault)
    error = store.get("a").error
    assert error is not None
    assert error.code == "ANONYMISE.DOUBTFUL"
    assert error.data == {"doubts": [{"code": "ANONYMISE.HELD", "start": 1.5, "stop": 2.25, "words": "Held."}]}


def test_a_result_names_whom_each_remark_is_about(store: JobStore, job: Job) -> None:
    written = ClipWritten(
        Path("/out/a.mp4"), 123, "mp4", "h264", 60, Path("/out/a.mp4.xmp"), rendered=2, reused=1, changed=40,
        notes=(Remark("N.N", "Note.", {}),),
        remarks=((0, (Remark("C.C", "Clip.", {"n": 1}),)), (2, (Remark("P.P", "Person.", {"m": 2}),))))
    store.settle("a", "me", "done", result=result_of(written))
    result = store.get("a").result
    assert result is not None
    assert (result.output, result.bytes, result.sidecar) == ("/out/a.mp4", 123, "/out/a.mp4.xmp")
    assert result.notes == (JobNote("N.N", "Note.", {}), JobNote("C.C", "Clip.", {"n": 1}),
                            JobNote("P.P", "Person.", {"m": 2, "person": 2}))
    assert result.data == {"container": "mp4", "codec": "h264", "frames": 60, "rendered": 2, "reused": 1, "copied": 0,
                           "changed": 40}


def test_a_result_says_how_much_was_found_in_it_and_where_that_is_kept() -> None:
    found = tuple(Finding("FINDING.JUMP", severity, 1, 2, 1, 0.1, 0.2, 0, 1, "It jumps.")
                  for severity in ("low", "high", "low"))
    written = ClipWritten(Path("/out/a.mp4"), 123, "mp4", "h264", 60, findings=found, version="sha256:1")
    assert result_of(written).data["findings"] == {"high": 1, "middle": 0, "low": 2}
    assert result_of(written).data["version"] == "sha256:1"
    assert result_of(replace(written, findings=())).data["findings"] == {"high": 0, "middle": 0, "low": 0}
    assert "findings" not in result_of(replace(written, version=None)).data, "nobody looked"


class FullFor(JobStore):
    """A store whose disk is full for the next few writes."""

    full = 0

    def progress(self, *args: Any) -> None:
        self._fill()
        super().progress(*args)

    def settle(self, *args: Any, **more: Any) -> bool:
        self._fill()
        return super().settle(*args, **more)

    def _fill(self) -> None:
        if self.full > 0:
            self.full -= 1
            raise JobError("The list of jobs cannot be used: full.", code="DISK.FULL")


def test_the_end_of_a_render_is_written_as_soon_as_the_disk_takes_it(tmp_path: Path, job: Job) -> None:
    store = FullFor(tmp_path, time.time)
    desk = Desk(store, job, "me", threading.Event())
    desk.open()
    desk.control.progress(ClipProgress("join", 9, 9, picture=b"last"))
    store.full = 3
    fault = fault_of(MemoryError(), job)
    assert _settle(store, desk, job, "me", "failed", fault, None) == 0
    found = store.get("a")
    assert (found.state, found.error, found.finished_frames) == ("failed", fault, 9)
    assert store.picture("a") == b"last"


class Counting(JobStore):
    """A store that notes when progress is written, and takes its time."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, time.time)
        self.writes: list[tuple[float, ClipProgress]] = []

    def progress(self, id: str, owner: str, progress: ClipProgress) -> None:
        self.writes.append((time.monotonic(), progress))
        time.sleep(0.02)  # a slow disk
        super().progress(id, owner, progress)


def test_progress_is_written_seldom_however_often_it_is_told_and_no_picture_is_lost(tmp_path: Path, job: Job) -> None:
    store = Counting(tmp_path)
    desk = Desk(store, job, "me", threading.Event())
    desk.open()
    frame = 0
    pictures = []
    while len(store.writes) < 4:
        picture = b"%d" % frame if frame % 1000 == 1 else None
        pictures += [picture] if picture else []
        frame += 1
        desk.control.progress(ClipProgress("render", frame, 10**9, picture=picture))
        threading.Event().wait(0.0005)
    desk.close()
    times = [when for when, _ in store.writes]
    # The last is written at closing, whenever that is.
    assert min(b - a for a, b in pairwise(times[:-1])) >= WRITE - 0.02
    assert store.get("a").finished_frames == frame
    assert store.picture("a") == pictures[-1]
    written = [progress.picture for _, progress in store.writes if progress.picture is not None]
    assert len(written) == len(set(written)), "a picture was written twice"


def test_a_held_render_is_shown_as_paused_only_when_it_holds(store: JobStore, job: Job) -> None:
    desk = Desk(store, job, "me", threading.Event())
    desk.open()
    store.want("a", "pause")
    until(lambda: desk._pause, "the worker knows")
    assert store.get("a").state == "running"  # its frame is not finished yet
    assert desk.control.paused()
    until(lambda: store.get("a").state == "paused", "it is shown")
    store.want("a", "run")
    until(lambda: store.get("a").state == "running", "it goes on")
    assert not desk.control.paused()
    store.cancel("a")
    until(desk.control.cancelled, "the worker knows")
    desk.close()
