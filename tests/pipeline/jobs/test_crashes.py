"""Workers and servers that die: the job is interrupted or failed, the server lives on, no process stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.jobs.leash import STOP
from pipeline.jobs.runner import ROOT, Jobs
from pipeline.jobs.store import LEASE, JobStore
from pipeline.recipe import Recipe
from pipeline.rendering.request import ClipRequest
from tests.pipeline.jobs.conftest import STAND_IN, Hands, alive, until

linux = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes in /proc")


@pytest.mark.parametrize(("title", "how"), [("signal SIGSEGV", "SIGSEGV"), ("exit 3", "exit code 3")])
def test_a_crash_interrupts_the_job_and_at_the_same_place_again_fails_it(hands: Hands, title: str, how: str) -> None:
    hands.jobs.start()
    id = hands.submit(title)
    assert hands.until(id, "interrupted", "failed", "done") == "interrupted"
    assert hands.jobs.get(id).error is None
    hands.jobs.ask(id, "go_on")
    assert hands.until(id, "failed", "done") == "failed"
    error = hands.jobs.get(id).error
    assert error is not None
    assert (error.code, error.data) == ("JOB.CRASHED", {"how": how})
    assert how in error.message
    log = (hands.jobs.own_folder(id) / "log.txt").read_text()
    assert ("Segmentation fault" in log) == (how == "SIGSEGV")
    after = hands.submit("count 1")
    assert hands.until(after, "done", "failed") == "done"


@linux
@pytest.mark.long
def test_a_killed_worker_leaves_an_interrupted_job_and_nothing_that_it_started(hands: Hands) -> None:
    hands.jobs.start()
    id, after = hands.submit("child"), hands.submit("count 1")
    worker, child = hands.pid(id), hands.pid(id, ".child")
    os.kill(worker, signal.SIGKILL)
    assert hands.until(id, "interrupted", "failed") == "interrupted"
    until(lambda: not alive(worker) and not alive(child), "no orphan remains")
    assert hands.until(after, "done", "failed") == "done"


@contextmanager
def server(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    script = Path(__file__).with_name("server.py")
    with subprocess.Popen([sys.executable, "-P", str(script), str(folder), *STAND_IN],
                          env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        try:
            yield process
        finally:
            process.kill()


@linux
@pytest.mark.long
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("work", ["hold", "deaf", "child"])
def test_a_worker_dies_with_its_server_and_the_job_can_go_on_afterwards(hands: Hands, end: signal.Signals,
                                                                       work: str) -> None:
    with server(hands.jobs.folder) as process:
        id = hands.submit(work)
        pids = [hands.pid(id)] + ([hands.pid(id, ".child")] if work == "child" else [])
        hands.until_frame(id, 1) if work != "child" else None
        process.send_signal(end)
        process.wait(10)
        gone = time.monotonic()
        until(lambda: not alive(pids[0]), "the worker is gone")
        assert time.monotonic() - gone < 1
        until(lambda: not any(map(alive, pids)), "no orphan remains")
    assert hands.jobs.get(id).state == "running"  # nobody was left to say otherwise
    later = Jobs(hands.jobs.folder, clock=lambda: time.time() + LEASE, command=STAND_IN)
    try:
        later.start()
        assert later.get(id).state == "interrupted"
        later.ask(id, "go_on")
        until(lambda: later.get(id).state == "running", "it goes on")
        assert later.get(id).attempts == 2
    finally:
        later.close()


@pytest.mark.long
def test_servers_of_one_folder_share_its_queue(hands: Hands, tmp_path: Path) -> None:
    ids = [hands.submit("count 20") for _ in range(6)]
    with ExitStack() as servers:
        for _ in range(2):
            servers.enter_context(server(hands.jobs.folder))
        for id in ids:
            assert hands.until(id, "done", "failed", "interrupted") == "done"
    jobs = [hands.jobs.get(id) for id in ids]
    assert [job.attempts for job in jobs] == [1] * 6
    spans = sorted((job.started or 0, job.finished or 0) for job in jobs)
    assert all(one[1] <= two[0] for one, two in pairwise(spans)), "two were at work at once"


def test_a_worker_whose_job_was_given_to_another_ends_by_itself(tmp_path: Path) -> None:
    store = JobStore(tmp_path, time.time)
    with worker_of(store, "deaf") as (process, id):
        assert store.settle(id, "token", "interrupted")  # what a second server does when the lease has run out
        assert process.wait(10) != 0
    assert store.get(id).state == "interrupted"


def test_a_worker_ends_when_its_standard_input_does(tmp_path: Path) -> None:
    store = JobStore(tmp_path, time.time)
    with worker_of(store, "deaf") as (process, id):
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(5) != 0
    assert store.get(id).state == "running"


@pytest.mark.parametrize("way", ["word", "SIGTERM"])
def test_a_worker_that_is_asked_to_stop_says_that_its_job_is_interrupted(tmp_path: Path, way: str) -> None:
    store = JobStore(tmp_path, time.time)
    with worker_of(store, "hold") as (process, id):
        if way == "word":
            assert process.stdin is not None
            process.stdin.write(STOP)
            process.stdin.flush()
        else:
            process.terminate()
        assert process.wait(5) == 0
    assert store.get(id).state == "interrupted"


@contextmanager
def worker_of(store: JobStore, title: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A worker at work, without a server."""
    folder = store.path.parent
    request = ClipRequest(recipe=Recipe(), output=folder / "a.mp4")
    store.add("a", title, "render", str(request.output), request.model_dump_json())
    store.claim("token")
    command = [*STAND_IN, "--jobs", str(folder), "--job", "a", "--owner", "token"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
                          start_new_session=True) as process:
        try:
            until(lambda: store.get("a").finished_frames > 0, "it works")
            yield process, "a"
        finally:
            process.kill()
