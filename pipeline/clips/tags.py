"""What a clip's stream and its first picture say about shape and colour, and what is guessed where they do not."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av

from pipeline.clips.clip import Colour, Fields, Mastering, Matrix, Transfer
from pipeline.clips.pixel_formats import holds

# ITU-T H.273, matrix coefficients.
_MATRICES: dict[int, Matrix] = {0: "rgb", 1: "bt709", 4: "bt601", 5: "bt601", 6: "bt601", 7: "bt709", 9: "bt2020",
                                10: "bt2020"}
_TRANSFERS: dict[int, Transfer] = {16: "pq", 18: "hlg"}
_UNSAID = 2
_HD_LINES, _HD_WIDTH = 720, 1280
# libavcodec's field orders: the first letter is the field coded first, the second the one shown first.
_ORDERS: dict[int, Fields] = {2: "top", 3: "bottom", 4: "bottom", 5: "top"}
_DOLBY = frozenset(("dvh1", "dvhe", "dva1", "dvav", "dav1"))


@dataclass(frozen=True, slots=True)
class Shape:
    """turn: clockwise quarter turns to upright. mirrored: the file asks for a mirror image. askew: degrees that the
    turn asked for is away from whole quarter turns."""

    stored: tuple[int, int]
    sar: Fraction
    turn: int
    mirrored: bool = False
    askew: float = 0.0

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height in square pixels."""
        width, height = max(round(self.stored[0] * self.sar), 1), self.stored[1]
        return (height, width) if self.turn % 2 else (width, height)


def shape_of(stream: av.VideoStream, frame: av.VideoFrame) -> Shape:
    sar = Fraction(stream.sample_aspect_ratio or 1)
    turn, mirrored, askew = _turn(_side(frame, "DISPLAYMATRIX"))
    return Shape((frame.width, frame.height), sar if sar > 0 else Fraction(1), turn, mirrored, askew)


def _side(frame: av.VideoFrame, kind: str) -> bytes | None:
    found = next((data for data in _all_sides(frame) if data.type.name == kind), None)
    return None if found is None else bytes(found)


def _all_sides(frame: av.VideoFrame) -> list[Any]:
    return list(frame.side_data)  # PyAV's mapping gives its values when it is walked through


def _turn(matrix: bytes | None) -> tuple[int, bool, float]:
    """Of a display matrix (ISO/IEC 14496-12, 8.3.2): nine 32-bit numbers, in rows [a b u] [c d v] [x y w]. A mirror
    image is taken apart into the turn and a flip from left to right before it."""
    if matrix is None or len(matrix) < 36:
        return 0, False, 0.0
    a, b, _, c, d = struct.unpack("=5i", matrix[:20])
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b
    degrees = math.degrees(math.atan2(b, a))
    quarters = round(degrees / 90)
    return quarters % 4, mirrored, abs(degrees - 90 * quarters)


def colour_of(stream: av.VideoStream, frame: av.VideoFrame, pix_fmt: str) -> Colour:
    context: Any = stream.codec_context
    space, primaries, trc = (
        _said(int(getattr(frame, name)), int(getattr(context, name)))
        for name in ("colorspace", "color_primaries", "color_trc"))
    span = int(frame.color_range) or int(context.color_range)
    if holds(pix_fmt).rgb:
        matrix: Matrix = "rgb"
    else:
        matrix = _MATRICES.get(space, _guess(frame.width, frame.height, primaries))
        matrix = _guess(frame.width, frame.height, primaries) if matrix == "rgb" else matrix
    full = span == 2 or pix_fmt.startswith("yuvj") or matrix == "rgb"
    return Colour(matrix, _TRANSFERS.get(trc, "sdr"), full, space, primaries, trc, span)


def _said(first: int, second: int) -> int:
    return second if first == _UNSAID else first


def _guess(width: int, height: int, primaries: int) -> Matrix:
    if primaries == 9:
        return "bt2020"
    return "bt709" if height >= _HD_LINES or width >= _HD_WIDTH else "bt601"


def fields_of(stream: av.VideoStream, frame: av.VideoFrame) -> Fields:
    """Which field comes first: the stream says it, or (where it says nothing) the first picture is marked as
    interlaced; the top field comes first then, as in all HD and PAL, except in NTSC's DV sizes."""
    context: Any = stream.codec_context
    said = _ORDERS.get(int(context.field_order))
    if said is not None:
        return said
    if not frame.interlaced_frame:
        return "progressive"
    return "bottom" if (frame.width, frame.height) in ((720, 480), (720, 486)) else "top"


def mastering_of(frame: av.VideoFrame) -> Mastering:
    """AVMasteringDisplayMetadata: ten fractions (red, green, blue x and y; white x and y; least and most light), then
    two flags. AVContentLightMetadata: two numbers."""
    display, light = _side(frame, "MASTERING_DISPLAY_METADATA"), _side(frame, "CONTENT_LIGHT_LEVEL")
    words = None
    if display is not None and len(display) >= 88:
        raw = struct.unpack("=20i2i", display[:88])
        values = [Fraction(n, d) if d else Fraction(0) for n, d in zip(raw[0:20:2], raw[1:20:2], strict=True)]
        if raw[20] and raw[21]:
            words = _x265(values)
    levels = struct.unpack("=2I", light[:8]) if light is not None and len(light) >= 8 else None
    return Mastering(words, levels if levels and any(levels) else None)


def _x265(values: list[Fraction]) -> str:
    """In x265's units: 1/50000 for places, 1/10000 cd/m² for light."""
    red, green, blue, white = ((round(values[at] * 50_000), round(values[at + 1] * 50_000)) for at in (0, 2, 4, 6))
    least, most = round(values[8] * 10_000), round(values[9] * 10_000)
    places = "".join(f"{name}({x},{y})" for name, (x, y) in (("G", green), ("B", blue), ("R", red), ("WP", white)))
    return f"{places}L({most},{least})"


def has_dolby_vision(stream: av.VideoStream, frame: av.VideoFrame) -> bool:
    tag = str(stream.codec_context.codec_tag).lower()
    kinds = {data.type.name for data in _all_sides(frame)}
    return tag in _DOLBY or bool(kinds & {"DOVI_RPU_BUFFER", "DOVI_METADATA"})
