from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from models.errors import MediaError, OutputError
from pipeline.clips.encoding import resolve
from pipeline.clips.parts import PartWriter, index_part
from pipeline.recipe import ClipOutput
from tests.pipeline.clips.footage import Footage, describe, make, picture, planes

MS = Fraction(1, 1000)


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> tuple[Footage, Path]:
    footage = Footage(options={"bf": "2", "preset": "fast"})
    return footage, make(tmp_path_factory.mktemp("shot") / "in.mp4", footage)


@pytest.mark.parametrize(("container", "codec", "pix_fmt"), [
    ("mp4", "h264", "yuv420p"), ("mp4", "h265", "yuv420p10le"), ("mp4", "av1", "yuv420p"), ("webm", "vp9", "yuva420p"),
    ("mov", "prores", "yuva444p10le"), ("mkv", "ffv1", "yuv420p"), ("gif", "gif", "bgra")])
@pytest.mark.parametrize("base", [Fraction(1, 30000), Fraction(1, 90000), Fraction(1001, 30000), Fraction(1, 10**6)])
def test_every_tick_comes_back(container: str, codec: str, pix_fmt: str, base: Fraction, shot: tuple[Footage, Path],
                               tmp_path: Path) -> None:
    clip, seen = describe(shot[1], shot[0], time_base=base, pix_fmt=pix_fmt, alpha="a" in pix_fmt, kind="file",
                          depth=10 if "10" in pix_fmt else 8)
    settings = ClipOutput.model_validate({"codec": codec, "speed": "fast" if codec == "h264" else "ultrafast"})
    encoding = resolve(clip, container, settings)  # type: ignore[arg-type]
    ticks = [-700, 301, 1302, 1303, 2500, 9000, 9001, 40000]
    footage = replace(shot[0], pix_fmt=pix_fmt)
    with PartWriter(tmp_path / "a.part", encoding, clip) as writer:
        for number, at in enumerate(ticks):
            writer.write(picture(footage, number), at, 1)
    index = index_part(tmp_path / "a.part", encoding)
    assert sorted(index.pts.tolist()) == ticks
    assert writer.frames == len(index) == len(ticks)
    with av.open(str(tmp_path / "a.part")) as part:
        first = next(packet for packet in part.demux(video=0) if packet.size)
        assert first.is_keyframe
    assert seen.frames


def may_take_priority() -> bool:
    """Whether the system lets this process do what the encoder tries to: tried, because root may lack the right in a
    container, and others may have it."""
    if sys.platform != "linux":
        return False
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        return False
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return True


@pytest.mark.skipif(not may_take_priority(), reason="the system gives this process no real-time priority to begin with")
def test_an_av1_encoder_takes_no_priority_over_the_rest_of_the_machine(shot: tuple[Footage, Path], tmp_path: Path,
                                                                       ) -> None:
    clip, _ = describe(shot[1], shot[0])
    settings = ClipOutput(codec="av1", speed="ultrafast")
    with PartWriter(tmp_path / "a.part", resolve(clip, "mp4", settings), clip) as writer:
        for number in range(8):
            writer.write(picture(shot[0], number), number, 1)
        threads = [int(entry.name) for entry in Path("/proc/self/task").iterdir()]
        assert len(threads) > 8, "the encoder's own are among them"
        assert {os.sched_getscheduler(thread) for thread in threads} == {os.SCHED_OTHER}
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_pictures_that_are_not_ready_are_refused(shot: tuple[Footage, Path], tmp_path: Path) -> None:
    clip, _ = describe(shot[1], shot[0])
    other = picture(replace(shot[0], pix_fmt="yuv444p"), 0)
    with pytest.raises(ValueError, match="has not been through"), PartWriter(
            tmp_path / "a.part", resolve(clip, "mp4", ClipOutput()), clip) as writer:
        writer.write(other, 0, 1)
    assert list(tmp_path.iterdir()) == []


def test_frames_are_handed_back_as_they_were(shot: tuple[Footage, Path], tmp_path: Path) -> None:
    clip, seen = describe(shot[1], shot[0])
    encoding = resolve(clip, "mp4", ClipOutput(speed="ultrafast"))

    def said(frame: av.VideoFrame) -> tuple[object, ...]:
        return (frame.pts, frame.pict_type, frame.colorspace, frame.color_range, frame.color_trc,
                frame.color_primaries)

    before = [(said(frame), planes(frame)) for frame in seen.frames]
    with PartWriter(tmp_path / "a.part", encoding, clip) as writer:
        for frame, ticks in zip(seen.frames, clip.pts.tolist(), strict=True):
            writer.write(frame, ticks + 5, 1)
    for frame, (words, samples) in zip(seen.frames, before, strict=True):
        assert said(frame) == words
        for a, b in zip(planes(frame), samples, strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_kinds_of_pictures_of_the_input_do_not_bind_the_encoder(shot: tuple[Footage, Path], tmp_path: Path) -> None:
    clip, seen = describe(shot[1], shot[0])
    assert {frame.pict_type for frame in seen.frames} >= {1, 2}
    for frame in seen.frames:
        frame.pict_type = 1
    with PartWriter(tmp_path / "a.part", resolve(clip, "mp4", ClipOutput(speed="ultrafast")), clip) as writer:
        for frame, ticks in zip(seen.frames, clip.pts.tolist(), strict=True):
            writer.write(frame, ticks, 1)
    with av.open(str(tmp_path / "a.part")) as part:
        assert sum(packet.is_keyframe for packet in part.demux(video=0) if packet.size) == 1


def test_nothing_is_left_after_an_exception(shot: tuple[Footage, Path], tmp_path: Path) -> None:
    clip, seen = describe(shot[1], shot[0])
    encoding = resolve(clip, "mp4", ClipOutput(speed="ultrafast"))

    def work(second: int) -> None:
        with PartWriter(tmp_path / "a.part", encoding, clip) as writer:
            writer.write(seen.frames[0], 5, 1)
            if second < 0:
                raise KeyError("work failed")
            writer.write(seen.frames[1], second, 1)

    with pytest.raises(KeyError):
        work(-1)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="after one"):
        work(5)
    assert list(tmp_path.iterdir()) == []


def test_an_older_part_stays_until_the_new_one_is_whole(shot: tuple[Footage, Path], tmp_path: Path) -> None:
    clip, seen = describe(shot[1], shot[0])
    encoding = resolve(clip, "mp4", ClipOutput(speed="ultrafast"))
    path = tmp_path / "a.part"
    path.write_bytes(b"older")
    with PartWriter(path, encoding, clip) as writer:
        writer.write(seen.frames[0], 0, 1)
        assert path.read_bytes() == b"older"
    assert len(index_part(path, encoding)) == 1


def test_a_part_cut_short_is_damaged(shot: tuple[Footage, Path], tmp_path: Path) -> None:
    clip, seen = describe(shot[1], shot[0])
    encoding = resolve(clip, "mp4", ClipOutput(speed="ultrafast"))
    path = tmp_path / "a.part"
    with PartWriter(path, encoding, clip) as writer:
        writer.write(seen.frames[0], 0, 1)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(MediaError) as caught:
        index_part(path, encoding)
    assert caught.value.code == "PART.DAMAGED"
    assert "--resume" in caught.value.remedy


def test_a_folder_that_is_not_there_is_said(shot: tuple[Footage, Path], tmp_path: Path) -> None:
    clip, _ = describe(shot[1], shot[0])
    with pytest.raises(OutputError) as caught, PartWriter(
            tmp_path / "none" / "a.part", resolve(clip, "mp4", ClipOutput()), clip):
        pass
    assert caught.value.code == "OUTPUT.NO_FOLDER"


_FULL = """
import resource, signal, sys
from pathlib import Path
from tests.pipeline.clips.footage import Footage, describe, make, QUICK
from tests.pipeline.clips.test_parts import write_all
from models.errors import OutputError
folder = Path(sys.argv[1])
footage = Footage(codec="ffv1", size=(320, 180), time_base=__import__("fractions").Fraction(1, 1000),
                  ticks=tuple(range(0, 800, 20)))
clip, seen = describe(make(folder / "in.mkv", footage), footage)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
try:
    write_all(folder / "a.part", clip, seen.frames)
except OutputError as error:
    print(error.code)
"""


def write_all(path: Path, clip: object, frames: list[av.VideoFrame]) -> None:
    encoding = resolve(clip, "mkv", ClipOutput(codec="ffv1"))  # type: ignore[arg-type]
    with PartWriter(path, encoding, clip) as writer:  # type: ignore[arg-type]
        for number, frame in enumerate(frames):
            writer.write(frame, number, 1)


def test_a_full_disk_has_its_code_and_leaves_nothing(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _FULL, str(tmp_path)], capture_output=True, text=True, timeout=60,
                          check=True)
    assert done.stdout.strip() == "DISK.FULL"
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]
