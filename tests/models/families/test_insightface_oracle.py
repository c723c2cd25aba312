"""insightface's own classes, run by our manager, say the same as our families of networks of the real shape, whose
weights are drawn by lot; and every one of their runs is counted."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from insightface.app.common import Face as TheirFace

from models.arrays import Pixels
from models.catalogue import whole_catalogue
from models.face import Box, Face, five_points
from models.families.arcface import ArcfaceRecogniser
from models.families.attributes import GenderAge
from models.families.grids import STRIDES
from models.families.insightface_library import (
    library_attributes,
    library_detector,
    library_landmarker,
    library_recogniser,
    library_swapper,
)
from models.families.landmarks106 import GROWTH, SIDE, Landmarks106, square_round
from models.families.scrfd import THRESHOLD, ScrfdDetector
from models.families.swappers import CropSwapper, Identity
from models.foreign import Inspected
from models.interfaces import Search
from models.sessions import SessionManager
from models.twins import Graph

FAMILIES = {family.name: family for family in whole_catalogue().family}
rng = np.random.default_rng(5)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # their alignment uses what scikit-image has deprecated
        yield


def convolved(graph: Graph, name: str, channels: int, out: int, scale: float) -> str:
    weights = rng.standard_normal((out, channels, 3, 3)) * scale / np.sqrt(9 * channels)
    return graph.op("Conv", name, graph.constant(weights), pads=[1, 1, 1, 1])


def pooled(graph: Graph, name: str, stride: int) -> str:
    return graph.op("AveragePool", name, kernel_shape=[stride, stride], strides=[stride, stride])


def detector() -> bytes:
    """det_10g: any size of input, nine answers."""
    graph = Graph()
    given = graph.input("input.1", (1, 3, "?", "?"))
    levels = [graph.op("Relu", convolved(graph, pooled(graph, given, stride), 3, 8, 3.0)) for stride in STRIDES]
    for kind, numbers in (("score", 1), ("bbox", 4), ("kps", 10)):
        for stride, level in zip(STRIDES, levels, strict=True):
            made = convolved(graph, level, 8, 2 * numbers, 2.0)
            made = graph.op("Sigmoid", made) if kind == "score" else made
            # Boxes of two to six cells: what is drawn by lot would have no area.
            made = graph.op("Add", graph.op("Mul", graph.op("Sigmoid", made), graph.constant(4.0)),
                            graph.constant(2.0)) if kind == "bbox" else made
            rows = graph.op("Transpose", made, perm=[2, 3, 0, 1])
            rows = graph.op("Reshape", rows, graph.constant([-1, numbers]))
            graph.output(rows, f"{kind}_{stride}", ((640 // stride) ** 2 * 2, numbers))
    return graph.serialised()


def descriptor(out: int = 512) -> bytes:
    """w600k_r50: any number of rows, of which it says that it answers one."""
    graph = Graph()
    given = graph.input("input.1", ("None", 3, 112, 112))
    made = convolved(graph, pooled(graph, given, 16), 3, 8, 1.0)
    flat = graph.op("Flatten", made)
    graph.output(graph.op("MatMul", flat, graph.constant(rng.standard_normal((8 * 49, out)))), "683", (1, out))
    return graph.serialised()


def centring(side: int, out: int, bias: list[float]) -> bytes:
    """2d106det, genderage: raw levels go in, and the network takes the mean off and divides itself, which is how
    insightface knows that it must not."""
    import onnx

    graph = Graph()
    given = graph.input("data", ("None", 3, side, side))
    small = graph.op("Mul", graph.op("Sub", given, graph.constant(127.5)), graph.constant(1 / 128))
    made = graph.op("Relu", convolved(graph, pooled(graph, small, side // 6), 3, 8, 1.0))
    flat = graph.op("MatMul", graph.op("Flatten", made), graph.constant(rng.standard_normal((8 * 36, out)) * 0.04))
    graph.output(graph.op("Add", flat, graph.constant(np.array(bias))), "fc1", (1, out))
    network = onnx.load_model_from_string(graph.serialised())
    for number, node in enumerate(network.graph.node):
        node.name = f"{node.op_type}_{number}"
    return bytes(network.SerializeToString())


def swapper() -> bytes:
    graph = Graph()
    target = graph.input("target", (1, 3, 128, 128))
    source = graph.input("source", (1, 512))
    colour = graph.op("MatMul", source, graph.constant(rng.standard_normal((512, 3))))
    colour = graph.op("Reshape", colour, graph.constant([1, 3, 1, 1]))
    mixed = graph.op("Add", convolved(graph, target, 3, 3, 1.0), colour)
    graph.output(graph.op("Sigmoid", mixed), "output", (1, 3, 128, 128))
    graph.constant(rng.standard_normal((512, 512)), "emap")
    return graph.serialised()


def kept(graph: bytes, folder: Path, name: str) -> Path:
    path = folder / name
    path.write_bytes(graph)
    return path


def runs(manager: SessionManager) -> list[int]:
    return [one.runs for one in manager.counts()]


def fits(manager: SessionManager, path: Path, family: str) -> str | None:
    """What keeps the catalogue from knowing a file with these ends as one of the family; None where nothing does."""
    lease = manager.lease(path, name="looked at")
    return FAMILIES[family].contract.difference(Inspected(lease.inputs, lease.outputs))


def their_face(face: Face) -> TheirFace:
    return TheirFace(bbox=np.array(face.box), kps=five_points(face.points).astype(np.float32))


@pytest.mark.parametrize(("shape", "size"), [
    ((443, 640), (640, 448)), ((320, 170), (352, 640)), ((200, 200), (640, 640))])
def test_det_10g(shape: tuple[int, int], size: tuple[int, int], six_people: Pixels, tmp_path: Path) -> None:
    path = kept(detector(), tmp_path, "det_10g.onnx")
    manager = SessionManager()
    picture = cv2.resize(six_people, shape[::-1])
    boxes, points = library_detector(path, manager).detect(picture, input_size=size)
    assert runs(manager) == [1]
    found = ScrfdDetector(manager.lease(path, name="ours")).detect(picture, Search())
    found = sorted(found, key=lambda one: -one.score)
    assert runs(manager) == [2], "one model, whoever runs it"
    assert fits(manager, path, "scrfd") is None
    assert len(found) == len(boxes) > 20
    assert np.allclose([one.score + THRESHOLD for one in found], boxes[:, 4], atol=1e-6)
    assert np.allclose([one.box for one in found], boxes[:, :4], atol=0.02)
    assert np.allclose(np.stack([one.points5 for one in found if one.points5 is not None]), points, atol=0.02)


def test_w600k_r50(astronaut: Pixels, astronaut_face: Face, tmp_path: Path) -> None:
    path = kept(descriptor(), tmp_path, "w600k_r50.onnx")
    manager = SessionManager()
    library = library_recogniser(path, manager)
    theirs = library.get(astronaut, their_face(astronaut_face))
    assert runs(manager) == [1]
    other = replace(astronaut_face, points=astronaut_face.points * 0.8 + 30)
    ours = ArcfaceRecogniser(manager.lease(path, name="ours", rows=True)).embed(astronaut, [astronaut_face, other])
    assert np.allclose(ours[0], theirs / np.linalg.norm(theirs), atol=1e-3)
    assert fits(manager, path, "arcface") is None
    theirs = library.get(astronaut, their_face(other))
    assert np.allclose(ours[1], theirs / np.linalg.norm(theirs), atol=1e-3)
    assert manager.counts()[1].batches == {2: 1}, "both in one run, although the file says that it answers one"


def test_2d106det(astronaut: Pixels, astronaut_face: Face, tmp_path: Path) -> None:
    path = kept(centring(SIDE, 212, [0.0] * 212), tmp_path, "2d106det.onnx")
    manager = SessionManager()
    theirs = library_landmarker(path, manager).get(astronaut, their_face(astronaut_face))
    assert runs(manager) == [1]
    square = square_round(astronaut_face.box, 0.0, SIDE, GROWTH)
    ours, = Landmarks106(manager.lease(path, name="ours")).points(astronaut, [square])
    assert runs(manager) == [2]
    assert fits(manager, path, "2d106") is None
    assert np.ptp(theirs, axis=0).min() > 20
    assert np.allclose(ours, theirs, atol=0.01)


@pytest.mark.parametrize("bias", [[0.2, 0.0, 0.31], [-0.2, 0.5, 0.74]])
def test_genderage(bias: list[float], astronaut: Pixels, astronaut_face: Face, tmp_path: Path) -> None:
    path = kept(centring(96, 3, bias), tmp_path, "genderage.onnx")
    manager = SessionManager()
    faces = [astronaut_face, replace(astronaut_face, box=Box(20, 30, 300, 250))]
    library = library_attributes(path, manager)
    theirs = [library.get(astronaut, their_face(face)) for face in faces]
    assert runs(manager) == [2]
    ours = GenderAge(manager.lease(path, name="ours", rows=True)).read(astronaut, faces)
    assert fits(manager, path, "genderage") is None
    assert [("male" if sex == 1 else "female", (age, age)) for sex, age in theirs] == [(o.sex, o.age) for o in ours]
    assert manager.counts()[1].batches == {2: 1}


def test_inswapper_128(astronaut: Pixels, astronaut_face: Face, tmp_path: Path) -> None:
    path = kept(swapper(), tmp_path, "inswapper_128.onnx")
    manager = SessionManager()
    source = rng.standard_normal(512)
    wanted = TheirFace(embedding=source.astype(np.float32))
    theirs, matrix = library_swapper(path, manager).get(astronaut, their_face(astronaut_face), wanted, paste_back=False)
    assert runs(manager) == [1]
    ours = CropSwapper(manager.lease(path, name="ours"), FAMILIES["inswapper"].facts)
    made, = ours.swap([cv2.warpAffine(astronaut, matrix, (128, 128))], ours.sources([Identity(source)]))
    assert runs(manager) == [2]
    assert fits(manager, path, "inswapper") is None
    assert theirs.std() > 5
    assert set(np.unique(made.astype(int) - theirs)) <= {0, 1}, "theirs cuts levels off where ours rounds"
