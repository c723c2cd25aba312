"""68-point networks on twins: where they look, and where their points come to lie."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.arrays import Pixels
from models.errors import ModelError
from models.face import Box, Face
from models.families.fan import BOX_SIDE, DOUBTFUL, GRID, SIDE, FanLandmarker, FiveToSixtyEight
from models.geometry import quarter_turn, transform
from models.interfaces import Detection
from models.sessions import SessionManager
from models.templates import TEMPLATES
from models.twins import Graph, zero_recogniser


def shape68(face: Face) -> np.ndarray:
    """A real face's points as shares of their own box, 0..1."""
    low, high = face.points.min(axis=0), face.points.max(axis=0)
    shares: np.ndarray = (face.points - low) / (high - low).max()
    return shares


def answering(points: np.ndarray, confidence: float, kind: str) -> bytes:
    """Always the same points, in cells of the grid."""
    graph = Graph()
    pixel = graph.pixel(graph.input("input", (1, 3, SIDE, SIDE)))
    cells = np.column_stack([points * GRID, np.full(68, confidence)])
    if kind == "2dfan4":
        graph.output(graph.op("Add", pixel, graph.constant(cells[None])), "landmarks", (1, 68, 3))
        heat = np.zeros((1, 68, GRID, GRID))
        heat[:, :, 5, 7] = confidence
        graph.output(graph.op("Add", pixel, graph.constant(heat)), "heatmap", heat.shape)
    else:
        graph.output(graph.op("Add", pixel, graph.constant(cells.reshape(1, -1))), "output", (1, 204))
    return graph.serialised()


def landmarker(graph: bytes) -> FanLandmarker:
    return FanLandmarker(SessionManager().lease(graph, name="twin"))


PICTURE = np.zeros((600, 800, 3), np.uint8)


@pytest.mark.parametrize("kind", ["2dfan4", "peppa_wutz"])
@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_points_lie_in_the_picture_as_they_lie_in_the_box(astronaut_face: Face, kind: str, turn: int) -> None:
    shares = 0.2 + 0.6 * shape68(astronaut_face)
    box = Box(200, 150, 360, 330)
    face, = landmarker(answering(shares, 0.9, kind)).landmarks(PICTURE, [Detection(box, 0.7, turn)])
    away = (shares * SIDE - SIDE / 2) * (180 / BOX_SIDE)
    angle = -turn * np.pi / 2
    back = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    assert np.allclose(face.points + 0.5, np.array([280, 240]) + away @ back.T, atol=1e-6)
    assert (face.box, face.score, face.turn, face.spread) == (box, 0.7, turn, 0.0)


def test_a_network_that_is_not_sure_makes_doubtful_points(astronaut_face: Face) -> None:
    shares = 0.2 + 0.6 * shape68(astronaut_face)
    for kind in ("2dfan4", "peppa_wutz"):
        face, = landmarker(answering(shares, 0.3, kind)).landmarks(PICTURE, [Detection(Box(9, 9, 99, 99), 0.7)])
        assert face.spread == DOUBTFUL > 0.012


def test_a_face_is_followed_with_its_number_and_memory(astronaut_face: Face) -> None:
    twin = landmarker(answering(0.2 + 0.6 * shape68(astronaut_face), 0.9, "2dfan4"))
    face, = twin.landmarks(PICTURE, [Detection(Box(200, 150, 360, 330), 0.7)])
    memory: dict[str, Any] = {"a": 1}
    again, = twin.follow(PICTURE, [replace(face, number=3, memory=memory)])
    assert (again.number, again.memory, again.score) == (3, memory, 0.7)
    # The twin answers the same wherever it looks: its face moves with the square, by the forehead's share.
    assert np.hypot(*(again.points.mean(axis=0) - face.points.mean(axis=0))) < 0.25 * face.eye_distance
    assert again.box.y0 < again.points[:, 1].min()


def guessing(shares: np.ndarray) -> bytes:
    """A fan_68_5: points that move with the first of the five (the right eye in the crop of side 1)."""
    graph = Graph()
    eye = graph.op("Slice", graph.input("input", (1, 5, 2)), *(graph.constant([n]) for n in (0, 1, 1)))
    graph.output(graph.op("Add", eye, graph.constant(shares[None])), "output", (1, 68, 2))
    return graph.serialised()


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_68_points_are_guessed_from_five_in_their_own_crop(astronaut_face: Face, turn: int) -> None:
    away = 0.3 * (shape68(astronaut_face) - 0.5)
    matrix = np.array([[90.0, 0, 40], [0, 90, 70]])
    five = transform(transform(TEMPLATES["ffhq_512"], matrix), quarter_turn(-turn % 4, 300, 200))
    rough = FiveToSixtyEight(SessionManager().lease(guessing(away), name="twin"))
    wanted = transform(transform(TEMPLATES["ffhq_512"][0] + away, matrix), quarter_turn(-turn % 4, 300, 200))
    assert np.allclose(rough.points(five), wanted, atol=1e-4)
    with pytest.raises(ModelError, match=r"fan_68_5\.onnx"):
        FiveToSixtyEight(SessionManager().lease(zero_recogniser(), name="twin")).points(five)


@pytest.mark.parametrize("sure", [0.9, 0.3])
def test_where_the_network_is_not_sure_points_are_guessed_from_the_detector_s_five(astronaut_face: Face, sure: float,
                                                                                   ) -> None:
    manager = SessionManager()
    shares = 0.2 + 0.6 * shape68(astronaut_face)
    away = 0.3 * (shape68(astronaut_face) - 0.5)
    rough = FiveToSixtyEight(manager.lease(guessing(away), name="guess"))
    twin = FanLandmarker(manager.lease(answering(shares, sure, "2dfan4"), name="twin"), rough=rough)
    five = 100 * TEMPLATES["ffhq_512"] + 200
    face, = twin.landmarks(PICTURE, [Detection(Box(200, 200, 300, 300), 0.7, points5=five)])
    guessed = five[0] + 100 * away
    assert np.allclose(face.points, guessed, atol=1e-3) == (sure < 0.5)
    assert (face.spread > 0.012) == (sure < 0.5)
    without, = twin.landmarks(PICTURE, [Detection(Box(200, 200, 300, 300), 0.7)])
    assert not np.allclose(without.points, guessed, atol=1)


def test_faces_of_one_frame_go_through_together(astronaut_face: Face) -> None:
    manager = SessionManager()
    twin = FanLandmarker(manager.lease(answering(shape68(astronaut_face), 0.9, "2dfan4"), name="twin", rows=True))
    found = twin.landmarks(PICTURE, [Detection(Box(x, 100, x + 90, 190), 0.7) for x in (0, 200, 400)])
    assert [round(float(face.points[30, 0] - found[0].points[30, 0])) for face in found] == [0, 200, 400]
    assert sum(size * times for size, times in manager.counts()[0].batches.items()) == 3
    assert twin.landmarks(PICTURE, []) == []


@pytest.mark.parametrize(("level", "brightened"), [(120, False), (8, True)])
def test_blue_goes_in_first_and_dark_crops_are_brightened(astronaut_face: Face, level: int, brightened: bool) -> None:
    seen: list[np.ndarray] = []
    twin = landmarker(answering(shape68(astronaut_face), 0.9, "2dfan4"))
    submit = twin._lease.submit

    def noting(feeds: Any, outputs: Any = None) -> Any:
        seen.extend(feeds.values())
        return submit(feeds, outputs)

    twin._lease.submit = noting  # type: ignore[method-assign]
    picture: Pixels = np.full((300, 300, 3), (level, 0, 0), np.uint8)
    picture[100:200, 100:200] = (level + 10, 0, 0)
    twin.landmarks(picture, [Detection(Box(75, 75, 225, 225), 0.7)])
    blob = seen[0]
    assert blob.shape == (1, 3, SIDE, SIDE)
    if brightened:
        assert blob[0, 0].max() > (level + 10) / 255
    else:
        assert blob[0, :, SIDE // 2, SIDE // 2] == pytest.approx([(level + 10) / 255, 0, 0])


def test_another_kind_of_model_is_refused() -> None:
    with pytest.raises(ModelError, match=r"MODEL\.CONTRACT.*2dfan4\.onnx"):
        landmarker(zero_recogniser()).landmarks(PICTURE, [Detection(Box(0, 0, 60, 60), 1.0)])
