"""A processor of another package stands in the studio like the built-in ones, and one that fails hurts nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from models.interfaces import FaceStack
from pipeline.engine import Engine
from processors.registry import load_registry
from studio import views
from studio.session import TabSession
from studio.tabs import Tabs
from studio.work import Worker
from tests.studio.test_session import codes, do

TOY = Path(__file__).resolve().parents[1] / "toy_package"


@pytest.fixture
def tab(stack: FaceStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TabSession]:
    monkeypatch.syspath_prepend(str(TOY))
    registry = load_registry([EntryPoint("tint", "likeness_toy:Tint", "likeness.processors")])
    with ThreadPoolExecutor(1) as executor:
        tabs = Tabs(Engine(registry=registry, faces=stack), Worker(executor), tmp_path / "tabs")
        yield tabs.open("one")
        tabs.close_all()


def test_it_is_offered_gets_its_controls_and_changes_the_preview(tab: TabSession) -> None:
    offered = {row["name"]: row for row in views.chain(tab)["catalogue"]}
    assert offered["tint"]["title"] == "Tint"
    do(tab, do="example")
    before = tab.rendered
    assert before is not None
    do(tab, do="add_effect", processor="tint")
    card, = (shown for shown in views.chain(tab)["effects"] if shown["processor"] == "tint")
    assert [(c["name"], c["control"]) for c in card["controls"]] == [("red", "slider"), ("fail", "switch")]
    assert (card["controls"][0]["minimum"], card["controls"][0]["maximum"]) == (0, 80)
    after = tab.rendered
    assert after is not None
    assert after is not before
    red = after.frame.samples[..., 2].astype(int) - before.frame.samples[..., 2]
    assert np.percentile(red[after.mask() > 0.9], 50) > 10
    assert not red[after.mask() == 0].any()


def test_one_that_raises_names_itself_on_the_screen_and_can_be_switched_off(tab: TabSession) -> None:
    do(tab, do="example")
    do(tab, do="add_effect", processor="tint")
    effect = next(e.id for e in tab.recipe.effects if e.processor == "tint")
    do(tab, do="set", effect=effect, name="fail", value=True)
    assert codes(tab) == ["PROCESSOR.FAILED"]
    assert "Tint" in tab.notices[0].words
    do(tab, do="mute_effect", effect=effect, on=False)
    assert codes(tab) == []
