"""The output's file: the parts' pictures, every other track of the input, and what it says about itself."""

from __future__ import annotations

import contextlib
import heapq
import io
import math
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from models.errors import MediaError, OutputError
from pipeline.clips.boxes import append_xmp, insert_xmp
from pipeline.clips.clip import Clip
from pipeline.clips.copying import Copied, Index, beside_copied, common_header, index_copied
from pipeline.clips.ebml import ROOM, set_pixel_shape
from pipeline.clips.encoding import Encoding
from pipeline.clips.exporting import export
from pipeline.clips.marks import SENTENCE_TAG, TAG, sentence, statement
from pipeline.clips.opening import unseen
from pipeline.clips.parts import PartIndex, index_part, open_part, system_error
from pipeline.clips.pixel_formats import holds
from pipeline.clips.timeline import Timeline, timeline
from pipeline.clips.tracks import Carrier, Packet, Window, carry, still_true
from pipeline.pictures import atomic
from pipeline.pictures.picture import Edit
from pipeline.pictures.write import check_output
from pipeline.pictures.xmp import sidecar_of
from processors.batches import Remark

Notes = tuple[Remark, ...]

_BUFFER = 1 << 20
_BROADCAST = frozenset(("mpegts", "mpeg", "vob", "mpegvideo"))
"""Containers whose clocks begin anywhere; outputs begin at zero then."""

# What MP4 and MOV hold in Apple's old list of tags (ffmpeg's movenc.c); any other name needs the newer kind.
_CLASSIC_TAGS = frozenset(("title", "artist", "album_artist", "composer", "album", "date", "comment", "genre",
                           "copyright", "grouping", "lyrics", "description", "synopsis", "show", "episode_id",
                           "network", "keywords", "creation_time", "location", "make", "model"))


@dataclass(frozen=True, slots=True)
class Joined:
    """path: the output; of a sequence its pattern. bytes: its size. frames: pictures in it. sidecar: the XMP beside it,
    for containers with no place for XMP. notes: what was left out or changed on the way, in words."""

    path: Path
    bytes: int
    container: str
    codec: str
    frames: int
    sidecar: Path | None = None
    notes: tuple[Remark, ...] = ()


def join(clip: Clip, encoding: Encoding, parts: Sequence[Path | Copied], output: Path, *, start: int, stop: int | None,
         edit: Edit, overwrite: bool = False, check: Callable[[], None] = lambda: None) -> Joined:
    """Makes the output of its parts: written beside it under a hidden name and renamed when it is whole and on the
    disk, with its sidecar or not at all.

    parts: files, and spans of the clip that are copied as they are (where the encoding is smart).
    start, stop: the span that was rendered, in the clip's ticks (stop None: to the end). Untrimmed, every time stays;
    trimmed, the first picture comes at zero and the other tracks are cut with it. check: called for every packet; what
    it raises ends the work and leaves nothing behind. Raises OutputError (see `check_output`, `DISK.FULL`),
    MediaError `PART.DAMAGED`, `MEDIA.UNREADABLE`.
    """
    packet, notes = statement(edit, clip.path)
    if encoding.container in ("gif", "sequence"):
        files = [index_part(part, encoding) for part in parts if isinstance(part, Path)]
        made = export(clip, encoding, files, output, packet=packet, stop=stop, overwrite=overwrite, check=check)
        return Joined(made.path, made.bytes, encoding.container, encoding.codec, made.frames, made.sidecar,
                           (*notes, *_sounds_lost(clip, encoding), *_stripped(edit)))
    check_output(output, overwrite, [clip.path])
    beside = sidecar_of(output) if encoding.container == "avi" else None
    if beside is not None:
        check_output(beside, overwrite, [clip.path])
    indexes: list[Index] = [index_copied(clip, part) if isinstance(part, Copied) else index_part(part, encoding)
                            for part in parts]
    final = Path(os.path.realpath(output))
    staged = _staging(final, [part for part in parts if isinstance(part, Path)])
    try:
        with _placing(output, final, staged, beside, packet, overwrite=overwrite):
            job = _Join(clip, encoding, indexes, edit, start, stop, check)
            job.write(staged, packet)
            size = staged.stat().st_size
    except av.FFmpegError as error:
        said = system_error(error)
        if said is not None:
            raise atomic.in_words(said, output, 0) from error
        raise MediaError(f"{clip.name} cannot be joined: {error}.", subject=clip.name,
                         remedy="The finished parts are kept; try another container, MKV for example.") from error
    frames = sum(len(index) for index in indexes)
    return Joined(output, size, encoding.container, encoding.codec, frames, beside,
                       (*notes, *job.notes, *_stripped(edit)))


def _staging(final: Path, parts: Sequence[Path]) -> Path:
    """Among the parts, where their folder lies beside the output: what a killed process leaves goes with them."""
    among = parts[0].parent / final.name if parts and parts[0].parent.parent.resolve() == final.parent else final
    return atomic.hidden_beside(among)


@contextlib.contextmanager
def _placing(output: Path, final: Path, staged: Path, beside: Path | None, packet: bytes, *,
             overwrite: bool) -> Iterator[None]:
    """Files written inside get their names at a clean exit; nothing is left otherwise."""
    waiting = [(staged, final)]
    try:
        yield
        if final.exists():
            os.chmod(staged, stat.S_IMODE(final.stat().st_mode))
        if beside is not None:
            last = Path(os.path.realpath(beside))
            hidden = atomic.hidden_beside(last)
            waiting.insert(0, (hidden, last))
            with hidden.open("xb") as file:
                file.write(packet)
                file.flush()
                os.fsync(file.fileno())
        atomic.place_all(waiting, overwrite=overwrite)
    except av.FFmpegError:
        raise
    except OSError as error:
        if isinstance(error, (OutputError, MediaError)):
            raise
        raise atomic.in_words(error, output, 0) from error
    finally:
        for hidden, _ in waiting:
            with contextlib.suppress(OSError):
                hidden.unlink(missing_ok=True)


class _Join:
    """One output on its way. notes: what was left out."""

    def __init__(self, clip: Clip, encoding: Encoding, parts: Sequence[Index], edit: Edit, start: int,
                 stop: int | None, check: Callable[[], None]) -> None:
        self.notes: Notes = ()
        self._clip = clip
        self._encoding = encoding
        self._parts = parts
        self._nameless = edit.kind == "anonymise"
        self._edit = edit
        self._stop = stop
        self._check = check
        self._start = start
        self._header = common_header(parts)

    def write(self, staged: Path, packet: bytes) -> None:
        with contextlib.ExitStack() as stack:
            source = stack.enter_context(_source(self._clip)) if self._clip.kind == "file" else None
            window = _window(self._clip, self._encoding, source, self._start, self._stop)
            times = timeline(self._clip, self._encoding, self._parts, stop=self._stop, shift=_shift_of_pictures(
                self._clip, self._encoding, window, self._start))
            said = {} if self._nameless or source is None else still_true(dict(source.metadata))
            classic = all(key.lower() in _CLASSIC_TAGS for key in said)
            file = stack.enter_context(io.FileIO(staged, "x+"))
            target = stack.enter_context(av.open(
                file, "w", format=self._encoding.row.muxer, buffer_size=_BUFFER,
                options=_muxer_options(self._encoding, times, source, classic=classic)))
            self._fill(target, source, times, window)
            target.metadata.update(said)
            target.metadata.update(self._own_words(packet, classic=classic))
            if source is not None:
                target.set_chapters(_chapters(source, window, window.high, nameless=self._nameless))
            self._mux(target, source, times)
            target.close()
            _mark(file, self._encoding, packet, classic=classic)
            os.fsync(file.fileno())

    def _fill(self, target: av.container.OutputContainer, source: av.container.InputContainer | None, times: Timeline,
              window: Window) -> None:
        encoded = next((part for part in self._parts if isinstance(part, PartIndex)), None)
        with open_part(encoded.path, self._encoding) if encoded is not None else _source(self._clip) as model:
            number = 0 if encoded is not None else self._clip.stream
            self._stream = _picture_stream(target, model.streams[number], self._encoding, times, self._header)
        self._carriers: list[Carrier] = []
        if source is not None:
            own = source.streams[self._clip.stream]
            kept = still_true(dict(own.metadata))
            trimmed = window.low is not None
            self._stream.metadata.update({key: words for key, words in kept.items() if key == "language" or (
                not self._nameless and not (trimmed and key == "timecode"))})
            if holds_alpha(self._encoding):
                self._stream.metadata["alpha_mode"] = "1"
            self._stream.disposition = int(own.disposition)
            self._carriers, self.notes = carry(
                source, target, self._encoding.row, window, picture=self._clip.stream, sound=self._encoding.sound,
                nameless=self._nameless)
        elif holds_alpha(self._encoding):
            self._stream.metadata["alpha_mode"] = "1"

    def _own_words(self, packet: bytes, *, classic: bool) -> dict[str, str]:
        if self._encoding.container in ("mkv", "webm"):
            room = ROOM if self._encoding.sar != 1 else ""
            return {TAG: packet.decode(), SENTENCE_TAG: sentence(self._edit),
                    "encoding_tool": f"Likeness {self._edit.version}{room}"}
        if self._encoding.container == "mov" and classic:
            return {"xmp": packet.decode()}
        return {}

    def _mux(self, target: av.container.OutputContainer, source: av.container.InputContainer | None,
             times: Timeline) -> None:
        target.start_encoding()
        streams = [self._pictures(times)]
        if source is not None and self._carriers:
            streams.append(_others(source, self._carriers))
        for _, packet in heapq.merge(*streams, key=lambda entry: entry[0]):
            self._check()
            target.mux(packet)

    def _pictures(self, times: Timeline) -> Iterator[tuple[float, Packet]]:
        number = 0
        tick = float(times.time_base)
        for part in self._parts:
            for read in part.packets(self._encoding):
                encoded = self._header is not None and isinstance(part, PartIndex)
                packet = beside_copied(read) if encoded else read
                packet.stream = self._stream
                packet.time_base = times.time_base
                packet.pts, packet.dts = int(times.pts[number]), int(times.dts[number])
                packet.duration = int(times.durations[number])
                yield int(times.dts[number]) * tick, packet
                number += 1


def _source(clip: Clip) -> av.container.InputContainer:
    """The input, for what lies beside its pictures."""
    headed = clip.format.startswith(("mov,", "matroska,"))  # they say at their head which streams there are
    return av.open(clip.path, stream_options=unseen(clip.codec, clip.stream) if headed else None)


def holds_alpha(encoding: Encoding) -> bool:
    return encoding.alpha and encoding.codec == "vp9"


def _others(source: av.container.InputContainer, carriers: Sequence[Carrier]) -> Iterator[tuple[float, Packet]]:
    by_index = {carrier.source.index: carrier for carrier in carriers}
    at = -math.inf
    for packet in source.demux([carrier.source for carrier in carriers]):
        if not packet.size:
            continue  # PyAV's sign that a track has ended
        for ready in by_index[packet.stream_index].take(packet):
            at = max(at, _seconds(ready, at))
            yield at, ready
    for carrier in carriers:
        for ready in carrier.rest():
            yield at, ready


def _seconds(packet: Packet, otherwise: float) -> float:
    """When a packet is decoded; merged streams must rise, so a step back counts as none."""
    dts = packet.dts if packet.dts is not None else packet.pts
    return float(dts * packet.time_base) if dts is not None and packet.time_base else otherwise


def _window(clip: Clip, encoding: Encoding, source: av.container.InputContainer | None, start: int,
            stop: int | None) -> Window:
    negative = encoding.row.negative
    first = int(clip.pts[0])
    begins = clip.pts[clip.pts >= start]
    trimmed = start > first
    low = int(begins[0]) * clip.time_base if trimmed and len(begins) else None
    high = None
    if stop is not None and bool((clip.pts >= stop).any()):
        high = int(clip.pts[clip.pts >= stop][0]) * clip.time_base
    if low is not None:
        return Window(low, high, low, negative)
    return Window(None, high, _clock_start(clip, source), negative)


def _clock_start(clip: Clip, source: av.container.InputContainer | None) -> Fraction:
    """Where a broadcast's clock began; 0 for files, whose times are meant."""
    if source is None or not _BROADCAST & set(source.format.name.split(",")):
        return Fraction(0)
    starts = [stream.start_time * stream.time_base for stream in source.streams
              if stream.start_time is not None and stream.time_base and stream.type in ("audio", "video")]
    return min([*starts, int(clip.pts[0]) * clip.time_base])


def _shift_of_pictures(clip: Clip, encoding: Encoding, window: Window, start: int) -> Fraction:
    """What is taken off the parts' times: theirs count from the span's first picture where frames were retimed."""
    if encoding.fps is None:
        return window.shift
    first = int(clip.pts[clip.pts >= start][0]) * clip.time_base
    return window.shift - first


def _picture_stream(target: av.container.OutputContainer, model: Any, encoding: Encoding, times: Timeline,
                    header: bytes | None) -> Any:
    """model: a stream that is coded as the output's. header: what decoders must know, where it is not the model's."""
    stream: Any = target.add_stream_from_template(model, opaque=True)
    context = stream.codec_context
    if header is not None:
        context.extradata = header
        if encoding.container != "mkv":
            context.codec_tag = "avc1"
    context.sample_aspect_ratio = encoding.sar
    colour = encoding.colour
    context.color_range, context.colorspace = colour.range, colour.space
    context.color_primaries, context.color_trc = colour.primaries, colour.trc
    context.framerate = encoding.rate.limit_denominator(1 << 20)
    stream.time_base = times.time_base
    if encoding.codec == "h265" and encoding.container in ("mp4", "mov"):
        context.codec_tag = "hvc1"  # Apple's players know no hev1
    if encoding.codec == "prores":  # decoders take the profile from it
        context.codec_tag = "ap4h" if holds(encoding.pix_fmt).across == 1 else "apch"
    if encoding.turn:
        stream.set_display_rotation(-90 * encoding.turn)
    return stream


def _muxer_options(encoding: Encoding, times: Timeline, source: av.container.InputContainer | None, *,
                   classic: bool) -> dict[str, str]:
    if encoding.container not in ("mp4", "mov"):
        return {}
    flags = "" if encoding.container == "mov" and not classic else "+faststart"
    scale = times.time_base.denominator
    # Edit lists count in the film's own scale: fine enough for pictures and sound, or starts are off by half a ms.
    rates = [stream.codec_context.sample_rate for stream in source.streams.audio] if source is not None else []
    film = math.lcm(scale, *(rate for rate in rates if rate))
    options = {"video_track_timescale": str(scale), "movie_timescale": str(film if film < 2**31 else scale)}
    if not classic:
        flags += "+use_metadata_tags"
    return options | ({"movflags": flags} if flags else {})


def _chapters(source: av.container.InputContainer, window: Window, high: Fraction | None, *,
              nameless: bool) -> list[Any]:
    """The input's chapters, moved and cut with the span. nameless: their titles are left out."""
    kept: list[Any] = []
    for chapter in source.chapters():
        base = chapter["time_base"] or Fraction(1, 1000)
        start, end = chapter["start"] * base, chapter["end"] * base
        start = max(start, window.low) if window.low is not None else start
        end = min(end, high) if high is not None else end
        if end > start:
            titles = {} if nameless else dict(chapter["metadata"])
            kept.append({"id": len(kept), "start": round((start - window.shift) / base),
                         "end": round((end - window.shift) / base), "time_base": base, "metadata": titles})
    return kept


def _mark(file: io.FileIO, encoding: Encoding, packet: bytes, *, classic: bool) -> None:
    """What the muxers do not write: XMP, and in Matroska the shape of pixels."""
    if encoding.container == "mp4":
        append_xmp(file, packet)
    elif encoding.container == "mov" and not classic:
        insert_xmp(file, packet)
    elif encoding.container in ("mkv", "webm") and encoding.sar != 1:
        set_pixel_shape(file, encoding.sar)


def _sounds_lost(clip: Clip, encoding: Encoding) -> Notes:
    if not clip.sounds() or not encoding.sound:
        return ()
    title = encoding.row.title
    return (Remark("OUTPUT.SOUND_DROPPED", f"{title[0].upper()}{title[1:]} has no sound: it was left out."),)


def _stripped(edit: Edit) -> Notes:
    if edit.kind != "anonymise":
        return ()
    return (Remark("OUTPUT.STRIPPED", "Titles, place, times, device, chapter names, cover pictures, attachments and "
                   "data were left out."),
            Remark("ANONYMISE.VOICE", "Sound and subtitles stay as they were: a voice can be recognised, names said."))
