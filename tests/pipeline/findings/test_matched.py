"""Results that effects made larger are measured in their originals' pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.interfaces import FaceStack
from pipeline.analysis.known import Decided
from pipeline.analysis.store import Analyses, Wanted
from pipeline.clips.probe import open_clip
from pipeline.engine import Clip, Control, Engine
from pipeline.findings.matched import Matched, is_larger
from pipeline.findings.pair import measure_clips
from pipeline.recipe import Looking
from processors.batches import Rect
from tests.door.making import bgr_of, face_clip, write_clip


def finder(clip: Clip, stack: FaceStack, folder: Path) -> Callable[[int, int], Decided]:
    """Who is where in a clip, nobody of whom is anybody yet."""
    engine = Engine(faces=stack, analyses=Analyses(folder))
    return lambda first, last: engine.analyse_clip(clip, Looking(), Control(), Wanted(first, last)).decided((), (), ())


@pytest.mark.parametrize(("size", "larger"), [
    ((640, 480), True), ((480, 360), True), ((322, 242), True), ((320, 240), False), ((160, 120), False),
    ((640, 240), False), ((640, 360), False), ((480, 640), False)])
def test_a_larger_clip_has_the_shape_of_its_original(size: tuple[int, int], larger: bool, tmp_path: Path) -> None:
    clip = open_clip(write_clip(tmp_path / "in.mp4", [np.zeros((240, 320, 3), np.uint8)], sound=False))
    assert is_larger(clip, replace(clip, width=size[0], height=size[1])) is larger


def test_what_scoring_asks_of_it_is_the_small_picture() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (60, 80, 3), np.uint8)
    frame, rect = Matched(7, pixels), Rect(8, 4, 40, 36)
    assert (frame.index, frame.width, frame.height) == (7, 80, 60)
    assert np.array_equal(frame.grey8(), cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY))
    assert np.array_equal(frame.region(rect), pixels[4:36, 8:40])
    assert np.array_equal(frame.glimpse(rect, 1), pixels[4:36, 8:40])
    means = pixels[4:36, 8:40].reshape(8, 4, 8, 4, 3).mean(axis=(1, 3))
    assert np.abs(frame.glimpse(rect, 4) - means).max() <= 1


def test_a_clip_of_twice_as_many_pixels_measures_as_one_of_as_many(stack: FaceStack, tmp_path: Path) -> None:
    """Of the same pixels, each of which is a square in the larger one."""
    path = face_clip(tmp_path / "in.mp4", 3, sound=False)
    rows = []
    for times in (1, 2):
        frames = [np.repeat(np.repeat(one, times, axis=0), times, axis=1) for one in bgr_of(path)]
        made = write_clip(tmp_path / f"{times}.mp4", frames, options={"crf": "0"}, sound=False)
        find = finder(open_clip(path), stack, tmp_path / "analyses")
        rows.append(measure_clips(open_clip(path), open_clip(made), None, stack, find).sheet.rows)
    alike, larger = rows
    assert len(alike) == len(larger) == 3
    assert np.allclose(alike["change"], larger["change"], atol=0.1)
    assert np.allclose(alike["points"], larger["points"], atol=0.5)
    assert np.allclose(alike["sharp"], larger["sharp"], rtol=0.05)
