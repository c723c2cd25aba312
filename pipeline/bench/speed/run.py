"""`bench pipeline`: the product, a plain loop and the least that is possible, side by side in one run."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from models.errors import InputError, ProcessorError
from pipeline.bench.report import machine
from pipeline.bench.speed.floor import WRITTEN
from pipeline.bench.speed.moving import Moving, make_clip
from pipeline.bench.speed.report import WAYS, SpeedRatio, SpeedReport, SpeedRow
from pipeline.bench.speed.row import Measured, Order, Way
from pipeline.bench.speed.twins import Twins, make_twins

Progress = Callable[[float, str], None]

RESOLUTIONS: Mapping[str, tuple[int, int]] = {"720p": (1280, 720), "1080p": (1920, 1080), "4K": (3840, 2160)}
# Frames of each clip: about as many seconds of work at every resolution, long beside what opening and closing cost.
FRAMES: Mapping[str, int] = {"720p": 240, "1080p": 192, "4K": 144}
# Rows are measured in turns, so often: what else the machine does then meets all of them. In each turn the quick ones
# twice, side by side: their ratio is nearer 1, and one disturbed run would decide it.
RUNS = 3
TURN: tuple[Way, ...] = ("insightface", *2 * ("likeness", "likeness-stored", "likeness-whole", "floor"))

_ROOT = Path(__file__).resolve().parents[3]


def _silent(_share: float, _stage: str) -> None:
    return None


def speed(*, resolutions: Sequence[str] = tuple(RESOLUTIONS), frames: int | None = None, runs: int = RUNS,
          sizes: Mapping[str, tuple[int, int]] = RESOLUTIONS, progress: Progress = _silent) -> SpeedReport:
    """Measures how clips go through this machine: about half an hour.

    resolutions: names of `sizes`. frames: of every clip (default: by resolution). Needs 0.1 GB in the folder for
    temporary files. Raises InputError where there is no such resolution or the picture for the clip is not installed,
    ProcessorError where a row fails.
    """
    for name in resolutions:
        if name not in sizes:
            raise InputError(f"There is no resolution {name!r}.", subject=name,
                             remedy=f"Choose from {', '.join(sizes)}.")
    rows: list[SpeedRow] = []
    ratios: list[SpeedRatio] = []
    counts: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="likeness-bench-") as place:
        folder = Path(place)
        for number, name in enumerate(resolutions):
            def told(share: float, stage: str, number: int = number, name: str = name) -> None:
                progress((number + share) / len(resolutions), f"{stage} ({name})")

            counts[name] = frames or FRAMES.get(name, max(FRAMES.values()))
            told(0, "making the clip")
            moving = make_clip(folder / f"{name}.mp4", *sizes[name], counts[name])
            measured = _measure(_Stage(folder, moving, make_twins(folder, moving)), runs, told)
            rows += [_row(way, name, measured[way], counts[name]) for way in WAYS]
            ratios.append(_ratio(name, measured))
            moving.path.unlink()
    progress(1.0, "done")
    return SpeedReport(machine=machine(), encoder=f"x264 {WRITTEN.speed} CRF {WRITTEN.crf}", frames=counts, runs=runs,
                       rows=tuple(rows), ratios=tuple(ratios))


@dataclass(frozen=True, slots=True)
class _Stage:
    """What the rows of one resolution work on."""

    folder: Path
    moving: Moving
    twins: Twins

    def order(self, way: Way) -> Order:
        return Order(way=way, clip=self.moving.path, output=self.folder / f"{way}.mp4", detector=self.twins.detector,
                     recogniser=self.twins.recogniser, swapper=self.twins.swapper, answer=self.folder / "answer.json")


def _measure(stage: _Stage, runs: int, progress: Progress) -> dict[Way, list[Measured]]:
    measured: dict[Way, list[Measured]] = {way: [] for way in WAYS}
    for run in range(runs):
        for place, way in enumerate(TURN):
            progress((run * len(TURN) + place) / (runs * len(TURN)), f"measuring {way}")
            measured[way].append(run_row(stage.order(way)))
    return measured


def run_row(order: Order) -> Measured:
    """One row in a process of its own. Raises ProcessorError with the last line that it said where it fails."""
    path = order.answer.with_name("order.json")
    path.write_text(order.model_dump_json(), encoding="utf-8")
    order.answer.unlink(missing_ok=True)
    # The program is a checkout, and nobody says that it is run from there.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, "-m", "pipeline.bench.speed.row", str(path)], env=environment,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          encoding="utf-8", errors="replace", check=False)
    order.output.unlink(missing_ok=True)
    if done.returncode != 0 or not order.answer.is_file():
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise ProcessorError(f"The row {order.way} of the bench failed: {last}.", subject=order.way,
                             remedy="Report this, with what `doctor` says.")
    return Measured.model_validate_json(order.answer.read_text(encoding="utf-8"))


def _row(way: Way, resolution: str, measured: Sequence[Measured], frames: int) -> SpeedRow:
    cpu = [one.cpu for one in measured]
    peaks = [one.peak for one in measured if one.peak is not None]
    return SpeedRow(pipeline=way, resolution=resolution, cpu_ms_per_frame=round(1000 * median(cpu) / frames, 2),
                    wall_ms_per_frame=round(1000 * median(one.wall for one in measured) / frames, 2),
                    peak_rss_mb=round(median(peaks), 1) if peaks else None,
                    spread=round(max(cpu) / max(min(cpu), 1e-9), 3))


def _ratio(resolution: str, measured: Mapping[Way, Sequence[Measured]]) -> SpeedRatio:
    ours, stored, whole, theirs, least = (measured[way] for way in WAYS)
    first = ours[::len(ours) // len(theirs)]  # the one that followed the plain loop in each turn
    over = [one.peak - other.peak for one, other in zip(ours, least, strict=True)
            if one.peak is not None and other.peak is not None]
    return SpeedRatio(resolution=resolution, likeness_over_floor=_times(ours, least),
                      stored_over_floor=_times(stored, least), whole_over_floor=_times(whole, least),
                      insightface_over_likeness=_times(theirs, first),
                      memory_over_floor_mb=round(median(over), 1) if over else None)


def _times(dear: Sequence[Measured], cheap: Sequence[Measured]) -> float:
    """How many times the CPU time of those that they were measured beside."""
    return round(median(a.cpu / max(b.cpu, 1e-9) for a, b in zip(dear, cheap, strict=True)), 3)
