"""The command as ever, with models: a neural swap of a picture and of a clip, on twins with the published contracts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.arrays import Pixels
from models.face import Box, five_points
from models.geometry import similarity
from models.interfaces import FaceStack, Search
from models.twins import zero_detector, zero_recogniser, zero_swapper
from pipeline.doctor import Row
from pipeline.pictures.xmp import read_provenance
from tests.conftest import ASTRONAUT, HOPPER, read_bgr
from tests.door.conftest import Call
from tests.door.making import bgr_of, packets_of, times_of, write_clip
from tests.twins.gate import analyser_files, shelve

SIDE = 640
# Where five points lie in both pictures, so that a detector that always finds one face finds theirs.
PLACES = np.array([[0.40, 0.42], [0.60, 0.42], [0.5, 0.54], [0.42, 0.66], [0.58, 0.66]]) * SIDE
BOX = Box(205, 170, 435, 480)
# The files under the names that people have them by.
NAMES = {"det_10g.onnx": zero_detector(BOX, PLACES, SIDE), "w600k_r50.onnx": zero_recogniser(),
         "inswapper_128.onnx": zero_swapper()}


def placed(path: Path, stack: FaceStack) -> Pixels:
    """640 x 640, its face's five points at PLACES."""
    picture = read_bgr(path)
    face = stack.landmarker.landmarks(picture, stack.detector.detect(picture, Search())[:1])[0]
    matrix = similarity(five_points(face.points), PLACES)
    return np.asarray(cv2.warpAffine(picture, matrix, (SIDE, SIDE), flags=cv2.INTER_AREA,
                                     borderMode=cv2.BORDER_REPLICATE))


@pytest.fixture(scope="module")
def pictures(stack: FaceStack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for name, path in (("ann.png", ASTRONAUT), ("grace.png", HOPPER)):
        (folder / name).write_bytes(cv2.imencode(".png", placed(path, stack))[1].tobytes())
    return folder


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of all that the command wants. Its catalogue knows the analyser's twins."""
    folder = tmp_path / "模型 dir"
    catalogue = shelve(folder, analyser_files())
    for name, data in NAMES.items():
        (folder / name).write_bytes(data)
    monkeypatch.setattr("pipeline.models_folder.whole_catalogue", lambda: catalogue)
    return folder


def test_a_picture(call: Callable[..., Call], models: Path, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    done = call("render", "--models-dir", models, "--swapper", "inswapper", "--i-have-consent", "--effects",
                "inswapper,ellipse,feather", "--source", pictures / "ann.png", "--target", pictures / "grace.png",
                "--output", out, "--json")
    assert done.code == 0, done.err
    before, after = read_bgr(pictures / "grace.png"), read_bgr(out)
    cheek = np.s_[360:372, 250:262]
    # What the twin does to a colour: 0.9 x + 0.05 of the whole scale, the blue 0.8 x.
    expected = before[cheek].reshape(-1, 3).mean(0) * (0.8, 0.9, 0.9) + 0.05 * 255
    assert after[cheek].reshape(-1, 3).mean(0) == pytest.approx(expected, abs=1.5)
    assert (after[:100] == before[:100]).all()
    face, = done.data["faces"]
    assert face["box"] == pytest.approx([205, 170, 435, 480], abs=60)
    said = read_provenance(out)
    assert said is not None
    assert (said.analysed, said.kind) == ("passed", "swap")
    assert said.source_type.endswith("/compositeWithTrainedAlgorithmicMedia"), "a network made the face"
    assert ("inswapper", "1.0") in said.effects
    assert done.data["recipe"]["sources"][0]["consent"] == "The user stated that the use of this face is permitted."


def test_a_clip(call: Callable[..., Call], models: Path, pictures: Path, tmp_path: Path) -> None:
    still = read_bgr(pictures / "grace.png")
    clip, out = write_clip(tmp_path / "in.mp4", [still] * 30), tmp_path / "out.mp4"
    done = call("render", "--models-dir", models, "--swapper", "inswapper", "--i-have-consent", "--source",
                pictures / "ann.png", "--target", clip, "--output", out, "--json")
    assert done.code == 0, done.err
    assert done.data["changed"] == 30
    assert times_of(out) == times_of(clip)
    assert packets_of(out) == packets_of(clip)
    before, after = bgr_of(clip)[20], bgr_of(out)[20]
    assert float(np.abs(after.astype(int) - before)[330:400, 240:400].mean()) > 4
    assert float(np.abs(after.astype(int) - before)[:80].mean()) < 1.5


@pytest.mark.parametrize(("lacking", "consent", "code"), [
    (("nsfw_2.onnx", "inswapper_128.onnx"), False, "GATE.MISSING"), (("inswapper_128.onnx",), False, "CONSENT.MISSING"),
    (("inswapper_128.onnx",), True, "MODEL.MISSING"), (("w600k_r50.onnx",), True, "MODEL.MISSING")])
def test_what_lacks_is_said_in_order(call: Callable[..., Call], models: Path, pictures: Path, tmp_path: Path,
                                     lacking: tuple[str, ...], consent: bool, code: str) -> None:
    for name in lacking:
        (models / name).unlink()
    words = ("--i-have-consent",) if consent else ()
    done = call("render", "--models-dir", models, "--swapper", "inswapper", *words, "--source", pictures / "ann.png",
                "--target", pictures / "grace.png", "--output", tmp_path / "out.png", "--json")
    assert (done.code, done.data["error"]["code"]) == (1, code), done.err
    assert not (tmp_path / "out.png").exists()


def test_a_refused_picture_is_not_written(call: Callable[..., Call], models: Path, pictures: Path, tmp_path: Path,
                                          ) -> None:
    picture = read_bgr(pictures / "grace.png").copy()
    picture[:64, :64] = (0, 255, 0)
    (tmp_path / "green.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    done = call("render", "--models-dir", models, "--swapper", "inswapper", "--i-have-consent", "--source",
                pictures / "ann.png", "--target", tmp_path / "green.png", "--output", tmp_path / "out.png", "--json")
    assert done.data["error"]["code"] == "GATE.REFUSED"
    assert not (tmp_path / "out.png").exists()


def test_no_consent_is_asked_for_the_chain_without_models(call: Callable[..., Call], pictures: Path, tmp_path: Path,
                                                          ) -> None:
    done = call("render", "--source", pictures / "ann.png", "--target", pictures / "grace.png", "--output",
                tmp_path / "out.png")
    assert done.code == 0, done.err


def test_doctor_tries_the_faces_of_the_folder_that_is_named(call: Callable[..., Call], models: Path, tmp_path: Path,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.commands.check.examine",
                        lambda _folder, _problems, _manager, faces: (Row("faces", "ok", faces().name),))
    assert "retinaface-10g+dlib-68+arcface-w600k-r50" in call("doctor", "--models-dir", models).out
    assert "dlib-hog+dlib-68+dlib-resnet-v1" in call("doctor", "--models-dir", tmp_path / "none").out
