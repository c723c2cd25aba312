"""What each role may ask for: a table of every action that there is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, get_args

import pytest

from models.interfaces import FaceStack
from pipeline.engine import Engine
from pipeline.jobs.job import Job, JobResult
from pipeline.recipe import Photo, Recipe, SourceInput, input_of
from pipeline.version import VERSION
from studio import actions
from studio.access.rights import NotAllowed, check, may_see, may_touch
from studio.access.roles import HOST, Visitor
from studio.job_views import card
from studio.machine import Machine
from studio.reload import without_paths
from studio.tabs import Tabs
from studio.work import Worker
from tests.conftest import ASTRONAUT, HOPPER
from tests.studio.clips import codes, do

EDITOR, VIEWER = Visitor("a", "editor", "Ann", "link-a"), Visitor("b", "viewer", "Bob", "link-b")
OTHER = Visitor("c", "editor", "Cleo", "link-c")

EXAMPLES: dict[str, dict[str, Any]] = {
    "open": {"at": "/x"}, "add_photo": {"at": "/x"}, "load_recipe": {"at": "/x"}, "choose_backdrop": {"at": "/x"},
    "remove_photo": {"source": "s", "photo": "p"}, "pick_face": {"source": "s", "photo": "p"},
    "rename_source": {"source": "s", "name": "t"}, "remove_source": {"source": "s"}, "consent": {"source": "s"},
    "choose": {"person": 1, "choice": {"use": "keep"}}, "choose_others": {"choice": {"use": "keep"}},
    "look": {"small": True, "turned": False}, "cover": {"x": 0, "y": 0, "width": 1, "height": 1},
    "style_cover": {"cover": 0, "style": "blur"}, "uncover": {"cover": 0}, "preset": {"name": "natural"},
    "add_effect": {"processor": "grain"}, "move_effect": {"effect": "e", "to": 0},
    "mute_effect": {"effect": "e", "on": True}, "set": {"effect": "e", "name": "n", "value": 1},
    "screen": {"to": "clip"}, "at": {"frame": 0}, "split": {"frame": 1}, "join": {"segment": 1},
    "move_split": {"segment": 1, "frame": 1}, "preview_span": {"frame": 0}, "clip_output": {"settings": {}},
    "job": {"job": "0a", "wish": "cancel"}, "take_up": {"job": "0a"}, "accept": {"job": "0a", "start": 0, "stop": 1},
    "go_on": {"job": "0a"}, "findings": {"job": "0a"}, "ignore_finding": {"finding": "k"},
    "fix": {"first": 0, "last": 1, "fix": {"fix": "hold"}}, "unfix": {"fix": 0},
    "name_person": {"person": 1, "name": "Ann"}, "merge_people": {"person": 2, "into": 1},
    "separate_people": {"person": 2}, "say_who": {"frame": 0, "person": 1, "to": 0}, "survey": {"on": False},
    "play_result": {"job": "0a"}, "dismiss": {"notice": 1},
    **{name: {"effect": "e"} for name in ("remove_effect", "duplicate_effect", "reset_effect")},
}
VIEWERS = {"screen", "dismiss", "play_result", "cancel", "at", "estimate", "models"}
"""What changes nothing of anybody's."""
MODELS: dict[str, dict[str, Any]] = {
    "models": {}, "fetch_models": {"slots": ["a"]}, "take_in_models": {"files": [{"at": "x"}]},
    "remove_model": {"slot": "a"}, "verify_models": {}, "commercial_safe": {"on": False}}
OWNERS = {"take_in_models", "remove_model", "commercial_safe"}
"""The machine's, which every tab shares."""


def every_action(kind: Any = actions.Action) -> list[str]:
    union, _ = get_args(kind)
    return sorted(get_args(one.model_fields["do"].annotation)[0] for one in get_args(union))


def allowed(visitor: Visitor, **asked: Any) -> bool:
    try:
        check(visitor, actions.parse_action(asked))
    except NotAllowed:
        return False
    return True


@pytest.mark.parametrize("do", every_action())
def test_every_action_is_the_owner_s_and_the_editor_s_and_few_are_the_viewer_s(do: str) -> None:
    asked = {"do": do, **EXAMPLES.get(do, {})}
    assert allowed(HOST, **asked)
    assert allowed(EDITOR, **asked)
    assert allowed(VIEWER, **asked) is (do in VIEWERS)


@pytest.mark.parametrize("do", every_action(actions.ModelAction))
def test_models_are_looked_at_by_all_fetched_by_editors_and_changed_by_the_owner(do: str) -> None:
    action = actions.parse_model_action({"do": do, **MODELS[do]})
    check(HOST, action)
    for visitor, may in ((EDITOR, do not in OWNERS), (VIEWER, do in VIEWERS)):
        if may:
            check(visitor, action)
        else:
            with pytest.raises(NotAllowed):
                check(visitor, action)


@pytest.mark.parametrize("do", ["open", "add_photo", "load_recipe"])
def test_no_guest_opens_the_machine_s_files(do: str) -> None:
    asked = {"do": do, "at": "/etc/passwd", "how": "machine"}
    assert allowed(HOST, **asked)
    assert not allowed(EDITOR, **asked)


def test_no_guest_chooses_where_on_the_machine_a_render_goes() -> None:
    assert allowed(EDITOR, do="render")
    assert not allowed(EDITOR, do="render", output="/home/owner/x.mp4")
    assert not allowed(EDITOR, do="render", overwrite=True)
    assert not allowed(EDITOR, do="estimate", output="/home/owner"), "nor asks how much room there is"
    assert allowed(HOST, do="render", output="/home/owner/x.mp4", overwrite=True)


def job(state: Any, submitter: str = "", **more: Any) -> Job:
    recipe = {"recipe": {"target": {"id": "sha256:1", "name": "holiday.mp4", "path": "/home/owner/holiday.mp4"}}}
    return Job("0a", "holiday.mp4", "render", state, "/home/owner/out.mp4", json.dumps(recipe), 1, 0.0,
               submitter=submitter, picture=3, **more)


@pytest.mark.parametrize(("visitor", "submitter", "state", "touch", "see"), [
    (HOST, "", "running", True, True), (HOST, "link-a", "running", True, True),
    (EDITOR, "link-a", "running", True, True), (EDITOR, "link-c", "running", False, False),
    (EDITOR, "", "running", False, False), (EDITOR, "", "done", False, True), (OTHER, "link-a", "done", False, True),
    (VIEWER, "link-b", "running", False, False), (VIEWER, "", "done", False, True),
    (VIEWER, "", "failed", False, False),
    (Visitor("d", "editor", "no link"), "", "running", False, False),
])
def test_a_job_is_its_maker_s_and_the_owner_s_and_its_result_everybody_s(
        visitor: Visitor, submitter: str, state: Any, touch: bool, see: bool) -> None:
    assert may_touch(visitor, job(state, submitter)) is touch
    assert may_see(visitor, job(state, submitter)) is see


def test_a_card_tells_guests_that_something_runs_and_not_what() -> None:
    told = card(job("running"), "tab", EDITOR)
    assert (told["state"], told["title"], told["picture"], told["mine"]) == ("running", "", None, False)
    assert told["wishes"] == []
    assert told["clip"] is None
    assert "holiday" not in json.dumps(told)
    assert "/home/owner" not in json.dumps(told)


def test_a_card_of_a_result_tells_guests_its_name_and_no_path() -> None:
    told = card(job("done", result=JobResult("/home/owner/out.mp4", 5)), "tab", VIEWER)
    assert told["title"] == "holiday.mp4"
    assert told["result"]["name"] == told["result"]["path"] == "out.mp4"
    assert told["result"]["download"] == "jobs/tab/0a/result"
    assert "/home/owner" not in json.dumps(told)


def test_the_owner_s_card_says_everything() -> None:
    told = card(job("done", "link-a", result=JobResult("/home/owner/out.mp4", 5)), "tab", HOST)
    assert told["output"] == "/home/owner/out.mp4"
    assert told["mine"]


def test_a_recipe_that_a_guest_loads_names_no_file_of_the_machine() -> None:
    recipe = Recipe(made_with=f"Likeness {VERSION}",
                    target=input_of("sha256:" + "1" * 64, "x.jpg", Path("/etc/passwd")),
                    sources=(SourceInput(name="1", photos=(Photo(id="sha256:" + "2" * 64, name="y.jpg",
                                                                  path="/etc/shadow"),)),))
    assert "/etc" not in without_paths(recipe).to_json()


# Through the studio itself ------------------------------------------------------------------------------------------


@pytest.fixture
def tabs(stack: FaceStack, tmp_path: Path) -> Iterator[Tabs]:
    """The queue is not started: jobs are submitted, and stay."""
    machine = Machine(tmp_path / "data")
    with ThreadPoolExecutor(1) as executor:
        opened = Tabs(Engine(faces=stack), Worker(executor), tmp_path / "data" / "tabs" / "run", machine)
        opened.uploads.mkdir(parents=True)
        yield opened
        opened.close_all()
        machine.close()


def test_a_guest_who_asks_for_a_file_of_the_machine_is_told_no(tabs: Tabs) -> None:
    tab = tabs.open("guest", EDITOR)
    do(tab, do="open", at=str(HOPPER), how="machine")
    assert codes(tab) == ["ACCESS.NOT_ALLOWED"]
    assert tab.target is None
    do(tab, do="open", at=str(ASTRONAUT), how="upload")  # not a file that this tab uploaded
    assert tab.target is None


def test_a_viewer_changes_nothing(tabs: Tabs) -> None:
    tab = tabs.open("guest", VIEWER)
    do(tab, do="example")
    assert codes(tab) == ["ACCESS.NOT_ALLOWED"]
    assert tab.target is None


def test_a_guest_touches_no_job_of_another_s(tabs: Tabs, clip: Path) -> None:
    owner = tabs.open("owner")
    do(owner, do="open", at=str(clip), how="machine")
    do(owner, do="choose_others", choice={"use": "anonymise", "style": "blur"})
    do(owner, do="render")
    assert codes(owner) == []
    jobs = tabs.machine.jobs
    (mine,) = jobs.list()
    assert mine.submitter == ""
    guest = tabs.open("guest", EDITOR)
    for asked in ({"do": "job", "job": mine.id, "wish": "cancel"}, {"do": "take_up", "job": mine.id},
                  {"do": "go_on", "job": mine.id}, {"do": "accept", "job": mine.id, "start": 0, "stop": 1},
                  {"do": "play_result", "job": mine.id}):
        do(guest, **asked)
        assert codes(guest) == ["ACCESS.NOT_ALLOWED"], asked
        guest.notices, guest.clip.notices = [], []
    assert jobs.get(mine.id).state == "queued"
    assert guest.clip.clip is None


@pytest.mark.long
def test_an_editor_s_job_is_the_link_s_and_goes_into_the_data_folder(tabs: Tabs, clip: Path) -> None:
    guest = tabs.open("guest", EDITOR)
    upload = tabs.uploads / "1" / "upload.mp4"
    upload.parent.mkdir()
    shutil.copy(clip, upload)
    do(guest, do="open", at=str(upload), name="mine.mp4", how="upload")
    do(guest, do="choose_others", choice={"use": "anonymise", "style": "blur"})
    do(guest, do="render")
    assert codes(guest) == []
    (mine,) = tabs.machine.jobs.list()
    assert mine.submitter == EDITOR.link
    assert Path(mine.output).parent == tabs.machine.renders
    again = tabs.open("another tab", EDITOR)
    do(again, do="job", job=mine.id, wish="cancel")
    assert tabs.machine.jobs.get(mine.id).state == "cancelled"


def test_a_link_that_is_ended_closes_its_tabs_and_no_others(tabs: Tabs) -> None:
    opened = {name: tabs.open(name, visitor) for name, visitor in (("o", HOST), ("a", EDITOR), ("b", VIEWER))}
    tabs.close_link(EDITOR.link)
    assert [name for name, tab in opened.items() if tab.closed] == ["a"]
    assert len(tabs) == 2


def test_nobody_closes_another_s_tab_by_its_connection(tabs: Tabs) -> None:
    """Gradio knows a connection by a word that a page makes up; whoever names another's gets nothing by it."""
    tab = tabs.open("connection", EDITOR)
    tabs.close("connection", OTHER)
    assert tabs.get(tab.id) is tab
    other = tabs.open("connection", OTHER)
    assert other.closed
    assert other.visitor is OTHER
    assert tabs.get(tab.id) is tab
    tabs.close("connection", EDITOR)
    assert tabs.get(tab.id) is None
