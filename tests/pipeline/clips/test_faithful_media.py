"""The table of clips: each comes out with its frames, times, tags, tracks and colours."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline.clips.clip import Mastering
from pipeline.recipe import ClipOutput
from tests.pipeline.clips.footage import (
    LIGHT,
    MASTER,
    QUICK,
    Footage,
    bias,
    describe,
    look,
    make,
    packets,
    planes,
    render,
)

MS = Fraction(1, 1000)
PQ = Footage(codec="libx265", pix_fmt="yuv420p10le", colour=(1, 9, 9, 16), mastering=Mastering(MASTER, LIGHT))
HLG = Footage(codec="libx265", pix_fmt="yuv420p10le", colour=(1, 9, 9, 18))
HD = (1, 1, 1, 1)
HEARD = Footage(sounds=("eng", "deu"), subtitles=("fra",), chapters=((0, 200, "Anna"), (200, 450, "Bo")),
                metadata={"title": "A title", "artist": "Somebody"}, titles=("Voice", "Music"))


def rate(fps: str, count: int = 14) -> Footage:
    exact = Fraction(fps)
    return Footage(rate=exact, time_base=Fraction(1, exact.numerator),
                   ticks=tuple(index * exact.denominator for index in range(count)))


TABLE: dict[str, tuple[str, Footage]] = {
    "variable rate": ("mp4", Footage(ticks=(0, 1000, 2000, 4500, 4530, 12000, 30000), sounds=("eng",),
                                     sound_seconds=1.2)),
    "turned 90": ("mp4", Footage(turn=1)),
    "turned 180": ("mp4", Footage(turn=2)),
    "turned 270": ("mov", Footage(turn=3)),
    "turned in MKV": ("mkv", Footage(turn=1, time_base=MS, ticks=tuple(range(0, 480, 40)), rate=Fraction(25))),
    "23.976": ("mp4", rate("24000/1001")),
    "29.97": ("mp4", rate("30000/1001")),
    "59.94": ("mov", rate("60000/1001")),
    "PQ": ("mp4", PQ),
    "PQ in MKV": ("mkv", replace(PQ, time_base=MS, ticks=tuple(range(0, 480, 40)), rate=Fraction(25))),
    "HLG": ("mov", HLG),
    "full range": ("mp4", Footage(pix_fmt="yuvj420p", colour=(2, 1, 1, 1))),
    "BT.601": ("mp4", Footage(colour=(1, 6, 6, 6))),
    "untagged HD": ("mp4", Footage(size=(1280, 720), ticks=(0, 1001, 2002, 3003))),
    "BT.709": ("mkv", Footage(colour=HD, time_base=MS, ticks=tuple(range(0, 480, 40)), rate=Fraction(25))),
    "oblong pixels": ("mp4", Footage(sar=Fraction(16, 11))),
    "oblong pixels in MKV": ("mkv", Footage(sar=Fraction(16, 11), time_base=MS, ticks=tuple(range(0, 480, 40)))),
    "oblong pixels in WebM": ("webm", Footage(codec="libvpx-vp9", sar=Fraction(16, 11), time_base=MS,
                                              ticks=tuple(range(0, 480, 40)), rate=Fraction(25))),
    "4:2:2": ("mp4", Footage(pix_fmt="yuv422p", colour=HD)),
    "4:4:4": ("mp4", Footage(pix_fmt="yuv444p", colour=HD)),
    "two sounds, subtitles, chapters": ("mp4", HEARD),
    "the same in MOV": ("mov", HEARD),
    "the same in MKV": ("mkv", replace(HEARD, time_base=MS, ticks=tuple(range(0, 480, 40)), rate=Fraction(25),
                                       sound_codec="flac")),
    "sound longer than the picture": ("mp4", Footage(sounds=("eng",), sound_seconds=1.5)),
    "odd sides": ("mkv", Footage(codec="ffv1", size=(97, 55), time_base=MS, ticks=tuple(range(0, 480, 40)),
                                 rate=Fraction(25))),
    "one frame": ("mp4", Footage(ticks=(0,))),
    "late start": ("mp4", Footage(ticks=tuple(15000 + index * 1001 for index in range(12)), sounds=("eng",),
                                  sound_seconds=1.0)),
    "a hole": ("mp4", Footage(ticks=(*(index * 1001 for index in range(6)), *(40000 + index * 1001 for index in
                                                                              range(6))), sounds=("eng",),
                              sound_seconds=1.5)),
    "interlaced": ("mp4", Footage(fields="top", size=(128, 96))),
    "WebM": ("webm", Footage(codec="libvpx-vp9", time_base=MS, ticks=tuple(range(0, 480, 40)), rate=Fraction(25),
                             sounds=("eng",), sound_codec="libopus")),
    "AVI": ("avi", Footage(codec="ffv1", sounds=("eng",), sound_codec="pcm_s16le", time_base=Fraction(1001, 30000),
                           ticks=tuple(range(14)))),
}


@pytest.mark.parametrize("name", TABLE)
def test_what_comes_out_is_what_went_in(name: str, tmp_path: Path) -> None:
    ending, footage = TABLE[name]
    source = make(tmp_path / f"in.{ending}", footage)
    clip, before = describe(source, footage)
    output = tmp_path / f"out.{ending}"
    encoding, written = render(clip, before.frames, output)
    after = look(output)
    assert written.frames == len(after.frames) == len(footage.ticks)
    # ffmpeg's reader counts H.264 in AVI from 1, FFV1 from 0.
    late = after.times[0] - before.times[0] if ending == "avi" else 0
    assert [time - late for time in after.times] == before.times
    assert (after.size, after.sar, after.turn) == (before.size, before.sar, before.turn)
    if footage.codec == "libx264" or footage.codec == "libx265":
        assert after.colour == before.colour
        assert (after.codec, after.pix_fmt) == (before.codec, before.pix_fmt)
    for one, other in zip(before.frames, after.frames, strict=True):
        if one.format.name == other.format.name:
            assert bias(one, other) <= 0.5
    for kind in ("audio", "subtitle"):
        assert packets(output, kind) == packets(source, kind)
    assert after.chapters == before.chapters
    for key in footage.metadata:
        assert after.metadata.get(key, after.metadata.get(key.upper())) == footage.metadata[key]
    own = {"ENCODER", "DURATION", "encoder"}
    assert [(kind, codec, {key: said for key, said in words.items() if key not in own}, role)
            for kind, codec, words, role in after.streams if kind != "video"] == [
        (kind, codec, {key: said for key, said in words.items() if key not in own}, role)
        for kind, codec, words, role in before.streams if kind != "video"]
    assert not list(tmp_path.glob(".likeness*"))
    assert encoding.container == ending


@pytest.mark.parametrize("name", ["PQ", "PQ in MKV"])
def test_hdr_keeps_ten_bits_and_what_it_was_mastered_on(name: str, tmp_path: Path) -> None:
    ending, footage = TABLE[name]
    clip, before = describe(make(tmp_path / f"in.{ending}", footage), footage)
    encoding, _ = render(clip, before.frames, tmp_path / f"out.{ending}")
    after = look(tmp_path / f"out.{ending}")
    assert {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"} <= before.side & after.side
    for kind in ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"):
        assert _side(before.frames[0], kind) == _side(after.frames[0], kind)
    assert encoding.encoder == "libx265"
    assert ending != "mp4" or after.tag == "hvc1"


def _side(frame: object, kind: str) -> bytes:
    return next(bytes(one) for one in frame.side_data if one.type.name == kind)  # type: ignore[attr-defined]


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le"])
@pytest.mark.parametrize(("codec", "ending"), [("ffv1", "mkv"), ("h264", "mp4")])
def test_a_lossless_encoder_keeps_every_bit_of_every_plane(pix_fmt: str, codec: str, ending: str,
                                                           tmp_path: Path) -> None:
    footage = Footage(codec="ffv1", pix_fmt=pix_fmt, ticks=tuple(range(0, 320, 40)), time_base=MS, rate=Fraction(25),
                      colour=HD)
    clip, before = describe(make(tmp_path / "in.mkv", footage), footage)
    settings = ClipOutput.model_validate({"codec": codec, "crf": 0, "speed": "ultrafast"})
    # x264's quality 0 is lossless at 8 bits alone; its quantiser 0 is at every depth.
    render(clip, before.frames, tmp_path / f"out.{ending}", settings,
           change=lambda encoding: replace(encoding, options=(("qp", "0"), ("preset", "ultrafast")))
           if codec == "h264" else encoding)
    after = look(tmp_path / f"out.{ending}")
    assert after.times == before.times
    for one, other in zip(before.frames, after.frames, strict=True):
        for a, b in zip(planes(one), planes(other), strict=True):
            np.testing.assert_array_equal(a, b)


def test_full_range_reaches_a_lossless_file_with_every_bit(tmp_path: Path) -> None:
    footage = Footage(pix_fmt="yuvj420p", colour=(2, 1, 1, 1))
    clip, before = describe(make(tmp_path / "in.mp4", footage), footage)
    render(clip, before.frames, tmp_path / "out.mkv", ClipOutput(codec="ffv1"))
    after = look(tmp_path / "out.mkv")
    assert after.colour == (2, 1, 1, 1)
    for a, b in zip(planes(before.frames[3]), planes(after.frames[3]), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("codec", "pix_fmt", "ending", "level"), [
    ("prores_ks", "yuva444p10le", "mov", 0.5), ("libvpx-vp9", "yuva420p", "webm", 0.5)])
def test_transparency_comes_through(codec: str, pix_fmt: str, ending: str, level: float, tmp_path: Path) -> None:
    footage = Footage(codec=codec, pix_fmt=pix_fmt, time_base=MS if ending == "webm" else Fraction(1, 25),
                      ticks=tuple(range(0, 320, 40)) if ending == "webm" else tuple(range(8)), rate=Fraction(25))
    clip, before = describe(make(tmp_path / f"in.{ending}", footage), footage)
    assert before.pix_fmt.startswith("yuva")
    encoding, _ = render(clip, before.frames, tmp_path / f"out.{ending}")
    after = look(tmp_path / f"out.{ending}")
    assert encoding.alpha
    assert after.times == before.times
    assert after.pix_fmt == before.pix_fmt
    for one, other in zip(before.frames, after.frames, strict=True):
        assert bias(one, other) <= level
        scale = 2.0 ** ((12 if ending == "mov" else 8) - 8)
        assert np.abs(planes(one)[3] - planes(other)[3]).mean() / scale < 1.5


def test_odd_sides_stay_what_they_are_where_players_want_h264(tmp_path: Path) -> None:
    _, footage = TABLE["odd sides"]
    clip, before = describe(make(tmp_path / "in.mkv", footage), footage)
    encoding, _ = render(clip, before.frames, tmp_path / "out.mp4")
    after = look(tmp_path / "out.mp4")
    assert (after.size, after.pix_fmt, after.codec) == ((97, 55), "yuv444p", "h264")
    assert after.times == before.times
    assert [note.code for note in encoding.notes] == ["OUTPUT.ODD_SIZE"]
    assert abs(planes(before.frames[2])[0] - planes(after.frames[2])[0]).mean() < 3
    for number in (1, 2):
        assert abs(planes(before.frames[2])[number].mean() - planes(after.frames[2])[number].mean()) < 0.5


def test_the_same_recipe_gives_the_same_frames(tmp_path: Path) -> None:
    footage = Footage(sounds=("eng",))
    clip, before = describe(make(tmp_path / "in.mp4", footage), footage)
    render(clip, before.frames, tmp_path / "one.mp4", ClipOutput())
    render(clip, before.frames, tmp_path / "two.mp4", ClipOutput())
    for one, other in zip(look(tmp_path / "one.mp4").frames, look(tmp_path / "two.mp4").frames, strict=True):
        for a, b in zip(planes(one), planes(other), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("ending", "slack"), [("mkv", MS), ("webm", MS), ("mov", Fraction(0)), ("avi", Fraction(0))])
def test_another_container_keeps_times_as_finely_as_it_can(ending: str, slack: Fraction, tmp_path: Path) -> None:
    footage = Footage(sounds=("eng",))
    clip, before = describe(make(tmp_path / "in.mp4", footage), footage)
    output = tmp_path / f"out.{ending}"
    encoding, _ = render(clip, before.frames, output)
    after = look(output)
    assert len(after.times) == len(before.times)
    for one, other in zip(before.times, after.times, strict=True):
        assert abs((one - before.times[0]) - (other - after.times[0])) <= slack
    assert ("OUTPUT.TIMES_ROUNDED" in [note.code for note in encoding.notes]) == (slack > 0)


def test_uneven_times_are_refused_for_avi(tmp_path: Path) -> None:
    _, footage = TABLE["variable rate"]
    clip, before = describe(make(tmp_path / "in.mp4", footage), footage)
    with pytest.raises(OSError, match="uneven times"):
        render(clip, before.frames, tmp_path / "out.avi")
    render(clip, before.frames, tmp_path / "out.avi", QUICK.model_copy(update={"fps": "25"}))
    assert len(look(tmp_path / "out.avi").frames) == 26  # 1 s and the last frame's 1/30 s
