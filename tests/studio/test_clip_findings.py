"""What was found in a finished render, without a browser: the list and its pictures, what is let be, what is mended."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from models.interfaces import FaceStack
from pipeline.engine import Engine
from pipeline.findings.judging import KINDS
from studio import clip_findings, views
from studio.access.roles import Visitor
from studio.clip_finding_routes import make_finding_router
from studio.job_views import card
from studio.machine import Machine
from studio.session import TabSession
from studio.tabs import Tabs
from studio.text import load_texts
from studio.work import Worker
from tests.door.making import write_clip
from tests.studio.clips import codes, do
from tests.studio.defects import CODES, FIRST, PLANTED, STOP, blind, finish, plant, prepare, quick

EDITOR = Visitor("a", "editor", "Ann", "link-a")


@dataclass
class Studio:
    engine: Engine
    machine: Machine
    tabs: Tabs
    job: str
    clip: Path


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, stack: FaceStack, planted_clip: Path) -> Iterator[Studio]:
    """A studio in which a clip was rendered with defects."""
    folder = tmp_path_factory.mktemp("data")
    engine, machine = quick(Engine(faces=stack)), Machine(folder)
    clip = tmp_path_factory.mktemp("mine") / "holiday.mp4"
    clip.write_bytes(planted_clip.read_bytes())
    with ThreadPoolExecutor(1) as executor, pytest.MonkeyPatch.context() as patch:
        plant(patch)
        tabs = Tabs(engine, Worker(executor), folder / "tabs" / "run", machine)
        tabs.uploads.mkdir(parents=True)
        tab = tabs.open("maker")
        prepare(tab, clip)
        do(tab, do="render")
        assert codes(tab) == []
        [job] = machine.jobs.list()
        finish(engine, machine, job.id)
        tabs.close("maker")
        yield Studio(engine, machine, tabs, job.id, clip)
        tabs.close_all()
        machine.close()
        engine.close()


@pytest.fixture
def tab(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Iterator[TabSession]:
    """Looks at what was found, without a preview."""
    blind(studio.engine, monkeypatch)
    yield from looking(studio)


@pytest.fixture
def seeing(studio: Studio) -> Iterator[TabSession]:
    """The same, with its preview."""
    yield from looking(studio)


def looking(studio: Studio) -> Iterator[TabSession]:
    tab = studio.tabs.open("one")
    do(tab, do="findings", job=studio.job)
    assert codes(tab) == []
    yield tab
    studio.tabs.close("one")


def found(tab: TabSession) -> dict[str, Any]:
    shown = views.clip(tab)["found"]
    assert shown is not None
    return dict(shown)


def key_of(tab: TabSession, code: str) -> str:
    assert tab.clip.judged is not None
    return next(one.key for one in tab.clip.judged.findings if one.code == code)


def test_a_card_says_how_many_findings_there_are_and_to_whom_it_may(studio: Studio) -> None:
    job = studio.machine.jobs.get(studio.job)
    counts = card(job, "tab")["findings"]
    assert counts["count"] == len(CODES) == counts["high"] + counts["middle"] + counts["low"]
    assert counts["high"] >= 1
    assert card(job, "tab", EDITOR)["findings"] is None
    assert card(replace(job, submitter=EDITOR.link), "tab", EDITOR)["findings"] == counts, "Ann's own"
    assert clip_findings.found_in(replace(job, state="running")) is None


def test_a_finding_is_listed_with_its_time_and_the_clip_is_opened_at_it(tab: TabSession, studio: Studio) -> None:
    shown = found(tab)
    assert (shown["states"], shown["open"], shown["same"], shown["unrendered"]) == ("oo", 2, True, 0)
    assert tab.clip.judged is not None
    rows = clip_findings.listed(tab.clip.judged)
    assert [row["code"] for row in rows] == CODES
    missed, bright = rows
    assert (missed["first"], missed["last"]) == PLANTED.missed
    assert missed["start"] == pytest.approx(10 / 25)
    assert missed["stop"] == pytest.approx(13 / 25)
    assert bright["values"]["step"] > 4
    assert tab.screen == "clip"
    assert tab.clip.at == missed["worst"]
    assert tab.clip.clip is not None
    assert tab.clip.clip.path == studio.clip


@pytest.fixture
def client(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    app = FastAPI()
    monkeypatch.setattr("studio.access.request.visitor_of", lambda request: Visitor("here", "owner", "Owner"))
    app.include_router(make_finding_router(studio.tabs))
    return TestClient(app)


def picture(client: TestClient, address: str) -> np.ndarray:
    answer = client.get(address)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg"), address
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB")).astype(int)


def test_thumbnails_and_frames_show_the_face_before_and_after(tab: TabSession, client: TestClient) -> None:
    at = f"/{found(tab)['at']}"
    before, after = (picture(client, f"{at}/thumb/1/{side}") for side in ("before", "after"))
    assert before.shape == after.shape == (160, 160, 3)
    face = np.s_[50:120, 50:110]
    assert after[face].mean() - before[face].mean() > 5, "the result was made too bright there"
    missed = [picture(client, f"{at}/face/0/11/{side}?s=96") for side in ("before", "after")]
    assert np.abs(missed[0] - missed[1]).mean() < 4, "nothing was drawn where no face was found"
    beside = [picture(client, f"{at}/face/0/14/{side}?s=96") for side in ("before", "after")]
    assert np.abs(beside[0] - beside[1]).mean() > 2 * np.abs(missed[0] - missed[1]).mean()
    assert picture(client, f"{at}/whole/14/after?w=128").shape == (96, 128, 3)
    for wrong in ("thumb/2/before", "thumb/-1/before", "face/0/72/before", "face/0/-1/after", "whole/72/before"):
        assert client.get(f"{at}/{wrong}").status_code == 404, wrong
    assert client.get(f"/findings/{tab.id}/0000000000000000").status_code == 404
    assert [row["code"] for row in client.get(at).json()] == CODES


def test_frames_of_a_trimmed_result_are_those_of_the_clip(tab: TabSession) -> None:
    judged = tab.clip.judged
    assert judged is not None
    assert [judged._index_after(frame) for frame in (FIRST - 1, FIRST, 20, STOP - 1, STOP)] == [None, 0, 16, 39, None]
    assert found(tab)["span"] == [FIRST, STOP - 1]


def test_what_is_let_be_survives_a_restart(tab: TabSession, studio: Studio) -> None:
    key = key_of(tab, "FINDING.EXPOSURE")
    do(tab, do="ignore_finding", finding=key)
    assert found(tab)["states"] == "oi"
    again = Tabs(studio.engine, studio.tabs._worker, studio.machine.data_dir / "tabs" / "later",
                 Machine(studio.machine.data_dir))
    again.uploads.mkdir(parents=True)
    other = again.open("two")
    do(other, do="findings", job=studio.job)
    assert found(other)["states"] == "oi"
    do(other, do="ignore_finding", finding=key, ignored=False)
    assert found(other)["states"] == "oo"
    do(other, do="ignore_finding", finding="of another clip")
    assert codes(other) == ["STUDIO.NO_SUCH_FINDING"]
    again.close_all()


def test_a_fix_makes_it_fixed_and_undo_opens_it_again(tab: TabSession) -> None:
    [missed, bright] = tab.clip.judged.findings if tab.clip.judged else []
    do(tab, do="fix", first=missed.first, last=missed.last, person=missed.person, fix={"fix": "neighbours"})
    assert (found(tab)["states"], found(tab)["unrendered"]) == ("fo", 1)
    do(tab, do="fix", first=bright.first, last=bright.last, person=bright.person, fix={"fix": "hold"})
    assert found(tab)["states"] == "ff"
    assert [(fix["kind"], fix["first"], fix["last"]) for fix in views.clip(tab)["fixes"]] == [
        ("neighbours", 10, 12), ("hold", bright.first, bright.last)]
    do(tab, do="undo")
    assert found(tab)["states"] == "fo"
    do(tab, do="unfix", fix=0)
    assert found(tab)["states"] == "oo"
    do(tab, do="unfix", fix=0)
    assert codes(tab) == ["RECIPE.NO_SUCH_FIX"]
    do(tab, do="fix", first=0, last=3, person=missed.person, fix={"fix": "original"})
    assert found(tab)["states"] == "oo", "it lies elsewhere"


def test_a_strength_that_is_slid_is_one_step(tab: TabSession) -> None:
    for strength in (0.8, 0.5, 0.2):
        do(tab, do="fix", first=30, last=32, fix={"fix": "strength", "strength": strength})
    assert [fix.strength for fix in tab.clip.recipe.fixes] == [0.2]  # type: ignore[union-attr]
    do(tab, do="undo")
    assert tab.clip.recipe.fixes == ()


def test_of_two_fixes_that_cannot_both_be_the_later_one_stays(tab: TabSession) -> None:
    def left(*kinds: str) -> list[str]:
        for kind in kinds:
            more: dict[str, dict[str, Any]] = {
                "strength": {"strength": 0.5}, "mask": {"png": png(64)}, "points": {"points": {"3": [0.1, 0]}}}
            do(tab, do="fix", first=30, last=32, fix={"fix": kind, **more.get(kind, {})})
        return [fix.fix for fix in tab.clip.recipe.fixes]

    assert left("strength", "mask", "points") == ["strength", "mask", "points"]
    assert left("hold") == ["points", "hold"]
    assert left("original") == ["points", "original"]
    assert left("mask", "neighbours") == ["points", "mask", "neighbours"]
    do(tab, do="fix", first=30, last=31, fix={"fix": "hold"})
    assert len(tab.clip.recipe.fixes) == 4, "another span"


def png(side: int, value: int = 128) -> str:
    return base64.b64encode(cv2.imencode(".png", np.full((side, side), value, np.uint8))[1].tobytes()).decode()


@pytest.mark.parametrize(("asked", "code"), [
    ({"first": 5, "last": 4}, "RECIPE.FIX"), ({"first": -1, "last": 4}, "RECIPE.FIX"),
    ({"first": 0, "last": 72}, "RECIPE.FIX"), ({"person": 9}, "RECIPE.NO_SUCH_PERSON"),
    ({"fix": {"fix": "nothing"}}, "RECIPE.FIX"), ({"fix": {}}, "RECIPE.FIX"),
    ({"fix": {"fix": "strength", "strength": 1.5}}, "RECIPE.FIX"),
    ({"fix": {"fix": "points", "points": {"68": [0.1, 0]}}}, "RECIPE.FIX"),
    ({"fix": {"fix": "points", "points": {"30": [2.0, 0]}}}, "RECIPE.FIX"),
    ({"fix": {"fix": "points", "points": {"30": ["nan", 0]}}}, "RECIPE.FIX"),
    ({"fix": {"fix": "mask", "png": png(513)}}, "RECIPE.MASK"),
    ({"fix": {"fix": "mask", "png": "x" * 400_001}}, "RECIPE.FIX"),
    ({"fix": {"fix": "mask", "png": "no picture"}}, "RECIPE.MASK"),
])
def test_what_cannot_be_a_fix_is_refused_and_costs_nothing(tab: TabSession, asked: dict[str, Any], code: str) -> None:
    do(tab, do="fix", first=8, last=9, fix={"fix": "original"})
    before = tab.clip.recipe
    do(tab, **{"do": "fix", "first": 3, "last": 4, "fix": {"fix": "hold"}, **asked})
    assert codes(tab) == [code]
    assert tab.clip.recipe is before


def test_a_small_file_that_would_unpack_to_a_huge_picture_is_not_unpacked(tab: TabSession) -> None:
    huge = bytearray(base64.b64decode(png(64)))
    huge[16:24] = (1 << 15).to_bytes(4) * 2
    do(tab, do="fix", first=3, last=4, fix={"fix": "mask", "png": base64.b64encode(huge).decode()})
    assert codes(tab) == ["RECIPE.MASK"]


def face_at(client: TestClient, tab: TabSession, frame: int, **more: Any) -> dict[str, Any]:
    clip = tab.clip.clip
    assert clip is not None
    answer = client.get(f"/mend/{tab.id}/{clip.id.partition(':')[2][:16]}/face/{frame}",
                        params={"first": frame, "last": frame, **more})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def opened(address: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGB")).astype(int)


def test_the_enlarged_face_is_what_points_and_paint_are_about(seeing: TabSession, client: TestClient) -> None:
    do(seeing, do="at", frame=30)
    shown = face_at(client, seeing, 30)
    points = np.array(shown["points"])
    assert points.shape == (68, 2)
    assert 0 < points.min() < points.max() < 1
    eyes = np.hypot(*(points[45] - points[36]))
    assert eyes * shown["reach"] == pytest.approx(1, abs=0.01), "moves are told in distances of the outer eye corners"
    assert shown["reach"] == pytest.approx(3, rel=0.06)
    before, after = opened(shown["before"]), opened(shown["after"])
    assert before.shape == after.shape == (512, 512, 3)
    rim, middle = np.s_[:60, :60], np.s_[200:330, 200:330]
    assert np.abs(before[rim] - after[rim]).mean() < np.abs(before[middle] - after[middle]).mean() / 2
    # A point that is moved by what the page says lies where the hand has let go of it.
    do(seeing, do="fix", first=30, last=30, fix={"fix": "points", "points": {"30": [0.2, 0.0]}})
    assert np.allclose(face_at(client, seeing, 30)["points"], points, atol=1e-4), "the points before they are moved"
    moved = np.array(face_at(client, seeing, 30, first=0, last=71)["points"])
    # The square goes along with the mean of the points, by a 68th.
    assert (moved[30] - moved[29] - points[30] + points[29]) * shown["reach"] == pytest.approx([0.2, 0], abs=0.01)
    paint = png(64, 0)
    do(seeing, do="fix", first=30, last=30, fix={"fix": "mask", "png": paint})
    assert face_at(client, seeing, 30)["png"] == paint
    assert client.get(f"/mend/{seeing.id}/0000000000000000/face/3", params={"first": 3, "last": 3}).status_code == 404


def shown_frame(tab: TabSession, frame: int) -> np.ndarray:
    do(tab, do="at", frame=frame)
    still = tab.clip.still
    assert still is not None
    assert codes(tab) == []
    return np.asarray(Image.open(io.BytesIO(tab.clip.media[still.key].data)).convert("RGB")).astype(int)


def test_the_preview_shows_a_fix_at_once(seeing: TabSession) -> None:
    bare = shown_frame(seeing, 28)
    face = np.s_[75:125, 105:150]
    do(seeing, do="fix", first=28, last=28, fix={"fix": "original"})
    original = shown_frame(seeing, 28)
    assert np.abs(original[face] - bare[face]).mean() > 8
    do(seeing, do="undo")
    do(seeing, do="fix", first=26, last=31, fix={"fix": "hold"})
    held = shown_frame(seeing, 28)
    assert np.abs(held[face] - original[face]).mean() > 6, "the look of frame 25 is laid over it"
    assert held[face].mean() < bare[face].mean() - 5, "and that was not too bright"
    do(seeing, do="undo")
    do(seeing, do="fix", first=10, last=12, fix={"fix": "neighbours"})
    missed = shown_frame(seeing, 11)
    do(seeing, do="undo")
    assert np.abs(missed[face] - shown_frame(seeing, 11)[face]).mean() > 5, "the face is there between its neighbours"


def test_rendered_again_it_is_gone_and_only_its_part_was_rendered(tab: TabSession, studio: Studio) -> None:
    judged = tab.clip.judged
    assert judged is not None
    missed = judged.findings[0]
    do(tab, do="ignore_finding", finding=key_of(tab, "FINDING.EXPOSURE"))
    do(tab, do="fix", first=missed.first, last=missed.last, person=missed.person, fix={"fix": "neighbours"})
    do(tab, do="render_again")
    again = views.clip(tab)["again"]
    assert codes(tab) == []
    finish(studio.engine, studio.machine, again)
    assert card(studio.machine.jobs.get(again), "tab")["findings"]["count"] == 1
    do(tab, do="findings", job=again)
    shown = found(tab)
    assert (shown["rendered"], shown["reused"], shown["mended"]) == (1, 1, True)
    assert shown["states"] == "i", "what was let be before is let be"
    assert shown["unrendered"] == 0
    assert shown["name"] == "holiday-likeness-2.mp4"


def test_a_guest_sees_findings_of_their_own_jobs_alone(studio: Studio) -> None:
    tab = studio.tabs.open("guest", EDITOR)
    do(tab, do="findings", job=studio.job)
    assert codes(tab) == ["ACCESS.NOT_ALLOWED"]
    assert tab.clip.judged is None
    studio.tabs.close("guest", EDITOR)


def test_a_new_clip_has_no_fixes_and_no_findings(tab: TabSession, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "other.mp4", [np.full((64, 64, 3), 90, np.uint8)] * 3, sound=False)
    do(tab, do="fix", first=3, last=4, fix={"fix": "hold"})
    do(tab, do="open", at=str(clip), name=clip.name, how="machine")
    shown = views.clip(tab)
    assert (shown["found"], shown["fixes"]) == (None, [])


def test_findings_that_are_no_longer_kept_are_said(studio: Studio, tmp_path: Path) -> None:
    tab = studio.tabs.open("late")
    studio.machine.data_dir, kept = tmp_path, studio.machine.data_dir
    try:
        do(tab, do="findings", job=studio.job)
    finally:
        studio.machine.data_dir = kept
    assert codes(tab) == ["STUDIO.FINDINGS_GONE"]
    studio.tabs.close("late")


def test_every_kind_of_finding_is_said_in_chinese_with_its_figure() -> None:
    words = load_texts()["zh-CN"]
    said = {key.removeprefix("finding."): text for key, text in words.items() if key.startswith("finding.FINDING.")}
    assert set(said) == {kind.code for kind in KINDS}
    for kind in KINDS:
        assert f"{{{kind.value}}}" in said[kind.code], kind.code
