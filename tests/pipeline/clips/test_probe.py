"""What is known of a clip before its first frame is drawn: each kind of clip against how it was made."""

from __future__ import annotations

import hashlib
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.clips import identity
from pipeline.clips.clip import Mastering
from pipeline.clips.packets import TimesGoBackError, check_order, pace_of
from pipeline.clips.probe import is_clip, open_clip
from pipeline.clips.reader import read_frames
from pipeline.clips.sequences import runs_in
from tests.pipeline.clips.footage import LIGHT, MASTER, Footage, make

MILLI = Fraction(1, 1000)


def even(count: int = 14, step: int = 40, start: int = 0) -> dict[str, Any]:
    return {"ticks": tuple(range(start, start + count * step, step)), "time_base": MILLI, "rate": Fraction(25)}


def film(count: int = 40) -> dict[str, Any]:
    """24000/1001 pictures a second in milliseconds."""
    return {"ticks": tuple(round(i * 1001 / 24) for i in range(count)), "time_base": MILLI,
            "rate": Fraction(24000, 1001)}


TABLE: dict[str, tuple[str, Footage, dict[str, Any], tuple[str, ...]]] = {
    "plain": (".mp4", Footage(), {"width": 128, "height": 72, "rate": Fraction(30000, 1001), "variable": False,
                                  "frames": 14, "duration": Fraction(14 * 1001, 30000), "fields": "progressive"}, ()),
    "film in milliseconds": (".mkv", Footage(**film()), {"rate": Fraction(24000, 1001), "variable": False}, ()),
    "variable": (".mkv", Footage(time_base=MILLI, ticks=(0, 33, 66, 150, 151, 400, 700)),
                 {"variable": True, "frames": 7}, ("CLIP.VARIABLE",)),
    "a hole": (".mp4", Footage(time_base=MILLI, rate=Fraction(25), ticks=(*range(0, 400, 40), *range(2400, 2800, 40))),
               {"variable": True, "rate": Fraction(25)}, ("CLIP.HOLE",)),
    "film with a hole": (".mkv", Footage(**film() | {"ticks": tuple(t + 900 * (t > 800) for t in film()["ticks"])}),
                         {"variable": True, "rate": Fraction(24000, 1001)}, ("CLIP.HOLE",)),
    "FLV": (".flv", Footage(codec="flv", options={"g": "10"}), {"rate": Fraction(30000, 1001), "variable": False}, ()),
    "variable with a hole": (".mkv", Footage(time_base=MILLI, ticks=(0, 33, 66, 150, 151, 400, 1400)),
                             {"variable": True}, ("CLIP.HOLE", "CLIP.VARIABLE")),
    "late": (".mp4", Footage(**even(start=500), sounds=("eng",)), {"variable": False}, ("CLIP.LATE",)),
    "one picture": (".mp4", Footage(ticks=(0,)), {"frames": 1, "duration": Fraction(1001, 30000)}, ()),
    "turned": (".mp4", Footage(turn=1), {"turn": 1, "width": 72, "height": 128, "stored": (128, 72)},
               ("CLIP.TURNED",)),
    "upside down": (".mov", Footage(turn=2), {"turn": 2, "width": 128, "height": 72}, ("CLIP.TURNED",)),
    "turned back": (".mov", Footage(turn=3), {"turn": 3, "width": 72, "height": 128}, ("CLIP.TURNED",)),
    "wide pixels": (".mkv", Footage(sar=Fraction(64, 45), size=(180, 144)),
                    {"sar": Fraction(64, 45), "width": 256, "height": 144, "stored": (180, 144)},
                    ("CLIP.NOT_SQUARE",)),
    "wide pixels, turned": (".mov", Footage(sar=Fraction(64, 45), size=(180, 144), turn=1),
                            {"width": 144, "height": 256}, ("CLIP.TURNED", "CLIP.NOT_SQUARE")),
    "top field first": (".mp4", Footage(fields="top"), {"fields": "top"}, ("CLIP.INTERLACED",)),
    "bottom field first": (".mkv", Footage(fields="bottom"), {"fields": "bottom"}, ("CLIP.INTERLACED",)),
    "HDR": (".mkv", Footage(codec="libx265", pix_fmt="yuv420p10le", colour=(1, 9, 9, 16),
                            mastering=Mastering(MASTER, LIGHT)),
            {"depth": 10, "mastering": Mastering(MASTER, LIGHT)}, ("CLIP.HDR",)),
    "transparent VP9": (".webm", Footage(codec="libvpx-vp9", pix_fmt="yuva420p", **even()),
                        {"alpha": True, "pix_fmt": "yuva420p"}, ("CLIP.ALPHA",)),
    "transparent ProRes": (".mov", Footage(codec="prores_ks", pix_fmt="yuva444p10le"), {"alpha": True},
                           ("CLIP.ALPHA",)),
    "hidden pictures": (".webm", Footage(codec="libvpx", **even(50), options={
        "auto-alt-ref": "1", "lag-in-frames": "10", "g": "12", "deadline": "good", "cpu-used": "5"}),
        {"frames": 50, "variable": False}, ()),
    "GIF": (".gif", Footage(codec="gif", pix_fmt="rgb8", time_base=Fraction(1, 100), ticks=(0, 10, 20, 40, 45),
                            rate=Fraction(10)), {"kind": "gif", "frames": 5, "variable": True}, ("CLIP.VARIABLE",)),
    "AVI": (".avi", Footage(codec="mpeg4", ticks=tuple(range(20)), time_base=Fraction(1, 25), rate=Fraction(25)),
            {"frames": 20, "rate": Fraction(25), "duration": Fraction(20, 25)}, ()),
    "NUT": (".nut", Footage(codec="ffv1", ticks=tuple(range(20)), time_base=Fraction(1, 25), rate=Fraction(25)),
            {"frames": 20, "rate": Fraction(25), "duration": Fraction(20, 25)}, ()),
    "a coding alone": (".h264", Footage(options={"bf": "2", "g": "5"}),
                       {"frames": 14, "rate": Fraction(25), "variable": False}, ()),
}


@pytest.mark.parametrize("kind", TABLE)
def test_each_kind_of_clip_is_known_for_what_it_is(kind: str, tmp_path: Path) -> None:
    ending, footage, expected, remarks = TABLE[kind]
    path = make(tmp_path / f"a{ending}", footage)
    assert is_clip(path)
    clip = open_clip(path)
    assert {name: getattr(clip, name) for name in expected} == expected
    assert tuple(note.code for note in clip.notes) == remarks
    assert clip.frames == len(footage.ticks)
    assert clip.keyframes[0] == clip.pts[0]
    assert (np.diff(clip.pts) > 0).all()
    assert set(clip.keyframes.tolist()) <= set(clip.pts.tolist())
    if ending in (".mp4", ".mov", ".mkv", ".webm"):
        made = [(tick - footage.ticks[0]) * footage.time_base for tick in footage.ticks]
        read = [int(tick - clip.pts[0]) * clip.time_base for tick in clip.pts]
        slack = MILLI / 2 if ending in (".mkv", ".webm") else Fraction(0)
        assert all(abs(a - b) <= slack for a, b in zip(made, read, strict=True))
    assert clip.bytes == path.stat().st_size
    assert clip.id == "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(("tags", "size", "matrix", "transfer", "full"), [
    ((0, 2, 2, 2), (128, 72), "bt601", "sdr", False),
    ((0, 2, 2, 2), (1280, 64), "bt709", "sdr", False),
    ((0, 2, 2, 2), (64, 720), "bt709", "sdr", False),
    ((1, 1, 1, 1), (128, 72), "bt709", "sdr", False),
    ((2, 6, 6, 6), (1280, 64), "bt601", "sdr", True),
    ((1, 9, 9, 18), (128, 72), "bt2020", "hlg", False),
])
def test_colours_go_by_the_tags_and_else_by_the_size(tags: tuple[int, int, int, int], size: tuple[int, int],
                                                     matrix: str, transfer: str, full: bool, tmp_path: Path) -> None:
    colour = open_clip(make(tmp_path / "a.mp4", Footage(colour=tags, size=size, ticks=(0, 1001)))).colour
    assert (colour.matrix, colour.transfer, colour.full) == (matrix, transfer, full)
    assert (colour.range, colour.space, colour.primaries, colour.trc) == tags


def test_tracks_chapters_and_titles_are_told(tmp_path: Path) -> None:
    clip = open_clip(make(tmp_path / "a.mkv", Footage(
        sounds=("eng", "deu"), titles=("one", "two"), subtitles=("fra",), attachment=b"abc",
        chapters=((0, 200, "a"), (200, 460, "b")), metadata={"title": "Holiday"})))
    told = [(t.kind, t.codec, t.language, t.title, t.channels, t.rate) for t in clip.tracks if t.kind != "attachment"]
    assert told == [
            ("audio", "aac", "eng", "one", 2, 48000), ("audio", "aac", "deu", "two", 2, 48000),
            ("subtitle", "subrip", "fra", "", 0, 0)]
    assert [t.kind for t in clip.tracks].count("attachment") == 1
    assert len(clip.sounds()) == 2
    assert clip.chapters == 2
    assert clip.metadata["title"] == "Holiday"
    assert "eng, deu" in next(note.words for note in clip.notes if note.code == "CLIP.SOUNDS")


def test_a_cover_is_not_the_picture(tmp_path: Path) -> None:
    clip = open_clip(make(tmp_path / "a.mp4", Footage(cover=True)))
    assert (clip.width, clip.height, clip.frames) == (128, 72, 14)


def test_frames_without_coding_are_all_there_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "a.y4m"
    path.write_bytes(b"YUV4MPEG2 W16 H16 F25:1 C420jpeg\n" + b"".join(
        b"FRAME\n" + bytes([number] * 384) for number in range(12)))
    clip = open_clip(path)
    assert (clip.frames, clip.rate, clip.duration, clip.notes) == (12, Fraction(25), Fraction(12, 25), ())
    assert [int(frame.video_frame().to_ndarray()[0, 0]) for frame in read_frames(clip, 0, None)] == list(range(12))


def test_a_mirror_image_is_turned_and_said(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mov", Footage(turn=1))
    data, one = path.read_bytes(), (1 << 16).to_bytes(4, "big")
    matrix = bytes(4) + one + bytes(4) + (-(1 << 16)).to_bytes(4, "big", signed=True)
    assert data.count(matrix) == 1
    path.write_bytes(data.replace(matrix, bytes(4) + one + bytes(4) + one))  # rows and columns change places
    clip = open_clip(path)
    assert [note.code for note in clip.notes] == ["CLIP.TURNED", "CLIP.MIRRORED"]
    assert (clip.width, clip.height) == (72, 128)


def test_dolby_vision_is_said(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", Footage(codec="libx265", pix_fmt="yuv420p10le"))
    data = path.read_bytes()
    assert data.count(b"hev1") == 1
    path.write_bytes(data.replace(b"hev1", b"dvhe"))
    clip = open_clip(path)
    assert clip.dolby_vision
    assert "CLIP.DOLBY_VISION" in [note.code for note in clip.notes]


def numbered(folder: Path, numbers: range, form: str = "shot_{:04d}.png") -> Path:
    folder.mkdir(exist_ok=True)
    for number in numbers:
        Image.fromarray(np.full((20, 30, 3), number % 256, np.uint8)).save(folder / form.format(number))
    return folder


@pytest.mark.parametrize(("form", "pattern"), [("shot_{:04d}.png", "shot_%04d.png"), ("{}.png", "%d.png"),
                                               ("a{:03d}b.jpg", "a%03db.jpg")])
def test_numbered_pictures_are_a_clip_by_folder_and_by_pattern(form: str, pattern: str, tmp_path: Path) -> None:
    folder = numbered(tmp_path / "100% sure %d", range(95, 103), form)
    (folder / "notes.txt").write_text("7")
    for path in (folder, folder / pattern):
        assert is_clip(path)
        clip = open_clip(path)
        assert (clip.kind, clip.path, clip.frames, clip.rate) == ("sequence", folder / pattern, 8, Fraction(25))
        assert clip.colour.matrix == ("rgb" if form.endswith("png") else "bt601")
        assert [note.code for note in clip.notes] == ["CLIP.SEQUENCE"]
    before = open_clip(folder).id
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(folder / form.format(96))
    assert open_clip(folder).id != before


def test_runs_of_numbers_keep_their_leading_noughts_together(tmp_path: Path) -> None:
    numbered(tmp_path / "a", range(998, 1003), "x{:03d}.png")
    run, = runs_in(tmp_path / "a")
    assert (run.pattern.name, run.numbers) == ("x%d.png", tuple(range(998, 1003)))
    numbered(tmp_path / "b", range(98, 103), "x{:03d}.png")
    run, = runs_in(tmp_path / "b")
    assert (run.pattern.name, run.numbers) == ("x%03d.png", tuple(range(98, 103)))


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "tiff", "bmp", "gif", "heif", "avif"])
def test_a_still_picture_is_no_clip(format: str, tmp_path: Path) -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    path = tmp_path / "a.mp4"
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(path, format)
    assert not is_clip(path)


def test_nothing_else_is_a_clip_and_nobody_waits(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "letter.mp4").write_text("Dear Ann, ...")
    (tmp_path / "empty.mp4").write_bytes(b"")
    for path in (tmp_path / "pipe.mp4", tmp_path / "letter.mp4", tmp_path / "empty.mp4", tmp_path, Path("/dev/zero"),
                 tmp_path / "nothing", tmp_path / "no_%04d.png", Path("a\x00b")):
        assert not is_clip(path)


def test_large_files_are_known_by_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    data = np.random.default_rng(1).integers(0, 256, 5_000_000, np.uint8)
    path.write_bytes(data.tobytes())
    assert identity.id_of_file(path, data.size) == "sha256:" + hashlib.sha256(data.tobytes()).hexdigest()
    monkeypatch.setattr(identity, "WHOLE", 1_000_000)
    first = identity.id_of_file(path, data.size)
    assert first.startswith("sampled:")
    for place in (0, data.size // 2, data.size - 1):
        changed = data.copy()
        changed[max(place - 40_000, 0):place + 40_000] ^= 255
        path.write_bytes(changed.tobytes())
        assert identity.id_of_file(path, data.size) != first


@given(st.sampled_from([Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(60000, 1001)]),
       st.integers(2, 400), st.sampled_from([1000, 90000, 12800]))
def test_even_times_rounded_to_ticks_are_not_variable(rate: Fraction, count: int, ticks: int) -> None:
    base = Fraction(1, ticks)
    pts = np.array([round(number / rate / base) for number in range(count)], np.int64)
    pace = pace_of(pts, base, [rate], 0)
    assert (pace.rate, pace.variable) == (rate, False)


@given(st.lists(st.integers(1, 90), min_size=3, max_size=60))
def test_uneven_times_are_variable_exactly_when_no_grid_holds_them(steps: list[int]) -> None:
    pts = np.concatenate([[0], np.cumsum(steps)])
    off = pts - np.linspace(0, pts[-1], len(pts))
    if np.ptp(off) > 4:  # ticks of a 25th of a second: far from even whatever the rate within 2 %
        off_any = min(np.ptp(pts - np.arange(len(pts)) * pts[-1] / (len(pts) - 1) * scale) for scale in
                      np.linspace(0.98, 1.02, 41))
        if off_any > 4:
            assert pace_of(pts, Fraction(1, 25), [], 0).variable


@given(st.integers(0, 3), st.integers(1, 6))
def test_reordering_within_groups_is_no_going_back(between: int, groups: int) -> None:
    pts: list[int] = []
    keys = []
    for group in range(groups):
        keys.append(len(pts))
        pts.append(group * 8)
        for ahead in range(group * 8 + 1 + between, group * 8 + 8, between + 1):
            pts += [ahead, *range(ahead - between, ahead)]
    check_order(np.array(pts), keys)


@pytest.mark.parametrize(("pts", "keys"), [([0, 1, 2, 1], [0]), ([10, 11, 12, 0, 1, 2], [0, 3]),
                                           ([*range(100, 140), 5], [0])])
def test_times_that_go_back_are_found(pts: list[int], keys: list[int]) -> None:
    with pytest.raises(TimesGoBackError):
        check_order(np.array(pts), keys)


