from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.clips.clip import Colour
from pipeline.clips.filters import converted, rows, turned_frame
from pipeline.clips.tone import compressed, light_to_pq, pq_to_light, sdr_of
from pipeline.recipe import ClipOutput
from tests.pipeline.clips.footage import QUICK, Footage, describe, look, make, picture, planes, render

MS = Fraction(1, 1000)
TV = Colour(matrix="bt709", full=False)


# Turning


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuv420p10le", "yuva420p", "gray", "bgra", "rgb48le",
                                     "gbrp"])
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turning_moves_every_sample_and_changes_none(pix_fmt: str, turns: int) -> None:
    frame = picture(Footage(pix_fmt=pix_fmt, size=(48, 32), colour=(1, 1, 1, 1)), 3)
    turned = turned_frame(frame, turns)
    assert (turned.width, turned.height) == ((48, 32) if turns == 2 else (32, 48))
    back = turned_frame(turned, 4 - turns)
    for a, b in zip(frame.planes, back.planes, strict=True):
        np.testing.assert_array_equal(rows(a)[:, :a.width], rows(b)[:, :a.width])
    if pix_fmt == "yuv420p":
        for old, new in zip(planes(frame), planes(turned), strict=True):
            np.testing.assert_array_equal(np.rot90(old, -turns), new)
    assert (turned.colorspace, turned.color_range) == (frame.colorspace, frame.color_range)


def test_a_webm_of_a_turned_clip_stands_upright(tmp_path: Path) -> None:
    footage = Footage(turn=1)
    clip, seen = describe(make(tmp_path / "in.mp4", footage), footage)
    render(clip, seen.frames, tmp_path / "out.webm", ClipOutput(speed="ultrafast", crf=4))
    after = look(tmp_path / "out.webm")
    assert (after.size, after.turn) == ((72, 128), 0)
    for before, frame in zip(seen.frames, after.frames, strict=True):
        assert np.abs(np.rot90(planes(before)[0], -1) - planes(frame)[0]).mean() < 2


# Pixel formats


def test_what_needs_nothing_is_the_same_object() -> None:
    frame = picture(Footage(size=(64, 36)), 0)
    assert converted(frame, TV, TV, "yuv420p", (64, 36)) is frame


def test_full_range_under_its_old_name_keeps_every_bit() -> None:
    frame = picture(Footage(pix_fmt="yuvj420p", size=(62, 36), colour=(2, 1, 1, 1)), 0)
    new = converted(frame, Colour(full=True), Colour(full=True), "yuv420p", (62, 36))
    assert new.format.name == "yuv420p"
    for a, b in zip(planes(frame), planes(new), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("matrix", "kr", "kb"), [("bt601", 0.299, 0.114), ("bt709", 0.2126, 0.0722),
                                                  ("bt2020", 0.2627, 0.0593)])
@pytest.mark.parametrize("full", [False, True])
def test_conversions_use_the_matrix_and_range_that_are_said(matrix: str, kr: float, kb: float, full: bool) -> None:
    red = np.zeros((32, 32, 3), np.uint8)
    red[:] = (200, 40, 90)
    frame = av.VideoFrame.from_ndarray(red, "rgb24")
    target = Colour(matrix=matrix, full=full)  # type: ignore[arg-type]
    new = converted(frame, Colour(matrix="rgb", full=True), target, "yuv444p", (32, 32))
    luma = kr * 200 + (1 - kr - kb) * 40 + kb * 90
    expected = luma if full else 16 + luma * 219 / 255
    assert abs(planes(new)[0].mean() - expected) < 0.8
    back = converted(new, target, Colour(matrix="rgb", full=True), "rgb24", (32, 32))
    assert np.abs(back.to_ndarray().astype(int) - red).max() <= 2


# Scale


@pytest.mark.parametrize(("height", "size"), [(36, (64, 36)), (144, (256, 144)), (50, (88, 50))])
def test_scaled_pictures_keep_their_colour_and_times(height: int, size: tuple[int, int], tmp_path: Path) -> None:
    footage = Footage(colour=(1, 1, 1, 1), sar=Fraction(4, 3))
    clip, seen = describe(make(tmp_path / "in.mp4", footage), footage)
    render(clip, seen.frames, tmp_path / "out.mp4", ClipOutput(height=height, speed="ultrafast", crf=4))
    after = look(tmp_path / "out.mp4")
    assert (after.size, after.sar, after.times, after.colour) == (size, Fraction(4, 3), seen.times, (1, 1, 1, 1))
    for a, b in zip(planes(seen.frames[4]), planes(after.frames[4]), strict=True):
        assert abs(a.mean() - b.mean()) < 0.5


# Interlaced


def test_interlaced_clips_stay_interlaced_and_become_whole_on_request(tmp_path: Path) -> None:
    footage = Footage(fields="top", size=(128, 96))
    clip, seen = describe(make(tmp_path / "in.mp4", footage), footage)
    # Two fields of different moments: every second line moved.
    frames = []
    for number, frame in enumerate(seen.frames):
        later = seen.frames[min(number + 1, len(seen.frames) - 1)]
        woven = av.VideoFrame(128, 96, "yuv420p")
        for plane, a, b in zip(woven.planes, planes(frame), planes(later), strict=True):
            mixed = np.array(a, np.uint8)
            mixed[1::2] = b[1::2]
            rows(plane)[:, :plane.width] = mixed
        woven.pts, woven.time_base = frame.pts, clip.time_base
        frames.append(woven)
    render(clip, frames, tmp_path / "kept.mp4", QUICK)
    render(clip, frames, tmp_path / "whole.mp4", ClipOutput(deinterlace=True, speed="ultrafast"), parts=2)
    kept, whole = look(tmp_path / "kept.mp4"), look(tmp_path / "whole.mp4")
    assert all(frame.interlaced_frame for frame in kept.frames)
    assert not any(frame.interlaced_frame for frame in whole.frames)
    assert whole.times == kept.times == seen.times
    assert _combed(whole.frames[5]) < 0.8 * _combed(kept.frames[5])


def _combed(frame: av.VideoFrame) -> float:
    """How much neighbouring lines differ more than lines of the same field."""
    luma = planes(frame)[0]
    return float(np.abs(luma[1:-1] - (luma[:-2] + luma[2:]) / 2).mean())


# Tone


def test_pq_and_its_inverse_meet() -> None:
    code = np.linspace(0, 1, 101)
    np.testing.assert_allclose(light_to_pq(pq_to_light(code)), code, atol=1e-6)
    assert abs(float(pq_to_light(np.array(0.5081))) - 100) < 0.5  # ST 2084: 100 candelas


def test_the_curve_keeps_dark_tones_rises_and_ends_at_white() -> None:
    light = np.linspace(0, 1000, 400)
    out = compressed(light, 1000)
    assert (np.diff(out) > -1e-9).all()
    np.testing.assert_allclose(out[light < 20], light[light < 20], rtol=1e-3, atol=1e-3)
    assert abs(out[-1] - 203) < 0.5


@pytest.mark.parametrize("transfer", ["pq", "hlg"])
def test_grey_stays_grey_and_white_becomes_white(transfer: str) -> None:
    code = np.repeat(np.linspace(0, 1, 21)[:, None], 3, axis=1)
    out = sdr_of(code, transfer)
    assert np.ptp(out, axis=1).max() < 2e-3
    assert (np.diff(out[:, 0]) >= -1e-9).all()
    assert out[-1, 0] > 0.99
    assert out[0, 0] < 1e-3


@pytest.mark.parametrize("trc", [16, 18])
def test_hdr_becomes_sdr_by_the_formula(trc: int, tmp_path: Path) -> None:
    footage = Footage(codec="ffv1", pix_fmt="yuv420p10le", colour=(1, 9, 9, trc), time_base=MS,
                      ticks=tuple(range(0, 200, 40)), rate=Fraction(25))
    clip, seen = describe(make(tmp_path / "in.mkv", footage), footage)
    encoding, _ = render(clip, seen.frames, tmp_path / "out.mkv", ClipOutput(sdr=True, codec="ffv1"))
    after = look(tmp_path / "out.mkv")
    assert encoding.pix_fmt == "yuv420p"
    assert (after.colour, after.times) == ((1, 1, 1, 1), seen.times)
    rgb = converted(seen.frames[2], Colour(matrix="bt2020"), Colour(matrix="rgb", full=True), "rgb48le", (128, 72))
    expected = sdr_of(rgb.to_ndarray() / 65535, "pq" if trc == 16 else "hlg") * 255
    found = converted(after.frames[2], TV, Colour(matrix="rgb", full=True), "rgb24", (128, 72)).to_ndarray()
    # Chroma at half the resolution on both sides, a table of 33 steps between.
    assert np.abs(found - expected).mean() < 2.0
    assert abs(float((found - expected).mean())) < 0.7
