"""Hair, spectacles and things of another colour stay in front of the new face."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from models.arrays import Pixels, Points
from models.face import Face
from models.interfaces import FaceStack
from processors.batches import Patch
from processors.classical.glasses import rims_of
from processors.classical.points import fill, mirror_points, upright_axes
from processors.classical.skin import face_mask
from tests.conftest import package_file, read_bgr
from tests.processors.classical.conftest import Cropping, faces_of, mask_of, masked


def with_spectacles(picture: Pixels, face: Face, colour: tuple[int, int, int], width: float, corners: float = 2,
                    ) -> tuple[Pixels, Pixels]:
    """The picture with rims drawn on, and where they are. width: in eye distances. corners: 2 round, 5 square."""
    where = np.zeros(picture.shape[:2], np.uint8)
    _, across, down = upright_axes(face.points)
    size, thick = face.eye_distance, max(round(width * face.eye_distance), 1)
    turn = np.linspace(0, 2 * np.pi, 100, endpoint=False)
    ring = np.column_stack([np.sign(f) * np.abs(f) ** (2 / corners) for f in (np.cos(turn), np.sin(turn))])
    ends = []
    for side, eye in zip((1, -1), (slice(36, 42), slice(42, 48)), strict=True):
        centre = face.points[eye].mean(axis=0) + 0.05 * size * down
        _line(where, centre + ring * (0.25, 0.2) @ np.vstack([across, down]) * size, thick, closed=True)
        ends.append(centre + (side * 0.25 * across - 0.02 * down) * size)
    _line(where, np.array(ends), thick, closed=False)
    drawn = picture.copy()
    drawn[where > 0] = colour
    return drawn, where


def _line(where: Pixels, points: Points, thick: int, closed: bool) -> None:
    cv2.polylines(where, [np.rint(points * 16).astype(np.int32)], closed, 255, thick, cv2.LINE_8, 4)


def varied(picture: Pixels, face: Face, how: str) -> tuple[Pixels, Face]:
    width, points = picture.shape[1], face.points
    if how == "mirrored":
        return np.ascontiguousarray(picture[:, ::-1]), Face(face.box, 1.0, mirror_points(points, width))
    if how in ("half", "double"):
        scale = 0.5 if how == "half" else 2.0
        sized = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return sized, Face(face.box, 1.0, (points + 0.5) * scale - 0.5)
    if how.startswith("turned"):
        matrix = cv2.getRotationMatrix2D(tuple(map(float, points.mean(axis=0))), float(how.split()[1]), 1)
        return (cv2.warpAffine(picture, matrix, picture.shape[1::-1], borderMode=cv2.BORDER_REPLICATE),
                Face(face.box, 1.0, points @ matrix[:, :2].T + matrix[:, 2]))
    changed: dict[str, NDArray[Any]] = {
        "plain": picture, "dark": picture * 0.35,
        "blurred": cv2.GaussianBlur(picture, (0, 0), 0.012 * face.eye_distance),
        "noisy": picture + np.random.default_rng(1).normal(0, 10, picture.shape)}
    return np.clip(changed[how], 0, 255).astype(np.uint8), face


@pytest.fixture(scope="module")
def bare_faces(astronaut: Pixels, astronaut_face: Face, six_people: Pixels, six_faces: list[Face],
               stack: FaceStack) -> list[tuple[Pixels, Face]]:
    hanks = read_bgr(package_file("insightface", "data/images/Tom_Hanks_54745.png"))
    return [(astronaut, astronaut_face), *((six_people, face) for face in six_faces),
            *((hanks, face) for face in faces_of(hanks, stack))]


@pytest.mark.parametrize("how", ["plain", "mirrored", "dark", "blurred", "noisy", "half", "double", "turned 15"])
def test_bare_faces_wear_no_spectacles(bare_faces: list[tuple[Pixels, Face]], cropping: Cropping, how: str) -> None:
    assert [rims_of(cropping(*varied(*bare, how))) for bare in bare_faces] == [None] * 8


@pytest.mark.parametrize("how", ["plain", "mirrored", "dark", "noisy", "half", "double", "turned 15", "turned -15"])
def test_hoppers_upper_rims_are_whole(hopper: Pixels, hopper_face: Face, cropping: Cropping, how: str) -> None:
    """Between brow and lashes all that is nearly black is rim."""
    black = np.zeros(hopper.shape[:2], np.uint8)
    points, size = hopper_face.points, hopper_face.eye_distance
    for brow, lid in (([18, 19, 20, 21], [36, 37, 38, 39]), ([22, 23, 24, 25], [42, 43, 44, 45])):
        area = np.vstack([points[brow] + (0, 0.05 * size), points[lid][::-1] - (0, 0.09 * size)])
        cv2.fillPoly(black, [np.rint(area).astype(np.int32)], 255)
    black[cv2.cvtColor(hopper, cv2.COLOR_BGR2GRAY) > 45] = 0
    assert (black > 0).sum() > 150
    crop = cropping(*varied(hopper, hopper_face, how))
    rims = rims_of(crop)
    assert rims is not None
    kind = how if how not in ("dark", "noisy") else "plain"
    moved, _ = varied(black, hopper_face, kind)
    here = cv2.warpAffine(moved, crop.matrix, rims.shape[::-1]) > 200
    assert (rims[here] > 0.5).mean() > 0.93
    assert rims.sum() < 0.45 * crop.eye_distance**2  # no lens is filled: two would be .5


@pytest.mark.parametrize(("colour", "width"), [((20, 20, 25), 0.035), ((20, 20, 25), 0.06), ((40, 60, 160), 0.035),
                                               ((225, 225, 225), 0.025), ((60, 60, 70), 0.02)],
                         ids=["black", "thick", "red", "silver", "metal"])
@pytest.mark.parametrize("corners", [2, 5], ids=["round", "square"])
def test_drawn_rims_are_left_out_and_the_rest_is_not(astronaut: Pixels, astronaut_face: Face, cropping: Cropping,
                                                    colour: tuple[int, int, int], width: float, corners: float,
                                                    ) -> None:
    big, face = varied(astronaut, astronaut_face, "double")
    drawn, where = with_spectacles(big, face, colour, width, corners)
    crop = cropping(drawn, face)
    rims = rims_of(crop)
    assert rims is not None
    here = cv2.warpAffine(where, crop.matrix, rims.shape[::-1])
    assert (rims[here > 128] > 0.5).mean() > (0.95 if width > 0.02 else 0.9)  # the finest are two pixels wide
    skin = (fill(rims.shape, crop.points) > 0.5) & (cv2.dilate(here, np.ones((3, 3), np.uint8)) == 0)
    assert rims[skin].mean() < 0.02
    mask = face_mask(crop)
    assert mask[here > 128].mean() < 0.1
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
