"""Who is wrong from the first frame to the last, and who is lost for good while still to be seen: found where they were
planted, and silent where somebody leaves, is covered, or is somebody else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.arrays import Pixels
from models.interfaces import FaceStack, Search
from pipeline.analysis.found import Found
from pipeline.analysis.looking import Pass
from pipeline.analysis.store import Analyses
from pipeline.clips.clip import Clip
from pipeline.clips.reader import read_frames
from pipeline.engine import Engine
from pipeline.findings import findings_of
from pipeline.findings import sheet as flags
from pipeline.findings.finding import Lost
from pipeline.findings.losing import gone_in, lost_of
from pipeline.findings.scoring import Scored, Scorer
from pipeline.findings.sheet import Sheet, empty_row, rows_of
from pipeline.recipe import Span
from pipeline.tracking.follow import Follower
from tests.door.making import write_clip
from tests.pipeline.findings.planting import Defects, Studio
from tests.pipeline.tracking.making import heads

SIZE, FRAMES, GONE = (256, 192), 36, 14
HEAD = (224.0, 110.0)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, stack: FaceStack,
         ) -> Callable[[str, Callable[[int], Pixels]], tuple[Clip, Sheet]]:
    """A clip of pictures, and the scores of all that is followed in it."""
    folder, engine = tmp_path_factory.mktemp("lost"), Engine(faces=stack)

    def make(name: str, picture: Callable[[int], Pixels]) -> tuple[Clip, Sheet]:
        clip = engine.open_clip(write_clip(folder / f"{name}.mp4", [picture(i) for i in range(FRAMES)], sound=False))
        follower = Follower(stack, people=(), search=Search(), rate=clip.rate, embed=False)
        scorer = Scorer(stack, 0)
        with closing(read_frames(clip, int(clip.pts[0]), None)) as frames:
            for frame in frames:
                found = follower.step(frame)
                scorer.look(frame, frame, [Scored(one) for one in found.faces], None, cut=found.cut)
        return clip, scorer.sheet()

    return make


@pytest.fixture(scope="module")
def staying(made: Callable[..., tuple[Clip, Sheet]], astronaut: Pixels) -> tuple[Clip, Sheet]:
    """She sways, and stays."""
    clip, sheet = made("staying", lambda i: heads(SIZE, (astronaut, HEAD, 0.7, (128 + 10 * np.sin(i / 9), 96))))
    assert len(sheet.rows) == FRAMES
    return clip, sheet


def until(sheet: Sheet, last: int) -> Sheet:
    return replace(sheet, rows=sheet.rows[sheet.rows["frame"] <= last])


WHOLE = [(0, FRAMES - 1)]


def test_a_face_that_nobody_follows_any_more_is_lost_up_to_its_shots_end(
        staying: tuple[Clip, Sheet], stack: FaceStack) -> None:
    clip, sheet = staying
    spoilt = until(sheet, GONE - 1)
    lost = lost_of(clip, spoilt, stack, [], WHOLE)
    assert lost == (Lost(1, 0, GONE, FRAMES - 1, GONE),)
    [finding] = findings_of(spoilt, 25, lost=lost)
    assert (finding.code, finding.severity, finding.first, finding.last) == ("FINDING.LOST", "high", GONE, FRAMES - 1)
    assert (finding.start, finding.stop, finding.values) == (GONE / 25, FRAMES / 25, {"frames": FRAMES - GONE})
    assert lost_of(clip, sheet, stack, [], WHOLE) == ()


def test_nobody_is_lost_where_something_else_says_why_nothing_is_drawn(staying: tuple[Clip, Sheet],
                                                                       stack: FaceStack) -> None:
    clip, sheet = staying
    spoilt = until(sheet, GONE - 1)
    assert lost_of(clip, spoilt, stack, [GONE], WHOLE) == (), "a cut"
    assert lost_of(clip, spoilt, stack, [], [(0, GONE - 1)]) == (), "no effects from there on"
    kept = spoilt.rows.copy()
    kept["flags"] &= ~np.uint8(flags.MEANT)
    assert lost_of(clip, replace(spoilt, rows=kept), stack, [], WHOLE) == (), "nothing was to be drawn"
    later = sheet.rows[sheet.rows["frame"] >= GONE].copy()
    later["track"] = 9
    again = replace(spoilt, rows=np.concatenate([spoilt.rows, later]))
    assert lost_of(clip, again, stack, [], WHOLE) == (), "followed on as another track"
    short = lost_of(clip, spoilt, stack, [GONE + 12], WHOLE)
    assert [(one.first, one.last) for one in short] == [(GONE, GONE + 11)], "up to the cut, not beyond"
    assert findings_of(spoilt, 25, settled=[(GONE, FRAMES - 1, 0)], lost=short) == (), "the user said so"


def test_whoever_stands_at_the_edge_or_is_turned_is_not_looked_for(staying: tuple[Clip, Sheet]) -> None:
    spoilt = until(staying[1], GONE - 1)

    def counted(**changes: object) -> int:
        rows = spoilt.rows.copy()
        for name, value in changes.items():
            rows[name] = value
        return len(gone_in(replace(spoilt, rows=rows), [], WHOLE, 4, SIZE))

    assert counted() == 1
    assert counted(yaw=40.0) == counted(pitch=-30.0) == 0
    assert counted(points=spoilt.rows["points"] + [105, 0]) == 0


def _leaving(one: Pixels, _other: Pixels, i: int) -> Pixels:
    return heads(SIZE, (one, HEAD, 0.7, (150 + 7 * i, 96)))


def _covered(one: Pixels, _other: Pixels, i: int) -> Pixels:
    """Something comes down over her face, and stays there."""
    picture = heads(SIZE, (one, HEAD, 0.7, (128, 96)))
    cv2.rectangle(picture, (60, 0), (200, 20 * i), (70, 60, 50), -1)
    return picture


@pytest.mark.parametrize("scene", [_leaving, _covered])
def test_who_leaves_or_is_covered_is_not_lost(scene: Callable[[Pixels, Pixels, int], Pixels],
                                              made: Callable[..., tuple[Clip, Sheet]], stack: FaceStack,
                                              astronaut: Pixels, hopper: Pixels) -> None:
    clip, sheet = made(scene.__name__, lambda i: scene(astronaut, hopper, i))
    assert 4 < sheet.rows["frame"].max() < FRAMES - 5
    assert lost_of(clip, sheet, stack, [], WHOLE) == ()


def test_somebody_else_in_the_same_place_is_not_who_was_lost(made: Callable[..., tuple[Clip, Sheet]], stack: FaceStack,
                                                             astronaut: Pixels, hopper: Pixels) -> None:
    clip, sheet = made("other", lambda i: heads(
        SIZE, (astronaut, HEAD, 0.7, (128, 96)) if i < GONE else (hopper, (256.0, 220.0), 0.42, (128, 96))))
    assert lost_of(clip, until(sheet, GONE - 1), stack, [], WHOLE) == ()


def _descriptors(source: float, target: float, count: int = 6) -> Sheet:
    """A face of 60 frames of which some were looked at by the recogniser."""
    rows = []
    for frame in range(60):
        row = empty_row()
        row["frame"], row["track"], row["number"], row["flags"] = frame, 1, 2, flags.DRAWN | flags.MEANT
        row["points"], row["size"] = 100 + np.arange(10).reshape(5, 2), 50
        if frame % (60 // count) == 0:
            row["to_source"], row["to_target"] = source, target
        rows.append(row)
    return Sheet(rows_of(rows), (), 0, 59, "dlib", 0.6)


@pytest.mark.parametrize(("source", "target", "count", "found"), [
    (0.7, 0.3, 6, True), (0.6, 0.59, 6, True),
    (0.59, 0.3, 6, False),  # the recogniser takes it for its source as well: nearer to the target, but who says so?
    (0.7, 0.61, 6, False),  # it is nobody's any more: unlike, but not whom it is to replace
    (0.3, 0.7, 6, False), (0.7, 0.3, 3, False)])
def test_the_recognisers_own_threshold_says_who_is_wrong_throughout(source: float, target: float, count: int,
                                                                    found: bool) -> None:
    said = findings_of(_descriptors(source, target, count), 25)
    assert [(f.code, f.severity, f.first, f.last, f.person) for f in said] == \
        ([("FINDING.UNLIKE", "middle", 0, 59, 2)] if found else [])
    assert all(f.values == {"distance": source} for f in said)


def test_a_few_odd_frames_that_are_asked_about_often_do_not_make_a_person_wrong_throughout() -> None:
    sheet = _descriptors(0.3, 0.7, 2)  # asked in the frames 0 and 30
    odd = (sheet.rows["frame"] >= 40) & (sheet.rows["frame"] < 50)
    sheet.rows["to_source"][odd], sheet.rows["to_target"][odd] = 0.8, 0.2
    assert "FINDING.UNLIKE" not in {f.code for f in findings_of(sheet, 25)}


@pytest.fixture
def studio(tmp_path: Path, stack: FaceStack) -> Studio:
    return Studio(tmp_path, stack)


def test_frames_that_are_copied_because_nobody_was_found_in_them_are_looked_at_too(
        staying: tuple[Clip, Sheet], tmp_path: Path, stack: FaceStack, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, gone = Pass.found, 8

    def cut_short(by: Pass, first: int, last: int) -> Found:
        found = whole(by, first, last)
        return replace(found, pieces=tuple(replace(piece, **{
            name: getattr(piece, name)[:gone] for name in ("points", "boxes", "spread", "flags", "turns")})
            for piece in found.pieces))

    monkeypatch.setattr(Pass, "found", cut_short)
    studio = Studio(tmp_path, stack)
    studio.engine = Engine(faces=stack, analyses=Analyses(tmp_path / "analyses"))
    done = studio.render(studio.recipe(staying[0].path))
    assert (done.frames, done.copied) == (FRAMES, FRAMES - 12)
    assert [(f.code, f.first, f.last) for f in done.findings] == [("FINDING.LOST", gone, FRAMES - 1)]


def test_both_are_found_in_a_render(studio: Studio, planted_clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Defects(wrong=(0, 15), missed=(16, 99)).plant(monkeypatch)
    done = studio.render(studio.recipe(planted_clip, trim=Span(stop="6/5")))
    assert [(f.code, f.first, f.last) for f in done.findings] == [("FINDING.UNLIKE", 0, 15), ("FINDING.LOST", 16, 29)]
    assert studio.version(done).findings == done.findings
