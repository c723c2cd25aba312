"""A worker process ends with the process that started it, however that one ends."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
NICENESS = 10
"""How far a worker steps back. Its frames and the server's previews want the same cores; at 10 a preview gets about
nine tenths of them while it works (Linux' weights for nice 0 and 10 are 1024 and 110), and a render that is alone on
the machine loses nothing."""
STOP = b"stop\n"
"""What a server that shuts down writes to its worker's standard input."""


def be_held(stopping: threading.Event) -> Callable[[], None]:
    """Watches the standard input, a pipe from the process that started this one: its end ends this process at once,
    `STOP` sets `stopping`. On Linux the kernel watches too, because a thread of ours has to wait for the interpreter's
    lock and the kernel does not. What this process started (an ffmpeg) ends with it, however it ends. Returns what has
    to be called before an ordinary end."""
    guard = _set_guard() if os.name == "posix" and os.getpgid(0) == os.getpid() else None
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_watch, args=(stopping,), name="leash", daemon=True).start()

    def let_go() -> None:
        if guard is not None:  # waited for, so that no dead process stays in the table of a container without an init
            guard.kill()
            guard.wait()

    return let_go


def step_back() -> None:
    """Lowers this process's priority; on Windows whoever starts it does that."""
    if os.name == "posix":
        os.nice(NICENESS)


def _set_guard() -> subprocess.Popen[bytes] | None:
    """A shell that waits for this process's end, which is the end of a pipe that nobody else holds, and then kills all
    of its group: SIGKILL leaves this process itself no time for that."""
    waits, held = os.pipe()
    guard = None
    with suppress(FileNotFoundError):  # a system without a shell: the rest has to do
        guard = subprocess.Popen(["/bin/sh", "-c", "read _; kill -s KILL -- -$0", str(os.getpid())], stdin=waits)
    os.close(waits)
    os.set_inheritable(held, False)  # held: closed by the system when this process ends
    return guard


def _watch(stopping: threading.Event) -> None:
    while True:
        # Not sys.stdin: its lock would be held while we wait, and the interpreter wants it when it ends.
        said = os.read(0, 64)
        if not said:
            end_at_once()
        if STOP.strip() in said:
            stopping.set()


def end_at_once(code: int = 1) -> NoReturn:
    """Without cleaning up, and with whatever this process started: parts and outputs are whole or not there."""
    if os.name == "posix" and os.getpgid(0) == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(code)
