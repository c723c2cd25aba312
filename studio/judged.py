"""A finished render beside what it was made of, with what was found in it: pictures of it, and what became of each
finding."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.clips.clip import Clip
from pipeline.clips.planes import ClipFrame
from pipeline.findings.finding import Finding
from pipeline.findings.pictures import cut_face, place_of
from pipeline.findings.store import Version
from pipeline.recipe import Fix, Recipe
from processors.batches import Rect
from studio.clip_fixes import frames_of
from studio.clip_times import edge_at, frame_at, time_of

Side = Literal["before", "after"]
State = Literal["open", "fixed", "ignored"]
GetFrame = Callable[[Clip, int], ClipFrame]

KEPT = 2400
"""Pictures that are kept: both sides of a thousand findings and some rows of frames, about 8 kB each."""


@dataclass(eq=False)
class Judged:
    """job: whose result it is. name: of the result's file. before: the clip that it was made from. after: the result;
    None where the file is gone, or is another one by now. ignored: keys of findings that are let be. rendered, reused:
    parts that were rendered for it, and that had been. number: grows with each that a tab looks at. get: decodes a
    frame; called by one thread at a time."""

    job: str
    name: str
    version: Version
    before: Clip
    after: Clip | None
    get: GetFrame
    ignored: frozenset[str] = frozenset()
    rendered: int | None = None
    reused: int | None = None
    number: int = 0
    _pictures: OrderedDict[tuple[object, ...], bytes] = field(default_factory=OrderedDict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.version.findings

    @cached_property
    def recipe(self) -> Recipe:
        """What the result was rendered with."""
        return Recipe.model_validate(self.version.recipe)

    @cached_property
    def first(self) -> int:
        """The frame of the clip before that the result shows first."""
        start = self.recipe.trim.start
        return edge_at(self.before, Fraction(start)) if start is not None else 0

    @cached_property
    def _strands(self) -> NDArray[np.int64]:
        return self.version.sheet.strands()

    def is_of(self, recipe: Recipe) -> bool:
        """Whether a recipe is about the same clip."""
        return recipe.target is not None and recipe.target.id == self.version.target

    def is_made_with(self, recipe: Recipe) -> bool:
        """Whether a recipe differs from the result's at most in what may be mended, and in where and how it is
        written."""
        return self.is_of(recipe) and _decides(recipe) == self._decided

    @cached_property
    def _decided(self) -> str:
        return _decides(self.recipe)

    def states(self, recipe: Recipe) -> list[State]:
        """Of each finding. Fixed: a fix that the result was rendered without covers its worst frame, for its person.
        """
        fixes = self.new_fixes(recipe)
        return ["fixed" if any(_meets(fix, first, last, one) for fix, first, last in fixes)
                else "ignored" if one.key in self.ignored else "open" for one in self.findings]

    def new_fixes(self, recipe: Recipe) -> list[tuple[Fix, int, int]]:
        """Fixes that the result was rendered without, with their first and last frames."""
        if not self.is_of(recipe):
            return []
        return [(fix, *frames_of(fix, self.before)) for fix in recipe.fixes if fix not in self.recipe.fixes]

    # Pictures -----------------------------------------------------------------------------------------------------

    def thumbnail(self, place: int, side: Side) -> bytes | None:
        """The worst frame of a finding, cut round the face; None where there is no such picture."""
        return self.face(place, self.findings[place].worst, side, 160)

    def face(self, place: int, frame: int, side: Side, pixels: int) -> bytes | None:
        """A frame cut round the face of a finding, as a square JPEG. frame: counted in the clip before."""
        strand = self.findings[place].strand
        return self._picture(("face", strand, frame, side, pixels), frame, side,
                             lambda clip, shown: self._cut(clip, shown, strand, frame, pixels))

    def whole(self, frame: int, side: Side, width: int) -> bytes | None:
        """A whole frame as a JPEG of at most this width."""
        return self._picture(("whole", frame, side, width), frame, side,
                             lambda clip, shown: shown.picture(min(width, clip.width)))

    def _picture(self, key: tuple[object, ...], frame: int, side: Side,
                 make: Callable[[Clip, ClipFrame], bytes | None]) -> bytes | None:
        clip = self.before if side == "before" else self.after
        index = frame if side == "before" else self._index_after(frame)
        if clip is None or index is None or not 0 <= index < clip.frames:
            return None
        with self._lock:
            if key in self._pictures:
                self._pictures.move_to_end(key)
                return self._pictures[key]
            made = make(clip, self.get(clip, index))
            if made is not None:
                self._pictures[key] = made
                while len(self._pictures) > KEPT:
                    self._pictures.popitem(last=False)
            return made

    def _cut(self, clip: Clip, shown: ClipFrame, strand: int, frame: int, pixels: int) -> bytes | None:
        rect = place_of(self.version.sheet, self._strands, strand, frame)
        if rect is None:
            return None
        grown = clip.width / self.before.width  # the result may have been scaled
        return cut_face(shown, Rect(*(round(edge * grown) for edge in rect)), pixels)

    def _index_after(self, frame: int) -> int | None:
        """Which frame of the result shows a frame of the clip before: by time, because it may have another number of
        them a second. Numbered pictures are opened at 25 a second, whatever they were made from: they are counted."""
        after = self.after
        if after is None or not self.first <= frame < self.before.frames:
            return None
        middle = (time_of(self.before, frame) + time_of(self.before, frame + 1)) / 2
        at = middle - time_of(self.before, self.first)
        if after.kind == "sequence":
            fps = self.recipe.output.clip.fps
            index = frame - self.first if fps is None else int(at * Fraction(fps))
            return index if index < after.frames else None
        return frame_at(after, at) if at < after.duration else None


def _meets(fix: Fix, first: int, last: int, finding: Finding) -> bool:
    return first <= finding.worst <= last and fix.person in (None, finding.person)


def _decides(recipe: Recipe) -> str:
    """Files count by their content, wherever they lie; of sources those that somebody gets."""
    used = {getattr(choice, "source", None) for choice in (*recipe.cast.values(), recipe.everyone)}
    sources = [[source.name, [[photo.id, photo.face] for photo in source.photos]] for source in recipe.sources
               if source.name in used]
    rest = recipe.model_dump_json(exclude={"made_with", "target", "sources", "fixes", "accepted", "output", "trim",
                                           "backdrop"})
    return f"{sources} {recipe.backdrop.id if recipe.backdrop else None} {rest}"
