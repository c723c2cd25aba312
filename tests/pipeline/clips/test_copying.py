"""Closed groups that go into an output as they are, between parts that are encoded."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg
import numpy as np
import pytest

from models.errors import MediaError
from pipeline.clips import avc
from pipeline.clips.clip import Clip
from pipeline.clips.copying import Copied, index_copied
from pipeline.clips.encoding import Encoding, never_copied, resolve
from pipeline.clips.filters import Timed, filtered
from pipeline.clips.joining import Joined, join
from pipeline.clips.parts import PartWriter
from pipeline.clips.probe import open_clip
from pipeline.clips.reader import read_frames
from pipeline.recipe import ClipOutput
from tests.pipeline.clips.footage import QUICK, SWAPPED, Footage, bias, look, make, packets, planes

GROUPED = Footage(ticks=tuple(index * 1001 for index in range(24)), sounds=("eng",), sound_seconds=0.8,
                  options={"g": "8", "bf": "2", "preset": "veryfast", "x264-params": "scenecut=0"})
"""Three groups of eight, with pictures that are coded in another order than shown."""

Span = tuple[int, int, bool]
"""First picture, the one behind the last, and whether it is copied."""

SWITCHES: dict[str, list[Span]] = {
    "copied, encoded, copied": [(0, 8, True), (8, 16, False), (16, 24, True)],
    "encoded, copied, encoded": [(0, 5, False), (5, 8, False), (8, 16, True), (16, 24, False)],
    "copied to the last": [(0, 8, False), (8, 24, True)],
    "all": [(0, 24, True)],
}


@pytest.fixture(scope="module")
def grouped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not to be written to."""
    return make(tmp_path_factory.mktemp("grouped") / "in.mp4", GROUPED)


def tick(clip: Clip, index: int) -> int:
    return int(clip.pts[index]) if index < clip.frames else int(clip.pts[-1]) + 1


def smart(clip: Clip, output: Path, spans: Sequence[Span], settings: ClipOutput = QUICK) -> tuple[Encoding, Joined]:
    """What the renderer does with spans that no effect touches."""
    encoding = resolve(clip, output, settings)
    assert encoding.smart
    parts: list[Path | Copied] = []
    for low, high, copied in spans:
        start, stop = tick(clip, low), tick(clip, high)
        if copied:
            parts.append(Copied(start, stop))
            continue
        file = output.parent / f"{low}.part"
        parts.append(file)
        timed = [Timed(frame.video_frame(), frame.ticks, 1) for frame in read_frames(clip, start, stop)]
        with PartWriter(file, encoding, clip) as writer:
            for one in filtered(timed, clip, encoding):
                writer.write(*one)
    first, last = spans[0][0], spans[-1][1]
    return encoding, join(clip, encoding, parts, output, start=tick(clip, first),
                          stop=None if last == clip.frames else tick(clip, last), edit=SWAPPED)


def checked(path: Path) -> list[str]:
    """A digest of every picture, by ffmpeg's own program, which stops at the first fault."""
    run = subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "warning", "-xerror", "-err_detect", "explode", "-i",
                          str(path), "-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framemd5", "-"],
                         capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    return [line.rsplit(",", 1)[1] for line in run.stdout.splitlines() if not line.startswith("#")]


def same_planes(before: av.VideoFrame, after: av.VideoFrame) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(planes(before), planes(after), strict=True))


def assert_smart(source: Path, output: Path, spans: Sequence[Span]) -> None:
    """Every picture at its time, copied ones bit for bit, encoded ones without a jump."""
    clip = open_clip(source)
    before, after = look(source), look(output)
    first, last = spans[0][0], spans[-1][1]
    assert len(after.frames) == last - first
    slack = Fraction(1, 1000) if output.suffix == ".mkv" else Fraction(0)
    for one, other in zip(before.times[first:last], after.times, strict=True):
        assert abs((other - after.times[0]) - (one - before.times[first])) <= slack
    in_file = {pts: digest for pts, (_, _, digest) in zip(_coded(clip), packets(source, "video")[0], strict=True)}
    out_file = [digest for _, _, digest in packets(output, "video")[0]]
    digests, wanted = checked(output), checked(source)
    for low, high, copied in spans:
        if copied:
            assert digests[low - first:high - first] == wanted[low:high]
            order = [pts for pts in _coded(clip) if tick(clip, low) <= pts < tick(clip, high)]
            assert out_file[low - first:high - first] == [in_file[pts] for pts in order]
        for index in range(low, high):
            old, new = before.frames[index], after.frames[index - first]
            assert same_planes(old, new) == copied
            assert bias(old, new) < 1.5
    assert after.colour == before.colour


def _coded(clip: Clip) -> list[int]:
    assert clip.groups is not None
    return [int(ticks) for ticks in clip.groups.coded]


@pytest.mark.parametrize("spans", SWITCHES.values(), ids=SWITCHES.keys())
def test_copied_pictures_are_the_clips_own_between_encoded_ones(spans: list[Span], grouped: Path, tmp_path: Path,
                                                                ) -> None:
    smart(open_clip(grouped), tmp_path / "out.mp4", spans)
    assert_smart(grouped, tmp_path / "out.mp4", spans)
    assert packets(tmp_path / "out.mp4", "audio") == packets(grouped, "audio")


KINDS: dict[str, tuple[str, str, Footage, str]] = {
    "MKV": ("mkv", "mkv", GROUPED, "veryfast"),
    "MKV into MP4": ("mkv", "mp4", GROUPED, "ultrafast"),
    "MP4 into MKV": ("mp4", "mkv", GROUPED, "ultrafast"),
    "MOV, many B pictures": ("mov", "mov", replace(GROUPED, options=GROUPED.options | {"bf": "7"}), "ultrafast"),
    "none in the clip": ("mp4", "mp4", replace(GROUPED, options=GROUPED.options | {"bf": "0"}), "medium"),
    "baseline": ("mp4", "mp4", replace(GROUPED, options={"g": "8", "profile": "baseline"}), "veryfast"),
    "uneven times": ("mp4", "mp4", replace(
        GROUPED, ticks=tuple(1001 * index + 400 * (index % 3) for index in range(24))), "veryfast"),
    "a late start": ("mp4", "mp4", replace(
        GROUPED, ticks=tuple(1001 * index + 9009 for index in range(24))), "veryfast"),
    "sets in every group": ("mp4", "mkv", replace(
        GROUPED, options=GROUPED.options | {"x264-params": "scenecut=0:repeat-headers=1"}), "veryfast"),
    "full range, tagged": ("mp4", "mp4", replace(GROUPED, pix_fmt="yuvj420p", colour=(2, 1, 1, 1)), "veryfast"),
    "turned, oblong pixels": ("mp4", "mp4", replace(GROUPED, turn=1, sar=Fraction(4, 3)), "veryfast"),
    "ten bits": ("mp4", "mp4", replace(GROUPED, pix_fmt="yuv420p10le"), "veryfast"),
}


@pytest.mark.parametrize("name", KINDS)
def test_so_they_are_in_every_kind_of_clip(name: str, tmp_path: Path) -> None:
    before, after, footage, speed = KINDS[name]
    source, spans = make(tmp_path / f"in.{before}", footage), SWITCHES["copied, encoded, copied"]
    smart(open_clip(source), tmp_path / f"out.{after}", spans, ClipOutput(codec="h264", speed=speed))
    assert_smart(source, tmp_path / f"out.{after}", spans)
    assert (look(tmp_path / f"out.{after}").turn, look(tmp_path / f"out.{after}").sar) == (
        footage.turn, footage.sar or 1)


@pytest.mark.parametrize("every", [1, 3])
def test_groups_may_have_any_length(every: int, tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4", replace(GROUPED, options=GROUPED.options | {"g": str(every)}))
    clip = open_clip(source)
    assert clip.groups is not None
    cuts = [*range(0, 24, every), 24]
    assert clip.groups.spans.tolist() == [list(pair) for pair in itertools.pairwise(cuts)]
    spans = [(low, high, number % 2 == 1) for number, (low, high) in enumerate(itertools.pairwise(cuts))]
    smart(clip, tmp_path / "out.mp4", spans)
    assert_smart(source, tmp_path / "out.mp4", spans)


def test_a_span_is_cut_out_with_its_sound(grouped: Path, tmp_path: Path) -> None:
    spans = [(3, 8, False), (8, 16, True), (16, 19, False)]
    smart(open_clip(grouped), tmp_path / "out.mp4", spans)
    assert_smart(grouped, tmp_path / "out.mp4", spans)
    assert look(tmp_path / "out.mp4").times[0] == 0
    all_sound, sound = ([digest for _, _, digest in packets(path, "audio")[0]]
                        for path in (grouped, tmp_path / "out.mp4"))
    at = all_sound.index(sound[0])
    assert sound == all_sound[at:at + len(sound)]


def test_an_output_is_copied_from_again(grouped: Path, tmp_path: Path) -> None:
    """Its own encoded groups are then copied as well, under a third number."""
    smart(open_clip(grouped), tmp_path / "once.mp4", SWITCHES["copied, encoded, copied"])
    once = open_clip(tmp_path / "once.mp4")
    spans = [(0, 8, False), (8, 24, True)]
    encoding, _ = smart(once, tmp_path / "twice.mp4", spans)
    assert encoding.sets_number == 2
    assert_smart(tmp_path / "once.mp4", tmp_path / "twice.mp4", spans)
    header = open_clip(tmp_path / "twice.mp4").groups
    assert header is not None
    assert header.sets.sps_numbers() == {0, 1, 2}


def test_captions_in_copied_pictures_stay(grouped: Path, tmp_path: Path) -> None:
    """They lie in the packets' remarks for decoders (SEI, ATSC A/53 part 4), which nobody takes apart."""
    words = bytes([6, 4, 14, 0xB5, 0, 0x31]) + b"GA94" + bytes([3, 0x41, 0xFF, 0xFC, 0x48, 0x49, 0xFF, 0x80])
    with av.open(str(grouped)) as before, av.open(str(tmp_path / "in.mp4"), "w") as after:
        stream = after.add_stream_from_template(before.streams.video[0], opaque=True)
        for old in before.demux(before.streams.video[0]):
            if old.size:
                new = av.Packet(len(words).to_bytes(4, "big") + words + bytes(old))
                new.is_keyframe, new.stream, new.time_base = old.is_keyframe, stream, old.time_base
                new.pts, new.dts, new.duration = old.pts, old.dts, old.duration
                after.mux(new)
    clip = open_clip(tmp_path / "in.mp4")
    smart(clip, tmp_path / "out.mp4", SWITCHES["copied, encoded, copied"])
    with av.open(str(tmp_path / "out.mp4")) as made:
        told = ["A53_CC" in [one.type.name for one in list[Any](frame.side_data)] for frame in made.decode(video=0)]
    assert told == [True] * 24  # x264 writes them anew from what the decoder says
    sent = packets(tmp_path / "in.mp4", "video")[0]
    assert [one[2] for one in packets(tmp_path / "out.mp4", "video")[0][16:]] == [one[2] for one in sent[16:]]


# What is left alone

def foreign_sets(folder: Path) -> Path:
    """Two encoders' pictures behind each other: the second's parameter sets come in the midst of the track."""
    one = make(folder / "one.mkv", replace(GROUPED, sounds=()))
    other = make(folder / "other.mkv", replace(GROUPED, sounds=(), options={
        "g": "8", "bf": "0", "preset": "veryfast", "x264-params": "scenecut=0:repeat-headers=1:ref=4"}))
    with av.open(str(folder / "in.mkv"), "w") as out, av.open(str(one)) as first, av.open(str(other)) as second:
        stream = out.add_stream_from_template(first.streams.video[0], opaque=True)
        shift = 0
        for source in (first, second):
            for packet in source.demux(source.streams.video[0]):
                if packet.size and packet.pts is not None:
                    packet.pts, packet.dts = packet.pts + shift, (packet.dts or 0) + shift
                    packet.stream = stream
                    out.mux(packet)
            shift = 1335
    return folder / "in.mkv"


def made(ending: str, **changes: Any) -> Any:
    return lambda folder: make(folder / f"in.{ending}", replace(GROUPED, **changes))


UNFIT: dict[str, tuple[Any, str]] = {
    "fields": (made("mp4", fields="top"), "it is interlaced"),
    "other sets on the way": (foreign_sets, "the way its pictures are coded changes"),
    "a broadcast": (made("mpegts"), "it is not H.264 in MP4, MOV or MKV"),
    "H.265": (made("mp4", codec="libx265", options={}), "it is not H.264 in MP4, MOV or MKV"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_what_cannot_be_copied_is_encoded_and_it_is_said_why(name: str, tmp_path: Path) -> None:
    build, why = UNFIT[name]
    clip = open_clip(build(tmp_path))
    assert never_copied(clip) == why
    assert not resolve(clip, tmp_path / "out.mp4", ClipOutput(codec="h264")).smart


@pytest.mark.parametrize(("changes", "can"), [
    ({}, True), ({"codec": "h264", "crf": 30, "speed": "slow", "sound": False}, True), ({"smart": False}, False),
    ({"codec": "h265"}, False), ({"height": 36}, False), ({"fps": "15"}, False), ({"container": "avi"}, False),
    ({"fps": "30000/1001"}, True), ({"height": 72}, True),
])
def test_only_an_output_that_is_coded_as_the_clip_is_copied_into(changes: dict[str, Any], can: bool, grouped: Path,
                                                                 tmp_path: Path) -> None:
    encoding = resolve(open_clip(grouped), tmp_path / "out.mp4", ClipOutput.model_validate(changes))
    assert encoding.smart == can
    assert ("sps-id=1" in dict(encoding.options).get("x264-params", "")) == can


def test_open_groups_are_no_groups(tmp_path: Path) -> None:
    """Their keyframes are marked as such, but pictures behind them look at what lies before."""
    source = make(tmp_path / "in.mp4", replace(GROUPED, options=GROUPED.options | {
        "x264-params": "open-gop=1:scenecut=0", "bf": "3"}))
    clip = open_clip(source)
    assert len(clip.keyframes) == 3
    assert clip.groups is not None
    assert clip.groups.spans.tolist() == [[0, 24]]
    assert (clip.groups.runs(0, 24), clip.groups.runs(0, 23), clip.groups.runs(8, 24)) == ([(0, 24)], [], [])


def test_pictures_that_an_edit_list_hides_are_not_brought_to_light(tmp_path: Path) -> None:
    """Cut by ffmpeg without encoding: the first pictures are there, and hidden."""
    source = make(tmp_path / "in.mp4", replace(GROUPED, sounds=()))
    trimmed = tmp_path / "trimmed.mp4"
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-ss", "0.1001", "-i", str(source), "-c", "copy",
                    str(trimmed)], check=True, timeout=60)
    clip = open_clip(trimmed)
    assert clip.groups is not None
    assert (clip.frames, clip.groups.spans.tolist()) == (21, [[5, 13], [13, 21]])
    spans = [(0, 5, False), (5, 21, True)]
    smart(clip, tmp_path / "out.mp4", spans)
    after, before = look(tmp_path / "out.mp4"), list(read_frames(clip, 0, None))
    assert [same_planes(frame.video_frame(), other) for frame, other in zip(before, after.frames, strict=True)] == (
        [False] * 5 + [True] * 16)


def test_a_group_with_a_damaged_packet_is_read_which_says_so(tmp_path: Path) -> None:
    """A length that leads out of its packet: what is copied is not decoded, but its units are counted."""
    source = make(tmp_path / "in.mp4", replace(GROUPED, sounds=()))
    with av.open(str(source)) as file:
        at = [packet.pos for packet in file.demux(video=0) if packet.size][11]
    with source.open("r+b") as raw:
        raw.seek(at or 0)
        raw.write(b"\xFF")
    clip = open_clip(source)
    assert clip.groups is not None
    assert clip.groups.spans.tolist() == [[0, 8], [16, 24]]


def test_a_span_between_groups_is_refused(grouped: Path) -> None:
    clip = open_clip(grouped)
    assert sorted(index_copied(clip, Copied(tick(clip, 8), tick(clip, 24))).pts.tolist()) == clip.pts[8:24].tolist()
    for low, high in ((8, 23), (9, 24), (8, 8)):
        with pytest.raises(ValueError, match="not made of closed groups"):
            index_copied(clip, Copied(tick(clip, low), tick(clip, high)))


@pytest.mark.parametrize("how", ["another", "shorter"])
def test_a_clip_that_is_another_by_now_is_not_copied_from(how: str, grouped: Path, tmp_path: Path) -> None:
    source = Path(shutil.copy(grouped, tmp_path))
    clip = open_clip(source)
    ticks = tuple(index * 1500 for index in range(24)) if how == "another" else GROUPED.ticks[:12]
    shutil.copy(make(tmp_path / "new.mp4", replace(GROUPED, ticks=ticks)), source)
    with pytest.raises(MediaError) as caught:
        smart(clip, tmp_path / "out.mp4", [(0, 24, True)])
    assert caught.value.code == "MEDIA.GONE"
    assert not (tmp_path / "out.mp4").exists()


def test_encoded_parts_under_the_clips_own_number_are_refused(grouped: Path, tmp_path: Path) -> None:
    """Decoders would take one's sets for the other's."""
    clip = open_clip(grouped)
    encoding = resolve(clip, tmp_path / "out.mp4", ClipOutput(speed="ultrafast", smart=False))
    with PartWriter(tmp_path / "one.part", encoding, clip) as writer:
        for frame in read_frames(clip, 0, tick(clip, 8)):
            writer.write(frame.video_frame(), frame.ticks, 1)
    with pytest.raises(MediaError) as caught:
        join(clip, encoding, [tmp_path / "one.part", Copied(tick(clip, 8), tick(clip, 24))], tmp_path / "out.mp4",
             start=0, stop=None, edit=SWAPPED)
    assert caught.value.code == "PART.DAMAGED"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.part"]


def test_all_numbers_taken_means_no_copying() -> None:
    sps = avc.ParameterSets(tuple(bytes([0x67, 66, 0, 10]) + _golomb(number) for number in range(32)), ())
    assert sps.sps_numbers() == frozenset(range(32))
    assert sps.free_number() is None


def _golomb(number: int) -> bytes:
    bits = bin(number + 1)[2:]
    return int(("0" * (len(bits) - 1) + bits).ljust(16, "1"), 2).to_bytes(2, "big")
