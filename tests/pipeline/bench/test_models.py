"""`bench models`: its report, its arithmetic, its chain. No times are judged."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from models.arrays import Points
from models.face import Box, Face, five_points
from models.families.fan import FanLandmarker
from models.families.scrfd import ScrfdDetector
from models.interfaces import Search
from models.sessions import CPU, Cuda, DeviceSpec, SessionManager
from models.twins import zero_recogniser
from pipeline.bench.models import gains
from pipeline.bench.models.report import Gain, ModelsReport, Step
from pipeline.bench.models.run import models
from pipeline.bench.models.timing import against, in_turns
from pipeline.bench.models.whole import Chain, chain_loop, in_order
from pipeline.bench.models.working import NAMES, STANDS_FOR, Network, Networks, make_networks
from pipeline.bench.speed.moving import Moving
from processors.classical.pose import mean_shape
from tests.models.pretend_cuda import CUDA, Device


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Moving:
    """Six frames of a soft picture that moves, and where the networks shall find a face in it."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    soft = cv2.resize(np.random.default_rng(3).integers(60, 200, (6, 10, 3), np.uint8), (330, 180))
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", 25)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for number in range(6):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(soft[:, number:number + 320], np.uint8),
                                               format="bgr24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return Moving(path, 320, 180, 6, Box(127, 42, 193, 138), five_points(mean_face(142, 80, 172)))


def mean_face(left: float, eyes: float, right: float) -> Points:
    """(68, 2), upright, its eyes there."""
    points = mean_shape()[:, :2]
    five = five_points(points)
    scale = (right - left) / (five[1, 0] - five[0, 0])
    return np.asarray((points - five[0]) * scale + np.array([left, eyes]), np.float64)


@pytest.fixture(scope="module")
def picture() -> tuple[Any, Face]:
    """With a mean face in its middle."""
    noise = np.random.default_rng(4).integers(0, 255, (16, 16, 3), np.uint8)
    return cv2.resize(noise, (512, 512)), Face(Box(180, 150, 330, 350), 1.0, mean_face(220, 220, 290))


def test_rows_and_units(moving: Moving, picture: tuple[Any, Face]) -> None:
    """On networks without layers, of one round, and the clip through all of them."""
    told: list[float] = []
    report = models(devices=(DeviceSpec(),), width=0.0, rounds=1, batches=(1, 2), turns=1, moving=moving,
                    picture=picture, whole=True, progress=lambda share, _stage: told.append(share))
    assert [row.model for row in report.models] == [STANDS_FOR[name] for name in NAMES]
    assert [row.library is not None for row in report.models] == [True, False, True, True, False]
    # The detector's answers have no rows, so it takes one picture at a time.
    batches = {row.model: list(row.batch) for row in report.models}
    assert batches["det_10g"] == [1]
    assert batches["w600k_r50"] == batches["inswapper_128"] == batches["gfpgan_1.4"] == [1, 2]
    for row in report.models:
        assert (row.providers, row.missed) == ((CPU,), ())
        assert row.bytes > 200
        assert row.loop.ratio == pytest.approx(row.loop.theirs.median / row.loop.ours.median, rel=0.02)
    assert (report.gains, report.best, report.said) == ((), None, ())
    assert report.whole is not None
    assert report.whole.ratio == pytest.approx(
        report.whole.chain.median / max(report.whole.floor.median, report.whole.networks.median), rel=0.02)
    assert ModelsReport.model_validate_json(report.model_dump_json()) == report
    assert "det_10g" in report.to_text()
    assert told == sorted(told)
    assert told[-1] == 1


def test_the_networks_find_the_clips_face_and_the_chain_changes_it_in_every_frame(
        moving: Moving, picture: tuple[Any, Face], tmp_path: Path) -> None:
    networks = make_networks(tmp_path, moving, 0.0, 1)
    with SessionManager() as manager:
        leases = {one.name: manager.lease(one.path, name=one.name) for one in networks.all()}
        large = np.zeros((180, 320, 3), np.uint8)
        found, = ScrfdDetector(leases["detector"]).detect(large, Search())
        assert np.allclose(found.box, moving.box, atol=0.5)
        face, = FanLandmarker(leases["landmarker"]).landmarks(large, [found])
        assert np.abs(five_points(face.points) - moving.points).max() < 1
        out = tmp_path / "out.mp4"
        chain_loop(moving.path, out, Chain(leases, *picture), 3)()
    before, after = (_frames(path) for path in (moving.path, out))
    assert len(before) == len(after) == moving.frames
    middle = np.s_[int(moving.box.y0) + 20:int(moving.box.y1) - 20, int(moving.box.x0) + 20:int(moving.box.x1) - 20]
    for one, other in zip(before, after, strict=True):
        assert np.abs(one[middle].astype(int) - other[middle]).mean() > 10  # paler, and a third gone
        assert np.abs(one[:10, :10].astype(int) - other[:10, :10]).mean() < 8


def _frames(path: Path) -> list[Any]:
    with av.open(str(path)) as source:
        return [frame.to_ndarray(format="bgr24") for frame in source.decode(video=0)]


def test_every_way_is_measured_in_every_round_and_ratios_are_taken_within_one() -> None:
    order: list[str] = []
    taken = in_turns({name: (lambda name=name: order.append(name)) for name in "ab"}, 3, 0.0)  # type: ignore[misc]
    assert "".join(order) == "aabb" "ab" "ba" "ab"
    assert [len(times) for times in taken.values()] == [3, 3]
    # The machine was twice as busy in the second round: the ratio does not see it.
    found = against([1, 2, 1], [3, 6, 3])
    assert (found.ours.median, found.theirs.most, found.ratio) == (1, 6, 3)


def test_frames_come_in_their_order_and_only_so_many_at_a_time() -> None:
    begun: list[int] = []
    with ThreadPoolExecutor(2) as pool:
        def work(number: int) -> int:
            begun.append(number)
            return number

        made = in_order(pool, work, range(9), 4)
        assert next(made) == 0
        assert max(begun, default=0) <= 3
        assert list(made) == list(range(1, 9))


@pytest.fixture
def one_network(tmp_path: Path) -> Networks:
    path = tmp_path / "w600k_r50.onnx"
    path.write_bytes(zero_recogniser())
    return Networks({"recogniser": Network("recogniser", path, 1, 1)}, 0.0)


def cuda(**more: Any) -> DeviceSpec:
    return DeviceSpec("cuda:0", ((CUDA, {"device_id": 0}), CPU), cuda=Cuda(card="a card", **more))


def test_on_a_device_every_step_is_measured_by_itself(one_network: Networks) -> None:
    device = Device()
    found, best = gains.measured(one_network, cuda(), (1, 2), 2, lambda *_: None, device.module)
    assert [(gain.step, gain.rows) for gain in found] == [
        ("loop", 1), ("binding", 1), ("channels last", 1), ("graph", 1), ("batch", 1), ("batch", 2), ("half", 1),
        ("half, channels last", 1), ("batch, channels last", 1), ("batch, channels last", 2), ("all", 1), ("all", 2),
        ("all, channels last", 1), ("all, channels last", 2), ("tensorrt", 1)]
    assert [gain.said for gain in found if gain.ms is None] == ["TensorRT is not here"]
    assert {(gain.usual, gain.worst) for gain in found if gain.ms is not None} == {(0, 0)}
    assert best.full_times == pytest.approx(best.loop / best.full, rel=0.01)
    # Graphs were played, and only where they are what is measured.
    assert {graph for graph, _ in device.runs} == {"-1", "1", "2"}


def test_a_step_that_cannot_be_is_said_and_not_counted(one_network: Networks) -> None:
    device = Device(refuses=True)
    found, _ = gains.measured(one_network, cuda(), (1,), 1, lambda *_: None, device.module)
    lost = {gain.step: gain.said for gain in found if gain.ms is None}
    assert set(lost) == {"graph", "batch", "batch, channels last", "all", "all, channels last", "tensorrt"}
    assert lost["graph"] == "without a CUDA graph: not all nodes are on CUDA"


def test_the_best_of_each_network_is_summed() -> None:
    def gain(model: str, step: Step, ms: float | None) -> Gain:
        return Gain(model=model, step=step, ms=ms)

    best = gains.best_of([gain("a", "loop", 8), gain("a", "graph", 4), gain("a", "half", 2),
                          gain("a", "tensorrt", None), gain("b", "loop", 2), gain("b", "batch", 1),
                          gain("b", "all", 3)])
    assert (best.loop, best.full, best.half) == (10, 5, 3)
    assert (best.full_times, best.half_times) == (2, 3.333)


def test_a_row_that_fell_back_to_the_cpu_is_marked() -> None:
    data: dict[str, Any] = {"median": 1, "least": 1, "most": 1}
    pair = {"ours": data, "theirs": data, "ratio": 1}
    row = {"model": "m", "bytes": 1, "gmacs": 1, "providers": [CPU], "missed": [CUDA], "loop": pair, "batch": {1: 1}}
    report = ModelsReport.model_validate_json(json.dumps({
        "machine": "x", "device": "cuda:0", "runtime": "1", "width": 1, "rounds": 1, "models": [row], "five": pair}))
    assert "CPU!" in report.to_text()
