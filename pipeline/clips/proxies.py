"""Proxies: those that were made, kept in a folder up to a size; those that are wanted, made in the background."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.errors import Cancelled, LikenessError, MediaError
from pipeline.clips.clip import Clip
from pipeline.clips.proxy import GOP, HEIGHT, is_own_proxy, make_proxy

VERSION = 1
"""Of how proxies are made: those of another version are not found again."""
BUDGET = 4 * 1024**3
"""Bytes of proxies that are kept: about ten hours of film."""
NICENESS = 10  # as a job's worker; see pipeline.jobs.leash
_STALE = 24 * 3600.0  # seconds after which a half-made file is nobody's


@dataclass(frozen=True, slots=True)
class ProxyState:
    """ready: path is there. waiting, making: share (0..1) is done. failed: error says why. absent: nobody asked."""

    state: Literal["absent", "waiting", "making", "ready", "failed"]
    share: float = 0.0
    path: Path | None = None
    error: LikenessError | None = None


class ProxyCache:
    """Proxies by the clip's content. Safe to share between threads; several processes may have the same folder.

    folder: made when needed. budget: bytes; the files that were not asked for longest go first.
    """

    def __init__(self, folder: Path, budget: int = BUDGET) -> None:
        self._folder = folder
        self._budget = budget
        self._changed = threading.Condition()
        self._wanted: dict[str, Clip] = {}
        self._making: str | None = None
        self._share = 0.0
        self._failed: dict[str, LikenessError] = {}
        self._thread: threading.Thread | None = None

    def get(self, clip: Clip) -> Path | None:
        """The file to scrub with, if it is there: the proxy, or the clip itself where browsers scrub that well."""
        if is_own_proxy(clip):
            return clip.path
        path = self._path(clip)
        try:
            os.utime(path)  # it is used: it goes last
        except FileNotFoundError:
            return None
        return path

    def look(self, clip: Clip) -> ProxyState:
        path = self.get(clip)
        if path is not None:
            return ProxyState("ready", 1.0, path)
        with self._changed:
            if clip.id == self._making:
                return ProxyState("making", self._share)
            if clip.id in self._wanted:
                return ProxyState("waiting")
            if clip.id in self._failed:
                return ProxyState("failed", error=self._failed[clip.id])
        return ProxyState("absent")

    def ask(self, clip: Clip) -> ProxyState:
        """Makes the proxy in the background if it is not there: after the one that is being made, before those that
        were asked for earlier. One that failed is not tried again until it was dropped."""
        state = self.look(clip)
        if state.state in ("absent", "waiting"):
            with self._changed:
                self._wanted.pop(clip.id, None)
                self._wanted[clip.id] = clip
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="proxies", daemon=True)
                    self._thread.start()
            return self.look(clip)
        return state

    def drop(self, clip: Clip) -> None:
        """Nobody wants it any more: it is not made, or not made to its end. A finished one stays."""
        with self._changed:
            self._wanted.pop(clip.id, None)
            self._failed.pop(clip.id, None)

    def wait(self, clip: Clip, timeout: float) -> ProxyState:
        """Until it is ready or failed, or for so many seconds."""
        end = time.monotonic() + timeout
        with self._changed:
            while self.look(clip).state in ("waiting", "making") and time.monotonic() < end:
                self._changed.wait(end - time.monotonic())
        return self.look(clip)

    def close(self) -> None:
        """Makes no more; what is half made is deleted."""
        with self._changed:
            self._wanted.clear()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _path(self, clip: Clip) -> Path:
        return self._folder / f"{clip.id.replace(':', '-')}-{HEIGHT}-{GOP}-{VERSION}.mp4"

    def _run(self) -> None:
        step_back()
        self._sweep()
        while True:
            with self._changed:
                if not self._wanted:
                    self._thread = None
                    return
                clip = next(reversed(self._wanted.values()))
                self._making, self._share = clip.id, 0.0
            error = self._make(clip)
            with self._changed:
                self._making = None
                # Dropped while it was made: nobody wants to know.
                if self._wanted.pop(clip.id, None) is not None and error is not None:
                    self._failed[clip.id] = error
                self._changed.notify_all()

    def _make(self, clip: Clip) -> LikenessError | None:
        def check() -> None:
            if clip.id not in self._wanted:
                raise Cancelled("Nobody wants this proxy any more.")

        def progress(share: float) -> None:
            self._share = share

        path = self._path(clip)
        try:
            make_proxy(clip, path, check=check, progress=progress)
            self._evict(path)
        except LikenessError as error:
            return error
        except Exception as error:  # the thread goes on with the next clip; the screen says what is wrong with this
            return MediaError(f"No proxy can be made of {clip.name}: {error}.", subject=clip.name, code="MEDIA.PROXY",
                              remedy="Scrubbing shows the clip's own frames instead, which is slower.")
        return None

    def _evict(self, newest: Path) -> None:
        """Deletes the files that were not used longest until the rest fit; never the one just made."""
        files = sorted(((entry.stat().st_mtime, entry.stat().st_size, Path(entry.path))
                        for entry in os.scandir(self._folder) if entry.name.endswith(".mp4")), reverse=True)
        left = self._budget - newest.stat().st_size
        for _, size, path in files:
            if path == newest:
                continue
            left -= size
            if left < 0:
                with suppress(OSError):  # somebody has it open, on Windows; the next one tries again
                    path.unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Removes what a crash left half made."""
        if self._folder.is_dir():
            for path in self._folder.glob(".*.part"):
                with suppress(OSError):
                    if time.time() - path.stat().st_mtime > _STALE:
                        path.unlink()


def step_back() -> None:
    """Lowers this thread's priority, and that of the threads it will start. Linux alone can."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))
