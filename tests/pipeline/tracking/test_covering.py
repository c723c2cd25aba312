"""Hidden people stay hidden: through gaps, before they are first seen, and where nobody knows who they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

import cv2
import numpy as np
import pytest

from models.arrays import Pixels
from models.face import Box
from models.interfaces import FaceStack, Search
from pipeline.chain import FaceJob, make_steps, run_chain
from pipeline.frame import Frame
from pipeline.recipe import Person, make_effects
from pipeline.tracking.covering import Doubt, DrawnFace, Scan, scan_part, unseen_words
from pipeline.tracking.drawn import follow_drawn
from pipeline.tracking.follow import FollowedFace
from pipeline.tracking.heads import inside
from processors.context import Context
from processors.registry import load_registry
from tests.pipeline.tracking.making import Made, heads

SIZE = (640, 360)
REGISTRY = load_registry()
SCALE = {"astronaut": 1.0, "hopper": 0.5}


Placing = Callable[[float, float], tuple[Pixels, tuple[float, float], float, tuple[float, float]]]
"""A head for `heads`, its middle at a place."""


@pytest.fixture(scope="module")
def ann(astronaut: Pixels) -> Placing:
    return lambda x, y: (astronaut, (224.0, 140.0), SCALE["astronaut"], (x, y))


@pytest.fixture(scope="module")
def grace(hopper: Pixels) -> Placing:
    return lambda x, y: (hopper, (252.0, 246.0), SCALE["hopper"], (x, y))


def head_at(x: float, y: float) -> Box:
    """Face and most of the hair of the astronaut, whose middle is at (x, y)."""
    scale = SCALE["astronaut"]
    return Box(x - 58 * scale, y - 90 * scale, x + 58 * scale, y + 48 * scale)


def scan(made: Sequence[Pixels] | Iterator[Pixels], stack: FaceStack, *, people: Sequence[Person] = (),
         keep: Callable[[FollowedFace], bool] = lambda _face: False, drawn: Sequence[DrawnFace] = (),
         span: tuple[int, int] | None = None, start: int = 0) -> Scan:
    frames = [Made(pixels, index) for index, pixels in enumerate(made, start)]
    first, last = span or (frames[0].index, frames[-1].index)
    return scan_part(frames, stack, people=people, search=Search(), rate=Fraction(30), keep=keep, drawn=drawn,
                     first=first, last=last)


def codes(doubts: Sequence[Doubt]) -> list[str]:
    return [doubt.code for doubt in doubts]


def hidden_share(result: Scan, index: int, box: Box) -> float:
    """How much of the oval in the box, as far as it lies in the picture, the anonymised frame really covers."""
    plain = Frame(np.full((SIZE[1], SIZE[0], 3), 255, np.uint8))
    steps = make_steps(make_effects(["anonymise", "feather"], REGISTRY, {"anonymise": {
        "style": "solid", "colour": "#000000"}}), REGISTRY)
    done = run_chain(plain, [FaceJob(cover.face) for cover in result.covers.get(index, ())], steps, Context())
    oval = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    middle = (round((box.x0 + box.x1) / 2), round((box.y0 + box.y1) / 2))
    cv2.ellipse(oval, middle, (round(box.width / 2), round(box.height / 2)), 0, 0, 360, 1, -1)
    return float((done.frame.samples[oval > 0] < 128).mean())


def test_a_face_behind_a_bar_stays_covered(ann: Placing, stack: FaceStack) -> None:
    def made(index: int) -> Pixels:
        picture = heads(SIZE, ann(320, 180))
        if 20 <= index < 30:
            picture[:, 200:440] = 60
        return picture
    result = scan([made(index) for index in range(50)], stack)
    for index in (*range(0, 50, 6), *range(19, 32)):
        assert hidden_share(result, index, head_at(320, 180)) > 0.97, index
    assert codes(result.doubts) == []


def test_a_moving_face_that_is_not_there_for_ten_frames_is_covered_on_its_way(ann: Placing, stack: FaceStack,
                                                                              ) -> None:
    def place(index: int) -> tuple[float, float]:
        return 200.0 + 3.0 * index, 180.0
    made = [heads(SIZE) if 25 <= index < 35 else heads(SIZE, ann(*place(index))) for index in range(60)]
    result = scan(made, stack)
    for index in (*range(0, 60, 6), *range(24, 36)):
        assert hidden_share(result, index, head_at(*place(index))) > 0.95, index


def test_unknown_faces_are_covered_and_a_kept_person_is_not(ann: Placing, grace: Placing, stack: FaceStack,
                                                            cast_of_two: tuple[Person, Person]) -> None:
    made = [heads(SIZE, ann(170 + index, 180), grace(470, 180)) for index in range(30)]
    result = scan(made, stack, people=cast_of_two[1:], keep=lambda face: face.face.number == 2)
    for index in range(0, 30, 4):
        assert hidden_share(result, index, head_at(170 + index, 180)) > 0.97
        assert hidden_share(result, index, Box(440, 130, 500, 210)) == 0
    assert codes(result.doubts) == []


def test_somebody_who_is_only_perhaps_the_kept_person_is_covered_and_asked_about(
    ann: Placing, stack: FaceStack, cast_of_two: tuple[Person, Person],
) -> None:
    towards = np.array(cast_of_two[1].descriptor) - np.array(cast_of_two[0].descriptor)
    like = np.array(cast_of_two[0].descriptor) + towards / np.linalg.norm(towards) * 0.57
    people = [Person(number=1, recogniser=stack.recogniser.name, descriptor=tuple(like))]
    result = scan([heads(SIZE, ann(320, 180))] * 20, stack, people=people, keep=lambda face: face.face.number == 1)
    assert hidden_share(result, 10, head_at(320, 180)) > 0.97
    assert codes(result.doubts) == ["ANONYMISE.UNSURE_WHO"]


def test_who_comes_in_over_the_edge_and_leaves_over_it_is_no_question(ann: Placing, stack: FaceStack) -> None:
    def place(index: int) -> tuple[float, float]:
        return -120.0 + 11.0 * index, 180.0
    made = [heads(SIZE, ann(*place(index))) for index in range(80)]
    result = scan(made, stack)
    assert codes(result.doubts) == []
    for index in range(0, 80, 4):
        box = head_at(*place(index))
        if inside(box, *SIZE) > 0.5:
            assert hidden_share(result, index, box) > 0.9, index


def test_a_head_is_covered_before_its_face_can_be_seen(ann: Placing, stack: FaceStack) -> None:
    """Its middle is smeared at first, as that of somebody who looks away; the rest of the head can be followed."""
    def made(index: int) -> Pixels:
        picture = heads(SIZE, ann(260 + 2 * index, 180))
        if index < 25:
            x = 260 + 2 * index
            part = picture[130:200, x - 45:x + 45]
            picture[130:200, x - 45:x + 45] = cv2.blur(part, (61, 61))
        return picture
    clip = [made(index) for index in range(45)]
    assert not stack.detector.detect(clip[0], Search())
    result = scan(clip, stack)
    for index in (*range(0, 45, 4), 24, 25):
        assert hidden_share(result, index, head_at(260 + 2 * index, 180)) > 0.95, index
    assert codes(result.doubts) == []


@pytest.mark.long
def test_faces_that_come_and_go_in_the_middle_of_a_picture_are_doubtful(ann: Placing, stack: FaceStack) -> None:
    made = [heads(SIZE, ann(320, 180)) if 20 <= index < 50 else heads(SIZE) for index in range(90)]
    result = scan(made, stack)
    assert codes(result.doubts) == ["ANONYMISE.BEGINS", "ANONYMISE.ENDS"]
    begins, ends = result.doubts
    assert begins.first < 20 <= begins.last + 1
    assert 49 <= ends.first <= 51 < ends.last


@pytest.mark.long
def test_a_face_that_is_gone_for_long_is_bridged_and_asked_about(ann: Placing, stack: FaceStack) -> None:
    made = [heads(SIZE) if 20 <= index < 65 else heads(SIZE, ann(320, 180)) for index in range(85)]
    result = scan(made, stack)
    assert codes(result.doubts) == ["ANONYMISE.GAP"]
    assert abs(result.doubts[0].first - 20) <= 2
    assert abs(result.doubts[0].last - 64) <= 2
    assert all(hidden_share(result, index, head_at(320, 180)) > 0.97 for index in range(0, 85, 5))


def test_a_cut_ends_a_cover_without_a_question(ann: Placing, astronaut: Pixels, stack: FaceStack) -> None:
    other = np.asarray(cv2.resize(astronaut[300:510, 0:370], SIZE, interpolation=cv2.INTER_AREA), np.uint8)
    made = [heads(SIZE, ann(320, 180))] * 20 + [other] * 20
    result = scan(made, stack)
    assert codes(result.doubts) == []
    assert all(result.covers[index] for index in range(20))
    assert not any(result.covers.get(index) for index in range(20, 40))


def test_weak_finds_that_nothing_lies_on_are_asked_about(ann: Placing, stack: FaceStack) -> None:
    """A face so blurred that the detector's score is below its threshold."""
    made = [np.asarray(cv2.GaussianBlur(heads(SIZE, ann(320, 180)), (0, 0), 4.0), np.uint8)] * 30
    score, = (find.score for find in stack.detector.detect(made[0], Search(faint=True)))
    assert score < 0
    result = scan(made, stack)
    assert codes(result.doubts) == ["ANONYMISE.FAINT"]
    assert (result.doubts[0].first, result.doubts[0].last) == (0, 25)
    drawn = DrawnFace({index: head_at(320, 180) for index in range(30)})
    assert codes(scan(made, stack, drawn=[drawn]).doubts) == []


@pytest.mark.long
def test_a_head_that_goes_on_into_a_part_that_cannot_have_seen_its_face_is_doubtful(ann: Placing, stack: FaceStack,
                                                                                    ) -> None:
    def made(index: int) -> Pixels:
        picture = heads(SIZE, ann(320, 180))
        if index < 60:
            picture[130:200, 275:365] = cv2.blur(picture[130:200, 275:365], (61, 61))
        return picture
    clip = [made(index) for index in range(80)]
    late = scan(clip[10:], stack, start=10, span=(20, 79))
    assert codes(late.doubts) == ["ANONYMISE.BEGINS"]
    assert (late.doubts[0].first, late.doubts[0].last) == (10, 19)
    # With frames enough behind it, the part before sees the face itself.
    assert codes(scan(clip[10:], stack, start=10, span=(60, 79)).doubts) == []


def overlap(drawn: DrawnFace, truth: Callable[[int], Box], frames: Sequence[int]) -> list[float]:
    return [drawn.boxes[index].overlap(truth(index)) for index in frames]


def test_a_drawn_box_follows_its_head_both_ways_to_the_cuts(ann: Placing, astronaut: Pixels) -> None:
    """The face is turned away (its still is upside down): no detector sees it."""
    other = np.asarray(cv2.resize(astronaut[300:510, 0:370], SIZE, interpolation=cv2.INTER_AREA), np.uint8)
    down = np.ascontiguousarray(astronaut[::-1])

    def place(index: int) -> tuple[float, float, float]:
        return 200 + 3.1 * index, 180 + 20 * np.sin(index / 9), 1.2 + 0.004 * index

    def truth(index: int) -> Box:
        x, y, scale = place(index)
        return Box(x - 62 * scale, y - 88 * scale, x + 62 * scale, y + 88 * scale)

    def picture(index: int) -> Pixels:
        x, y, scale = place(index)
        return other if index < 10 or index >= 70 else heads(SIZE, (down, (224.0, 372.0), scale, (x, y)))

    clip = [Made(picture(index), index) for index in range(80)]
    drawn = follow_drawn(lambda first, last: clip[first:last + 1], 40, 80, truth(40))
    assert sorted(drawn.boxes) == list(range(10, 70))
    assert min(overlap(drawn, truth, range(10, 70))) > 0.75
    assert not drawn.lost
    result = scan([frame.pixels for frame in clip], _blind(), drawn=[drawn])
    assert all(hidden_share(result, index, truth(index)) > 0.97 for index in range(10, 70, 6))


def _blind() -> FaceStack:
    from models.families.dlib_faces import dlib_stack

    class Blind:
        name = "blind"

        def detect(self, picture: Pixels, search: Search) -> list:  # type: ignore[type-arg]
            return []

        def side(self, search: Search) -> int | None:
            return None

    from dataclasses import replace
    return replace(dlib_stack(), detector=Blind())


def test_a_drawn_box_on_a_head_that_vanishes_waits_for_it_and_says_so(ann: Placing) -> None:
    clip = [Made(heads(SIZE) if 20 <= index < 45 else heads(SIZE, ann(300, 180)), index) for index in range(60)]
    drawn = follow_drawn(lambda first, last: clip[first:last + 1], 5, 60, head_at(300, 180))
    assert sorted(drawn.boxes) == list(range(60))
    assert drawn.lost == set(range(20, 45))
    assert min(overlap(drawn, lambda _index: head_at(300, 180), [*range(20), *range(45, 60)])) > 0.75
    result = scan([frame.pixels for frame in clip], _blind(), drawn=[drawn])
    assert [(d.code, d.first, d.last) for d in result.doubts] == [("ANONYMISE.GAP", 20, 44)]


def test_what_the_detector_cannot_see_is_said(stack: FaceStack) -> None:
    assert "profiles" in unseen_words(stack).words
    assert "blind" in unseen_words(_blind()).words
