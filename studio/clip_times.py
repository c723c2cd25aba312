"""Frames of a clip by number, and their exact times from its first picture."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from fractions import Fraction

from pipeline.clips.clip import Clip


def time_of(clip: Clip, frame: int) -> Fraction:
    """Exact seconds at which a frame begins; the clip's length for the number behind its last."""
    if frame >= clip.frames:
        return length_of(clip)
    return (int(clip.pts[max(frame, 0)]) - int(clip.pts[0])) * clip.time_base


def frame_at(clip: Clip, seconds: Fraction) -> int:
    """The frame that is shown at a time, within the clip."""
    ticks = int(clip.pts[0]) + int(seconds / clip.time_base // 1)
    return min(max(bisect_right(clip.pts, ticks) - 1, 0), clip.frames - 1)


def edge_at(clip: Clip, seconds: Fraction) -> int:
    """The first frame at or behind a time: where a span that ends there ends, as a number of frames."""
    ticks = int(clip.pts[0]) - int(-seconds / clip.time_base // 1)
    return min(bisect_left(clip.pts, ticks), clip.frames)


def length_of(clip: Clip) -> Fraction:
    return clip.duration


def times_table(clip: Clip) -> bytes:
    """Every frame's time as a little-endian double, for the page's transport."""
    seconds: bytes = ((clip.pts - clip.pts[0]) * float(clip.time_base)).astype("<f8").tobytes()
    return seconds
