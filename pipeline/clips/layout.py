"""How a pixel format lays its samples out, and the planes of a frame as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import av
import numpy as np
from numpy.typing import NDArray

Kind = Literal["planar", "semi", "gbr", "packed", "grey"]

# What is edited in place, by ffmpeg's names (all little endian above 8 bits).
_PLANAR = ("yuv420p", "yuv422p", "yuv444p", "yuv440p", "yuv411p", "yuv410p", "yuvj420p", "yuvj422p", "yuvj444p",
           "yuvj440p", "yuva420p", "yuva422p", "yuva444p",
           *(f"{name}{bits}le" for name in ("yuv420p", "yuv422p", "yuv444p") for bits in (9, 10, 12, 14, 16)),
           *(f"yuv440p{bits}le" for bits in (10, 12)),
           *(f"{name}{bits}le" for name in ("yuva420p", "yuva422p", "yuva444p") for bits in (10, 12, 16)
             if (name, bits) != ("yuva420p", 12)))
_SEMI = {"nv12": 0, "nv16": 0, "nv24": 0, "p010le": 6, "p012le": 4, "p016le": 0, "p210le": 6, "p410le": 6}
_GBR = ("gbrp", "gbrap", *(f"gbrp{bits}le" for bits in (9, 10, 12, 14, 16)), *(f"gbrap{b}le" for b in (10, 12, 16)))
# Where blue, green and red lie in each pixel, and how many samples a pixel has.
_PACKED = {"bgr24": ((0, 1, 2), 3), "rgb24": ((2, 1, 0), 3), "bgra": ((0, 1, 2), 4), "rgba": ((2, 1, 0), 4),
           "bgr0": ((0, 1, 2), 4), "rgb0": ((2, 1, 0), 4), "argb": ((3, 2, 1), 4), "abgr": ((1, 2, 3), 4),
           "rgb48le": ((2, 1, 0), 3), "bgr48le": ((0, 1, 2), 3), "rgba64le": ((2, 1, 0), 4),
           "bgra64le": ((0, 1, 2), 4)}
_GREY = ("gray", "gray9le", "gray10le", "gray12le", "gray14le", "gray16le")


@dataclass(frozen=True, slots=True)
class Layout:
    """across, down: pixels that a chroma sample spans. depth: bits of a sample; shift: unused bits below them. places:
    where B, G and R lie in a packed pixel, of `step` samples."""

    kind: Kind
    depth: int
    across: int = 1
    down: int = 1
    shift: int = 0
    places: tuple[int, int, int] = (0, 1, 2)
    step: int = 1

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        return np.uint8 if self.depth <= 8 else np.uint16

    @property
    def rgb(self) -> bool:
        return self.kind in ("gbr", "packed")


@lru_cache(maxsize=128)
def layout_of(name: str) -> Layout | None:
    """None for formats that are not edited in place; `editable` names the one to convert them to."""
    form = av.VideoFormat(name, 64, 64)
    depth = form.components[0].bits
    if name in _PLANAR:
        return Layout("planar", depth, 64 // form.chroma_width(64), 64 // form.chroma_height(64))
    if name in _SEMI:
        return Layout("semi", depth, 64 // form.chroma_width(64), 64 // form.chroma_height(64), _SEMI[name])
    if name in _GBR:
        return Layout("gbr", depth)
    if name in _PACKED:
        places, step = _PACKED[name]
        return Layout("packed", depth, places=places, step=step)
    return Layout("grey", depth) if name in _GREY else None


def editable(name: str) -> str:
    """The format that is edited in the place of `name`: itself, or the nearest without loss of depth or alpha."""
    if layout_of(name) is not None:
        return name
    form = av.VideoFormat(name, 64, 64)
    depth = max(part.bits for part in form.components)
    alpha = form.has_palette or any(part.is_alpha for part in form.components)
    if form.has_palette or form.is_rgb:
        return ("bgra" if alpha else "bgr24") if depth <= 8 else ("rgba64le" if alpha else "rgb48le")
    if len(form.components) - alpha < 3:
        return ("yuva444p" if alpha else "gray") if depth <= 8 else ("yuva444p16le" if alpha else "gray16le")
    chroma = {(2, 2): "420", (2, 1): "422"}.get((64 // form.chroma_width(64), 64 // form.chroma_height(64)), "444")
    bits = "" if depth <= 8 else f"{next(b for b in (10, 12, 16) if b >= depth)}le"
    return f"yuv{'a' if alpha else ''}{chroma}p{bits}"


def plane(frame: av.VideoFrame, number: int, layout: Layout) -> NDArray[Any]:
    """One plane of a frame as it lies in memory, not copied: (H, W), or (H, W, step) where samples are packed.

    Writable; writing changes the frame, so only a frame's own copy may be written to (see `copy_of`).
    """
    one = frame.planes[number]
    rows = np.frombuffer(memoryview(one), layout.dtype).reshape(one.height, -1)
    wide = 1
    if layout.kind == "packed":
        wide = layout.step
    elif layout.kind == "semi" and number == 1:
        wide = 2
    width = one.width if not (layout.kind == "semi" and number == 1) else -(-frame.width // layout.across)
    return rows[:, :width * wide] if wide == 1 else rows[:, :width * wide].reshape(one.height, width, wide)


def copy_of(frame: av.VideoFrame) -> av.VideoFrame:
    """The same picture in memory of its own, with all that the decoder said of it."""
    if frame.interlaced_frame:
        # Which field comes first cannot be set on a frame; a filter that does nothing hands it on.
        graph = av.filter.Graph()
        source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format,
                                  time_base=frame.time_base)
        source.link_to(graph.add("buffersink"))
        graph.configure()
        graph.push(frame)
        twin = graph.pull()
        assert isinstance(twin, av.VideoFrame)
        twin.make_writable()
        return twin
    twin = av.VideoFrame(frame.width, frame.height, frame.format.name)
    for old, new in zip(frame.planes, twin.planes, strict=True):
        before = np.frombuffer(memoryview(old), np.uint8).reshape(old.height, -1)
        after = np.frombuffer(memoryview(new), np.uint8).reshape(new.height, -1)
        used = min(before.shape[1], after.shape[1])
        np.copyto(after[:, :used], before[:, :used])
    twin.pts, twin.dts, twin.duration = frame.pts, frame.dts, frame.duration
    if frame.time_base is not None:  # the last frames of a clip come out of the decoder without one
        twin.time_base = frame.time_base
    twin.colorspace, twin.color_range = frame.colorspace, frame.color_range
    twin.color_primaries, twin.color_trc = frame.color_primaries, frame.color_trc
    return twin
