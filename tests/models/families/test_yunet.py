"""YuNet on twins, against OpenCV's own class; and what a network with a free input is fed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.arrays import Pixels
from models.errors import ModelError
from models.families.yunet import THRESHOLD, YunetDetector, as_input
from models.interfaces import Search
from models.sessions import SessionManager
from models.twins import Graph, zero_recogniser
from tests.models.families.test_scrfd import candidates
from tests.twins import Planted, planted_yunet


def detector(graph: bytes, **more: Any) -> YunetDetector:
    return YunetDetector(SessionManager().lease(graph, name="twin"), **more)


@pytest.mark.parametrize("seed", range(4))
def test_faces_are_those_that_opencv_finds(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "yunet.onnx"
    path.write_bytes(planted_yunet(candidates(seed)))
    picture = np.zeros((640, 640, 3), np.uint8)
    # OpenCV's score is the root of ours, and its overlap is measured without the last pixel: ours lies between.
    theirs = cv2.FaceDetectorYN.create(str(path), "", (640, 640), float(np.sqrt(THRESHOLD)), 0.4).detect(picture)[1]
    ours = detector(path.read_bytes()).detect(picture, Search())
    assert len(ours) == len(theirs) > 5
    ours = sorted(ours, key=lambda one: -one.score)
    theirs = theirs[np.argsort(-theirs[:, 14])]
    boxes = np.concatenate([theirs[:, :2], theirs[:, :2] + theirs[:, 2:4]], axis=1)
    assert np.allclose([one.box for one in ours], boxes, atol=1e-2)
    assert np.allclose([one.score + THRESHOLD for one in ours], theirs[:, 14] ** 2, atol=1e-5)
    points = np.stack([one.points5 for one in ours if one.points5 is not None])
    assert np.allclose(points, theirs[:, 4:14].reshape(-1, 5, 2), atol=1e-2)


def test_blue_comes_first_and_levels_stay_as_they_are() -> None:
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[1, 2] = (10, 127, 255)
    blob, scale = as_input(picture, (128, 64))
    assert blob.shape == (1, 3, 64, 128)
    assert blob.dtype == np.float32
    assert scale == 1
    assert blob[0, :, 1, 2].tolist() == [10, 127, 255]
    assert blob[:, :, :, 96:].max() == 0


@pytest.mark.parametrize(("size", "canvas"), [
    ((1080, 1920), (640, 384)), ((1920, 1080), (384, 640)), ((640, 640), (640, 640)), ((100, 60), (64, 128)),
    ((720, 1280), (640, 384)), ((31, 20), (32, 32)), ((400, 3000), (640, 96))])
def test_a_free_input_is_no_larger_than_the_picture_needs(size: tuple[int, int], canvas: tuple[int, int]) -> None:
    found = detector(planted_yunet([]))._canvas(np.zeros((*size, 3), np.uint8), 1)
    assert found == canvas


@pytest.mark.parametrize("size", [(640, 384), (320, 640)])
def test_a_canvas_that_is_not_square_puts_faces_where_they_are(size: tuple[int, int]) -> None:
    points = np.array([[60.0, 70], [90, 70], [75, 90], [65, 110], [85, 110]])
    planted = Planted(1, (4, 6), 0, 0.9, (50, 60, 110, 130), points)
    picture = np.zeros((2 * size[1], 2 * size[0], 3), np.uint8)
    found, = detector(planted_yunet([planted], size)).detect(picture, Search())
    assert np.allclose(found.box, (100, 120, 220, 260), atol=1e-3)
    assert found.points5 is not None
    assert np.allclose(found.points5, 2 * points, atol=1e-3)


def test_a_turned_picture_s_face_is_found_in_the_picture_s_own_pixels(astronaut: Pixels) -> None:
    points = np.array([[60.0, 70], [90, 70], [75, 90], [65, 110], [85, 110]])
    twin = detector(planted_yunet([Planted(1, (4, 6), 0, 0.9, (50, 60, 110, 130), points)]))
    found = twin.detect(np.zeros((640, 640, 3), np.uint8), Search(turned=True))
    assert sorted(one.turn for one in found) == [0, 1, 2, 3]
    assert all(0 <= one.box.x0 < one.box.x1 <= 640 for one in found)


def test_another_kind_of_model_is_refused_by_name() -> None:
    with pytest.raises(ModelError, match=r"MODEL\.CONTRACT.*twin is no yunet.*yunet_2023_mar\.onnx"):
        detector(zero_recogniser()).detect(np.zeros((64, 64, 3), np.uint8), Search())


def test_a_second_look_at_twice_the_size_is_taken_where_the_input_is_free() -> None:
    graph = Graph()
    given = graph.input("input", (1, 3, "height", "width"))
    shape = graph.op("Slice", graph.op("Shape", given), graph.constant([2]), graph.constant([4]))
    empty = graph.op("Mul", graph.op("ReduceMean", given, keepdims=1), graph.constant(0.0))
    for kind, numbers in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
        for stride in (8, 16, 32):
            rows = graph.op("ReduceProd", graph.op("Div", shape, graph.constant([stride])), keepdims=1)
            wanted = graph.op("Concat", graph.constant([1]), rows, graph.constant([numbers]), axis=0)
            flat = graph.op("Reshape", empty, graph.constant([1, 1, 1]))
            graph.output(graph.op("Expand", flat, wanted), f"{kind}_{stride}", (1, "n", numbers))
    manager = SessionManager()
    twin = YunetDetector(manager.lease(graph.serialised(), name="twin"))
    assert twin.side(Search()) == 640
    assert twin.side(Search(small=True)) == 1280
    assert twin.detect(np.zeros((1080, 1920, 3), np.uint8), Search(small=True)) == []
    assert manager.counts()[0].runs == 2
