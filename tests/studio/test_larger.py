"""A clip that an effect makes larger, on the Clip screen."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.interfaces import FaceStack
from models.networks import Networks
from models.store import Store
from pipeline.engine import Engine
from studio import views
from studio.machine import Machine
from studio.session import TabSession
from studio.settings import Settings
from studio.tabs import Tabs
from studio.work import Worker
from tests.door.making import write_clip
from tests.models.families.test_dfm import look
from tests.processors.neural.test_upscale import SLOTS, repeats
from tests.studio.clips import codes, do
from tests.twins.gate import shelve


@pytest.fixture
def tab(stack: FaceStack, tmp_path: Path) -> Iterator[TabSession]:
    catalogue = shelve(tmp_path / "models", {slot: repeats(scale) for scale, slot in SLOTS.items()})
    store = Store(catalogue, tmp_path / "models", tmp_path / "models.json", inspect=look)
    engine, machine = Engine(faces=stack, networks=Networks(store)), Machine(tmp_path / "data")
    with ThreadPoolExecutor(1) as executor:
        opened = Tabs(engine, Worker(executor), tmp_path / "data" / "tabs" / "run", machine)
        yield opened.open("one")
        opened.close_all()
        machine.close()
    engine.close()


def runs(tab: TabSession) -> int:
    return sum(one.runs for one in tab.engine.networks.manager.counts())


def test_the_screen_shows_it_and_says_the_size_and_what_is_too_large(tab: TabSession, tmp_path: Path,
                                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_clip(tmp_path / "in.mp4", [np.full((72, 128, 3), 90, np.uint8)] * 3, sound=False)
    monkeypatch.setattr("pipeline.clips.encoding.LARGEST", 4 * 72 * 128)
    monkeypatch.setattr("pipeline.rendering.desk.PREVIEW_HEIGHT", 72)  # what pages get is small, however large it is
    do(tab, do="open", at=str(path), name=path.name, how="machine")
    do(tab, do="add_effect", processor="upscale")
    assert codes(tab) == []
    c = tab.clip
    assert c.still is not None
    shown = np.asarray(cv2.imdecode(np.frombuffer(c.media[c.still.key].data, np.uint8), cv2.IMREAD_COLOR))
    assert np.abs(shown.astype(float).mean(axis=(0, 1)) - 115.5).max() < 3, "a tenth of the whole scale lighter"
    output = views.bar(tab, Settings(tmp_path))["output"]
    assert (output["height"], output["larger"], output["can_copy"]) == (144, True, False)
    drawn = runs(tab)
    do(tab, do="set", effect="frame", name="size", value="4")
    assert codes(tab) == ["OUTPUT.TOO_LARGE"]
    assert runs(tab) == drawn, "it is said before it is drawn"
    assert c.still is None
    do(tab, do="preview_span", frame=0)
    assert "OUTPUT.TOO_LARGE" in codes(tab)
    assert runs(tab) == drawn
    do(tab, do="mute_effect", effect="frame", on=False)
    output = views.bar(tab, Settings(tmp_path))["output"]
    assert (output["height"], output["larger"]) == (72, False)
