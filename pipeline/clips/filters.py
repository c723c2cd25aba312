"""What happens to whole pictures between work and encoder: deinterlacing, tone mapping, scale, pixel format, turns.

Times are never touched here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from numpy.typing import NDArray

from pipeline.clips.clip import Clip, Colour
from pipeline.clips.encoding import Encoding
from pipeline.clips.pixel_formats import SAME_PLANES, holds
from pipeline.clips.tone import ToneMapper

_SWS = {"bt601": Colorspace.ITU601, "bt709": Colorspace.ITU709, "bt2020": Colorspace.BT2020, "rgb": Colorspace.ITU709}

# Lanczos and exact rounding: swscale's short cuts shift flat areas by up to a level.
_EXACT = Interpolation.LANCZOS | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | (
    Interpolation.FULL_CHR_H_INP)


class Timed(NamedTuple):
    """A picture with its presentation time and duration, in the clip's ticks (after `retime` in the encoding's)."""

    frame: av.VideoFrame
    ticks: int
    duration: int


def filtered(frames: Iterable[Timed], clip: Clip, encoding: Encoding) -> Iterator[Timed]:
    """The same number of pictures at the same times, as `PartWriter` wants them: deinterlaced, tone-mapped, scaled, in
    the encoder's pixel format, turned, as far as the encoding says. Every picture goes through here, once. Frames that
    need nothing pass through as the objects that they are; others are new frames, the given ones stay as they are."""
    if encoding.deinterlace:
        frames = deinterlaced(frames, clip)
    fitter = Fitter(clip, encoding)
    for timed in frames:
        yield timed._replace(frame=fitter.fitted(timed.frame))


class Fitter:
    """Brings one picture to the encoding's tone, size, pixel format and position."""

    def __init__(self, clip: Clip, encoding: Encoding) -> None:
        self._clip = clip
        self._encoding = encoding
        self._tone = ToneMapper(clip) if encoding.sdr else None
        self._last: tuple[av.VideoFrame, av.VideoFrame] | None = None

    def fitted(self, frame: av.VideoFrame) -> av.VideoFrame:
        """A frame that is handed in twice running is worked on once."""
        if self._last is None or self._last[0] is not frame:
            self._last = (frame, self._fit(frame))
        return self._last[1]

    def _fit(self, frame: av.VideoFrame) -> av.VideoFrame:
        encoding, colour = self._encoding, self._clip.colour
        turned = encoding.upright and self._clip.turn % 2
        size = (encoding.height, encoding.width) if turned else (encoding.width, encoding.height)
        if self._tone is not None:
            frame = self._tone.mapped(frame)
            colour = Colour(matrix="rgb", full=True)
        pix_fmt = encoding.pix_fmt
        if encoding.upright and not _turnable(pix_fmt):
            raise ValueError(f"{pix_fmt} cannot be turned")  # `resolve` chooses none that cannot
        frame = converted(frame, colour, encoding.colour, pix_fmt, size)
        return turned_frame(frame, self._clip.turn) if encoding.upright else frame


def converted(frame: av.VideoFrame, source: Colour, target: Colour, pix_fmt: str,
              size: tuple[int, int]) -> av.VideoFrame:
    """The picture in another pixel format and size; the same object where neither differs. Samples are only converted
    where they must be, and then with matrix and range of both sides said."""
    name = frame.format.name
    same_size = (frame.width, frame.height) == size
    if name == pix_fmt and same_size:
        return frame
    full_in = source.full or holds(name).rgb
    full_out = target.full or holds(pix_fmt).rgb
    if same_size and full_in == full_out and SAME_PLANES.get(name, name) == SAME_PLANES.get(pix_fmt, pix_fmt):
        return _relabelled(frame, pix_fmt)
    new = frame.reformat(
        *size, format=pix_fmt, interpolation=_EXACT, threads=1,
        src_colorspace=_SWS[source.matrix], dst_colorspace=_SWS[target.matrix],
        src_color_range=ColorRange.JPEG if full_in else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG if full_out else ColorRange.MPEG)
    return _timed_like(new, frame)


def _timed_like(new: av.VideoFrame, old: av.VideoFrame) -> av.VideoFrame:
    new.pts = old.pts
    if old.time_base is not None:
        new.time_base = old.time_base
    return new


def _relabelled(frame: av.VideoFrame, pix_fmt: str) -> av.VideoFrame:
    """The same samples under another name of their format (`yuvj420p` is `yuv420p`)."""
    new = av.VideoFrame(frame.width, frame.height, pix_fmt)
    for old_plane, new_plane in zip(frame.planes, new.planes, strict=True):
        width = min(old_plane.line_size, new_plane.line_size)
        rows(new_plane)[:, :width] = rows(old_plane)[:, :width]
    return _tagged_like(_timed_like(new, frame), frame)


def _tagged_like(new: av.VideoFrame, old: av.VideoFrame) -> av.VideoFrame:
    new.colorspace, new.color_range = old.colorspace, old.color_range
    new.color_primaries, new.color_trc = old.color_primaries, old.color_trc
    return new


def rows(plane: av.video.plane.VideoPlane) -> NDArray[np.uint8]:
    """(rows, line size) uint8 view of a plane's bytes, with its padding."""
    flat = np.frombuffer(memoryview(plane), np.uint8)
    return flat[:plane.line_size * plane.height].reshape(plane.height, plane.line_size)


def _turnable(pix_fmt: str) -> bool:
    has = holds(pix_fmt)
    return has.across == has.down


def turned_frame(frame: av.VideoFrame, turns: int) -> av.VideoFrame:
    """The picture turned by clockwise quarter turns, sample for sample. Chroma must span as many pixels across as
    down."""
    if turns % 4 == 0:
        return frame
    if frame.format.name in ("nv12", "nv21"):
        frame = frame.reformat(format="yuv420p")  # only apart, nothing is computed
    swapped = turns % 2 == 1
    width, height = (frame.height, frame.width) if swapped else (frame.width, frame.height)
    new = av.VideoFrame(width, height, frame.format.name)
    planar = len(frame.planes) > 1
    for old_plane, new_plane in zip(frame.planes, new.planes, strict=True):
        step = _bytes_a_pixel(frame.format, planar=planar)
        old = rows(old_plane)[:, :old_plane.width * step].reshape(old_plane.height, old_plane.width, step)
        turned = np.rot90(old, -turns)
        rows(new_plane)[:, :new_plane.width * step] = turned.reshape(new_plane.height, new_plane.width * step)
    return _tagged_like(_timed_like(new, frame), frame)


def _bytes_a_pixel(form: av.VideoFormat, *, planar: bool) -> int:
    if planar:
        return 1 if max(part.bits for part in form.components) <= 8 else 2
    return form.padded_bits_per_pixel // 8


def deinterlaced(frames: Iterable[Timed], clip: Clip) -> Iterator[Timed]:
    """Whole pictures made of interlaced ones by bwdif: one for each, at its time."""
    waiting: deque[Timed] = deque()
    graph: av.filter.Graph | None = None
    for timed in frames:
        if graph is None:
            graph = _bwdif(timed.frame, clip)
        waiting.append(timed)
        graph.vpush(timed.frame)
        yield from _pulled(graph, waiting)
    if graph is not None:
        graph.vpush(None)
        yield from _pulled(graph, waiting)
    assert not waiting, "bwdif gives a picture for each"


def _bwdif(frame: av.VideoFrame, clip: Clip) -> av.filter.Graph:
    graph = av.filter.Graph()
    graph.threads = 1
    source = graph.add("buffer", f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:"
                       f"time_base={clip.time_base}:pixel_aspect=1/1:colorspace={int(frame.colorspace)}:"
                       f"range={int(frame.color_range)}")
    parity = "tff" if clip.fields == "top" else "bff"
    bwdif = graph.add("bwdif", f"mode=send_frame:parity={parity}:deint=all")
    graph.link_nodes(source, bwdif, graph.add("buffersink")).configure()
    return graph


def _pulled(graph: av.filter.Graph, waiting: deque[Timed]) -> Iterator[Timed]:
    while True:
        try:
            frame = graph.vpull()
        except (av.BlockingIOError, av.EOFError):
            return
        timed = waiting.popleft()
        yield timed._replace(frame=frame)
