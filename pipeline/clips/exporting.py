"""GIFs and numbered pictures, made of lossless parts when the whole clip is known."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from models.errors import OutputError
from pipeline.clips.clip import Clip
from pipeline.clips.containers import PICTURE_CODECS, PICTURE_SUFFIX
from pipeline.clips.encoding import Encoding
from pipeline.clips.filters import converted
from pipeline.clips.identity import id_of_files
from pipeline.clips.parts import PartIndex, open_part, system_error
from pipeline.clips.pixel_formats import holds
from pipeline.clips.sequences import run_of
from pipeline.clips.timeline import Timeline, timeline
from pipeline.pictures import atomic
from pipeline.pictures.write import check_output
from pipeline.pictures.xmp import sidecar_of

_HUNDREDTH = Fraction(1, 100)

_JPEG_QUALITY = 2
"""mjpeg's quantiser scale of 1 to 31; 2 is ffmpeg's finest usual one."""


@dataclass(frozen=True, slots=True)
class Exported:
    """path: the file, or the pattern. bytes: all of it."""

    path: Path
    bytes: int
    frames: int
    sidecar: Path


def export(clip: Clip, encoding: Encoding, parts: Sequence[PartIndex], output: Path, *, packet: bytes,
           stop: int | None, overwrite: bool, check: Callable[[], None]) -> Exported:
    """Writes the parts' pictures as a GIF or as numbered pictures, with XMP in a sidecar, whole or not at all.

    Raises OutputError, MediaError `PART.DAMAGED`.
    """
    if encoding.container == "gif":
        return _gif(clip, encoding, parts, output, packet, stop, overwrite=overwrite, check=check)
    return _sequence(clip, encoding, parts, output, packet, overwrite=overwrite, check=check)


def pictures(parts: Sequence[PartIndex], check: Callable[[], None]) -> Iterator[av.VideoFrame]:
    """The parts' pictures in order."""
    for part in parts:
        with open_part(part.path) as container:
            for frame in container.decode(container.streams.video[0]):
                check()
                yield frame


# GIF


def _gif(clip: Clip, encoding: Encoding, parts: Sequence[PartIndex], output: Path, packet: bytes, stop: int | None, *,
         overwrite: bool, check: Callable[[], None]) -> Exported:
    beside = sidecar_of(output)
    for path in (output, beside):
        check_output(path, overwrite, [clip.path])
    first = min(int(part.pts.min()) for part in parts) * encoding.time_base
    times = timeline(clip, encoding, parts, stop=stop, shift=first)
    final, last = Path(os.path.realpath(output)), Path(os.path.realpath(beside))
    staged, hidden = atomic.hidden_beside(final), atomic.hidden_beside(last)
    try:
        palette = _palette(encoding, parts, check)
        _write_gif(staged, encoding, palette, parts, times, check)
        _put(hidden, packet)
        size = staged.stat().st_size
        atomic.place_all([(hidden, last), (staged, final)], overwrite=overwrite)
    except (OSError, av.FFmpegError) as error:
        raise atomic.in_words(system_error(error) or OSError(errno.EIO, str(error)), output, 0) from error
    finally:
        for path in (staged, hidden):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
    return Exported(output, size, len(times.pts), beside)


def _put(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _source(graph: av.filter.Graph, encoding: Encoding, time_base: Fraction,
            pix_fmt: str) -> av.filter.context.FilterContext:
    return graph.add("buffer", f"video_size={encoding.width}x{encoding.height}:pix_fmt={pix_fmt}:"
                     f"time_base={time_base}:pixel_aspect=1/1")


def _palette(encoding: Encoding, parts: Sequence[PartIndex], check: Callable[[], None]) -> av.VideoFrame:
    """The 256 colours that suit all pictures; one of them is transparent."""
    graph = av.filter.Graph()
    graph.link_nodes(_source(graph, encoding, encoding.time_base, encoding.pix_fmt),
                     graph.add("palettegen", "stats_mode=full"), graph.add("buffersink")).configure()
    for frame in pictures(parts, check):
        graph.vpush(frame)
    graph.vpush(None)
    return graph.vpull()


def _write_gif(staged: Path, encoding: Encoding, palette: av.VideoFrame, parts: Sequence[PartIndex], times: Timeline,
               check: Callable[[], None]) -> None:
    graph = av.filter.Graph()
    use = graph.add("paletteuse", "dither=sierra2_4a:diff_mode=rectangle")
    _source(graph, encoding, _HUNDREDTH, encoding.pix_fmt).link_to(use, 0, 0)
    graph.add("buffer", f"video_size={palette.width}x{palette.height}:pix_fmt={palette.format.name}:"
              f"time_base={_HUNDREDTH}:pixel_aspect=1/1").link_to(use, 0, 1)
    use.link_to(graph.add("buffersink"))
    graph.configure()
    palette.pts, palette.time_base = 0, _HUNDREDTH
    graph.vpush(palette, at=1)
    ticks = np.rint(np.sort(times.pts) * float(times.time_base / _HUNDREDTH)).astype(int).tolist()
    length = max(round(int(times.durations[np.argmax(times.pts)]) * times.time_base / _HUNDREDTH), 1)
    with staged.open("xb", buffering=0) as file:
        with av.open(file, "w", format="gif", options={"loop": "0", "final_delay": str(length)}) as target:
            stream = target.add_stream("gif", rate=100)
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height, stream.pix_fmt = encoding.width, encoding.height, "pal8"
            stream.codec_context.time_base = _HUNDREDTH
            for number, frame in enumerate(pictures(parts, check)):
                frame.pts, frame.time_base = ticks[number], _HUNDREDTH
                graph.vpush(frame, at=0)
                _drain(graph, stream, target)
            graph.vpush(None)
            _drain(graph, stream, target)
            target.mux(stream.encode(None))
        os.fsync(file.fileno())


def _drain(graph: av.filter.Graph, stream: av.VideoStream, target: av.container.OutputContainer) -> None:
    while True:
        try:
            frame = graph.vpull()
        except (av.BlockingIOError, av.EOFError):
            return
        frame.pict_type = 0
        target.mux(stream.encode(frame))


# Numbered pictures

_NUMBER = re.compile(r"%(0(\d))?d")


def numbered(output: Path, codec: str) -> Callable[[int], Path]:
    """The names of a sequence's pictures, counted from 1. output: a pattern (`shot_%04d.png`), or a folder, in which
    they are called `frame_000001.png`. Raises OutputError `OUTPUT.CONTAINER` for a name without a number."""
    if output.suffix.lower() not in PICTURE_CODECS:
        return lambda number: output / f"frame_{number:06d}{PICTURE_SUFFIX[codec]}"
    if len(_NUMBER.findall(output.name)) != 1 or output.name.count("%") != 1:
        raise OutputError(f"{output} does not say where the number goes.", subject=str(output),
                          code="OUTPUT.CONTAINER", remedy=f"Write {output.stem}_%04d{output.suffix}, for example.")
    return lambda number: output.with_name(_NUMBER.sub(
        lambda match: str(number).zfill(int(match[2] or 0)), output.name))


def id_of_pictures(output: Path, codec: str) -> str:
    """The id by which a sequence that was written is known when it is opened. output: see `numbered`. Raises OSError.
    """
    names = map(numbered(output, codec), itertools.count(1))
    return id_of_files(itertools.takewhile(Path.exists, names))


def _inputs(clip: Clip) -> list[Path]:
    """The files that must never be replaced."""
    run = run_of(clip.path) if clip.kind == "sequence" else None
    return run.files() if run is not None else [clip.path]


def _sequence(clip: Clip, encoding: Encoding, parts: Sequence[PartIndex], output: Path, packet: bytes, *,
              overwrite: bool, check: Callable[[], None]) -> Exported:
    name = numbered(output, encoding.codec)
    total = sum(len(part) for part in parts)
    folder = name(1).parent
    new_folder = not folder.exists()
    beside = sidecar_of(output)
    root = folder.parent if new_folder else folder
    check_output(root / "x", True, [])
    finals = [name(number) for number in range(1, total + 1)]
    inputs = {os.path.realpath(path) for path in _inputs(clip)}
    for path in (*finals, beside):
        if os.path.realpath(path) in inputs:
            raise OutputError(f"{path} is one of the input's pictures.", subject=str(path), code="OUTPUT.IS_INPUT",
                              remedy="Choose another name: inputs are never replaced.")
        if path.exists() and not overwrite:
            raise atomic.exists(path)
    staging = root / f".likeness-{secrets.token_hex(6)}.part"
    try:
        staging.mkdir()
        staged = [staging / path.name for path in finals]
        for number, frame in enumerate(pictures(parts, check)):
            _put(staged[number], coded_picture(frame, encoding))
        _put(staging / "xmp", packet)
        size = sum(path.stat().st_size for path in staged)
        if new_folder:
            folder.mkdir()
        atomic.place_all([*zip(staged, finals, strict=True), (staging / "xmp", beside)], overwrite=overwrite)
    except OSError as error:
        if new_folder:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise atomic.in_words(error, output, 0) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return Exported(output, size, total, beside)


def coded_picture(frame: av.VideoFrame, encoding: Encoding) -> bytes:
    """One picture as a PNG, TIFF or JPEG file's bytes: 16 bits a sample above 8, transparency where there is some."""
    has = holds(frame.format.name)
    if encoding.codec == "jpeg":
        pix_fmt = {1: "yuvj420p", 2: "yuvj422p"}.get(has.chroma, "yuvj444p")
        encoder = "mjpeg"
    else:
        encoder = encoding.codec
        grey = has.chroma == 0 and not has.alpha
        end = "be" if encoder == "png" else "le"
        deep = has.depth > 8
        pix_fmt = (f"gray16{end}" if deep else "gray") if grey else (
            f"{'rgba64' if has.alpha else 'rgb48'}{end}" if deep else ("rgba" if has.alpha else "rgb24"))
    # JPEG means full-range BT.601, whatever is said (JFIF 1.02).
    whole = replace(encoding.colour, full=True, matrix="bt601" if encoder == "mjpeg" else encoding.colour.matrix)
    frame = converted(frame, encoding.colour, whole, pix_fmt, (frame.width, frame.height))
    context = av.CodecContext.create(encoder, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = frame.width, frame.height, pix_fmt
    context.time_base = Fraction(1, 25)
    if encoder == "mjpeg":
        context.qmin = context.qmax = _JPEG_QUALITY
    frame.pts, frame.pict_type = 0, 0
    return b"".join(bytes(packet) for packet in (*context.encode(frame), *context.encode(None)))
