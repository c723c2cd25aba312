"""The no-download face stack on real photographs whose changes are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.arrays import Pixels
from models.errors import ModelError
from models.face import Face
from models.families import dlib_faces
from models.geometry import quarter_turn, transform
from models.interfaces import Detection, FaceStack, Search


def faces_of(picture: Pixels, stack: FaceStack, search: Search = Search()) -> list[Face]:
    return stack.landmarker.landmarks(picture, stack.detector.detect(picture, search))


def test_six_people_are_found_once_each(six_people: Pixels, stack: FaceStack) -> None:
    found = faces_of(six_people, stack, Search(small=True, turned=True))
    assert len([f for f in found if f.turn == 0]) == 6


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_turned_picture_gives_the_same_points_turned(
    turn: int, astronaut: Pixels, astronaut_face: Face, stack: FaceStack,
) -> None:
    turned = np.ascontiguousarray(np.rot90(astronaut, turn))  # counter-clockwise, so `turn` clockwise turns mend it
    assert not stack.detector.detect(turned, Search())
    face, = faces_of(turned, stack, Search(turned=True))
    assert face.turn == turn
    upright = transform(face.points, quarter_turn(turn, turned.shape[1], turned.shape[0]))
    off = np.sqrt(((upright - astronaut_face.points) ** 2).sum(axis=1).mean())
    assert off / astronaut_face.eye_distance < 0.03


def test_a_second_look_finds_a_face_too_small_for_the_first(astronaut: Pixels, stack: FaceStack) -> None:
    small = cv2.resize(astronaut, None, fx=0.55, fy=0.55, interpolation=cv2.INTER_AREA)  # the face: 48 px
    assert not stack.detector.detect(small, Search())
    assert len(stack.detector.detect(small, Search(small=True))) == 1


def test_points_follow_a_shift_of_half_a_pixel(astronaut: Pixels, astronaut_face: Face, stack: FaceStack) -> None:
    """dlib answers in whole pixels; ours are finer. The mean over the points must see the half pixel."""
    shift = np.array([[1, 0, 0.5], [0, 1, 0.5]])
    moved = cv2.warpAffine(astronaut, shift, (512, 512), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    box = astronaut_face.box
    face, = stack.landmarker.landmarks(moved, [Detection(box, 1.0)])
    assert np.allclose((face.points - astronaut_face.points).mean(axis=0), 0.5, atol=0.25)


def test_the_same_person_is_nearer_than_the_threshold_and_others_are_not(
    astronaut: Pixels, hopper: Pixels, six_people: Pixels, stack: FaceStack,
) -> None:
    darker = cv2.convertScaleAbs(cv2.resize(astronaut, None, fx=1.5, fy=1.5), alpha=0.7, beta=5)
    same = [stack.recogniser.embed(p, faces_of(p, stack))[0] for p in (astronaut, darker)]
    assert np.linalg.norm(same[0] - same[1]) < stack.recogniser.same_person / 2
    others = [*stack.recogniser.embed(hopper, faces_of(hopper, stack)),
              *stack.recogniser.embed(six_people, faces_of(six_people, stack))]
    assert min(np.linalg.norm(same[0] - other) for other in others) > stack.recogniser.same_person


def test_the_descriptor_of_a_turned_face_is_that_of_the_upright_one(
    astronaut: Pixels, astronaut_face: Face, stack: FaceStack,
) -> None:
    turned = np.ascontiguousarray(np.rot90(astronaut, 1))
    upright, = stack.recogniser.embed(astronaut, [astronaut_face])
    lying, = stack.recogniser.embed(turned, faces_of(turned, stack, Search(turned=True)))
    assert np.linalg.norm(upright - lying) < 0.15


@pytest.mark.parametrize("size", [(1, 1), (1, 600), (40, 40), (79, 2000)])
def test_pictures_without_room_for_a_face_have_none(size: tuple[int, int], stack: FaceStack) -> None:
    assert stack.detector.detect(np.full((*size, 3), 127, np.uint8), Search(small=True, turned=True)) == []


def test_a_box_over_the_edge_or_without_size_still_gives_finite_points(astronaut: Pixels, stack: FaceStack) -> None:
    from models.face import Box

    for box in (Box(-50, -50, 60, 60), Box(500, 500, 700, 700), Box(100, 100, 100, 100), Box(-900, -900, -800, -800)):
        face, = stack.landmarker.landmarks(astronaut, [Detection(box, 0.0)])
        assert np.isfinite(face.points).all()
        assert np.isfinite(stack.recogniser.embed(astronaut, [face])[0]).all()


def test_a_missing_data_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dlib_faces, "find_spec", lambda _name: None)
    with pytest.raises(ModelError, match=r"x\.dat") as raised:
        dlib_faces.data_file("x.dat")
    assert raised.value.code == "MODEL.MISSING"
    assert raised.value.remedy
