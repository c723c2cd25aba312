"""Exactly the frames that were asked for, whatever the coding, wherever the reading begins."""

from __future__ import annotations

import dataclasses
import hashlib
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from models.errors import Cancelled
from pipeline.clips import decoding
from pipeline.clips.clip import Clip
from pipeline.clips.probe import open_clip
from pipeline.clips.reader import read_frames
from tests.pipeline.clips.footage import Footage
from tests.pipeline.clips.footage import make as make_footage
from tests.pipeline.clips.numbered import luma, make, number_of

SMALL: dict[str, Any] = {"size": (160, 96), "frames": 48}
MILLI = Fraction(1, 1000)

KINDS: dict[str, dict[str, Any]] = {
    "b-frames.mp4": {"options": {"g": "12", "bf": "3", "preset": "fast"}},
    "open.mkv": {"options": {"g": "12", "bf": "3", "preset": "fast", "x264-params": "open-gop=1:b-pyramid=normal"}},
    "one-key.mp4": {"options": {"g": "999", "bf": "2", "sc_threshold": "0"}},
    "intra.mov": {"codec": "prores_ks", "pix_fmt": "yuv422p10le"},
    "hevc-open.mkv": {"codec": "libx265", "options": {
        "preset": "ultrafast", "x265-params": "keyint=12:bframes=3:open-gop=1:log-level=none"}},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"g": "12", "deadline": "realtime", "cpu-used": "8"}},
    "av1.mkv": {"codec": "libsvtav1", "options": {"g": "12", "preset": "12", "svtav1-params": "lp=1"}},
    "mpeg2.ts": {"codec": "mpeg2video", "options": {"g": "12", "bf": "2"}},
    "h264.ts": {"options": {"g": "12", "bf": "2"}},
    "mpeg4.avi": {"codec": "mpeg4", "options": {"g": "12", "bf": "0"}},
    "mpeg4-b.avi": {"codec": "mpeg4", "options": {"g": "8", "bf": "2"}},
    "h264-b.avi": {"options": {"g": "8", "bf": "3", "preset": "fast"}},
    "h264-open.avi": {"options": {"g": "8", "bf": "3", "preset": "fast", "x264-params": "open-gop=1"}},
    "alone.h264": {"options": {"g": "12", "bf": "2"}},
    "uneven.mkv": {"options": {"g": "12", "bf": "2"}, "time_base": MILLI, "ticks": [
        n * 40 + (n * n * 7) % 23 + (500 if n > 30 else 0) for n in range(48)]},
    "late.mp4": {"options": {"g": "12", "bf": "2"}, "ticks": list(range(70, 118)), "sound": 3.0},
    "early.mp4": {"options": {"g": "12", "bf": "2"}, "ticks": list(range(-6, 42))},
}
"""What `numbered.make` is told. The clip that begins before nought has an edit list that leaves its first pictures
out."""

Read = list[tuple[int, int, str]]


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("clips")

    @cache
    def of(kind: str) -> tuple[Clip, Read]:
        clip = open_clip(make(folder / kind, **SMALL | KINDS[kind]))
        return clip, read(clip, 0, clip.frames, 1)

    return of


def read(clip: Clip, first: int, last: int, threads: int = 0) -> Read:
    start = int(clip.pts[first]) if first < clip.frames else int(clip.pts[-1]) + 1
    stop = int(clip.pts[last]) if last < clip.frames else None
    return [(frame.ticks, frame.index, digest(frame.video_frame()))
            for frame in read_frames(clip, start, stop, threads=threads)]


def digest(frame: av.VideoFrame) -> str:
    """Of the pixels: what lies behind each row is the decoder's own."""
    return hashlib.md5(frame.to_ndarray().tobytes()).hexdigest()


@pytest.mark.parametrize("kind", KINDS)
def test_every_frame_comes_once_in_order_with_its_own_time(kind: str, clips: Any) -> None:
    clip, whole = clips(kind)
    seen = [number_of(luma(frame.video_frame()).astype(np.float32)[:, :clip.width] / (4 if clip.depth > 8 else 1))
            if clip.depth == 8 else frame.index for frame in read_frames(clip, int(clip.pts[0]), None)]
    lost = 6 if kind == "early.mp4" else 0
    assert seen == list(range(lost, 48)) or (clip.depth > 8 and len(seen) == 48)
    assert [ticks for ticks, _, _ in whole] == clip.pts.tolist()
    assert [index for _, index, _ in whole] == list(range(48 - lost))
    made = KINDS[kind].get("ticks", range(48))[lost:]
    base = KINDS[kind].get("time_base", Fraction(1, 25))
    for ticks, tick in zip(clip.pts.tolist(), made, strict=True):
        assert abs((ticks - int(clip.pts[0])) * clip.time_base - (tick - made[0]) * base) <= MILLI / 2
    assert len({one for _, _, one in whole}) == len(whole)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_part_is_the_same_as_in_the_whole(kind: str, clips: Any, data: st.DataObject) -> None:
    clip, whole = clips(kind)
    first = data.draw(st.integers(0, clip.frames))
    last = data.draw(st.integers(first, clip.frames))
    assert read(clip, first, last, data.draw(st.sampled_from([0, 1, 3]))) == whole[first:last]


def test_bounds_between_frames_take_those_within(clips: Any) -> None:
    clip, _ = clips("uneven.mkv")
    start, stop = int(clip.pts[13]) + 1, int(clip.pts[20]) + 1
    assert [frame.index for frame in read_frames(clip, start, stop)] == list(range(14, 21))
    assert [frame.index for frame in read_frames(clip, int(clip.pts[0]) - 999, int(clip.pts[2]))] == [0, 1]
    assert list(read_frames(clip, int(clip.pts[-1]) + 1, None)) == []
    assert list(read_frames(clip, stop, start)) == []


def test_transparency_is_decoded(tmp_path: Path) -> None:
    clip = open_clip(make_footage(tmp_path / "a.webm", Footage(
        codec="libvpx-vp9", pix_fmt="yuva420p", ticks=tuple(range(0, 560, 40)), time_base=MILLI, rate=Fraction(25),
        options={"g": "5"})))
    for start in (0, 280):
        frames = [frame.video_frame() for frame in read_frames(clip, start, None)]
        assert len(frames) == (14 if start == 0 else 7)
        plane = frames[0].planes[3]
        alpha = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[:, :plane.width]
        assert alpha[:, 2].mean() < 16
        assert alpha[:, -3].mean() > 239


def test_a_gif_and_numbered_pictures_are_read(tmp_path: Path) -> None:
    pictures = [Image.fromarray(np.full((24, 32, 3), 30 * n, np.uint8)) for n in range(8)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=[50, 100, 70, 50] * 2)
    for n, one in enumerate(pictures):
        one.save(tmp_path / f"a_{n + 7:03d}.png")
    for path in (tmp_path / "a.gif", tmp_path / "a_%03d.png", tmp_path):
        clip = open_clip(path)
        greys = [int(frame.video_frame().to_ndarray(format="rgb24")[5, 5, 0])
                 for frame in read_frames(clip, int(clip.pts[3]), int(clip.pts[6]))]
        assert greys == [90, 120, 150]
    assert [round(float(t * open_clip(tmp_path / "a.gif").time_base), 2)
            for t in np.diff(open_clip(tmp_path / "a.gif").pts)] == [0.05, 0.1, 0.07, 0.05, 0.05, 0.1, 0.07]


def test_a_seek_that_lands_late_begins_earlier(clips: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clip, whole = clips("b-frames.mp4")
    landed: list[int] = []
    seek = decoding._Feed.seek

    def late(self: Any, ticks: int) -> None:
        landed.append(ticks)
        seek(self, ticks + (int(clip.pts[12]) if len(landed) == 1 else 0))

    monkeypatch.setattr(decoding._Feed, "seek", late)
    assert read(clip, 26, 30) == whole[26:30]
    assert landed == [int(clip.pts[24]), int(clip.pts[12])]


def test_keyframes_that_are_none_lead_to_the_beginning(clips: Any) -> None:
    clip, whole = clips("one-key.mp4")
    wrong = dataclasses.replace(clip, keyframes=clip.pts[::5])
    assert read(wrong, 33, 40) == whole[33:40]


def test_reading_stops_where_it_is_asked_to_and_the_file_is_closed(clips: Any, monkeypatch: pytest.MonkeyPatch,
                                                                   ) -> None:
    clip, _ = clips("b-frames.mp4")
    opened = []
    original = av.open

    def watched(*args: Any, **named: Any) -> Any:
        opened.append(original(*args, **named))
        return opened[-1]

    monkeypatch.setattr(av, "open", watched)

    def stop() -> None:
        if asked:
            raise Cancelled("You stopped it.")

    asked: list[int] = []
    frames = read_frames(clip, 0, None, check=stop)
    next(frames)
    asked.append(1)
    with pytest.raises(Cancelled):
        next(frames)
    frames = read_frames(clip, 0, None)
    next(frames)
    frames.close()
    assert len(opened) == 2
    for container in opened:
        with pytest.raises(AssertionError):
            _ = container.duration
