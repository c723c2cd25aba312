"""What a clip is, before its first frame is drawn."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from models.errors import InputError, MediaError
from pipeline.clips import faults, sequences, tags
from pipeline.clips.clip import Clip, Track
from pipeline.clips.ends import is_cut_off
from pipeline.clips.identity import id_of_file, id_of_files
from pipeline.clips.kinds import gif_pictures, head_of, is_clip, kind_of, moving_picture
from pipeline.clips.opening import Kind, decoder_of, opened, picture_streams
from pipeline.clips.packets import (
    MILLI,
    Packets,
    TimesGoBackError,
    check_order,
    pace_of,
    read_packets,
    without_stragglers,
)
from pipeline.clips.pixel_formats import holds
from pipeline.clips.remarks import Heard, remarks_on

__all__ = ["is_clip", "open_clip"]

MOST_PIXELS = 16_384
"""Longest side: what H.264 and HEVC end at (level 6.2), and HEVC's and AV1's decoders with them."""

MOST_RATE = 1000
"""Most pictures a second: what high-speed cameras write as their playback rate; more is a broken header."""

_LACK_SECONDS, _LACK_FRAMES = 0.2, 3
"""What must be missing of a length that is said, in seconds and in usual distances: programs count a last picture's
length or do not."""


@dataclass(frozen=True, slots=True)
class _Source:
    """What is opened. path: the file or pattern. name: for lists. shown: for errors. size: bytes."""

    path: Path
    name: str
    shown: str
    kind: Kind
    id: str
    size: int


def open_clip(path: Path, *, name: str | None = None) -> Clip:
    """Probes a clip: reads its packets once and decodes its first picture.

    path: a film, an animated GIF, a folder of numbered pictures or their pattern (`shot_%04d.png`). name: what the user
    calls it, where path is not that. Raises MissingInput, InputError (`INPUT.IS_FOLDER`, `INPUT.IS_PICTURE`,
    `INPUT.NOT_A_FILE`, `INPUT.NO_PERMISSION`) or MediaError (`MEDIA.CODEC`, `MEDIA.EMPTY`, `MEDIA.NO_VIDEO`,
    `MEDIA.RATE`, `MEDIA.SEQUENCE`, `MEDIA.TIMESTAMPS`, `MEDIA.TOO_LARGE`, `MEDIA.TRUNCATED`, `MEDIA.UNKNOWN_FORMAT`,
    `MEDIA.UNREADABLE`); each names the clip.
    """
    shown = name if name is not None else str(path)
    source = _source_of(path, name or path.name, shown)
    with _explained(source):
        with opened(source.path, source.kind) as container:
            stream = _checked(container, shown)
            heard = _heard_in(container, stream)
            found = read_packets(container, stream)
            if found.locked or "enc_key_id" in stream.metadata:  # the latter is Matroska's
                raise faults.encrypted(shown)
            if container.format.name.startswith("mov,") and found.error is None:
                container.seek(0)  # its index says where that is; opening it again would cost as much as the first time
                return _clip(source, container, stream, found, heard)
        with opened(source.path, source.kind) as container:
            return _clip(source, container, container.streams[heard.stream], found, heard)


@contextmanager
def _explained(source: _Source) -> Iterator[None]:
    try:
        yield
    except TimesGoBackError as error:
        raise faults.back_in_time(source.shown, Fraction(error.ticks)) from error
    except av.error.InvalidDataError as error:
        raise faults.unreadable(source.shown, truncated=_cut(source)) from error
    except (av.error.DecoderNotFoundError, av.error.PatchWelcomeError) as error:
        raise faults.no_codec(source.shown, "coded in a way that is not known here") from error
    except av.FFmpegError as error:
        if isinstance(error, OSError) and not isinstance(error, av.error.EOFError):
            raise faults.unreachable(source.shown, error) from error
        raise faults.unreadable(source.shown, truncated=_cut(source)) from error
    except OSError as error:
        if isinstance(error, (InputError, MediaError)):
            raise
        raise faults.unreachable(source.shown, error) from error


def _cut(source: _Source) -> bool:
    return source.kind == "file" and is_cut_off(source.path)


def _source_of(path: Path, name: str, shown: str) -> _Source:
    if sequences.is_pattern(path) and not path.exists():
        run = sequences.run_of(path)
        if run is None:
            raise faults.unreachable(shown, FileNotFoundError())
        return _sequence(run, name, shown)
    status = faults.status_of(path, shown)
    try:
        if stat.S_ISDIR(status.st_mode):
            return _folder(path, name, shown)
        kind = kind_of(head_of(path))
        if not status.st_size:
            raise faults.empty(shown)
        if kind is None:
            raise faults.unknown(shown)
        if kind == "picture" or (kind == "gif" and gif_pictures(path) < 2):
            raise faults.picture(shown, moving_picture(head_of(path)))
        return _Source(path, name, shown, "gif" if kind == "gif" else "file", id_of_file(path, status.st_size),
                       status.st_size)
    except OSError as error:
        if isinstance(error, (InputError, MediaError)):
            raise
        raise faults.unreachable(shown, error) from error


def _folder(path: Path, name: str, shown: str) -> _Source:
    runs = sequences.runs_in(path)
    if not runs:
        raise InputError(f"{shown} is a folder without numbered pictures.", subject=shown, code="INPUT.IS_FOLDER",
                         remedy=f"Give one clip: {faults.KINDS}.")
    if len(runs) > 1:
        names = ", ".join(run.pattern.name for run in runs[:4])
        raise MediaError(f"{shown} holds {len(runs)} rows of numbered pictures: {names}.", subject=shown,
                         code="MEDIA.SEQUENCE", remedy="Give the one that is meant, by its pattern.")
    return _sequence(runs[0], name, shown)


def _sequence(run: sequences.Run, name: str, shown: str) -> _Source:
    if run.missing is not None:
        missing = sequences.named(run.pattern.name, run.missing)
        raise MediaError(f"{shown} has a gap: {missing} is missing.", subject=shown, code="MEDIA.SEQUENCE",
                         remedy="Put the missing pictures there, or number them anew without a gap.")
    files = run.files()
    return _Source(run.pattern, name, shown, "sequence", id_of_files(files), sum(file.stat().st_size for file in files))


def _checked(container: InputContainer, shown: str) -> av.VideoStream:
    """The picture's stream. Raises MediaError for what cannot be worked on."""
    streams = picture_streams(container)
    if not streams:
        raise faults.no_video(shown)
    stream = streams[0]
    context: Any = stream.codec_context
    if context is None:
        raise faults.no_codec(shown, "coded in a way that is not known here")
    if str(context.codec_tag) in ("encv", "drmi"):  # ISO/IEC 23001-7, and Apple's
        raise faults.encrypted(shown)
    if max(context.width, context.height) > MOST_PIXELS:
        raise faults.absurd_size(shown, context.width, context.height, MOST_PIXELS)
    return stream


def _heard_in(container: InputContainer, stream: av.VideoStream) -> Heard:
    tracks = []
    for one in container.streams:
        if one.type in ("audio", "subtitle", "data", "attachment"):
            context: Any = one.codec_context
            sound = one.type == "audio" and context is not None
            tracks.append(Track(
                one.index, one.type, context.codec.canonical_name if context is not None else "",
                one.metadata.get("language", ""), one.metadata.get("title", ""), context.channels if sound else 0,
                context.sample_rate if sound else 0))
    begins = [Fraction(one.start_time) * Fraction(one.time_base or 1) for one in container.streams
              if one.type == "audio" and one.start_time is not None]
    return Heard(stream.index, tuple(tracks), min(begins, default=None))


def _clip(source: _Source, container: InputContainer, stream: Any, found: Packets, heard: Heard) -> Clip:
    frame, whole = _first_picture(container, stream, found, source)
    said = [Fraction(rate) for rate in (stream.average_rate, stream.base_rate, stream.guessed_rate) if rate]
    time_base = Fraction(stream.time_base or Fraction(1, 1000))
    times = _times(found, time_base, said, frame if whole else None, source)
    short = _ends_short(found, container, stream, source)
    if short or found.torn:
        times = _shortened(times, short)
    pace = pace_of(times.pts, time_base, said, times.last)
    if pace.rate > MOST_RATE:
        raise faults.absurd_rate(source.shown, pace.rate, MOST_RATE)
    shape, pix_fmt = tags.shape_of(stream, frame), frame.format.name
    if not 0 < min(shape.upright) <= max(shape.upright) <= MOST_PIXELS:
        raise faults.absurd_size(source.shown, *shape.upright, MOST_PIXELS)
    pts = times.pts
    if times.ends_short:
        pts = np.append(pts, pts[-1] + max(pace.last, 1))
    clip = Clip(
        path=source.path, name=source.name, id=source.id, format=container.format.name,
        codec=stream.codec_context.codec.canonical_name, pix_fmt=pix_fmt, width=shape.upright[0],
        height=shape.upright[1], stored=shape.stored, turn=shape.turn, sar=shape.sar, rate=pace.rate,
        time_base=time_base, pts=pts,
        keyframes=times.keyframes, duration=int(pts[-1] - pts[0] + pace.last) * time_base, stream=stream.index,
        variable=pace.variable, depth=holds(pix_fmt).depth, alpha=holds(pix_fmt).alpha,
        fields=tags.fields_of(stream, frame), colour=tags.colour_of(stream, frame, pix_fmt),
        mastering=tags.mastering_of(frame), dolby_vision=tags.has_dolby_vision(stream, frame), kind=source.kind,
        tracks=heard.tracks, chapters=len(container.chapters()), metadata=dict(container.metadata), bytes=source.size,
        groups=found.survey.groups(pts) if found.survey is not None else None)
    return remarks_on(clip, shape, heard, lost=times.lost, cut=times.ends_short or found.torn)


def _first_picture(container: InputContainer, stream: Any, found: Packets, source: _Source,
                   ) -> tuple[av.VideoFrame, bool]:
    """The first picture that can be decoded, and whether nothing failed before it."""
    decoder: Any = decoder_of(stream, threads=1)
    last: av.FFmpegError | None = None
    for number, packet in enumerate(_packets_and_end(container, stream)):
        try:
            # Where the first packet is the first picture, those behind it need not be decoded to get it out.
            if number == 0 and packet is not None and packet.is_keyframe and packet.pts in found.pts[:1] \
                    and packet.pts == min(found.pts):
                frames = [*decoder.decode(packet), *decoder.decode(None)]
                decoder.flush_buffers()
            else:
                frames = decoder.decode(packet)
        except (av.error.InvalidDataError, av.error.UndefinedError) as error:
            last = error
            if number == 0:
                decoder.flush_buffers()
            continue
        if frames:
            return frames[0], last is None
    raise faults.unreadable(source.shown, truncated=_cut(source)) from last


def _packets_and_end(container: InputContainer, stream: Any) -> Iterator[Any]:
    """The stream's packets as far as they can be read, then None."""
    with suppress(av.error.InvalidDataError, av.error.UndefinedError):  # noted when the packets were read before
        yield from (packet for packet in container.demux(stream) if packet.size)
    yield None


@dataclass(frozen=True, slots=True)
class _Times:
    """lost: pictures at the start that cannot be decoded. last: ticks of the last picture's length, 0 if unknown.
    ends_short: pictures behind the last one are missing."""

    pts: NDArray[np.int64]
    keyframes: NDArray[np.int64]
    last: int
    lost: int
    ends_short: bool = False


def _times(found: Packets, time_base: Fraction, said: list[Fraction], first: av.VideoFrame | None,
           source: _Source) -> _Times:
    if not found.pts:
        return _counted(found, time_base, said, source)
    coded = np.array(found.pts, np.int64)
    try:
        check_order(coded, found.keys)
    except TimesGoBackError as error:
        raise faults.back_in_time(source.shown, (error.ticks - int(coded.min())) * time_base) from error
    pts = np.sort(coded)
    keys = np.sort(coded[found.keys])
    begin = int(keys[0]) if len(keys) and not found.warmed else int(pts[0])
    if first is not None and first.pts is not None and first.pts in found.pts:
        begin = max(begin, first.pts)
    kept = pts[pts >= begin]
    keys = np.union1d(keys[keys >= begin], kept[:1])
    return _Times(kept, keys, found.durations[int(coded.argmax())], len(pts) - len(kept))


def _shortened(times: _Times, lost: bool) -> _Times:
    """Up to where a cut-off file can be read. lost: nothing of the next picture is there: the index gets one more, so
    that the reader says where the file ends."""
    pts = without_stragglers(times.pts)
    keys = times.keyframes[times.keyframes <= pts[-1]]
    return replace(times, pts=pts, keyframes=keys, last=times.last if len(pts) == len(times.pts) else 0,
                   ends_short=lost or len(pts) < len(times.pts))


def _counted(found: Packets, time_base: Fraction, said: list[Fraction], source: _Source) -> _Times:
    """Where the file says no times, pictures follow each other at its rate."""
    if not found.untimed:
        raise faults.unreadable(source.shown, truncated=_cut(source))
    step = 1 / next(iter(said), Fraction(25)) / time_base
    pts = np.array([round(number * step) for number in range(found.untimed)], np.int64)
    return _Times(pts, np.union1d(pts[found.keys], pts[:1]), round(step), 0)


def _ends_short(found: Packets, container: InputContainer, stream: Any, source: _Source) -> bool:
    """Whether pictures are missing behind the last packet: reading failed there, or the file ends before its header
    says so and holds fewer pictures than the header says, or a shorter time."""
    if found.torn or source.kind != "file":
        return False
    if _lacks(found, container, stream):
        return True
    if found.error is None and not is_cut_off(source.path):
        return False
    if stream.frames:
        return len(found.pts) + found.untimed + found.hidden < int(stream.frames)
    if not found.pts or container.duration is None:
        return True
    end = (max(found.pts) + found.durations[-1]) * Fraction(stream.time_base or 1)
    return end < Fraction(container.duration, 1_000_000) - 2 * MILLI


def _lacks(found: Packets, container: InputContainer, stream: Any) -> bool:
    """Whether Matroska says that its pictures last longer: behind damage, the file is read on silently from where the
    next cluster is found, and a last cluster is lost without a word. Its tag DURATION is the track's own (mkvmerge and
    ffmpeg write it); the whole file's length may be that of another track."""
    if "matroska" not in container.format.name or not found.pts or container.duration is None:
        return False
    whole = Fraction(container.duration, 1_000_000)
    said = _clock_of(stream.metadata.get("DURATION", ""))
    if said is None and len(container.streams) == 1:
        said = whole
    if said is None or said > whole + 2 * MILLI:  # left by an earlier program, of a longer file
        return False
    base = Fraction(stream.time_base or MILLI)
    end = (max(found.pts) + found.durations[-1]) * base
    step = float(np.median(np.diff(np.sort(found.pts)))) * float(base) if len(found.pts) > 1 else 0.0
    return float(said - end) > max(_LACK_SECONDS, _LACK_FRAMES * step)


def _clock_of(words: str) -> Fraction | None:
    """Seconds of `00:01:02.003000000`; None of anything else."""
    said = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", words)
    return int(said[1]) * 3600 + int(said[2]) * 60 + Fraction(said[3]) if said else None
