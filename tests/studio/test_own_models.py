"""Models of the user's own in an effect's card: those that are here, to choose from."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from models.errors import ModelError
from models.interfaces import FaceStack
from pipeline.engine import Engine
from studio import views
from studio.lacking import names_of
from studio.machine import Machine
from studio.session import TabSession
from studio.tabs import Tabs
from studio.work import Worker
from tests.models.families import test_dfm
from tests.pipeline.test_editing import networks
from tests.studio.clips import do
from tests.twins.gate import analyser_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def tab(stack: FaceStack, tmp_path: Path, folder: Path) -> Iterator[TabSession]:
    engine, machine = Engine(faces=stack, networks=networks(tmp_path, analyser_files())), Machine(tmp_path / "data")
    assert folder.is_dir()
    with ThreadPoolExecutor(1) as executor:
        opened = Tabs(engine, Worker(executor), tmp_path / "data" / "tabs" / "run", machine)
        yield opened.open("one")
        opened.close_all()
        machine.close()
    engine.close()


def control(tab: TabSession) -> dict[str, Any]:
    """What the card of the effect shows of its file."""
    card = next(one for one in views.chain(tab)["effects"] if one["processor"] == "dfm")
    found: dict[str, Any] = next(one for one in card["controls"] if one["name"] == "model")
    return found


def test_the_files_that_are_here_are_listed_and_one_is_chosen(tab: TabSession, folder: Path) -> None:
    do(tab, do="add_effect", processor="dfm")
    assert control(tab)["names"] == [], "the card says how to import one"
    for name in ("bob", "Ann 224"):
        (folder / f"{name}.dfm").write_bytes(test_dfm.person(True))
    tab.engine.networks.forget()  # as taking files in does
    do(tab, do="screen", to="image")
    assert control(tab)["names"] == ["Ann 224", "bob"]
    assert control(tab)["value"] == ""
    effect = next(one.id for one in tab.recipe.effects if one.processor == "dfm")
    do(tab, do="set", effect=effect, name="model", value="Ann 224")
    assert control(tab)["value"] == "Ann 224"
    (folder / "Ann 224.dfm").unlink()
    tab.engine.networks.forget()
    assert (control(tab)["value"], control(tab)["names"]) == ("Ann 224", ["bob"]), "the choice stays, and is said gone"


def test_only_the_names_of_that_family_are_listed() -> None:
    assert names_of("dfm", ["dfm.b", "dfm.A", "dfmx.c", "swapper.dfm", "dfm.a.b"]) == ["A", "a.b", "b"]


def test_where_no_file_is_chosen_that_is_said(tab: TabSession) -> None:
    with pytest.raises(ModelError, match=r"MODEL\.UNKNOWN: No \.dfm file was chosen\."):
        tab.engine.networks.check(["dfm."])
