"""Jobs as rows of one SQLite file that several processes and threads may have open.

The standard library's sqlite3, not SQLAlchemy: it is one table and a handful of statements, a worker process opens it
at every start, and SQLAlchemy's import alone takes 0.75 s (measured on 2 cores). Write-ahead logging lets screens read
while a worker writes. Every change is one transaction that takes the write lock first, looks at the state that it finds
and refuses what `job.ALLOWED` does not name: whoever comes second, a second tab or a late worker, changes nothing.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.errors import LikenessError
from pipeline.jobs.job import (
    ALLOWED,
    AT_WORK,
    ENDED_WITHOUT,
    Job,
    JobError,
    JobFault,
    JobNote,
    JobResult,
    Kind,
    State,
    Wanted,
)
from pipeline.rendering.control import ClipProgress

FILE = "jobs.db"
SCHEMA_VERSION = 2
# Seconds that a writer waits for another's transaction. Each is a few milliseconds; a disk that is written to by a
# render can hold one up for a second or two.
BUSY = 10.0
LEASE = 10.0
"""Seconds without a heartbeat after which a worker is taken for dead. It beats every second; a machine that swaps or
loads a model under the interpreter's lock can miss a few."""
CRASHES = 2
"""Crashes at the same place after which a job has failed: once may be chance or somebody's kill, twice is the clip."""

_SCHEMA = """
CREATE TABLE job (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued','running','paused','done','failed','cancelled','interrupted')),
    wanted TEXT NOT NULL DEFAULT 'run' CHECK (wanted IN ('run','pause','cancel')),
    output TEXT NOT NULL,
    request TEXT NOT NULL,
    place INTEGER NOT NULL,
    created REAL NOT NULL,
    started REAL,
    finished REAL,
    progress TEXT NOT NULL DEFAULT '{}',
    picture INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    result TEXT,
    owner TEXT,
    expires REAL,
    attempts INTEGER NOT NULL DEFAULT 0,
    crash_place TEXT,
    crashes INTEGER NOT NULL DEFAULT 0,
    revision INTEGER NOT NULL,
    submitter TEXT NOT NULL DEFAULT ''
);
CREATE TABLE picture (job TEXT PRIMARY KEY REFERENCES job (id) ON DELETE CASCADE, jpeg BLOB NOT NULL);
CREATE TABLE counter (revision INTEGER NOT NULL);
INSERT INTO counter VALUES (0);
"""

_LATER = {1: "ALTER TABLE job ADD COLUMN submitter TEXT NOT NULL DEFAULT ''"}
"""What makes the next version of a file of this one."""

_WANTED = "SELECT wanted FROM job WHERE id = ? AND owner = ? AND state IN ('running','paused')"


class JobStore:
    """The table, and every change that is ever made to it. Safe to share between threads.

    clock: seconds since 1970; all processes of a folder must have the same.
    Raises JobError: `JOB.MISSING` where there is no such job, `JOB.NOT_NOW` where its state forbids what is asked,
    `JOB.STORE_VERSION` and `JOB.STORE` where the file cannot be worked with.
    """

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        self.path = folder / FILE
        self._clock = clock
        self._lock = threading.RLock()
        with self._lock, self._in_words():
            folder.mkdir(parents=True, exist_ok=True)
            # isolation_level None: transactions begin where this file says so.
            self._db = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None, check_same_thread=False)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")  # a power cut may cost the last moments, never the file
            self._db.execute("PRAGMA foreign_keys=ON")
            self._make()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    # Reading

    def revision(self) -> int:
        """Grows with every change of any job, by whichever process."""
        with self._lock, self._in_words():
            return int(self._db.execute("SELECT revision FROM counter").fetchone()[0])

    def list(self) -> tuple[Job, ...]:
        """In the order of the queue, the oldest first."""
        with self._lock, self._in_words():
            return tuple(_job(row) for row in self._db.execute("SELECT * FROM job ORDER BY place"))

    def get(self, id: str) -> Job:
        with self._lock, self._in_words():
            return _job(self._row(id))

    def picture(self, id: str) -> bytes | None:
        """The last frame that was written, as JPEG."""
        with self._lock, self._in_words():
            row = self._db.execute("SELECT jpeg FROM picture WHERE job = ?", (id,)).fetchone()
            return None if row is None else bytes(row[0])

    # What people ask

    def add(self, id: str, title: str, kind: Kind, output: str, request: str, submitter: str = "") -> None:
        with self._change() as revision:
            place = self._db.execute("SELECT coalesce(max(place), 0) + 1 FROM job").fetchone()[0]
            self._db.execute(
                "INSERT INTO job (id, title, kind, state, output, request, place, created, revision, submitter) "
                "VALUES (?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?)",
                (id, title, kind, output, request, place, self._clock(), revision, submitter))

    def want(self, id: str, wanted: Wanted) -> None:
        """Tells the worker of a job at work. A wish to cancel stays."""
        with self._change() as revision:
            job = self._in(id, AT_WORK, f"cannot be asked to {wanted}")
            if wanted == "pause" and "pause" not in job.wishes:
                raise JobError(f"{job.title} cannot be paused.", subject=job.title,
                               remedy="Cancel it: it goes on where it was when it is started again.")
            if job.wanted != "cancel":
                self._set(id, revision, wanted=wanted)

    def cancel(self, id: str) -> None:
        """At once where no worker has it, else a wish to its worker."""
        with self._change() as revision:
            job = self._in(id, AT_WORK | {"queued", "interrupted"}, "cannot be cancelled")
            if job.at_work:
                self._set(id, revision, wanted="cancel")
            else:
                self._move(job, "cancelled", revision, finished=self._clock())

    def queue_again(self, id: str, request: tuple[str, str] | None = None,
                    states: frozenset[State] = ENDED_WITHOUT) -> None:
        """A job that ended without its output, in one of these states, to the end of the queue; request: (output,
        JSON) in the old one's place."""
        with self._change() as revision:
            job = self._in(id, states, "cannot be started again")
            place = self._db.execute("SELECT max(place) + 1 FROM job").fetchone()[0]
            more = {} if request is None else {"output": request[0], "request": request[1]}
            self._move(job, "queued", revision, place=place, wanted="run", error=None, finished=None, **more)

    def remove(self, id: str) -> Job:
        """Forgets a job that nobody works at. Returns what it was."""
        with self._change():
            job = self._in(id, frozenset(ALLOWED) - AT_WORK, "cannot be removed", "Cancel it first.")
            self._db.execute("DELETE FROM job WHERE id = ?", (id,))
            return job

    # What runners and workers do

    def claim(self, owner: str, kind: Kind = "render") -> Job | None:
        """The next job of a kind, now `running` and this owner's; None while any process has one of it at work."""
        if not self._any("state = 'queued' AND kind = ?", kind):
            return None
        with self._change() as revision:
            if self._any("state IN ('running','paused') AND kind = ?", kind):
                return None
            row = self._db.execute("SELECT * FROM job WHERE state = 'queued' AND kind = ? ORDER BY place LIMIT 1",
                                   (kind,)).fetchone()
            if row is None:
                return None
            job, now = _job(row), self._clock()
            self._move(job, "running", revision, started=now, owner=owner, expires=now + LEASE, wanted="run",
                       attempts=job.attempts + 1, result=None, error=None)
            return _job(self._row(job.id))

    def beat(self, id: str, owner: str) -> Wanted | None:
        """Renews the lease. What is wanted of the worker; None where the job is no longer its own."""
        with self._change(quiet=True):
            row = self._db.execute(_WANTED, (id, owner)).fetchone()
            if row is None:
                return None
            self._db.execute("UPDATE job SET expires = ? WHERE id = ?", (self._clock() + LEASE, id))
            wanted: Wanted = row[0]
            return wanted

    def wanted(self, id: str, owner: str) -> Wanted | None:
        """As `beat`, without renewing: no write, so it may be asked often."""
        with self._lock, self._in_words():
            row = self._db.execute(_WANTED, (id, owner)).fetchone()
            return None if row is None else row[0]

    def progress(self, id: str, owner: str, progress: ClipProgress) -> None:
        """Keeps how far the owner's job is; a picture of None leaves the last one. Nothing where it is not theirs."""
        with self._change() as revision:
            row = self._row(id)
            if row["owner"] != owner or row["state"] not in AT_WORK:
                return
            known = {name: getattr(progress, name) for name in ("stage", "done", "total", "fps", "eta", "parts")}
            columns: dict[str, Any] = {"progress": json.dumps(known), "expires": self._clock() + LEASE}
            if progress.picture is not None:
                self._db.execute("INSERT OR REPLACE INTO picture VALUES (?, ?)", (id, progress.picture))
                columns["picture"] = revision
            self._set(id, revision, **columns)

    def hold(self, id: str, owner: str, held: bool) -> None:
        """The owner's worker stands still, or goes on."""
        with self._change() as revision:
            row = self._row(id)
            target: State = "paused" if held else "running"
            if row["owner"] == owner and row["state"] in AT_WORK and row["state"] != target:
                self._move(_job(row), target, revision)

    def settle(self, id: str, owner: str, state: State, *, error: JobFault | None = None,
               result: JobResult | None = None) -> bool:
        """The end of the owner's work. False, and no change, where the job is no longer theirs."""
        with self._change() as revision:
            row = self._db.execute("SELECT * FROM job WHERE id = ?", (id,)).fetchone()
            if row is None or row["owner"] != owner or row["state"] not in AT_WORK:
                return False
            self._end(_job(row), state, revision, error=_text(error), result=_text(result))
            return True

    def crashed(self, id: str, owner: str, how: str, log: Path) -> State | None:
        """The owner's worker ended without a word. how: the signal or exit code, in words. The state that follows:
        interrupted, or failed (`JOB.CRASHED`) the second time at the same place."""
        with self._change() as revision:
            row = self._db.execute("SELECT * FROM job WHERE id = ?", (id,)).fetchone()
            if row is None or row["owner"] != owner or row["state"] not in AT_WORK:
                return None
            job = _job(row)
            if job.wanted == "cancel":
                self._end(job, "cancelled", revision)
                return "cancelled"
            place = f"{job.stage} {job.parts.count('done')}/{len(job.parts)}"
            crashes = row["crashes"] + 1 if row["crash_place"] == place else 1
            state: State = "failed" if crashes >= CRASHES else "interrupted"
            error = _crash(job, how, log) if state == "failed" else None
            self._end(job, state, revision, error=_text(error), crash_place=place, crashes=crashes)
            return state

    def expire(self) -> None:
        """Jobs whose worker was not heard of until its lease ran out become interrupted (cancelled, if wanted)."""
        late, now = "state IN ('running','paused') AND expires <= ?", self._clock()
        if not self._any(late, now):
            return
        with self._change() as revision:
            for row in self._db.execute(f"SELECT * FROM job WHERE {late}", (now,)).fetchall():
                self._end(_job(row), "cancelled" if row["wanted"] == "cancel" else "interrupted", revision)

    # Below: what transactions are made of

    def _any(self, where: str, *values: Any) -> bool:
        """Without a write lock, which a queue that is looked at twice a second should not take."""
        with self._lock, self._in_words():
            return self._db.execute(f"SELECT 1 FROM job WHERE {where} LIMIT 1", values).fetchone() is not None

    @contextmanager
    def _change(self, *, quiet: bool = False) -> Iterator[int]:
        """A transaction that holds the write lock from its beginning; hands out the revision that it makes. quiet: a
        change that no screen shows."""
        with self._lock, self._in_words():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                if not quiet:
                    self._db.execute("UPDATE counter SET revision = revision + 1")
                yield int(self._db.execute("SELECT revision FROM counter").fetchone()[0])
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _row(self, id: str) -> sqlite3.Row:
        row: sqlite3.Row | None = self._db.execute("SELECT * FROM job WHERE id = ?", (id,)).fetchone()
        if row is None:
            raise JobError(f"There is no job {id}.", subject=id, code="JOB.MISSING",
                           remedy="It may have been removed in another window: look at the list again.")
        return row

    def _in(self, id: str, states: frozenset[State] | set[State], what: str,
            remedy: str = "Look at it again: something may have changed it meanwhile.") -> Job:
        job = _job(self._row(id))
        if job.state not in states:
            raise JobError(f"{job.title} is {job.state} and {what}.", subject=job.title, remedy=remedy)
        return job

    def _move(self, job: Job, state: State, revision: int, **columns: Any) -> None:
        if state not in ALLOWED[job.state]:
            raise JobError(f"{job.title} is {job.state} and cannot become {state}.", subject=job.title,
                           remedy="Look at it again: something may have changed it meanwhile.")
        self._set(job.id, revision, state=state, **columns)

    def _end(self, job: Job, state: State, revision: int, **columns: Any) -> None:
        self._move(job, state, revision, finished=self._clock(), owner=None, expires=None, wanted="run", **columns)

    def _set(self, id: str, revision: int, **columns: Any) -> None:
        names = ", ".join(f"{name} = ?" for name in columns)  # from this file's own calls alone
        self._db.execute(f"UPDATE job SET {names}, revision = ? WHERE id = ?", (*columns.values(), revision, id))

    def _make(self) -> None:
        """The tables, once; two processes may come at the same time."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise JobError(f"{self.path} was made by a newer version of Likeness.", subject=str(self.path),
                               code="JOB.STORE_VERSION", remedy="Update Likeness, or choose another data folder.")
            if version == 0:
                for statement in filter(None, map(str.strip, _SCHEMA.split(";"))):
                    self._db.execute(statement)
            else:
                for older in range(version, SCHEMA_VERSION):
                    self._db.execute(_LATER[older])
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except LikenessError:
            raise
        except (sqlite3.Error, OSError) as error:
            full = "full" in str(error)
            raise JobError(
                f"The list of jobs ({self.path}) cannot be used: {error}.", subject=str(self.path),
                code="DISK.FULL" if full else "JOB.STORE",
                remedy="Free some space on its disk." if full else
                       "See that its folder may be written to; if the file is damaged, move it away.") from error


def _crash(job: Job, how: str, log: Path) -> JobFault:
    if job.kind == "download":
        return JobFault("JOB.CRASHED", f"{job.title}: the download ended at once, twice ({how}).", str(log),
                        f"The last words are in {log}. What was fetched is kept; try again.", {"how": how})
    return JobFault("JOB.CRASHED", f"{job.title}: the render ended at once, twice at the same place ({how}).", str(log),
                    f"The last words are in {log}. Finished parts are kept; trim the clip to leave that place out, or "
                    "close other programs if memory ran out, and try again.", {"how": how})


def _text(value: JobFault | JobResult | None) -> str | None:
    return None if value is None else json.dumps(asdict(value))


def _job(row: sqlite3.Row) -> Job:
    progress: Mapping[str, Any] = json.loads(row["progress"])
    error, result = row["error"], row["result"]
    return Job(
        id=row["id"], title=row["title"], kind=row["kind"], state=row["state"], output=row["output"],
        request=row["request"], order=row["place"], created=row["created"], started=row["started"],
        finished=row["finished"], stage=progress.get("stage"), finished_frames=progress.get("done", 0),
        total_frames=progress.get("total", 0), fps=progress.get("fps", 0.0), eta=progress.get("eta"),
        parts=tuple(progress.get("parts", ())), picture=row["picture"],
        error=None if error is None else JobFault(**json.loads(error)),
        result=None if result is None else _result(json.loads(result)), wanted=row["wanted"], owner=row["owner"],
        expires=row["expires"], attempts=row["attempts"], revision=row["revision"],
        submitter=row["submitter"])


def _result(data: dict[str, Any]) -> JobResult:
    return JobResult(**{**data, "notes": tuple(JobNote(**note) for note in data["notes"])})
