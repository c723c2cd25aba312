"""A CUDA device: what stays there, what becomes a graph, half precision, engines, and what is said where it is not so.
With a runtime that stands in for one; what runs on a card itself is marked `gpu`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.catalogue import whole_catalogue
from models.runtime import quiet_runtime, tiny_network
from models.sessions import CPU, Card, Cuda, DeviceArray, DeviceSpec, SessionManager, find_devices
from models.sessions.binding import SIZES, SLOTS, BoundSession, Gate
from models.sessions.cards import cards
from models.sessions.engines import Engines
from models.sessions.halves import halved
from models.twins import Graph, zero_recogniser
from models.working_twins import working_recogniser, working_swapper
from tests.models.pretend_cuda import CUDA, Device, Value

PROVIDERS = ((CUDA, {"device_id": 0}), CPU)


def spec(**more: Any) -> DeviceSpec:
    return DeviceSpec("cuda:0", PROVIDERS, streams=1, cuda=Cuda(**{"channels_last": False, **more}))


def managed(device: Device, **more: Any) -> SessionManager:
    return SessionManager((spec(**more),), runtime=device.module)


def rows(count: int, first: float = 1) -> dict[str, NDArray[np.float32]]:
    return {"x": np.arange(first, first + 2 * count, dtype=np.float32).reshape(count, 2)}


def test_what_stays_on_the_device_is_fed_to_the_next_model_without_a_copy() -> None:
    device = Device()
    with managed(device, graphs=False) as manager:
        first, second = manager.lease(b"a", name="a"), manager.lease(b"b", name="b")
        kept, = first.run_kept(rows(2))
        assert isinstance(kept.value, Value)
        assert (kept.value.place, kept.shape, kept.dtype, kept.nbytes, kept.ndim, len(kept)) == (
            "cuda", (2, 2), np.dtype(np.float32), 16, 2, 2)
        made, = second.run({"x": kept})
        assert np.array_equal(made, rows(2)["x"] * 4)
        assert [counts.moved for counts in manager.counts()] == [16, 16]  # in once, out once


def test_on_a_cpu_kept_answers_are_arrays_and_are_fed_in_the_same_way() -> None:
    with SessionManager() as manager:
        first, second = (manager.lease(tiny_network() + b"", name=name) for name in "ab")
        kept, = first.submit_kept({"x": np.array([3], np.float32)}).result()
        assert isinstance(kept.value, np.ndarray)
        assert (kept.device, kept.shape, kept.dtype) == ("cpu", (1,), np.dtype(np.float32))
        assert second.run({"x": kept})[0].tolist() == [3]
        assert kept.numpy() is kept.value


def test_an_array_of_another_device_is_fetched_first() -> None:
    device = Device()
    with managed(device, graphs=False) as manager:
        stranger = DeviceArray(Value(rows(1)["x"], "cuda"), "cuda:7")
        assert manager.lease(b"a", name="a").run({"x": stranger})[0].tolist() == [[2, 4]]
        assert device.plain == [1]


def test_rows_are_filled_up_to_few_sizes_and_nobody_sees_it() -> None:
    device = Device()
    with managed(device) as manager:
        lease = manager.lease(b"m", name="m")
        for count in range(1, 33):
            made, = lease.run(rows(count))
            assert np.array_equal(made, rows(count)["x"] * 2)
        assert {size for _, size in device.runs} == set(SIZES)
        kept, = lease.run_kept(rows(5))
        assert (kept.whole, kept.shape) == ((6, 2), (5, 2))
        assert np.array_equal(lease.run({"x": kept})[0], rows(5)["x"] * 4)


def test_without_graphs_every_run_has_the_same_shape() -> None:
    device = Device()
    with managed(device, graphs=False) as manager:
        assert np.array_equal(manager.lease(b"m", name="m").run(rows(5))[0], rows(5)["x"] * 2)
        assert device.plain == [1] * 5


def test_a_graph_is_written_down_while_nobody_else_runs() -> None:
    device = Device(takes=0.001)
    place = DeviceSpec("cuda:0", PROVIDERS, streams=4, cuda=Cuda(channels_last=False))
    with SessionManager((place,), runtime=device.module) as manager:
        leases = [manager.lease(name, name=name.decode()) for name in (b"a", b"b", b"c")]

        def work(number: int) -> None:
            for turn in range(12):
                given = rows(1 + turn % 3, number)
                assert np.array_equal(leases[(number + turn) % 3].run(given)[0], given["x"] * 2)

        with ThreadPoolExecutor(8) as pool:
            for one in [pool.submit(work, number) for number in range(8)]:
                one.result()
        assert [(counts.modes, counts.said) for counts in manager.counts()] == [(("graph",), ())] * 3
        assert sum(graph not in (None, "-1") for graph, _ in device.runs) > 30


def test_a_graph_that_cannot_be_written_down_now_is_tried_again() -> None:
    device, gate = Device(), Gate()
    session = BoundSession(device.module(), lambda graph: device.session(b"m", None, [
        (CUDA, {"enable_cuda_graph": "1"} if graph else {})]), "cuda:0", 0, True, gate)
    session.run(None, rows(1))
    with gate.shared():  # somebody loads a model
        assert session.run(None, rows(1))[0].tolist() == [[2, 4]]
    session.run(None, rows(1))
    assert [graph for graph, _ in device.runs] == ["-1", "-1", "1"]


def test_a_network_for_one_row_is_given_one() -> None:
    device = Device(free=False)
    with managed(device, graphs=False) as manager:
        assert manager.lease(b"m", name="m").run(rows(1))[0].tolist() == [[2, 4]]


def test_a_shape_that_comes_again_is_played_as_a_graph() -> None:
    device = Device()
    with managed(device) as manager:
        lease = manager.lease(b"m", name="m")
        for first in (1, 5, 9, 2):
            assert np.array_equal(lease.run(rows(1, first))[0], rows(1, first)["x"] * 2)
        lease.run(rows(4))
        lease.run(rows(4, 3))
        assert device.runs == [("-1", 1), ("1", 1), ("1", 1), ("1", 1), ("-1", 4), ("2", 4)]
        counts, = manager.counts()
        assert (counts.modes, counts.said, counts.runs) == (("graph",), (), 6)


def test_what_is_kept_is_not_written_over_while_somebody_has_it() -> None:
    device = Device()
    with managed(device) as manager:
        lease = manager.lease(b"m", name="m")
        held = [lease.run_kept(rows(1, first))[0] for first in (1, 5, 9)]
        assert [array.numpy()[0, 0] for array in held] == [2, 10, 18]
        assert len({array.value.data_ptr() for array in held}) == 3
        places = {array.value.data_ptr() for array in held}
        del held
        again, = lease.run_kept(rows(1, 3))
        assert again.numpy()[0, 0] == 6
        assert again.value.data_ptr() in places


def test_a_chain_of_graphs_reads_where_the_one_before_wrote() -> None:
    device = Device()
    with managed(device) as manager:
        first, second = manager.lease(b"a", name="a"), manager.lease(b"b", name="b")
        for start in (1, 5, 9, 13):
            kept, = first.run_kept(rows(1, start))
            assert np.array_equal(second.run({"x": kept})[0], rows(1, start)["x"] * 4)
            del kept
        assert [graph for graph, _ in device.runs] == ["-1", "-1", "1", "1", "1", "1", "1", "1"]


def test_there_are_only_so_many_graphs() -> None:
    device = Device()
    with managed(device) as manager:
        lease = manager.lease(b"m", name="m")
        held = [lease.run_kept(rows(1, first))[0] for first in range(SLOTS + 3)]
        assert [array.numpy()[0, 0] for array in held] == [2 * first for first in range(SLOTS + 3)]
        assert {graph for graph, _ in device.runs} == {"-1"}
        assert [array.hold is None for array in held] == [False] * SLOTS + [True] * 3


@pytest.mark.parametrize(("device", "why"), [
    (Device(refuses=True), "without a CUDA graph: not all nodes are on CUDA"),
    (Device(breaks=True), "without a CUDA graph: CUDA failure 900: operation not permitted when stream is capturing")])
def test_where_there_can_be_no_graph_it_is_run_without_and_said(device: Device, why: str) -> None:
    with managed(device) as manager:
        lease = manager.lease(b"m", name="m")
        for first in (1, 5, 9):
            assert np.array_equal(lease.run(rows(1, first))[0], rows(1, first)["x"] * 2)
        counts, = manager.counts()
        assert (counts.modes, counts.said) == ((), (why,))


@pytest.mark.parametrize(("refuses", "modes", "said"), [
    (False, ("graph", "channels last"), ()),
    (True, ("graph",), ("not with channels last: Conv is not there in this layout",))])
def test_channels_are_last_where_the_runtime_can(refuses: bool, modes: Sequence[str], said: Sequence[str]) -> None:
    device = Device(refuses_last=refuses)
    with managed(device, channels_last=True) as manager:
        assert np.array_equal(manager.lease(b"m", name="m").run(rows(1))[0], rows(1)["x"] * 2)
        counts, = manager.counts()
        assert (counts.modes, counts.said) == (modes, said)
        assert (device.sessions[-1][0][1].get("prefer_nhwc") == "1") is not refuses


def test_a_silent_fall_back_to_the_cpu_is_told_and_nothing_of_cuda_is_tried() -> None:
    device = Device(on=(CPU,))
    with managed(device) as manager:
        lease = manager.lease(b"m", name="m", half=True)
        assert lease.run(rows(3))[0].shape == (3, 2)
        counts, = manager.counts()
        assert (counts.providers, counts.missed, counts.modes, device.plain) == ((CPU,), (CUDA,), (), [3])


@pytest.mark.parametrize("graphs", [False, True])
def test_where_memory_is_short_runs_are_halved_and_answers_that_should_stay_come_back(graphs: bool) -> None:
    device = Device(memory=4)
    with managed(device, graphs=graphs) as manager:
        lease = manager.lease(b"m", name="m")
        assert np.array_equal(lease.run(rows(12))[0], rows(12)["x"] * 2)
        assert max([*device.plain, *(size for _, size in device.runs)]) <= 4
        kept, = lease.run_kept(rows(12))
        assert np.array_equal(kept.numpy(), rows(12)["x"] * 2)
        assert np.array_equal(lease.run({"x": kept})[0], rows(12)["x"] * 4)


def test_what_stays_on_the_device_is_not_put_together_with_others() -> None:
    device = Device()
    with managed(device, graphs=False) as manager:
        lease = manager.lease(b"m", name="m")
        answers = [lease.submit_kept(rows(1, first)) for first in range(4)]
        assert [answer.result()[0].numpy()[0, 0] for answer in answers] == [0, 2, 4, 6]
        assert [size for _, size in device.runs] == [1, 1, 1, 1]


# Half precision -------------------------------------------------------------------------------------------------------


def session_of(graph: bytes) -> Any:
    return quiet_runtime().InferenceSession(graph, providers=[CPU])


def test_a_network_in_half_precision_gives_nearly_the_same_and_takes_half_the_bytes(tmp_path: Path) -> None:
    graph = working_recogniser(1 / 32).graph
    kept = tmp_path / "place" / "recogniser.onnx"
    found = halved(graph, session_of(graph), session_of, kept)
    assert (found.why, kept.read_bytes()) == ("", found.graph)
    assert found.graph is not None
    assert len(found.graph) < 0.6 * len(graph)
    half, full = session_of(found.graph), session_of(graph)
    assert [port.type for port in (*half.get_inputs(), *half.get_outputs())] == ["tensor(float)"] * 2
    feeds = {"input": np.linspace(-1, 1, 3 * 112 * 112, dtype=np.float32).reshape(1, 3, 112, 112)}
    made, wanted = half.run(None, feeds)[0], full.run(None, feeds)[0]
    assert 0 < np.abs(made - wanted).max() < 0.02 * np.abs(wanted).max()
    # What is kept is taken as it is: nothing is tried again.
    assert halved(graph, None, lambda _: None, kept) == found


def test_where_half_precision_changes_the_answers_it_is_not_used() -> None:
    graph = Graph()
    x = graph.input("x", (1, 4))
    for _ in range(2):  # 1e10 on the way, which a half cannot hold
        x = graph.op("Mul", x, graph.constant(1e5))
    graph.output(graph.op("Mul", x, graph.constant(1e-10)), "y", (1, 4))
    source = graph.serialised()
    found = halved(source, session_of(source), session_of)
    assert found.graph is None
    assert "answers" in found.why


def test_a_network_of_any_size_cannot_be_tried() -> None:
    graph = Graph()
    graph.output(graph.op("Relu", graph.input("x", (1, 3, "H", "W"))), "y", (1, 3, "H", "W"))
    assert "not fixed" in halved(graph.serialised(), session_of(graph.serialised()), session_of).why


@pytest.mark.parametrize(("half", "halves", "modes"), [(True, True, ("graph", "half")), (True, False, ("graph",)),
                                                       (False, True, ("graph",))])
def test_half_precision_is_for_models_that_it_is_allowed_for(half: bool, halves: bool, modes: Sequence[str]) -> None:
    device = Device()
    with managed(device, halves=halves) as manager:
        manager.lease(zero_recogniser(), name="m", half=half).run(rows(1))
        assert manager.counts()[0].modes == tuple(modes)


def test_half_precision_that_is_off_is_said() -> None:
    device = Device()
    device.work = lambda numbers: numbers * (1 + len(device.plain))  # every session another answer
    with managed(device, graphs=False) as manager:
        manager.lease(zero_recogniser(), name="m", half=True).run(rows(1))
        counts, = manager.counts()
        assert counts.modes == ()
        assert "not in half precision: its answers are" in counts.said[0]


def test_the_catalogue_allows_half_precision_where_publishers_give_such_files_themselves() -> None:
    catalogue = whole_catalogue()
    allowed = {row.slot for row in catalogue.model if row.half}
    assert allowed
    assert {f"{slot}_fp16" for slot in allowed} <= {row.slot for row in catalogue.model}


# TensorRT -------------------------------------------------------------------------------------------------------------

TENSORRT = "TensorrtExecutionProvider"
CHILD = """
import json, sys, pathlib
order = json.loads(pathlib.Path(sys.argv[1]).read_text())
pathlib.Path(order["folder"], "asked.json").write_text(json.dumps(order))
"""
GOOD = CHILD + 'pathlib.Path(order["folder"], "outcome.json").write_text(json.dumps({"why": ""}))'
DIES = CHILD + "import os, signal; os.abort()"


def built(manager: SessionManager, folder: Path) -> dict[str, Any]:
    """What the child was asked, once it ended."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if found := list(folder.rglob("outcome.json")):
            return dict(json.loads(found[0].with_name("asked.json").read_text(encoding="utf-8")))
        time.sleep(0.02)
    raise AssertionError("no outcome")


def test_an_engine_is_built_elsewhere_while_the_model_runs_and_is_used_once_it_is_there(tmp_path: Path) -> None:
    device = Device(on=(TENSORRT, CUDA, CPU))
    engines = Engines((sys.executable, "-c", GOOD))
    with SessionManager((spec(tensorrt=True, kept=tmp_path),), runtime=device.module, engines=engines) as manager:
        lease = manager.lease(b"m", name="m")
        assert np.array_equal(lease.run(rows(2))[0], rows(2)["x"] * 2)
        assert "without TensorRT: its engine is being built" in manager.counts()[0].said
        asked = built(manager, tmp_path)
        assert asked["shapes"] == {"x": [2]}
        deadline = time.monotonic() + 20
        while "tensorrt" not in manager.counts()[0].modes and time.monotonic() < deadline:
            lease.run(rows(2))
        assert (manager.counts()[0].modes, manager.counts()[0].said) == (("tensorrt",), ())
        name, options = device.sessions[-1][0]
        assert (name, options["trt_profile_min_shapes"], options["trt_profile_max_shapes"], options["trt_fp16_enable"],
                ) == (TENSORRT, "x:1x2", "x:32x2", False)
        assert Path(options["trt_engine_cache_path"]).parent == Path(options["trt_timing_cache_path"])
        assert Path(options["trt_timing_cache_path"]) == tmp_path / "engines"


def test_a_child_that_dies_costs_nothing_but_the_engine(tmp_path: Path) -> None:
    device = Device()
    for turn in range(2):  # and it is not tried again
        engines = Engines((sys.executable, "-c", DIES if turn == 0 else "raise SystemExit(3)"))
        with SessionManager((spec(tensorrt=True, kept=tmp_path),), runtime=device.module, engines=engines) as manager:
            lease = manager.lease(b"m", name="m")
            assert np.array_equal(lease.run(rows(1))[0], rows(1)["x"] * 2)
            built(manager, tmp_path)
            if turn == 1:
                said, = manager.counts()[0].said
                assert said.startswith("without TensorRT: the process that built its engine ended (-")
                assert manager.counts()[0].modes == ("graph",)


def test_a_build_that_is_under_way_ends_with_the_manager(tmp_path: Path) -> None:
    engines = Engines((sys.executable, "-c", "import time; time.sleep(60)"))
    manager = SessionManager((spec(tensorrt=True, kept=tmp_path),), runtime=Device().module, engines=engines)
    manager.lease(b"m", name="m").run(rows(1))
    began = time.monotonic()
    manager.close()
    assert time.monotonic() - began < 20
    assert not list(tmp_path.rglob("outcome.json"))  # it says nothing about the engine


# What is here ---------------------------------------------------------------------------------------------------------


class Driver:
    """Stands in for NVIDIA's library: two cards."""

    names = ("NVIDIA H100 80GB HBM3", "NVIDIA T4")

    def cuInit(self, _flags: int) -> int:  # noqa: N802
        return 0

    def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802
        count._obj.value = len(self.names)
        return 0

    def cuDeviceGet(self, device: Any, number: int) -> int:  # noqa: N802
        device._obj.value = number
        return 0

    def cuDeviceGetName(self, name: Any, _size: int, device: Any) -> int:  # noqa: N802
        name.value = self.names[device.value].encode()
        return 0

    def cuDeviceTotalMem_v2(self, memory: Any, device: Any) -> int:  # noqa: N802
        memory._obj.value = (80 << 30, 16 << 30)[device.value]
        return 0


def test_cards_are_told_by_the_driver() -> None:
    assert cards(Driver()) == (Card(0, "NVIDIA H100 80GB HBM3", 80 << 30), Card(1, "NVIDIA T4", 16 << 30))
    assert cards(SimpleNamespace(cuInit=lambda _: 100)) == ()


class Tried(Device):
    """A machine on which only some devices work."""

    working: tuple[int, ...] = (0, 1)

    def session(self, source: Any, options: Any = None, providers: Sequence[Any] = ()) -> Any:
        number = dict(one for one in providers if not isinstance(one, str))[CUDA]["device_id"]
        on = [CUDA, CPU] if number in self.working else [CPU]
        return SimpleNamespace(get_providers=lambda: on, run=lambda *_: [])


def test_every_card_that_works_is_a_device_and_the_cpu_is_spare(tmp_path: Path) -> None:
    machine = Tried(available=(TENSORRT, CUDA, CPU))
    machine.working = (1,)
    found = find_devices(tmp_path, runtime=machine.module, look=lambda: cards(Driver()), tensorrt=lambda: "10.14.1")
    assert found == (
        DeviceSpec("cuda:1", ((CUDA, {"device_id": 1}), CPU), 8 << 30, cuda=Cuda(
            1, "NVIDIA T4", tensorrt=True, kept=tmp_path / "ort_9.9_trt_10.14.1_NVIDIA-T4")),
        DeviceSpec(spare=True))
    without, _ = find_devices(runtime=machine.module, look=lambda: cards(Driver()), tensorrt=lambda: "10.14.1")
    assert without.cuda == Cuda(1, "NVIDIA T4")
    machine.working = ()
    assert find_devices(runtime=machine.module, look=lambda: cards(Driver())) == (DeviceSpec(),)


def test_without_a_card_the_runtime_is_not_even_loaded() -> None:
    def never() -> Any:
        raise AssertionError("loaded")

    assert find_devices(runtime=never, look=lambda: ()) == (DeviceSpec(),)


def test_a_spare_device_is_taken_once_no_other_works() -> None:
    device = Device()
    with SessionManager((spec(graphs=False), DeviceSpec("cpu", spare=True)), runtime=device.module) as manager:
        for owner in "abc":
            assert manager.lease(b"m", name="m", owner=owner).device == "cuda:0"
        manager._devices[0].lost = True
        assert manager.lease(b"m", name="m", owner="a").device == "cpu"


# On a card ------------------------------------------------------------------------------------------------------------


def card_or_skip() -> DeviceSpec:
    found = find_devices()
    if found[0].cuda is None:
        pytest.skip("no CUDA device on which ONNX Runtime works")
    return found[0]


@pytest.mark.gpu
def test_on_a_card_every_mode_gives_the_cpus_answers() -> None:
    place = card_or_skip()
    graph = working_swapper(1 / 8).graph
    numbers = np.random.default_rng(1)
    feeds = {"target": numbers.random((5, 3, 128, 128), np.float32), "source": numbers.random((5, 512), np.float32)}
    with SessionManager() as manager:
        wanted, = manager.lease(graph, name="m", rows=True).run(feeds)
    with SessionManager((place,)) as manager:
        for half, near in ((False, 5e-3), (True, 2e-2)):
            lease = manager.lease(graph, name="m", rows=True, half=half)
            for _ in range(3):
                assert np.abs(lease.run(feeds)[0] - wanted).max() < near
                kept, = lease.run_kept(feeds)
                assert kept.shape == wanted.shape
                assert np.abs(kept.numpy() - wanted).max() < near
        assert [set(counts.modes) for counts in manager.counts()] == [
            {"graph", "channels last"}, {"graph", "channels last", "half"}]


@pytest.mark.gpu
def test_on_a_card_nothing_leaks_over_loads() -> None:
    place = card_or_skip()
    with SessionManager((place,)) as manager:
        lease = manager.lease(working_swapper(1 / 32).graph, name="m", rows=True)
        for _ in range(20):
            lease.run({"target": np.zeros((2, 3, 128, 128), np.float32), "source": np.ones((2, 512), np.float32)})
            manager.rest()
        assert manager.counts()[0].loads == 20
