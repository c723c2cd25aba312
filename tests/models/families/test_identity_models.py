"""ArcFace and InSwapper on twins: what goes in and comes out, to the pixel, and against insightface's own classes."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from models.arrays import Pixels
from models.catalogue import whole_catalogue
from models.errors import ModelError
from models.face import Face, five_points
from models.families.arcface import ArcfaceRecogniser, aligned
from models.families.insightface_library import library_recogniser, library_swapper
from models.families.inswapper import own_map
from models.families.swappers import CropSwapper, Identity
from models.geometry import quarter_turn, similarity, transform
from models.sessions import SessionManager
from models.templates import ARCFACE_112, ARCFACE_128
from models.twins import zero_recogniser, zero_swapper
from tests.twins import echoing_recogniser, mixing_swapper

FAMILIES = {family.name: family.facts for family in whole_catalogue().family}
FACTS = FAMILIES["inswapper"]


@pytest.fixture
def descriptor() -> np.ndarray:
    return np.random.default_rng(3).standard_normal(512) * 20


def test_a_descriptor_is_of_the_aligned_face_red_first(astronaut: Pixels, astronaut_face: Face) -> None:
    recogniser = ArcfaceRecogniser(SessionManager().lease(echoing_recogniser(), name="twin"))
    crop = aligned(astronaut, astronaut_face)
    assert crop.shape == (112, 112, 3)
    matrix = similarity(five_points(astronaut_face.points), ARCFACE_112 * 112)
    assert np.array_equal(crop, cv2.warpAffine(astronaut, matrix, (112, 112)))
    found, = recogniser.embed(astronaut, [astronaut_face])
    red = crop[..., 2].astype(np.float64).ravel()[:512] / 127.5 - 1
    assert np.allclose(found, red / np.linalg.norm(red), atol=1e-6)
    assert np.linalg.norm(found) == pytest.approx(1)


def test_all_faces_go_through_in_one_run(six_people: Pixels, astronaut_face: Face) -> None:
    manager = SessionManager()
    recogniser = ArcfaceRecogniser(manager.lease(echoing_recogniser(), name="twin"))
    alone, = recogniser.embed(six_people, [astronaut_face])
    shifted = Face(astronaut_face.box, 1, astronaut_face.points + 300)
    first, second = recogniser.embed(six_people, [astronaut_face, shifted])
    assert np.allclose(first, alone)
    assert not np.allclose(second, alone)
    assert recogniser.embed(six_people, []) == []
    assert manager.counts()[0].batches == {1: 1, 2: 1}


def test_descriptors_are_those_of_insightface(astronaut: Pixels, astronaut_face: Face, tmp_path: Path) -> None:
    path = tmp_path / "r.onnx"
    path.write_bytes(echoing_recogniser())
    manager = SessionManager()
    face = SimpleNamespace(kps=five_points(astronaut_face.points).astype(np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # its alignment uses what scikit-image has deprecated
        theirs = library_recogniser(path, manager).get(astronaut, face)
    ours, = ArcfaceRecogniser(manager.lease(path, name="twin")).embed(astronaut, [astronaut_face])
    assert float(ours @ theirs / np.linalg.norm(theirs)) > 0.99999


@pytest.mark.parametrize("turn", [0, 1, 2])
def test_sface_s_descriptors_are_those_of_opencv(turn: int, astronaut: Pixels, astronaut_face: Face,
                                                 tmp_path: Path) -> None:
    path = tmp_path / "sface.onnx"
    path.write_bytes(echoing_recogniser(128, 1, 1))
    picture = np.ascontiguousarray(np.rot90(astronaut, -turn))
    points = transform(astronaut_face.points, quarter_turn(turn, 512, 512))
    theirs = cv2.FaceRecognizerSF.create(str(path), "")
    row = np.concatenate([np.zeros(4), five_points(points).ravel(), [1.0]]).astype(np.float32)[None]
    numbers = theirs.feature(theirs.alignCrop(picture, row))[0].astype(np.float64)
    sface = ArcfaceRecogniser(SessionManager().lease(path, name="twin"), FAMILIES["sface"], name="sface")
    face = Face(astronaut_face.box, 1.0, points)
    ours, = sface.embed(picture, [face])
    assert ours.shape == (128,)
    # A crop's level or two: their matrix is rounded to single precision.
    assert float(ours @ numbers / np.linalg.norm(numbers)) > 0.99999
    assert sface.same_person == pytest.approx(1.128, abs=2e-3), "OpenCV's own figure for the distance"
    assert sface.name == "sface"


@pytest.mark.parametrize(("rows", "told", "batches"), [("N", "N", {3: 1}), ("N", 1, {3: 1}), (1, 1, {3: 1})])
def test_files_that_say_they_answer_one_row_answer_several(rows: int | str, told: int | str, batches: dict[int, int],
                                                           six_people: Pixels, astronaut_face: Face) -> None:
    manager = SessionManager()
    twin = ArcfaceRecogniser(manager.lease(echoing_recogniser(512, rows, told), name="twin", rows=True))
    faces = [Face(astronaut_face.box, 1, astronaut_face.points + shift) for shift in (0, 200, 400)]
    together = twin.embed(six_people, faces)
    assert manager.counts()[0].batches == batches
    for face, found in zip(faces, together, strict=True):
        assert np.allclose(twin.embed(six_people, [face])[0], found)


def test_an_identity_goes_through_the_map_and_has_length_one(descriptor: np.ndarray) -> None:
    swapper = CropSwapper(SessionManager().lease(mixing_swapper(), name="twin"), FACTS)
    identity = swapper.sources([Identity(descriptor)])
    assert identity.shape == (1, 512)
    assert identity.dtype == np.float32
    assert np.allclose(identity[0], descriptor[::-1] / np.linalg.norm(descriptor), atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_swap_keeps_colours_apart_and_the_crops_kind(dtype: type, astronaut: Pixels) -> None:
    crop: Pixels = np.ascontiguousarray(astronaut[40:168, 160:288]).astype(dtype)
    shift = np.zeros(512)
    shift[-3:] = (-12, 4, 3)  # blue, green, red, because the map turns them round
    swapper = CropSwapper(SessionManager().lease(mixing_swapper(), name="twin"), FACTS)
    made, = swapper.swap([crop], swapper.sources([Identity(shift)]))
    added = shift[-3:] / np.linalg.norm(shift) * 255
    wanted = np.clip(crop + added, 0, 255)
    assert made.dtype == dtype
    assert np.abs(made - wanted).max() < (0.51 if dtype == np.uint8 else 1e-3)
    assert made.flags.c_contiguous


def test_swapped_pixels_are_those_of_insightface(astronaut: Pixels, astronaut_face: Face, descriptor: np.ndarray,
                                                tmp_path: Path) -> None:
    path = tmp_path / "s.onnx"
    path.write_bytes(zero_swapper())
    manager = SessionManager()
    five = five_points(astronaut_face.points)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        theirs, matrix = library_swapper(path, manager).get(
            astronaut, SimpleNamespace(kps=five.astype(np.float32)),
            SimpleNamespace(normed_embedding=np.float32(descriptor / np.linalg.norm(descriptor))), paste_back=False)
    ours_matrix = similarity(five, ARCFACE_128 * 128)
    assert np.allclose(matrix, ours_matrix, atol=1e-3)
    swapper = CropSwapper(manager.lease(path, name="twin"), FACTS)
    made, = swapper.swap([cv2.warpAffine(astronaut, matrix, (128, 128))], swapper.sources([Identity(descriptor)]))
    difference = made.astype(int) - theirs  # it cuts levels off where ours rounds
    assert set(np.unique(difference)) <= {0, 1}


def test_another_kind_of_model_is_refused(astronaut: Pixels, astronaut_face: Face) -> None:
    manager = SessionManager()
    recogniser = ArcfaceRecogniser(manager.lease(zero_swapper(), name="wrong.onnx"))
    wrong = manager.lease(zero_recogniser(), name="wrong.onnx")
    for work in (lambda: recogniser.embed(astronaut, [astronaut_face]), lambda: [CropSwapper(wrong, FACTS)]):
        with pytest.raises(ModelError, match=r"wrong\.onnx") as raised:
            work()
        assert raised.value.code == "MODEL.CONTRACT"


@pytest.mark.parametrize("as_file", [True, False])
def test_the_map_is_read_out_of_the_file_without_the_rest_of_it(as_file: bool, tmp_path: Path) -> None:
    source: Path | bytes = mixing_swapper()
    if as_file:
        (tmp_path / "s.onnx").write_bytes(mixing_swapper())
        source = tmp_path / "s.onnx"
    assert np.array_equal(own_map(SessionManager().lease(source, name="twin")), np.eye(512)[::-1])


def test_a_file_that_breaks_off_has_no_map() -> None:
    whole = mixing_swapper()
    for stop in (0, 1, 40, len(whole) // 2):
        with pytest.raises(ModelError, match=r"MODEL\.CONTRACT"):
            own_map(SessionManager().lease(whole[:stop], name="twin"))
