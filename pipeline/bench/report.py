"""What `bench quality` found, ready for JSON and for reading."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from pipeline.measure.report import FaceMeasures, table

Method = Literal["naive", "natural"]
METHODS: tuple[Method, ...] = ("naive", "natural")

# Faces that are turned further have points that no method finds again (the study's own limit).
FRONTAL_YAW = 25.0
# Pairs whose poses differ by less than this are where a warp of a picture can do the job (the study's "near-frontal").
FRONTAL_GAP = 15.0


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PairResult(_Model):
    """One face on one other, by one method. turned: the target's yaw in degrees. pose_gap: larger of the differences
    in yaw and pitch between both faces, in degrees."""

    method: Method
    source: str
    target: str
    turned: float
    pose_gap: float
    measures: FaceMeasures


class Summary(_Model):
    """Means over pairs. A mean is over the pairs whose figure could be told."""

    method: Method
    pairs: int
    identity_to_source: float
    recognised: float = Field(description="Share of pairs that the recogniser takes for the source.")
    closer: float = Field(description="Share of pairs that are closer to the source than to the target.")
    nme: float | None = Field(description="Mean over targets turned less than 25 degrees.")
    seam: float | None
    light: float | None
    brightness: float | None
    colour: float | None
    sharpness: float | None = Field(description="Median.")
    lost: int = Field(description="Results in which the detector finds no face any more.")


class SizeResult(_Model):
    """One face of a size. milliseconds: CPU time of the swap of one face, all threads together, least of the repeats,
    photo of the source and points known; wall: the same by the clock."""

    method: Method
    size: int
    pair: str
    milliseconds: float
    wall: float
    sharpness: float | None
    sharpness_ring: float | None


class QualityReport(_Model):
    """pairs: every ordered pair of faces; frontal: those of them whose poses differ by less than 15 degrees; six: the
    astronaut on the six faces of one group photograph. ratios: natural over naive. skipped: pictures that are not
    installed."""

    machine: str
    recogniser: str
    same_person: float
    summaries: tuple[Summary, ...]
    frontal: tuple[Summary, ...]
    six: tuple[Summary, ...]
    sizes: tuple[SizeResult, ...]
    ratios: dict[str, float]
    pairs: tuple[PairResult, ...]
    skipped: tuple[str, ...] = ()

    def to_json(self) -> str:
        return self.model_dump_json(indent=2) + "\n"

    def to_text(self) -> str:
        """Tables for a terminal."""
        parts = [self.machine, f"Identity by {self.recogniser}; below {self.same_person:g} is the same person.", ""]
        parts += ["All ordered pairs", _summary_table(self.summaries), ""]
        if self.frontal:
            parts += ["Those of them whose poses differ by less than 15°", _summary_table(self.frontal), ""]
        if self.six:
            parts += ["Astronaut on the six faces of the group photograph", _summary_table(self.six), ""]
        parts += ["Sizes", _size_table(self.sizes), ""]
        parts += ["Natural over naive: " + ", ".join(f"{k} {v:.2f}" for k, v in self.ratios.items())]
        parts += [f"Not installed, left out: {', '.join(self.skipped)}"] if self.skipped else []
        return "\n".join(parts)


def summarise(method: Method, results: Iterable[PairResult], same_person: float) -> Summary:
    """results of one method, at least one."""
    chosen = [r for r in results if r.method == method]
    distances = [r.measures.identity_to_source for r in chosen if r.measures.identity_to_source is not None]
    return Summary(
        method=method, pairs=len(chosen), identity_to_source=float(np.mean(distances)),
        recognised=float(np.mean([d < same_person for d in distances])),
        closer=float(np.mean([bool(r.measures.closer_to_source) for r in chosen])),
        nme=mean(r.measures.nme for r in chosen if abs(r.turned) < FRONTAL_YAW),
        seam=mean(r.measures.seam for r in chosen), light=mean(r.measures.light for r in chosen),
        brightness=mean(r.measures.brightness for r in chosen), colour=mean(r.measures.colour for r in chosen),
        sharpness=median(r.measures.sharpness for r in chosen),
        lost=sum(not r.measures.found_after for r in chosen),
    )


def mean(values: Iterable[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return float(np.mean(known)) if known else None


def median(values: Iterable[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return float(np.median(known)) if known else None


def ratios(summaries: Sequence[Summary]) -> dict[str, float]:
    """natural over naive, for every mean of both that is known and not 0."""
    by_method = {s.method: s for s in summaries}
    if len(by_method) < 2:
        return {}
    found = {}
    for name in ("identity_to_source", "nme", "seam", "light", "brightness", "colour"):
        value, reference = getattr(by_method["natural"], name), getattr(by_method["naive"], name)
        if value is not None and reference:
            found[name] = value / reference
    return found


def machine() -> str:
    """This machine in words."""
    return (f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; "
            "no GPU is used")


def _text(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _summary_table(summaries: Sequence[Summary]) -> str:
    heads = ("method", "pairs", "to source", "same", "closer", "NME", "seam", "light", "bright", "colour", "sharp",
             "lost")
    return table(heads, [(s.method, str(s.pairs), _text(s.identity_to_source), f"{s.recognised:.0%}",
                          f"{s.closer:.0%}", _text(s.nme, 4), _text(s.seam, 2), _text(s.light),
                          _text(s.brightness, 1), _text(s.colour, 1), _text(s.sharpness, 2), str(s.lost))
                         for s in summaries])


def _size_table(sizes: Sequence[SizeResult]) -> str:
    heads = ("method", "eye distance", "pair", "CPU ms", "ms", "sharpness", "against ring")
    return table(heads, [(s.method, f"{s.size} px", s.pair, f"{s.milliseconds:.0f}", f"{s.wall:.0f}",
                          _text(s.sharpness, 2), _text(s.sharpness_ring, 2)) for s in sizes])
