"""The job that fetches one model: what it is asked with, and doing it."""

from __future__ import annotations

import threading
import time
from collections import deque
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from models.catalogue import Catalogue, CatalogueRow, whole_catalogue
from models.download import Download
from models.store import Store
from pipeline.jobs.job import Job, JobResult
from pipeline.rendering.control import ClipProgress, Control

WINDOW = 5.0
"""Seconds that the speed is measured over."""
TELL = 0.5
"""Seconds between two words on how far it is, also while nothing arrives: then the speed has to fall."""
LOOK = 0.1
"""Seconds between two looks whether to stop, while a server is waited for."""


class FetchRequest(BaseModel):
    """slot: the catalogue's. folder, record: of the store (see `models.store.Store`). output: where the file goes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    slot: str
    folder: Path
    record: Path
    output: Path


def fetch(job: Job, control: Control, catalogue: Catalogue | None = None) -> JobResult:
    """Fetches the model that the job names, or goes on with it. catalogue: another than the program's own, for tests.
    Raises as `Store.get`."""
    request = FetchRequest.model_validate_json(job.request)
    store = Store(catalogue or whole_catalogue(), request.folder, request.record)
    speed = Speed()

    def pause(seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not control.cancelled():
            time.sleep(LOOK)

    def make(row: CatalogueRow, path: Path) -> Download:
        return Download(row.title, row.urls, path, row.sha256, progress=speed.told, stopped=control.cancelled,
                        pause=pause)

    done = threading.Event()

    def tell() -> None:
        while not done.wait(TELL):
            control.progress(speed.now())

    teller = threading.Thread(target=tell, name="tell", daemon=True)
    teller.start()
    try:
        found = store.get(request.slot, make)
    finally:
        done.set()
        teller.join()
    size = found.path.stat().st_size
    control.progress(ClipProgress("fetch", size, size))
    return JobResult(str(found.path), size, data={"state": found.state})


def discard_part(output: Path) -> None:
    """Deletes what was fetched of a file that did not become whole."""
    download = Download("", (), output)
    download.part.unlink(missing_ok=True)
    download.mark.unlink(missing_ok=True)


class Speed:
    """How far a download is, and how fast it was in the last few seconds. Told and asked by different threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._have, self._all = 0, 0
        self._begun = False
        self._marks: deque[tuple[float, int]] = deque()

    def told(self, have: int, size: int | None) -> None:
        with self._lock:
            if not self._begun or have < self._have:  # what was there already did not arrive just now
                self._marks = deque([(time.monotonic(), have)])
            self._begun, self._have, self._all = True, have, size or 0

    def now(self) -> ClipProgress:
        moment = time.monotonic()
        with self._lock:
            self._marks.append((moment, self._have))
            while len(self._marks) > 2 and self._marks[1][0] < moment - WINDOW:
                self._marks.popleft()
            then, before = self._marks[0]
            rate = (self._have - before) / (moment - then) if moment > then else 0.0
            left = (self._all - self._have) / rate if rate > 0 and self._all else None
            return ClipProgress("fetch", self._have, self._all, rate, left)
