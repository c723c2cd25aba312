"""Keeps one tunnel open: starts its program, reads the link, sees within seconds that it died, and opens it again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from models.errors import LikenessError
from studio.tunnels.ways import Way

State = Literal["closed", "opening", "open", "lost", "failed"]

PATIENCE = 40.0
"""Seconds within which a program has to say its link."""
LOOK = 1.5
"""Seconds between two looks through an open tunnel, and what each may take: two that fail are over within five seconds
of the last that did not."""
DEAF = 20.0
"""Seconds without an answer after which the program is ended and started anew. It is shown as lost long before; but a
line that is full with somebody's upload is silent too, and must not be cut."""
PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before the next try; the last one is for ever after. A machine that slept finds its network again in some."""
KEPT_LINES = 40


@dataclass(frozen=True, slots=True)
class Shown:
    """state: lost: it was open, and is being opened again. link: while it is open, and while it is lost the last one.
    since: seconds since 1970. error: why it is lost or failed."""

    state: State = "closed"
    way: str = ""
    link: str | None = None
    since: float | None = None
    error: LikenessError | None = None


class Keeper:
    """One tunnel at most. Safe to share between threads.

    port: the studio's, on 127.0.0.1. changed: called from the keeper's thread whenever what is shown changes. look:
    says whether the studio answers through a link; None where that cannot be told from here.
    """

    def __init__(self, port: int, changed: Callable[[Shown], None], look: Callable[[str], bool] | None = None,
                 clock: Callable[[], float] = time.time) -> None:
        self._port = port
        self._changed = changed
        self._look = look
        self._clock = clock
        self._shown = Shown()
        self._doing = threading.RLock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def shown(self) -> Shown:
        return self._shown

    def open(self, way: Way) -> None:
        """Begins to open a tunnel in place of the present one. What comes of it is told by `changed`."""
        with self._doing:
            self.close()
            self._stop = threading.Event()
            self._show(Shown("opening", way.title))
            self._thread = threading.Thread(target=self._keep, args=(way, self._stop), name="tunnel", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Ends the tunnel and its program, within a second or so."""
        with self._doing:  # until it has ended: whoever opens another one meanwhile waits
            thread, self._thread = self._thread, None
            self._stop.set()
            if thread is not None:
                thread.join()
                self._show(Shown())

    def _show(self, shown: Shown) -> None:
        self._shown = shown
        self._changed(shown)

    def _keep(self, way: Way, stop: threading.Event) -> None:
        """Until it is closed. Only a tunnel that was open once is opened again: else somebody has to change something.
        """
        tries, was_open = 0, False
        while not stop.is_set():
            try:
                opened = self._run(way, stop, was_open)
            except LikenessError as error:
                if stop.is_set():
                    return
                if not was_open:
                    self._show(Shown("failed", way.title, error=error, since=self._clock()))
                    return
                self._show(Shown("lost", way.title, self._shown.link, self._clock(), error))
            else:
                tries, was_open = 0 if opened else tries, was_open or opened
            stop.wait(PAUSES[min(tries, len(PAUSES) - 1)])
            tries += 1

    def _run(self, way: Way, stop: threading.Event, again: bool) -> bool:
        """One life of the program. Returns whether it was open before it was lost. Raises LikenessError where it never
        was."""
        way.prepare()
        said: deque[str] = deque(maxlen=KEPT_LINES)
        link: list[str] = []
        heard = threading.Event()
        with _running(list(way.command(self._port)), way) as process:
            reader = threading.Thread(target=_read, args=(process, way, said, link, heard), daemon=True)
            reader.start()
            end = time.monotonic() + PATIENCE
            while not heard.wait(0.05):
                if stop.is_set():
                    return False
                if process.poll() is not None:
                    reader.join(1)
                    if not link:
                        raise way.failure(list(said))
                if time.monotonic() > end:
                    raise way.failure([*said, f"no link came within {PATIENCE:.0f} seconds"])
            self._show(Shown("open", way.title, link[0], self._clock()))
            self._watch(process, way, link[0], stop)
        return True

    def _lose(self, way: Way, link: str, why: str) -> None:
        if self._shown.state != "lost":
            self._show(Shown("lost", way.title, link, self._clock(), LikenessError(
                f"The tunnel was lost: {why}", subject=way.title, code="SHARE.LOST",
                remedy="It is being opened again; the link may be another one then.")))

    def _watch(self, process: subprocess.Popen[bytes], way: Way, link: str, stop: threading.Event) -> None:
        """Until the program ends, or the studio did not answer through it for `DEAF`."""
        heard: float | None = None
        misses, next_look = 0, time.monotonic()
        while not stop.wait(0.1):
            if process.poll() is not None:
                self._lose(way, link, f"its program ended ({process.returncode}).")
                return
            if self._look is None or time.monotonic() < next_look:
                continue
            next_look = time.monotonic() + LOOK
            if self._look(link):
                if misses > 1:
                    self._show(Shown("open", way.title, link, self._clock()))
                heard, misses = time.monotonic(), 0
            elif heard is not None:  # from some networks a link cannot be reached that others can: only a change tells
                misses += 1
                if misses > 1:
                    self._lose(way, link, "the studio does not answer through it.")
                if time.monotonic() - heard > DEAF:
                    return


@contextlib.contextmanager
def _running(command: list[str], way: Way) -> Iterator[subprocess.Popen[bytes]]:
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   start_new_session=sys.platform != "win32")
    except OSError as error:
        raise LikenessError(f"{command[0]} cannot be started: {error.strerror or error}.", subject=way.title,
                            code="SHARE.NO_PROGRAM", remedy="See that it is there and may be run.") from error
    try:
        with _guard(process):
            yield process
    finally:
        _end(process, signal.SIGTERM)
        try:
            process.wait(1)
        except subprocess.TimeoutExpired:
            pass
        finally:  # those that it started too: what is left of a tunnel would go on letting people in
            _end(process, getattr(signal, "SIGKILL", signal.SIGTERM))
            process.wait()


@contextlib.contextmanager
def _guard(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """A shell that waits for this process's end, which is the end of a pipe that nobody else holds, and ends the
    program with it: what is killed cleans up nothing, and a tunnel that is left would lead to the next start."""
    if os.name != "posix":
        yield
        return
    waits, held = os.pipe()
    guard = subprocess.Popen(["/bin/sh", "-c", "read _; kill -s KILL -- -$0", str(process.pid)], stdin=waits,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    os.close(waits)
    try:
        yield
    finally:
        guard.kill()
        guard.wait()
        os.close(held)


def _end(process: subprocess.Popen[bytes], number: int) -> None:
    """The program and, where there are process groups, all that it started."""
    if sys.platform == "win32":
        process.terminate()
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _read(process: subprocess.Popen[bytes], way: Way, said: deque[str], link: list[str],
          heard: threading.Event) -> None:
    """To the end of the output, so that the program never waits for somebody to read it."""
    assert process.stdout is not None
    for raw in process.stdout:
        line = raw.decode("utf-8", "replace").rstrip()
        said.append(line)
        if not link and (found := way.link_in(line)) is not None:
            link.append(found)
            heard.set()
