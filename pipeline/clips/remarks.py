"""What people should know of a clip, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from pipeline.clips.clip import Clip, Track
from pipeline.clips.faults import clock
from pipeline.clips.packets import MILLI
from pipeline.clips.tags import Shape
from processors.batches import Remark

_LATE = Fraction(1, 10)
"""Seconds that the picture may come after the sound before it is said: three frames at 30 a second. Encoders' own delay
of AAC (2,112 samples, 44 ms) stays below."""

_HOLE_SECONDS, _HOLE_FRAMES = 0.5, 5
"""A hole: no picture for so many seconds, and for as many usual distances."""


@dataclass(frozen=True, slots=True)
class Heard:
    """stream: the picture's number. begins: seconds at which the first sound begins, None without any."""

    stream: int
    tracks: tuple[Track, ...]
    begins: Fraction | None


def remarks_on(clip: Clip, shape: Shape, heard: Heard, *, lost: int, cut: bool) -> Clip:
    """The clip with its remarks. lost: pictures at its start that cannot be decoded. cut: its end is missing."""
    return replace(clip, notes=(*_of_time(clip, heard, lost, cut), *_of_shape(clip, shape), *_of_colour(clip),
                                *_of_tracks(clip)))


def _of_time(clip: Clip, heard: Heard, lost: int, cut: bool) -> Iterator[Remark]:
    if cut:
        yield Remark("CLIP.CUT_OFF", f"The file ends too early: after {clock(clip.duration)} nothing can be read.",
                     {"seconds": float(clip.duration)})
    if lost:
        yield Remark("CLIP.START_LOST", f"The first {_count(lost, 'picture')} cannot be decoded, because what they are "
                     "built on was cut off before them; they are left out.", {"frames": lost})
    if clip.kind == "sequence":
        yield Remark("CLIP.SEQUENCE", f"{_count(clip.frames, 'numbered picture')}, taken as {clip.rate} a second.",
                     {"frames": clip.frames, "rate": float(clip.rate)})
    holes = _holes(clip)
    if holes:
        at, seconds = max(holes, key=lambda hole: hole[1])
        more = f"; {len(holes)} in all" if len(holes) > 1 else ""
        yield Remark("CLIP.HOLE", f"Has a hole of {float(seconds):.2f} s at {clock(at)}{more}: the picture before it "
                     "stands still there.", {"at": float(at), "seconds": float(seconds), "holes": len(holes)})
    if clip.variable and not (holes and _is_even_else(clip)):
        average = clip.frames / float(clip.duration)
        yield Remark("CLIP.VARIABLE", f"Its pictures are not evenly spaced, {average:.2f} a second on average; each "
                     "keeps its time.", {"rate": average})
    start = clip.seconds(int(clip.pts[0]))
    late = start - min(heard.begins, start) if heard.begins is not None else Fraction(0)
    if late >= _LATE:
        yield Remark("CLIP.LATE", f"Its picture begins {float(late):.2f} s after its sound.", {"seconds": float(late)})


def _holes(clip: Clip) -> list[tuple[Fraction, Fraction]]:
    """(where from the beginning, how long), in seconds."""
    steps = np.diff(clip.pts)
    if not len(steps):
        return []
    return [(int(clip.pts[at] - clip.pts[0]) * clip.time_base, int(steps[at]) * clip.time_base)
            for at in np.flatnonzero(steps >= _least_hole(clip))]


def _is_even_else(clip: Clip) -> bool:
    """Whether the distances but for the holes differ by what rounding to ticks or milliseconds makes alone."""
    steps = np.diff(clip.pts)
    short = steps[steps < _least_hole(clip)]
    return not len(short) or float(np.ptp(short)) <= max(2.0, float(2 * MILLI / clip.time_base))


def _least_hole(clip: Clip) -> float:
    """Ticks."""
    return max(_HOLE_SECONDS / float(clip.time_base), _HOLE_FRAMES * float(np.median(np.diff(clip.pts))))


def _of_shape(clip: Clip, shape: Shape) -> Iterator[Remark]:
    if clip.turn:
        yield Remark("CLIP.TURNED", f"Stored turned: shown after {90 * clip.turn}° clockwise, as the file asks.",
                     {"degrees": 90 * clip.turn})
    if shape.mirrored:
        yield Remark("CLIP.MIRRORED", "The file asks for a mirror image; it is worked on as it is stored.")
    if shape.askew > 1:
        yield Remark("CLIP.ASKEW", "The file asks for a turn that is no quarter turn; the nearest is taken.",
                     {"degrees": shape.askew})
    if clip.sar != 1:
        yield Remark("CLIP.NOT_SQUARE", f"Its pixels are not square ({clip.sar.numerator}:{clip.sar.denominator}): "
                     f"{clip.stored[0]} x {clip.stored[1]} are shown as {clip.width} x {clip.height}.",
                     {"across": clip.sar.numerator, "down": clip.sar.denominator})
    if clip.fields != "progressive":
        yield Remark("CLIP.INTERLACED", f"Interlaced, the {clip.fields} field first: moving edges are combed. It stays "
                     "so, unless you ask for it to be deinterlaced.")


def _of_colour(clip: Clip) -> Iterator[Remark]:
    if clip.colour.transfer != "sdr":
        curve = clip.colour.transfer.upper()
        yield Remark("CLIP.HDR", f"HDR ({curve}), {clip.depth} bits a sample.", {"bits": clip.depth})
    if clip.dolby_vision:
        yield Remark("CLIP.DOLBY_VISION", "Carries Dolby Vision, whose layer cannot be kept: the picture beneath it "
                     "is.")
    if clip.alpha and clip.kind != "gif":
        yield Remark("CLIP.ALPHA", "Has transparency.")


def _of_tracks(clip: Clip) -> Iterator[Remark]:
    sounds = len(clip.sounds())
    if sounds > 1:
        languages = [track.language for track in clip.sounds() if track.language not in ("", "und")]
        said = f" ({', '.join(languages)})" if languages else ""
        yield Remark("CLIP.SOUNDS", f"Has {sounds} sound tracks{said}.", {"tracks": sounds})


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
