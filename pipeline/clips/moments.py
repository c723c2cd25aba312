"""Times as people write them, and exact fractions of a second."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from models.errors import InputError
from pipeline.clips.clip import Clip

_CLOCK = re.compile(r"(?:(?:(?P<h>\d{1,4}):)?(?P<m>\d{1,4}):)?(?P<s>\d{1,9}(?:\.\d{1,9})?)", re.ASCII)
_FRAME = re.compile(r"(?P<n>\d{1,9})f", re.ASCII)


@dataclass(frozen=True, slots=True)
class Moment:
    """A time from the clip's first picture in exact seconds, or a frame's number from 0."""

    seconds: Fraction | None = None
    frame: int | None = None

    def within(self, clip: Clip, *, end: bool = False) -> Fraction:
        """Exact seconds in this clip. end: the moment ends a span: a frame's number is then the first that is left
        out, and one past the last frame is the clip's end.

        Raises InputError `INPUT.NO_SUCH_FRAME`.
        """
        if self.seconds is not None:
            return self.seconds
        assert self.frame is not None
        if self.frame > clip.frames or (self.frame == clip.frames and not end):
            raise InputError(f"{clip.name} has no frame {self.frame}; it has {clip.frames}, from 0 to "
                             f"{clip.frames - 1}.", subject=clip.name, code="INPUT.NO_SUCH_FRAME",
                             remedy="Name one of those.")
        if self.frame == clip.frames:
            return clip.duration
        return (int(clip.pts[self.frame]) - int(clip.pts[0])) * clip.time_base


def parse_moment(text: str) -> Moment:
    """`12.5`, `1:02.5`, `0:01:02.500` (hours, minutes, seconds) or `381f` (a frame). Raises ValueError."""
    frame, clock = _FRAME.fullmatch(text.strip()), _CLOCK.fullmatch(text.strip())
    if frame:
        return Moment(frame=int(frame["n"]))
    if not clock:
        raise ValueError(f"{text!r} is not a time: write seconds (12.5), minutes and seconds (1:02.5), or a frame "
                         "(381f)")
    minutes = 60 * int(clock["h"] or 0) + int(clock["m"] or 0)
    return Moment(seconds=60 * minutes + Fraction(clock["s"]))


def parse_span(text: str) -> tuple[Moment, Moment]:
    """`3.2-4.5`: two times with a hyphen between. Raises ValueError."""
    first, hyphen, last = text.partition("-")
    if not hyphen:
        raise ValueError(f"{text!r} is not a span: write two times with a hyphen between, for example 3.2-4.5")
    return parse_moment(first), parse_moment(last)


def as_text(seconds: Fraction) -> str:
    """An exact fraction as recipes hold it: `5`, or `1001/30`."""
    return str(seconds)


def clock_of(seconds: float) -> str:
    """For people: `0:07.35`, `1:02:03.50`."""
    hundredths = round(max(seconds, 0.0) * 100)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    tail = f"{rest / 100:05.2f}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"
