"""Browsers play what was written."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, sync_playwright

from pipeline.clips.probe import open_clip
from pipeline.recipe import ClipOutput
from tests.pipeline.clips.footage import Footage, describe, look, make, render
from tests.pipeline.clips.test_copying import smart
from tests.studio.serving import chromium

pytestmark = pytest.mark.long

_LOOK = """name => new Promise((done, fail) => {
  const video = document.createElement('video');
  video.muted = true;
  video.onerror = () => fail(new Error(video.error.message || 'cannot be played'));
  video.onended = () => done({width: video.videoWidth, height: video.videoHeight, duration: video.duration,
                              frames: video.getVideoPlaybackQuality().totalVideoFrames});
  video.src = name;
  document.body.append(video);
  video.play().catch(fail);
})"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = chromium()
    if executable is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=executable, args=[
            "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"])
        yield opened
        opened.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join(5)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Tests are silent."""


PLAIN = Footage(size=(320, 180), ticks=tuple(index * 1001 for index in range(30)), sounds=("eng",), sound_seconds=1.0)


@pytest.mark.parametrize(("name", "footage", "output", "settings", "size"), [
    ("plain", PLAIN, "out.mp4", {}, (320, 180)),
    ("turned", replace(PLAIN, turn=1), "out.mp4", {}, (180, 320)),
    ("oblong pixels", replace(PLAIN, sar=Fraction(4, 3)), "out.mp4", {}, (427, 180)),
    ("odd sides", replace(PLAIN, codec="ffv1", size=(321, 181), sounds=()), "out.mp4", {}, (321, 181)),
    ("full range", replace(PLAIN, pix_fmt="yuvj420p", colour=(2, 1, 1, 1)), "out.mp4", {}, (320, 180)),
    ("late start", replace(PLAIN, ticks=tuple(9009 + index * 1001 for index in range(21))), "out.mp4", {}, (320, 180)),
    ("turned into WebM", replace(PLAIN, turn=1), "out.webm", {}, (180, 320)),
    ("oblong pixels in WebM", replace(PLAIN, sar=Fraction(4, 3)), "out.webm", {}, (427, 180)),
    ("AV1", PLAIN, "out.mp4", {"codec": "av1"}, (320, 180)),
    ("VP9 in MP4", PLAIN, "out.mp4", {"codec": "vp9"}, (320, 180)),
])
def test_chromium_plays_it_to_its_end(name: str, footage: Footage, output: str, settings: dict[str, Any],
                                      size: tuple[int, int], browser: Browser, served: str, tmp_path: Path) -> None:
    source = make(tmp_path / ("in.mkv" if footage.codec == "ffv1" else "in.mp4"), footage)
    clip, seen = describe(source, footage)
    render(clip, seen.frames, tmp_path / output, ClipOutput.model_validate({"speed": "veryfast"} | settings))
    page = browser.new_page()
    try:
        (tmp_path / "page.html").write_text("<!doctype html><body></body>", "ascii")
        page.goto(served + "page.html")
        played = page.evaluate(_LOOK, output)
    finally:
        page.close()
    assert (played["width"], played["height"]) == size
    assert played["duration"] == pytest.approx(1.0, abs=0.07)
    assert played["frames"] >= 0.8 * len(footage.ticks)  # a busy machine may drop some


_SEEK = """([name, times]) => new Promise((done, fail) => {
  const video = document.createElement('video');
  const canvas = document.createElement('canvas');
  const seen = [];
  video.muted = true;
  video.onerror = () => fail(new Error(video.error.message || 'cannot be played'));
  video.onloadeddata = () => { video.currentTime = times[0]; };
  const take = () => {
    [canvas.width, canvas.height] = [64, 36];
    const context = canvas.getContext('2d');
    context.drawImage(video, -128, -72, 320, 180);
    seen.push(Array.from(context.getImageData(0, 0, 64, 36).data));
    if (seen.length < times.length) video.currentTime = times[seen.length];
    else done(seen);
  };
  // A picture is painted after it is said to be there.
  video.onseeked = () => requestAnimationFrame(() => requestAnimationFrame(take));
  // The server that these tests have cannot be sought in.
  fetch(name).then((answer) => answer.blob()).then((blob) => { video.src = URL.createObjectURL(blob); }, fail);
})"""


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_chromium_plays_and_seeks_from_copied_pictures_to_encoded_ones_and_back(
        ending: str, browser: Browser, served: str, tmp_path: Path) -> None:
    footage = replace(PLAIN, sounds=(), colour=(1, 1, 1, 1), options={"g": "10", "bf": "2", "preset": "veryfast",
                                                          "x264-params": "scenecut=0"})
    source = make(tmp_path / "in.mp4", footage)
    smart(open_clip(source), tmp_path / f"out.{ending}", [(0, 10, True), (10, 20, False), (20, 30, True)])
    frames = [frame.to_ndarray(format="rgb24")[72:108, 128:192].astype(int) for frame in look(source).frames]
    wanted = [4, 14, 9, 10, 25, 19, 20, 0]
    page = browser.new_page()
    try:
        (tmp_path / "page.html").write_text("<!doctype html><body></body>", "ascii")
        page.goto(served + "page.html")
        played = page.evaluate(_LOOK, f"out.{ending}")
        shown = page.evaluate(_SEEK, [f"out.{ending}", [(index + 0.5) * 1001 / 30000 for index in wanted]])
    finally:
        page.close()
    assert played["duration"] == pytest.approx(1.0, abs=0.07)
    assert played["frames"] >= 24
    for index, pixels in zip(wanted, shown, strict=True):
        picture = np.array(pixels).reshape(36, 64, 4)[..., :3]  # its middle
        off = [float(np.abs(picture - frame).mean()) for frame in frames]
        assert (int(np.argmin(off)), off[index] < 4) == (index, True), off
