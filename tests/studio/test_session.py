"""A tab's session, without a browser: what happens to the recipe, the pictures and the files."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from models.interfaces import FaceStack
from pipeline.engine import Engine
from pipeline.recipe import Anonymise, Keep, UseSource
from processors.batches import Remark
from studio import views
from studio.perform import perform
from studio.session import TabSession
from studio.settings import Settings
from studio.tabs import Tabs
from studio.work import Worker
from tests.conftest import ASTRONAUT, HOPPER, SIX_PEOPLE


@pytest.fixture(scope="module")
def engine(stack: FaceStack) -> Engine:
    return Engine(faces=stack)


@pytest.fixture
def tabs(engine: Engine, tmp_path: Path) -> Iterator[Tabs]:
    with ThreadPoolExecutor(1) as executor:
        opened = Tabs(engine, Worker(executor), tmp_path / "tabs")
        opened.uploads.mkdir(parents=True)
        yield opened
        opened.close_all()


@pytest.fixture
def tab(tabs: Tabs) -> TabSession:
    return tabs.open("one")


def do(tab: TabSession, **action: Any) -> list[tuple[str, ...]]:
    """Performs an action to its end; the parts that were told to change, step by step."""
    async def collect() -> list[tuple[str, ...]]:
        return [step async for step in perform(tab, action)]

    return asyncio.run(collect())


def codes(tab: TabSession) -> list[str]:
    return [notice.code for notice in tab.notices]


def together(tab: TabSession, *wanted: dict[str, Any]) -> None:
    """Performs actions as a page sends them: one does not wait for the end of another."""
    async def one(action: dict[str, Any]) -> None:
        async for _ in perform(tab, action):
            pass

    async def all_at_once() -> None:
        await asyncio.gather(*map(one, wanted))

    asyncio.run(all_at_once())


def open_here(tab: TabSession, path: Path) -> None:
    do(tab, do="open", at=str(path), name=path.name, how="machine")


def add_source(tab: TabSession, path: Path, consent: bool = True) -> None:
    do(tab, do="add_photo", at=str(path), name=path.name, how="machine", to=None)
    if consent:
        do(tab, do="consent", source=tab.recipe.sources[-1].name)


def test_one_person_and_one_permitted_source_need_no_question(tab: TabSession) -> None:
    open_here(tab, HOPPER)
    add_source(tab, ASTRONAUT, consent=False)
    assert tab.recipe.cast == {}
    do(tab, do="consent", source="astronaut")
    assert tab.recipe.cast == {1: UseSource(source="astronaut")}
    assert tab.rendered is not None
    assert tab.fresh


def test_with_several_people_nobody_is_chosen_by_order(tab: TabSession) -> None:
    open_here(tab, SIX_PEOPLE)
    add_source(tab, ASTRONAUT)
    assert tab.people == 6
    assert tab.recipe.cast == {}
    assert tab.wanted is None
    do(tab, do="choose", person=4, choice={"use": "anonymise", "style": "solid"})
    assert tab.recipe.cast == {4: Anonymise(style="solid")}
    assert tab.fresh
    assert tab.rendered is not None
    assert tab.rendered.edit.kind == "anonymise"


def test_photos_that_come_together_are_one_identity(tab: TabSession) -> None:
    for path, group in ((ASTRONAUT, "one"), (HOPPER, "one"), (SIX_PEOPLE, "two")):
        do(tab, do="add_photo", at=str(path), name=path.name, how="machine", to=None, group=group)
    assert [(s.name, len(s.photos)) for s in tab.recipe.sources] == [("astronaut", 2), ("t1", 1)]
    assert [remark.code for remark in views_of_sources(tab)[1]] == ["SOURCE.SEVERAL"]
    do(tab, do="pick_face", source="t1", photo=tab.recipe.sources[1].photos[0].id, face=2)
    assert views_of_sources(tab)[1] == ()


def test_a_photo_without_a_face_goes_and_the_others_stay(tab: TabSession, tmp_path: Path) -> None:
    wall = tmp_path / "wall.png"
    Image.new("RGB", (300, 300), (90, 120, 130)).save(wall)
    for path in (ASTRONAUT, wall, HOPPER):
        do(tab, do="add_photo", at=str(path), name=path.name, how="machine", to=None, group="one")
        assert codes(tab) == (["INPUT.NO_FACE"] if path == wall else [])
    assert [[photo.name for photo in source.photos] for source in tab.recipe.sources] == [
        ["astronaut.png", "grace_hopper.jpg"]]


def views_of_sources(tab: TabSession) -> list[tuple[Remark, ...]]:
    return [learned.remarks for source in tab.recipe.sources if (learned := tab.source_for(source))]


def test_a_page_that_is_older_than_the_server_is_told_to_reload(tabs: Tabs) -> None:
    tab = tabs.ended()
    do(tab, do="undo")
    assert codes(tab) == ["STUDIO.CLOSED"]


def test_an_uploaded_file_is_deleted_once_it_is_read(tab: TabSession, tabs: Tabs) -> None:
    upload = tabs.uploads / "abc" / "hopper.jpg"
    upload.parent.mkdir()
    shutil.copy(HOPPER, upload)
    do(tab, do="open", at=str(upload), name="hopper.jpg", how="upload")
    assert tab.target is not None
    assert not upload.exists()
    assert tab.recipe.target is not None
    assert tab.recipe.target.path is None, "a recipe does not name a file that is gone"


@pytest.mark.parametrize("path", [str(HOPPER), "/etc/hostname", "uploads/../../secret.jpg"])
def test_only_what_was_uploaded_counts_as_an_upload(tab: TabSession, path: str) -> None:
    do(tab, do="open", at=path, name="x.jpg", how="upload")
    assert codes(tab) == ["STUDIO.NOT_UPLOADED"]
    assert tab.target is None
    assert HOPPER.is_file()


@pytest.mark.parametrize("data", [None, [], {}, {"do": "format the disk"}, {"do": "set", "effect": "swapper"},
                                  {"do": "choose", "person": 0, "choice": {"use": "keep"}},
                                  {"do": "undo", "also": "this"}])
def test_an_action_that_is_none_is_said_and_changes_nothing(tab: TabSession, data: Any) -> None:
    before = tab.recipe

    async def ask() -> None:
        async for _ in perform(tab, data):
            pass

    asyncio.run(ask())
    assert codes(tab) == ["STUDIO.UNKNOWN_ACTION"]
    assert tab.recipe == before


def test_a_wrong_value_is_said_beside_the_chain_and_the_next_good_one_calms_it(tab: TabSession) -> None:
    do(tab, do="set", effect="swapper", name="strength", value=7)
    assert [(n.place, n.code) for n in tab.notices] == [("chain", "RECIPE.PARAMETER")]
    do(tab, do="set", effect="swapper", name="strength", value=0.7)
    assert tab.notices == []


def test_undo_walks_back_over_pictures_too(tab: TabSession) -> None:
    open_here(tab, HOPPER)
    open_here(tab, SIX_PEOPLE)
    do(tab, do="undo")
    assert tab.target is not None
    assert tab.target.name == "grace_hopper.jpg"
    assert tab.people == 1
    do(tab, do="undo")
    assert tab.target is None


def test_saving_nothing_is_refused_in_words(tab: TabSession) -> None:
    open_here(tab, HOPPER)
    do(tab, do="save")
    assert codes(tab) == ["STUDIO.NOTHING_CHANGED"]
    assert tab.offer is None


def test_a_recipe_without_its_pictures_brings_its_chain(tab: TabSession, tabs: Tabs, tmp_path: Path) -> None:
    do(tab, do="example")
    do(tab, do="preset", name="fast")
    do(tab, do="save_recipe")
    assert tab.offer is not None
    recipe = json.loads(tab.offer.path.read_text(encoding="utf-8"))
    for photo in recipe["sources"][0]["photos"]:
        photo["path"] = str(tmp_path / "gone.png")
    recipe["target"]["path"] = None
    moved = tmp_path / "moved.json"
    moved.write_text(json.dumps(recipe), encoding="utf-8")
    other = tabs.open("two")
    open_here(other, SIX_PEOPLE)
    do(other, do="load_recipe", at=str(moved), name="moved.json", how="machine")
    assert [e.processor for e in other.recipe.effects] == [e.processor for e in tab.recipe.effects]
    assert other.target is not None
    assert other.target.name == SIX_PEOPLE.name
    assert other.recipe.sources == ()
    assert all(isinstance(other.recipe.choice_for(n), Keep) for n in range(1, 7))
    assert codes(other) == ["RECIPE.PICTURES_MISSING"]
    assert other.notices[0].subject == "astronaut.png, grace_hopper.jpg"


def test_a_fault_of_the_program_is_said_and_the_tab_lives_on(tab: TabSession, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("boom")

    open_here(tab, HOPPER)
    with monkeypatch.context() as patch:
        patch.setattr(tab.engine, "render", fail)
        do(tab, do="choose", person=1, choice={"use": "anonymise", "style": "blur"})
        assert codes(tab) == ["INTERNAL.ERROR"]
    do(tab, do="refresh")
    assert tab.notices == []
    assert tab.fresh


def test_a_closed_tab_holds_nothing_and_says_so(tab: TabSession, tabs: Tabs) -> None:
    do(tab, do="example")
    do(tab, do="save")
    assert tab.offer is not None
    assert tab.offer.path.is_file()
    tabs.close("one")
    assert not tab.folder.exists()
    assert (tab.pictures, tab.media, tab.analyses, tab.rendered) == ({}, {}, {}, None)
    assert tabs.get(tab.id) is None
    do(tab, do="undo")
    assert codes(tab) == ["STUDIO.CLOSED"]


def test_tabs_share_neither_recipe_nor_pictures(tabs: Tabs) -> None:
    one, two = tabs.open("one"), tabs.open("two")
    open_here(one, HOPPER)
    do(one, do="preset", name="fast")
    assert two.target is None
    assert two.pictures == {}
    assert len(two.recipe.effects) != len(one.recipe.effects)
    assert one.id != two.id


def test_views_are_plain_data(tab: TabSession, tmp_path: Path) -> None:
    do(tab, do="example")
    shown = [views.bar(tab, Settings(tmp_path)),
             *(view(tab) for view in (views.people, views.viewer, views.chain, views.tray))]
    text = json.dumps(shown)
    assert str(HOPPER.parent) not in text, "a page is not told where files lie"
    person = shown[1]["people"][0]
    assert person["choice"] == {"use": "source", "source": "Eileen Collins"}
    assert len({remark["code"] for remark in person["remarks"]}) == len(person["remarks"])


def test_a_preset_control_is_made_for_every_parameter(tab: TabSession) -> None:
    for effect, shown in zip(tab.recipe.effects, views.chain(tab)["effects"], strict=True):
        params = tab.engine.registry.get(effect.processor).Params
        assert [control["name"] for control in shown["controls"]] == list(params.model_fields)


def test_a_photo_without_a_face_does_not_harm_its_neighbours_of_the_same_drop(tab: TabSession, tmp_path: Path) -> None:
    wall = tmp_path / "wall.png"
    Image.new("RGB", (300, 200), (120, 130, 140)).save(wall)
    together(tab, *({"do": "add_photo", "at": str(path), "how": "machine", "group": "1"} for path in (wall, ASTRONAUT)))
    assert codes(tab) == ["INPUT.NO_FACE"]
    assert [[photo.name for photo in source.photos] for source in tab.recipe.sources] == [[ASTRONAUT.name]]
    assert views.people(tab)["sources"][0]["photos"][0]["url"], "the photo's face is there to look at"


def test_actions_that_need_the_same_wait_for_one_search(tab: TabSession, monkeypatch: pytest.MonkeyPatch) -> None:
    searches: list[str] = []
    search = tab.engine.analyse

    def counted(picture: Any, *rest: Any, **named: Any) -> Any:
        searches.append(picture.name)
        return search(picture, *rest, **named)

    monkeypatch.setattr(tab.engine, "analyse", counted)
    together(tab, {"do": "open", "at": str(HOPPER), "how": "machine"}, {"do": "preset", "name": "fast"},
             {"do": "preset", "name": "natural"})
    together(tab, {"do": "look", "small": True, "turned": False}, {"do": "preset", "name": "sharp"})
    assert searches == [HOPPER.name] * 2
    assert tab.running == {}


def test_undo_goes_back_to_the_empty_screen_and_redo_to_the_result(tab: TabSession) -> None:
    do(tab, do="example")
    chosen, steps = tab.recipe, 0
    while tab.history.can_undo:
        do(tab, do="undo")
        steps += 1
        assert steps < 10, "nothing that was undone is done again"
    assert tab.recipe.target is None
    for _ in range(steps):
        do(tab, do="redo")
    assert tab.recipe == chosen
    assert tab.fresh
