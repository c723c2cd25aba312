"""`render` where everybody is kept: effects on whole frames run nevertheless."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.door.conftest import Call
from tests.door.making import write_clip
from tests.pipeline.test_backdrop import png
from tests.processors.classical.test_keying import scene

KEEP = ("--map", "others=keep")
BLUE = ("--set", "frame.colour=#0000ff")


@pytest.mark.parametrize("kind", ["picture", "clip"])
def test_the_green_screen_works_where_nobody_is_swapped(call: Callable[..., Call], tmp_path: Path, kind: str) -> None:
    person = scene(noise=0).pixels[:, :352]
    if kind == "picture":
        target, out = png(tmp_path / "in.png", person), tmp_path / "out.png"
    else:
        target, out = write_clip(tmp_path / "in.mp4", [person] * 6, sound=False), tmp_path / "out.mp4"
    words = ("render", "--target", target, "--output", out, *KEEP)
    nothing = call(*words, "--effects", "hull,feather")
    assert (nothing.code, nothing.last.partition(":")[0]) == (2, "RECIPE.NOTHING_TO_DO")
    done = call(*words, "--effects", "hull,feather,keyer", *BLUE)
    assert done.code == 0, done.err
    for made in _frames(out):
        assert np.abs(made[:30, :40].astype(int).mean(axis=(0, 1)) - (255, 0, 0)).max() < 8, "blue, as BGR"
        assert np.abs(made[150, 180].astype(int) - person[150, 180]).max() <= 12


def test_a_clip_that_effects_on_whole_frames_leave_as_it_is_is_not_written(call: Callable[..., Call], tmp_path: Path,
                                                                          ) -> None:
    target = write_clip(tmp_path / "in.mp4", [np.full((96, 128, 3), 90, np.uint8)] * 4, sound=False)
    done = call("render", "--target", target, "--output", tmp_path / "out.mp4", *KEEP, "--effects", "inspect")
    assert done.last.partition(":")[0] == "RECIPE.NOTHING_TO_DO"
    assert "face" not in done.last, "nobody was looked for to be changed"
    assert not (tmp_path / "out.mp4").exists()


def _frames(path: Path) -> list[np.ndarray]:
    if path.suffix == ".png":
        return [np.asarray(cv2.imread(str(path)))]
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
