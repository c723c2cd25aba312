"""Effects on whole frames, on both screens, where everybody is kept."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from models.arrays import Pixels
from studio import views
from studio.clip_reload import request_of
from studio.session import TabSession
from studio.settings import Settings
from tests.door.making import write_clip
from tests.pipeline.test_backdrop import png
from tests.processors.classical.test_keying import scene
from tests.studio.clips import codes, do

BLUE = "#0000ff"


def scene_file(folder: Path, kind: str) -> Path:
    """A person before a green screen."""
    pixels = scene(noise=0).pixels[:, :352]
    return png(folder / "in.png", pixels) if kind == "picture" else \
        write_clip(folder / "in.mp4", [pixels] * 6, sound=False)


def open_scene(tab: TabSession, folder: Path, kind: str) -> None:
    path = scene_file(folder, kind)
    do(tab, do="open", at=str(path), name=path.name, how="machine")


def shown(tab: TabSession) -> Pixels:
    """What the viewer shows of the recipe, BGR."""
    if tab.screen == "image":
        assert tab.result is not None
        data = tab.media[tab.result].data
    else:
        assert tab.clip.still is not None
        data = tab.clip.media[tab.clip.still.key].data
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))


@pytest.mark.parametrize("kind", ["picture", "clip"])
def test_a_green_screen_is_shown_and_made_where_nobody_is_swapped(tab: TabSession, tmp_path: Path, kind: str) -> None:
    open_scene(tab, tmp_path, kind)
    bar = views.bar(tab, Settings(tmp_path))
    assert not (bar["can_save"] if kind == "picture" else bar["can_render"]), "nothing is asked for yet"
    do(tab, do="add_effect", processor="keyer")
    do(tab, do="set", effect="frame", name="colour", value=BLUE)
    assert codes(tab) == []
    made = shown(tab)
    assert np.abs(made[:30, :40].astype(int).mean(axis=(0, 1)) - (255, 0, 0)).max() < 8
    if kind == "picture":
        do(tab, do="save", format="png")
        assert tab.offer is not None
        saved = np.asarray(cv2.imread(str(tab.offer.path)))
        assert np.abs(saved[:30, :40].astype(int).mean(axis=(0, 1)) - (255, 0, 0)).max() < 2
    else:
        assert tab.clip.estimate is not None
        assert tab.clip.estimate.frames == 6
        do(tab, do="render")
        job, = tab.machine.jobs.list()
        assert [effect.processor for effect in request_of(job).recipe.effects][-1] == "keyer"
    do(tab, do="mute_effect", effect="frame", on=False)
    bar = views.bar(tab, Settings(tmp_path))
    assert not (bar["can_save"] if kind == "picture" else bar["can_render"])
