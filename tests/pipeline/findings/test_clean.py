"""A thousand frames without a defect, and hardly a finding: the long tier."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from models.arrays import Pixels
from models.interfaces import FaceStack
from pipeline.clips.example import Light, moving_still, placed
from tests.door.making import write_clip
from tests.pipeline.findings.planting import Studio
from tests.pipeline.tracking.making import heads

SIZE = (320, 240)


def _calm(still: Pixels) -> Iterator[Pixels]:
    """Moves, turns, is lit from changing sides, in grain."""
    made = moving_still(still, 350, lambda i: placed(
        (224.0, 130.0), (160 + 20 * math.sin(i / 11), 122 + 8 * math.sin(i / 7)), scale=0.8 + 0.08 * math.sin(i / 31),
        roll=9 * math.sin(i / 13), yaw=16 * math.sin(i / 19)), size=SIZE, noise=2.5,
        light=lambda i: Light(i / 25, 0.3, 1 + 0.12 * math.sin(i / 40)))
    return (pixels for pixels, _ in made)


def _lively(still: Pixels) -> Iterator[Pixels]:
    """Nods and shakes the head fast, in coarser grain; glasses, hat."""
    made = moving_still(still, 350, lambda i: placed(
        (256.0, 210.0), (160 + 25 * math.sin(i / 5), 125 + 9 * math.sin(i / 3.5)), scale=0.42,
        roll=12 * math.sin(i / 6), yaw=22 * math.sin(i / 8), pitch=8 * math.sin(i / 9)), size=SIZE, noise=3.5)
    return (pixels for pixels, _ in made)


def _two(one: Pixels, other: Pixels) -> Iterator[Pixels]:
    """Two heads that stand and sway, side by side."""
    noise = np.random.default_rng(3)
    for i in range(350):
        frame = heads(SIZE, (one, (224.0, 110.0), 0.7, (85 + 10 * math.sin(i / 9), 120)),
                      (other, (256.0, 220.0), 0.42, (235 - 12 * math.sin(i / 12), 122 + 4 * math.sin(i / 5))))
        grain = noise.standard_normal((SIZE[1], SIZE[0], 1), np.float32) * 2
        yield np.asarray(np.clip(frame + grain, 0, 255), np.uint8)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_under_one_finding_in_a_thousand_clean_frames(tmp_path: Path, stack: FaceStack, astronaut: Pixels,
                                                      hopper: Pixels) -> None:
    frames = list(itertools.chain(_calm(astronaut), _lively(hopper), _two(astronaut, hopper)))
    clip = write_clip(tmp_path / "clean.mp4", frames, gop=60, options={"crf": "20", "preset": "veryfast"}, sound=False)
    studio = Studio(tmp_path, stack)
    done = studio.render(studio.recipe(clip))
    assert done.frames == len(frames) == 1050
    assert [(f.code, f.first, f.last, f.words) for f in done.findings] == []
    sheet = studio.version(done).sheet
    assert sheet.cuts == (350, 700)
    assert len(sheet.rows) > 1380
