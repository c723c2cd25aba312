"""A small stand-in for a clip that browsers scrub quickly, made in the background and kept."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from models.errors import LikenessError
from pipeline.clips.clip import Clip
from pipeline.clips.filters import turned_frame
from pipeline.clips.opening import opened
from pipeline.clips.reader import read_frames
from pipeline.clips.tone import ToneMapper
from pipeline.pictures import atomic

HEIGHT = 360
"""Lines. A seek to any frame of a 360-line proxy with a keyframe every 12 takes 3 ms (measured with PyAV, 2 cores)."""
GOP = 12
# Visually good at this size, about 100 kB a second of film; veryfast is within 10 % of ultrafast's speed here, because
# decoding the clip is most of the work, and half its size.
CRF, PRESET = "26", "veryfast"
SOUND_RATE, SOUND_BITS = 48000, 96_000
# What browsers play as it is: H.264 of 8 bits with half chroma, in MP4 with these sounds, a keyframe at least so often.
FRIENDLY_SOUNDS = frozenset({"aac", "mp3"})
FRIENDLY_GOP, FRIENDLY_LINES = 15, 720
# Linux gives threads the priority of the one that starts them (`proxies.ProxyCache` lowers it); elsewhere one core is
# left to the rest.
THREADS = 0 if sys.platform == "linux" else 1

Check = Callable[[], None]
Progress = Callable[[float], None]


def is_own_proxy(clip: Clip) -> bool:
    """The file itself can be scrubbed in a browser, and counts time as a proxy does, from its first picture."""
    sounds = clip.sounds()
    numbers = np.searchsorted(clip.pts, clip.keyframes)
    longest = int(np.diff(numbers, append=clip.frames).max()) if len(numbers) else clip.frames
    return (clip.kind == "file" and clip.codec == "h264" and clip.pix_fmt in ("yuv420p", "yuvj420p")
            and "mp4" in clip.format.split(",") and clip.path.suffix.lower() in (".mp4", ".m4v")
            and clip.height <= FRIENDLY_LINES and longest <= FRIENDLY_GOP
            and clip.fields == "progressive" and clip.sar == 1 and clip.turn == 0 and clip.pts[0] == 0
            and (not sounds or sounds[0].codec in FRIENDLY_SOUNDS))


def make_proxy(clip: Clip, path: Path, *, height: int = HEIGHT, gop: int = GOP, check: Check = lambda: None,
               progress: Progress = lambda _share: None) -> Path:
    """Writes an MP4 of H.264 and AAC (the first sound): upright, in square pixels, SDR, `height` lines at most, a
    keyframe every `gop` frames, its index in front. Frame i of it is frame i of the clip, and both it and the sound are
    timed from the clip's first picture, whose time becomes 0, exactly to the millisecond.

    check: raises to stop (called before each frame). progress: told 0..1. Whole or not there. Raises what
    `read_frames` does, OutputError.
    """
    staged = path.parent / f".{path.name}.{secrets.token_hex(4)}.part"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(staged), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            _write(clip, container, height, gop, check, progress)
        os.replace(staged, path)
    except OSError as error:
        if isinstance(error, LikenessError):
            raise
        raise atomic.in_words(error, path, 0) from error
    finally:
        with suppress(OSError):
            staged.unlink(missing_ok=True)
    return path


def _write(clip: Clip, container: av.container.OutputContainer, height: int, gop: int, check: Check,
           progress: Progress) -> None:
    shrink = _Shrinker(clip, height)
    picture = _picture_stream(container, clip, shrink.upright, gop)
    sounds = clip.sounds()
    sound = _Sound(clip, sounds[0].index, container) if sounds else None
    origin = int(clip.pts[0])
    durations: dict[int, int] = {}
    try:
        for frame in read_frames(clip, origin, None, threads=THREADS, check=check):
            check()
            ticks = frame.ticks - origin
            small = shrink.small(frame.video_frame())
            small.pts, small.time_base, small.pict_type = ticks, clip.time_base, av.video.frame.PictureType.NONE
            durations[ticks] = _duration(clip, frame.index)
            if sound is not None:
                sound.write(until=ticks * clip.time_base)
            _mux(container, picture.encode(small), durations)
            progress((frame.index + 1) / clip.frames)
        _mux(container, picture.encode(None), durations)
        if sound is not None:
            sound.write(until=clip.duration)
            sound.finish()
    finally:
        if sound is not None:
            sound.close()


def _picture_stream(container: av.container.OutputContainer, clip: Clip, size: tuple[int, int],
                    gop: int) -> av.VideoStream:
    # No B-frames: frames come out in the order they are shown, and a seek decodes no more than it must.
    stream = container.add_stream("libx264", rate=clip.rate.limit_denominator(1 << 20), options={
        "preset": PRESET, "crf": CRF, "tune": "fastdecode", "g": str(gop), "bf": "0", "sc_threshold": "0"})
    assert isinstance(stream, av.VideoStream)
    context = stream.codec_context
    context.width, context.height = size
    context.pix_fmt = "yuv420p"
    context.time_base = stream.time_base = clip.time_base
    context.thread_count = THREADS
    context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
    context.color_primaries = context.color_trc = 1  # H.273's BT.709
    return stream


def _duration(clip: Clip, index: int) -> int:
    """Ticks for which a frame is shown; the last one's to the clip's end."""
    if index + 1 < clip.frames:
        return int(clip.pts[index + 1] - clip.pts[index])
    shown = clip.duration / clip.time_base - int(clip.pts[index] - clip.pts[0])
    return max(round(shown), 1)


def _mux(container: av.container.OutputContainer, packets: Iterable[av.Packet[av.VideoStream]],
         durations: dict[int, int]) -> None:
    for packet in packets:
        assert packet.pts is not None
        packet.duration = durations.pop(packet.pts)
        container.mux(packet)


_SWS = {"bt601": Colorspace.ITU601, "bt709": Colorspace.ITU709, "bt2020": Colorspace.BT2020, "rgb": Colorspace.ITU709}
# 0.8 ms for a frame of 1080p, and every pixel counts; Lanczos takes 2.8 ms.
_SHRINK = Interpolation.AREA


class _Shrinker:
    """Makes a clip's frames small, upright, square and SDR. upright: the size that comes out, even numbers."""

    def __init__(self, clip: Clip, height: int) -> None:
        self._clip = clip
        height = _even(min(height, clip.height))
        self.upright = (_even(round(clip.width * height / clip.height)), height)
        self._coded = (self.upright[1], self.upright[0]) if clip.turn % 2 else self.upright
        self._tone = ToneMapper(clip) if clip.colour.transfer != "sdr" else None

    def small(self, frame: av.VideoFrame) -> av.VideoFrame:
        """A new frame, BT.709 and limited range."""
        matrix, full = self._clip.colour.matrix, self._clip.colour.full or frame.format.is_rgb
        if self._tone is not None:
            # Small first: the table is looked up for a ninth of the pixels, or fewer.
            frame = self._tone.mapped(frame.reformat(*self._coded, interpolation=_SHRINK, threads=1))
            matrix, full = "rgb", True
        flat = frame.reformat(
            *self._coded, format="yuv420p", interpolation=_SHRINK, threads=1, src_colorspace=_SWS[matrix],
            dst_colorspace=Colorspace.ITU709, src_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
            dst_color_range=ColorRange.MPEG)
        if flat is frame:  # nothing to do, and it may be shared with the decoder: times are put on a copy
            flat = av.VideoFrame.from_ndarray(frame.to_ndarray(), format="yuv420p")
        turned = turned_frame(flat, self._clip.turn)
        turned.colorspace, turned.color_range = Colorspace.ITU709, ColorRange.MPEG
        return turned


def _even(length: int) -> int:
    return max(length // 2 * 2, 2)


class _Sound:
    """The first sound of a clip, as AAC in step with the pictures; what is heard before and after them is left out."""

    def __init__(self, clip: Clip, index: int, container: av.container.OutputContainer) -> None:
        self._origin = clip.seconds(int(clip.pts[0]))
        self._open = ExitStack()
        self._source = self._open.enter_context(opened(clip.path, clip.kind))
        track = self._source.streams[index]
        assert isinstance(track, av.AudioStream)
        self._frames = self._source.decode(track)
        self._resampler = av.AudioResampler(format="fltp", layout="stereo", rate=SOUND_RATE)
        self._container = container
        stream = container.add_stream("aac", rate=SOUND_RATE, layout="stereo")
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = SOUND_BITS
        stream.time_base = stream.codec_context.time_base = Fraction(1, SOUND_RATE)
        self._stream = stream
        self._waiting = self._samples()
        self._next: av.AudioFrame | None = next(self._waiting, None)

    def write(self, until: Fraction) -> None:
        """What is heard before a time, so that pictures and sound lie side by side in the file."""
        while self._next is not None and Fraction(self._next.pts or 0, SOUND_RATE) < until:
            self._container.mux(self._stream.encode(self._next))
            self._next = next(self._waiting, None)

    def finish(self) -> None:
        self._container.mux(self._stream.encode(None))

    def close(self) -> None:
        self._waiting.close()
        self._open.close()

    def _samples(self) -> Generator[av.AudioFrame, None, None]:
        """Timed in samples from the first picture. Damaged packets of sound are left out: the proxy is for looking."""
        for frame in self._whole():
            if frame.pts is None:
                continue
            for part in self._resampler.resample(frame):
                assert part.pts is not None
                assert part.time_base is not None
                start = round((part.pts * part.time_base - self._origin) * SOUND_RATE)
                if start + part.samples > 0:
                    yield _cut(part, start)

    def _whole(self) -> Iterator[av.AudioFrame]:
        while True:
            try:
                yield next(self._frames)
            except StopIteration:
                return
            except av.error.InvalidDataError:
                return  # the generator has ended with it


def _cut(part: av.AudioFrame, start: int) -> av.AudioFrame:
    """The same sound from sample 0 on."""
    if start < 0:
        samples = np.asarray(part.to_ndarray()[:, -start:], np.float32, order="C")
        part = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
        part.sample_rate = SOUND_RATE
    part.pts, part.time_base = max(start, 0), Fraction(1, SOUND_RATE)
    return part
