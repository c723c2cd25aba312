"""Finished parts that are kept after their clip was joined, so that a change to one segment renders only its parts."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from pathlib import Path

from pipeline.rendering.ledger import DonePart, part_of_row, row_of

BUDGET = 4 << 30
"""Bytes. An hour of 1080p at CRF 18 is about 4 GB; what was used longest ago goes first."""


class KeptParts:
    """A folder of part files by key, each with what the ledger said of it. A cache: whatever goes wrong with it costs
    rendering a part again, and nothing else."""

    def __init__(self, folder: Path, budget: int = BUDGET) -> None:
        self._folder = folder
        self._budget = budget

    def take(self, key: str, into: Path) -> DonePart | None:
        """Puts the part into the folder `into`; None where it is not there any more."""
        told, file = self._folder / f"{key}.json", self._folder / f"{key}.nut"
        try:
            done = part_of_row(json.loads(told.read_text(encoding="utf-8")))
            if done.scored:
                _link(file.with_suffix(".scores"), into / done.scores)
            _link(file, into / done.file)
            os.utime(told)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return done

    def put(self, done: DonePart, file: Path) -> None:
        """Keeps a part whose clip is whole."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if done.scored:
                _link(file.with_name(done.scores), self._folder / f"{done.key}.scores")
            _link(file, self._folder / f"{done.key}.nut")
            waiting = self._folder / f".{done.key}.{os.getpid()}"
            waiting.write_text(json.dumps(row_of(done)), encoding="utf-8")
            os.replace(waiting, self._folder / f"{done.key}.json")
            self._make_room()
        except OSError:
            self._forget(done.key)

    def _make_room(self) -> None:
        by_age = sorted(self._folder.glob("*.json"), key=lambda path: -path.stat().st_mtime)
        total = 0
        for told in by_age:
            with contextlib.suppress(OSError):
                total += told.with_suffix(".nut").stat().st_size
            if total > self._budget:
                self._forget(told.stem)

    def _forget(self, key: str) -> None:
        for suffix in (".json", ".nut", ".scores"):
            with contextlib.suppress(OSError):
                (self._folder / f"{key}{suffix}").unlink(missing_ok=True)


def _link(source: Path, goal: Path) -> None:
    """The same bytes under another name, whole or not at all; no copy where the file system can do without."""
    waiting = goal.with_name(f".{goal.name}.{os.getpid()}")
    waiting.unlink(missing_ok=True)
    try:
        os.link(source, waiting)
    except OSError:
        shutil.copyfile(source, waiting)
    os.replace(waiting, goal)
