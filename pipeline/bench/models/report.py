"""What `bench models` found, ready for JSON and for reading."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.measure.report import table

Step = Literal["loop", "binding", "channels last", "graph", "half", "half, channels last", "batch",
               "batch, channels last", "all", "all, channels last", "tensorrt"]
"""loop: a plain session on CUDA, one row at a time. binding: the manager, and nothing else. graph, channels last, half,
tensorrt: that alone beside it. batch: several rows in a run, which only graphs make possible (see
`models.sessions.binding`). all: and half precision."""
FULL: tuple[Step, ...] = ("loop", "binding", "graph", "channels last", "batch", "batch, channels last")
"""Those whose numbers are in full precision."""



class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Time(_Model):
    """Milliseconds of a call, over the rounds."""

    median: float
    least: float
    most: float


class Against(_Model):
    """Two ways side by side. ratio: theirs over ours, the median over the rounds; above 1 ours is faster."""

    ours: Time
    theirs: Time
    ratio: float


class ModelRow(_Model):
    """One network. bytes, gmacs: its size and work. providers: what it really ran on. loop: against a plain
    `session.run` with ONNX Runtime's own settings, same numbers in. library: against insightface's own class, same
    picture in; None where it has none, or is not installed. batch: milliseconds a row, by rows in a run."""

    model: str
    bytes: int
    gmacs: float
    providers: tuple[str, ...]
    missed: tuple[str, ...] = ()
    loop: Against
    library: Against | None = None
    batch: dict[int, float]


class Gain(_Model):
    """One step on a CUDA device. ms: a row. times: the loop's over it. usual, worst: how far its answers are from the
    loop's, root mean square and largest, as shares of the largest number. said: why it could not be."""

    model: str
    step: Step
    rows: int = 1
    ms: float | None = None
    times: float | None = None
    spread: float | None = None
    usual: float | None = None
    worst: float | None = None
    said: str = ""


class Best(_Model):
    """All five networks, one row of each, on a CUDA device: milliseconds of the loop, and of the best that there is,
    in full and in half precision, and how many times they are faster."""

    loop: float
    full: float
    full_times: float
    half: float
    half_times: float


class Whole(_Model):
    """A 1080p clip through detector, 68 points, recogniser, swapper and enhancer. Milliseconds a frame: floor: decoding
    and encoding alone; networks: the networks' runs alone, as many at a time; chain: all of it. ratio: the chain over
    the larger of the two."""

    size: str
    frames: int
    workers: int
    floor: Time
    networks: Time
    chain: Time
    ratio: float


class ModelsReport(_Model):
    """device: where the networks ran. width: of the twins' layers, 1 is about the real networks' work. five: a chain of
    the five, in the manager against sessions with ONNX Runtime's own settings. gains, best, whole: on a CUDA device
    alone."""

    machine: str
    device: str
    runtime: str
    twins: Literal["working"] = "working"
    width: float
    rounds: int
    models: tuple[ModelRow, ...]
    five: Against
    gains: tuple[Gain, ...] = ()
    best: Best | None = None
    whole: Whole | None = None
    said: tuple[str, ...] = Field(default=(), description="What could not be measured, and why.")

    def to_text(self) -> str:
        """Tables for a terminal."""
        parts = [self.machine, f"{self.device}, ONNX Runtime {self.runtime}; twins of width {self.width:g}; "
                 f"{self.rounds} rounds", "", _models(self.models), "",
                 f"Chain of five sessions: {self.five.ours.median:.2f} ms, with default options "
                 f"{self.five.theirs.median:.2f} ms: {self.five.ratio:.2f} times as fast"]
        if self.gains:
            parts += ["", _gains(self.gains)]
        if self.best is not None:
            parts += ["", f"All five, a row each: loop {self.best.loop:.2f} ms; best {self.best.full:.2f} ms "
                      f"({self.best.full_times:.2f} times as fast), with half precision {self.best.half:.2f} ms "
                      f"({self.best.half_times:.2f})"]
        if self.whole is not None:
            one = self.whole
            parts += ["", f"{one.size}, {one.frames} frames: decoding and encoding {one.floor.median:.2f} ms a frame, "
                      f"networks {one.networks.median:.2f}, whole chain {one.chain.median:.2f}: "
                      f"{one.ratio:.2f} times the larger"]
        return "\n".join([*parts, *(f"Not measured: {words}" for words in self.said)])


def _models(rows: tuple[ModelRow, ...]) -> str:
    heads = ("model", "MB", "GMAC", "provider", "ms", "loop", "times", "class", "ours", "times", "ms a row in batches")
    return table(heads, [(row.model, f"{row.bytes / 1e6:.0f}", f"{row.gmacs:.2f}", row.providers[0].removesuffix(
        "ExecutionProvider") + ("!" if row.missed else ""), *_against(row.loop),
        *(("–", "–", "–") if row.library is None else _library(row.library)),
        ", ".join(f"{rows}: {ms:.2f}" for rows, ms in row.batch.items())) for row in rows])


def _against(one: Against) -> tuple[str, str, str]:
    return f"{one.ours.median:.2f}", f"{one.theirs.median:.2f}", f"{one.ratio:.2f}"


def _library(one: Against) -> tuple[str, str, str]:
    return f"{one.theirs.median:.2f}", f"{one.ours.median:.2f}", f"{one.ratio:.2f}"


def _gains(gains: tuple[Gain, ...]) -> str:
    heads = ("model", "step", "rows", "ms a row", "times", "spread", "off", "worst")
    return table(heads, [(one.model, one.step, str(one.rows), _text(one.ms, 3), _text(one.times, 2),
                          _text(one.spread, 2), _share(one.usual), _share(one.worst)) if one.ms is not None
                         else (one.model, one.step, "–", "–", "–", "–", "–", one.said) for one in gains])


def _text(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1e}"
