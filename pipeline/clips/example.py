"""A clip made from the example pictures: faces that move, turn and are lit from changing sides, with every place known.

The same maker gives tests and benchmarks stills that are moved by known sub-pixel steps.
"""

from __future__ import annotations

import contextlib
import math
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Pixels, Points
from models.errors import InputError

Warp = NDArray[np.float64]
"""(3, 3) homography that takes still pixels to frame pixels."""

SIZE = (1280, 720)
RATE = 30
SECONDS = 6
GOP = 15
"""Frames from keyframe to keyframe: so few that browsers scrub the clip itself, and nobody waits for a proxy."""
CUT = 93
"""First frame of the second shot."""


@dataclass(frozen=True, slots=True)
class Light:
    """One-sided light. angle: where it comes from, radians, 0 = the picture's right. strength: how much brighter that
    side of the face is than its middle, as a share. level: brightness of the whole picture."""

    angle: float = 0.0
    strength: float = 0.0
    level: float = 1.0


@dataclass(frozen=True, slots=True)
class Truth:
    """warp: where every pixel of the still lies in this frame. shot: 0, 1 …"""

    warp: Warp
    light: Light = Light()
    shot: int = 0

    def where(self, points: Points) -> Points:
        """Points (N, 2) of the still in pixels of the frame."""
        return project(self.warp, points)


def project(warp: Warp, points: Points) -> Points:
    """Points (N, 2) through a homography."""
    moved = np.column_stack([np.asarray(points, np.float64), np.ones(len(points))]) @ warp.T
    return np.asarray(moved[:, :2] / moved[:, 2:], np.float64)


def placed(centre: tuple[float, float], to: tuple[float, float], *, scale: float = 1.0, roll: float = 0.0,
           yaw: float = 0.0, pitch: float = 0.0, reach: float = 400.0) -> Warp:
    """The still's `centre` brought to the frame's `to`, as a flat card turned in space.

    scale: frame pixels a still pixel at the centre. roll, yaw, pitch: degrees. reach: how far away the card is seen
    from, in still pixels: the nearer, the stronger the perspective.
    """
    r, y, p = (math.radians(angle) for angle in (roll, yaw, pitch))
    turn_r = np.array([[math.cos(r), -math.sin(r), 0], [math.sin(r), math.cos(r), 0], [0, 0, 1]])
    turn_y = np.array([[math.cos(y), 0, math.sin(y)], [0, 1, 0], [-math.sin(y), 0, math.cos(y)]])
    turn_p = np.array([[1, 0, 0], [0, math.cos(p), -math.sin(p)], [0, math.sin(p), math.cos(p)]])
    turned = turn_r @ turn_y @ turn_p
    # A point (u, v, 0) of the card is seen at reach * (x, y) / (reach + z).
    seen = np.array([[*turned[0, :2], 0], [*turned[1, :2], 0], [*(turned[2, :2] / reach), 1]])
    away = np.array([[1, 0, -centre[0]], [0, 1, -centre[1]], [0, 0, 1]])
    back = np.array([[scale, 0, to[0]], [0, scale, to[1]], [0, 0, 1]])
    return np.asarray(back @ seen @ away, np.float64)


def moving_still(
    picture: Pixels, frames: int, motion: Callable[[int], Warp], *, size: tuple[int, int] = SIZE, noise: float = 0.0,
    light: Callable[[int], Light] = lambda _index: Light(), seed: int = 0, shot: int = 0,
) -> Iterator[tuple[Pixels, Truth]]:
    """Frames (H, W, 3) BGR uint8 of a still that is moved about, and the truth of each.

    picture: (h, w, 3) BGR uint8; beyond its edge it goes on as a blur. size: width and height of the frames. noise:
    standard deviation of fresh grey noise in each frame, in levels. The same arguments give the same pixels.
    """
    random = np.random.default_rng(seed)
    wide, margin = _surrounded(picture)
    shift = np.array([[1.0, 0, -margin], [0, 1, -margin], [0, 0, 1]])
    for index in range(frames):
        warp, lit = motion(index), light(index)
        seen = np.asarray(cv2.warpPerspective(wide, warp @ shift, size, flags=cv2.INTER_CUBIC,
                                              borderMode=cv2.BORDER_REPLICATE))
        if noise or lit != Light():
            values = seen.astype(np.float32)
            if lit != Light():
                values *= _gain(lit, warp, picture.shape[:2], size)[..., None]
            if noise:
                values += random.standard_normal((size[1], size[0], 1), np.float32) * np.float32(noise)
            seen = np.asarray(cv2.convertScaleAbs(np.maximum(values, 0)), np.uint8)
        yield seen, Truth(warp, lit, shot)


def _surrounded(picture: Pixels) -> tuple[Pixels, int]:
    """The still in the middle of a blurred mirror image of itself, so that its own edge does not end it and no second
    face is seen; and how wide that is, in pixels."""
    margin = min(picture.shape[:2]) - 1
    height, width = picture.shape[:2]
    mirrored = cv2.copyMakeBorder(picture, margin, margin, margin, margin, cv2.BORDER_REFLECT_101)
    small = cv2.resize(mirrored, (mirrored.shape[1] // 16, mirrored.shape[0] // 16), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), 0.06 * max(small.shape), borderType=cv2.BORDER_REPLICATE)
    wide = np.asarray(cv2.resize(small, mirrored.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.uint8)
    wide[margin:margin + height, margin:margin + width] = picture
    return wide, margin


def _gain(light: Light, warp: Warp, still: tuple[int, int], size: tuple[int, int]) -> NDArray[np.float32]:
    """(H, W): by how much each pixel is brighter, a ramp across the middle of the still that ends at its sides."""
    centre = project(warp, np.array([[still[1] / 2, still[0] / 2]]))[0]
    reach = 0.25 * still[1] * math.sqrt(abs(float(np.linalg.det(warp[:2, :2]))))
    ys, xs = np.ogrid[:size[1], :size[0]]
    along = (xs - centre[0]) * math.cos(light.angle) + (ys - centre[1]) * math.sin(light.angle)
    ramp = np.tanh(along.astype(np.float32) / np.float32(reach)) * np.float32(light.strength)
    return np.asarray((1 + ramp) * np.float32(light.level), np.float32)


def wander(index: int, centre: tuple[float, float], to: tuple[float, float], *, shift: float, roll: float = 0.0,
           grow: float = 0.0, yaw: float = 0.0, pitch: float = 0.0, scale: float = 1.0, period: float = 75.0) -> Warp:
    """A slow, never repeating motion of at most `shift` pixels, `roll`, `yaw` and `pitch` degrees and `grow` as a share
    of the size. period: frames until it comes near to where it was."""
    t = 2 * math.pi * index / period
    x, y = to[0] + shift * math.sin(t), to[1] + shift * math.sin(1.37 * t + 1)
    return placed(centre, (x, y), scale=scale * (1 + grow * math.sin(0.83 * t + 2)), roll=roll * math.sin(1.21 * t + 3),
                  yaw=yaw * math.sin(0.91 * t), pitch=pitch * math.sin(1.13 * t + 0.5))


def _picture(package: str, name: str) -> Pixels:
    spec = find_spec(package)
    path = Path(spec.origin).parent / name if spec and spec.origin else None
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR) if path else None
    if picture is None:
        raise InputError(f"The example picture {Path(name).name} is missing.", subject=Path(name).name,
                         code="INPUT.MISSING", remedy=f"Install the package {package} again (`uv sync` does).")
    return np.asarray(picture, np.uint8)


@dataclass(frozen=True, slots=True)
class _Shot:
    """package, file: the still. centre: of the face in it. scale: frame pixels a still pixel (at 720 lines)."""

    package: str
    file: str
    centre: tuple[float, float]
    scale: float


# Both public domain: NASA and the US Navy. The scale gives faces of 150 to 160 pixels between the outer eye corners.
SHOTS = (_Shot("skimage", "data/astronaut.png", (224.0, 150.0), 2.55),
         _Shot("matplotlib", "mpl-data/sample_data/grace_hopper.jpg", (252.0, 246.0), 1.28))


def example_frames(*, size: tuple[int, int] = SIZE, frames: int = RATE * SECONDS, cut: int = CUT,
                   noise: float = 1.5) -> Iterator[tuple[Pixels, Truth]]:
    """Frames of the example clip, (H, W, 3) BGR uint8, and where every pixel of the still lies in each.

    Two shots, the astronaut and Grace Hopper; both move, turn, come nearer, and are lit from changing sides.
    """
    for number, (shot, length) in enumerate(zip(SHOTS, (cut, frames - cut), strict=True)):
        picture, zoom = _picture(shot.package, shot.file), size[1] / 720
        to = (size[0] * (0.46 + 0.08 * number), size[1] * 0.5)

        def motion(index: int, shot: _Shot = shot, zoom: float = zoom, to: tuple[float, float] = to) -> Warp:
            return wander(index, shot.centre, to, shift=45 * zoom, roll=6, grow=0.08, yaw=14, pitch=6,
                          scale=shot.scale * zoom, period=95)

        def light(index: int) -> Light:
            return Light(2 * math.pi * index / 110, 0.28, 1 + 0.06 * math.sin(index / 17))

        yield from moving_still(picture, length, motion, size=size, noise=noise, light=light, seed=number, shot=number)


def example_clip(path: Path, *, size: tuple[int, int] = SIZE, frames: int = RATE * SECONDS, cut: int = CUT) -> None:
    """Writes the example clip as MP4 (H.264 and AAC), whole or not at all; the same bytes every time.

    Raises InputError where an example picture is missing, OSError where the file cannot be written.
    """
    staged = path.parent / f".likeness-{secrets.token_hex(6)}.part.mp4"
    try:
        _write(staged, size, frames, cut)
        os.replace(staged, path)
    finally:
        with contextlib.suppress(OSError):
            staged.unlink(missing_ok=True)


def _write(path: Path, size: tuple[int, int], frames: int, cut: int) -> None:
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart", "fflags": "+bitexact"}) as container:
        # One thread: how x264 divides its work over threads changes what it writes. Its macroblock tree reads memory
        # that it has not set where the width is no multiple of 128 pixels (measured: other bytes in each run of one
        # process at 320 wide; the same at 384, 640, 1280, and everywhere without it).
        video = container.add_stream("libx264", rate=RATE, options={
            "crf": "18", "preset": "veryfast", "flags": "+bitexact", "x264-params": "mbtree=0"})
        video.width, video.height = size
        video.pix_fmt, video.time_base = "yuv420p", Fraction(1, 90000)
        context = video.codec_context
        context.thread_count = 1
        context.time_base = Fraction(1, RATE)
        context.gop_size = GOP
        context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709
        context.color_range = 1
        sound = container.add_stream("aac", rate=44100, options={"flags": "+bitexact"})
        sound.layout = "stereo"
        for index, (pixels, _) in enumerate(example_frames(size=size, frames=frames, cut=cut)):
            frame = av.VideoFrame.from_ndarray(pixels, format="bgr24").reformat(
                format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for block in _soft_tones(frames / RATE, 44100):
            container.mux(sound.encode(block))
        container.mux(sound.encode(None))


def _soft_tones(seconds: float, rate: int) -> Iterator[av.AudioFrame]:
    """A quiet fifth that swells and fades every two seconds, in blocks of AAC's 1024 samples."""
    at = np.arange(round(seconds * rate)) / rate
    swell = 0.5 - 0.5 * np.cos(math.pi * at)
    # Left a low A, right the E above it: which track and which channel it is can be heard.
    both = np.stack([0.08 * swell * np.sin(2 * math.pi * pitch * at) for pitch in (220.0, 330.0)]).astype(np.float32)
    for start in range(0, both.shape[1], 1024):
        block = av.AudioFrame.from_ndarray(np.ascontiguousarray(both[:, start:start + 1024]), format="fltp",
                                           layout="stereo")
        block.sample_rate, block.pts, block.time_base = rate, start, Fraction(1, rate)
        yield block
