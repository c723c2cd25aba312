"""The bench: its simple method, its enlarged pictures, and one small run of the whole."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.arrays import Pixels
from models.errors import InputError
from models.face import Face
from models.interfaces import FaceStack
from pipeline.bench.naive import naive_swap, warp_triangles
from pipeline.bench.pictures import enlarged, texture
from pipeline.bench.report import QualityReport
from pipeline.bench.run import quality
from pipeline.bench.sizes import at_size, timed
from pipeline.frame import Frame
from pipeline.measure.formulas import fine_energy
from tests.conftest import read_bgr


def told(value: float | None) -> float:
    """A figure that must be there."""
    assert value is not None
    return value


def test_triangles_reproduce_an_affine_map_exactly() -> None:
    y, x = np.mgrid[:80, :90].astype(np.float32)
    source = np.repeat((x + 2 * y)[..., None], 3, axis=2)
    points = np.random.default_rng(1).uniform(10, 60, (40, 2))
    matrix = np.array([[0.9, 0.2, 4.0], [-0.1, 1.1, 5.0]])
    warped = warp_triangles(source, points @ matrix[:, :2].T + matrix[:, 2], points, (70, 70))
    sx, sy = matrix[:, :2] @ np.array([30.0, 40.0]) + matrix[:, 2]
    assert warped[40, 30, 0] == pytest.approx(sx + 2 * sy, abs=0.1)


def test_a_face_on_itself_is_itself(astronaut: Pixels, astronaut_face: Face) -> None:
    swapped = naive_swap(astronaut, astronaut_face.points, Frame(astronaut), astronaut_face)
    inside = swapped.mask > 0
    difference = np.abs(swapped.frame.samples.astype(int) - astronaut)
    assert difference[inside].mean() < 1.5
    far = cv2.dilate(swapped.mask, np.ones((15, 15))) == 0
    assert difference[far].max() <= 2  # cv2 solves on the rectangle round the hull, and rounds
    assert (swapped.mask[tuple(np.rint(astronaut_face.points[27:68].T[::-1]).astype(int))] == 1).all()


def test_enlarged_pictures_have_detail_that_enlarging_alone_has_not(astronaut: Pixels) -> None:
    everywhere = np.ones((2048, 2048), np.bool_)[:600, :600]
    marked = enlarged(astronaut, 4, 1)[:600, :600]
    plain = cv2.resize(astronaut, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)[:600, :600]
    with_texture, without = (fine_energy(p.astype(np.float32), everywhere) for p in (marked, plain))
    assert with_texture is not None
    assert without is not None
    assert with_texture > 5 * without
    pattern = texture((200, 300), 7)
    assert (pattern == texture((200, 300), 7)).all()
    assert pattern.std() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("size", [60, 400])
def test_a_face_at_a_size_has_that_size(size: int, astronaut: Pixels, astronaut_face: Face, stack: FaceStack) -> None:
    sized = at_size(astronaut, stack, size, 1)
    assert sized.face.eye_distance == pytest.approx(size, rel=0.03)
    scale = size / astronaut_face.eye_distance
    apart = np.hypot(*(sized.face.points / scale - astronaut_face.points).T) / astronaut_face.eye_distance
    assert apart.mean() < 0.03


def test_timing_runs_on_one_thread_and_puts_it_back() -> None:
    before = cv2.getNumThreads()
    threads, cpu, wall = timed(cv2.getNumThreads, 3)
    assert threads == 1
    assert cpu >= 0
    assert wall > 0
    assert cv2.getNumThreads() == before


@pytest.fixture(scope="module")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[QualityReport, Path, list[float]]:
    folder = tmp_path_factory.mktemp("sheets")
    shares: list[float] = []
    report = quality(pairs=7, sizes=(60,), sheets=folder, progress=lambda share, _stage: shares.append(share))
    return report, folder, shares


@pytest.mark.long
def test_natural_sits_better_in_the_light_than_the_simple_method(
        small_run: tuple[QualityReport, Path, list[float]]) -> None:
    report, _, shares = small_run
    naive, natural = report.summaries
    assert (naive.method, natural.method) == ("naive", "natural")
    assert [(p.source, p.target) for p in report.pairs[:2]] == [("astronaut", "hopper")] * 2
    assert (naive.pairs, natural.pairs) == (7, 7)
    assert told(natural.light) > told(naive.light)
    assert told(natural.brightness) < told(naive.brightness)
    assert told(natural.colour) < told(naive.colour)
    assert report.ratios["identity_to_source"] == pytest.approx(natural.identity_to_source / naive.identity_to_source)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert {(s.method, s.size) for s in report.sizes} == {("naive", 60), ("natural", 60)}
    assert all(s.milliseconds > 0 for s in report.sizes)


@pytest.mark.long
def test_the_targets_of_the_study_are_reached_on_the_group_photograph(
        small_run: tuple[QualityReport, Path, list[float]]) -> None:
    """The study's own targets, a margin below what its prototype measured; NME where points can be trusted."""
    report, _, _ = small_run
    _, six = report.six
    assert six.pairs == 6
    assert told(six.identity_to_source) <= 0.53
    assert six.recognised == six.closer == 1
    assert told(six.light) >= 0.87
    assert told(six.brightness) <= 7.5
    assert told(six.colour) <= 2.0
    assert told(six.seam) <= 0.17
    assert six.lost == 0
    frontal = [p.measures for p in report.pairs if p.method == "natural" and abs(p.turned) < 25]
    assert max(p.nme for p in frontal) <= 0.06


@pytest.mark.long
def test_the_report_is_json_and_text_and_sheets(small_run: tuple[QualityReport, Path, list[float]]) -> None:
    report, folder, _ = small_run
    assert QualityReport.model_validate_json(report.to_json()) == report
    assert json.loads(report.to_json())["recogniser"] == "dlib-resnet-v1"
    assert "Natural over naive" in report.to_text()
    names = {path.name for path in folder.iterdir()}
    assert names == {"astronaut-on-hopper.png", "astronaut-on-six.png", "astronaut-on-hopper-60px.png",
                     "hopper-on-astronaut-60px.png", "quality.png"}
    for path in folder.iterdir():
        assert read_bgr(path).std() > 5


def test_a_folder_that_is_not_there_is_said_before_any_work(tmp_path: Path, stack: FaceStack) -> None:
    with pytest.raises(InputError) as error:
        quality(sheets=tmp_path / "nowhere")
    assert error.value.code == "INPUT.MISSING"
