"""Another number of frames a second: frames are dropped or repeated, never re-timed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np

from pipeline.clips.clip import Clip
from pipeline.clips.filters import Timed


def slots(before: Fraction | None, here: Fraction, after: Fraction | None, end: Fraction, fps: Fraction) -> range:
    """The numbers of the output frames (frame k at k / fps seconds) that show the picture at `here`.

    before, after: its neighbours' times, None where there is none. end: when the last picture ends. All in seconds
    from the span's first picture. An output frame shows the picture nearest to its time where pictures are dense; where
    they are sparse no picture is shown more than half an output frame before its time. The whole is as long as the span
    to half an output frame. Neighbours alone decide, so parts of a clip fit together.
    """
    last = end - 1 / (2 * fps)  # where the span is over, to half an output frame
    first = 0 if before is None else math.ceil(min(_from(before, here, fps), last) * fps)
    stop = math.ceil((last if after is None else min(_from(here, after, fps), last)) * fps)
    if before is None:
        stop = max(stop, 1)  # a span keeps one picture, however short it is
    return range(max(first, 0), max(stop, first, 0))


def _from(before: Fraction, here: Fraction, fps: Fraction) -> Fraction:
    """When `here`'s picture takes over from the one before. Ties go to the later one."""
    return here - min((here - before) / 2, 1 / (2 * fps))


class Retiming:
    """The output frames of a clip's span. start, stop: ticks; pictures with start <= ticks < stop take part."""

    def __init__(self, clip: Clip, fps: Fraction, start: int | None = None, stop: int | None = None) -> None:
        low = 0 if start is None else int(np.searchsorted(clip.pts, start))
        high = clip.frames if stop is None else int(np.searchsorted(clip.pts, stop))
        self.fps = fps
        self._pts = clip.pts[low:high]
        self._time_base = clip.time_base
        if high < clip.frames:
            self._end = (int(clip.pts[high]) - int(self._pts[0])) * clip.time_base if len(self._pts) else Fraction(0)
        else:
            first = int(self._pts[0]) if len(self._pts) else 0
            self._end = clip.duration - (first - int(clip.pts[0])) * clip.time_base

    def slots_of(self, ticks: int) -> range:
        """The output frames that show the picture at these ticks."""
        at = int(np.searchsorted(self._pts, ticks))
        before = self._seconds(at - 1) if at > 0 else None
        after = self._seconds(at + 1) if at + 1 < len(self._pts) else None
        return slots(before, self._seconds(at), after, self._end, self.fps)

    def _seconds(self, index: int) -> Fraction:
        return (int(self._pts[index]) - int(self._pts[0])) * self._time_base

    def total(self) -> int:
        """How many output frames the span has."""
        return self.slots_of(int(self._pts[-1])).stop if len(self._pts) else 0


def retimed(frames: Iterable[Timed], retiming: Retiming) -> Iterator[Timed]:
    """Drops and repeats frames. What comes out has ticks and durations of 1 / fps.numerator seconds, counted from the
    span's first picture: what `PartWriter` wants of an encoding with `fps`."""
    step = retiming.fps.denominator
    for timed in frames:
        for number in retiming.slots_of(timed.ticks):
            yield Timed(timed.frame, number * step, step)
