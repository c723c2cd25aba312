"""The small stand-in that browsers scrub: the same frames at the same times, upright, square, SDR, sound in step."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg
import numpy as np
import pytest

import pipeline.clips.proxies as proxies_module
from models.arrays import Pixels
from models.errors import Cancelled, MediaError, OutputError
from pipeline.clips.clip import Clip, Colour
from pipeline.clips.probe import open_clip
from pipeline.clips.proxies import NICENESS, ProxyCache
from pipeline.clips.proxy import GOP, is_own_proxy, make_proxy
from tests.pipeline.clips.numbered import MILLI, luma, make, number_of, times_of

UNEVEN = [0, 33, 66, 150, 151, 400, 1000, *(1000 + 37 * n for n in range(1, 30))]
PATIENCE = 60.0

KINDS: dict[str, dict[str, Any]] = {
    "even.mp4": {"frames": 40, "options": {"g": "250", "bf": "3"}},
    "uneven.mkv": {"frames": len(UNEVEN), "ticks": UNEVEN, "time_base": MILLI},
    "late.mkv": {"frames": len(UNEVEN), "ticks": [1500 + t for t in UNEVEN], "time_base": MILLI},
    "ntsc.mov": {"frames": 40, "rate": Fraction(30000, 1001)},
    "vp9.webm": {"frames": 20, "codec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8"}},
    "mpeg4.avi": {"frames": 20, "codec": "mpeg4", "options": {"q:v": "3"}},
    "one.mp4": {"frames": 1},
    "large.mp4": {"frames": 8, "size": (1280, 720), "options": {"preset": "ultrafast"}},
}


@pytest.mark.parametrize("kind", KINDS)
def test_frame_i_of_the_proxy_is_frame_i_of_the_clip_at_its_time(tmp_path: Path, kind: str) -> None:
    clip = open_clip(make(tmp_path / kind, **KINDS[kind]))
    proxy = make_proxy(clip, tmp_path / "proxy.mp4")
    with av.open(str(proxy)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert stream.codec_context.height == min(clip.height, 360)
        assert stream.codec_context.width == stream.codec_context.height * clip.width // clip.height
        frames = list(container.decode(stream))
    assert [number_of(luma(frame)) for frame in frames] == list(range(clip.frames))
    wanted = [(int(ticks) - int(clip.pts[0])) * clip.time_base for ticks in clip.pts]
    assert max(abs(a - b) for a, b in zip(times_of(proxy), wanted, strict=True)) < Fraction(1, 1000)


def test_keyframes_are_near_each_other_and_the_index_is_in_front(tmp_path: Path) -> None:
    clip = open_clip(make(tmp_path / "a.mp4", frames=60, options={"g": "250"}))
    proxy = make_proxy(clip, tmp_path / "proxy.mp4")
    made = open_clip(proxy)
    assert [int(n) for n in np.searchsorted(made.pts, made.keyframes)] == list(range(0, 60, GOP))
    data = proxy.read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")
    assert is_own_proxy(open_clip(proxy))
    assert not is_own_proxy(clip)


def _shown(proxy: Path) -> Pixels:
    """The first frame as players show it: (H, W, 3) RGB."""
    with av.open(str(proxy)) as container:
        frame = next(container.decode(video=0))
    assert (int(frame.colorspace), int(frame.color_range)) == (1, 1)
    return frame.to_ndarray(format="rgb24", src_colorspace=1, src_color_range=1, dst_color_range=2)


def _corners(height: int, width: int) -> Pixels:
    """(H, W, 3) RGB whose four quarters are red, green, blue and white."""
    rgb = np.full((height, width, 3), 235, np.uint8)
    rgb[:height // 2, :width // 2] = (200, 30, 30)
    rgb[:height // 2, width // 2:] = (30, 180, 30)
    rgb[height // 2:, :width // 2] = (30, 30, 200)
    return rgb


def _coloured(path: Path, matrix: int, rgb: Pixels, span: int = 1) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "4"})
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width, stream.pix_fmt = *rgb.shape[:2], "yuv420p"
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(
            format="yuv420p", dst_colorspace=matrix, dst_color_range=span)
        for number in range(2):
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _quarters(rgb: Pixels) -> list[list[int]]:
    height, width = rgb.shape[:2]
    places = ((height // 4, width // 4), (height // 4, width * 3 // 4), (height * 3 // 4, width // 4),
              (height * 3 // 4, width * 3 // 4))
    return [[int(v) for v in rgb[y - 4:y + 4, x - 4:x + 4].reshape(-1, 3).mean(axis=0)] for y, x in places]


@pytest.mark.parametrize("turn", range(4))
def test_turned_clips_stand_upright(tmp_path: Path, turn: int) -> None:
    stored = _corners(120, 160)
    upright = np.rot90(stored, -turn)
    clip = dataclasses.replace(open_clip(_coloured(tmp_path / "a.mp4", 1, stored)), turn=turn,
                               width=upright.shape[1], height=upright.shape[0], colour=Colour("bt709"))
    shown = _shown(make_proxy(clip, tmp_path / "proxy.mp4"))
    assert shown.shape == upright.shape
    assert np.abs(np.array(_quarters(shown)) - _quarters(np.ascontiguousarray(upright))).max() <= 6


@pytest.mark.parametrize("size", [(120, 160), (480, 640)])
@pytest.mark.parametrize(("colour", "space", "span"), [
    (Colour("bt601"), 5, 1), (Colour("bt709"), 1, 1), (Colour("bt601", full=True), 5, 2)])
def test_colours_are_what_the_clip_means(tmp_path: Path, colour: Colour, space: int, span: int,
                                         size: tuple[int, int]) -> None:
    rgb = _corners(*size)
    clip = dataclasses.replace(open_clip(_coloured(tmp_path / "a.mp4", space, rgb, span)), colour=colour)
    shown = _shown(make_proxy(clip, tmp_path / "proxy.mp4"))
    assert np.abs(np.array(_quarters(shown)) - _quarters(rgb)).max() <= 6


def test_pixels_that_are_not_square_become_square(tmp_path: Path) -> None:
    clip = open_clip(make(tmp_path / "dv.mp4", frames=3, size=(360, 288)))
    clip = dataclasses.replace(clip, sar=Fraction(16, 15), width=384)
    with av.open(str(make_proxy(clip, tmp_path / "proxy.mp4"))) as container:
        context = container.streams.video[0].codec_context
        assert (context.width, context.height) == (384, 288)
        assert context.sample_aspect_ratio in (None, 1)


@pytest.mark.parametrize("size", [(321, 181), (33, 17), (17, 400)])
def test_odd_sizes_become_even(tmp_path: Path, size: tuple[int, int]) -> None:
    clip = open_clip(make(tmp_path / "a.mkv", "ffv1", frames=2, size=size, pix_fmt="yuv444p"))
    with av.open(str(make_proxy(clip, tmp_path / "proxy.mp4"))) as container:
        context = container.streams.video[0].codec_context
        assert (context.width % 2, context.height % 2) == (0, 0)
        assert abs(context.width / context.height - size[0] / size[1]) < 0.13


def test_hdr_is_shown_in_sdr(tmp_path: Path) -> None:
    """White of 203 candelas (PQ 0.58) becomes nearly white, not the dull grey that its code value is."""
    path = tmp_path / "pq.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p10le"
        frame = av.VideoFrame(160, 120, "yuv420p10le")
        for plane, value in zip(frame.planes, (64 + round(0.58 * 876), 512, 512), strict=True):
            plane.update(np.full(plane.buffer_size // 2, value, np.uint16).tobytes())
        for number in range(3):
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    clip = dataclasses.replace(open_clip(path), colour=Colour("bt2020", "pq"), depth=10)
    proxy = make_proxy(clip, tmp_path / "proxy.mp4")
    with av.open(str(proxy)) as made:
        assert made.streams.video[0].codec_context.pix_fmt == "yuv420p"
        assert len(list(made.decode(video=0))) == 3
    grey = _shown(proxy).mean()
    assert 190 < grey < 250
    assert np.ptp(_shown(proxy).mean(axis=(0, 1))) < 4


def _heard(path: Path) -> Pixels:
    """The first sound as mono float32 at 48 kHz from time 0, as ffmpeg plays it."""
    run = subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-map", "0:a:0", "-af",
                          "aresample=48000:async=1:first_pts=0", "-ac", "1", "-f", "f32le", "-"],
                         capture_output=True, check=True)
    return np.frombuffer(run.stdout, np.float32)


def _bursts(path: Path) -> list[float]:
    """Seconds at which the clicks begin."""
    loud = np.flatnonzero(np.abs(_heard(path)) > 0.2) / 48000
    return [float(t) for n, t in enumerate(loud) if n == 0 or t - loud[n - 1] > 0.2]


@pytest.mark.parametrize(("first", "clicks"), [(0, [1.0, 2.0]), (1500, [0.5, 1.5])])
def test_sound_stays_in_step_with_the_pictures(tmp_path: Path, first: int, clicks: list[float]) -> None:
    ticks = [first + 40 * n for n in range(60)]
    clip = open_clip(make(tmp_path / "a.mkv", frames=60, ticks=ticks, time_base=MILLI, sound=3.5))
    proxy = make_proxy(clip, tmp_path / "proxy.mp4")
    with av.open(str(proxy)) as container:
        assert [stream.codec_context.name for stream in container.streams.audio] == ["aac"]
    found = _bursts(proxy)
    assert len(found) == len(clicks)
    # A thirtieth of a frame; AAC smears a click's begin over a few milliseconds.
    assert max(abs(a - b) for a, b in zip(found, clicks, strict=True)) < 0.006


def test_a_name_like_an_address_is_a_file_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "plain.mp4", frames=25, sound=1.0).rename(tmp_path / "http:clip.mp4")
    monkeypatch.chdir(tmp_path)
    proxy = make_proxy(open_clip(Path("http:clip.mp4")), tmp_path / "proxy.mp4")
    assert [stream.type for stream in av.open(str(proxy)).streams] == ["video", "audio"]
    assert len(times_of(proxy)) == 25


def test_a_proxy_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    clip = open_clip(make(tmp_path / "a.mp4", frames=40))
    seen: list[float] = []

    def check() -> None:
        if seen and seen[-1] > 0.4:
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        make_proxy(clip, tmp_path / "to" / "proxy.mp4", check=check, progress=seen.append)
    assert list((tmp_path / "to").iterdir()) == []
    assert seen == sorted(seen)


def test_a_folder_that_takes_no_files_is_said(tmp_path: Path) -> None:
    clip = open_clip(make(tmp_path / "a.mp4", frames=2))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError):
        make_proxy(clip, tmp_path / "file" / "proxy.mp4")


@pytest.mark.parametrize(("changes", "own"), [
    ({}, True), ({"pix_fmt": "yuv420p10le"}, False), ({"codec": "hevc"}, False), ({"height": 1080}, False),
    ({"turn": 1}, False), ({"sar": Fraction(4, 3)}, False), ({"fields": "top"}, False), ({"kind": "sequence"}, False),
    ({"format": "matroska,webm"}, False), ({"path": Path("a.mov")}, False),
])
def test_a_clip_that_browsers_scrub_well_is_its_own_proxy(tmp_path: Path, changes: dict[str, Any], own: bool) -> None:
    clip = open_clip(make(tmp_path / "a.mp4", frames=40, options={"g": "12", "sc_threshold": "0"}))
    assert is_own_proxy(dataclasses.replace(clip, **changes)) is own
    cache = ProxyCache(tmp_path / "cache")
    if own:
        assert cache.ask(clip).path == clip.path
        assert not (tmp_path / "cache").exists()


@contextmanager
def cache_in(folder: Path, budget: int = 10**9) -> Iterator[ProxyCache]:
    cache = ProxyCache(folder, budget)
    try:
        yield cache
    finally:
        cache.close()


def test_a_proxy_is_made_once_and_found_again_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = open_clip(make(tmp_path / "a.mp4", frames=30))
    with cache_in(tmp_path / "cache") as cache:
        assert cache.look(clip).state == "absent"
        assert cache.ask(clip).state in ("waiting", "making", "ready")
        assert cache.wait(clip, PATIENCE).state == "ready"
    monkeypatch.setattr(proxies_module, "make_proxy", None)
    elsewhere = tmp_path / "b.mp4"
    elsewhere.write_bytes(clip.path.read_bytes())
    with cache_in(tmp_path / "cache") as later:
        state = later.ask(open_clip(elsewhere))
        assert state.state == "ready"
        assert state.path is not None
        assert len(times_of(state.path)) == 30


class Maker:
    """Stands in front of `make_proxy`: writes a file of 1000 bytes, when it is let."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[str] = []
        self.stopped: list[str] = []
        self.begun = threading.Event()
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.niceness: list[int] = []
        monkeypatch.setattr(proxies_module, "make_proxy", self.make)

    def make(self, clip: Clip, path: Path, *, check: Any, progress: Any) -> Path:
        self.begun.set()
        self.niceness.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        progress(0.5)
        try:
            while not self.gate.wait(0.005):
                check()
            check()
        except Cancelled:
            self.stopped.append(clip.id)
            raise
        if self.error is not None:
            raise self.error
        path.parent.mkdir(exist_ok=True)
        staged = path.with_suffix(".part")
        staged.write_bytes(b"x" * 1000)
        staged.replace(path)  # there at once and whole, as a real one
        self.made.append(clip.id)
        return path


@pytest.fixture
def some(tmp_path: Path) -> list[Clip]:
    clip = open_clip(make(tmp_path / "a.mkv", frames=2))
    return [dataclasses.replace(clip, id=f"sha256:{n:064x}") for n in range(5)]


def test_the_folder_keeps_to_its_budget_and_lets_go_of_what_was_not_used_longest(
        tmp_path: Path, some: list[Clip], monkeypatch: pytest.MonkeyPatch) -> None:
    Maker(monkeypatch)
    with cache_in(tmp_path / "cache", budget=3000) as cache:
        paths = []
        for number, clip in enumerate(some[:3]):
            cache.ask(clip)
            path = cache.wait(clip, PATIENCE).path
            assert path is not None
            os.utime(path, (1000 + number, 1000 + number))
            paths.append(path)
        assert cache.get(some[0]) is not None  # used: now the youngest
        cache.ask(some[3])
        assert cache.wait(some[3], PATIENCE).state == "ready"
        end = time.monotonic() + PATIENCE  # a proxy is ready a moment before others make room for it
        while paths[1].exists() and time.monotonic() < end:
            time.sleep(0.005)
        assert [cache.look(clip).state for clip in some[:4]] == ["ready", "absent", "ready", "ready"]
    with cache_in(tmp_path / "small", budget=10) as cache:
        cache.ask(some[0])
        assert cache.wait(some[0], PATIENCE).state == "ready"


def test_one_is_made_at_a_time_the_one_asked_for_last_first(tmp_path: Path, some: list[Clip],
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    maker = Maker(monkeypatch)
    maker.gate.clear()
    with cache_in(tmp_path / "cache") as cache:
        cache.ask(some[0])
        assert maker.begun.wait(PATIENCE)
        for clip in some[1:4]:
            assert cache.ask(clip).state == "waiting"
        assert cache.look(some[0]) == proxies_module.ProxyState("making", 0.5)
        cache.ask(some[1])
        cache.drop(some[2])
        maker.gate.set()
        for clip in (some[0], some[1], some[3]):
            assert cache.wait(clip, PATIENCE).state == "ready"
        assert cache.look(some[2]).state == "absent"
    assert maker.made == [some[0].id, some[1].id, some[3].id]
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert set(maker.niceness) == {max(own, NICENESS)}


def test_a_dropped_one_is_stopped_and_closing_stops_all(tmp_path: Path, some: list[Clip],
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    maker = Maker(monkeypatch)
    maker.gate.clear()
    with cache_in(tmp_path / "cache") as cache:
        cache.ask(some[0])
        assert maker.begun.wait(PATIENCE)
        cache.drop(some[0])
        assert cache.wait(some[0], PATIENCE).state == "absent"
        maker.begun.clear()
        cache.ask(some[1])
        assert maker.begun.wait(PATIENCE)
    assert (maker.stopped, maker.made) == ([some[0].id, some[1].id], [])


@pytest.mark.parametrize(("error", "code"), [(MediaError("Bad.", code="MEDIA.DAMAGED"), "MEDIA.DAMAGED"),
                                             (ZeroDivisionError("oh"), "MEDIA.PROXY")])
def test_one_that_fails_says_why_and_the_next_is_made(tmp_path: Path, some: list[Clip], error: Exception, code: str,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    maker = Maker(monkeypatch)
    maker.error = error
    with cache_in(tmp_path / "cache") as cache:
        cache.ask(some[0])
        state = cache.wait(some[0], PATIENCE)
        assert state.state == "failed"
        assert state.error is not None
        assert state.error.code == code
        assert cache.ask(some[0]).state == "failed"
        maker.error = None
        cache.ask(some[1])
        assert cache.wait(some[1], PATIENCE).state == "ready"
        cache.drop(some[0])
        cache.ask(some[0])
        assert cache.wait(some[0], PATIENCE).state == "ready"
