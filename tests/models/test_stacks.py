"""Which face stack the models of a folder make, and that its parts understand each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.arrays import Pixels
from models.catalogue import Catalogue
from models.errors import ModelError
from models.face import Face, five_points
from models.families.dlib_faces import DlibLandmarker
from models.families.facemesh import FaceMesh
from models.families.landmarks106 import Landmarks106
from models.foreign import Inspected
from models.geometry import quarter_turn, transform
from models.interfaces import FaceStack, Search
from models.sessions import Port, SessionManager
from models.stacks import stack_of
from models.store import Store
from models.twins import zero_recogniser
from tests.twins import Planted, echoing_recogniser, planted_detector, planted_yoloface, planted_yunet
from tests.twins.gate import unpinned

CATALOGUE = unpinned()
FLOAT = "tensor(float)"


def as_told(path: Path) -> Inspected:
    """What a file of this name takes and gives if it is what it is called."""
    row = next(row for row in CATALOGUE.offered if path.name in (row.file, *row.others))
    contract = CATALOGUE.family_of(row).contract
    return Inspected(tuple(Port(name, shape, FLOAT) for name, shape in contract.inputs.items()),
                     tuple(Port(f"output {at}", shape, FLOAT) for at, shape in enumerate(contract.outputs)))


def named(folder: Path, *files: str, catalogue: Catalogue = CATALOGUE, **more: object) -> FaceStack:
    """The stack of a folder with files of these names, which nobody opens."""
    folder.mkdir(exist_ok=True)
    for file in files:
        (folder / file).write_bytes(file.encode())
    store = Store(catalogue, folder, folder.parent / "models.json", inspect=as_told)
    return stack_of(store, SessionManager(), **more)  # type: ignore[arg-type]


DLIB = "dlib-hog+dlib-68+dlib-resnet-v1"
SECOND_MESH = "face_landmarks_detector_Nx3x256x256.onnx"
EVERYTHING = ("retinaface_10g.onnx", "scrfd_2.5g.onnx", "yoloface_8n.onnx", "yunet_2023_mar.onnx", "2dfan4.onnx",
              "peppa_wutz.onnx", "2d106det.onnx", "w600k_r50.onnx", "w600k_mbf.onnx",
              "face_recognition_sface_2021dec.onnx", "fan_68_5.onnx")


@pytest.mark.parametrize(("files", "preset", "name"), [
    ((), "natural", DLIB),
    (("yunet_2023_mar.onnx",), "natural", "yunet-2023-mar+dlib-68+dlib-resnet-v1"),
    (("face_detection_yunet_2023mar.onnx",), "sharp", "yunet-2023-mar+dlib-68+dlib-resnet-v1"),
    (("yunet_n_dynamic.onnx",), "fast", "yunet-2023-mar+dlib-68+dlib-resnet-v1"),
    (("yunet_2023_mar.onnx", "yoloface_8n.onnx"), "natural", "yoloface-8n+dlib-68+dlib-resnet-v1"),
    (("scrfd_2.5g.onnx", "yunet_2023_mar.onnx"), "natural", "scrfd-2.5g+dlib-68+dlib-resnet-v1"),
    (("det_10g.onnx", "w600k_r50.onnx"), "natural", "retinaface-10g+dlib-68+arcface-w600k-r50"),
    (("retinaface_10g.onnx", "arcface_w600k_r50.onnx"), "sharp", "retinaface-10g+dlib-68+arcface-w600k-r50"),
    (("det_10g.onnx", "w600k_r50.onnx"), "fast", DLIB),
    (("w600k_mbf.onnx", "face_recognition_sface_2021dec.onnx"), "fast", "dlib-hog+dlib-68+w600k-mbf"),
    (("face_recognition_sface_2021dec.onnx",), "natural",
     "dlib-hog+dlib-68+face-recognition-sface-2021dec"),
    (("2d106det.onnx", "fan_68_5.onnx"), "sharp", DLIB),
    (("peppa_wutz.onnx",), "sharp", "dlib-hog+peppa-wutz+dlib-resnet-v1"),
    (("FaceMesh.onnx",), "sharp", "dlib-hog+FaceMesh+dlib-resnet-v1"),
    (("FaceMesh.onnx", SECOND_MESH), "sharp", "dlib-hog+face-landmarks-detector-Nx3x256x256+dlib-resnet-v1"),
    (("FaceMesh.onnx", SECOND_MESH), "natural", DLIB),
    (EVERYTHING, "natural", "retinaface-10g+dlib-68+arcface-w600k-r50"),
    (EVERYTHING, "sharp", "retinaface-10g+2dfan4+arcface-w600k-r50"),
    (EVERYTHING, "fast", "yoloface-8n+dlib-68+w600k-mbf"),
])
def test_the_best_that_is_there_and_that_the_preset_wants(files: tuple[str, ...], preset: str, name: str,
                                                          tmp_path: Path) -> None:
    assert named(tmp_path / "models", *files, preset=preset).name == name


def test_only_what_is_allowed_is_taken(tmp_path: Path) -> None:
    stack = named(tmp_path / "models", *EVERYTHING, preset="natural", allowed=lambda row: row.commercial == "yes")
    assert stack.name == "yoloface-8n+dlib-68+face-recognition-sface-2021dec"
    assert stack_of(None, SessionManager()).name == DLIB


@pytest.mark.parametrize("preset", ["natural", "sharp", "fast"])
def test_where_dlib_s_points_may_not_be_taken_those_of_another_model_are_whatever_the_preset(preset: str,
                                                                                           tmp_path: Path) -> None:
    stack = named(tmp_path / "models", "2dfan4.onnx", SECOND_MESH, preset=preset,
                  allowed=lambda row: row.commercial == "yes")
    assert isinstance(stack.landmarker, FaceMesh)
    assert stack.slots == ("landmarker.facemesh", "dlib.descriptor")


@pytest.mark.parametrize(("known_by", "name"), [
    ("dlib-resnet-v1", "yunet-2023-mar+dlib-68+dlib-resnet-v1"), ("w600k-mbf", "yunet-2023-mar+dlib-68+w600k-mbf"),
    ("", "yunet-2023-mar+dlib-68+arcface-w600k-r50"),
    ("arcface-w600k-r50", "yunet-2023-mar+dlib-68+arcface-w600k-r50")])
def test_people_who_are_known_already_are_known_again_by_the_same_recogniser(known_by: str, name: str, tmp_path: Path,
                                                                             ) -> None:
    stack = named(tmp_path / "models", "yunet_2023_mar.onnx", "w600k_r50.onnx", "w600k_mbf.onnx", recogniser=known_by)
    assert stack.name == name
    assert ("dlib.descriptor" in stack.slots) == (known_by == "dlib-resnet-v1")


def test_a_recogniser_that_is_gone_or_may_not_be_used_is_missed_by_name(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"MODEL\.MISSING.*w600k-mbf"):
        named(tmp_path / "models", "w600k_r50.onnx", recogniser="w600k-mbf")
    with pytest.raises(ModelError, match=r"MODEL\.MISSING"):
        named(tmp_path / "others", "w600k_mbf.onnx", recogniser="w600k-mbf", allowed=lambda _row: False)
    with pytest.raises(ModelError, match=r"MODEL\.MISSING"):
        stack_of(None, SessionManager(), recogniser="w600k-mbf")


def test_a_model_of_its_own_rank_is_taken(tmp_path: Path) -> None:
    rows = tuple(replace(row, rank=9, presets=("sharp",)) if row.slot == "landmarker.2d106" else row
                 for row in CATALOGUE.model)
    stack = named(tmp_path / "models", "2d106det.onnx", catalogue=replace(CATALOGUE, model=rows), preset="sharp")
    assert isinstance(stack.landmarker, Landmarks106)


def test_two_models_of_one_role_cannot_have_one_rank() -> None:
    rows = tuple(replace(row, rank=1) if row.slot == "detector.yunet" else row for row in CATALOGUE.model)
    with pytest.raises(ValueError, match="one rank"):
        replace(CATALOGUE, model=rows)


def test_each_recogniser_has_its_own_threshold(tmp_path: Path) -> None:
    thresholds = {file: named(tmp_path / str(at), file).recogniser.same_person for at, file in enumerate(
        ("w600k_r50.onnx", "w600k_mbf.onnx", "face_recognition_sface_2021dec.onnx", "unknown.txt"))}
    assert list(thresholds.values()) == pytest.approx([1.2, 1.2, 1.1287, 0.6], abs=1e-3)


@pytest.mark.parametrize("detector", ["yunet_2023_mar.onnx", "retinaface_10g.onnx", "yoloface_8n.onnx"])
@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_dlib_s_points_are_right_where_a_network_found_the_face(
    detector: str, turn: int, astronaut: Pixels, astronaut_face: Face, stack: FaceStack, tmp_path: Path,
) -> None:
    picture = np.ascontiguousarray(np.rot90(astronaut, -turn))
    picture = cv2.copyMakeBorder(picture, 0, 128, 0, 128, cv2.BORDER_REPLICATE)
    truth = transform(astronaut_face.points, quarter_turn(turn, 512, 512))
    five = five_points(truth) + np.array([[2, -1], [-2, 2], [1, 3], [-3, 0], [2, 2]])  # networks' are rough
    low, high = truth.min(axis=0), truth.max(axis=0)
    box = (low[0] + 4, low[1] - 25, high[0] - 4, high[1] + 3)  # with the forehead, as no box of dlib's is
    found = Planted(1, (14, 8), 0, 0.9, (float(box[0]), float(box[1]), float(box[2]), float(box[3])), five)
    makers: dict[str, Callable[[Sequence[Planted]], bytes]] = {
        "yunet_2023_mar.onnx": planted_yunet, "retinaface_10g.onnx": planted_detector,
        "yoloface_8n.onnx": planted_yoloface}
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / detector).write_bytes(makers[detector]([found]))
    manager = SessionManager()
    made = stack_of(Store(CATALOGUE, folder, tmp_path / "m.json", inspect=as_told), manager)
    detection, = made.detector.detect(picture, Search())
    assert detection.turn == -turn % 4
    assert isinstance(made.landmarker, DlibLandmarker)
    face, = stack.landmarker.landmarks(picture, [detection])  # the same, loaded already
    off = np.sqrt(((face.points - truth) ** 2).sum(axis=1).mean()) / astronaut_face.eye_distance
    assert off < 0.02
    assert face.turn == -turn % 4
    again, = stack.landmarker.follow(picture, [face])
    assert np.sqrt(((again.points - truth) ** 2).sum(axis=1).mean()) / astronaut_face.eye_distance < 0.02
    assert manager.counts()[0].runs == 1


@pytest.mark.parametrize(("score", "runs"), [(0.7, 2), (0.9, 1)])
def test_a_doubtful_find_is_looked_at_again(score: float, runs: int, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    five = np.array([[60.0, 70], [90, 70], [75, 90], [65, 110], [85, 110]])
    planted = Planted(1, (4, 6), 0, score, (50, 60, 110, 130), five)
    (folder / "yunet_2023_mar.onnx").write_bytes(planted_yunet([planted]))
    manager = SessionManager()
    stack = stack_of(Store(CATALOGUE, folder, tmp_path / "m.json", inspect=as_told), manager)
    stack.detector.detect(np.zeros((640, 640, 3), np.uint8), Search())
    assert manager.counts()[0].runs == runs


def test_descriptors_come_from_the_network_and_are_counted(astronaut: Pixels, astronaut_face: Face, tmp_path: Path,
                                                           ) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "w600k_r50.onnx").write_bytes(echoing_recogniser(512, "N", 1))
    manager = SessionManager()
    stack = stack_of(Store(CATALOGUE, folder, tmp_path / "m.json", inspect=as_told), manager)
    one, other = stack.recogniser.embed(astronaut, [astronaut_face, replace(astronaut_face, points=astronaut_face.points
                                                                            + 40)])
    assert np.linalg.norm(one) == pytest.approx(1)
    assert np.linalg.norm(one - other) > 0.1
    assert [(count.name, count.runs) for count in manager.counts()] == [("recogniser.arcface", 1)]


def test_names_of_stacks_tell_recognisers_apart(tmp_path: Path) -> None:
    names = {named(tmp_path / str(at), file).name for at, file in enumerate(
        ("w600k_r50.onnx", "w600k_mbf.onnx", "face_recognition_sface_2021dec.onnx"))} | {DLIB}
    assert len(names) == 4
    lease = SessionManager().lease(zero_recogniser(), name="twin")
    mesh = FaceMesh(lease, {"size": 192, "points": 468})
    assert replace(stack_of(None, SessionManager()), landmarker=mesh).name == (
        "dlib-hog+facemesh-468+dlib-resnet-v1")
