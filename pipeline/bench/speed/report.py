"""What `bench pipeline` found, ready for JSON and for reading."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.bench.speed.row import Way
from pipeline.measure.report import table

WAYS: tuple[Way, ...] = ("likeness", "likeness-stored", "likeness-whole", "insightface", "floor")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SpeedRow(_Model):
    """One way at one resolution: medians over the runs."""

    pipeline: Way
    resolution: str
    twins: Literal["zero"] = "zero"
    cpu_ms_per_frame: float = Field(description="CPU time of the process and its children, all cores together.")
    wall_ms_per_frame: float
    peak_rss_mb: float | None = Field(description="Most memory at once, its children included; none on Windows.")
    spread: float = Field(description="Dearest run over cheapest, in CPU time: how much the machine disturbed them.")


class SpeedRatio(_Model):
    """Medians over runs that followed each other, so that a busy machine is in both; all but the last in CPU time."""

    resolution: str
    likeness_over_floor: float | None = Field(default=None, description="Faces followed as they are drawn.")
    stored_over_floor: float | None = Field(default=None, description="Rendered from a stored analysis.")
    whole_over_floor: float | None = Field(default=None, description="The analysis and the render.")
    insightface_over_likeness: float | None = None
    memory_over_floor_mb: float | None = None


class SpeedReport(_Model):
    """frames: of each clip. runs: how often the plain loop was measured; the others twice as often."""

    machine: str
    encoder: str
    frames: dict[str, int]
    runs: int
    rows: tuple[SpeedRow, ...]
    ratios: tuple[SpeedRatio, ...]

    def to_text(self) -> str:
        """Tables for a terminal."""
        rows = [(row.resolution, row.pipeline, f"{row.cpu_ms_per_frame:.1f}", f"{row.wall_ms_per_frame:.1f}",
                 _text(row.peak_rss_mb, 0), f"{row.spread:.2f}") for row in self.rows]
        ratios = [(one.resolution, _text(one.likeness_over_floor), _text(one.stored_over_floor),
                   _text(one.whole_over_floor), _text(one.insightface_over_likeness),
                   _text(one.memory_over_floor_mb, 0)) for one in self.ratios]
        return "\n".join([
            self.machine, f"{self.encoder}; {self.runs} turns, "
            + ", ".join(f"{count} frames of {name}" for name, count in self.frames.items()), "",
            table(("resolution", "pipeline", "CPU ms a frame", "ms a frame", "peak MB", "spread"), rows), "",
            table(("resolution", "likeness / floor", "stored / floor", "whole / floor", "insightface / likeness",
                   "MB over floor"), ratios)])


def _text(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
