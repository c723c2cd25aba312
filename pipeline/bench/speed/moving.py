"""The clip that speed is measured on: the astronaut, moving, with a face of 11 % of the frame."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from models.arrays import Pixels, Points
from models.errors import InputError
from models.face import Box, Face, five_points
from models.families.dlib_faces import dlib_stack
from models.geometry import transform
from models.interfaces import Search
from pipeline.bench.pictures import enlarged, installed

RATE = 25
# Frames that are drawn and encoded; a longer clip is these again, so that making one takes seconds.
LOOP = 24
FACE_SHARE = 0.11
# How far the picture moves, turns and grows within a loop, as a share of the frame's height, in degrees, as a share.
_SHIFT, _TURN, _GROW = 0.02, 3.0, 0.02
# Forehead over the brows, as a share of brow to chin (rule of equal thirds): detectors' boxes reach to the hairline.
FOREHEAD = 0.5
# Quality of the clip that is read: finer than what is written (x264's scale), as a camera's file is.
_CRF = 15


@dataclass(frozen=True, slots=True)
class Moving:
    """A made clip. box, points (5, 2): where the face is on average, in pixels of the frame."""

    path: Path
    width: int
    height: int
    frames: int
    box: Box
    points: Points


def _head_box(points: Points) -> Box:
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    return Box(float(x0), float(y0 - FOREHEAD * (y1 - y0)), float(x1), float(y1))


def astronaut() -> tuple[Pixels, Face]:
    """The picture (512 x 512, BGR uint8) and its one face. Raises InputError where it is not installed."""
    path = installed().get("astronaut")
    picture = None if path is None else cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise InputError("The picture that the bench makes its clip of is not installed.", subject="bench",
                         remedy="Install the packages again (`uv sync`).", code="INPUT.MISSING")
    stack = dlib_stack()
    face = max(stack.landmarker.landmarks(picture, stack.detector.detect(picture, Search())),
               key=lambda found: found.box.area)
    return picture, face


def make_clip(path: Path, width: int, height: int, frames: int,
              check: Callable[[], None] = lambda: None) -> Moving:
    """Writes an H.264 clip of so many frames (even sizes) and tells where its face is. check: called between frames."""
    picture, face = astronaut()
    head = _head_box(face.points)
    scale = float(np.sqrt(FACE_SHARE * width * height / head.area))
    large = enlarged(picture, scale, 1)
    middle = np.array([(head.x0 + head.x1) / 2, (head.y0 + head.y1) / 2]) * scale
    place = np.column_stack([np.eye(2), np.array([width, height]) / 2 - middle])
    counts = [LOOP] * (frames // LOOP) + ([frames % LOOP] if frames % LOOP else [])
    pieces = {count: path.with_name(f"{path.stem}.{count}.mp4") for count in counts}
    try:
        for count, piece in pieces.items():
            _encode(piece, large, place, (width, height), count, check)
        _join([pieces[count] for count in counts], path)
    finally:
        for piece in pieces.values():
            piece.unlink(missing_ok=True)
    corners = transform(np.array([[head.x0, head.y0], [head.x1, head.y1]]) * scale, place)
    return Moving(path, width, height, frames, Box(*(float(v) for v in corners.ravel())),
                  transform(five_points(face.points) * scale, place))


def _motion(step: float, size: tuple[int, int]) -> Pixels:
    """(3, 3): where the frame is at this share of a loop, which ends as it began."""
    width, height = size
    phase = 2 * np.pi * step
    turn = np.radians(_TURN) * np.sin(phase)
    grow = 1 + _GROW * np.sin(phase)
    cos, sin = np.cos(turn) * grow, np.sin(turn) * grow
    middle = np.array([width / 2, height / 2])
    linear = np.array([[cos, -sin], [sin, cos]])
    away = _SHIFT * height * np.array([np.cos(phase) - 1, np.sin(2 * phase)])
    whole = np.eye(3)
    whole[:2] = np.column_stack([linear, middle - linear @ middle + away])
    return whole


def _encode(path: Path, large: Pixels, place: Pixels, size: tuple[int, int], frames: int,
            check: Callable[[], None]) -> None:
    options = {"preset": "veryfast", "crf": str(_CRF), "x264-params": "open-gop=0"}
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", RATE, options)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709
        context.color_range = 1  # limited
        for number in range(frames):
            check()
            matrix = (_motion(number / LOOP, size) @ np.vstack([place, [0, 0, 1]]))[:2]
            drawn = np.asarray(cv2.warpAffine(large, matrix, size, flags=cv2.INTER_LINEAR,
                                              borderMode=cv2.BORDER_REFLECT), np.uint8)
            frame = av.VideoFrame.from_ndarray(drawn, format="bgr24").reformat(
                format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def _join(pieces: Sequence[Path], path: Path) -> None:
    """The pieces' packets behind each other: what was encoded once is not encoded again."""
    with contextlib.ExitStack() as stack:
        sources = {piece: stack.enter_context(av.open(str(piece))) for piece in dict.fromkeys(pieces)}
        out = stack.enter_context(av.open(str(path), "w"))
        stream = out.add_stream_from_template(sources[pieces[0]].streams.video[0])
        begun = 0
        for piece in pieces:
            source = sources[piece]
            source.seek(0)
            count = 0
            for packet in source.demux(source.streams.video[0]):
                if packet.pts is None or packet.dts is None or packet.time_base is None:
                    continue
                tick = round(1 / (RATE * packet.time_base))
                packet.pts, packet.dts, packet.duration = packet.pts + begun * tick, packet.dts + begun * tick, tick
                packet.stream = stream
                out.mux(packet)
                count += 1
            begun += count
