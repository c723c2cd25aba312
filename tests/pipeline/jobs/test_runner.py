"""Jobs from submit to their end, with real worker processes that do a stand-in's work."""

from __future__ import annotations

import os
import time
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest

from models.errors import InputError
from pipeline.jobs.job import Job, JobError, State, Wish
from pipeline.jobs.leash import NICENESS
from pipeline.jobs.worker import BALLAST
from pipeline.recipe import Recipe
from pipeline.rendering.ledger import parts_folder
from pipeline.rendering.request import ClipRequest
from tests.pipeline.jobs.conftest import Hands, alive, until


def test_a_job_runs_to_its_end_and_its_row_says_so(hands: Hands) -> None:
    hands.jobs.start()
    before = hands.jobs.revision()
    id = hands.submit("count 40")
    assert hands.until(id, "done", "failed") == "done"
    job = hands.jobs.get(id)
    assert (job.stage, job.finished_frames, job.total_frames) == ("render", 40, 40)
    assert job.parts == ("done", "done", "done", "running")
    assert job.result is not None
    assert (job.result.output, job.result.data) == (job.output, {"frames": 40})
    assert [(note.code, note.values) for note in job.result.notes] == [("A.NOTE", {"n": 1})]
    assert Path(job.output).read_text() == f"attempt 1, nice {min(os.nice(0) + NICENESS, 19)}"
    assert hands.jobs.picture(id) == b"frame 30"
    assert job.picture > 0
    assert job.created <= (job.started or 0) <= (job.finished or 0)
    assert hands.jobs.revision() > before


def test_jobs_run_one_at_a_time_in_the_order_they_came(hands: Hands) -> None:
    ids = [hands.submit("count 5") for _ in range(3)]
    hands.jobs.start()
    seen: list[tuple[str, ...]] = []
    while any(job.state in ("queued", "running") for job in hands.jobs.list()):
        seen.append(tuple(job.state for job in hands.jobs.list()))
    assert all(states.count("running") <= 1 for states in seen)
    jobs = [hands.jobs.get(id) for id in ids]
    assert [job.state for job in jobs] == ["done"] * 3
    assert all((a.finished or 0) <= (b.started or 0) for a, b in pairwise(jobs))


def test_pause_resume_and_cancel_act_within_a_second(hands: Hands) -> None:
    hands.jobs.start()
    id = hands.submit("hold")
    hands.until_frame(id, 1)
    took = {}
    for wish, state in (("pause", "paused"), ("resume", "running"), ("pause", "paused"), ("cancel", "cancelled")):
        asked = time.monotonic()
        hands.jobs.ask(id, wish)  # type: ignore[arg-type]  # of a table
        hands.until(id, state)  # type: ignore[arg-type]
        took[wish] = time.monotonic() - asked
        if state == "paused":
            _stands_still(hands, id)
    assert max(took.values()) < 1, took
    until(lambda: not alive(hands.pid(id)), "the worker is gone")


def _stands_still(hands: Hands, id: str) -> None:
    """No frame is finished between two heartbeats, which are long after what was under way when it paused."""
    one = _after_a_beat(hands, id)
    two = _after_a_beat(hands, id)
    assert (one.state, two.state) == ("paused", "paused")
    assert one.finished_frames == two.finished_frames


def _after_a_beat(hands: Hands, id: str) -> Job:
    before = hands.jobs.get(id)
    until(lambda: hands.jobs.get(id).expires != before.expires, "the paused worker's heart beats")
    return hands.jobs.get(id)


def test_a_worker_that_does_not_listen_is_ended_with_what_it_started(hands: Hands) -> None:
    hands.jobs.start()
    id = hands.submit("child")
    worker, child = hands.pid(id), hands.pid(id, ".child")
    asked = time.monotonic()
    hands.jobs.ask(id, "cancel")
    hands.until(id, "cancelled")
    assert time.monotonic() - asked < 2
    until(lambda: not alive(worker) and not alive(child), "no orphan remains")


@pytest.mark.parametrize(("title", "code", "words"), [
    ("full", "DISK.FULL", "The disk that out.mp4 goes to is full."),
    ("space", "DISK.FULL", "The disk is full (/somewhere)."),
    ("memory", "MEMORY.OUT", "This machine has too little free memory for memory."),
    ("boom", "INTERNAL.ERROR", "Likeness failed in a way that it should not (ValueError)."),
])
def test_what_a_render_raises_is_kept_in_the_row_and_the_queue_goes_on(hands: Hands, title: str, code: str,
                                                                     words: str) -> None:
    hands.jobs.start()
    id, after = hands.submit(title), hands.submit("count 1")
    assert hands.until(id, "failed", "done") == "failed"
    error = hands.jobs.get(id).error
    assert error is not None
    assert (error.code, error.message) == (code, words)
    assert error.remedy
    log = (hands.jobs.own_folder(id) / "log.txt").read_text()
    assert ("ValueError: boom" in log) == (title == "boom")
    assert hands.until(after, "done", "failed") == "done"


def test_stop_interrupts_the_job_within_a_second_and_it_can_go_on(hands: Hands) -> None:
    hands.jobs.start()
    id = hands.submit("hold")
    hands.until_frame(id, 1)
    worker, ballast = hands.pid(id), hands.jobs.own_folder(id) / "ballast"
    assert ballast.stat().st_size == BALLAST
    began = time.monotonic()
    hands.jobs.stop()
    assert time.monotonic() - began < 1
    assert hands.jobs.get(id).state == "interrupted"
    assert (alive(worker), ballast.exists()) == (False, False)
    hands.jobs.ask(id, "go_on")
    assert hands.jobs.get(id).state == "queued"
    hands.jobs.start()
    hands.until(id, "running")
    assert hands.jobs.get(id).attempts == 2


def test_stop_does_not_wait_for_a_worker_that_does_not_listen(hands: Hands) -> None:
    hands.jobs.start()
    id = hands.submit("deaf")
    hands.until_frame(id, 1)
    worker = hands.pid(id)
    began = time.monotonic()
    hands.jobs.stop()
    assert time.monotonic() - began < 1
    assert (hands.jobs.get(id).state, alive(worker)) == ("interrupted", False)


def test_removing_a_cancelled_job_deletes_its_parts_and_its_log(hands: Hands) -> None:
    hands.jobs.start()
    id = hands.submit("hold", "a.mp4")
    hands.until_frame(id, 1)
    parts = parts_folder(hands.outputs / "a.mp4")
    parts.mkdir()
    (parts / "one.nut").write_bytes(b"part")
    with pytest.raises(JobError, match=r"JOB\.NOT_NOW.*Cancel it first"):
        hands.jobs.ask(id, "remove")
    hands.jobs.ask(id, "cancel")
    hands.until(id, "cancelled")
    assert (parts / "one.nut").exists()
    hands.jobs.ask(id, "remove")
    assert not parts.exists()
    assert not hands.jobs.own_folder(id).exists()
    with pytest.raises(JobError, match=r"JOB\.MISSING"):
        hands.jobs.get(id)


def test_removing_a_job_keeps_the_parts_that_another_job_goes_on_with(hands: Hands) -> None:
    one, _ = hands.submit("hold", "a.mp4"), hands.submit("hold", "a.mp4")
    parts = parts_folder(hands.outputs / "a.mp4")
    parts.mkdir()
    hands.jobs.ask(one, "remove")
    assert parts.exists()


def _in_state(hands: Hands, state: State) -> str:
    """A job in this state, without any process."""
    id, store = hands.submit("count 1"), hands.jobs._store
    if state == "queued":
        return id
    assert store.claim("me") is not None
    if state == "paused":
        store.hold(id, "me", True)
    elif state != "running":
        store.settle(id, "me", state)
    return id


@pytest.mark.parametrize("wish", get_args(Wish))
@pytest.mark.parametrize("state", get_args(State))
def test_what_a_job_offers_can_be_asked_and_all_else_is_refused(hands: Hands, state: State, wish: Wish) -> None:
    id = _in_state(hands, state)
    before = hands.jobs.get(id)
    assert before.state == state
    if wish in before.wishes:
        hands.jobs.ask(id, wish)
    else:
        with pytest.raises(JobError, match=rf"JOB\.NOT_NOW: count 1 is {state}"):
            hands.jobs.ask(id, wish)
        assert hands.jobs.get(id) == before


def test_a_retry_may_bring_another_request(hands: Hands) -> None:
    id = hands.submit("count 1", "a.mp4")
    hands.jobs.ask(id, "cancel")
    hands.jobs.ask(id, "retry", ClipRequest(recipe=Recipe(), output=hands.outputs / "b.mp4", overwrite=True))
    job = hands.jobs.get(id)
    assert (job.state, job.output) == ("queued", str(hands.outputs / "b.mp4"))
    assert ClipRequest.model_validate_json(job.request).overwrite


def test_waiting_for_a_change_returns_when_there_is_one(hands: Hands) -> None:
    before = hands.jobs.revision()
    assert hands.jobs.wait(before, 0.05) == before
    hands.submit("count 1")
    assert hands.jobs.wait(before, 10) > before


def test_an_output_whose_name_is_not_text_is_refused(hands: Hands) -> None:
    with pytest.raises(InputError, match="not Unicode"):
        hands.jobs.submit("x", ClipRequest(recipe=Recipe(), output=hands.outputs / "a\udcff.mp4"))
    assert hands.jobs.list() == ()


def test_a_worker_that_cannot_be_started_is_a_failed_job(tmp_path: Path) -> None:
    from pipeline.jobs.runner import Jobs

    jobs = Jobs(tmp_path, command=[str(tmp_path / "nothing")])
    jobs.start()
    try:
        id = jobs.submit("x", ClipRequest(recipe=Recipe(), output=tmp_path / "a.mp4"))
        until(lambda: jobs.get(id).state == "failed", "it failed")
        error = jobs.get(id).error
        assert error is not None
        assert error.code == "JOB.NO_WORKER"
    finally:
        jobs.close()
