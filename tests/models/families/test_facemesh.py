"""FaceMesh on twins: a network that knows where a mark lies in its input, and one that always answers the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from models.arrays import Pixels
from models.errors import ModelError
from models.face import Box
from models.families.facemesh import GROWTH, POINTS, SIDE, SIXTY_EIGHT, FaceMesh
from models.geometry import quarter_turn, transform
from models.interfaces import Detection
from models.sessions import SessionManager
from models.twins import Graph, zero_recogniser

rng = np.random.default_rng(2)
SHAPE = np.column_stack([rng.uniform(0.3, 0.7, POINTS), rng.uniform(0.3, 0.7, POINTS)])
SHAPE[33], SHAPE[263] = (0.4, 0.45), (0.6, 0.45)
SHAPE[[0, 1, 2, 3]] = [(0.3, 0.5), (0.7, 0.5), (0.5, 0.3), (0.5, 0.7)]


def answering(points: np.ndarray = SHAPE) -> bytes:
    """Always the same 468 points, shares of its input; depth is noise."""
    graph = Graph()
    pixel = graph.pixel(graph.input("input_1", (1, SIDE, SIDE, 3)))
    rows = np.column_stack([points * SIDE, rng.uniform(-9, 9, len(points))]).reshape(1, 1, 1, -1)
    graph.output(graph.op("Add", pixel, graph.constant(rows)), "points", rows.shape)
    return graph.serialised()


def marking() -> bytes:
    """All points lie where the red mark is: the centre of what is red, its spread kept small round it."""
    graph = Graph()
    given = graph.input("input_1", (1, SIDE, SIDE, 3))
    red = graph.op("Slice", given, *(graph.constant([n]) for n in (0, 1, 3)))
    total = graph.op("ReduceSum", red, graph.constant([1, 2, 3]), keepdims=1)
    at = (np.arange(SIDE) + 0.5)
    places = []
    for axis in (2, 1):
        ramp = graph.constant(at.reshape((1, SIDE, 1, 1) if axis == 1 else (1, 1, SIDE, 1)))
        places.append(graph.op("Div", graph.op("ReduceSum", graph.op("Mul", red, ramp), graph.constant([1, 2, 3]),
                                               keepdims=1), total))
    depth = graph.op("Mul", total, graph.constant(0.0))
    one = graph.op("Concat", *places, depth, axis=3)
    offsets = np.column_stack([(SHAPE - 0.5) * 20, np.zeros(POINTS)]).reshape(1, 1, 1, -1)
    many = graph.op("Tile", one, graph.constant(np.array([1, 1, 1, POINTS])))
    graph.output(graph.op("Add", many, graph.constant(offsets)), "points", (1, 1, 1, 3 * POINTS))
    return graph.serialised()


def mesh(graph: bytes) -> tuple[FaceMesh, SessionManager]:
    manager = SessionManager()
    return FaceMesh(manager.lease(graph, name="twin")), manager


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
@pytest.mark.parametrize("centre", [(300, 200), (40, 30), (610, 470)])
def test_a_mark_is_found_where_it_is_in_the_picture(turn: int, centre: tuple[int, int]) -> None:
    upright = np.zeros((480, 640, 3), np.uint8)
    cv2.circle(upright, centre, 9, (0, 0, 255), -1)
    picture = np.ascontiguousarray(np.rot90(upright, turn))
    matrix = quarter_turn(-turn % 4, 640, 480)
    x, y = transform(np.array([centre], float), matrix)[0]
    twin, manager = mesh(marking())
    face, = twin.landmarks(picture, [Detection(Box(x - 60, y - 55, x + 70, y + 66), 0.9, turn)])
    if 60 < x < picture.shape[1] - 60 and 60 < y < picture.shape[0] - 60:  # at the edge the mark is smeared outwards
        assert np.hypot(*(face.points.mean(axis=0) - (x, y))) < 3
    assert manager.counts()[0].runs == 2, "round the box, then round the points"
    assert face.turn == turn


def test_points_are_shares_of_the_square_round_the_box() -> None:
    twin, _ = mesh(answering())
    box = Box(100, 120, 260, 300)
    square = twin._read(np.zeros((600, 800, 3), np.uint8), np.array([[1.0, 0, -50], [0, 1, -70]]))
    assert np.allclose(square, SHAPE * SIDE - 0.5 + (50, 70))
    face, = twin.landmarks(np.zeros((600, 800, 3), np.uint8), [Detection(box, 0.8)])
    assert face.points.shape == (68, 2)
    assert (face.box, face.score) == (box, 0.8)
    first = (SHAPE - 0.5) * GROWTH * 180 + (179.5, 209.5)
    extent = 0.4 * GROWTH * 180 * GROWTH
    assert np.allclose(face.points, (SHAPE[SIXTY_EIGHT] - 0.5) * extent + (first.min(0) + first.max(0)) / 2, atol=1e-6)


def test_a_face_is_followed_with_its_number_and_memory() -> None:
    twin, _ = mesh(answering())
    picture = np.zeros((600, 800, 3), np.uint8)
    face, = twin.landmarks(picture, [Detection(Box(100, 120, 260, 300), 0.8)])
    memory = {"a": 1}
    again, = twin.follow(picture, [replace(face, number=4, memory=memory)])
    assert (again.number, again.memory, again.score) == (4, memory, 0.8)
    assert again.box.x0 == pytest.approx(again.points[:, 0].min() + 0.5)


def test_red_goes_in_first_between_nothing_and_one(astronaut: Pixels) -> None:
    seen: list[np.ndarray] = []
    twin, _ = mesh(answering())
    run = twin._lease.run

    def noting(feeds: Any, outputs: Any = None) -> Any:
        seen.extend(feeds.values())
        return run(feeds, outputs)

    twin._lease.run = noting  # type: ignore[method-assign]
    twin.landmarks(np.full((300, 300, 3), (255, 51, 102), np.uint8), [Detection(Box(50, 50, 150, 150), 1.0)])
    assert seen[0].shape == (1, SIDE, SIDE, 3)
    assert np.allclose(seen[0][0, 5, 7], (0.4, 0.2, 1.0))
    twin.landmarks(np.full((300, 300), 51, np.uint8), [Detection(Box(50, 50, 150, 150), 1.0)])
    assert np.allclose(seen[2][0, 5, 7], 0.2), "a grey picture too"


def test_another_kind_of_model_is_refused() -> None:
    twin, _ = mesh(zero_recogniser())
    with pytest.raises(ModelError, match=r"MODEL\.CONTRACT.*no FaceMesh"):
        twin.landmarks(np.zeros((64, 64, 3), np.uint8), [Detection(Box(0, 0, 60, 60), 1.0)])
    assert len(set(SIXTY_EIGHT.tolist())) == 68
