"""FaceMesh on twins of both versions and both layouts: a network that knows where a mark lies in its input, and one
that always answers the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.catalogue import whole_catalogue
from models.errors import ModelError
from models.face import Box
from models.families.facemesh import GROWTH, SIXTY_EIGHT, FaceMesh
from models.geometry import quarter_turn, transform
from models.interfaces import Detection
from models.sessions import SessionManager
from models.store import Store
from models.twins import Graph, zero_recogniser
from tests.twins.gate import unpinned

rng = np.random.default_rng(2)
SHAPE = np.column_stack([rng.uniform(0.3, 0.7, 478), rng.uniform(0.3, 0.7, 478)])
SHAPE[33], SHAPE[263] = (0.4, 0.45), (0.6, 0.45)
SHAPE[[0, 1, 2, 3]] = [(0.3, 0.5), (0.7, 0.5), (0.5, 0.3), (0.5, 0.7)]


@dataclass(frozen=True)
class Version:
    """What a twin takes and gives. slot: the catalogue's row with the same numbers."""

    slot: str
    side: int
    points: int
    channels_last: bool
    rows: int | str = 1

    @property
    def shape(self) -> tuple[int | str, ...]:
        return (self.rows, self.side, self.side, 3) if self.channels_last else (self.rows, 3, self.side, self.side)

    @property
    def given(self) -> np.ndarray:
        """The shares of its input where an answering one sees the points."""
        return SHAPE[:self.points]

    @property
    def facts(self) -> Any:
        catalogue = whole_catalogue()
        return catalogue.family_of(catalogue.row(self.slot)).facts


FIRST = Version("landmarker.facemesh_468", 192, 468, True)
SECOND = Version("landmarker.facemesh", 256, 478, False, "N")
VERSIONS = [FIRST, SECOND, replace(FIRST, channels_last=False), replace(SECOND, channels_last=True),
            replace(SECOND, rows=1)]


def answering(version: Version) -> bytes:
    """Always the same points, shares of its input; depth is noise. Behind them the score that a face is there."""
    graph = Graph()
    given = graph.input("input_1", version.shape)
    nothing = graph.op("Mul", graph.op("ReduceSum", given, graph.constant([1, 2, 3]), keepdims=1), graph.constant(0.0))
    rows = np.column_stack([version.given * version.side, rng.uniform(-9, 9, version.points)]).reshape(1, 1, 1, -1)
    graph.output(graph.op("Add", nothing, graph.constant(rows)), "points", (version.rows, *rows.shape[1:]))
    graph.output(nothing, "score", (version.rows, 1, 1, 1))
    return graph.serialised()


def marking(version: Version) -> bytes:
    """All points lie where the red mark is: the centre of what is red, its spread kept small round it."""
    graph, side = Graph(), version.side
    given = graph.input("input_1", version.shape)
    rows, columns, colours = (1, 2, 3) if version.channels_last else (2, 3, 1)
    red = graph.op("Slice", given, *(graph.constant([n]) for n in (0, 1, colours)))
    total = graph.op("ReduceSum", red, graph.constant([1, 2, 3]), keepdims=1)
    places = []
    for axis in (columns, rows):
        ramp = graph.constant((np.arange(side) + 0.5).reshape([side if one == axis else 1 for one in range(4)]))
        places.append(graph.op("Div", graph.op("ReduceSum", graph.op("Mul", red, ramp), graph.constant([1, 2, 3]),
                                               keepdims=1), total))
    depth = graph.op("Mul", total, graph.constant(0.0))
    one = graph.op("Concat", *places, depth, axis=3)
    offsets = np.column_stack([(version.given - 0.5) * 20, np.zeros(version.points)]).reshape(1, 1, 1, -1)
    many = graph.op("Tile", one, graph.constant(np.array([1, 1, 1, version.points])))
    graph.output(graph.op("Add", many, graph.constant(offsets)), "points", (version.rows, 1, 1, 3 * version.points))
    return graph.serialised()


def mesh(graph: bytes, version: Version = FIRST) -> tuple[FaceMesh, SessionManager]:
    manager = SessionManager()
    return FaceMesh(manager.lease(graph, name="twin", rows=True), version.facts), manager


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("turn", "centre"), [
    (0, (300, 200)), (1, (300, 200)), (2, (40, 30)), (3, (610, 470)), (0, (40, 30)), (1, (610, 470))])
def test_a_mark_is_found_where_it_is_in_the_picture(turn: int, centre: tuple[int, int], version: Version) -> None:
    upright = np.zeros((480, 640, 3), np.uint8)
    cv2.circle(upright, centre, 9, (0, 0, 255), -1)
    picture = np.ascontiguousarray(np.rot90(upright, turn))
    matrix = quarter_turn(-turn % 4, 640, 480)
    x, y = transform(np.array([centre], float), matrix)[0]
    twin, manager = mesh(marking(version), version)
    face, = twin.landmarks(picture, [Detection(Box(x - 60, y - 55, x + 70, y + 66), 0.9, turn)])
    if 60 < x < picture.shape[1] - 60 and 60 < y < picture.shape[0] - 60:  # at the edge the mark is smeared outwards
        assert np.hypot(*(face.points.mean(axis=0) - (x, y))) < 3
    assert manager.counts()[0].runs == 2, "round the box, then round the points"
    assert face.turn == turn


@pytest.mark.parametrize("version", VERSIONS)
def test_points_are_shares_of_the_square_round_the_box(version: Version) -> None:
    twin, _ = mesh(answering(version), version)
    box = Box(100, 120, 260, 300)
    square, = twin.points(np.zeros((600, 800, 3), np.uint8), [np.array([[1.0, 0, -50], [0, 1, -70]])])
    assert np.allclose(square, version.given * version.side - 0.5 + (50, 70), atol=1e-4)
    face, = twin.landmarks(np.zeros((600, 800, 3), np.uint8), [Detection(box, 0.8)])
    assert face.points.shape == (68, 2)
    assert (face.box, face.score) == (box, 0.8)
    first = (version.given - 0.5) * GROWTH * 180 + (179.5, 209.5)
    extent = 0.4 * GROWTH * 180 * GROWTH
    assert np.allclose(face.points, (SHAPE[SIXTY_EIGHT] - 0.5) * extent + (first.min(0) + first.max(0)) / 2, atol=1e-3)


@pytest.mark.parametrize("version", VERSIONS)
def test_several_faces_are_read_together_and_each_in_its_own_square(version: Version) -> None:
    picture = np.zeros((480, 1000, 3), np.uint8)
    places = [(150, 200), (480, 260), (850, 180)]
    for at in places:
        cv2.circle(picture, at, 9, (0, 0, 255), -1)
    twin, manager = mesh(marking(version), version)
    faces = twin.landmarks(picture, [Detection(Box(x - 55, y - 60, x + 65, y + 50), 0.9) for x, y in places])
    assert np.allclose([face.points.mean(axis=0) for face in faces], places, atol=3)
    assert manager.counts()[0].runs == 2, "all round their boxes, then all round their points"
    assert twin.landmarks(picture, []) == twin.follow(picture, []) == []


def test_a_face_is_followed_with_its_number_and_memory() -> None:
    twin, _ = mesh(answering(FIRST))
    picture = np.zeros((600, 800, 3), np.uint8)
    face, = twin.landmarks(picture, [Detection(Box(100, 120, 260, 300), 0.8)])
    memory = {"a": 1}
    again, = twin.follow(picture, [replace(face, number=4, memory=memory)])
    assert (again.number, again.memory, again.score) == (4, memory, 0.8)
    assert again.box.x0 == pytest.approx(again.points[:, 0].min() + 0.5)


@pytest.mark.parametrize("version", VERSIONS)
def test_red_goes_in_first_between_nothing_and_one(version: Version) -> None:
    seen: list[np.ndarray] = []
    twin, _ = mesh(answering(version), version)
    run = twin._lease.run_rows

    def noting(feeds: Any) -> Any:
        seen.extend(feeds.values())
        return run(feeds)

    twin._lease.run_rows = noting  # type: ignore[method-assign]
    twin.landmarks(np.full((300, 300, 3), (255, 51, 102), np.uint8), [Detection(Box(50, 50, 150, 150), 1.0)])
    assert seen[0].shape == (1, *version.shape[1:])
    at = (0, 5, 7, slice(None)) if version.channels_last else (0, slice(None), 5, 7)
    assert np.allclose(seen[0][at], (0.4, 0.2, 1.0))
    twin.landmarks(np.full((300, 300), 51, np.uint8), [Detection(Box(50, 50, 150, 150), 1.0)])
    assert np.allclose(seen[2][at], 0.2), "a grey picture too"


@pytest.mark.parametrize("other", [
    zero_recogniser(), answering(SECOND), answering(replace(FIRST, points=478)), answering(replace(FIRST, side=128))])
def test_another_kind_of_model_is_refused(other: bytes) -> None:
    twin, _ = mesh(other)
    with pytest.raises(ModelError, match=r"MODEL\.CONTRACT.*468 points of a square of 192 pixels"):
        twin.landmarks(np.zeros((64, 64, 3), np.uint8), [Detection(Box(0, 0, 60, 60), 1.0)])
    assert len(set(SIXTY_EIGHT.tolist())) == 68


def test_both_versions_are_known_by_what_they_take_and_give(tmp_path: Path) -> None:
    """Whatever they are called: other publishers call the second one otherwise."""
    for name, version in (("a.onnx", FIRST), ("b.onnx", SECOND)):
        (tmp_path / name).write_bytes(answering(version))
    found = Store(unpinned(), tmp_path, tmp_path / "models.json").found()
    assert {slot: one.path.name for slot, one in found.items()} == {FIRST.slot: "a.onnx", SECOND.slot: "b.onnx"}
