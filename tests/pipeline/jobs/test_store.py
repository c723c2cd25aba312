"""The table of jobs: what may follow what, whoever asks, in whatever order; several hands at once; bad files."""

from __future__ import annotations

import sqlite3
import tempfile
import threading
from collections.abc import Callable
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pipeline.jobs.job import ALLOWED, AT_WORK, Job, JobError, JobFault, JobResult, State
from pipeline.jobs.store import FILE, LEASE, JobStore
from pipeline.rendering.control import ClipProgress, PartState

OUTSIDE = st.sampled_from(["want pause", "want run", "cancel", "again", "remove"])
ENDS: tuple[State, ...] = ("done", "failed", "cancelled", "interrupted")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> JobStore:
    return JobStore(tmp_path, clock)


def add(store: JobStore, id: str) -> str:
    store.add(id, f"Clip {id}", "render", f"/out/{id}.mp4", "{}")
    return id


class Queue(RuleBasedStateMachine):
    """People, two servers and their workers do things in any order, late ones and dead ones included. After each step
    every job is there, in a state that may follow the one before, and at most one is at work."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock()
        self.stores = [JobStore(Path(self.folder.name), self.clock) for _ in range(2)]
        self.known: dict[str, State] = {}
        self.owners: dict[str, str] = {}
        self.revision = 0
        self.count = self.removed = 0

    def one_of(self, which: int) -> str:
        """One of the jobs that are there, or one that never was."""
        known = sorted(self.known)
        return known[which % len(known)] if known else "never"

    @initialize()
    def one(self) -> None:
        self.submit(0)

    @rule(who=st.integers(0, 1))
    def submit(self, who: int) -> None:
        self.known[add(self.stores[who], str(len(self.known) + self.removed))] = "queued"

    @rule(who=st.integers(0, 1), which=st.integers(0, 3), wish=OUTSIDE)
    def ask(self, who: int, which: int, wish: str) -> None:
        store, id = self.stores[who], self.one_of(which)
        with suppress(JobError):
            if wish == "remove":
                store.remove(id)
                assert self.known.pop(id) not in AT_WORK
                self.removed += 1
            elif wish == "again":
                store.queue_again(id)
            elif wish == "cancel":
                store.cancel(id)
            else:
                store.want(id, "pause" if wish == "want pause" else "run")

    @rule(who=st.integers(0, 1))
    def claim(self, who: int) -> None:
        self.count += 1
        waiting = [id for id, state in self.known.items() if state == "queued"]
        busy = any(state in AT_WORK for state in self.known.values())
        job = self.stores[who].claim(f"owner {self.count}")
        assert (job is not None) == bool(waiting and not busy)
        if job is not None:
            self.owners[job.id] = f"owner {self.count}"

    @rule(which=st.integers(0, 3), held=st.booleans())
    def hold(self, which: int, held: bool) -> None:
        with suppress(JobError):
            self.stores[0].hold(self.one_of(which), self.owners.get(self.one_of(which), "nobody"), held)

    @rule(which=st.integers(0, 3), state=st.sampled_from(ENDS))
    def settle(self, which: int, state: State) -> None:
        """Of the last owner, who may have lost it long ago."""
        id = self.one_of(which)
        at_work = self.known.get(id) in AT_WORK
        told = self.stores[1].settle(id, self.owners.get(id, "nobody"), state, result=JobResult("/out", 1))
        assert told == at_work

    @rule(which=st.integers(0, 3))
    def crash(self, which: int) -> None:
        id = self.one_of(which)
        self.stores[0].crashed(id, self.owners.get(id, "nobody"), "SIGSEGV", Path("log"))

    @rule(seconds=st.sampled_from([0.1, LEASE / 2, LEASE]))
    def time_goes_by(self, seconds: float) -> None:
        self.clock.now += seconds
        self.stores[1].expire()

    @rule(which=st.integers(0, 3))
    def beat(self, which: int) -> None:
        id = self.one_of(which)
        heard = self.stores[0].beat(id, self.owners.get(id, "nobody"))
        assert (heard is not None) == (self.known.get(id) in AT_WORK)

    @invariant()
    def holds_together(self) -> None:
        jobs = {job.id: job for job in self.stores[0].list()}
        assert jobs.keys() == self.known.keys()
        assert sum(job.at_work for job in jobs.values()) <= 1
        for id, job in jobs.items():
            before = self.known[id]
            # A claim after an expiry is two steps, which no single rule takes.
            assert job.state == before or job.state in ALLOWED[before], (before, job.state)
            assert job.at_work == (job.owner is not None) == (job.expires is not None)
            assert (job.finished is not None) == (job.state in ENDS)
            assert job.at_work or job.wanted == "run"
            self.known[id] = job.state
        revision = self.stores[1].revision()
        assert revision >= self.revision
        self.revision = revision

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        self.folder.cleanup()


TestQueue = Queue.TestCase
TestQueue.settings = settings(max_examples=100, stateful_step_count=40, deadline=None,
                              suppress_health_check=[HealthCheck.too_slow])


def test_the_table_of_transitions_names_every_state() -> None:
    assert set(ALLOWED) == set(get_args(State))
    assert all(target in ALLOWED for targets in ALLOWED.values() for target in targets)


def test_everything_that_is_known_of_a_job_survives_the_process(store: JobStore, clock: Clock, tmp_path: Path) -> None:
    add(store, "a")
    job = store.claim("me")
    assert job is not None
    store.progress("a", "me", ClipProgress("render", 3, 9, 24.5, 1.5, ("done", "running"), b"jpeg"))
    store.settle("a", "me", "failed", error=JobFault("A.B", "Wrong.", "x", "Do.", {"doubts": [{"start": 1.5}]}))
    again = JobStore(tmp_path, clock).get("a")
    assert again == store.get("a")
    assert (again.stage, again.finished_frames, again.total_frames, again.fps, again.eta) == ("render", 3, 9, 24.5, 1.5)
    assert again.parts == ("done", "running")
    assert again.error == JobFault("A.B", "Wrong.", "x", "Do.", {"doubts": [{"start": 1.5}]})
    assert (again.created, again.started, again.finished, again.attempts) == (1000.0, 1000.0, 1000.0, 1)
    assert store.picture("a") == b"jpeg"
    store.remove("a")
    assert store.picture("a") is None


def test_progress_without_a_picture_keeps_the_last_one(store: JobStore) -> None:
    add(store, "a")
    store.claim("me")
    store.progress("a", "me", ClipProgress("render", 1, 9, picture=b"one"))
    number = store.get("a").picture
    store.progress("a", "me", ClipProgress("render", 2, 9))
    assert (store.picture("a"), store.get("a").picture) == (b"one", number)
    store.progress("a", "me", ClipProgress("render", 3, 9, picture=b"three"))
    assert (store.picture("a"), store.get("a").picture > number) == (b"three", True)


def test_a_lease_ends_when_no_heart_beats_and_the_late_worker_changes_nothing(store: JobStore, clock: Clock) -> None:
    add(store, "a")
    store.claim("old")
    clock.now += LEASE - 1
    assert store.beat("a", "old") == "run"
    clock.now += LEASE - 1
    store.expire()
    assert store.get("a").state == "running"
    clock.now += 1
    store.expire()
    assert store.get("a").state == "interrupted"
    store.queue_again("a")
    store.claim("new")
    before = store.get("a")
    assert store.beat("a", "old") is None
    assert store.wanted("a", "old") is None
    assert not store.settle("a", "old", "done", result=JobResult("/out", 1))
    store.progress("a", "old", ClipProgress("render", 9, 9, picture=b"late"))
    store.hold("a", "old", True)
    assert store.crashed("a", "old", "SIGKILL", Path("log")) is None
    assert store.get("a") == before
    assert store.picture("a") is None


def test_a_wish_to_cancel_is_kept_whatever_is_asked_after_it_and_if_the_worker_dies(store: JobStore,
                                                                                   clock: Clock) -> None:
    add(store, "a")
    store.claim("me")
    store.cancel("a")
    store.want("a", "run")
    assert store.wanted("a", "me") == "cancel"
    clock.now += LEASE
    store.expire()
    assert store.get("a").state == "cancelled"


@pytest.mark.parametrize(("places", "states"), [
    ((1, 1), ("interrupted", "failed")),
    ((1, 2), ("interrupted", "interrupted")),
    ((1, 2, 1), ("interrupted", "interrupted", "interrupted")),
    ((1, 2, 2), ("interrupted", "interrupted", "failed")),
])
def test_a_second_crash_at_the_same_place_is_a_failure(store: JobStore, places: tuple[int, ...],
                                                       states: tuple[State, ...]) -> None:
    add(store, "a")
    seen = []
    for place in places:
        store.claim("me")
        finished: list[PartState] = ["done"] * place
        store.progress("a", "me", ClipProgress("render", 1, 9, parts=(*finished, "running")))
        seen.append(store.crashed("a", "me", "SIGSEGV", Path("/jobs/a/log.txt")))
        error = store.get("a").error
        if seen[-1] == "failed":
            assert error is not None
            assert (error.code, error.data) == ("JOB.CRASHED", {"how": "SIGSEGV"})
            assert "SIGSEGV" in error.message
            assert "/jobs/a/log.txt" in error.remedy
        else:
            assert error is None
        store.queue_again("a")
    assert tuple(seen) == states


def test_two_processes_never_get_the_same_job(tmp_path: Path, clock: Clock) -> None:
    stores = [JobStore(tmp_path, clock) for _ in range(4)]
    for number in range(12):
        add(stores[0], str(number))
    got: list[Job] = []

    def take(store: JobStore, name: str) -> None:
        while any(job.state != "done" for job in store.list()):
            job = store.claim(name)
            if job is not None:
                got.append(job)
                assert store.settle(job.id, name, "done", result=JobResult("/out", 1))

    together([partial(take, store, str(number)) for number, store in enumerate(stores)])
    assert sorted(job.id for job in got) == sorted(str(number) for number in range(12))
    assert {job.state for job in stores[0].list()} == {"done"}


def test_many_threads_write_at_once_and_nothing_is_lost(tmp_path: Path, clock: Clock) -> None:
    shared = JobStore(tmp_path, clock)
    before = shared.revision()

    def many(number: int) -> None:
        own = JobStore(tmp_path, clock) if number % 2 else shared
        for turn in range(25):
            add(own, f"{number}-{turn}")

    together([partial(many, number) for number in range(8)])
    assert len({job.order for job in shared.list()}) == 200
    assert shared.revision() == before + 200


def together(calls: list[Callable[[], None]]) -> None:
    """All at once; whatever one raises is raised here."""
    faults: list[BaseException] = []

    def run(call: Callable[[], None]) -> None:
        try:
            call()
        except BaseException as error:  # raised below, in the test's own thread
            faults.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]


def test_a_newer_store_and_a_damaged_one_are_refused_in_words(tmp_path: Path, clock: Clock) -> None:
    newer, damaged = tmp_path / "newer", tmp_path / "damaged"
    JobStore(newer, clock).close()
    with sqlite3.connect(newer / FILE) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(JobError, match=r"JOB\.STORE_VERSION.*newer version.*Update Likeness"):
        JobStore(newer, clock)
    damaged.mkdir()
    (damaged / FILE).write_bytes(b"not a database" * 400)
    with pytest.raises(JobError, match=r"JOB\.STORE: The list of jobs .*damaged"):
        JobStore(damaged, clock)
    assert (damaged / FILE).read_bytes() == b"not a database" * 400
    with pytest.raises(JobError, match=r"JOB\.STORE"):
        JobStore(damaged / FILE / "below", clock)


def test_a_full_disk_is_said_and_leaves_the_rows_as_they_were(store: JobStore) -> None:
    add(store, "a")
    with full(store), pytest.raises(JobError, match=r"DISK\.FULL"):
        store.add("b", "x" * 500_000, "render", "/out/b.mp4", "{}")
    assert [job.id for job in store.list()] == ["a"]
    add(store, "b")
    assert [job.id for job in store.list()] == ["a", "b"]


@contextmanager
def full(store: JobStore) -> Any:
    """As if no page could be had for the file: SQLite says what it says of a full disk."""
    db = store._db
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages}")
    yield
    db.execute("PRAGMA max_page_count = 1073741823")
