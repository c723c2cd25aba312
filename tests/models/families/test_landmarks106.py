"""106 points on twins: which of them are taken, and where they come to lie."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.arrays import Pixels
from models.errors import ModelError
from models.face import Box, Face
from models.families.landmarks106 import AGAIN, GROWTH, POINTS, SIDE, SIXTY_EIGHT, Landmarks106
from models.interfaces import Detection
from models.sessions import SessionManager
from models.twins import Graph, zero_recogniser

PICTURE: Pixels = np.zeros((600, 800, 3), np.uint8)


def shape106(face: Face) -> np.ndarray:
    """106 points of which the 68 that are taken are a real face's, -1..1; the others lie far off."""
    points = np.full((POINTS, 2), 5.0)
    low, high = face.points.min(axis=0), face.points.max(axis=0)
    points[SIXTY_EIGHT] = 0.9 * (face.points - (low + high) / 2) / (high - low).max()
    return points


def answering(points: np.ndarray) -> bytes:
    graph = Graph()
    mean = graph.op("ReduceMean", graph.input("data", ("None", 3, SIDE, SIDE)), axes=[1, 2, 3], keepdims=1)
    nothing = graph.op("Flatten", graph.op("Mul", mean, graph.constant(0.0)))
    graph.output(graph.op("Add", nothing, graph.constant(points.reshape(1, -1))), "fc1", (1, 2 * POINTS))
    return graph.serialised()


def landmarker(graph: bytes) -> tuple[Landmarks106, SessionManager]:
    manager = SessionManager()
    return Landmarks106(manager.lease(graph, name="twin", rows=True)), manager


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
@pytest.mark.parametrize("five", [False, True])
def test_points_lie_in_the_picture_as_they_lie_in_the_square(astronaut_face: Face, turn: int, five: bool) -> None:
    shape = shape106(astronaut_face)
    box = Box(200, 150, 360, 330)
    angle = -turn * np.pi / 2
    back = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points5 = np.array([[-30, -20], [30, -20], [0, 5], [-20, 30], [20, 30]]) @ back.T + (280, 240) if five else None
    twin, _ = landmarker(answering(shape))
    face, = twin.landmarks(PICTURE, [Detection(box, 0.7, 0 if five else turn, points5)])
    away = shape[SIXTY_EIGHT] * GROWTH * 180 / 2
    assert np.allclose(face.points, np.array([280, 240]) + away @ back.T, atol=1e-3)
    assert (face.box, face.score, face.turn) == (box, 0.7, turn)


def test_the_spread_is_how_far_two_readings_are_apart(astronaut_face: Face) -> None:
    shape = shape106(astronaut_face)
    twin, manager = landmarker(answering(shape))
    faces = twin.landmarks(PICTURE, [Detection(Box(200, 150, 360, 330), 0.7), Detection(Box(0, 0, 50, 50), 0.7)])
    # The twin answers the same in both squares: its points lie as far apart as the squares are larger.
    mouth = shape[SIXTY_EIGHT][48:60] * GROWTH * 90 * (AGAIN - 1) / 2
    wanted = np.sqrt((mouth ** 2).sum(axis=1).mean()) / faces[0].eye_distance
    assert faces[0].spread == pytest.approx(wanted, rel=1e-4)
    assert faces[1].spread == pytest.approx(wanted, rel=1e-4)
    assert manager.counts()[0].batches == {4: 1}, "two faces, two readings each, one run"


def test_a_face_is_followed_with_its_number_and_memory(astronaut_face: Face) -> None:
    twin, _ = landmarker(answering(shape106(astronaut_face)))
    face, = twin.landmarks(PICTURE, [Detection(Box(200, 150, 360, 330), 0.7)])
    memory: dict[str, Any] = {"a": 1}
    again, = twin.follow(PICTURE, [replace(face, number=3, memory=memory)])
    assert (again.number, again.memory, again.score) == (3, memory, 0.7)
    # The twin answers the same wherever it looks: its face moves with the square, by the forehead's share.
    assert np.hypot(*(again.points.mean(axis=0) - face.points.mean(axis=0))) < 0.25 * face.eye_distance
    assert again.box.y0 < again.points[:, 1].min()


def test_red_goes_in_first_as_it_is(astronaut_face: Face) -> None:
    seen: list[np.ndarray] = []
    twin, _ = landmarker(answering(shape106(astronaut_face)))
    run = twin._lease.run_rows

    def noting(feeds: Any) -> Any:
        seen.extend(feeds.values())
        return run(feeds)

    twin._lease.run_rows = noting  # type: ignore[method-assign]
    twin.landmarks(np.full((300, 300, 3), (10, 127, 255), np.uint8), [Detection(Box(100, 100, 200, 200), 1.0)])
    assert seen[0].dtype == np.float32
    assert seen[0][0, :, 90, 90].tolist() == [255, 127, 10]
    twin.landmarks(np.full((300, 300), 51, np.uint8), [Detection(Box(100, 100, 200, 200), 1.0)])
    assert seen[1][0, :, 90, 90].tolist() == [51, 51, 51], "a grey picture too"


def test_each_of_the_68_is_another_point() -> None:
    assert len(set(SIXTY_EIGHT.tolist())) == 68
    assert SIXTY_EIGHT.min() >= 0
    assert SIXTY_EIGHT.max() < POINTS


def test_another_kind_of_model_is_refused_and_nothing_is_nothing() -> None:
    twin, manager = landmarker(zero_recogniser())
    with pytest.raises(ModelError, match=r"MODEL\.CONTRACT.*2d106det\.onnx"):
        twin.landmarks(PICTURE, [Detection(Box(0, 0, 60, 60), 1.0)])
    assert twin.landmarks(PICTURE, []) == []
    assert manager.counts()[0].runs == 0
