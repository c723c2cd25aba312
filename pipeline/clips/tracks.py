"""The tracks beside the picture: copied packet by packet, trimmed with it, turned into another coding where the
container wants one, and left out where there is no place."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

import av
from av.subtitles.subtitle import AssSubtitle, SubtitleSet

from pipeline.clips.containers import ContainerRow
from processors.batches import Remark

if TYPE_CHECKING:
    Packet = av.Packet[Any]
else:
    Packet = av.Packet  # generic for type checkers only

_TEXT = frozenset(("subrip", "ass", "ssa", "mov_text", "webvtt", "text"))
"""Codings of subtitles that can be turned into each other."""

_SILENCE = b"\0\0"
"""A packet of 3GPP timed text without text: its length."""

_STYLES = re.compile(rb"\{\\[^}]*\}")
"""Changes of font and colour inside a line, as ASS writes them."""

_PLAIN_STYLE = (
    b"[Script Info]\r\nScriptType: v4.00+\r\n\r\n[V4+ Styles]\r\nFormat: Name, Fontname, Fontsize, PrimaryColour, "
    b"SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, "
    b"BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding\r\nStyle: Default,Arial,16,&Hffffff,"
    b"&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1\r\n\r\n[Events]\r\nFormat: Layer, Start, End, Style, "
    b"Name, MarginL, MarginR, MarginV, Effect, Text\r\n")
"""The style that ffmpeg's writers of subtitles take for none: they write no fonts and colours for it."""

_LOSSY_RATE = 192_000
"""Bits a second for sound that must be coded again, stereo: AAC and Opus are transparent there (hydrogenaudio's
listening tests put that at 128 to 160 kbit/s)."""

# Facts about the old file, which are wrong for the new one or written anew.
_STALE = frozenset(("major_brand", "minor_version", "compatible_brands", "encoder", "duration", "bps",
                    "number_of_frames", "number_of_bytes", "_statistics_writing_app", "_statistics_writing_date_utc",
                    "_statistics_tags", "vendor_id", "source_id", "xmp", "edited_with", "encoding_tool"))
_USUAL_HANDLERS = frozenset(("VideoHandler", "SoundHandler", "SubtitleHandler", "DataHandler"))


def still_true(metadata: dict[str, str]) -> dict[str, str]:
    """What a file says about itself, without what only held for the old file."""
    return {key: said for key, said in metadata.items()
            if key.lower().removesuffix("-eng") not in _STALE and not key.lower().endswith("-eng")
            and not (key == "handler_name" and said in _USUAL_HANDLERS)}


@dataclass(frozen=True, slots=True)
class Window:
    """The span of the input that is kept, in its own seconds. low, high: None for no limit. shift: what is taken off
    every time. negative: times may begin below zero."""

    low: Fraction | None = None
    high: Fraction | None = None
    shift: Fraction = Fraction(0)
    negative: bool = False

    def keeps(self, start: Fraction, end: Fraction, lead: Fraction) -> bool:
        """Whether a packet takes part. lead: how much earlier packets are wanted, so that the decoder has warmed up
        when the span begins (where the container can hide them)."""
        if self.high is not None and start >= self.high:
            return False
        if self.low is None:
            return True
        return end > self.low - lead if self.negative else start >= self.low


class Carrier(Protocol):
    """One track on its way. source: the stream in the input."""

    source: Any

    def take(self, packet: Packet) -> Iterator[Packet]: ...

    def rest(self) -> Iterator[Packet]: ...


class Copied:
    """Packets as they are, with their side data."""

    def __init__(self, source: Any, target: Any, window: Window) -> None:
        self.source = source
        self._target = target
        self._window = window
        self._base: Fraction = source.time_base or Fraction(1, 1000)
        self._shift = round(window.shift / self._base)
        self._sound = source.type == "audio"
        self._cover = source.type == "video"
        # MP4's muxer fills the gaps between subtitles itself, with packets that say nothing.
        self._filled = source.type == "subtitle" and source.codec_context.codec.canonical_name == "mov_text"

    def take(self, packet: Packet) -> Iterator[Packet]:
        pts = packet.pts if packet.pts is not None else packet.dts
        if self._cover:
            packet.pts = packet.dts = 0  # a picture without a time
            packet.stream = self._target
            yield packet
            return
        if pts is None or (self._filled and bytes(packet) == _SILENCE):
            return
        start, length = pts * self._base, (packet.duration or 0) * self._base
        if self._sound:
            if not self._window.keeps(start, start + length, lead=length):
                return
        elif not self._words_in(packet, start, length):
            return
        packet.pts = None if packet.pts is None else packet.pts - self._shift
        packet.dts = None if packet.dts is None else packet.dts - self._shift
        if self._window.low is not None and not self._window.negative and (packet.pts or 0) < 0:
            packet.pts = packet.dts = 0
        packet.stream = self._target
        yield packet

    def _words_in(self, packet: Packet, start: Fraction, length: Fraction) -> bool:
        """Subtitles that reach into the span are shortened to it."""
        low, high = self._window.low, self._window.high
        if (high is not None and start >= high) or (low is not None and start + length <= low):
            return False
        begins = max(start, low) if low is not None else start
        ends = min(start + length, high) if high is not None else start + length
        if (begins, ends) != (start, start + length):
            packet.pts = packet.dts = round(begins / self._base)
            packet.duration = round((ends - begins) / self._base)
        return True

    def rest(self) -> Iterator[Packet]:
        return iter(())


class Recoded:
    """Sound decoded and coded again, for a container that does not take its coding."""

    def __init__(self, source: av.AudioStream, target: av.AudioStream, window: Window) -> None:
        self.source = source
        self._target = target
        self._window = window
        context = target.codec_context
        self._resampler = av.AudioResampler(format=context.format, layout=context.layout, rate=context.sample_rate,
                                            frame_size=context.frame_size or None)

    def take(self, packet: Packet) -> Iterator[Packet]:
        yield from self._recoded(packet.decode())

    def _recoded(self, frames: Sequence[object]) -> Iterator[Packet]:
        for frame in frames:
            if not isinstance(frame, av.AudioFrame) or frame.pts is None:
                continue
            base = frame.time_base or Fraction(1, frame.sample_rate)
            start = frame.pts * base
            if not self._window.keeps(start, start + Fraction(frame.samples, frame.sample_rate), lead=Fraction(0)):
                continue
            frame.pts -= round(self._window.shift / base)
            yield from self._encoded(frame)

    def _encoded(self, frame: av.AudioFrame | None) -> Iterator[Packet]:
        for piece in self._resampler.resample(frame):
            yield from self._target.encode(piece)

    def rest(self) -> Iterator[Packet]:
        yield from self._recoded(self.source.codec_context.decode(None))
        yield from self._encoded(None)
        yield from self._target.encode(None)


class Rewritten:
    """Subtitles in words, written the way that the container wants them."""

    def __init__(self, source: Any, target: Any, window: Window) -> None:
        self.source = source
        self._context = target.codec_context
        self._copy = Copied(source, target, window)

    def take(self, packet: Packet) -> Iterator[Packet]:
        said = self.source.codec_context.decode2(packet)
        lines = [_STYLES.sub(b"", one.dialogue).strip() for one in said or () if isinstance(one, AssSubtitle)]
        if not any(lines):
            return
        plain = b"\\N".join(lines).replace(b"\r", b"").replace(b"\n", b"\\N")
        written = self._context.encode_subtitle(SubtitleSet.create(
            text=b"0,0,Default,,0,0,0,," + plain, start=0, end=said.end_display_time, pts=0))
        written.time_base = packet.time_base
        written.pts = written.dts = packet.pts
        written.duration = packet.duration
        yield from self._copy.take(written)

    def rest(self) -> Iterator[Packet]:
        return iter(())


def carry(source: av.container.InputContainer, target: av.container.OutputContainer, row: ContainerRow,
          window: Window, *, picture: int, sound: bool, nameless: bool) -> tuple[list[Carrier], tuple[Remark, ...]]:
    """Adds the output's tracks beside the picture.

    picture: number of the input's picture track. sound: keep the sound tracks. nameless: take nothing along that may
    say who or where (covers, attachments, data, titles).
    """
    carriers: list[Carrier] = []
    notes: list[Remark] = []
    for stream in source.streams:
        if stream.index == picture or (stream.type == "audio" and not sound):
            continue
        carrier, note = _carrier(stream, target, row, window, nameless=nameless)
        if carrier is not None:
            carriers.append(carrier)
        if note is not None and note not in notes:
            notes.append(note)
    return carriers, tuple(notes)


def _carrier(stream: Any, target: av.container.OutputContainer, row: ContainerRow, window: Window, *,
             nameless: bool) -> tuple[Carrier | None, Remark | None]:
    codec = stream.codec_context.codec.canonical_name if stream.codec_context else ""
    if stream.type == "audio":
        return _sound(stream, codec, target, row, window, nameless=nameless)
    if stream.type == "subtitle":
        return _words(stream, codec, target, row, window, nameless=nameless)
    if stream.type == "data" and _is_chapter_list(stream):
        return None, None  # written anew from the chapters
    if nameless:
        return None, None  # said as a whole
    kind = {"video": "a second picture track", "data": "a data track", "attachment": "an attachment"}.get(
        stream.type, "a track")
    cover = stream.type == "video" and bool(stream.disposition & av.stream.Disposition.attached_pic)
    if (stream.type == "video" and not (cover and row.covers)) or not header_holds(row.muxer, stream):
        what = "a cover picture" if cover else kind
        return None, Remark("OUTPUT.TRACK_DROPPED", f"{row.title} has no place for {what} of the clip: left out.")
    if stream.type == "attachment":
        target.add_stream_from_template(stream)  # written with the header, has no packets
        return None, None
    return Copied(stream, _like(stream, target, nameless=False), window), None


def _is_chapter_list(stream: Any) -> bool:
    """QuickTime's chapters are a text track, its time code one that muxers make of metadata."""
    return stream.metadata.get("handler_name") == "SubtitleHandler" or "timecode" in stream.metadata


def _sound(stream: Any, codec: str, target: av.container.OutputContainer, row: ContainerRow, window: Window, *,
           nameless: bool) -> tuple[Carrier | None, Remark | None]:
    if _takes(row.sounds, codec) and header_holds(row.muxer, stream):
        return Copied(stream, _like(stream, target, nameless=nameless), window), None
    title = f"{row.title} does not take {codec or 'this'} sound"
    if not row.sound or stream.codec_context is None:
        return None, Remark("OUTPUT.SOUND_DROPPED", f"{title}: left out.")
    rate = 48000 if row.sound == "libopus" else stream.codec_context.sample_rate
    new = target.add_stream(row.sound, rate=rate)
    assert isinstance(new, av.AudioStream)
    new.codec_context.layout = _layout(stream.codec_context.layout)
    if row.sound in ("aac", "libopus"):
        new.codec_context.bit_rate = _LOSSY_RATE * max(stream.codec_context.channels, 1) // 2
    new.codec_context.time_base = Fraction(1, rate)
    new.codec_context.open()
    _dress(new, stream, nameless=nameless)
    return Recoded(stream, new, window), Remark(
        "OUTPUT.SOUND_CONVERTED", f"{title}: it was coded again as {row.sound.removeprefix('lib')}.")


def _layout(layout: av.AudioLayout) -> av.AudioLayout:
    """Where each channel stands. Uncompressed sound in MKV and AVI only says how many there are ("2 channels"), which
    encoders refuse: they are taken to stand where so many usually do."""
    return av.AudioLayout(f"{layout.nb_channels}c") if layout.name.endswith(" channels") else layout


def _words(stream: Any, codec: str, target: av.container.OutputContainer, row: ContainerRow, window: Window, *,
           nameless: bool) -> tuple[Carrier | None, Remark | None]:
    if _takes(row.subtitles, codec) and header_holds(row.muxer, stream):
        return Copied(stream, _like(stream, target, nameless=nameless), window), None
    if not row.subtitle or codec not in _TEXT:
        return None, Remark("OUTPUT.TRACK_DROPPED", f"{row.title} does not take {codec or 'these'} subtitles: left "
                            "out.")
    new: Any = target.add_stream(row.subtitle)
    new.codec_context.subtitle_header = _PLAIN_STYLE
    new.codec_context.time_base = stream.time_base
    new.time_base = stream.time_base
    _dress(new, stream, nameless=nameless)
    return Rewritten(stream, new, window), Remark(
        "OUTPUT.SUBTITLES_CONVERTED", f"{row.title} does not take {codec} subtitles: they were written as "
        f"{row.subtitle}, without their styles.")


def _takes(known: Sequence[str], codec: str) -> bool:
    return "*" in known or codec in known


def _like(stream: Any, target: av.container.OutputContainer, *, nameless: bool) -> Any:
    new = target.add_stream_from_template(stream, opaque=True) if stream.codec_context else (
        target.add_stream_from_template(stream))
    _dress(new, stream, nameless=nameless)
    return new


def _dress(new: Any, stream: Any, *, nameless: bool) -> None:
    """Language, title and role of the old track for the new one."""
    kept = still_true(dict(stream.metadata))
    if "name" in kept:
        kept.setdefault("title", kept.pop("name"))  # MP4's muxer and demuxer call a track's title differently
    new.metadata.clear()
    new.metadata.update({key: said for key, said in kept.items() if key == "language"} if nameless else kept)
    new.disposition = int(stream.disposition)


def header_holds(muxer: str, stream: Any) -> bool:
    """Whether a container takes a track: a header is written with it alone, into memory."""
    try:
        with av.open(io.BytesIO(), "w", format=muxer) as trial:
            if stream.codec_context is None:
                trial.add_stream_from_template(stream)
            else:
                trial.add_stream_from_template(stream, opaque=True)
            trial.start_encoding()
    except (ValueError, av.FFmpegError):
        return False
    return True
