"""The picture or clip that lies behind people, chosen on both screens, kept in recipes and carried into jobs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from models.arrays import Pixels
from pipeline.recipe import Recipe, read_recipe
from studio import views
from studio.access.roles import Visitor
from studio.clip_reload import request_of
from studio.project import Project
from studio.session import TabSession
from studio.tabs import Tabs
from tests.pipeline.test_backdrop import colours, halves, named, png
from tests.studio.clips import codes, do
from tests.studio.test_whole_frames import open_scene, scene_file, shown

SCREENS = pytest.mark.parametrize("kind", ["picture", "clip"])


def uploaded(tab: TabSession, path: Path) -> str:
    """The file where an upload would be, and what the page calls it."""
    folder = tab.uploads / "1"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, folder / f"upload{path.suffix}")
    return f"1/upload{path.suffix}"


def keyed(tab: TabSession, folder: Path, kind: str) -> Project:
    """A person before a green screen, who is to be laid before a picture; none is chosen yet."""
    open_scene(tab, folder, kind)
    do(tab, do="add_effect", processor="keyer")
    do(tab, do="set", effect="frame", name="behind", value="picture")
    return tab.project


def corners(pixels: Pixels) -> list[int]:
    """Which of blue, green and red each upper corner has most of: 0 and 2 for `halves`."""
    return [int(part.mean(axis=(0, 1)).argmax()) for part in (pixels[:30, :40], pixels[:30, -40:])]


def card(tab: TabSession) -> tuple[bool, str | None]:
    """Whether the effect's card shows the chooser, and the name in it."""
    view = views.chain(tab)
    return view["effects"][-1]["backdrop"], (view["backdrop"] or {}).get("name")


@SCREENS
def test_a_missing_backdrop_is_told_and_a_chosen_one_is_shown_changed_removed_and_undone(
        tab: TabSession, tmp_path: Path, kind: str) -> None:
    project = keyed(tab, tmp_path, kind)
    assert "RECIPE.NO_BACKDROP" in codes(tab)
    assert card(tab) == (True, None)
    do(tab, do="choose_backdrop", at=uploaded(tab, png(tmp_path / "b.png", halves())), name="beach.png")
    assert "RECIPE.NO_BACKDROP" not in codes(tab)
    assert card(tab) == (True, "beach.png")
    assert corners(shown(tab)) == [0, 2]
    url = views.chain(tab)["backdrop"]["url"]
    assert project.media[url.removeprefix(f"media/{project.id}/")].data[:2] == b"\xff\xd8"
    moving = colours(tmp_path / "c.mp4")
    do(tab, do="choose_backdrop", at=str(moving), name="c.mp4", how="machine")
    assert project.recipe.backdrop is not None
    assert project.recipe.backdrop.path == str(moving), "a file of the machine stays where it is"
    assert corners(shown(tab)) == [2, 2], "its first second is red"
    do(tab, do="undo")
    assert card(tab) == (True, "beach.png")
    assert corners(shown(tab)) == [0, 2], "what was uploaded is still there"
    do(tab, do="remove_backdrop")
    assert card(tab) == (True, None)
    assert "RECIPE.NO_BACKDROP" in codes(tab)
    do(tab, do="undo")
    assert codes(tab) == [], "what was wrong is undone"
    do(tab, do="redo")
    assert codes(tab) == ["RECIPE.NO_BACKDROP"]
    do(tab, do="set", effect="frame", name="behind", value="colour")
    assert card(tab) == (False, None)
    assert codes(tab) == []


@SCREENS
def test_a_saved_recipe_is_taken_up_with_its_backdrop_while_that_is_there(tabs: Tabs, tmp_path: Path, kind: str,
                                                                         ) -> None:
    tab = tabs.open("one")
    project = keyed(tab, tmp_path, kind)
    behind = png(tmp_path / "b.png", halves())
    do(tab, do="choose_backdrop", at=str(behind), name="b.png", how="machine")
    do(tab, do="save_recipe")
    assert project.offer is not None
    saved = Path(shutil.copy(project.offer.path, tmp_path / "r.json"))
    assert read_recipe(saved, project.engine.registry).backdrop == project.recipe.backdrop
    other = tabs.open("two")
    do(other, do="load_recipe", at=str(saved), name="r.json", how="machine")
    assert codes(other) == []
    assert card(other) == (True, "b.png")
    assert corners(shown(other)) == [0, 2]
    png(behind, halves()[:, ::-1])
    third = tabs.open("three")
    do(third, do="load_recipe", at=str(saved), name="r.json", how="machine")
    assert "RECIPE.PICTURES_MISSING" in codes(third)
    assert any("b.png" in notice.subject for notice in (*third.notices, *third.clip.notices))
    assert card(third) == (True, "b.png")
    assert views.chain(third)["backdrop"]["here"] is False, "another file is there now"
    do(third, do="choose_backdrop", at=uploaded(third, behind), name="other.png")
    assert codes(third) == []
    assert corners(shown(third)) == [2, 0]


def test_an_upload_goes_along_into_a_queued_job_and_comes_back_from_it(tabs: Tabs, tmp_path: Path) -> None:
    tab = tabs.open("one")
    project = keyed(tab, tmp_path, "clip")
    do(tab, do="choose_backdrop", at=uploaded(tab, png(tmp_path / "b.png", halves())), name="beach.png")
    assert project.recipe.backdrop is not None
    assert project.recipe.backdrop.path is None, "a recipe names no file of a tab's folder"
    do(tab, do="render")
    job, = tab.machine.jobs.list()
    carried = request_of(job).recipe.backdrop
    assert carried is not None
    assert carried.path is not None
    assert Path(carried.path).is_relative_to(tab.machine.jobs.folder)
    tabs.close("one")
    assert Path(carried.path).is_file(), "the job has it, whatever becomes of the tab"
    other = tabs.open("two")
    do(other, do="take_up", job=job.id)
    tab.machine.jobs.ask(job.id, "remove")
    assert card(other) == (True, "beach.png")
    do(other, do="at", frame=3)
    assert corners(shown(other)) == [0, 2]
    do(other, do="set", effect="frame", name="behind", value="colour")
    do(other, do="render")
    last = tab.machine.jobs.list()[-1]
    assert request_of(last).recipe.backdrop is None, "no effect asks for one"


def test_uploads_that_no_step_of_the_history_names_are_deleted(tab: TabSession, tmp_path: Path) -> None:
    project = keyed(tab, tmp_path, "picture")
    do(tab, do="choose_backdrop", at=uploaded(tab, png(tmp_path / "b.png", halves())), name="b.png")
    kept, = project.originals.values()
    project.drop_unused()
    assert kept.is_file()
    project.history.amend(lambda recipe: recipe.model_copy(update={"backdrop": None}))
    project.drop_unused()
    assert not kept.exists()
    assert project.originals == {}


@SCREENS
def test_guests_upload_and_name_no_file_of_the_machine(tabs: Tabs, tmp_path: Path, kind: str) -> None:
    tab = tabs.open("guest", visitor=Visitor("1", "editor", "Ann", "link"))
    path = scene_file(tmp_path, kind)
    do(tab, do="open", at=uploaded(tab, path), name=path.name)
    do(tab, do="add_effect", processor="keyer")
    do(tab, do="set", effect="frame", name="behind", value="picture")
    behind = png(tmp_path / "b.png", halves())
    do(tab, do="choose_backdrop", at=str(behind), name="b.png", how="machine")
    assert "ACCESS.NOT_ALLOWED" in codes(tab)
    assert card(tab) == (True, None)
    recipe = tmp_path / "r.json"
    recipe.write_text(Recipe(backdrop=named(behind)).with_effects(tab.project.recipe.effects).to_json())
    do(tab, do="load_recipe", at=uploaded(tab, recipe), name="r.json")
    assert views.chain(tab)["backdrop"]["here"] is False, "nor by way of a recipe"
    assert "RECIPE.NO_BACKDROP" in codes(tab)
    do(tab, do="choose_backdrop", at=uploaded(tab, behind), name="b.png")
    assert corners(shown(tab)) == [0, 2]
    do(tab, do="save_recipe")
    assert tab.project.offer is not None
    assert str(tmp_path) not in tab.project.offer.path.read_text()


def test_a_file_that_is_neither_picture_nor_clip_is_refused(tab: TabSession, tmp_path: Path) -> None:
    keyed(tab, tmp_path, "picture")
    bad = tmp_path / "b.png"
    bad.write_text("no picture")
    place = uploaded(tab, bad)
    do(tab, do="choose_backdrop", at=place, name="b.png")
    assert any(code.startswith(("MEDIA.", "INPUT.")) for code in codes(tab))
    assert card(tab) == (True, None)
    assert not (tab.uploads / place).exists()
    assert tab.originals == {}
