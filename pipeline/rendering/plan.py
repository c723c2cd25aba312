"""The plan: a clip cut into parts, from recipe and clip alone.

A part is what is rendered, checkpointed and rendered again on its own. Where parts begin does not depend on timing, on
how many there are already, or on what is found in them: so a part is the same whenever it is rendered.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from models.errors import RecipeError
from pipeline.clips.clip import Clip
from pipeline.clips.encoding import Encoding, alike, never_copied
from pipeline.recipe import Anonymise, Choice, Effect, Fix, Keep, Recipe, works_on_frames
from processors.batches import Remark

# Frames after which the next keyframe begins a part, and after which any frame does. A part is what a crash can cost:
# 150 frames are five seconds of a clip; each part begins with frames that are only looked at (tracking.PRE_ROLL), which
# is a tenth of it. Beyond 300 the gap between keyframes would decide how much is lost.
SHORTEST, LONGEST = 150, 300

Frames = tuple[int, int]
"""Numbers of the first and the last."""

RENDERING = 1
"""Version of what is between decoder and encoder: parts of another one are not used again."""


@dataclass(frozen=True, slots=True)
class PlannedPart:
    """Frames with start <= ticks < stop. effects: the chain of its segment; touched: whether anything could change
    there (else frames only pass through). copied: its packets are the clip's own. key: digest of all that decides its
    frames."""

    number: int
    start: int
    stop: int
    first: int
    frames: int
    effects: tuple[Effect, ...]
    touched: bool
    key: str
    copied: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """start, stop: ticks of the whole span, stop not included."""

    start: int
    stop: int
    parts: tuple[PlannedPart, ...]

    @property
    def frames(self) -> int:
        return sum(part.frames for part in self.parts)

    @property
    def copied(self) -> int:
        """Frames that are the clip's own, bit for bit."""
        return sum(part.frames for part in self.parts if part.copied)


def ticks_of(clip: Clip, seconds: str | Fraction) -> int:
    """The first tick that is not before a time counted from the clip's first picture."""
    first = int(clip.pts[0]) if len(clip.pts) else 0
    return first + math.ceil(Fraction(seconds) / clip.time_base)


def end_of(clip: Clip) -> int:
    """The first tick behind the last picture's start."""
    return int(clip.pts[-1]) + 1


def make_plan(recipe: Recipe, clip: Clip, encoding: Encoding, known_by: str = "",
              seen: Callable[[int, int], str] = lambda _first, _last: "",
              busy: Sequence[Frames] | None = None) -> Plan:
    """known_by: names the face stack, and the files of the networks that run. seen: a digest of all that is known of
    the faces in the frames from one number to another. busy: the frames in which anybody is who gets something; None
    where that is not known.

    Raises RecipeError `RECIPE.TRIM` where no picture is left, and `RECIPE.SEGMENTS` where segments overlap.
    """
    start = ticks_of(clip, recipe.trim.start) if recipe.trim.start is not None else int(clip.pts[0])
    stop = min(ticks_of(clip, recipe.trim.stop), end_of(clip)) if recipe.trim.stop is not None else end_of(clip)
    if _count(clip, start, stop) < 1:
        raise RecipeError(f"{clip.name}: no picture lies between {recipe.trim.start or 0} and "
                          f"{recipe.trim.stop or 'the end'} seconds.", subject=clip.name, code="RECIPE.TRIM",
                          remedy=f"The clip is {float(clip.duration):.2f} seconds long; trim within that.")
    # Another number of frames a second is counted from the span's first picture, so that its parts depend on the span.
    span = [start, stop] if encoding.fps else []
    base = _digest([RENDERING, clip.id, _signature(encoding), span, _decides(recipe), known_by])
    parts: list[PlannedPart] = []
    for low, high, effects in _spans(recipe, clip, start, stop):
        in_span = _touches(recipe, effects)
        kept_from = _kept_from(recipe, clip, effects, busy) if in_span else ()
        for part_start, part_stop, copied in _cut(clip, low, high, kept_from if encoding.smart else None):
            touched = in_span and not copied
            first, frames = int(np.searchsorted(clip.pts, part_start)), _count(clip, part_start, part_stop)
            decides: list[object] = [base, part_start, part_stop,
                                     [e.model_dump() for e in effects if e.on] if touched else [],
                                     seen(first, first + frames - 1) if touched else ""]
            if touched:
                decides += _fixes_in(recipe, clip, part_start, part_stop)
            parts.append(PlannedPart(len(parts) + 1, part_start, part_stop, first, frames, effects, touched,
                                     _digest(decides), copied))
    return Plan(start, stop, tuple(parts))


def _kept_from(recipe: Recipe, clip: Clip, effects: Sequence[Effect], busy: Sequence[Frames] | None,
               ) -> Sequence[Frames] | None:
    """Frames of a span with effects in which anything may change; None where it may in all of them."""
    if busy is None or _hides(recipe) or works_on_frames(effects):
        return None
    fixed = [(int(np.searchsorted(clip.pts, low)), int(np.searchsorted(clip.pts, high)) - 1)
             for low, high in (_ticks_of_fix(fix, clip) for fix in recipe.fixes)]
    return (*busy, *fixed)


def _cut(clip: Clip, start: int, stop: int, but: Sequence[Frames] | None) -> list[tuple[int, int, bool]]:
    """A span's parts: start, stop, and whether it is copied. Copied is what lies in whole closed groups; what is left
    is encoded. but: frames of which none may be copied; None: of all."""
    if but is None or clip.groups is None:
        return [(*piece, False) for piece in pieces_of(clip, start, stop)]
    low, high = int(np.searchsorted(clip.pts, start)), int(np.searchsorted(clip.pts, stop))
    parts: list[tuple[int, int, bool]] = []
    at = start
    for first, behind in clip.groups.runs(low, high, but):
        begins = int(clip.pts[first]) if first > low else at
        ends = int(clip.pts[behind]) if behind < high else stop
        if at < begins:
            parts += [(*piece, False) for piece in pieces_of(clip, at, begins)]
        parts.append((begins, ends, True))
        at, low = ends, behind
    if low < high:
        parts += [(*piece, False) for piece in pieces_of(clip, at, stop)]
    return parts


def words_on_copying(clip: Clip, encoding: Encoding, plan: Plan, *, smart: bool) -> tuple[Remark, ...]:
    """How much of the output is the clip's own, or why nothing is. smart: it was wanted."""
    if plan.copied:
        seconds, whole = (float(sum(length_of(clip, part) for part in plan.parts if part.copied or every))
                          for every in (False, True))
        return (Remark("OUTPUT.COPIED", f"{seconds:.1f} of {whole:.1f} s were copied as they are: no effect touches "
                       "them.", {"seconds": seconds, "of": whole}),)
    if not smart or not alike(clip, encoding) or all(part.touched for part in plan.parts):
        return ()
    why = never_copied(clip) or "no closed group of pictures lies whole in there"
    return (Remark("OUTPUT.NOT_COPIED", f"What no effect touches was encoded again, not copied: {why}."),)


def length_of(clip: Clip, part: PlannedPart) -> Fraction:
    """Seconds that a part is shown."""
    first, behind = int(clip.pts[part.first]), part.first + part.frames
    if behind < clip.frames:
        return (int(clip.pts[behind]) - first) * clip.time_base
    return clip.duration - (first - int(clip.pts[0])) * clip.time_base


def _signature(encoding: Encoding) -> str:
    """What the encoder is set to: all of it but what people are told."""
    return repr(replace(encoding, notes=()))


def _count(clip: Clip, start: int, stop: int) -> int:
    return int(np.searchsorted(clip.pts, stop) - np.searchsorted(clip.pts, start))


def _decides(recipe: Recipe) -> object:
    """All of a recipe that decides the frames of every part. Not the trim (a part has its own bounds), nor what was
    accepted, nor where files lie, nor what people are called."""
    data = recipe.model_dump(mode="json", include={"cast", "everyone", "people", "merged", "whose", "looking",
                                                   "covers"})
    for person in data["people"]:
        del person["name"]
    if recipe.backdrop is not None:
        data["backdrop"] = recipe.backdrop.id
    data["sources"] = [[s.name, [[p.id, p.face] for p in s.photos]] for s in recipe.sources]
    return data


def _digest(data: object) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:32]


def _touches(recipe: Recipe, effects: Sequence[Effect]) -> bool:
    changes = any(e.on for e in effects) and not all(isinstance(choice, Keep) for choice in _choices(recipe))
    return _hides(recipe) or changes or works_on_frames(effects)


def _hides(recipe: Recipe) -> bool:
    return bool(recipe.covers) or any(isinstance(choice, Anonymise) for choice in _choices(recipe))


def _choices(recipe: Recipe) -> list[Choice]:
    return [*recipe.cast.values(), recipe.everyone]


def _fixes_in(recipe: Recipe, clip: Clip, start: int, stop: int) -> list[object]:
    """Those that count in a part."""
    found: list[object] = []
    for fix in recipe.fixes:
        first, last = _ticks_of_fix(fix, clip)
        if first < stop and last > start and _count(clip, first, last):
            found.append([first, last, fix.model_dump(mode="json", exclude={"start", "stop"})])
    return found


def _ticks_of_fix(fix: Fix, clip: Clip) -> tuple[int, int]:
    return (ticks_of(clip, fix.start) if fix.start is not None else int(clip.pts[0]),
            ticks_of(clip, fix.stop) if fix.stop is not None else end_of(clip))


def _spans(recipe: Recipe, clip: Clip, start: int, stop: int) -> list[tuple[int, int, tuple[Effect, ...]]]:
    """The span cut at the segments' ends; what no segment covers has no effects."""
    before, behind = min(start, int(clip.pts[0])), max(stop, end_of(clip))
    bounds = sorted(((ticks_of(clip, one.start) if one.start is not None else before,
                      ticks_of(clip, one.stop) if one.stop is not None else behind, one.effects)
                     for one in recipe.segments), key=lambda bound: bound[:2])
    for (_, ends, _), (begins, _, _) in itertools.pairwise(bounds):
        if begins < ends:
            at = float(clip.seconds(begins - int(clip.pts[0])))
            raise RecipeError(f"Two segments overlap at {at:.3f} seconds.", subject="segments", code="RECIPE.SEGMENTS",
                              remedy="Let each begin where the one before ends.")
    spans: list[tuple[int, int, tuple[Effect, ...]]] = []
    at = start
    for begins, ends, effects in bounds:
        low, high = max(begins, at), min(ends, stop)
        if low < high:
            spans += [(at, low, ()), (low, high, effects)]
            at = high
    spans.append((at, stop, ()))
    return [span for span in spans if _count(clip, span[0], span[1])]


def pieces_of(clip: Clip, start: int, stop: int) -> list[tuple[int, int]]:
    """Cut at the first keyframe after SHORTEST frames, or after LONGEST frames anywhere; no crumbs at the end."""
    low, high = int(np.searchsorted(clip.pts, start)), int(np.searchsorted(clip.pts, stop))
    keys = np.searchsorted(clip.pts, clip.keyframes)
    cuts = [low]
    while high - cuts[-1] > LONGEST:
        at = cuts[-1]
        later = keys[(keys >= at + SHORTEST) & (keys <= at + LONGEST)]
        cuts.append(int(later[0]) if later.size else at + LONGEST)
    ticks = [start, *(int(clip.pts[i]) for i in cuts[1:]), stop]
    return list(itertools.pairwise(ticks))
