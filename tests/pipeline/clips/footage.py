"""Small clips of every kind, made with PyAV alone, and a plain look at what was written: no judge of its own work."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from models.arrays import Pixels
from pipeline.clips.clip import Clip, Colour, Fields, Mastering, Track
from pipeline.clips.encoding import Encoding, resolve
from pipeline.clips.filters import Timed, filtered, rows
from pipeline.clips.joining import Joined, join
from pipeline.clips.parts import PartWriter
from pipeline.clips.retime import Retiming, retimed
from pipeline.pictures.picture import Edit
from pipeline.recipe import ClipOutput
from tests.conftest import ASTRONAUT, read_bgr

NTSC = Fraction(30000, 1001)
QUICK = ClipOutput(speed="ultrafast")
SWAPPED = Edit((("geometric", "1.0"),), "swap", "0.1.0", "recipe")
MASTER = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
LIGHT = (1000, 400)


@dataclass(frozen=True)
class Footage:
    """A clip to be made. ticks: presentation times in time_base; turn: as the display matrix asks (clockwise quarter
    turns). colour: (range, space, primaries, trc). sounds: languages. cover: a PNG in the file."""

    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    size: tuple[int, int] = (128, 72)
    ticks: tuple[int, ...] = tuple(index * 1001 for index in range(14))
    time_base: Fraction = Fraction(1, 30000)
    rate: Fraction = NTSC
    options: dict[str, str] = field(default_factory=dict)
    colour: tuple[int, int, int, int] = (0, 2, 2, 2)
    sar: Fraction | None = None
    turn: int = 0
    sounds: tuple[str, ...] = ()
    sound_codec: str = "aac"
    sound_seconds: float = 0.6
    subtitles: tuple[str, ...] = ()
    chapters: tuple[tuple[int, int, str], ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    titles: tuple[str, ...] = ()
    fields: Fields = "progressive"
    mastering: Mastering = field(default_factory=Mastering)
    cover: bool = False
    attachment: bytes = b""
    movflags: str = ""


def texture(size: tuple[int, int], index: int) -> Pixels:
    """(H, W, 3) BGR: part of the astronaut's picture, moved a little from frame to frame."""
    picture = cv2.resize(read_bgr(ASTRONAUT), (512, 512))
    moved = np.roll(picture, (-index, 2 * index), (0, 1))
    return np.ascontiguousarray(cv2.resize(moved[60:60 + 288, 100:100 + 400], size, interpolation=cv2.INTER_AREA))


def picture(footage: Footage, index: int) -> av.VideoFrame:
    """One frame, with an alpha gradient where there is alpha."""
    width, height = footage.size
    frame = av.VideoFrame.from_ndarray(texture(footage.size, index), "bgr24")
    full = footage.colour[0] == 2
    space = {5: Colorspace.ITU601, 6: Colorspace.ITU601, 9: Colorspace.BT2020}.get(footage.colour[1], Colorspace.ITU709)
    frame = frame.reformat(format=footage.pix_fmt, dst_colorspace=space, src_color_range=ColorRange.JPEG,
                           dst_color_range=ColorRange.JPEG if full else ColorRange.MPEG, threads=1)
    if len(frame.planes) == 4:
        step = 2 if "10" in footage.pix_fmt else 1
        ramp = np.tile(np.linspace(0, 255 if step == 1 else 1023, width), (height, 1))
        ramp = ramp.astype("<u2" if step == 2 else "u1")
        rows(frame.planes[3])[:, :width * step] = ramp.view(np.uint8)
    frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc = footage.colour
    return frame


def make(path: Path, footage: Footage) -> Path:
    options = {"movflags": footage.movflags} if footage.movflags else {}
    muxer = {".mkv": "matroska"}.get(path.suffix, path.suffix[1:])
    with av.open(str(path), "w", format=muxer, options=options) as out:
        video = _video(out, footage)
        sounds = [_sound(out, footage, number) for number in range(len(footage.sounds))]
        words = [_words(out, language, path.suffix) for language in footage.subtitles]
        out.metadata.update(footage.metadata)
        if footage.attachment:
            out.add_attachment("font.ttf", "application/x-truetype-font", footage.attachment)
        if footage.cover:
            cover: Any = out.add_stream("png", rate=1)
            cover.width, cover.height, cover.pix_fmt = 32, 32, "rgb24"
            cover.disposition = int(av.stream.Disposition.attached_pic)
        if footage.chapters:
            out.set_chapters([{"id": number, "start": start, "end": end, "time_base": Fraction(1, 1000),
                               "metadata": {"title": title}}
                              for number, (start, end, title) in enumerate(footage.chapters)])
        if footage.cover:
            out.mux(cover.encode(av.VideoFrame.from_ndarray(texture((32, 32), 0), "bgr24").reformat(format="rgb24")))
            out.mux(cover.encode(None))
        for index, ticks in enumerate(footage.ticks):
            frame = picture(footage, index)
            frame.pts, frame.time_base = ticks, footage.time_base
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        for number, stream in enumerate(sounds):
            _speak(out, stream, footage, number)
        for stream in words:
            _write_words(out, stream)
    return path


def _video(out: av.container.OutputContainer, footage: Footage) -> av.VideoStream:
    options = dict(footage.options)
    if footage.codec == "libx264":
        options = {"preset": "ultrafast", "crf": "18"} | options
        if footage.fields != "progressive":
            options["x264-params"] = "tff=1" if footage.fields == "top" else "bff=1"
    if footage.codec == "libx265":
        options = {"preset": "ultrafast", "x265-params": "log-level=none:" + _hdr10(footage.mastering)} | options
    if footage.codec == "libvpx-vp9":
        options = {"deadline": "realtime", "cpu-used": "8", "auto-alt-ref": "0", "crf": "20"} | options
    stream: Any = out.add_stream(footage.codec, rate=footage.rate, options=options)
    stream.width, stream.height = footage.size
    stream.pix_fmt = footage.pix_fmt
    context = stream.codec_context
    context.time_base = stream.time_base = footage.time_base
    context.color_range, context.colorspace, context.color_primaries, context.color_trc = footage.colour
    if footage.sar is not None:
        context.sample_aspect_ratio = footage.sar
    if footage.turn:
        stream.set_display_rotation(-90 * footage.turn)
    return stream  # type: ignore[no-any-return]


def _hdr10(mastering: Mastering) -> str:
    said = [f"master-display={mastering.master_display}"] if mastering.master_display else []
    return ":".join([*said, *(["max-cll={},{}".format(*mastering.light)] if mastering.light else [])])


def _sound(out: av.container.OutputContainer, footage: Footage, number: int) -> av.AudioStream:
    stream: Any = out.add_stream(footage.sound_codec, rate=48000)
    stream.codec_context.layout = "stereo"
    stream.metadata["language"] = footage.sounds[number]
    if number < len(footage.titles):
        stream.metadata["title"] = footage.titles[number]
    return stream  # type: ignore[no-any-return]


def _speak(out: av.container.OutputContainer, stream: av.AudioStream, footage: Footage, number: int) -> None:
    """A tone of its own for each track, with a click every tenth of a second."""
    total = int(48000 * footage.sound_seconds)
    wave = np.sin(np.arange(total) * (0.05 + 0.02 * number)) * 4000
    wave[np.arange(total) % 4800 < 24] += 20000
    samples = np.repeat(wave.astype(np.int16), 2)
    for start in range(0, total, 1024):
        frame = av.AudioFrame.from_ndarray(samples[2 * start:2 * (start + 1024)][None], "s16", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def _words(out: av.container.OutputContainer, language: str, suffix: str) -> Any:
    stream: Any = out.add_stream("mov_text" if suffix in (".mp4", ".mov") else "subrip")
    stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
    stream.codec_context.subtitle_header = b"[Script Info]\r\nScriptType: v4.00+\r\n"
    stream.metadata["language"] = language
    return stream


WORDS = ((100, 200, "Hello"), (350, 100, "World"))
"""Start and length in milliseconds, and what is said, of every subtitle track."""


def _write_words(out: av.container.OutputContainer, stream: Any) -> None:
    for start, length, words in WORDS:
        written = av.subtitles.subtitle.SubtitleSet.create(
            text=f"0,0,Default,,0,0,0,,{words}".encode(), start=0, end=length, pts=start)
        packet = stream.codec_context.encode_subtitle(written)
        packet.stream, packet.time_base = stream, Fraction(1, 1000)
        packet.pts = packet.dts = start
        packet.duration = length
        out.mux(packet)


@dataclass(frozen=True)
class Seen:
    """What a file holds: frames (as decoded, alpha included), times in seconds, and the rest as PyAV reads it."""

    frames: list[av.VideoFrame]
    times: list[Fraction]
    time_base: Fraction
    codec: str
    tag: str
    sar: Fraction
    turn: int
    colour: tuple[int, int, int, int]
    metadata: dict[str, str]
    chapters: list[tuple[Fraction, Fraction, str]]
    streams: list[tuple[str, str, dict[str, str], int]]
    side: frozenset[str]
    duration: Fraction

    @property
    def size(self) -> tuple[int, int]:
        return self.frames[0].width, self.frames[0].height

    @property
    def pix_fmt(self) -> str:
        return self.frames[0].format.name


def look(path: Path) -> Seen:
    with av.open(str(path)) as file:
        stream = _picture_stream(file)
        decoder: Any = stream.codec_context
        if decoder.codec.name == "vp9":
            decoder = av.CodecContext.create("libvpx-vp9", "r")  # the only one that decodes alpha
        frames = [frame for packet in file.demux(stream) for frame in decoder.decode(packet if packet.size else None)]
        base = Fraction(stream.time_base or 1)
        first = frames[0]
        last = frames[-1]
        return Seen(
            frames=frames, times=[Fraction(frame.pts or 0) * base for frame in frames], time_base=base,
            codec=stream.codec_context.codec.name, tag=stream.codec_context.codec_tag,
            sar=Fraction(stream.sample_aspect_ratio or 1), turn=(-first.rotation // 90) % 4,
            colour=(int(first.color_range), int(first.colorspace), int(first.color_primaries), int(first.color_trc)),
            metadata=dict(file.metadata),
            chapters=[(chapter["start"] * Fraction(chapter["time_base"] or 1),
                       chapter["end"] * Fraction(chapter["time_base"] or 1), chapter["metadata"].get("title", ""))
                      for chapter in file.chapters()],
            streams=[(one.type, one.codec_context.codec.name if one.codec_context else "", dict(one.metadata),
                      int(one.disposition)) for one in file.streams],
            side=frozenset(kind.type.name for kind in first.side_data),
            duration=Fraction(last.duration or 0) * base)


def _picture_stream(file: av.container.InputContainer) -> av.VideoStream:
    return next(stream for stream in file.streams.video
                if not stream.disposition & av.stream.Disposition.attached_pic)


def packets(path: Path, kind: str) -> list[list[tuple[Fraction, Fraction, str]]]:
    """Of every track of a kind: start and length in seconds, and digest, of its packets."""
    found: dict[int, list[tuple[Fraction, Fraction, str]]] = {}
    with av.open(str(path)) as file:
        for packet in file.demux():
            if packet.size and packet.stream.type == kind and packet.pts is not None:
                base = packet.time_base or Fraction(1)
                found.setdefault(packet.stream_index, []).append((
                    packet.pts * base, (packet.duration or 0) * base, hashlib.sha256(bytes(packet)).hexdigest()[:12]))
    return [found[index] for index in sorted(found)]


def describe(path: Path, footage: Footage, **changes: Any) -> tuple[Clip, Seen]:
    """The clip as the probe describes it, from the plan and from what PyAV reads."""
    seen = look(path)
    pts = np.array([frame.pts or 0 for frame in seen.frames], np.int64)
    with av.open(str(path)) as file:
        stream = _picture_stream(file)
        rate = Fraction(stream.average_rate or footage.rate)
        format_name, index = file.format.name, stream.index
        tracks = tuple(Track(one.index, one.type, one.codec_context.codec.name, one.metadata.get("language", ""))
                       for one in file.streams if one.type in ("audio", "subtitle"))
    width, height = seen.size
    trc = footage.colour[3]
    step = np.diff(pts)
    clip = Clip(
        path=path, name=path.name, id="sha256:" + "0" * 64, format=format_name, codec=seen.codec,
        pix_fmt=seen.pix_fmt, width=height if seen.turn % 2 else round(width * seen.sar),
        height=width if seen.turn % 2 else height, stored=(width, height), turn=seen.turn, sar=seen.sar, rate=rate,
        time_base=seen.time_base, pts=pts, keyframes=pts[:1],
        duration=int(pts[-1] - pts[0]) * seen.time_base + (seen.duration or 1 / rate), stream=index,
        variable=bool(len(step)) and bool(np.ptp(step) * float(seen.time_base) > 0.0015),
        depth=10 if "10" in footage.pix_fmt else 8, alpha=footage.pix_fmt.startswith("yuva"), fields=footage.fields,
        colour=Colour(matrix="bt2020" if footage.colour[1] == 9 else "bt709", full=footage.colour[0] == 2,
                      transfer="pq" if trc == 16 else "hlg" if trc == 18 else "sdr", range=seen.colour[0],
                      space=seen.colour[1], primaries=seen.colour[2], trc=seen.colour[3]),
        mastering=footage.mastering, tracks=tracks, bytes=path.stat().st_size)
    return replace(clip, **changes), seen


def render(clip: Clip, frames: Sequence[av.VideoFrame], output: Path, settings: ClipOutput = QUICK, *,
           start: int | None = None, stop: int | None = None, parts: int = 3, edit: Edit = SWAPPED,
           overwrite: bool = False, check: Callable[[], None] = lambda: None,
           change: Callable[[Encoding], Encoding] = lambda encoding: encoding) -> tuple[Encoding, Joined]:
    """What the renderer does, without any work on the pictures."""
    encoding = change(resolve(clip, output, settings))
    first = int(clip.pts[0]) if start is None else start
    kept = [Timed(frame, int(ticks), 1) for frame, ticks in zip(frames, clip.pts, strict=True)
            if ticks >= first and (stop is None or ticks < stop)]
    retiming = Retiming(clip, encoding.fps, first, stop) if encoding.fps else None
    files = []
    for number, numbers in enumerate(np.array_split(np.arange(len(kept)), parts)):
        if not len(numbers):
            continue
        ready = filtered([kept[index] for index in numbers], clip, encoding)
        if retiming is not None:
            ready = retimed(ready, retiming)
        pieces = list(ready)
        if not pieces:
            continue
        files.append(clip.path.parent / f"{output.name.replace('%', '_')}.part{number}")
        with PartWriter(files[-1], encoding, clip) as writer:
            for piece in pieces:
                writer.write(*piece)
    written = join(clip, encoding, files, output, start=first, stop=stop, edit=edit, overwrite=overwrite, check=check)
    for file in files:
        file.unlink()
    return encoding, written


def planes(frame: av.VideoFrame) -> list[NDArray[np.int64]]:
    """The samples of every plane, without padding."""
    deep = max(part.bits for part in frame.format.components) > 8
    found = []
    for plane in frame.planes:
        data = rows(plane)
        if deep:
            data = data.view("<u2")
        found.append(data[:, :plane.width].astype(np.int64))
    return found


def bias(before: av.VideoFrame, after: av.VideoFrame) -> float:
    """The largest mean difference of a plane, in 8-bit levels."""
    a, b = planes(before), planes(after)
    ratio, level = 2.0 ** (_bits(after) - _bits(before)), 2.0 ** (_bits(after) - 8)
    return max(abs(float((one * ratio - two).mean())) / level for one, two in zip(a, b, strict=True))


def _bits(frame: av.VideoFrame) -> int:
    return max(part.bits for part in frame.format.components)
