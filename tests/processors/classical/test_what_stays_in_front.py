"""Hair, spectacles and things of another colour stay in front of the new face."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.arrays import Pixels
from models.face import Face
from processors.batches import Patch
from processors.classical.glasses import rims_of
from processors.classical.skin import face_mask
from tests.processors.classical.conftest import Cropping, mask_of, masked


def with_spectacles(picture: Pixels, face: Face, colour: tuple[int, int, int], width: int) -> tuple[Pixels, Pixels]:
    """The picture with rims drawn on, and where they are."""
    size = face.eye_distance
    where = np.zeros(picture.shape[:2], np.uint8)
    centres = [face.points[s].mean(axis=0) + np.array([0, 0.06 * size]) for s in (slice(36, 42), slice(42, 48))]
    for centre in centres:
        cv2.ellipse(where, np.rint(centre).astype(int), (round(0.27 * size), round(0.22 * size)), 0, 0, 360, 255, width)
    ends = [np.rint(c + np.array([s * 0.27, -0.02]) * size).astype(int) for c, s in zip(centres, (1, -1), strict=True)]
    cv2.line(where, ends[0], ends[1], 255, width)
    drawn = picture.copy()
    drawn[where > 0] = colour
    return drawn, where


def test_hopper_wears_spectacles_and_the_others_do_not(hopper: Pixels, hopper_face: Face, astronaut: Pixels,
                                                      astronaut_face: Face, six_people: Pixels,
                                                      six_faces: list[Face], cropping: Cropping) -> None:
    assert rims_of(cropping(hopper, hopper_face)) is not None
    assert rims_of(cropping(astronaut, astronaut_face)) is None
    assert [rims_of(cropping(six_people, face)) for face in six_faces] == [None] * 6


@pytest.mark.parametrize(("colour", "width"), [((20, 20, 25), 3), ((40, 60, 160), 3), ((230, 230, 230), 2)],
                         ids=["black", "red", "silver"])
def test_drawn_rims_are_left_out_and_the_eyes_are_not(astronaut: Pixels, astronaut_face: Face, cropping: Cropping,
                                                     colour: tuple[int, int, int], width: int) -> None:
    big = cv2.resize(astronaut, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    face = Face(astronaut_face.box, 1.0, astronaut_face.points * 2 + 0.5)
    drawn, where = with_spectacles(big, face, colour, width * 2)
    crop = cropping(drawn, face)
    mask = face_mask(crop)
    x, y = np.rint(-crop.matrix[:, 2]).astype(int)
    rims = where[y:y + mask.shape[0], x:x + mask.shape[1]] > 0
    assert mask[rims].mean() < 0.35
    for eye in (slice(36, 42), slice(42, 48)):
        cx, cy = np.rint(crop.points[eye].mean(axis=0)).astype(int)
        assert mask[cy - 3:cy + 4, cx - 8:cx + 9].min() > 0.9


@pytest.mark.parametrize("colour", [(180, 90, 40), (60, 160, 70), (245, 245, 245)], ids=["blue", "green", "white"])
def test_a_glove_before_the_chin_is_left_out(astronaut: Pixels, astronaut_face: Face, cropping: Cropping,
                                            colour: tuple[int, int, int]) -> None:
    drawn, glove = astronaut.copy(), np.zeros(astronaut.shape[:2], np.uint8)
    x, y = np.rint(astronaut_face.points[8] + (10, -2)).astype(int)
    cv2.ellipse(glove, (int(x), int(y)), (26, 14), -20, 0, 360, 255, -1)
    drawn[glove > 0] = colour
    crop = cropping(drawn, astronaut_face)
    done = masked(Patch(crop, crop.pixels))
    left, top = np.rint(-crop.matrix[:, 2]).astype(int)
    height, width = mask_of(done).shape
    inner = np.asarray(cv2.erode(glove, np.ones((7, 7), np.uint8)))[top:top + height, left:left + width]
    assert mask_of(done)[inner > 0].mean() < 0.15


def test_a_fringe_over_the_forehead_is_left_out(astronaut: Pixels, astronaut_face: Face, cropping: Cropping) -> None:
    crop = cropping(astronaut, astronaut_face)
    mask = face_mask(crop)
    brow = crop.points[17:27].mean(axis=0)
    x, y = np.rint(brow - (0, 0.45 * crop.eye_distance)).astype(int)
    assert mask[y - 3:y + 4, x - 15:x + 16].mean() < 0.1
    cheek = np.rint(crop.points[30] + (0.35 * crop.eye_distance, 0)).astype(int)
    assert mask[cheek[1], cheek[0]] > 0.95
