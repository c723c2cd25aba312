"""Clips for tests of scrubbing: every frame carries its number, and every one differs from all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from models.arrays import Pixels

BITS = 10
MILLI = Fraction(1, 1000)


def picture(number: int, width: int, height: int) -> Pixels:
    """(H, W) grey: a moving slope, and the number as bars of black and white along the upper half."""
    y, x = np.mgrid[:height, :width]
    grey: Pixels = (64 + (x + y + 5 * number) % 128).astype(np.uint8)
    bar = width // BITS
    for bit in range(BITS):
        grey[:height // 2, bit * bar:(bit + 1) * bar] = 235 if number >> bit & 1 else 16
    return grey


def number_of(grey: Pixels) -> int:
    """The number that a frame carries, from its luma at any size."""
    height, width = grey.shape
    bar = width / BITS
    middles = [grey[height // 8:height // 3, int((bit + 0.3) * bar):int((bit + 0.7) * bar)].mean()
               for bit in range(BITS)]
    return sum(1 << bit for bit, value in enumerate(middles) if value > 128)


def luma(frame: av.VideoFrame) -> Pixels:
    plane = frame.planes[0]
    whole: Pixels = np.frombuffer(memoryview(plane), np.uint8)
    return whole.reshape(plane.height, plane.line_size)[:, :plane.width]


def times_of(path: Path) -> list[Fraction]:
    """Presentation times in seconds, in order, as a decoder gives them."""
    with av.open(str(path)) as container:
        return [frame.pts * Fraction(frame.time_base) for frame in container.decode(video=0)
                if frame.pts is not None and frame.time_base is not None]


def make(path: Path, codec: str = "libx264", *, frames: int = 50, size: tuple[int, int] = (320, 180),
         rate: Fraction = Fraction(25), options: Mapping[str, str] = {}, ticks: Sequence[int] | None = None,
         time_base: Fraction | None = None, sound: float | None = None, pix_fmt: str = "yuv420p") -> Path:
    """A numbered clip. ticks: presentation times in time_base, else evenly at the rate. sound: seconds of a click a
    second (10 ms of a 1 kHz tone at each whole second) from time 0, or none."""
    base = time_base or 1 / rate
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=dict(options))
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        stream.codec_context.time_base = stream.time_base = base
        track = container.add_stream("aac", rate=48000, layout="stereo") if sound is not None else None
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(number, *size), format="gray").reformat(format=pix_fmt)
            frame.pts, frame.time_base = (number if ticks is None else ticks[number]), base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if track is not None and sound is not None:
            assert isinstance(track, av.AudioStream)
            heard = clicks(round(sound * 48000))
            for start in range(0, heard.shape[1], 1024):
                samples = av.AudioFrame.from_ndarray(np.ascontiguousarray(heard[:, start:start + 1024]), "fltp",
                                                     "stereo")
                samples.sample_rate, samples.pts, samples.time_base = 48000, start, Fraction(1, 48000)
                container.mux(track.encode(samples))
            container.mux(track.encode(None))
    return path


def clicks(samples: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """(2, N) float32: a 10 ms burst of 1 kHz at each whole second after the first."""
    t = np.arange(samples) / 48000
    burst = ((t % 1 < 0.01) & (t >= 0.5)).astype(np.float32)
    return np.repeat((0.8 * np.sin(2 * np.pi * 1000 * t) * burst).astype(np.float32)[None], 2, axis=0)
