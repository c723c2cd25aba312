"""`render` on clips that are damaged, cut off, or none at all: refused with a code, or rendered up to where they are
good, and nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.rendering import plan as plans
from pipeline.rendering.ledger import finished_parts
from tests.conftest import HOPPER
from tests.door.conftest import Call
from tests.door.making import face_clip, packets_of, planes_of, times_of

Door = Callable[..., Call]
LOSSLESS = ("--codec", "ffv1")
PLAIN = {"crf": "12", "preset": "veryfast", "bf": "0"}
"""Pictures are coded in the order in which they are shown: damage in one is seen in that one first."""


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """36 frames of 25 a second with sound, the last 24 with a face; keyframes are 0, 12 and 24."""
    return face_clip(tmp_path_factory.mktemp("whole") / "clip.mp4", 36, blank=12, options=PLAIN)


@pytest.fixture
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts end at keyframes: 0..11, 12..23, 24..35."""
    monkeypatch.setattr(plans, "SHORTEST", 12)
    monkeypatch.setattr(plans, "LONGEST", 14)


def harmed(whole: Path, path: Path, frame: int) -> Path:
    """A copy with noise in place of one frame."""
    data = whole.read_bytes()
    with av.open(str(whole)) as file:
        body = bytes([packet for packet in file.demux(video=0) if packet.size][frame])
    assert data.count(body) == 1
    noise = np.random.default_rng(3).integers(0, 256, len(body), np.uint8).tobytes()
    path.write_bytes(data.replace(body, body[:8] + noise[8:]))
    return path


def render(call: Door, clip: Path, out: Path, *more: object) -> Call:
    return call("render", "--source", HOPPER, "--target", clip, "--output", out, *LOSSLESS, "--json", *more)


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "data")


def test_damage_is_refused_by_default_with_its_time(call: Door, whole: Path, tmp_path: Path) -> None:
    clip = harmed(whole, tmp_path / "bad.mp4", 20)
    done = render(call, clip, tmp_path / "out.mkv")
    assert (done.code, done.data["error"]["code"]) == (1, "MEDIA.DAMAGED")
    assert "0:00.800" in done.data["error"]["message"]
    assert "bad.mp4" in done.data["error"]["message"]
    assert left_in(tmp_path) == ["bad.mp4"]


def test_up_to_the_damage_all_is_there_and_the_sound_ends_with_it(call: Door, whole: Path, tmp_path: Path) -> None:
    clip, out = harmed(whole, tmp_path / "bad.mp4", 20), tmp_path / "out.mkv"
    done = render(call, clip, out, "--damaged", "up-to")
    assert done.code == 0, done.err
    assert (done.data["frames"], done.data["changed"]) == (20, 8)
    note, = [note for note in done.data["notes"] if note["code"] == "CLIP.DAMAGED"]
    assert "0.80 seconds" in note["words"]
    before, after = planes_of(whole)[:20], planes_of(out)
    assert [bool((a != b).any()) for a, b in zip(before, after, strict=True)] == [False] * 12 + [True] * 8
    late = times_of(out)[0]
    assert [round(float(t - late), 3) for t in times_of(out)] == [round(n / 25, 3) for n in range(20)]
    sound, all_sound = packets_of(out), packets_of(whole)
    assert sound == all_sound[:len(sound)]
    assert len(sound) * 1024 / 44100 == pytest.approx(0.8, abs=0.06)
    assert left_in(tmp_path) == ["bad.mp4", "out.mkv"]
    # What was kept of it does not count where damage is refused.
    again = render(call, clip, tmp_path / "again.mkv")
    assert (again.code, again.data["error"]["code"]) == (1, "MEDIA.DAMAGED")
    assert left_in(tmp_path) == ["bad.mp4", "out.mkv"]


@pytest.mark.usefixtures("short_parts")
@pytest.mark.parametrize("frame", [23, 24, 25])
def test_damage_at_the_border_of_two_parts(frame: int, call: Door, whole: Path, tmp_path: Path) -> None:
    clip, out = harmed(whole, tmp_path / "bad.mp4", frame), tmp_path / "out.mkv"
    refused = render(call, clip, out)
    assert (refused.code, refused.data["error"]["code"]) == (1, "MEDIA.DAMAGED")
    assert f"0:00.{40 * frame}" in refused.data["error"]["message"] or frame == 25
    assert not out.exists()
    assert finished_parts(out) == (1 if frame == 23 else 2)
    done = render(call, clip, out, "--damaged", "up-to", "--resume")
    assert done.code == 0, done.err
    assert done.data["frames"] == frame
    assert [bool((a != b).any()) for a, b in zip(planes_of(whole)[:frame], planes_of(out), strict=True)] == \
        [False] * 12 + [True] * (frame - 12)
    assert left_in(tmp_path) == ["bad.mp4", "out.mkv"]


def test_only_damage_in_what_was_asked_for_counts(call: Door, whole: Path, tmp_path: Path) -> None:
    clip = harmed(whole, tmp_path / "bad.mp4", 20)
    before = render(call, clip, tmp_path / "before.mkv", "--stop", "20f")
    assert (before.code, before.data["frames"]) == (0, 20), before.err
    behind = render(call, clip, tmp_path / "behind.mkv", "--start", "24f")
    assert (behind.code, behind.data["frames"], behind.data["changed"]) == (0, 12, 12), behind.err
    hidden = render(call, clip, tmp_path / "hidden.mkv", "--stop", "20f", "--map", "others=blur",
                    "--accept", "0-0.8")
    assert hidden.code == 0, hidden.err
    assert hidden.data["frames"] == 20


def test_where_nothing_is_good_damage_is_an_error_even_up_to_it(call: Door, whole: Path, tmp_path: Path) -> None:
    clip = harmed(whole, tmp_path / "bad.mp4", 24)
    done = render(call, clip, tmp_path / "out.mkv", "--start", "24f", "--damaged", "up-to")
    assert (done.code, done.data["error"]["code"]) == (1, "MEDIA.DAMAGED")
    assert left_in(tmp_path) == ["bad.mp4"]


def test_people_are_found_in_what_is_good(call: Door, whole: Path, tmp_path: Path) -> None:
    clip, out = harmed(whole, tmp_path / "bad.mp4", 20), tmp_path / "out.mkv"
    found = call("analyse", clip, "--json")
    assert (found.code, [person["number"] for person in found.data["people"]]) == (0, [1])
    done = render(call, clip, out, "--damaged", "up-to", "--map", "1=face", "--source", f"face={HOPPER}")
    assert (done.code, done.data["changed"]) == (0, 8), done.err


def test_fewer_pictures_a_second_up_to_the_damage(call: Door, whole: Path, tmp_path: Path) -> None:
    clip, out = harmed(whole, tmp_path / "bad.mp4", 21), tmp_path / "out.mkv"
    done = render(call, clip, out, "--damaged", "up-to", "--fps", "5")
    assert done.code == 0, done.err
    assert len(times_of(out)) in (4, 5)


def without_index(whole: Path, path: Path) -> Path:
    data = whole.read_bytes()
    path.write_bytes(data[:data.index(b"moov") - 1000])
    return path


def text(_: Path, path: Path) -> Path:
    path.write_text("Dear Ann, here is the clip that you asked for.")
    return path


def two_sizes(_: Path, path: Path) -> Path:
    data = b""
    for number, size in enumerate(((320, 240), (240, 320))):
        part = face_clip(path.with_name(f"{number}.h264"), 12, size=size, options=PLAIN, sound=False)
        data += part.read_bytes()
        part.unlink()
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(("make", "name", "code"), [
    (without_index, "cut.mp4", "MEDIA.TRUNCATED"), (text, "letter.mp4", "MEDIA.UNKNOWN_FORMAT"),
    (text, "letter.txt", "MEDIA.UNKNOWN_FORMAT"), (two_sizes, "sizes.h264", "MEDIA.SIZE_CHANGES")])
@pytest.mark.parametrize("more", [(), ("--damaged", "up-to")])
def test_what_cannot_be_rendered_is_said_and_leaves_nothing(
        make: Callable[[Path, Path], Path], name: str, code: str, more: tuple[str, ...], call: Door, whole: Path,
        tmp_path: Path) -> None:
    clip = make(whole, tmp_path / name)
    done = render(call, clip, tmp_path / "out.mkv", *more)
    assert done.code == 1, done.err
    error = done.data["error"]
    assert error["code"] == code
    assert name in error["message"]
    assert error["remedy"]
    assert left_in(tmp_path) == [name]
