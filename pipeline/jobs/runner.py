"""The queue as people-facing code sees it: submit, look, ask; and the threads that run one job of a kind after the
other."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from models.errors import InputError
from pipeline.jobs.fetching import FetchRequest, discard_part
from pipeline.jobs.job import ENDED_WITHOUT, Job, JobError, JobFault, Kind, State, Wish
from pipeline.jobs.leash import STOP
from pipeline.jobs.store import JobStore
from pipeline.recipe import spelt
from pipeline.rendering.ledger import Ledger, parts_folder
from pipeline.rendering.request import ClipRequest

ROOT = Path(__file__).resolve().parents[2]
WORKER = (sys.executable, "-P", "-m", "pipeline.jobs.worker")
"""-P: a folder called `av` or `models` where the studio was started must not be taken for ours."""
LOG = "log.txt"
KINDS: tuple[Kind, ...] = ("render", "download")

# Seconds between two looks at the queue and at the worker: other processes may change both. A look is a read of one
# row (6 µs).
QUEUE_LOOK, WORKER_LOOK = 0.5, 0.1
# A worker that is asked to cancel or to stop is killed after so many seconds: people are promised an answer within one,
# a frame of 4K with a slow network takes longer, and finished parts are safe.
CANCEL_GRACE, STOP_GRACE = 0.7, 0.5
# A worker that has settled its job, or lost it to another process, has so long to go.
LEAVE_GRACE = 5.0
# Before the next try, where the store cannot be written.
TROUBLE_PAUSE = 2.0


class Jobs:
    """The jobs of one data folder. Safe to share between threads; several processes may have the same folder: one
    render at a time is at work among all of them, a paused one included, because whoever pauses wants the machine back;
    and beside it one download, which waits for the network and not for the machine.

    folder: where `jobs.db` lies, and a folder a job with its log; made when missing. clock: seconds since 1970.
    command: what starts a worker process, for tests; `--jobs FOLDER --job ID --owner TOKEN` are added.
    Every method may raise JobError `JOB.STORE` where the file cannot be worked with.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time,
                 command: Sequence[str] | None = None) -> None:
        self.folder = folder.absolute()
        self._store = JobStore(self.folder, clock)
        self._command = tuple(command or WORKER)
        self._wake = {kind: threading.Event() for kind in KINDS}
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self.trouble: JobError | None = None
        """Why the queue stands still, where the store cannot be written; None otherwise."""

    # Looking

    def revision(self) -> int:
        """A number that grows with every change of any job, by whichever process: cheap to ask (5 µs), so a screen
        asks it and draws anew where it differs."""
        return self._store.revision()

    def wait(self, since: int, timeout: float) -> int:
        """Blocks until the revision is not `since`, or for so many seconds. Returns the revision."""
        end = time.monotonic() + timeout
        while (now := self.revision()) == since and time.monotonic() < end:
            time.sleep(WORKER_LOOK)
        return now

    def list(self) -> tuple[Job, ...]:
        """Every job, in the order of the queue; ended ones stay in their place until they are removed."""
        return self._store.list()

    def get(self, id: str) -> Job:
        """Raises JobError `JOB.MISSING`."""
        return self._store.get(id)

    def picture(self, id: str) -> bytes | None:
        """The last frame of a job as a small JPEG; `Job.picture` changes when it does."""
        return self._store.picture(id)

    def own_folder(self, id: str) -> Path:
        """A folder of the job's own (its log; files that only it needs), deleted when the job is removed. Not made."""
        return self.folder / id

    # Asking

    @staticmethod
    def new_id() -> str:
        return secrets.token_hex(8)

    def submit(self, title: str, request: ClipRequest | FetchRequest, *, id: str | None = None, submitter: str = "",
               ) -> str:
        """Queues a render or a download; returns its id. id: from `new_id`, where files had to be put into `own_folder`
        first. submitter: kept with the job, see there.

        The request's paths have to be absolute, and to be there when the job's turn comes. Raises InputError where a
        path is not Unicode text.
        """
        id = id or self.new_id()
        output, text = _as_text(request)
        kind: Kind = "render" if isinstance(request, ClipRequest) else "download"
        self._store.add(id, title, kind, output, text, submitter)
        self._wake_all()
        return id

    def _wake_all(self) -> None:
        for event in self._wake.values():
            event.set()

    def ask(self, id: str, wish: Wish, request: ClipRequest | None = None) -> None:
        """pause, resume: the worker follows within a second (`Job.wanted` until it has). cancel: ends it, finished
        parts stay. go_on (interrupted), retry (failed, cancelled, interrupted): to the end of the queue, from the
        finished parts; request: in the old one's place (accepted spans, another output). remove: forgets a job that is
        not at work, with its log and its parts.

        Asking for what is so already is fine. Raises JobError: `JOB.MISSING`, `JOB.NOT_NOW`.
        """
        if wish in ("pause", "resume"):
            self._store.want(id, "pause" if wish == "pause" else "run")
        elif wish == "cancel":
            self._store.cancel(id)
        elif wish in ("retry", "go_on"):
            states = ENDED_WITHOUT if wish == "retry" else frozenset[State]({"interrupted"})
            self._store.queue_again(id, None if request is None else _as_text(request), states)
        else:
            self._remove(id)
        self._wake_all()

    def _remove(self, id: str) -> None:
        job = self._store.remove(id)
        shutil.rmtree(self.own_folder(id), ignore_errors=True)  # a log that is held open, on Windows, may stay
        if job.state != "done" and all(other.output != job.output for other in self.list()):
            (discard_parts if job.kind == "render" else discard_part)(Path(job.output))

    # Running

    def start(self, kinds: Sequence[Kind] = KINDS) -> None:
        """Begins to run the queue. Jobs whose process is gone become interrupted, at once or when their lease has run
        out. kinds: those that are run; the others wait."""
        if not self._threads:
            self._stopping.clear()
            self._store.expire()
            self._threads = [threading.Thread(target=self._run, args=(kind,), name=f"{kind}s", daemon=True)
                             for kind in kinds]
            for thread in self._threads:
                thread.start()

    def stop(self) -> None:
        """Ends the worker: its job becomes interrupted, within a second. The store can still be looked at."""
        self._stopping.set()
        self._wake_all()
        for thread in self._threads:
            thread.join()
        self._threads = []

    def close(self) -> None:
        """Stops, and lets go of the store."""
        self.stop()
        self._store.close()

    def _run(self, kind: Kind) -> None:
        # This thread starts the workers and outlives them: on Linux a child may be tied to the thread that started it.
        while not self._stopping.is_set():
            try:
                self._store.expire()
                job = self._store.claim(f"{os.getpid()}-{secrets.token_hex(8)}", kind)
                if job is not None:
                    self._work(job)
                self.trouble = None
            except JobError as error:
                self.trouble = error
                self._stopping.wait(TROUBLE_PAUSE)
                continue
            if job is None:
                self._wake[kind].wait(QUEUE_LOOK)
                self._wake[kind].clear()

    def _work(self, job: Job) -> None:
        """One job from its worker's start to its end, whatever that is."""
        assert job.owner is not None
        log = self.own_folder(job.id) / LOG
        try:
            worker = self._spawn(job, log)
        except OSError as error:
            self._store.settle(job.id, job.owner, "failed", error=JobFault(
                "JOB.NO_WORKER", f"No process could be started for {job.title}: {error}.", job.title,
                "See that the data folder may be written to and that memory is free, then try again."))
            return
        try:
            how = self._attend(worker, job.id, job.owner)
        finally:
            _kill(worker)
        if self._stopping.is_set():
            state: State = "cancelled" if self._store.get(job.id).wanted == "cancel" else "interrupted"
            self._store.settle(job.id, job.owner, state)
        else:
            self._store.crashed(job.id, job.owner, how, log)  # nothing, where the worker has said how it ended

    def _spawn(self, job: Job, log: Path) -> subprocess.Popen[bytes]:
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [*self._command, "--jobs", str(self.folder), "--job", job.id, "--owner", job.owner or ""]
        with log.open("ab") as out:
            # A session of its own: Ctrl+C in the studio's terminal is the studio's to answer, and whatever the worker
            # starts can be ended with it.
            return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=out, env=_environment(),
                                    start_new_session=os.name == "posix",
                                    creationflags=getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)
                                    | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0))

    def _attend(self, worker: subprocess.Popen[bytes], id: str, owner: str) -> str:
        """Waits for the worker's end and sees to it that it comes when it must. Returns how it ended, in words."""
        deadline: float | None = None
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return _ending(worker.wait(WORKER_LOOK))
            now = time.monotonic()
            if self._stopping.is_set():
                _tell(worker)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    worker.wait(STOP_GRACE)
                return "stopped"
            wanted = self._store.wanted(id, owner)
            if wanted in ("run", "pause"):
                deadline = None
            elif deadline is None:
                deadline = now + (CANCEL_GRACE if wanted == "cancel" else LEAVE_GRACE)
            elif now >= deadline:
                return "did not stop when it was asked to"


def discard_parts(output: Path) -> None:
    """Deletes the finished parts of an output that did not become whole, unless another process renders it just now."""
    if parts_folder(output).is_dir():
        with contextlib.suppress(OSError), Ledger.held(output) as ledger:  # OSError: busy, or not ours to delete
            ledger.discard()


def _as_text(request: ClipRequest | FetchRequest) -> tuple[str, str]:
    output = str(request.output.absolute())
    if spelt(output) != output:
        raise InputError(f"{spelt(output)} has a name that is not Unicode text.", subject=spelt(output),
                         remedy="Choose another name for the output.")
    return output, request.model_dump_json()


def _environment() -> Mapping[str, str]:
    """This process's, with this checkout first on the path."""
    before = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *([before] if before else [])])}


def _tell(worker: subprocess.Popen[bytes]) -> None:
    assert worker.stdin is not None
    with contextlib.suppress(OSError):  # it has just ended
        worker.stdin.write(STOP)
        worker.stdin.flush()


def _kill(worker: subprocess.Popen[bytes]) -> None:
    """The worker and whatever it started; nothing where all have ended."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):  # PermissionError: macOS, where it is a zombie
            os.killpg(worker.pid, signal.SIGKILL)
    elif worker.poll() is None:
        worker.kill()
    worker.wait()
    with contextlib.suppress(OSError):
        assert worker.stdin is not None
        worker.stdin.close()


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
