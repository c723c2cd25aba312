"""Part files: a piece of the output's pictures, encoded, whole or not there."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import secrets
from collections.abc import Generator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from numpy.typing import NDArray

from models.errors import MediaError, OutputError
from pipeline.clips.clip import Clip
from pipeline.clips.encoding import Encoding
from pipeline.clips.opening import unseen
from pipeline.clips.priority import usual_priority
from pipeline.pictures import atomic

_BUFFER = 1 << 20
"""Bytes that are written at once: 32 times PyAV's own, because every write goes through Python."""

_INTERLACED = 0x20000 | 0x40000
"""AV_CODEC_FLAG_INTERLACED_DCT and AV_CODEC_FLAG_INTERLACED_ME: fields are coded as fields."""

_FIELD_ORDER = {"progressive": 1, "top": 2, "bottom": 3}
"""AV_FIELD_PROGRESSIVE, AV_FIELD_TT, AV_FIELD_BB."""

_PRETEND = Fraction(1, 1000)
"""Matroska and MOV parts count their ticks in milliseconds, whatever a tick is: Matroska knows nothing finer."""


class PartWriter:
    """Encodes pictures into a part file.

    A context manager: the file gets its name at a clean exit, when it is on the disk; after an exception nothing is
    left. Times are kept exactly; the first picture is a keyframe. Frames are not changed (their times and tags are put
    back). They come from `filters.filtered`, which brings them to the encoding's size and pixel format. Raises
    OutputError `DISK.FULL`, `OUTPUT.UNWRITABLE`, `OUTPUT.CODEC` (the encoder refuses).
    """

    def __init__(self, path: Path, encoding: Encoding, clip: Clip) -> None:
        del clip  # all that matters of it is in the encoding
        self.path = path
        self.frames = 0
        self._encoding = encoding
        self._staged = path.parent / f".{path.name}.{secrets.token_hex(4)}.part"
        self._real = encoding.coding.part == "nut"
        self._time_base = encoding.time_base if self._real else _PRETEND
        self._first: int | None = None
        self._last: int | None = None

    def __enter__(self) -> Self:
        try:
            self._file = io.FileIO(self._staged, "x+")
        except OSError as error:
            raise atomic.in_words(error, self.path, 0) from error
        try:
            self._container = av.open(self._file, "w", format=self._encoding.coding.part, buffer_size=_BUFFER)
            self._stream = self._open_stream()
        except BaseException:
            self._drop()
            raise
        return self

    def _open_stream(self) -> av.VideoStream:
        encoding = self._encoding
        stream = self._container.add_stream(encoding.encoder, rate=encoding.rate.limit_denominator(1 << 20),
                                            options=dict(encoding.options))
        assert isinstance(stream, av.VideoStream)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = encoding.width, encoding.height, encoding.pix_fmt
        context.time_base = self._time_base
        stream.time_base = self._time_base
        context.sample_aspect_ratio = encoding.sar
        colour = encoding.colour
        context.color_range, context.colorspace = colour.range, colour.space
        context.color_primaries, context.color_trc = colour.primaries, colour.trc
        if encoding.fields != "progressive" and encoding.codec in ("h264", "prores"):
            context.flags |= _INTERLACED
            context.field_order = _FIELD_ORDER[encoding.fields]
        try:
            with usual_priority():
                context.open()
        except av.FFmpegError as error:
            raise self._refused(error) from error
        return stream

    def write(self, frame: av.VideoFrame, ticks: int, duration_ticks: int) -> None:
        """Encodes one picture. ticks, duration_ticks: in `encoding.time_base`, rising from call to call. The duration
        is what the next picture's time says; `join` knows the last one's."""
        del duration_ticks
        if self._last is not None and ticks <= self._last:
            raise ValueError(f"a picture at {ticks} after one at {self._last}")
        wanted = (self._encoding.pix_fmt, self._encoding.width, self._encoding.height)
        if (frame.format.name, frame.width, frame.height) != wanted:
            raise ValueError(f"a picture of {frame.format.name}, {frame.width} x {frame.height} where {wanted} is "
                             "encoded: it has not been through filters.filtered")
        if self._first is None:
            self._first = ticks
            # NUT shifts times so that none is below zero; where they began is told beside.
            self._container.metadata["comment"] = f"{ticks}"
        self._last = ticks
        self._encode(frame, ticks - self._first)
        self.frames += 1

    def _encode(self, frame: av.VideoFrame, pts: int) -> None:
        colour = self._encoding.colour
        kept = (frame.pts, frame.time_base, frame.pict_type, frame.colorspace, frame.color_range,
                frame.color_primaries, frame.color_trc)
        try:
            frame.pts, frame.time_base = pts, self._time_base
            # Else the encoder makes the same kind of picture of it as the one that it was decoded from.
            frame.pict_type = 0
            frame.colorspace, frame.color_range = colour.space, colour.range
            frame.color_primaries, frame.color_trc = colour.primaries, colour.trc
            packets = self._stream.encode(frame)
        except av.FFmpegError as error:
            raise self._refused(error) from error
        finally:
            frame.pts, old_base, frame.pict_type = kept[0], kept[1], kept[2]
            if old_base is not None:
                frame.time_base = old_base
            frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc = kept[3:]
        self._mux(packets)

    def _mux(self, packets: list[av.Packet[Any]]) -> None:
        try:
            for packet in packets:
                self._container.mux(packet)
        except (OSError, av.FFmpegError) as error:
            raise _in_words(error, self.path) from error

    def _refused(self, error: Exception) -> OutputError:
        coding = self._encoding.coding
        return OutputError(f"{self.path} cannot be encoded: {self._encoding.encoder} refuses {coding.title} of "
                           f"{self._encoding.width} × {self._encoding.height} ({error}).", subject=str(self.path),
                           code="OUTPUT.CODEC", remedy="Choose another codec.")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if error is not None:
            self._drop()
            return
        try:
            if self._first is not None:
                self._mux(self._stream.encode(None))
            self._container.close()
            os.fsync(self._file.fileno())
            self._file.close()
            os.replace(self._staged, self.path)
            atomic.flush_folder(self.path.parent)
        except (OSError, av.FFmpegError) as failure:
            self._drop()
            raise _in_words(failure, self.path) from failure
        except BaseException:
            self._drop()
            raise

    def _drop(self) -> None:
        with contextlib.suppress(OSError, av.FFmpegError, AttributeError):
            self._container.close()  # writes a trailer, into a file that goes
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._staged.unlink(missing_ok=True)


def _in_words(error: Exception, path: Path) -> OutputError:
    return atomic.in_words(system_error(error) or OSError(errno.EIO, str(error)), path, 0)


def system_error(error: BaseException | None) -> OSError | None:
    """What the system said, where a muxer's own error (closing a file on a full disk fails again) hides it."""
    while error is not None:
        if isinstance(error, OSError) and not isinstance(error, av.FFmpegError):
            return error
        error = error.__cause__ or error.__context__
    return None


@dataclass(frozen=True, slots=True)
class PartIndex:
    """A part's packets in the order of their coding. pts: (N,) int64 ticks of the encoding. extradata: what decoders
    must know before the first packet."""

    path: Path
    pts: NDArray[np.int64]
    extradata: bytes

    @property
    def name(self) -> str:
        return str(self.path)

    def __len__(self) -> int:
        return len(self.pts)

    def packets(self, encoding: Encoding) -> Generator[Any, None, None]:
        """Its packets, for the output. Raises MediaError `PART.DAMAGED`."""
        with open_part(self.path, encoding) as container:
            yield from (packet for packet in container.demux(container.streams.video[0]) if packet.size)


def open_part(path: Path, encoding: Encoding | None = None) -> av.container.InputContainer:
    """encoding: the part's, where only its packets are wanted, which opens it sooner. Raises MediaError `PART.DAMAGED`.
    """
    try:
        return av.open(path, "r", stream_options=unseen(encoding.codec, 0) if encoding else None)
    except (av.FFmpegError, OSError) as error:
        raise damaged(path, str(error)) from error


def index_part(path: Path, encoding: Encoding) -> PartIndex:
    """Reads a part's times. Raises MediaError `PART.DAMAGED` where it is not whole."""
    with open_part(path, encoding) as container:
        if not container.streams.video:
            raise damaged(path, "it has no pictures")
        stream = container.streams.video[0]
        try:
            first = int({key.lower(): said for key, said in container.metadata.items()}["comment"])
            times = [packet.pts for packet in container.demux(stream) if packet.size and packet.pts is not None]
        except (KeyError, ValueError, av.FFmpegError) as error:
            raise damaged(path, str(error)) from error
        base = encoding.time_base if encoding.coding.part == "nut" else _PRETEND
        scale = (stream.time_base or base) / base
        extradata = stream.codec_context.extradata or b""
    if not times:
        raise damaged(path, "it has no pictures")
    pts = np.array([round(time * scale) for time in times], np.int64)
    return PartIndex(path, pts - pts.min() + first, extradata)


def damaged(path: Path | str, why: str) -> MediaError:
    return MediaError(f"The part {path} cannot be used: {why}.", subject=str(path), code="PART.DAMAGED",
                      remedy="Delete it and render again with --resume: only this part is made again.")

