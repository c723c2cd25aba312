"""When every picture of a clip is shown, from its packets alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.stream import Discard
from numpy.typing import NDArray

from pipeline.clips.groups import Survey

REORDER = 16
"""Most pictures that are coded before one that is shown earlier (H.264 and HEVC, annexes A: the decoder's buffer)."""

MILLI = Fraction(1, 1000)

# Rates that cameras and broadcasts use (SMPTE ST 2036-1 and NTSC's 1000/1001 forms).
_USUAL = tuple(Fraction(rate) for rate in (24, 25, 30, 48, 50, 60, 100, 120, 15, 12, 10)) + tuple(
    Fraction(1000 * rate, 1001) for rate in (24, 30, 48, 60, 120))


_MOST = 0.9
"""Share of the distances that make a rate the usual one: two seconds of pictures may lack some for a hiccup of 0.2."""


class TimesGoBackError(Exception):
    """ticks: of the latest picture before which one is shown that comes behind it in the file."""

    def __init__(self, ticks: int) -> None:
        super().__init__(ticks)
        self.ticks = ticks


@dataclass
class Packets:
    """Of the picture stream, in the order of the file. pts: (N,) or empty where the file says none (`counted`).
    keys: places in the file's order. durations: ticks, 0 where nothing says. untimed: packets without a time. warmed: a
    keyframe that an edit list hides comes before the first picture that is shown, which can so be decoded. hidden:
    packets that are not shown. torn: the last packet is not whole. locked: some are encrypted. survey: of H.264 as MP4
    and Matroska hold it. error: what ended reading too early."""

    pts: list[int] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    durations: list[int] = field(default_factory=list)
    untimed: int = 0
    warmed: bool = False
    hidden: int = 0
    torn: bool = False
    locked: bool = False
    survey: Survey | None = None
    error: av.FFmpegError | None = None


def read_packets(container: InputContainer, stream: av.VideoStream) -> Packets:
    """Reads the file to its end; what is damaged is noted."""
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all
    found = Packets()
    vp8 = stream.codec_context.name == "vp8"
    if stream.codec_context.name == "h264" and container.format.name.startswith(("mov,", "matroska,")):
        found.survey = Survey(stream.codec_context.extradata)
    try:
        for packet in container.demux(stream):
            found.locked |= packet.has_sidedata("encryption_info")  # ISO/IEC 23001-7
            if found.survey is not None:
                found.survey.take(packet)
            if packet.is_discard:
                found.hidden += 1
                found.warmed |= packet.is_keyframe and not found.pts
            elif packet.size and not (vp8 and is_hidden(packet)):
                _note(found, packet)
    except av.FFmpegError as error:
        found.error = error
    return found


def _note(found: Packets, packet: Any) -> None:
    if packet.pts is None:
        found.untimed += 1
        if found.pts:
            return  # the second field of a picture
        if packet.is_keyframe:
            found.keys.append(found.untimed - 1)
        return
    if not found.pts:
        found.keys = []
    found.torn = packet.is_corrupt
    if packet.is_keyframe:
        found.keys.append(len(found.pts))
    found.pts.append(packet.pts)
    found.durations.append(packet.duration or 0)


def is_hidden(packet: Any) -> bool:
    """VP8's alternate reference pictures are never shown (RFC 6386, 9.1: show_frame)."""
    return not bytes(memoryview(packet)[:1])[0] & 0x10


def check_order(pts: NDArray[np.int64], keys: list[int]) -> None:
    """pts in the order of the file. Raises TimesGoBackError: no coding shows a picture before the keyframe that lies
    two keyframes back, nor more than REORDER places before one that was coded earlier."""
    if len(pts) < 2:
        return
    order = np.argsort(pts, kind="stable")
    twice = order[1:][np.diff(pts[order]) == 0]
    rank = np.empty(len(pts), np.int64)
    rank[order] = np.arange(len(pts))
    late = np.flatnonzero(np.arange(len(pts)) - rank > REORDER)
    back = np.array(keys[1:], np.int64)[np.diff(pts[keys]) < 0] if keys else np.zeros(0, np.int64)
    for places in (twice, back, late):
        if places.size:
            raise TimesGoBackError(int(pts[:places.min()].max()))


def without_stragglers(pts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of a file that was cut off: the last pictures that are coded before what is shown before them are of no use when
    that is missing. pts: rising."""
    if len(pts) < 3:
        return pts
    steps = np.diff(pts)
    gaps = np.flatnonzero(steps[-REORDER:] > 1.5 * np.median(steps))
    return pts[:len(steps) - min(REORDER, len(steps)) + gaps[0] + 1] if len(gaps) else pts


@dataclass(frozen=True, slots=True)
class Pace:
    """rate: usual pictures a second, or on average where none is usual. variable: not evenly spaced. last: ticks that
    the last picture is shown."""

    rate: Fraction
    variable: bool
    last: int


def pace_of(pts: NDArray[np.int64], time_base: Fraction, said: list[Fraction], last: int) -> Pace:
    """pts: rising. said: rates that the file names, the most trusted first. last: ticks, 0 where nothing says.

    A rate fits where every picture lies within a tick of it, or within a millisecond, because many clips have once been
    in Matroska, which counts in those. Then what the file says is often worked out from rounded times (989/33 in FLV
    for 30000/1001), and a rate that cameras use is believed first. Where no rate fits because pictures are missing, the
    usual distance says it.
    """
    if len(pts) < 2:
        rate = next((one for one in said if one > 0), Fraction(25))
        return Pace(rate, False, last or max(round(1 / rate / time_base), 1))
    measured = Fraction(len(pts) - 1, int(pts[-1] - pts[0])) / time_base
    for rate in _near(measured, said, rounded=time_base >= MILLI):
        if _fits(pts, time_base, rate):
            return Pace(rate, False, last or round(1 / rate / time_base))
    return Pace(_most_often(pts, time_base, said) or measured.limit_denominator(100_000), True,
                last or int(pts[-1] - pts[-2]))


def _near(measured: Fraction, said: list[Fraction], *, rounded: bool) -> list[Fraction]:
    """The rates that may be meant, the likeliest first. rounded: times are in milliseconds or coarser."""
    usual = sorted(_USUAL, key=lambda one: abs(one - measured))
    first = [rate for rate in said if rate in _USUAL] + usual if rounded else []
    return [rate for rate in (*first, *said, *usual, measured) if abs(rate - measured) <= measured / 50]


def _most_often(pts: NDArray[np.int64], time_base: Fraction, said: list[Fraction]) -> Fraction | None:
    """The rate of which nine distances in ten are, to a tick or a millisecond; None where there is none."""
    steps = np.diff(pts)
    middle = 1 / (Fraction(float(np.median(steps))) * time_base)
    slack = max(1.0, float(MILLI / time_base))
    for rate in _near(middle, said, rounded=True):
        if np.mean(np.abs(steps - float(1 / rate / time_base)) <= slack) >= _MOST:
            return rate
    return None


def _fits(pts: NDArray[np.int64], time_base: Fraction, rate: Fraction) -> bool:
    step = float(1 / rate / time_base)
    off = (pts - pts[0]) - np.arange(len(pts)) * step
    off -= (off.max() + off.min()) / 2
    slack = max(1.0, min(float(MILLI / time_base), step / 4))
    return bool(np.abs(off).max() <= slack)
