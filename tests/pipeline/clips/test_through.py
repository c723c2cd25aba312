"""From the reader through a change of one rectangle to a file, and read again by the probe."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline.clips.encoding import resolve
from pipeline.clips.filters import Timed, filtered
from pipeline.clips.joining import join
from pipeline.clips.parts import PartWriter
from pipeline.clips.probe import open_clip
from pipeline.clips.reader import read_frames
from pipeline.recipe import ClipOutput
from processors.batches import Rect
from tests.pipeline.clips.footage import SWAPPED, Footage, bias, look, make, planes
from tests.pipeline.clips.test_faithful_media import TABLE

BOX = Rect(20, 12, 44, 36)
# Where the box and the blocks of chroma round it lie.
ROUND = 4


def through(source: Path, output: Path, settings: ClipOutput, box: Rect | None) -> None:
    clip = open_clip(source)
    encoding = resolve(clip, output, settings)
    files = []
    for number, run in enumerate(np.array_split(clip.pts, min(3, clip.frames))):
        stop = int(run[-1]) + 1
        files.append(source.parent / f"{number}.part")
        timed = []
        for frame in read_frames(clip, int(run[0]), stop):
            if box is not None:
                draft = frame.edit()
                pixels = draft.frame.region(box)
                mask = np.ones(pixels.shape[:2], np.float32)
                draft.write(box, (255 - pixels).astype(pixels.dtype), mask)
                frame = draft.frame
            timed.append(Timed(frame.video_frame(), frame.ticks, 1))
        with PartWriter(files[-1], encoding, clip) as writer:
            for one in filtered(timed, clip, encoding):
                writer.write(*one)
    join(clip, encoding, files, output, start=int(clip.pts[0]), stop=None, edit=SWAPPED)


@pytest.mark.long
@pytest.mark.parametrize("name", TABLE)
def test_the_probe_finds_what_it_found_before(name: str, tmp_path: Path) -> None:
    ending, footage = TABLE[name]
    source = make(tmp_path / f"in.{ending}", footage)
    output = tmp_path / f"out.{ending}"
    through(source, output, ClipOutput(speed="ultrafast"), None)
    before, after = open_clip(source), open_clip(output)
    assert after.frames == before.frames == len(footage.ticks)
    first = int(after.pts[0]) * after.time_base if ending == "avi" else int(before.pts[0]) * before.time_base
    for one, other in zip(before.pts.tolist(), after.pts.tolist(), strict=True):
        assert one * before.time_base - int(before.pts[0]) * before.time_base == other * after.time_base - first
    assert (after.stored, after.turn, after.sar) == (before.stored, before.turn, before.sar)
    assert (after.fields, after.variable) == (before.fields, before.variable)
    if ending != "webm" and ending != "avi":  # VP9 always says a range, FFV1 became H.264
        assert after.colour == before.colour
        assert after.mastering == before.mastering
    assert len(after.tracks) == len(before.tracks)
    assert [(one.kind, one.codec, one.language) for one in after.tracks] == [
        (one.kind, one.codec, one.language) for one in before.tracks]
    assert after.chapters == before.chapters


@pytest.mark.parametrize(("pix_fmt", "colour"), [
    ("yuv420p", (1, 1, 1, 1)), ("yuv422p", (1, 1, 1, 1)), ("yuv444p", (1, 6, 6, 6)), ("yuv420p10le", (1, 9, 9, 16))])
def test_what_is_not_touched_keeps_its_bits_beside_what_is(pix_fmt: str, colour: tuple[int, int, int, int],
                                                           tmp_path: Path) -> None:
    footage = Footage(codec="ffv1", pix_fmt=pix_fmt, colour=colour, time_base=Fraction(1, 1000), rate=Fraction(25),
                      ticks=tuple(range(0, 240, 40)))
    source = make(tmp_path / "in.mkv", footage)
    through(source, tmp_path / "out.mkv", ClipOutput(codec="ffv1"), BOX)
    before, after = look(source), look(tmp_path / "out.mkv")
    assert after.times == before.times
    for one, other in zip(before.frames, after.frames, strict=True):
        for number, (a, b) in enumerate(zip(planes(one), planes(other), strict=True)):
            across, down = 128 // a.shape[1], 72 // a.shape[0]
            outside = np.ones(a.shape, bool)
            outside[(BOX.y0 - ROUND) // down:(BOX.y1 + ROUND) // down,
                    (BOX.x0 - ROUND) // across:(BOX.x1 + ROUND) // across] = False
            np.testing.assert_array_equal(a[outside], b[outside])
            if number == 0:
                inside = np.s_[BOX.y0:BOX.y1, BOX.x0:BOX.x1]
                assert np.abs(a[inside] - b[inside]).mean() > 10
        assert bias(one, other) > 0
