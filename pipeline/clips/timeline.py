"""When each packet of the parts is decoded and shown in the output."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from pipeline.clips.clip import Clip
from pipeline.clips.copying import Index
from pipeline.clips.encoding import Encoding
from pipeline.clips.parts import PartIndex, damaged

_MOST = 2**31 - 1
"""Largest time scale that MP4 holds (32 bits, of which muxers use 31)."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Of the output's picture packets, in the order of their coding. time_base: seconds a tick. pts, dts, durations:
    (N,) int64 ticks."""

    time_base: Fraction
    pts: NDArray[np.int64]
    dts: NDArray[np.int64]
    durations: NDArray[np.int64]


def timeline(clip: Clip, encoding: Encoding, parts: Sequence[Index], *, stop: int | None,
             shift: Fraction) -> Timeline:
    """shift: seconds that are taken off the clip's times. With another frame rate the parts' ticks count from the
    span's first picture. Raises MediaError `PART.DAMAGED` where parts overlap or do not follow each other."""
    for before, after in itertools.pairwise(parts):
        if after.pts.min() <= before.pts.max():
            raise damaged(after.name, "its pictures lie before the end of the part before")
    encoded = [part for part in parts if isinstance(part, PartIndex)]
    for one, other in itertools.pairwise(encoded):
        if other.extradata != one.extradata:
            raise damaged(other.path, "it was encoded with other settings than the part before")
    raw = np.concatenate([part.pts for part in parts])
    last = int(raw.max())
    # ticks of the parts -> ticks of the output: scale * ticks + origin
    origin = -shift
    base = _base(encoding, origin)
    scale = encoding.time_base / base
    if encoding.container == "avi":
        pts = _on_grid(raw, encoding, origin)
        if "avi" in clip.format:
            pts -= pts.min()  # readers of AVI guess the first picture's time; sound and picture begin together
    else:
        pts = np.array([round(tick * scale) for tick in raw.tolist()], np.int64) if scale.denominator > 1 else (
            raw * int(scale))
        pts += round(origin / base)
    shown = np.sort(pts)
    durations = np.diff(shown, append=shown[-1] + max(_last_duration(clip, encoding, last, stop, base), 1))
    places = np.searchsorted(shown, pts)
    return Timeline(base, pts, decoding_times(pts, below_zero=encoding.row.negative), durations[places])


def _base(encoding: Encoding, origin: Fraction) -> Fraction:
    if encoding.container == "avi":
        return 1 / encoding.rate
    exact = math.lcm(encoding.time_base.denominator, origin.denominator)
    return Fraction(1, exact if exact <= _MOST else encoding.time_base.denominator)


def _on_grid(raw: NDArray[np.int64], encoding: Encoding, origin: Fraction) -> NDArray[np.int64]:
    """AVI counts pictures: each time becomes the number of the nearest one at the nominal rate."""
    numbers = [round((tick * encoding.time_base + origin) * encoding.rate) for tick in raw.tolist()]
    return np.array(numbers, np.int64)


def _last_duration(clip: Clip, encoding: Encoding, last: int, stop: int | None, base: Fraction) -> int:
    """Ticks that the last picture is shown: until the clip's next picture, or its end."""
    if encoding.fps is not None:
        return round(1 / encoding.fps / base)
    after = int(np.searchsorted(clip.pts, last, side="right"))
    if stop is not None and after < clip.frames:
        seconds = (int(clip.pts[after]) - last) * clip.time_base
    else:
        seconds = clip.duration - (last - int(clip.pts[0])) * clip.time_base
    return round((seconds if seconds > 0 else 1 / clip.rate) / base)


def decoding_times(pts: NDArray[np.int64], *, below_zero: bool = False) -> NDArray[np.int64]:
    """Rising decoding times, none after its picture's own time, for packets in the order of their coding.

    Each packet is decoded when a picture some places earlier is shown; how many places, the largest displacement says.
    below_zero: times may begin below zero. Then the first packets come as far before the first picture as pictures are
    apart: players find a keyframe in MP4 by the decoding times before it added up, and showed the picture behind
    another one's place where those were short (Chromium 156). Else they come a tick apart, which shifts the least.
    """
    shown = np.sort(pts)
    order = np.arange(len(pts))
    delay = int((order - np.searchsorted(shown, pts)).max(initial=0))
    if delay == 0:
        return shown
    step = max(int(np.diff(shown[:delay + 1]).min()), 1) if below_zero else 1
    lead = shown[0] - step * np.arange(delay, 0, -1)
    return np.concatenate([lead, shown[:-delay]])
