"""Who is in a clip, found aside while it is open, and what the user knows better: without a browser."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models.errors import OutputError
from pipeline.analysis.store import Analyses, Wanted, spans_of
from pipeline.engine import Engine
from pipeline.recipe import Anonymise, Keep, Merged, Recipe
from studio import actions, clip_people, views, who
from studio.analysing import Asked, next_spans
from studio.session import TabSession
from studio.tabs import Tabs
from tests.studio.clips import codes, do, tabs_of, wait_for
from tests.studio.crowd import crowd_clip, crowd_stack

FRAMES, PASSER = 336, 272
"""How long the clip is, and where somebody passes whom the quick look, between two of its frames, does not see."""


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people, of whom the left one stays; somebody for eight frames; two others, of whom the left one was on the
    right before. Two spans."""
    return crowd_clip(tmp_path_factory.mktemp("crowd") / "crowd.mp4", [
        (120, [(0, 46), (3, 146)]), (PASSER - 120, [(0, 46)]), (8, [(5, 90)]),
        (FRAMES - PASSER - 8, [(3, 60), (1, 150)])])


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where its whole analysis is kept."""
    return tmp_path_factory.mktemp("kept") / "analyses"


@pytest.fixture(scope="module")
def finished(crowd: Path, kept: Path) -> Iterator[Engine]:
    """Whose analysis of it is whole."""
    engine = Engine(faces=crowd_stack(), analyses=Analyses(kept))
    clip = engine.open_clip(crowd)
    engine.look_through(clip)
    engine.analyse_clip(clip)
    yield engine
    engine.close()


@pytest.fixture
def fresh(finished: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The same with nothing analysed yet."""
    monkeypatch.setattr(finished, "analyses", Analyses(tmp_path / "analyses"))
    return finished


@pytest.fixture
def tabs(fresh: Engine, tmp_path: Path) -> Iterator[Tabs]:
    with tabs_of(fresh, tmp_path) as made:
        yield made


@pytest.fixture
def known(finished: Engine, crowd: Path, tmp_path: Path) -> Iterator[TabSession]:
    """The clip open, and analysed before."""
    with tabs_of(finished, tmp_path) as made:
        tab = made.open("one")
        opened(tab, crowd)
        yield tab


def opened(tab: TabSession, path: Path) -> list[tuple[str, ...]]:
    return do(tab, do="open", at=str(path), name=path.name, how="machine")


def rows(tab: TabSession) -> dict[int, dict[str, Any]]:
    return {row["number"]: row for row in views.people(tab)["people"]}


def lanes(tab: TabSession) -> dict[int, list[tuple[int, int]]]:
    found = tab.clip.lanes
    return {} if found is None else {lane["number"]: list(lane["runs"]) for lane in found.data["lanes"]}


def faces(tab: TabSession, frame: int) -> list[int]:
    do(tab, do="at", frame=frame)
    return [face["number"] for face in views.clip(tab)["faces"]]


def test_a_person_whom_the_quick_look_missed_appears_and_numbers_stay(tabs: Tabs, crowd: Path) -> None:
    tab = tabs.open("one")
    parts = opened(tab, crowd)
    c = tab.clip
    quick = c.found[(c.clip.id, c.recipe.looking)]  # type: ignore[union-attr]
    assert [one.person.number for one in quick] == [1, 2, 3]
    assert [person.number for person in c.recipe.people] == [1, 2, 3, 4]
    assert [person.descriptor for person in c.recipe.people][:3] == [one.person.descriptor for one in quick]
    assert {number: len(runs) for number, runs in lanes(tab).items()} == {1: 1, 2: 2, 3: 1, 4: 1}
    assert lanes(tab)[4] == [(PASSER, PASSER + 7)]
    assert c.lanes is not None
    assert c.lanes.data["cuts"][-2:] == [PASSER, PASSER + 8]
    assert c.lanes.data["unknown"] == ()
    shown = rows(tab)
    assert [round(shown[number]["seconds"], 2) for number in (1, 2, 3, 4)] == [10.88, 7.04, 2.24, 0.32]
    assert all(row["portrait"] and not row["so_far"] for row in shown.values())
    assert PASSER <= shown[4]["seen"] <= PASSER + 7
    assert views.clip(tab)["survey"] == {"state": "whole", "share": 1.0}
    assert "people" in {part for step in parts for part in step}
    do(tab, do="undo")
    assert c.clip is None
    do(tab, do="redo")
    assert [person.number for person in c.recipe.people] == [1, 2, 3, 4], "that somebody was found is no step"
    assert codes(tab) == []


def test_merged_people_are_one_in_list_lanes_and_frame_until_it_is_undone(known: TabSession) -> None:
    known.clip.edit(actions.Choose(do="choose", person=3, choice=Keep()))
    assert faces(known, 300) == [2, 3]
    before = lanes(known)
    do(known, do="merge_people", person=3, into=2)
    assert sorted(rows(known)) == [1, 2, 4]
    assert [one["number"] for one in rows(known)[2]["merged"]] == [3]
    assert lanes(known)[2] == before[2], "they are there together at the end"
    assert 3 not in lanes(known)
    assert faces(known, 300) == [2, 2]
    assert known.clip.recipe.cast == {2: Keep(), 3: Keep()}, "what was chosen for one alone is chosen for both"
    do(known, do="merge_people", person=2, into=1)
    assert known.clip.recipe.merged == (Merged(number=3, into=1), Merged(number=2, into=1))
    assert list(lanes(known)) == [1, 4]
    do(known, do="separate_people", person=3)
    assert sorted(rows(known)) == [1, 3, 4]
    assert lanes(known)[3] == before[3]
    for _ in range(3):
        do(known, do="undo")
    assert lanes(known) == before
    assert sorted(rows(known)) == [1, 2, 3, 4]
    do(known, do="merge_people", person=3, into=9)
    assert codes(known) == ["RECIPE.NO_SUCH_PERSON"]


def test_this_is_not_her_counts_for_the_track_and_is_undone(known: TabSession) -> None:
    assert faces(known, 100) == [1, 2]
    place = views.clip(known)["faces"][1]
    do(known, do="say_who", frame=100, person=2, x=place["x"] + place["w"] / 2, y=place["y"] + place["h"] / 2, to=0)
    assert faces(known, 20) == [1, 0]
    assert lanes(known)[0] == [(0, 119)]
    assert len(lanes(known)[2]) == 1
    assert len(known.clip.recipe.whose) == 1
    do(known, do="say_who", frame=110, person=0, to=3)
    assert [one.number for one in known.clip.recipe.whose] == [3], "the later word on the same track counts"
    assert faces(known, 20) == [1, 3]
    do(known, do="say_who", frame=10, person=3, to=2)
    assert not known.clip.recipe.whose, "what was found needs no word"
    for _ in range(3):
        do(known, do="undo")
    assert not known.clip.recipe.whose
    assert faces(known, 20) == [1, 2]
    do(known, do="say_who", frame=100, person=1, x=0.01, y=0.99, to=2)
    assert codes(known) == ["RECIPE.NO_SUCH_FACE"]


def test_somebody_is_split_here_only_or_wherever_they_look_like_it(known: TabSession) -> None:
    do(known, do="say_who", frame=300, person=2, to=None)
    recipe = known.clip.recipe
    assert [person.number for person in recipe.people] == [1, 2, 3, 4, 5]
    assert faces(known, 300) == [5, 3]
    assert faces(known, 100) == [1, 2], "here only"
    assert rows(known)[5]["portrait"] is not None
    do(known, do="undo")
    assert faces(known, 300) == [2, 3]
    do(known, do="say_who", frame=300, person=2, to=None, everywhere=True)
    assert faces(known, 300) == [5, 3]
    split = known.clip.recipe
    assert [one.number for one in split.whose] == [5]
    do(known, do="undo")
    assert [person.number for person in known.clip.recipe.people] == [1, 2, 3, 4]
    do(known, do="redo")
    assert known.clip.recipe == split


def test_names_are_kept_with_the_recipe_and_change_no_picture(known: TabSession, tmp_path: Path) -> None:
    c = known.clip
    c.edit(actions.Choose(do="choose", person=1, choice=Anonymise()))
    wanted = c.wanted
    assert wanted is not None
    c.put(who.named(c.recipe, 1, "Ann"))
    assert c.wanted == wanted
    c.history.undo()
    c.history.undo()
    do(known, do="name_person", person=1, name="  Ann ")
    assert rows(known)[1]["name"] == "Ann"
    do(known, do="merge_people", person=4, into=3)
    do(known, do="say_who", frame=100, person=2, to=0)
    do(known, do="save_recipe")
    assert known.clip.offer is not None
    path = shutil.copy(known.clip.offer.path, tmp_path / "kept.likeness.json")
    before = known.clip.recipe
    assert [person["name"] for person in json.loads(Path(path).read_text(encoding="utf-8"))["people"]] == [
        "Ann", "", "", ""]
    assert known.machine.analysing.look(known.id) is not None
    do(known, do="close")
    assert known.machine.analysing.look(known.id) is None
    assert not known.clip.recipe.merged
    assert not known.clip.recipe.whose
    do(known, do="load_recipe", at=str(path), name="kept.likeness.json", how="machine")
    now = known.clip.recipe
    assert (now.people, now.merged, now.whose) == (before.people, before.merged, before.whose)
    assert rows(known)[1]["name"] == "Ann"
    assert lanes(known)[0] == [(0, 119)]
    for _ in range(5):
        do(known, do="undo")
    assert known.clip.recipe.people[0].name == ""
    known.clip.edit(actions.Look(do="look", small=True, turned=False))
    assert not known.clip.recipe.merged
    assert not known.clip.recipe.whose, "numbers begin anew"


def test_what_is_not_analysed_at_the_playhead_is_looked_at_before_a_word_on_it_counts(tabs: Tabs, crowd: Path,
                                                                                   ) -> None:
    tab = tabs.open("one")
    tab.clip.unsurveyed.add(tab.engine.open_clip(crowd).id)
    opened(tab, crowd)
    assert tab.clip.lanes is None
    assert views.clip(tab)["survey"] == {"state": "stopped", "share": 0.0}
    do(tab, do="say_who", frame=100, person=2, to=0)
    assert lanes(tab)[0] == [(0, 119)]
    assert faces(tab, 50) == [1, 0]
    assert tab.clip.lanes is not None
    assert tab.clip.lanes.data["unknown"] == ((168, FRAMES - 1),)
    assert views.clip(tab)["survey"]["share"] == 0.5
    assert rows(tab)[1]["so_far"]


def test_the_analysis_follows_the_playhead(tabs: Tabs, crowd: Path) -> None:
    engine = tabs.open("one").engine
    clip = engine.open_clip(crowd)
    spans = spans_of(clip)
    assert spans == [(0, 167), (168, FRAMES - 1)]
    assert [(one.first, one.last) for one in (next_spans(None, clip, at) for at in (0, FRAMES - 1)) if one] == spans
    analysing, at, seen = tabs.machine.analysing, [FRAMES - 1], []
    heard = threading.Event()

    def around() -> int:
        known = engine.known(clip)
        seen.append([] if known is None else [span.first for span in known.spans])
        if len(seen) == 2:
            at[0] = 0  # the first pass is done: now the playhead goes to the clip's beginning
            heard.set()
        return at[0]

    analysing.ask("me", Asked(engine, clip, engine_looking(), (), around))
    assert wait_for(heard.is_set)
    analysing.drop("me")
    assert seen == [[], [168]]
    known = engine.known(clip)
    assert known is not None
    assert next_spans(known, clip, FRAMES - 1) == Wanted(*spans[0])


def engine_looking() -> Any:
    return Recipe().looking


def test_it_waits_while_somebody_waits_and_ends_when_nobody_wants_it(tabs: Tabs, crowd: Path) -> None:
    engine = tabs.open("one").engine
    clip, analysing, busy = engine.open_clip(crowd), tabs.machine.analysing, [False]
    analysing.ask("me", Asked(engine, clip, engine_looking(), (), lambda: 0, lambda: busy[0]))
    detector: Any = engine.faces.detector
    before = detector.looks
    assert wait_for(lambda: detector.looks > before + 3)
    busy[0] = True
    assert wait_for(lambda: not changes(lambda: detector.looks, 0.3)), "it stands still"
    assert analysing.worker.busy
    analysing.drop("me")
    assert wait_for(lambda: not analysing.worker.busy, 5)
    assert analysing.look("me") is None
    assert engine.known(clip) is None or not engine.known(clip).is_whole  # type: ignore[union-attr]


def changes(what: Any, seconds: float) -> bool:
    before = what()
    threading.Event().wait(seconds)
    return bool(what() != before)


def test_stopping_it_and_closing_the_tab_stop_it_and_two_tabs_share_it(tabs: Tabs, crowd: Path) -> None:
    one, other = tabs.open("one"), tabs.open("other")
    analysing = tabs.machine.analysing
    threads = [threading.Thread(target=opened, args=(tab, crowd)) for tab in (one, other)]
    for thread in threads:
        thread.start()
    assert wait_for(lambda: analysing.look(one.id) is not None and analysing.look(other.id) is not None)
    do(one, do="survey", on=False)
    assert analysing.look(one.id) is None
    assert analysing.look(other.id) is not None
    assert analysing.worker.busy, "the other tab still wants it"
    tabs.close("other")
    assert wait_for(lambda: not analysing.worker.busy, 5)
    for thread in threads:
        thread.join(30)
    assert views.clip(one)["survey"]["state"] == "stopped"
    one.clip.unsurveyed.clear()
    clip_people.begin(one.clip)
    assert wait_for(lambda: views.clip(one)["survey"]["state"] == "working")
    assert analysing.worker.busy
    one.clip.edit(actions.Close(do="close"))
    clip_people.begin(one.clip)
    one.clip.set_target(one.engine.open_clip(crowd))
    assert analysing.look(one.id) is None, "another clip is another matter"
    assert wait_for(lambda: not analysing.worker.busy, 5)


def test_a_render_that_finds_its_faces_is_not_held_up(tabs: Tabs, crowd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = tabs.open("one").engine
    clip, analysing = engine.open_clip(crowd), tabs.machine.analysing
    rendering = [True]

    class Job:
        kind, state, stage = "render", "running", "analyse"
        request = json.dumps({"recipe": {"target": {"id": clip.id}}})

    monkeypatch.setattr(type(tabs.machine.jobs), "list", lambda _self: (Job(),) if rendering[0] else ())
    analysing.ask("me", Asked(engine, clip, engine_looking(), (), lambda: 0))
    detector: Any = engine.faces.detector
    assert not changes(lambda: detector.looks, 0.6)
    before = detector.looks
    rendering[0] = False
    assert wait_for(lambda: detector.looks > before, 5)
    analysing.drop("me")


def test_lanes_get_another_number_when_somebody_is_elsewhere(known: TabSession) -> None:
    first = views.clip(known)["lanes"]
    do(known, do="name_person", person=1, name="Ann")
    assert views.clip(known)["lanes"] == first, "nobody is elsewhere"
    do(known, do="merge_people", person=3, into=2)
    assert views.clip(known)["lanes"]["rev"] > first["rev"]
    do(known, do="close")
    assert known.clip.lanes is None


def test_what_keeps_it_from_going_on_is_told_and_it_is_tried_again(
    tabs: Tabs, crowd: Path, finished: Engine, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_words: Any, **_more: Any) -> None:
        raise OutputError("The disk is full.", code="DISK.FULL", subject="analyses", remedy="Make room.")

    tab = tabs.open("one")
    with monkeypatch.context() as patched:
        patched.setattr(finished, "analyse_clip", full)
        opened(tab, crowd)
        assert codes(tab) == ["DISK.FULL"]
        assert views.clip(tab)["survey"] == {"state": "failed", "share": 0.0}
    shutil.copytree(kept, tmp_path / "analyses", dirs_exist_ok=True)
    do(tab, do="survey", on=True)
    assert codes(tab) == []
    assert views.clip(tab)["survey"]["state"] == "whole"


def test_without_a_place_for_analyses_everything_is_as_before(tmp_path: Path, crowd: Path) -> None:
    engine = Engine(faces=crowd_stack())
    with tabs_of(engine, tmp_path) as made:
        tab = made.open("one")
        opened(tab, crowd)
        assert [row["frames"] is not None and row["seconds"] is None for row in rows(tab).values()] == [True] * 3
        assert views.clip(tab)["survey"] is None
        assert views.clip(tab)["lanes"] is None
        do(tab, do="say_who", frame=100, person=2, to=0)
        assert codes(tab) == ["RECIPE.NO_SUCH_FACE"]
    engine.close()
