"""YOLO-face on twins: what goes in, to the pixel, what comes out, and looks at tiles and turned pictures."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from models.errors import ModelError
from models.families.grids import DOUBTED, TILE
from models.families.yoloface import THRESHOLD, YolofaceDetector, as_input
from models.geometry import quarter_turn, roll_of, transform
from models.interfaces import Search
from models.sessions import SessionManager
from models.twins import zero_recogniser
from tests.twins import Planted, planted_detector, planted_yoloface, seeing_yoloface

FIVE = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.75], [0.65, 0.75]])


def detector(graph: bytes, **more: Any) -> YolofaceDetector:
    return YolofaceDetector(SessionManager().lease(graph, name="twin"), **more)


def planted(x: float, y: float, score: float = 0.9) -> Planted:
    return Planted(0, (0, 0), 0, score, (x, y, x + 60, y + 80), FIVE * (60, 80) + (x, y))


def test_blue_goes_in_first_between_nothing_and_one() -> None:
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[1, 2] = (51, 102, 255)
    blob, scale = as_input(picture, (128, 64))
    assert blob.shape == (1, 3, 64, 128)
    assert blob.dtype == np.float32
    assert scale == 1
    assert blob[0, :, 1, 2] == pytest.approx([0.2, 0.4, 1.0])
    assert blob[:, :, :, 96:].max() == 0
    grey, _ = as_input(np.full((64, 96), 51, np.uint8), (128, 64))
    assert grey[0, :, 9, 9] == pytest.approx([0.2] * 3)


def test_a_small_picture_is_not_enlarged_and_a_large_one_fits() -> None:
    assert as_input(np.zeros((100, 50, 3), np.uint8), (640, 640))[1] == 1
    blob, scale = as_input(np.full((1280, 640, 3), 255, np.uint8), (640, 640))
    assert scale == 0.5
    assert blob[0, 0].sum() == 640 * 320


@pytest.mark.parametrize("size", [(640, 640), (640, 384), (320, 640)])
def test_boxes_and_points_are_those_of_the_network_in_the_picture_s_pixels(size: tuple[int, int]) -> None:
    one, other = planted(30, 50), planted(180, 220, 0.7)
    near = planted(34, 52, 0.6)  # the same face as the first
    found = detector(planted_yoloface([one, near, other], size)).detect(
        np.zeros((2 * size[1], 2 * size[0], 3), np.uint8), Search())
    assert [round(each.score, 5) for each in sorted(found, key=lambda each: -each.score)] == [
        round(0.9 - THRESHOLD, 5), round(0.7 - THRESHOLD, 5)]
    for each, wanted in zip(sorted(found, key=lambda each: -each.score), (one, other), strict=True):
        assert np.allclose(each.box, 2 * np.array(wanted.box), atol=1e-3)
        assert each.points5 is not None
        assert np.allclose(each.points5, 2 * wanted.points, atol=1e-3)


def test_faint_faces_are_those_just_below_the_threshold() -> None:
    twin = detector(planted_yoloface([planted(100 * at, 10, score) for at, score in enumerate((0.25, 0.35, 0.6))]))
    picture = np.zeros((640, 640, 3), np.uint8)
    assert [round(one.score, 5) for one in twin.detect(picture, Search())] == [0.1]
    assert sorted(round(one.score, 5) for one in twin.detect(picture, Search(faint=True))) == [-0.15, 0.1]


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_a_turned_look_finds_a_face_where_it_is_and_says_how_it_lies(turn: int) -> None:
    picture = np.zeros((400, 600, 3), np.uint8)
    cv2.rectangle(picture, (100, 250), (119, 269), (0, 0, 255), -1)
    mark, = detector(seeing_yoloface(100)).detect(picture, Search(turned=True))
    assert mark.box == pytest.approx((89.5, 239.5, 129.5, 279.5)), "four looks at one mark are one face"
    twin = detector(planted_yoloface([planted(50, 60)]))
    lying = {one.turn: one for one in twin.detect(np.zeros((640, 600, 3), np.uint8), Search(turned=True))}
    assert set(lying) == {0, 1, 2, 3}
    points = lying[turn].points5
    assert points is not None
    upright = transform(points, quarter_turn(turn, 600, 640))
    assert np.allclose(upright, planted(50, 60).points, atol=1e-3)


def test_a_lying_face_in_an_upright_look_is_known_to_lie() -> None:
    lying = planted(100, 100)._replace(points=transform(FIVE * 80, quarter_turn(3, 80, 80)) + 100)
    found, = detector(planted_yoloface([lying])).detect(np.zeros((640, 640, 3), np.uint8), Search())
    assert found.turn == 1


def test_a_doubtful_find_is_looked_at_again_laid_in_four_ways() -> None:
    # The twin answers the same to both looks. In the picture the first is a doubtful face. What is looked at again is
    # 161 pixels square, 50 and 40 of them before the face; there, the second is a face in the corner at the top right,
    # which shows what one clockwise turn made of it.
    doubtful = planted(200, 200, 0.6)
    corner = np.array([161.0, 0])
    laid = transform(np.array([[50.0, 40], [110, 120]]), quarter_turn(1, 161, 161)) + corner
    low, high = laid.min(axis=0), laid.max(axis=0)
    better = Planted(0, (0, 0), 0, 0.9, (low[0], low[1], high[0], high[1]), FIVE * (high - low) + low)
    manager = SessionManager()
    twin = YolofaceDetector(manager.lease(planted_yoloface([doubtful, better]), name="twin"), doubted=DOUBTED)
    picture = np.zeros((640, 640, 3), np.uint8)
    found = next(one for one in twin.detect(picture, Search()) if one.box.y0 > 150)
    assert manager.counts()[0].runs == 2, "the doubtful one alone is looked at again, once"
    assert found.box == pytest.approx(doubtful.box, abs=1e-3)
    assert found.turn == 1
    assert found.score == pytest.approx(0.4)
    assert found.points5 is not None
    upright = transform(found.points5 - np.array([150, 160]), quarter_turn(1, 161, 161)) + corner
    assert np.allclose(upright, better.points, atol=1e-3)


@pytest.mark.parametrize(("score", "search", "runs"), [
    (0.79, Search(), 2), (0.81, Search(), 1), (0.4, Search(faint=True), 1), (0.6, Search(turned=True), 4)])
def test_only_what_may_be_another_way_up_is_looked_at_again(score: float, search: Search, runs: int) -> None:
    manager = SessionManager()
    twin = YolofaceDetector(manager.lease(planted_yoloface([planted(200, 200, score)]), name="twin"),
                            doubted=DOUBTED)
    twin.detect(np.zeros((640, 640), np.uint8), search)
    assert manager.counts()[0].runs == runs


@pytest.mark.parametrize("degrees", [-170, -90, -40, 0, 25, 90, 135])
def test_the_roll_of_five_points_is_that_of_the_face(degrees: int) -> None:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    assert np.degrees(roll_of((FIVE - 0.5) @ turn.T)) == pytest.approx(degrees)


# The picture is twice as large as the input; at half its size the mark has 100 red pixels, in a tile 278.
@pytest.mark.parametrize("at", [(100, 90), (1200, 1150), (640, 640), (620, 200), (760, 1100)])
def test_a_fixed_network_takes_its_second_look_at_tiles(at: tuple[int, int]) -> None:
    manager = SessionManager()
    twin = YolofaceDetector(manager.lease(seeing_yoloface(180), name="twin"))
    picture = np.zeros((1280, 1280, 3), np.uint8)
    picture[at[1] - 10:at[1] + 10, at[0] - 10:at[0] + 10, 2] = 255
    assert twin.detect(picture, Search()) == []
    found, = twin.detect(picture, Search(small=True))
    x0, y0, x1, y1 = found.box
    assert ((x0 + x1) / 2, (y0 + y1) / 2) == pytest.approx((at[0] - 0.5, at[1] - 0.5), abs=1.5)
    assert x1 - x0 == pytest.approx(40 * TILE * 1280 / 640)
    assert manager.counts()[0].runs == 1 + 5
    assert twin.side(Search()) == 640
    assert twin.side(Search(small=True)) == int(640 / TILE)


def test_what_a_tile_s_edge_cuts_counts_where_it_is_whole() -> None:
    picture = np.zeros((1280, 1280, 3), np.uint8)
    picture[300:320, 740:796, 2] = 255  # the left tiles end at 768, the right ones begin at 512
    found, = detector(seeing_yoloface(300)).detect(picture, Search(small=True))
    assert (found.box.x0 + found.box.x1) / 2 == pytest.approx(767.5, abs=1)


def test_another_kind_of_model_is_refused_by_name() -> None:
    for graph in (planted_detector([], 64), zero_recogniser()):
        with pytest.raises(ModelError, match=r"twin is no yoloface.*yoloface_8n\.onnx") as raised:
            detector(graph).detect(np.zeros((64, 64, 3), np.uint8), Search())
        assert raised.value.code == "MODEL.CONTRACT"
