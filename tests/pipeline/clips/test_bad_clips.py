"""Files that are no clips, broken clips and clips made to harm: each a coded error that names the file and the
remedy, and of damage in the middle the place."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from models.errors import LikenessError
from pipeline.clips.clip import Clip
from pipeline.clips.probe import is_clip, open_clip
from pipeline.clips.reader import MediaDamaged, read_frames
from tests.pipeline.clips.footage import Footage
from tests.pipeline.clips.footage import make as make_footage
from tests.pipeline.clips.numbered import make, picture
from tests.pipeline.pictures import making as m

SMALL: dict[str, Any] = {"size": (160, 96), "frames": 40}
GOPS = {"g": "10", "bf": "2", "preset": "fast"}
FRONT = Footage(size=(160, 96), ticks=tuple(range(40)), time_base=Fraction(1, 25), rate=Fraction(25), options=GOPS,
                movflags="faststart")


def refused(path: Path, name: str | None = None) -> LikenessError:
    with pytest.raises(LikenessError) as caught:
        open_clip(path, name=name)
    shown = name or str(path)
    assert shown in caught.value.message
    assert caught.value.subject == shown
    assert caught.value.remedy
    assert "Error" not in caught.value.message
    return caught.value


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def count(clip: Clip) -> tuple[int, MediaDamaged]:
    """How many frames come before the damage, with one thread and with several."""
    found = []
    for threads in (1, 0):
        seen: list[int] = []
        with pytest.raises(MediaDamaged) as caught:
            seen.extend(frame.index for frame in read_frames(clip, int(clip.pts[0]), None, threads=threads))
        assert caught.value.code == "MEDIA.DAMAGED"
        assert clip.name in caught.value.message
        assert seen == list(range(len(seen)))
        found.append((len(seen), caught.value))
    assert found[0][0] == found[1][0]
    assert found[0][1].ticks == found[1][1].ticks == clip.pts[found[0][0]]
    return found[0]


@pytest.mark.parametrize(("data", "code"), [
    (b"", "MEDIA.EMPTY"),
    (b"hello, this is a letter", "MEDIA.UNKNOWN_FORMAT"),
    (bytes(5000), "MEDIA.UNKNOWN_FORMAT"),
    (b"#EXTM3U\n/etc/passwd\n", "MEDIA.UNKNOWN_FORMAT"),
    (b"\x00\x00\x00\x18ftypmp42" + bytes(200), "MEDIA.TRUNCATED"),
    (b"\x1aE\xdf\xa3" + bytes(200), "MEDIA.TRUNCATED"),
    (b"RIFF\x24\x00\x00\x10AVI LIST" + bytes(60), "MEDIA.TRUNCATED"),
    (b"FLV\x01" + bytes(60), "MEDIA.UNREADABLE"),
])
def test_each_kind_of_bad_file_has_its_code(data: bytes, code: str, tmp_path: Path) -> None:
    assert refused(written(tmp_path / "a.mp4", data)).code == code
    assert refused(tmp_path / "a.mp4", "my holiday.mp4").code == code


def test_still_pictures_are_told_from_clips(tmp_path: Path) -> None:
    for format in ("jpeg", "gif"):
        assert refused(written(tmp_path / "a.mp4", m.coded(format))).code == "INPUT.IS_PICTURE"


@pytest.mark.parametrize("format", ["PNG", "WebP"])
def test_animated_pictures_are_called_what_they_are(format: str, tmp_path: Path) -> None:
    pictures = [Image.fromarray(np.full((32, 32, 3), 80 * n, np.uint8)) for n in range(3)]
    pictures[0].save(tmp_path / "a", format.lower(), save_all=True, append_images=pictures[1:], duration=100)
    error = refused(tmp_path / "a")
    assert error.code == "INPUT.IS_PICTURE"
    assert f"an animated {format}" in error.message
    pictures[0].save(tmp_path / "a", format.lower())
    assert "a still picture" in refused(tmp_path / "a").message


def test_missing_folders_pipes_and_devices(tmp_path: Path) -> None:
    assert refused(tmp_path / "nowhere.mp4").code == "INPUT.MISSING"
    assert refused(tmp_path / "no_%04d.png").code == "INPUT.MISSING"
    assert refused(written(tmp_path / "file", b"x") / "in.mp4").code == "INPUT.MISSING"
    assert refused(tmp_path).code == "INPUT.IS_FOLDER"
    os.mkfifo(tmp_path / "pipe.mp4")
    assert refused(tmp_path / "pipe.mp4").code == "INPUT.NOT_A_FILE"
    assert refused(Path("/dev/zero")).code == "INPUT.NOT_A_FILE"


def test_a_file_that_may_not_be_read() -> None:
    with m.open_folder() as folder:
        path = written(folder / "a.mp4", m.coded("png"))
        path.chmod(0)
        with m.without_privileges():
            assert refused(path).code == "INPUT.NO_PERMISSION"
            assert not is_clip(path)


def test_rows_with_a_gap_and_two_rows_are_refused(tmp_path: Path) -> None:
    for number in (1, 2, 4):
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / f"a{number}.png")
    error = refused(tmp_path)
    assert error.code == "MEDIA.SEQUENCE"
    assert "a3.png" in error.message
    for number in (1, 2):
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / f"b{number}.png")
    assert refused(tmp_path).code == "MEDIA.SEQUENCE"


def test_sound_alone_is_no_clip(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("aac", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 48000
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    assert refused(path).code == "MEDIA.NO_VIDEO"


@pytest.mark.parametrize("coding", [b"encv", b"zzzz"])
def test_encrypted_and_unknown_codings(coding: bytes, tmp_path: Path) -> None:
    data = make_footage(tmp_path / "a.mp4", FRONT).read_bytes()
    at = data.index(b"avc1", data.index(b"stsd"))
    assert refused(written(tmp_path / "b.mp4", data[:at] + coding + data[at + 4:])).code == "MEDIA.CODEC"


def test_a_clip_of_which_the_samples_are_encrypted(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w", options={"encryption_scheme": "cenc-aes-ctr", "encryption_key": "76" * 16,
                                          "encryption_kid": "a7" * 16}) as out:
        stream: Any = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for number in range(8):
            frame = av.VideoFrame.from_ndarray(picture(number, 64, 64), "gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    assert b"avc1" in path.read_bytes()
    error = refused(path)
    assert error.code == "MEDIA.CODEC"
    assert "encrypted" in error.message


def test_absurd_rates(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", size=(64, 64), frames=20, ticks=list(range(20)), time_base=Fraction(1, 5000),
                rate=Fraction(5000))
    assert refused(path).code == "MEDIA.RATE"


def test_absurd_dimensions(tmp_path: Path) -> None:
    path = make(tmp_path / "a.avi", "rawvideo", size=(64, 64), frames=3)
    data = bytearray(path.read_bytes())
    at = data.index(b"strf") + 12
    data[at:at + 4] = (70_000).to_bytes(4, "little")
    assert refused(written(path, bytes(data))).code == "MEDIA.TOO_LARGE"


def test_a_film_without_its_index_says_that_it_ends_too_early(tmp_path: Path) -> None:
    data = make(tmp_path / "a.mp4", **SMALL).read_bytes()
    assert refused(written(tmp_path / "b.mp4", data[:len(data) // 2])).code == "MEDIA.TRUNCATED"


@pytest.mark.parametrize(("ending", "share"), [(".mp4", 0.4), (".mp4", 0.6), (".mp4", 0.99), (".mkv", 0.4),
                                               (".mkv", 0.8), (".avi", 0.7), (".avi", 0.9)])
def test_a_film_cut_off_in_the_middle_is_read_up_to_there(ending: str, share: float, tmp_path: Path) -> None:
    path = tmp_path / f"a{ending}"
    if ending == ".mp4":
        make_footage(path, FRONT)
    else:
        make(path, options=GOPS, **SMALL)
    whole = open_clip(path)
    truth = [frame.video_frame().to_ndarray() for frame in read_frames(whole, int(whole.pts[0]), None)]
    data = path.read_bytes()
    clip = open_clip(written(tmp_path / f"b{ending}", data[:int(len(data) * share)]))
    assert "CLIP.CUT_OFF" in [note.code for note in clip.notes]
    good, damage = count(clip)
    assert 0 < good < 40
    assert (damage.ticks - int(clip.pts[0])) * clip.time_base == good * Fraction(1, 25)
    got = [frame.video_frame().to_ndarray() for frame in read_frames(clip, int(clip.pts[0]), damage.ticks)]
    assert all((a == b).all() for a, b in zip(got, truth[:good], strict=True))


@pytest.mark.parametrize(("codec", "ending", "hit"), [("libx264", ".mkv", 23), ("mpeg2video", ".mkv", 23),
                                                      ("libsvtav1", ".mkv", 20), ("libx264", ".mkv", 20)])
def test_damage_in_the_middle_is_placed_and_nothing_before_it_is_lost(codec: str, ending: str, hit: int,
                                                                    tmp_path: Path) -> None:
    options = {"libx264": GOPS, "mpeg2video": {"g": "10", "bf": "2"},
               "libsvtav1": {"g": "10", "preset": "12", "svtav1-params": "lp=1"}}[codec]
    path = make(tmp_path / f"a{ending}", codec, options=options, **SMALL)
    whole = open_clip(path)
    truth = [frame.video_frame().to_ndarray() for frame in read_frames(whole, int(whole.pts[0]), None)]
    broken = written(tmp_path / f"b{ending}", noise_in(path, hit))
    clip = open_clip(broken)
    assert clip.frames == 40
    good, damage = count(clip)
    assert 10 <= good <= 26
    got = [frame.video_frame().to_ndarray() for frame in read_frames(clip, int(clip.pts[0]), damage.ticks)]
    assert all((a == b).all() for a, b in zip(got, truth[:good], strict=True))
    assert [frame.index for frame in read_frames(clip, int(clip.pts[30]), None)] == list(range(30, 40))


@pytest.mark.parametrize("ending", [".ts", ".mkv", ".avi", ".mp4"])
def test_the_place_of_the_damage_is_the_same_wherever_reading_begins_before_it(ending: str, tmp_path: Path) -> None:
    path = make(tmp_path / f"a{ending}", options=GOPS, **SMALL)
    data = noise_in(path, 23) if ending != ".ts" else nothing_in_the_middle(path)
    clip = open_clip(written(tmp_path / f"b{ending}", data))
    assert "CLIP.CUT_OFF" not in [note.code for note in clip.notes]
    good, damage = count(clip)
    assert 12 < good < 30
    for first in range(good):
        seen: list[int] = []
        with pytest.raises(MediaDamaged) as caught:
            seen.extend(frame.index for frame in read_frames(clip, int(clip.pts[first]), None, threads=first % 2))
        assert (seen, caught.value.ticks) == (list(range(first, good)), damage.ticks)


def nothing_in_the_middle(path: Path) -> bytes:
    """A transport stream of which six packets have become empty."""
    data = bytearray(path.read_bytes())
    middle = len(data) // 376 * 188
    for at in range(middle, middle + 6 * 188, 188):
        data[at:at + 188] = b"\x47" + bytes(187)
    return bytes(data)


@pytest.mark.parametrize("tagged", [True, False])
def test_an_end_that_matroska_loses_silently_is_missed(tagged: bool, tmp_path: Path) -> None:
    data = bytearray(make(tmp_path / "a.mkv", "mjpeg", pix_fmt="yuvj420p", sound=1.6 if tagged else None,
                          **SMALL).read_bytes())
    if not tagged:
        assert data.count(b"DURATION") == 1
        data = data.replace(b"DURATION", b"DURATIOX")
    assert not open_clip(written(tmp_path / "b.mkv", bytes(data))).notes
    with av.open(str(tmp_path / "a.mkv")) as file:
        places = [packet.pos or 0 for packet in file.demux(video=0) if packet.size]
    data[places[20] - 8:places[39] + 50] = bytes(places[39] - places[20] + 58)
    clip = open_clip(written(tmp_path / "b.mkv", bytes(data)))
    assert "CLIP.CUT_OFF" in [note.code for note in clip.notes]
    good, damage = count(clip)
    assert good == 20
    assert (damage.ticks - int(clip.pts[0])) * clip.time_base == Fraction(20, 25)


def noise_in(path: Path, hit: int) -> bytes:
    """The file with most of one packet's bytes changed."""
    data = path.read_bytes()
    with av.open(str(path)) as file:
        packet = next(packet for number, packet in enumerate(file.demux(video=0)) if number == hit)
        body = bytes(packet)
    at = data.index(body)
    noise = np.random.default_rng(3).integers(0, 256, len(body), np.uint8).tobytes()
    start = min(12, len(body) // 3)
    return data[:at + start] + noise[start:] + data[at + len(body):]


def two_sizes(path: Path) -> Path:
    """H.264 alone, 20 pictures of one size and then 20 of another."""
    parts = []
    for number, size in enumerate(((160, 96), (192, 96))):
        parts.append(make(path.with_name(f"part{number}.h264"), size=size, frames=20, options=GOPS).read_bytes())
    return written(path, b"".join(parts))


def test_a_clip_that_changes_its_size_says_when(tmp_path: Path) -> None:
    clip = open_clip(two_sizes(tmp_path / "a.h264"))
    seen: list[int] = []
    with pytest.raises(LikenessError) as caught:
        seen.extend(frame.index for frame in read_frames(clip, 0, None))
    assert caught.value.code == "MEDIA.SIZE_CHANGES"
    assert seen == list(range(20))
    assert "0:00.800" in caught.value.message
    assert "160 x 96" in caught.value.message
    assert "192 x 96" in caught.value.message


def test_a_size_that_changes_at_a_seam_of_two_files_is_no_damage(tmp_path: Path) -> None:
    one = make(tmp_path / "one.ts", options={"bf": "0"}, **SMALL).read_bytes()
    two = make(tmp_path / "two.ts", size=(192, 96), frames=20, ticks=list(range(40, 60)),
               options={"bf": "0"}).read_bytes()
    clip = open_clip(written(tmp_path / "a.ts", one + two))
    with pytest.raises(LikenessError) as caught:
        list(read_frames(clip, int(clip.pts[0]), None))
    assert caught.value.code == "MEDIA.SIZE_CHANGES"
    assert "0:01.600" in caught.value.message


def test_times_that_go_back_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuvj420p"
        packets = []
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(picture(number, 64, 64), "gray").reformat(format="yuvj420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            packets += stream.encode(frame)
        for number, packet in enumerate([*packets, *stream.encode(None)]):
            packet.pts = packet.dts = number
            packet.time_base = Fraction(1, 25)
            out.mux(packet)
    data = bytearray(path.read_bytes())
    assert open_clip(path).frames == 20
    blocks = [at for at in range(len(data) - 8) if data[at] == 0xA3 and data[at + 3] == 0x81]
    times = [int.from_bytes(data[at + 4:at + 6], "big") for at in blocks]
    at = blocks[times.index(160, 8)]  # in its cluster, behind 0, 40, 80 and 120
    data[at + 4:at + 6] = (20).to_bytes(2, "big")
    error = refused(written(path, bytes(data)))
    assert error.code == "MEDIA.TIMESTAMPS"


def test_where_times_go_back_is_said(tmp_path: Path) -> None:
    data = make(tmp_path / "a.ts", options=GOPS, **SMALL).read_bytes()
    error = refused(written(tmp_path / "b.ts", data + data))
    assert error.code == "MEDIA.TIMESTAMPS"
    assert "after 0:01.560" in error.message


@pytest.mark.parametrize("harm", [lambda path: path.unlink(), lambda path: os.truncate(path, path.stat().st_size // 2)])
def test_a_file_that_goes_away_is_said(harm: Callable[[Path], None], tmp_path: Path) -> None:
    clip = open_clip(make(tmp_path / "a.mkv", options=GOPS, **SMALL))
    harm(clip.path)
    with pytest.raises(LikenessError) as caught:
        list(read_frames(clip, 0, None))
    assert caught.value.code == "MEDIA.GONE"
    assert caught.value.remedy


def test_numbered_pictures_that_go_away_are_said(tmp_path: Path) -> None:
    for number in range(6):
        Image.fromarray(np.full((16, 16, 3), number, np.uint8)).save(tmp_path / f"a{number}.png")
    clip = open_clip(tmp_path)
    (tmp_path / "a4.png").unlink()
    with pytest.raises(LikenessError) as caught:
        list(read_frames(clip, 0, None))
    assert caught.value.code == "MEDIA.GONE"


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("corpus")
    small: dict[str, Any] = {"size": (64, 64), "frames": 12}
    return {name: make(folder / name, codec, **small).read_bytes() for name, codec in (
        ("a.mp4", "libx264"), ("a.mkv", "ffv1"), ("a.avi", "mpeg4"), ("a.ts", "mpeg2video"), ("a.webm", "libvpx-vp9"))}


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.ts", "a.webm"])
@settings(max_examples=25, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_wrong_with_a_file_it_ends_in_frames_or_a_coded_error(
        name: str, corpus: dict[str, bytes], tmp_path: Path, data: st.DataObject) -> None:
    raw = bytearray(corpus[name])
    for at, byte in data.draw(st.lists(st.tuples(st.integers(0, min(len(raw), 3000) - 1), st.integers(0, 255)),
                                       max_size=8)):
        raw[at] = byte
    path = written(tmp_path / name, bytes(raw[:data.draw(st.integers(1, len(raw)))]))
    is_clip(path)
    refusal = None
    try:
        clip = open_clip(path)
        seen = [frame.index for frame in read_frames(clip, int(clip.pts[0]), None, threads=1)]
    except LikenessError as error:
        refusal = error
    assert (refusal.remedy and name in refusal.message) if refusal else seen == list(range(clip.frames))


def test_what_comes_before_the_first_keyframe_is_left_out_and_said(tmp_path: Path) -> None:
    data = make(tmp_path / "a.ts", options=GOPS, **SMALL).read_bytes()
    tables, body = data[:3 * 188], data[3 * 188:]
    with av.open(str(tmp_path / "a.ts")) as file:
        places = [packet.pos or 0 for packet in file.demux(video=0) if packet.size]
    clip = open_clip(written(tmp_path / "b.ts", tables + body[places[5] - 3 * 188:]))
    assert clip.frames == 30
    assert "CLIP.START_LOST" in [note.code for note in clip.notes]
    assert [frame.index for frame in read_frames(clip, int(clip.pts[0]), None)] == list(range(30))
