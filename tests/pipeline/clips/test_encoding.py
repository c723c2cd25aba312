"""How a clip is written, settled before any work: a table."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from models.errors import OutputError
from pipeline.clips.clip import Clip, Colour, Mastering
from pipeline.clips.containers import codecs, containers, hardware_rows, speed_of, speed_words
from pipeline.clips.encoding import Encoding, resolve
from pipeline.clips.estimating import estimate_bytes
from pipeline.clips.hardware import Hardware, trial
from pipeline.clips.pixel_formats import holds, nearest
from pipeline.recipe import ClipOutput
from tests.pipeline.clips.footage import LIGHT, MASTER

PQ = Colour(matrix="bt2020", transfer="pq", space=9, primaries=9, trc=16, range=1)
HLG = Colour(matrix="bt2020", transfer="hlg", space=9, primaries=9, trc=18, range=1)


def clip(**changes: Any) -> Clip:
    plain = Clip(
        path=Path("party.mp4"), name="party.mp4", id="sha256:" + "0" * 64, format="mov,mp4,m4a,3gp,3g2,mj2",
        codec="h264", pix_fmt="yuv420p", width=1920, height=1080, stored=(1920, 1080), turn=0, sar=Fraction(1),
        rate=Fraction(25), time_base=Fraction(1, 12800), pts=np.arange(50, dtype=np.int64) * 512,
        keyframes=np.array([0], np.int64), duration=Fraction(2), bytes=2_000_000)
    return dataclasses.replace(plain, **changes)


def settled(output: str, settings: dict[str, Any] | None = None, **changes: Any) -> Encoding:
    return resolve(clip(**changes), Path(output), ClipOutput.model_validate(settings or {}))


DEEP: dict[str, Any] = {"depth": 10, "pix_fmt": "yuv420p10le"}
CLEAR: dict[str, Any] = {"alpha": True, "pix_fmt": "yuva420p"}

CHOICES: list[tuple[str, dict[str, Any], dict[str, Any], tuple[str, str, str]]] = [
    ("out.mp4", {}, {}, ("mp4", "libx264", "yuv420p")),
    ("out.MOV", {}, {}, ("mov", "libx264", "yuv420p")),
    ("out", {}, {}, ("mp4", "libx264", "yuv420p")),
    ("out", {}, {"format": "mpegts", "path": Path("a.ts")}, ("mkv", "libx264", "yuv420p")),
    ("out", {}, {"format": "matroska,webm", "path": Path("a.webm")}, ("webm", "libvpx-vp9", "yuv420p")),
    ("out.webm", {}, {}, ("webm", "libvpx-vp9", "yuv420p")),
    ("out.avi", {}, {}, ("avi", "libx264", "yuv420p")),
    ("out.gif", {}, {}, ("gif", "ffv1", "bgra")),
    ("out_%04d.png", {}, {}, ("sequence", "ffv1", "yuv420p")),
    ("out_%04d.jpg", {}, {"pix_fmt": "yuv422p"}, ("sequence", "ffv1", "yuv422p")),
    ("folder", {"container": "sequence", "codec": "tiff"}, {}, ("sequence", "ffv1", "yuv420p")),
    ("out.mp4", {}, DEEP, ("mp4", "libx265", "yuv420p10le")),
    ("out.mp4", {}, DEEP | {"colour": PQ}, ("mp4", "libx265", "yuv420p10le")),
    ("out.mkv", {}, {"colour": HLG}, ("mkv", "libx265", "yuv420p10le")),
    ("out.webm", {}, DEEP | {"colour": HLG}, ("webm", "libsvtav1", "yuv420p10le")),
    ("out.mp4", {"sdr": True}, DEEP | {"colour": PQ}, ("mp4", "libx264", "yuv420p")),
    ("out.mp4", {"codec": "h264"}, DEEP | {"colour": PQ}, ("mp4", "libx264", "yuv420p10le")),
    ("out.avi", {}, DEEP, ("avi", "ffv1", "yuv420p10le")),
    ("out.mov", {}, CLEAR, ("mov", "prores_ks", "yuva444p10le")),
    ("out.mkv", {}, CLEAR, ("mkv", "prores_ks", "yuva444p10le")),
    ("out.webm", {}, CLEAR, ("webm", "libvpx-vp9", "yuva420p")),
    ("out.mp4", {"codec": "h264"}, CLEAR, ("mp4", "libx264", "yuv420p")),
    ("out.mp4", {}, {"kind": "gif", "pix_fmt": "bgra", "alpha": True}, ("mp4", "libx264", "yuv420p")),
    ("out.mov", {"codec": "prores"}, {}, ("mov", "prores_ks", "yuv422p10le")),
    ("out.mov", {"codec": "prores"}, {"pix_fmt": "yuv444p"}, ("mov", "prores_ks", "yuv444p10le")),
    ("out.mkv", {"codec": "ffv1"}, {"pix_fmt": "yuv422p10le", "depth": 10}, ("mkv", "ffv1", "yuv422p10le")),
    ("out.mkv", {"codec": "ffv1"}, {"pix_fmt": "nv12"}, ("mkv", "ffv1", "yuv420p")),
    ("out.mp4", {}, {"pix_fmt": "yuvj420p"}, ("mp4", "libx264", "yuvj420p")),
    ("out.mp4", {}, {"pix_fmt": "yuv422p"}, ("mp4", "libx264", "yuv422p")),
    ("out.mp4", {}, {"pix_fmt": "gray"}, ("mp4", "libx264", "yuv420p")),
    ("out.mp4", {}, {"pix_fmt": "rgb24", "kind": "sequence"}, ("mp4", "libx264", "yuv420p")),
    ("out.mp4", {}, {"stored": (1921, 1080)}, ("mp4", "libx264", "yuv444p")),
    ("out.webm", {}, {"stored": (1921, 1081)}, ("webm", "libvpx-vp9", "yuv420p")),
    ("out.webm", {}, {"pix_fmt": "yuv422p", "turn": 1, "stored": (1080, 1920)}, ("webm", "libvpx-vp9", "yuv444p")),
]


@pytest.mark.parametrize(("output", "settings", "changes", "expected"), CHOICES)
def test_container_encoder_and_pixel_format_follow_the_clip(output: str, settings: dict[str, Any],
                                                            changes: dict[str, Any],
                                                            expected: tuple[str, str, str]) -> None:
    encoding = settled(output, settings, **changes)
    assert (encoding.container, encoding.encoder, encoding.pix_fmt) == expected


@pytest.mark.parametrize(("output", "settings", "changes", "code"), [
    ("out.xyz", {}, {}, "OUTPUT.CONTAINER"),
    ("out.webm", {"codec": "h264"}, {}, "OUTPUT.CODEC"),
    ("out.mov", {"codec": "ffv1"}, {}, "OUTPUT.CODEC"),
    ("out.mp4", {"codec": "gif"}, {}, "OUTPUT.CODEC"),
    ("out.avi", {}, {"variable": True}, "OUTPUT.CONTAINER"),
    ("out.mp4", {}, CLEAR, "OUTPUT.ALPHA"),
    ("out.mp4", {"speed": "warp"}, {}, "OUTPUT.CODEC"),
    ("out.mp4", {"crf": 60}, {}, "OUTPUT.CODEC"),
])
def test_what_cannot_be_is_refused_with_a_remedy(output: str, settings: dict[str, Any], changes: dict[str, Any],
                                                 code: str) -> None:
    with pytest.raises(OutputError) as caught:
        settled(output, settings, **changes)
    assert caught.value.code == code
    assert caught.value.remedy


@pytest.mark.parametrize(("output", "settings", "changes", "code"), [
    ("out.mp4", {"codec": "h264"}, CLEAR, "OUTPUT.ALPHA"),
    ("out.mp4", {}, {"stored": (321, 180)}, "OUTPUT.ODD_SIZE"),
    ("out.mp4", {"codec": "av1"}, {"pix_fmt": "yuv444p"}, "OUTPUT.CHROMA"),
    ("out.webm", {"codec": "vp9"}, DEEP, "OUTPUT.DEPTH"),
    ("out.webm", {}, {"turn": 1}, "OUTPUT.TURNED"),
    ("out.mkv", {}, {"time_base": Fraction(1, 30000), "pts": np.arange(50) * 1001}, "OUTPUT.TIMES_ROUNDED"),
    ("out.mp4", {}, {"dolby_vision": True}, "OUTPUT.DOLBY_VISION"),
    ("out.mov", {"codec": "prores"}, {"mastering": Mastering(MASTER, LIGHT)}, "OUTPUT.MASTERING"),
    ("out.gif", {}, {"rate": Fraction(60)}, "OUTPUT.GIF_RATE"),
    ("out.mp4", {"encoder": "videotoolbox"}, {}, "OUTPUT.ENCODER"),
])
def test_what_is_lost_is_said(output: str, settings: dict[str, Any], changes: dict[str, Any], code: str) -> None:
    assert code in [note.code for note in settled(output, settings, **changes).notes]


def test_an_ordinary_clip_has_nothing_to_say() -> None:
    assert settled("out.mp4").notes == ()


def test_tags_stay_what_they_are_unless_pixels_are_converted() -> None:
    assert settled("out.mp4").colour == Colour()
    assert settled("out.mp4", colour=PQ, **DEEP).colour == PQ
    sdr = settled("out.mp4", {"sdr": True}, colour=PQ, mastering=Mastering(MASTER, LIGHT), **DEEP)
    assert (sdr.colour.space, sdr.colour.primaries, sdr.colour.trc, sdr.colour.range) == (1, 1, 1, 1)
    assert sdr.sdr
    assert sdr.mastering == Mastering()
    assert settled("out.gif", colour=PQ, **DEEP).sdr
    from_rgb = settled("out.mp4", pix_fmt="rgb24").colour
    assert (from_rgb.space, from_rgb.range, from_rgb.matrix, from_rgb.full) == (1, 1, "bt709", False)


@pytest.mark.parametrize(("turn", "stored", "height", "size"), [
    (0, (1920, 1080), 720, (1280, 720)),
    (1, (1920, 1080), 960, (960, 540)),
    (0, (1920, 1080), 1080, (1920, 1080)),
    (0, (321, 181), None, (321, 181)),
    (0, (640, 480), 101, (134, 100)),
])
def test_scaled_sizes_are_even_and_keep_the_shape(turn: int, stored: tuple[int, int], height: int | None,
                                                  size: tuple[int, int]) -> None:
    upright = stored if turn % 2 == 0 else stored[::-1]
    encoding = settled("out.mp4", {"height": height}, turn=turn, stored=stored, width=upright[0], height=upright[1],
                       sar=Fraction(4, 3))
    assert (encoding.width, encoding.height) == size
    assert (encoding.sar, encoding.turn) == (Fraction(4, 3), turn)


def test_frames_that_are_turned_themselves_swap_the_shape_of_pixels() -> None:
    encoding = settled("out.webm", turn=3, stored=(720, 576), width=576, height=720, sar=Fraction(16, 15))
    assert (encoding.width, encoding.height, encoding.sar) == (576, 720, Fraction(15, 16))
    assert (encoding.upright, encoding.turn) == (True, 0)


def test_another_rate_has_ticks_of_its_own_and_the_same_one_is_none() -> None:
    assert settled("out.mp4", {"fps": "24000/1001"}).time_base == Fraction(1, 24000)
    assert settled("out.mp4", {"fps": "25"}).fps is None
    assert settled("out.mp4", {"fps": "25"}, variable=True).fps == 25
    assert settled("out.gif", rate=Fraction(60)).fps == 50


def test_options_say_quality_speed_and_hdr() -> None:
    def plain(options: tuple[tuple[str, str], ...]) -> dict[str, str]:
        return {name: value for name, value in options if name != "x264-params"}  # what the processor wants besides

    assert plain(settled("out.mp4").options) == {"crf": "18", "preset": "medium"}
    assert plain(settled("out.mp4", {"crf": 23, "speed": "veryfast"}).options) == {"crf": "23", "preset": "veryfast"}
    hevc = dict(settled("out.mp4", colour=PQ, mastering=Mastering(MASTER, LIGHT), **DEEP).options)
    assert f"master-display={MASTER}" in hevc["x265-params"]
    assert "max-cll=1000,400" in hevc["x265-params"]
    assert "open-gop=0" in hevc["x265-params"]
    av1 = dict(settled("out.webm", colour=PQ, mastering=Mastering(MASTER, LIGHT), **DEEP).options)
    assert "L(1000.0000,0.0001)" in av1["svtav1-params"]
    assert "content-light=1000,400" in av1["svtav1-params"]
    assert dict(settled("out.avi").options)["bf"] == "0"
    assert dict(settled("out.mp4", fields="bottom").options)["x264-params"].split(":")[-1] == "bff=1"


# The tables


def test_every_codec_of_every_container_can_be_muxed() -> None:
    for row in containers().values():
        assert row.codecs
        if row.name in ("sequence", "gif"):
            continue
        known = av.open("/dev/null", "w", format=row.muxer).supported_codecs
        for name in row.codecs:
            assert codecs()[name].encoder in known, (row.name, name)


def test_every_pixel_format_of_the_table_is_one_that_the_encoder_takes() -> None:
    for row in codecs().values():
        offered = {form.name for form in av.Codec(row.encoder, "w").video_formats or []}
        assert set(row.formats) - {"*"} <= offered, row.name


def test_speeds_have_a_word_in_every_family() -> None:
    for word in speed_words():
        assert all(speed_of(word, family) for family in ("x264", "av1", "vp9", "nvenc", "qsv"))
    with pytest.raises(KeyError):
        speed_of("warp", "x264")


@pytest.mark.parametrize(("pix_fmt", "offered", "expected"), [
    ("yuv422p10le", ("yuv420p", "yuv444p", "yuv420p10le"), "yuv420p10le"),
    ("yuva420p", ("yuv420p", "yuva444p10le"), "yuva444p10le"),
    ("yuv422p", ("yuv440p", "yuv422p"), "yuv422p"),
    ("pal8", ("yuv420p", "bgra"), "bgra"),
    ("gray10le", ("yuv420p", "yuv420p10le"), "yuv420p10le"),
    ("p010le", ("yuv444p10le", "yuv420p10le"), "yuv420p10le"),
])
def test_the_nearest_pixel_format_loses_least(pix_fmt: str, offered: tuple[str, ...], expected: str) -> None:
    assert nearest(pix_fmt, offered) == expected


def test_what_pixel_formats_hold() -> None:
    assert (holds("yuv420p").across, holds("yuv420p").down, holds("yuv420p").depth) == (2, 2, 8)
    assert holds("yuva444p10le").alpha
    assert holds("gbrp12le").rgb
    assert holds("gray").chroma == 0


# Graphics cards


def test_a_trial_tells_encoders_that_work_from_those_that_do_not() -> None:
    assert trial("libx264", "yuv420p")
    assert not trial("no_such_encoder", "yuv420p")
    assert not trial("h264_videotoolbox", "nv12") or "h264_videotoolbox" in av.codecs_available


class Pretend(Hardware):
    """A machine with NVENC for H.264 alone. asked: how often it was."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def encoder(self, kind: str, codec: str) -> str | None:
        self.asked += 1
        return "h264_nvenc" if (kind, codec) == ("nvenc", "h264") else None


def test_a_card_is_used_where_it_is_asked_for_and_works() -> None:
    machine = Pretend()
    used = resolve(clip(), "mp4", ClipOutput(encoder="nvenc"), machine)
    assert (used.encoder, used.notes) == ("h264_nvenc", ())
    assert dict(used.options)["cq"] == "18"
    other = resolve(clip(), "mp4", ClipOutput(encoder="nvenc", codec="h265"), machine)
    assert (other.encoder, [note.code for note in other.notes]) == ("libx265", ["OUTPUT.ENCODER"])
    asked = machine.asked
    assert resolve(clip(), "mp4", ClipOutput(), machine).encoder == "libx264"
    assert machine.asked == asked, "without a wish there is no trial"


def test_a_card_is_tried_once() -> None:
    machine = Hardware()
    for kind in hardware_rows():
        first = machine.encoder(kind, "h264")
        assert machine.encoder(kind, "h264") == first
    assert machine.encoder("nvenc", "prores") is None


# Sizes


def test_estimates_grow_with_time_size_and_quality() -> None:
    usual = estimate_bytes(clip(), settled("out.mp4"), 10)
    assert estimate_bytes(clip(), settled("out.mp4"), 20) == pytest.approx(2 * usual, rel=0.01)
    assert estimate_bytes(clip(), settled("out.mp4", {"crf": 24}), 10) == pytest.approx(usual / 2, rel=0.01)
    assert estimate_bytes(clip(), settled("out.mp4", {"height": 540}), 10) == pytest.approx(usual / 4, rel=0.01)
    assert estimate_bytes(clip(), settled("out.mov", {"codec": "prores"}), 10) > 10 * usual
