"""Spans of an anonymised clip that somebody has to look at. Imports nothing heavy: error messages need it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import LikenessError

if TYPE_CHECKING:
    from pipeline.clips.clip import Clip
    from pipeline.tracking.covering import Scan


@dataclass(frozen=True, slots=True)
class Doubt:
    """A span of an anonymised clip in which somebody might be seen. start, stop: seconds from the first picture."""

    code: str
    start: float
    stop: float
    words: str


class Doubtful(LikenessError):
    """An anonymised clip is held until somebody looked at its doubtful spans (`ANONYMISE.DOUBTFUL`)."""

    code = "ANONYMISE.DOUBTFUL"

    def __init__(self, name: str, doubts: tuple[Doubt, ...], output: Path) -> None:
        spans = ", ".join(f"{doubt.start:.2f}-{doubt.stop:.2f}" for doubt in doubts)
        super().__init__(
            f"{name}: somebody might be recognised at {spans} (seconds).", subject=str(output),
            remedy="Look at these spans; then accept each with --accept START-STOP, or draw a box over what was missed "
                   "with --cover, and go on with --resume. The finished parts are kept.")
        self.doubts = doubts


def doubts_of(clip: Clip, scan: Scan | None) -> tuple[Doubt, ...]:
    """What a scan was not sure of, in seconds."""
    first, last = int(clip.pts[0]), len(clip.pts) - 1

    def seconds(index: int) -> float:
        """When a frame begins; of those behind the last, a tick behind it."""
        ticks = int(clip.pts[min(index, last)]) + (index > last)
        return round(float((ticks - first) * clip.time_base), 3)

    return tuple(Doubt(doubt.code, seconds(min(doubt.first, last)), seconds(min(doubt.last, last) + 1), doubt.words)
                 for doubt in (scan.doubts if scan is not None else ()))
