"""The audit log: who came in, who was turned away, what was opened to whom. One JSON line each, in the data folder."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

NAME = "audit.jsonl"
LARGEST = 4 << 20
"""Bytes after which a new file is begun: twenty thousand entries. One older file is kept."""


class Audit:
    """Appends; safe to share between threads. clock: seconds since 1970."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = folder / NAME
        self._clock = clock
        self._lock = threading.Lock()
        self.trouble: OSError | None = None
        """Why the last entry is not there: a full disk keeps nobody out."""

    def note(self, who: str, what: str, **more: str | int | float | None) -> None:
        """who: a visitor's name, or where somebody unknown came from. what: a dotted word, as `enter.refused`."""
        entry = {"time": datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="seconds"), "who": who,
                 "what": what, **more}
        line = json.dumps(entry, ensure_ascii=False)
        with self._lock:
            try:
                self._append(line)
                self.trouble = None
            except OSError as error:
                self.trouble = error

    def _append(self, line: str) -> None:
        with suppress(FileNotFoundError):
            if self.path.stat().st_size > LARGEST:
                self.path.replace(self.path.with_suffix(".1.jsonl"))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = not self.path.exists()
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        if new:
            self.path.chmod(0o600)

    def last(self, count: int = 50) -> list[dict[str, object]]:
        """The newest entries, newest first."""
        with self._lock:
            try:
                lines = self.path.read_text(encoding="utf-8").splitlines()
            except FileNotFoundError:
                return []
        entries: list[dict[str, object]] = []
        for line in reversed(lines[-count:]):
            with suppress(ValueError):  # a line that a full disk cut off
                entries.append(json.loads(line))
        return entries
