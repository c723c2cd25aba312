"""A worker process whose work is a stand-in: the job's title says what happens, the rest is the real worker.

`count N`: N frames, one part every 10. `hold`: works until it is told to stop. `deaf`: as hold, and never listens.
`signal NAME` and `exit`: dies after ten frames. `full`, `boom`, `memory`: raises. `child`: as deaf, with a process of
its own. What a stand-in learns (that it runs, how often it asked) it writes into files beside its output.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from models.errors import Cancelled, OutputError
from pipeline.jobs.job import Job, JobNote, JobResult
from pipeline.jobs.worker import main
from pipeline.rendering.control import ClipProgress, Control, PartState

FRAME = 0.004


def work(job: Job, control: Control) -> JobResult:
    what, _, value = job.title.partition(" ")
    output = Path(job.output)
    output.with_suffix(".pid").write_text(str(os.getpid()))
    if what == "child":
        with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as child:
            output.with_suffix(".child").write_text(str(child.pid))
            _frames(10**6, Control())
    if what in ("deaf", "hold"):
        _frames(10**6, control if what == "hold" else Control(progress=control.progress))
    if what == "count":
        return _count(job, int(value), control)
    _frames(10, control)
    if what == "signal":
        os.kill(os.getpid(), signal.Signals[value])
        time.sleep(60)  # the signal may be a moment on its way
    if what == "exit":
        os._exit(int(value))
    if what == "full":
        raise OutputError("The disk that out.mp4 goes to is full.", subject="out.mp4", code="DISK.FULL",
                          remedy="Free some space.")
    if what == "memory":
        raise MemoryError
    if what == "space":
        raise OSError(errno.ENOSPC, "No space left on device", "/somewhere")
    raise ValueError("boom")


def _count(job: Job, total: int, control: Control) -> JobResult:
    _frames(total, control)
    data = f"attempt {job.attempts}, nice {os.nice(0)}".encode()
    Path(job.output).write_bytes(data)
    return JobResult(job.output, len(data), (JobNote("A.NOTE", "Said.", {"n": 1}),), None, {"frames": total})


def _frames(total: int, control: Control) -> None:
    count = min(total, 100) // 10
    for frame in range(total):
        while control.paused() and not control.cancelled():
            time.sleep(0.02)
        if control.cancelled():
            raise Cancelled("Stopped at your request.", remedy="Finished parts are kept.")
        parts: tuple[PartState, ...] = tuple(
            "done" if frame >= 10 * (n + 1) else "running" if frame >= 10 * n else "waiting" for n in range(count))
        control.progress(ClipProgress("render", frame + 1, total, 1 / FRAME, None, parts,
                                      b"frame %d" % frame if frame % 10 == 0 else None))
        time.sleep(FRAME)


if __name__ == "__main__":
    code = main(work=work)
    sys.stderr.flush()
    os._exit(code)
