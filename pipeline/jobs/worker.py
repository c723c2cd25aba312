"""The process that does one job: `python -m pipeline.jobs.worker --jobs FOLDER --job ID --owner TOKEN`.

A process of its own, because native code that crashes must not take the studio with it, and because a transfer that
hangs can be ended. It reports to the job's row
and looks there for what is wanted of it.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import faulthandler
import os
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from models.errors import Cancelled, LikenessError
from pipeline.jobs.fetching import fetch
from pipeline.jobs.job import Job, JobError, JobFault, JobNote, JobResult, State
from pipeline.jobs.leash import be_held, end_at_once, step_back
from pipeline.jobs.store import LEASE, JobStore
from pipeline.rendering.control import ClipProgress, Control
from pipeline.rendering.doubts import Doubtful
from pipeline.rendering.request import ClipRequest, ClipWritten

Work = Callable[[Job, Control], JobResult]

BALLAST = 64 * 1024
"""Bytes that a worker keeps taken on the disk of the jobs, so that it can say that this disk is full: SQLite needs a
few pages for a row's end."""
# Seconds: looks at what is wanted, writes of how far it is (at most so often), heartbeats without news.
LOOK, WRITE, BEAT = 0.1, 0.25, 1.0


def render(job: Job, control: Control, data: Path) -> JobResult:
    """A job that is started again goes on from its finished parts. data: the data folder, in which finished parts stay
    for renders to come."""
    from pipeline.analysis.store import Analyses
    from pipeline.data_folder import ANALYSES
    from pipeline.engine import Engine
    from pipeline.findings.store import Versions
    from pipeline.models_folder import open_networks
    from pipeline.rendering.kept import KeptParts
    from pipeline.rendering.run import render_clip

    request = ClipRequest.model_validate_json(job.request)
    if job.attempts > 1:
        request = request.model_copy(update={"resume": True})
    engine = Engine(networks=open_networks(None, data), analyses=Analyses(data / ANALYSES))
    engine.networks.safe = request.recipe.commercial_safe
    return result_of(render_clip(engine, request, control, kept=KeptParts(data / "parts"),
                                 versions=Versions(data / "versions")))


def result_of(written: ClipWritten) -> JobResult:
    notes = [JobNote(note.code, note.words, dict(note.values)) for note in written.notes]
    notes += [JobNote(note.code, note.words, {**note.values, "person": number} if number else dict(note.values))
              for number, found in written.remarks for note in found]
    data = {name: getattr(written, name) for name in ("container", "codec", "frames", "rendered", "reused", "copied",
                                                      "changed")}
    if written.version is not None:
        counts = Counter(finding.severity for finding in written.findings)
        data |= {"version": written.version,
                 "findings": {severity: counts[severity] for severity in ("high", "middle", "low")}}
    return JobResult(str(written.path), written.bytes, tuple(notes),
                     str(written.sidecar) if written.sidecar else None, data)


class Desk:
    """Between a render and its job's row: takes what the render says, answers what it asks, and does the writing in a
    thread of its own, so that a slow disk holds no frame up."""

    def __init__(self, store: JobStore, job: Job, owner: str, stopping: threading.Event) -> None:
        self._store, self._job, self._owner, self._stopping = store, job, owner, stopping
        self._lock = threading.Lock()
        self._news: ClipProgress | None = None
        self._pause = self._held = self._cancel = False
        self._shown = False
        self._done = threading.Event()
        self._heard = self._written = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="desk", daemon=True)

    @property
    def control(self) -> Control:
        return Control(cancelled=self._is_cancelled, paused=self._is_paused, progress=self._take)

    @property
    def cancelled(self) -> bool:
        """Somebody wanted the job cancelled, and the render was told."""
        return self._cancel

    def open(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """The last news are written; nothing is, afterwards."""
        self._done.set()
        self._thread.join()
        if self._news is not None:
            self._store.progress(self._job.id, self._owner, self._news)

    def _is_cancelled(self) -> bool:
        return self._cancel or self._stopping.is_set()

    def _is_paused(self) -> bool:
        self._held = self._pause
        return self._pause

    def _take(self, news: ClipProgress) -> None:
        with self._lock:
            if news.picture is None and self._news is not None:
                news = replace(news, picture=self._news.picture)
            self._news = news

    def _run(self) -> None:
        while not self._done.wait(LOOK):
            try:
                self._report()
            except JobError as error:
                # A full or busy disk: the next look tries again, until somebody else may have taken the job.
                print(f"{time.strftime('%F %T')} {error}", file=sys.stderr, flush=True)
            if time.monotonic() - self._heard > LEASE:
                print("The lease has run out.", file=sys.stderr, flush=True)
                end_at_once()

    def _report(self) -> None:
        now = time.monotonic()
        if now - self._written >= WRITE and (news := self._news) is not None:
            self._store.progress(self._job.id, self._owner, news)
            self._written = self._heard = now
            with self._lock:
                if self._news is news:
                    self._news = None
                elif self._news is not None and self._news.picture is news.picture:
                    self._news = replace(self._news, picture=None)
        elif now - self._heard >= BEAT and self._store.beat(self._job.id, self._owner) is not None:
            self._heard = now
        wanted = self._store.wanted(self._job.id, self._owner)
        if wanted is None:  # another process took it for dead, or it was removed
            print("The job is no longer this process's.", file=sys.stderr, flush=True)
            end_at_once()
        self._cancel = self._cancel or wanted == "cancel"
        self._pause = wanted == "pause"
        self._held = self._held and self._pause
        if self._held != self._shown:
            self._store.hold(self._job.id, self._owner, self._held)
            self._shown = self._held


def main(argv: Sequence[str] | None = None, *, work: Work | None = None) -> int:
    """One job. work: what is done instead of it, for tests. Returns the exit code; 0 where the job's end is in
    its row."""
    args = _parse(argv)
    stopping = threading.Event()
    faulthandler.enable()
    let_go = be_held(stopping)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the studio's terminal's; the studio says what is to be done
    signal.signal(signal.SIGTERM, lambda _number, _frame: stopping.set())
    step_back()
    store = JobStore(args.jobs, time.time)
    job = store.get(args.job)
    ballast = args.jobs / args.job / "ballast"
    _fill(ballast)
    desk = Desk(store, job, args.owner, stopping)
    desk.open()
    state: State = "done"
    result, fault = None, None
    try:
        # Where the command line keeps them too: beside the jobs in the data folder.
        if work is not None:
            result = work(job, desk.control)
        elif job.kind == "download":
            result = fetch(job, desk.control)
        else:
            result = render(job, desk.control, args.jobs.parent)
    except Cancelled:
        state = "cancelled" if desk.cancelled else "interrupted"
    except BaseException as error:
        state, fault = "failed", fault_of(error, job)
    ballast.unlink(missing_ok=True)
    code = _settle(store, desk, job, args.owner, state, fault, result)
    let_go()
    return code


def _fill(ballast: Path) -> None:
    """Written, not only reserved. A disk that is full already has no room for it; the render will say so."""
    with contextlib.suppress(OSError):
        ballast.parent.mkdir(parents=True, exist_ok=True)
        ballast.write_bytes(os.urandom(BALLAST))


def _settle(store: JobStore, desk: Desk, job: Job, owner: str, state: State, fault: JobFault | None,
            result: JobResult | None) -> int:
    """Writes the end, and tries for half a lease: the disk may be busy, or full until somebody frees some."""
    until = time.monotonic() + LEASE / 2
    while True:
        try:
            desk.close()
            return 0 if store.settle(job.id, owner, state, error=fault, result=result) else 1
        except JobError as error:
            print(error, file=sys.stderr, flush=True)
            if time.monotonic() > until:
                return 1
            time.sleep(LOOK)


def fault_of(error: BaseException, job: Job) -> JobFault:
    """An error of ours as it is; whatever else as what people can act on, with the details in the log."""
    if isinstance(error, Doubtful):
        return JobFault(error.code, error.message, error.subject, error.remedy,
                        {"doubts": [asdict(doubt) for doubt in error.doubts]})
    if isinstance(error, LikenessError):
        return JobFault(error.code, error.message, error.subject, error.remedy)
    traceback.print_exception(error)
    sys.stderr.flush()
    if isinstance(error, MemoryError):
        return JobFault("MEMORY.OUT", f"This machine has too little free memory for {job.title}.", job.title,
                        "Close other programs and try again; finished parts are kept.")
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return JobFault("DISK.FULL", f"The disk is full{f' ({error.filename})' if error.filename else ''}.",
                        str(error.filename or ""), "Free some space and try again; finished parts are kept.")
    return JobFault("INTERNAL.ERROR", f"Likeness failed in a way that it should not ({type(error).__name__}).",
                    job.title, "The details are in the job's log; report it with that file, after a look at the names "
                               "in it.")


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="pipeline.jobs.worker", description="Does one job of a data folder.")
    parser.add_argument("--jobs", type=Path, required=True, help="the folder of jobs.db")
    parser.add_argument("--job", required=True, help="the job's id")
    parser.add_argument("--owner", required=True, help="the token under which the job was claimed")
    return parser.parse_args(argv)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Native libraries that tidy up at the end may crash or hang; the job's end is written.
    os._exit(code)
