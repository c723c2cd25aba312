"""SCRFD on twins: what goes in, to the pixel, and what comes out, against insightface's own class."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from models.arrays import Pixels
from models.errors import ModelError
from models.face import Box
from models.families.insightface_library import library_detector
from models.families.scrfd import THRESHOLD, ScrfdDetector, as_input
from models.geometry import quarter_turn, transform
from models.interfaces import Search
from models.sessions import SessionManager
from models.twins import zero_detector, zero_recogniser
from tests.twins import Planted, planted_detector

SHAPES = {"wide": (360, 640), "large": (1080, 1920), "tall": (700, 300), "square": (640, 640), "odd": (123, 457),
          "tiny": (31, 20)}
FIVE = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.75], [0.65, 0.75]])


def candidates(seed: int, count: int = 40) -> list[Planted]:
    """Boxes anywhere, some of them almost on top of others, scores on both sides of the threshold."""
    random = np.random.default_rng(seed)
    found: list[Planted] = []
    for number in range(count):
        level = int(random.integers(3))
        side = 640 // (8, 16, 32)[level]
        cell = (int(random.integers(side)), int(random.integers(side)))
        x, y = random.uniform(0, 500, 2) if number % 3 or not found else np.array(found[-1].box[:2]) + 4
        width, height = random.uniform(30, 140, 2) if number % 3 or not found else np.ptp(
            np.reshape(found[-1].box, (2, 2)), axis=0)
        points = FIVE * (width, height) + (x, y)
        found.append(Planted(level, cell, int(random.integers(2)), float(random.uniform(0.3, 1)),
                             (x, y, x + width, y + height), points))
    return found


@pytest.fixture
def picture(request: pytest.FixtureRequest, astronaut: Pixels) -> Pixels:
    height, width = SHAPES[request.param]
    return cv2.resize(astronaut, (width, height))


@pytest.mark.parametrize("picture", SHAPES, indirect=True)
@pytest.mark.parametrize("seed", range(3))
def test_faces_are_those_that_insightface_finds(picture: Pixels, seed: int, tmp_path: Path) -> None:
    path = tmp_path / "d.onnx"
    path.write_bytes(planted_detector(candidates(seed)))
    manager = SessionManager()
    ours = ScrfdDetector(manager.lease(path, name="twin")).detect(picture, Search())
    boxes, points = library_detector(path, manager).detect(picture)
    assert len(ours) == len(boxes) > 5
    order = np.argsort([-found.score for found in ours])
    assert np.allclose([ours[i].box for i in order], boxes[:, :4], rtol=1e-4, atol=1e-2)
    assert np.allclose([ours[i].score + THRESHOLD for i in order], boxes[:, 4], atol=1e-6)
    assert np.allclose(np.stack([ours[i].points5 for i in order]), points, rtol=1e-4, atol=1e-2)
    areas = [found.box.area for found in ours]
    assert areas == sorted(areas, reverse=True)


@pytest.mark.parametrize("picture", SHAPES, indirect=True)
def test_the_network_is_fed_what_insightface_feeds_it(picture: Pixels, tmp_path: Path) -> None:
    fed: list[np.ndarray] = []
    (tmp_path / "d.onnx").write_bytes(planted_detector([]))
    library = library_detector(tmp_path / "d.onnx", SessionManager())
    run = library.session.run

    def noting(names: list[str], feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        fed.extend(feeds.values())
        return list(run(names, feeds))

    library.session.run = noting
    library.detect(picture)
    blob, _ = as_input(picture, (640, 640))
    assert blob.dtype == np.float32
    assert np.array_equal(blob, fed[0])


def test_red_comes_first_and_levels_are_scaled_round_the_middle() -> None:
    picture = np.zeros((640, 640, 3), np.uint8)
    picture[0, 1] = (10, 127, 255)  # blue, green, red
    blob, scale = as_input(picture, (640, 640))
    assert scale == 1
    assert blob[0, :, 0, 1].tolist() == [127.5 / 128, -0.5 / 128, -117.5 / 128]
    assert blob[0, :, 5, 5].tolist() == [-127.5 / 128] * 3


def test_a_twin_finds_its_one_face_where_it_was_told_to() -> None:
    box = Box(200, 100, 330, 280)
    five = FIVE * (130, 180) + (200, 100)
    detector = ScrfdDetector(SessionManager().lease(zero_detector(box, five), name="twin"))
    grey = np.zeros((720, 1280), np.uint8)
    found, = detector.detect(grey, Search())
    assert np.allclose(found.box, np.array(box) * 2, atol=1e-3)
    assert found.points5 is not None
    assert np.allclose(found.points5, five * 2, atol=1e-3)


def test_turned_looks_find_lying_faces_in_the_pictures_own_pixels() -> None:
    box = Box(100, 40, 160, 120)
    detector = ScrfdDetector(SessionManager().lease(zero_detector(box, FIVE * (60, 80) + (100, 40)), name="twin"))
    picture = np.zeros((320, 640, 3), np.uint8)
    found = {d.turn: d for d in detector.detect(picture, Search(turned=True))}
    assert set(found) == {0, 1, 2, 3}
    assert np.allclose(found[0].box, box, atol=1e-3)
    for turn in (1, 2, 3):
        upright = quarter_turn(turn, 640, 320)
        corners = transform(np.reshape(found[turn].box, (2, 2)), upright)
        assert np.allclose(np.sort(corners, axis=0).ravel(), box, atol=1e-3)


def test_faint_faces_are_those_just_below_the_threshold() -> None:
    scores = {0.25: False, 0.35: True, 0.49: True, 0.6: True}
    network = planted_detector([
        Planted(1, (4 + 8 * i, 4), 0, score, (100 * i, 0, 100 * i + 60, 80), FIVE * (60, 80) + (100 * i, 0))
        for i, score in enumerate(scores)])
    detector = ScrfdDetector(SessionManager().lease(network, name="twin"))
    picture = np.zeros((640, 640, 3), np.uint8)
    assert [round(d.score, 2) for d in detector.detect(picture, Search())] == [0.1]
    faint = sorted(round(d.score, 2) for d in detector.detect(picture, Search(faint=True)))
    assert faint == [round(score - THRESHOLD, 2) for score, seen in scores.items() if seen]


def test_another_kind_of_model_is_refused_by_name() -> None:
    detector = ScrfdDetector(SessionManager().lease(zero_recogniser(), name="w600k_r50"))
    with pytest.raises(ModelError, match="w600k_r50") as raised:
        detector.detect(np.zeros((64, 64, 3), np.uint8), Search())
    assert raised.value.code == "MODEL.CONTRACT"


def test_a_fixed_network_takes_no_second_look(astronaut: Pixels) -> None:
    manager = SessionManager()
    detector = ScrfdDetector(manager.lease(planted_detector([]), name="twin"))
    assert detector.detect(astronaut, Search(small=True)) == []
    assert manager.counts()[0].runs == 1
