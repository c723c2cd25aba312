"""The Clip screen without a browser: what happens to the recipe, the files and the jobs."""

from __future__ import annotations

import asyncio
import json
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine import Engine
from pipeline.jobs.job import JobFault
from pipeline.recipe import Anonymise, Keep, Recipe, Span, UseSource
from studio import clip_jobs, views
from studio.clip_reload import request_of
from studio.clip_times import edge_at, frame_at, time_of, times_table
from studio.job_views import card
from studio.perform import perform
from studio.session import TabSession
from studio.settings import Settings
from studio.tabs import Tabs
from tests.conftest import ASTRONAUT, HOPPER
from tests.studio.clips import FRAMES, codes, do

DOUBT = {"code": "ANONYMISE.GAP", "start": 0.2, "stop": 0.4, "words": "A head was lost here."}


def open_here(tab: TabSession, path: Path) -> None:
    do(tab, do="open", at=str(path), name=path.name, how="machine")


def swapped(tab: TabSession, clip: Path) -> None:
    """The clip open, and the astronaut on its second person."""
    open_here(tab, clip)
    do(tab, do="add_photo", at=str(ASTRONAUT), name=ASTRONAUT.name, how="machine", to=None)
    do(tab, do="consent", source="astronaut")
    do(tab, do="choose", person=2, choice={"use": "source", "source": "astronaut"})


def test_a_clip_that_is_dropped_on_the_image_screen_is_opened_on_the_other_and_back(tab: TabSession, clip: Path,
                                                                                   ) -> None:
    open_here(tab, clip)
    assert (tab.screen, tab.moved) == ("clip", 1)
    assert tab.target is None
    assert tab.clip.clip is not None
    assert tab.clip.clip.path == clip, "nothing is copied"
    open_here(tab, HOPPER)
    assert (tab.screen, tab.moved) == ("image", 2)
    assert tab.target is not None
    assert tab.clip.clip is not None, "the other screen keeps what it has"
    do(tab, do="screen", to="clip")
    assert tab.moved == 2, "who changed it by hand is not taken anywhere"
    assert codes(tab) == []


def test_who_is_in_the_clip_is_found_and_is_no_step_to_undo(tab: TabSession, clip: Path) -> None:
    open_here(tab, clip)
    assert [person.number for person in tab.clip.recipe.people] == [1, 2]
    people = views.people(tab)
    assert [row["number"] for row in people["people"]] == [1, 2]
    assert all(row["portrait"] and row["frames"] for row in people["people"])
    assert people["others"] == {"use": "keep"}
    do(tab, do="undo")
    assert tab.clip.clip is None
    do(tab, do="redo")
    assert [person.number for person in tab.clip.recipe.people] == [1, 2]


def test_a_source_on_a_person_gives_a_frame_a_moving_preview_and_an_estimate(tab: TabSession, clip: Path) -> None:
    swapped(tab, clip)
    c = tab.clip
    assert c.recipe.cast == {2: UseSource(source="astronaut")}
    do(tab, do="at", frame=27)
    assert c.still is not None
    assert c.still.frame == 27
    assert c.media[c.still.key].data[:2] == b"\xff\xd8"
    shown = views.clip(tab)
    assert [face["number"] for face in shown["faces"]] == [2]
    assert shown["still"]["frame"] == 27
    assert c.estimate is not None
    assert c.estimate.frames == FRAMES
    assert 0 < c.estimate.seconds < 600
    before = c.still.key
    do(tab, do="set", effect="swapper", name="strength", value=0.3)
    assert c.still is not None
    assert c.still.key != before
    do(tab, do="preview_span", frame=27)
    assert c.span is not None
    assert c.engine.open_clip(c.files[c.span.key]).frames == FRAMES, "the clip is shorter than three seconds"


def test_a_playhead_that_the_studio_moved_is_not_moved_back_by_a_hand_that_left_it_before(
        tab: TabSession, clip: Path) -> None:
    open_here(tab, clip)
    c = tab.clip
    seen = views.clip(tab)["jump"]
    c.go_to(12)  # as "Look at it" does
    do(tab, do="at", frame=35, jump=seen)
    assert c.at == 12
    do(tab, do="at", frame=30, jump=views.clip(tab)["jump"])
    assert c.at == 30


def test_faces_of_a_frame_that_was_left_do_not_take_the_place_of_those_that_are_looked_at(tab: TabSession, clip: Path,
                                                                                          ) -> None:
    """The older look is done already when the newer one is asked for, and is heard of last."""
    swapped(tab, clip)
    c = tab.clip

    async def asked(frame: int) -> tuple[Any, Any]:
        """Goes there, until the faces of the frame are being found."""
        before, steps = c.finding.ticket, perform(tab, {"do": "at", "frame": frame})
        while c.finding.ticket is before:
            await anext(steps)
        return steps, c.finding.ticket

    async def two() -> None:
        older, ticket = await asked(5)
        await asyncio.to_thread(ticket.future.result, 60)
        newer, _ = await asked(27)
        for steps in (older, newer):
            async for _step in steps:
                pass

    asyncio.run(two())
    assert [face["number"] for face in views.clip(tab)["faces"]] == [2]
    assert c.still is not None
    assert c.still.frame == 27


def test_sliders_edit_the_segment_under_the_playhead(tab: TabSession, clip: Path) -> None:
    open_here(tab, clip)
    c = tab.clip
    assert views.chain(tab)["segment"] is None
    do(tab, do="split", frame=18)
    do(tab, do="at", frame=20)
    do(tab, do="set", effect="swapper", name="strength", value=0.5)
    assert [s.effects[0].params for s in c.recipe.segments] == [{}, {"strength": 0.5}]
    assert [(s.start, s.stop) for s in c.recipe.segments] == [(None, "3/5"), ("3/5", None)]
    assert views.chain(tab)["segment"] == {"number": 2, "count": 2, "start": 0.6, "stop": pytest.approx(1.2)}
    assert views.clip(tab)["segments"] == [[0, 18], [18, FRAMES]]
    do(tab, do="at", frame=3)
    assert views.chain(tab)["segment"]["number"] == 1
    do(tab, do="preset", name="fast")
    assert [len(s.effects) for s in c.recipe.segments] == [3, 5]
    do(tab, do="move_split", segment=1, frame=10)
    do(tab, do="move_split", segment=1, frame=12)
    assert views.clip(tab)["segments"] == [[0, 12], [12, FRAMES]]
    do(tab, do="undo")
    assert views.clip(tab)["segments"] == [[0, 18], [18, FRAMES]], "one drag is one step"
    do(tab, do="join", segment=1)
    assert [len(s.effects) for s in c.recipe.segments] == [3]
    do(tab, do="join", segment=1)
    assert codes(tab) == ["RECIPE.NO_SUCH_SPLIT"]


@pytest.mark.parametrize(("start", "stop", "kept", "shown"), [
    (None, None, Span(), [0, 36]), (6, 30, Span(start="1/5", stop="1"), [6, 30]),
    (None, 36, Span(), [0, 36]), (35, 10, Span(start="7/6"), [35, 36]), (9000, 9001, Span(start="7/6"), [35, 36]),
])
def test_the_trim_is_exact_and_leaves_a_frame(tab: TabSession, clip: Path, start: int | None, stop: int | None,
                                              kept: Span, shown: list[int]) -> None:
    open_here(tab, clip)
    do(tab, do="trim", start=start, stop=stop)
    assert tab.clip.recipe.trim == kept
    assert views.clip(tab)["trim"] == shown


@pytest.mark.long
def test_everyone_else_can_be_hidden_and_a_box_drawn_over_who_was_missed(tab: TabSession, clip: Path) -> None:
    open_here(tab, clip)
    do(tab, do="choose", person=1, choice={"use": "keep"})
    do(tab, do="choose_others", choice={"use": "anonymise", "style": "solid"})
    do(tab, do="at", frame=6)
    do(tab, do="cover", x=0.1, y=0.2, width=0.2, height=0.3)
    recipe = tab.clip.recipe
    assert recipe.everyone == Anonymise(style="solid")
    assert (recipe.covers[0].at, recipe.covers[0].x, recipe.covers[0].style) == ("1/5", 0.1, "blur")
    assert clip_jobs.proposed(tab.clip).name == "anonymised.mp4", "the clip's name may name the person"
    do(tab, do="style_cover", cover=0, style="pixelate")
    assert views.clip(tab)["covers"] == [{"place": 0, "frame": 6, "x": 0.1, "y": 0.2, "w": 0.2, "h": 0.3,
                                          "style": "pixelate"}]
    do(tab, do="uncover", cover=0)
    do(tab, do="uncover", cover=0)
    assert codes(tab) == ["RECIPE.NO_SUCH_BOX"]
    do(tab, do="undo")
    assert len(tab.clip.recipe.covers) == 1


def test_boxes_are_drawn_on_pictures_too(tab: TabSession) -> None:
    open_here(tab, HOPPER)
    do(tab, do="cover", x=0.3, y=0.3, width=0.3, height=0.3, style="solid")
    assert tab.recipe.covers[0].at is None
    assert views.viewer(tab)["covers"] == [{"place": 0, "x": 0.3, "y": 0.3, "w": 0.3, "h": 0.3, "style": "solid"}]
    assert tab.wanted is not None
    do(tab, do="undo")
    assert tab.recipe.covers == ()


def test_a_render_goes_beside_the_clip_and_takes_no_name_that_is_taken(tab: TabSession, clip: Path, tmp_path: Path,
                                                                      ) -> None:
    mine = tmp_path / "mine" / "interview.mp4"
    mine.parent.mkdir()
    shutil.copy(clip, mine)
    swapped(tab, mine)
    jobs = tab.machine.jobs
    do(tab, do="render")
    do(tab, do="render")
    assert [Path(job.output) for job in jobs.list()] == [mine.parent / "interview-likeness.mp4",
                                                         mine.parent / "interview-likeness-2.mp4"]
    there = mine.parent / "there.mp4"
    there.write_bytes(b"somebody's")
    do(tab, do="render", output=str(there))
    assert codes(tab) == ["OUTPUT.EXISTS"]
    do(tab, do="render", output=str(there), overwrite=True)
    assert codes(tab) == []
    assert len(jobs.list()) == 3
    for bad in ("relative.mp4", str(tmp_path / "nowhere" / "x.mp4")):
        do(tab, do="render", output=bad)
        assert codes(tab) == ["OUTPUT.NO_FOLDER"]
    assert there.read_bytes() == b"somebody's"


@pytest.mark.parametrize("at", [".", "{uploads}", "abc", "../uploads/abc", "/etc/passwd", "abc/../../x"])
def test_only_a_file_that_was_uploaded_is_an_upload(tab: TabSession, tabs: Tabs, clip: Path, at: str) -> None:
    """Not the folder of everybody's uploads, which would be moved into one's own tab."""
    uploaded = tabs.uploads / "abc" / "upload.mp4"
    uploaded.parent.mkdir(parents=True)
    shutil.copy(clip, uploaded)
    do(tab, do="open", at=at.replace("{uploads}", str(tabs.uploads)), name="x.mp4", how="upload")
    assert codes(tab) == ["STUDIO.NOT_UPLOADED"]
    assert uploaded.is_file()
    do(tab, do="open", at="abc/upload.mp4", name="x.mp4", how="upload")
    assert tab.clip.clip is not None
    assert tab.clip.clip.name == "x.mp4"


def test_uploads_go_along_with_their_job_and_outlive_the_tab(tab: TabSession, tabs: Tabs, clip: Path) -> None:
    uploaded = tabs.uploads / "abc" / "upload.mp4"
    photo = tabs.uploads / "def" / "upload.png"
    for source, goal in ((clip, uploaded), (ASTRONAUT, photo)):
        goal.parent.mkdir()
        shutil.copy(source, goal)
    do(tab, do="open", at=str(uploaded), name="interview.mp4", how="upload")
    do(tab, do="add_photo", at=str(photo), name="ann.png", how="upload", to=None)
    do(tab, do="consent", source="ann")
    do(tab, do="choose", person=2, choice={"use": "source", "source": "ann"})
    assert not uploaded.exists()
    assert tab.clip.recipe.target is not None
    assert tab.clip.recipe.target.path is None, "a recipe does not name a file that goes with the tab"
    do(tab, do="render")
    assert codes(tab) == []
    job = tab.machine.jobs.list()[0]
    assert Path(job.output) == tab.machine.renders / "interview-likeness.mp4"
    tabs.close("one")
    recipe = request_of(job).recipe
    assert recipe.target is not None
    inputs = [recipe.target, recipe.sources[0].photos[0]]
    assert [Path(one.path or "").read_bytes() for one in inputs] == [clip.read_bytes(), ASTRONAUT.read_bytes()]
    assert all(Path(one.path or "").is_relative_to(tabs.machine.jobs.own_folder(job.id)) for one in inputs)


def test_a_job_is_taken_up_again_in_another_tab_and_survives_its_removal(tab: TabSession, tabs: Tabs, clip: Path,
                                                                        ) -> None:
    swapped(tab, clip)
    do(tab, do="split", frame=18)
    do(tab, do="render")
    job = tab.machine.jobs.list()[0]
    other = tabs.open("two")
    do(other, do="take_up", job=job.id)
    assert other.screen == "clip"
    assert other.clip.recipe.cast == tab.clip.recipe.cast
    assert other.clip.recipe.segments == tab.clip.recipe.segments
    assert [s.name for s in other.clip.recipe.sources] == ["astronaut"]
    assert other.clip.wanted is not None
    do(other, do="job", job=job.id, wish="cancel")
    do(other, do="job", job=job.id, wish="remove")
    assert other.machine.jobs.list() == ()
    do(other, do="job", job=job.id, wish="retry")
    assert codes(other) == ["JOB.MISSING"]


def held(tab: TabSession, *doubts: dict[str, object]) -> str:
    """A job that waits for somebody's look, as a worker leaves it."""
    do(tab, do="render")
    jobs = tab.machine.jobs
    job = jobs._store.claim("worker")
    assert job is not None
    assert jobs._store.settle(job.id, "worker", "failed", error=JobFault(
        "ANONYMISE.DOUBTFUL", "Somebody might be recognised.", data={"doubts": list(doubts)}))
    return job.id


def test_a_held_render_asks_and_goes_on_when_every_question_is_answered(tab: TabSession, clip: Path) -> None:
    open_here(tab, clip)
    do(tab, do="choose_others", choice={"use": "anonymise", "style": "blur"})
    job = held(tab, DOUBT, {**DOUBT, "start": 0.8, "stop": 0.9})
    jobs = tab.machine.jobs
    assert [doubt["start"] for doubt in card(jobs.get(job), tab.id)["doubts"]] == [0.2, 0.8]
    do(tab, do="take_up", job=job, seconds=0.2)
    assert tab.clip.at == 6
    do(tab, do="accept", job=job, start=0.2, stop=0.4)
    assert jobs.get(job).state == "failed", "one question is open"
    assert views.clip(tab)["answers"] == {job: [[0.2, 0.4]]}
    do(tab, do="accept", job=job, start=0.8, stop=0.9)
    assert jobs.get(job).state == "queued"
    accepted = request_of(jobs.get(job)).recipe.accepted
    assert [(span.start, span.stop) for span in accepted] == [("0.200000", "0.400000"), ("0.800000", "0.900000")]
    assert tab.clip.recipe.accepted == accepted


def test_a_box_that_was_drawn_goes_along_when_a_held_render_goes_on(tab: TabSession, clip: Path) -> None:
    open_here(tab, clip)
    do(tab, do="choose_others", choice={"use": "anonymise", "style": "blur"})
    job = held(tab, DOUBT)
    do(tab, do="at", frame=6)
    do(tab, do="cover", x=0.4, y=0.2, width=0.2, height=0.3)
    do(tab, do="go_on", job=job)
    again = tab.machine.jobs.get(job)
    assert again.state == "queued"
    assert request_of(again).recipe.covers == tab.clip.recipe.covers
    assert request_of(again).resume


def test_nothing_is_rendered_where_nothing_would_change(tab: TabSession, clip: Path) -> None:
    open_here(tab, clip)
    for action in ({"do": "render"}, {"do": "preview_span", "frame": 3}):
        do(tab, **action)
        assert set(codes(tab)) == {"STUDIO.NOTHING_CHANGED"}
        for notice in tab.clip.notices:
            do(tab, do="dismiss", notice=notice.id)
        assert codes(tab) == []
    assert tab.machine.jobs.list() == ()


def test_settings_that_cannot_be_are_said_before_the_render(tab: TabSession, clip: Path) -> None:
    swapped(tab, clip)
    do(tab, do="clip_output", settings={"container": "webm", "codec": "h264"})
    assert codes(tab) == ["OUTPUT.CODEC"]
    do(tab, do="clip_output", settings={"container": "webm"})
    assert codes(tab) == []
    assert clip_jobs.proposed(tab.clip).suffix == ".webm"
    bar = views.bar(tab, Settings(Path("/nowhere")))
    assert bar["output"]["settings"]["container"] == "webm"
    assert bar["estimate"]["bytes"] > 0


def test_a_recipe_is_saved_and_loaded_on_the_same_clip_and_on_another(tab: TabSession, tabs: Tabs, clip: Path,
                                                                     tmp_path: Path) -> None:
    swapped(tab, clip)
    do(tab, do="split", frame=12)
    do(tab, do="save_recipe")
    assert tab.clip.offer is not None
    saved = json.loads(tab.clip.offer.path.read_text())
    assert saved["target"]["path"] == str(clip)
    other = tabs.open("two")
    do(other, do="load_recipe", at=str(tab.clip.offer.path), name="r.likeness.json", how="machine")
    assert other.screen == "clip"
    assert other.clip.recipe.model_copy(update={"made_with": ""}) == tab.clip.recipe.model_copy(
        update={"made_with": ""})
    gone = tmp_path / "gone.json"
    saved["target"].update(path=None, id="sha256:" + "0" * 64)
    gone.write_text(json.dumps(saved))
    third = tabs.open("three")
    open_here(third, clip)
    do(third, do="load_recipe", at=str(gone), name="gone.json", how="machine")
    assert codes(third) == ["RECIPE.PICTURES_MISSING"]
    assert third.clip.clip is not None
    assert len(third.clip.recipe.segments) == 1


@pytest.mark.long
def test_a_clip_can_be_a_source(tab: TabSession, clip: Path) -> None:
    open_here(tab, HOPPER)
    do(tab, do="add_photo", at=str(clip), name=clip.name, how="machine", to=None)
    assert codes(tab) == []
    source = views.people(tab)["sources"][0]
    assert source["ready"]
    assert source["photos"][0]["shots"] >= 1
    assert source["photos"][0]["url"]


def test_the_two_screens_have_recipes_of_their_own(tab: TabSession, clip: Path) -> None:
    open_here(tab, HOPPER)
    do(tab, do="preset", name="fast")
    open_here(tab, clip)
    do(tab, do="preset", name="sharp")
    do(tab, do="screen", to="image")
    assert views.chain(tab)["preset"] == "fast"
    do(tab, do="undo")
    do(tab, do="screen", to="clip")
    assert views.chain(tab)["preset"] == "sharp"


@pytest.mark.parametrize("content", [b"", b"no clip at all", b"\x00\x00\x00\x18ftypmp42" + bytes(400)])
def test_a_bad_clip_is_said_and_nothing_of_it_stays(tab: TabSession, tabs: Tabs, content: bytes) -> None:
    upload = tabs.uploads / "abc" / "upload.mp4"
    upload.parent.mkdir()
    upload.write_bytes(content)
    do(tab, do="screen", to="clip")
    do(tab, do="open", at=str(upload), name="<b>bad.mp4", how="upload")
    assert len(codes(tab)) == 1
    assert codes(tab)[0].startswith(("MEDIA.", "INPUT."))
    assert not upload.exists()
    assert not list(tab.clip.folder.rglob("*.mp4"))
    assert tab.screen == "clip"
    assert tab.clip.clip is None


def test_a_closed_tab_holds_nothing(tab: TabSession, tabs: Tabs, clip: Path) -> None:
    swapped(tab, clip)
    tabs.close("one")
    c = tab.clip
    assert (c.clips, c.files, c.media, c.shots, c.stills) == ({}, {}, {}, {}, [])
    assert c.recipe == Recipe()
    assert all(isinstance(c.recipe.choice_for(n), Keep) for n in (1, 2))
    assert clip.is_file(), "what was opened on this machine is left alone"


def test_frames_have_exact_times_and_the_page_gets_them_all(engine: Engine, clip: Path) -> None:
    import numpy as np

    opened = engine.open_clip(clip)
    for frame in range(FRAMES):
        when = time_of(opened, frame)
        assert when == Fraction(frame, 30)
        assert frame_at(opened, when) == frame
        assert frame_at(opened, when + Fraction(1, 61)) == frame
        assert edge_at(opened, when) == frame
        assert edge_at(opened, when + Fraction(1, 1000)) == frame + 1
    assert time_of(opened, FRAMES) == opened.duration
    assert np.frombuffer(times_table(opened), "<f8") == pytest.approx([frame / 30 for frame in range(FRAMES)])
