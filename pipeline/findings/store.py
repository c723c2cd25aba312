"""Scores and findings of finished clips, in the data folder: known by what the clip's file contains."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.findings.finding import Finding, finding_of
from pipeline.findings.sheet import Sheet, read_sheet

BUDGET = 512 << 20
"""Bytes. An hour with one face is about 6 MB; what was used longest ago goes first."""


@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """A finished clip. output, target: ids of what came out and what went in. recipe: as JSON data. rate: frames a
    second of the clip that went in, whose frames the scores' numbers count."""

    output: str
    target: str
    recipe: dict[str, Any]
    rate: float
    findings: tuple[Finding, ...]
    sheet: Sheet


class Versions:
    """A folder of them. A cache: whatever goes wrong with it costs knowing what was found, and nothing else."""

    def __init__(self, folder: Path, budget: int = BUDGET) -> None:
        self._folder, self._budget = folder, budget

    def put(self, version: Version) -> None:
        told, file = self._places(version.output)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            version.sheet.write(file)
            waiting = told.with_name(f".{told.name}.{os.getpid()}")
            waiting.write_text(json.dumps({
                "output": version.output, "target": version.target, "recipe": version.recipe, "rate": version.rate,
                "findings": [finding.data() for finding in version.findings]}), encoding="utf-8")
            os.replace(waiting, told)
            self._make_room()
        except OSError:
            self._forget(told)

    def get(self, output: str) -> Version | None:
        """output: the id of a clip's file. None where nothing is known of it."""
        told, file = self._places(output)
        sheet = read_sheet(file)
        if sheet is None:
            return None
        try:
            data = json.loads(told.read_text(encoding="utf-8"))
            os.utime(told)
            return Version(data["output"], data["target"], data["recipe"], float(data["rate"]),
                           tuple(finding_of(one) for one in data["findings"]), sheet)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def ignored(self, output: str) -> frozenset[str]:
        """Keys of the findings that somebody has looked at and lets be."""
        try:
            data = json.loads(self._notes(output).read_text(encoding="utf-8"))
            return frozenset(str(key) for key in data)
        except (OSError, ValueError, TypeError):
            return frozenset()

    def ignore(self, output: str, keys: Iterable[str]) -> None:
        """All that are let be, from now on. Raises OSError."""
        place = self._notes(output)
        waiting = place.with_name(f".{place.name}.{os.getpid()}")
        waiting.write_text(json.dumps(sorted(keys)), encoding="utf-8")
        os.replace(waiting, place)

    def inherit(self, earlier: str, output: str) -> None:
        """What was let be in an earlier render of the clip is let be in a later one. Raises OSError."""
        keys, before, now = self.ignored(earlier), self.get(earlier), self.get(output)
        if keys and before is not None and now is not None:
            known = [finding for finding in before.findings if finding.key in keys]
            self.ignore(output, [one.key for one in now.findings if any(one.is_like(other) for other in known)])

    def _notes(self, output: str) -> Path:
        return self._places(output)[0].with_suffix(".ignored")

    def _places(self, output: str) -> tuple[Path, Path]:
        name = output.replace(":", "-")
        return self._folder / f"{name}.json", self._folder / f"{name}.scores"

    def _make_room(self) -> None:
        total = 0
        for told in sorted(self._folder.glob("*.json"), key=lambda path: -path.stat().st_mtime):
            for path in (told, told.with_suffix(".scores")):
                with contextlib.suppress(OSError):
                    total += path.stat().st_size
            if total > self._budget:
                self._forget(told)

    def _forget(self, told: Path) -> None:
        for path in (told, told.with_suffix(".scores"), told.with_suffix(".ignored")):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
