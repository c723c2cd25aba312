"""The scores of a finished clip against the clip that it was made from, whoever made it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.arrays import Embedding
from models.errors import InputError, NoFace
from models.face import Face
from models.interfaces import FaceStack
from pipeline.analysis.known import Decided
from pipeline.clips.clip import Clip
from pipeline.clips.reader import read_frames
from pipeline.findings import sheet as flags
from pipeline.findings.finding import Finding
from pipeline.findings.judging import findings_of, jumps_by_strand
from pipeline.findings.matched import is_larger, matched
from pipeline.findings.scoring import Scored, Scorer, Shown
from pipeline.findings.sheet import Sheet
from pipeline.measure.report import table
from pipeline.recipe import Keep, Recipe, UseSource
from pipeline.rendering.plan import ticks_of
from pipeline.tracking.follow import FollowedFace

EVERY = 10
"""Frames between two descriptors: nobody waits for the next frame here."""


@dataclass(frozen=True, slots=True, eq=False)
class ClipMeasures:
    """sheet: every face and frame. findings: what stands out. offset: the first frame of the clip before that the clip
    after shows; numbers of frames count in the clip before."""

    sheet: Sheet
    findings: tuple[Finding, ...]
    rate: float
    offset: int = 0

    def people(self) -> list[dict[str, Any]]:
        """Each person's figures: medians over its frames, None where they cannot be told."""
        return [_figures(self.sheet, number) for number in np.unique(self.sheet.rows["number"]).tolist()]

    def to_text(self) -> str:
        heads = ("person", "frames", "to source", "to target", "jitter %", "flicker", "colour", "seam", "sharp")
        names = ("identity_to_source", "identity_to_target", "jitter", "flicker", "colour", "seam", "sharpness")
        rows = [(str(one["person"] or "–"), str(one["frames"]), *(_text(one[name]) for name in names))
                for one in self.people()]
        lines = [f"{finding.start:9.2f} s  {finding.severity:<6}  {finding.code:<20}  {finding.words}"
                 for finding in self.findings]
        count = len(self.findings)
        said = "Nothing stands out." if not count else f"{count} finding{'s' if count > 1 else ''}:"
        return "\n".join((table(heads, rows), f"Identity by {self.sheet.recogniser}: below "
                          f"{self.sheet.same_person:g} is the same person.", said, *lines))


def measure_clips(before: Clip, after: Clip, source: Embedding | None, stack: FaceStack,
                  find: Callable[[int, int], Decided], recipe: Recipe | None = None, *,
                  progress: Callable[[float], None] = lambda _share: None,
                  check: Callable[[], None] = lambda: None) -> ClipMeasures:
    """source: the descriptor of whom the faces should look like. find: who is where in the clip before, from one frame
    to another, both by their numbers. recipe: says who was changed, and which span.

    Raises InputError `MEASURE.SIZE` where pictures differ in size (an enlarged result is made smaller first) and
    `MEASURE.FRAMES` where there are not as many; NoFace; what `find` and reading clips raise.
    """
    if (before.width, before.height) != (after.width, after.height) and not is_larger(before, after):
        raise InputError(f"The clips before and after differ in size: {before.width} × {before.height} and "
                         f"{after.width} × {after.height} pixels.", subject="after", code="MEASURE.SIZE",
                         remedy="Measure a result at the size of its target, or one that was enlarged.")
    start, stop = _span(before, recipe)
    count = stop - start
    if count != after.frames:
        raise InputError(f"{after.name} has {after.frames} frames, and the clip before has {count}.",
                         subject="after", code="MEASURE.FRAMES",
                         remedy="Measure a clip of as many frames; with --recipe a trimmed one is known.")
    decided = find(start, stop - 1)
    cuts = {shot.first for shot in decided.known.shots}
    memories: dict[int, dict[str, Any]] = {}
    scorer = Scorer(stack, EVERY if source is not None else 0)
    end = int(before.pts[stop]) if stop < before.frames else None
    with contextlib.closing(read_frames(before, int(before.pts[start]), end, check=check)) as shown, \
            contextlib.closing(matched(read_frames(after, int(after.pts[0]), None, check=check),
                                       (before.width, before.height))) as made:
        for place, (one, other) in enumerate(zip(shown, made, strict=True)):
            faces = decided.faces_at(one.index, memories)
            scorer.look(one, other, _scored(faces, other, source, stack, recipe), None,
                        cut=place > 0 and one.index in cuts)
            progress((place + 1) / count)
    sheet = scorer.sheet()
    if not len(sheet.rows):
        raise NoFace(f"No face can be found in {before.name}.", subject="before",
                     remedy="Choose a clip that shows a face from the front, at least 80 pixels wide.")
    return ClipMeasures(sheet, findings_of(sheet, float(before.rate), _clock(before)), float(before.rate), start)


def _scored(faces: Sequence[FollowedFace], after: Shown, source: Embedding | None, stack: FaceStack,
            recipe: Recipe | None) -> list[Scored]:
    """Where the points lie in the result is read there, from where they lie before."""
    read = stack.landmarker.follow(after.grey8(), [followed.face for followed in faces]) if faces else []
    return [Scored(followed, source if _is_swapped(followed.face, recipe) else None, _is_meant(followed.face, recipe),
                   base=followed.face.points, shown=face.points) for followed, face in zip(faces, read, strict=True)]


def _is_meant(face: Face, recipe: Recipe | None) -> bool:
    return recipe is None or not isinstance(recipe.choice_for(face.number), Keep)


def _is_swapped(face: Face, recipe: Recipe | None) -> bool:
    """Whether it is to look like a source."""
    return recipe is None or isinstance(recipe.choice_for(face.number), UseSource)


def _span(clip: Clip, recipe: Recipe | None) -> tuple[int, int]:
    trim = recipe.trim if recipe is not None else None
    start = ticks_of(clip, trim.start) if trim is not None and trim.start is not None else int(clip.pts[0])
    stop = ticks_of(clip, trim.stop) if trim is not None and trim.stop is not None else int(clip.pts[-1]) + 1
    return int(np.searchsorted(clip.pts, start)), int(np.searchsorted(clip.pts, stop))


def _clock(clip: Clip) -> Callable[[int], float]:
    return lambda frame: float(clip.seconds(int(clip.pts[frame]) - int(clip.pts[0]))) if frame < clip.frames \
        else float(clip.duration)


def _figures(sheet: Sheet, number: int) -> dict[str, Any]:
    rows = sheet.rows[sheet.rows["number"] == number]
    mine = sheet.rows["number"] == number
    shift = np.linalg.norm((rows["colour"] - rows["was"]).astype(np.float64), axis=1)
    return {
        "person": number, "frames": len(rows), "seen": int((rows["flags"] & flags.SEEN > 0).sum()),
        "identity_to_source": _median(rows["to_source"]), "identity_to_target": _median(rows["to_target"]),
        "jitter": _median(100 * jumps_by_strand(sheet)[mine]), "flicker": _median(rows["flicker"]),
        "colour": _median(shift), "seam": _median(rows["seam"]), "sharpness": _median(rows["sharp"]),
        "change": _median(rows["change"]), "noise": _median(rows["noise"]), "size": _median(rows["size"]),
    }


def _median(values: np.ndarray[Any, Any]) -> float | None:
    told = values[np.isfinite(values)]
    return round(float(np.median(told)), 4) if len(told) else None


def _text(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"

