"""What is heard round a clip's pictures, for processors that work with sound."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from pipeline.clips.clip import Clip
from pipeline.clips.opening import opened

RATE = 16000
"""Samples a second that processors are handed (see `processors.context.Context`)."""
_EARLIER = Fraction(1)
"""Seconds before what is wanted at which decoding begins: codecs need some packets to settle."""
_GAP = 0.02
"""Seconds by which a packet may be early or late before the sound is taken to have a hole there."""

Samples = NDArray[np.float32]


class HeardSpan:
    """The first sound track of a span of a clip. start, stop: seconds on the file's own clock; it may reach beyond the
    clip, where it is silent. check: called between packets; it raises to stop. Raises av.FFmpegError, OSError."""

    def __init__(self, clip: Clip, start: Fraction, stop: Fraction, check: Callable[[], None] = lambda: None) -> None:
        self._start = start
        self._samples = np.zeros(max(round((stop - start) * RATE), 0), np.float32)
        with opened(clip.path, clip.kind) as container:
            for at, samples in _decoded(container, container.streams[clip.sounds()[0].index], start, stop, check):
                self._put(at, samples)

    def _put(self, at: float, samples: Samples) -> None:
        first = round((at - float(self._start)) * RATE)
        low, high = max(first, 0), min(first + len(samples), len(self._samples))
        if low < high:
            self._samples[low:high] = samples[low - first:high - first]

    def around(self, seconds: Fraction, length: float) -> Samples:
        """(L,) float32: so many seconds with the given time in the middle, at sample L // 2."""
        count = round(length * RATE)
        first = round((seconds - self._start) * RATE) - count // 2
        found = np.zeros(count, np.float32)
        low, high = max(first, 0), min(first + count, len(self._samples))
        if low < high:
            found[low - first:high - first] = self._samples[low:high]
        return found


def _decoded(container: Any, stream: Any, start: Fraction, stop: Fraction, check: Callable[[], None],
             ) -> Iterator[tuple[float, Samples]]:
    """(seconds, mono samples) in order."""
    early = start - _EARLIER
    if early > 0:
        container.seek(int(early / stream.time_base), stream=stream)
    resampler, due = _mono(), None
    for frame in _frames(container, stream, check):
        at = float(frame.pts * frame.time_base)
        if at > stop:
            break
        if due is not None and abs(at - due) > _GAP:  # the resampler would close the hole
            yield from _told(resampler.resample(None))
            resampler = _mono()
        due = at + frame.samples / frame.sample_rate
        yield from _told(resampler.resample(frame))
    yield from _told(resampler.resample(None))


def _frames(container: Any, stream: Any, check: Callable[[], None]) -> Iterator[Any]:
    for packet in container.demux(stream):
        check()
        try:
            frames = packet.decode()
        except av.InvalidDataError:  # a damaged packet is silent, as players have it; the track itself is copied
            continue
        yield from (frame for frame in frames if frame.pts is not None)


def _mono() -> Any:
    return av.AudioResampler(format="flt", layout="mono", rate=RATE)


def _told(frames: list[Any]) -> Iterator[tuple[float, Samples]]:
    for frame in frames:
        yield float(frame.pts * frame.time_base), np.asarray(frame.to_ndarray(), np.float32).reshape(-1)
