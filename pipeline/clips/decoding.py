"""One pass of a decoder over a clip: from a keyframe on, every picture with its number.

Most files say when each packet's picture is shown. Some count pictures instead (AVI, codings without a container):
those are numbered in the order in which the decoder gives them.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import av
import numpy as np

from pipeline.clips.clip import Clip
from pipeline.clips.opening import decoder_of, opened
from pipeline.clips.packets import REORDER

# Codings without a container, as ffmpeg names them. They cannot be sought in.
_ALONE = frozenset(("h264", "hevc", "m4v", "mpegvideo", "vc1", "obu", "h263", "h261", "dv"))

# What AVI's packets say of presentation times is guessed by ffmpeg, and wrong for pictures that are shown in another
# order than coded (measured with PyAV 18.1 and H.264 in AVI: 1, 3, 4, 2, 6, 7, 5, …).
_COUNTED = _ALONE | {"avi"}


class TroubleError(Exception):
    """A pass cannot go on."""


class LateError(TroubleError):
    """The first picture that the pass gave lies behind the one that was wanted: it began too late in the file."""


class BrokenError(TroubleError):
    """The data are damaged."""


class GoesBackError(TroubleError):
    """A picture came that should have been shown before."""


@dataclass(frozen=True, slots=True)
class Numbered:
    index: int
    frame: av.VideoFrame


def keyframe_before(clip: Clip, index: int, back: int | None) -> int | None:
    """Ticks of the keyframe to begin at so that picture `index` can be decoded, `back` keyframes earlier than needed;
    None to begin at the beginning (always where back is None)."""
    if back is None or clip.format in _ALONE or clip.kind != "file":
        return None
    if clip.format in _COUNTED:
        # Pictures are numbered from the second keyframe on, behind which up to REORDER pictures are shown before it.
        index, back = index - REORDER - 1, back + 1
    if index < 0:
        return None
    place = int(np.searchsorted(clip.keyframes, clip.pts[index], side="right")) - 1 - back
    return int(clip.keyframes[place]) if place > 0 else None


def decoded(clip: Clip, first: int, last: int, *, back: int | None = 0, threads: int = 0,
            ) -> Generator[Numbered, None, None]:
    """Pictures first..last-1 in order. back: keyframes to begin earlier than needed, None for the file's beginning.
    Raises TroubleError, av.FFmpegError, OSError."""
    key = keyframe_before(clip, first, back)
    counted = clip.format in _COUNTED
    with opened(clip.path, clip.kind) as container:
        stream: Any = container.streams[clip.stream]
        feed = _Feed(container, stream, threads, marked=counted)
        if key is not None:
            feed.seek(key - int(clip.pts[0]) if counted else key)
        frames = (_counted(clip, feed, first, key is not None) if counted
                  else _sure(feed, _timed(clip, feed, first, key)))
        for numbered in frames:
            yield numbered
            if numbered.index + 1 >= last:
                return
        raise BrokenError


class _Feed:
    """Packets into the decoder, pictures out. marked: a picture's `opaque` is its packet's decoding time. second:
    decoding time of the second keyframe that went in. coded: for each picture's ticks, its place in the order of coding
    and the latest ticks of those coded up to it.

    Marks cost threads: PyAV's are freed under the interpreter's lock, by whichever thread of the decoder lets go of
    them last, while whoever closes the decoder holds that lock and waits for those threads. With several, closing in
    the middle of a clip stood still for ever (seen with PyAV 18.1 and VP9, within seconds of seeking at random).
    """

    def __init__(self, container: Any, stream: Any, threads: int, *, marked: bool) -> None:
        self._container, self._stream = container, stream
        self._decoder: Any = decoder_of(stream, 1 if marked else threads, marked=marked)
        self._marked = marked
        self._keys = 0
        self.second: int | None = None
        self.coded: dict[int, tuple[int, int]] = {}
        self._fed, self._reach = 0, -(2**63)

    def seek(self, ticks: int) -> None:
        self._container.seek(ticks, stream=self._stream)

    def pictures(self) -> Iterator[av.VideoFrame]:
        """Where the data are damaged, the pictures that were whole come first, then BrokenError."""
        try:
            for packet in self._container.demux(self._stream):
                if packet.size:
                    yield from self._decoder.decode(self._noted(packet))
        except (av.error.InvalidDataError, av.error.UndefinedError) as error:
            yield from self._rest()
            raise BrokenError from error
        yield from self._rest()

    def _noted(self, packet: Any) -> Any:
        if packet.is_corrupt:
            raise av.error.InvalidDataError(0, "the packet is not whole")
        if self._marked:
            packet.opaque = packet.dts
        elif packet.pts is not None:
            self._fed += 1
            self._reach = max(self._reach, packet.pts)
            self.coded[packet.pts] = self._fed, self._reach
        if packet.is_keyframe:
            self._keys += 1
            if self._keys == 2:
                self.second = packet.dts
        return packet

    def _rest(self) -> list[av.VideoFrame]:
        try:
            return list(self._decoder.decode(None))
        except (av.error.InvalidDataError, av.error.UndefinedError) as error:
            raise BrokenError from error


def _timed(clip: Clip, feed: _Feed, first: int, key: int | None) -> Iterator[Numbered]:
    """By the times that the pictures carry. key: ticks that were sought, None for the beginning."""
    begin = int(clip.pts[0]) if key is None else key
    index, shown = first, None
    for frame in feed.pictures():
        ticks = frame.pts
        if ticks is None:
            if shown is None:
                continue
            ticks = int(clip.pts[index])
        if shown is not None and ticks <= shown:
            raise GoesBackError
        wanted = int(clip.pts[index])
        if ticks < wanted:
            if shown is None and ticks >= begin and frame.is_corrupt:
                raise BrokenError
            continue
        if ticks > wanted and shown is None and key is not None:
            raise LateError
        if ticks > wanted:
            raise BrokenError
        yield Numbered(index, frame)
        shown = ticks
        index += 1
        if index == len(clip.pts):
            return
    if shown is None and key is not None:
        raise LateError


def _sure(feed: _Feed, numbered: Iterator[Numbered]) -> Iterator[Numbered]:
    """Holds back each picture until those have come that were coded before it and are shown after it: it may be built
    on them, and decoders mark only the damaged picture itself."""
    held: list[Numbered] = []
    try:
        for one in numbered:
            held.append(one)
            ticks = int(one.frame.pts or 0)
            if one.frame.is_corrupt:
                held = _coded_before(feed, held, ticks)
                raise BrokenError
            while held and feed.coded.get(held[0].frame.pts or 0, (0, ticks))[1] <= ticks:
                feed.coded.pop(held[0].frame.pts or 0, None)
                yield held.pop(0)
    except BrokenError:
        yield from held
        raise
    yield from held


def _coded_before(feed: _Feed, held: list[Numbered], ticks: int) -> list[Numbered]:
    """The first of them, up to one that was coded with or after the picture at `ticks`."""
    bad, _ = feed.coded.get(ticks, (0, 0))
    return list(takewhile(lambda one: feed.coded.get(one.frame.pts or 0, (0, 0))[0] < bad, held))


def _counted(clip: Clip, feed: _Feed, first: int, sought: bool) -> Iterator[Numbered]:
    """By counting. After a seek the count begins at the second keyframe: all packets before it are shown before it, and
    those behind it of which the pictures came before its own."""
    index: int | None = None if sought else 0
    before: list[int] = []
    for frame in feed.pictures():
        if index is None:
            coded, second = _mark(frame), feed.second
            if second is None or coded != second:
                before.append(coded)
                continue
            index = int(np.searchsorted(clip.pts, clip.pts[0] + second)) + sum(ticks > second for ticks in before)
            if index > first:
                raise LateError
        if frame.is_corrupt:
            raise BrokenError
        if index >= first:
            yield Numbered(index, frame)
        index += 1
        if index == len(clip.pts):
            return
    if index is None:
        raise LateError


def _mark(frame: av.VideoFrame) -> int:
    """The decoding time of the packet that a picture came from; -1 where the decoder lost it."""
    mark = frame.opaque
    return mark if isinstance(mark, int) else -1
