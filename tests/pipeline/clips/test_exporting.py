from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from models.errors import Cancelled, OutputError
from pipeline.clips.clip import Colour
from pipeline.clips.exporting import numbered
from pipeline.clips.filters import converted
from pipeline.clips.marks import read_clip_provenance
from pipeline.pictures.xmp import provenance_of
from pipeline.recipe import ClipOutput
from tests.pipeline.clips.footage import Footage, describe, look, make, planes, render

MS = Fraction(1, 1000)
SHORT = tuple(range(0, 240, 40))


def bgr(frame: av.VideoFrame) -> np.ndarray:
    colour = Colour(matrix="bt709")
    new = converted(frame, colour, Colour(matrix="rgb", full=True), "bgr24", (frame.width, frame.height))
    return new.to_ndarray().astype(np.int64)


# GIF


def test_a_gif_keeps_frames_times_and_colours(tmp_path: Path) -> None:
    footage = Footage(ticks=(0, 1000, 2000, 4500, 12000, 30000), sounds=("eng",))
    clip, seen = describe(make(tmp_path / "in.mp4", footage), footage)
    _, written = render(clip, seen.frames, tmp_path / "out.gif")
    after = look(tmp_path / "out.gif")
    assert after.times == [Fraction(round(time * 100), 100) for time in seen.times]
    assert after.size == seen.size
    for before, frame in zip(seen.frames, after.frames, strict=True):
        found = frame.to_ndarray(format="bgr24").astype(np.int64)
        assert np.abs(found.mean(axis=(0, 1)) - bgr(before).mean(axis=(0, 1))).max() < 2.5
        assert np.abs(found - bgr(before)).mean() < 9
    assert [note.code for note in written.notes] == ["OUTPUT.SOUND_DROPPED"]
    assert written.sidecar == tmp_path / "out.gif.xmp"
    said = read_clip_provenance(tmp_path / "out.gif")
    assert said is not None
    assert said.kind == "swap"


def test_a_gif_of_a_gif_keeps_its_times_and_its_transparency(tmp_path: Path) -> None:
    footage = Footage(codec="ffv1", pix_fmt="yuva444p", time_base=MS, ticks=SHORT, rate=Fraction(25))
    clip, seen = describe(make(tmp_path / "in.mkv", footage), footage)
    first, _ = render(clip, seen.frames, tmp_path / "one.gif")
    again, frames = describe(tmp_path / "one.gif", footage, kind="gif", alpha=True)
    render(again, frames.frames, tmp_path / "two.gif")
    one, two = look(tmp_path / "one.gif"), look(tmp_path / "two.gif")
    assert first.alpha
    assert one.times == two.times
    for a, b in zip(one.frames, two.frames, strict=True):
        alpha, beta = a.to_ndarray(format="rgba")[..., 3], b.to_ndarray(format="rgba")[..., 3]
        assert 0.2 < (alpha == 0).mean() < 0.8
        assert (alpha == beta).mean() > 0.98


def test_a_fast_clip_is_thinned_to_what_browsers_show(tmp_path: Path) -> None:
    footage = Footage(rate=Fraction(60), time_base=Fraction(1, 60), ticks=tuple(range(30)))
    clip, seen = describe(make(tmp_path / "in.mp4", footage), footage)
    encoding, _ = render(clip, seen.frames, tmp_path / "out.gif")
    after = look(tmp_path / "out.gif")
    assert [note.code for note in encoding.notes] == ["OUTPUT.GIF_RATE"]
    assert after.times == [Fraction(number, 50) for number in range(25)]


# Numbered pictures


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_pictures_hold_what_the_frames_hold(ending: str, tmp_path: Path) -> None:
    footage = Footage(codec="ffv1", time_base=MS, ticks=SHORT, rate=Fraction(25), colour=(1, 1, 1, 1))
    clip, seen = describe(make(tmp_path / "in.mkv", footage), footage)
    _, written = render(clip, seen.frames, tmp_path / "shots" / f"shot_%03d.{ending}")
    names = sorted(path.name for path in (tmp_path / "shots").iterdir())
    assert names == sorted([*(f"shot_{number:03d}.{ending}" for number in range(1, 7)), f"shot_%03d.{ending}.xmp"])
    for number, frame in enumerate(seen.frames, 1):
        read = cv2.imread(str(tmp_path / "shots" / f"shot_{number:03d}.{ending}"), cv2.IMREAD_UNCHANGED)
        assert read is not None
        np.testing.assert_array_equal(read.astype(np.int64), bgr(frame))
    assert written.bytes == sum(path.stat().st_size for path in (tmp_path / "shots").glob(f"*.{ending}"))
    packet = (tmp_path / "shots" / f"shot_%03d.{ending}.xmp").read_bytes()
    assert provenance_of(packet) is not None


def test_more_than_eight_bits_make_pictures_of_sixteen(tmp_path: Path) -> None:
    footage = Footage(codec="ffv1", pix_fmt="yuv444p10le", time_base=MS, ticks=SHORT[:2], rate=Fraction(25))
    clip, seen = describe(make(tmp_path / "in.mkv", footage), footage)
    render(clip, seen.frames, tmp_path / "a_%d.png")
    read = cv2.imread(str(tmp_path / "a_1.png"), cv2.IMREAD_UNCHANGED)
    assert read is not None
    assert read.dtype == np.uint16
    assert len(np.unique(read)) > 256


def test_transparency_is_kept_in_png_and_given_up_in_jpeg(tmp_path: Path) -> None:
    footage = Footage(codec="ffv1", pix_fmt="yuva420p", time_base=MS, ticks=SHORT[:2], rate=Fraction(25))
    clip, seen = describe(make(tmp_path / "in.mkv", footage), footage)
    render(clip, seen.frames, tmp_path / "a_%d.png")
    read = cv2.imread(str(tmp_path / "a_1.png"), cv2.IMREAD_UNCHANGED)
    assert read is not None
    np.testing.assert_array_equal(read[..., 3].astype(np.int64), planes(seen.frames[0])[3])
    encoding, _ = render(clip, seen.frames, tmp_path / "a_%d.jpg")
    assert "OUTPUT.ALPHA" in [note.code for note in encoding.notes]


def test_jpegs_have_the_frames_colours(tmp_path: Path) -> None:
    footage = Footage(codec="ffv1", time_base=MS, ticks=SHORT[:2], rate=Fraction(25), colour=(1, 1, 1, 1))
    clip, seen = describe(make(tmp_path / "in.mkv", footage), footage)
    render(clip, seen.frames, tmp_path / "a_%d.jpg")
    read = cv2.imread(str(tmp_path / "a_2.jpg"))
    assert read is not None
    assert np.abs(read.mean(axis=(0, 1)) - bgr(seen.frames[1]).mean(axis=(0, 1))).max() < 1.5
    assert np.abs(read.astype(np.int64) - bgr(seen.frames[1])).mean() < 4


@pytest.mark.parametrize(("name", "number", "expected"), [
    ("shot_%04d.png", 12, "shot_0012.png"), ("%d.jpg", 7, "7.jpg"), ("a_%02d.tif", 123, "a_123.tif")])
def test_names_are_counted_by_their_pattern(name: str, number: int, expected: str, tmp_path: Path) -> None:
    assert numbered(tmp_path / name, "png")(number) == tmp_path / expected
    assert numbered(tmp_path / "folder", "jpeg")(3) == tmp_path / "folder" / "frame_000003.jpg"


@pytest.mark.parametrize("name", ["shot.png", "shot_%d_%d.png", "shot_%s.png", "100%_%d.png"])
def test_names_that_do_not_say_where_the_number_goes_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught:
        numbered(tmp_path / name, "png")
    assert caught.value.code == "OUTPUT.CONTAINER"


def test_pictures_that_are_there_stay_and_a_stop_leaves_nothing(tmp_path: Path) -> None:
    footage = Footage(codec="ffv1", time_base=MS, ticks=SHORT, rate=Fraction(25))
    clip, seen = describe(make(tmp_path / "in.mkv", footage), footage)
    (tmp_path / "a_4.png").write_bytes(b"mine")
    with pytest.raises(OutputError) as caught:
        render(clip, seen.frames, tmp_path / "a_%d.png")
    assert caught.value.code == "OUTPUT.EXISTS"
    assert (tmp_path / "a_4.png").read_bytes() == b"mine"
    assert not (tmp_path / "a_1.png").exists()
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls > 3:
            raise Cancelled("stopped")

    settings = ClipOutput(container="sequence", codec="png")
    for output in (tmp_path / "new", tmp_path / "out.gif"):
        calls = 0
        with pytest.raises(Cancelled):
            render(clip, seen.frames, output, settings if output.name == "new" else ClipOutput(), check=check)
        assert not output.exists()
    assert not list(tmp_path.glob(".likeness*"))


def test_a_sequence_is_never_written_over_itself(tmp_path: Path) -> None:
    footage = Footage(codec="ffv1", time_base=MS, ticks=SHORT, rate=Fraction(25))
    clip, seen = describe(make(tmp_path / "in.mkv", footage), footage)
    render(clip, seen.frames, tmp_path / "a_%d.png")
    before = (tmp_path / "a_2.png").read_bytes()
    itself = replace(clip, path=tmp_path / "a_%d.png", kind="sequence", name="a_%d.png")
    with pytest.raises(OutputError) as caught:
        render(itself, seen.frames, tmp_path / "a_%d.png", overwrite=True)
    assert caught.value.code == "OUTPUT.IS_INPUT"
    assert (tmp_path / "a_2.png").read_bytes() == before
