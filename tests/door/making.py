"""Clips as people have them, made small: faces that move, a cut, sound."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from models.arrays import Pixels
from pipeline.clips.example import moving_still, placed
from tests.conftest import ASTRONAUT, read_bgr

SIZE = (320, 240)
RATE = 25


def two_heads() -> Pixels:
    """320 x 240: the astronaut and her mirror image, about 100 px wide each; two faces of one person."""
    still = read_bgr(ASTRONAUT)[10:260, 120:330]
    one = cv2.resize(still, (160, 190), interpolation=cv2.INTER_AREA)
    canvas = np.full((240, 320, 3), 90, np.uint8)
    canvas[30:220, :160], canvas[30:220, 160:] = one, one[:, ::-1]
    return canvas


def face_clip(path: Path, frames: int = 24, *, size: tuple[int, int] = SIZE, gop: int = 12, blank: int = 0,
              codec: str = "libx264", options: dict[str, str] | None = None, sound: bool = True) -> Path:
    """The astronaut, moving. blank: so many grey frames in front, without a face."""
    still = read_bgr(ASTRONAUT)
    zoom = size[1] / 240

    def motion(index: int) -> np.ndarray:
        return placed((224.0, 130.0), (size[0] / 2 + 9 * zoom * math.sin(index / 9), size[1] / 2 + 3 * zoom),
                      scale=0.85 * zoom, roll=3 * math.sin(index / 7))

    made = [np.full((size[1], size[0], 3), 128, np.uint8)] * blank
    made += [pixels for pixels, _ in moving_still(still, frames - blank, motion, size=size)]
    return write_clip(path, made, gop=gop, codec=codec, options=options, sound=sound)


def write_clip(path: Path, frames: list[Pixels], *, gop: int = 12, codec: str = "libx264",
               options: dict[str, str] | None = None, sound: bool = True) -> Path:
    """BGR frames as a clip of 25 a second, tagged BT.709, with a tone."""
    height, width = frames[0].shape[:2]
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=RATE, options=options or {"crf": "12", "preset": "veryfast"})
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        context = video.codec_context
        context.gop_size = gop
        context.colorspace = context.color_primaries = context.color_trc = 1
        context.color_range = 1
        tone = container.add_stream("aac", rate=44100) if sound else None
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="bgr24").reformat(
                format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if tone is not None:
            count = len(frames) * 44100 // RATE
            wave = 0.1 * np.sin(2 * np.pi * 440 * np.arange(count) / 44100).astype(np.float32)
            for start in range(0, count, 1024):
                block = av.AudioFrame.from_ndarray(np.stack([wave[start:start + 1024]] * 2), format="fltp",
                                                   layout="stereo")
                block.sample_rate, block.pts, block.time_base = 44100, start, Fraction(1, 44100)
                container.mux(tone.encode(block))
            container.mux(tone.encode(None))
    return path


def planes_of(path: Path) -> list[np.ndarray]:
    """Every decoded frame's samples, as the decoder gives them."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


def times_of(path: Path) -> list[Fraction]:
    """Every frame's presentation time in exact seconds."""
    with av.open(str(path)) as container:
        return [Fraction(frame.pts * frame.time_base) for frame in container.decode(video=0)
                if frame.pts is not None and frame.time_base is not None]


def packets_of(path: Path, kind: str = "audio") -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(**{kind: 0}) if packet.size]


def bgr_of(path: Path) -> list[Pixels]:
    """Every decoded frame as BGR."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def read_tags(path: Path) -> dict[str, str]:
    with av.open(str(path)) as container:
        return dict(container.metadata)
