"""Which frames of a clip the content analyser looks at, and what becomes of a clip that it refuses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from pipeline.clips.clip import Clip
from pipeline.clips.moments import clock_of
from pipeline.clips.planes import ClipFrame
from pipeline.clips.reader import read_frames
from pipeline.gate import Guard
from pipeline.refusals import Refused
from pipeline.rendering.plan import PlannedPart
from pipeline.tracking.cuts import CutTest, small

EVERY = 1
"""Seconds between two frames that are looked at; the first one behind each cut is, too."""


class Watch:
    """Asks of every frame of one part, in order, whether it is one of those, and looks at it."""

    def __init__(self, clip: Clip, guard: Guard) -> None:
        self._clip, self._guard = clip, guard
        self._cuts = CutTest()
        self._second: Fraction | int | None = None

    def is_due(self, frame: ClipFrame) -> bool:
        cut = self._cuts.step(small(frame.grey8()))
        second = self._clip.seconds(frame.ticks - int(self._clip.pts[0])) // EVERY
        due = cut or second != self._second
        self._second = second
        return due

    def look(self, frame: ClipFrame) -> None:
        """At a frame as it came, or as it was made. Raises Refused, ModelError."""
        if self._guard.refuses(frame.bgr8()):
            raise refused(self._clip, [frame.ticks])


def refused(clip: Clip, ticks: Sequence[int]) -> Refused:
    spans = spans_of(clip, ticks)
    where = ", ".join(f"{clock_of(start)} to {clock_of(stop)}" for start, stop in spans)
    return Refused(clip.name, f"{clip.name}: the content analyser refuses what is shown at {where}.",
                   "Trim the clip so that it is left out (--start, --stop); nothing was written.", spans, ticks)


def all_refused(clip: Clip, guard: Guard, first: Refused, parts: Sequence[PlannedPart], check: Callable[[], None],
                ) -> Refused:
    """What is said of a clip once a frame of it was refused: nothing is rendered any more, but what is left of it is
    looked at as it came, so that all that has to be trimmed away is named at once. parts: those of the clip that are
    behind the gate."""
    ticks = list(first.ticks)
    for part in parts:
        if part.stop <= first.ticks[0]:
            continue
        watch = Watch(clip, guard)
        for frame in read_frames(clip, max(part.start, first.ticks[0]), part.stop):
            check()
            if watch.is_due(frame) and frame.ticks > first.ticks[0] and guard.refuses(frame.bgr8()):
                ticks.append(frame.ticks)
    return refused(clip, ticks)


def spans_of(clip: Clip, ticks: Sequence[int]) -> list[tuple[float, float]]:
    """Seconds around refused frames: from the one that was looked at before each (it was let through, what follows it
    nobody looked at) up to a look later; those that touch are one."""
    first = int(clip.pts[0])
    spans: list[tuple[float, float]] = []
    for tick in sorted(set(ticks)):
        at = clip.seconds(tick - first)
        start, stop = max(float(at) - EVERY, 0.0), min(float(at) + EVERY, float(clip.duration))
        if spans and start <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(stop, spans[-1][1])
        else:
            spans.append((start, stop))
    return spans
