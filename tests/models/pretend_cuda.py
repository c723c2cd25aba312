"""Stands in for ONNX Runtime on a machine with CUDA: what it does not do there, it does not do here either."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.sessions.ports import CPU

CUDA = "CUDAExecutionProvider"
CAPTURING = "CUDA failure 900: operation not permitted when stream is capturing"


class Value:
    """An OrtValue: numbers at an address that stays."""

    def __init__(self, numbers: NDArray[Any], place: str) -> None:
        self.numbers = np.array(numbers)
        self.place = place

    def shape(self) -> list[int]:
        return list(self.numbers.shape)

    def data_type(self) -> str:
        return "tensor(float)"

    def data_ptr(self) -> int:
        return id(self)

    def numpy(self) -> NDArray[Any]:
        return self.numbers.copy()

    def update_inplace(self, numbers: NDArray[Any]) -> None:
        assert numbers.shape == self.numbers.shape
        self.numbers[:] = numbers


class Binding:
    def __init__(self) -> None:
        self.inputs: dict[str, Value] = {}
        self.outputs: dict[str, Value | str] = {}
        self.made: list[Value] = []

    def bind_cpu_input(self, name: str, numbers: NDArray[Any]) -> None:
        assert numbers.flags.c_contiguous
        self.inputs[name] = Value(numbers, "cpu")

    def bind_ortvalue_input(self, name: str, value: Value) -> None:
        self.inputs[name] = value

    def bind_output(self, name: str, place: str, number: int) -> None:
        self.outputs[name] = place

    def bind_ortvalue_output(self, name: str, value: Value) -> None:
        self.outputs[name] = value

    def get_outputs(self) -> list[Value]:
        return self.made


@dataclass
class Device:
    """What every session of a test shares. A network is doubled = 2 x, and beside = x + shared where `shared` is an
    input. runs: (graph id, rows) of each run by binding; plain: rows of each run without. refuses: sessions with graphs
    cannot be made; refuses_last: nor those with channels last; breaks: graphs cannot be written down."""

    free: bool = True
    on: tuple[str, ...] = (CUDA, CPU)
    available: tuple[str, ...] = (CUDA, CPU)
    refuses: bool = False
    refuses_last: bool = False
    breaks: bool = False
    memory: int = 10**9
    sessions: list[list[Any]] = field(default_factory=list)
    plain: list[int] = field(default_factory=list)
    runs: list[tuple[str | None, int]] = field(default_factory=list)
    work: Callable[[NDArray[Any]], NDArray[Any]] = lambda rows: rows * 2
    inside: int = 0
    writing: bool = False

    @contextmanager
    def busy(self, writes: bool) -> Iterator[None]:
        """While a graph is written down, nobody else may do anything: CUDA's own rule."""
        if self.writing or (writes and self.inside):
            raise RuntimeError(CAPTURING)
        self.inside, self.writing = self.inside + 1, writes
        try:
            time.sleep(self.takes)
            yield
        finally:
            self.inside -= 1
            self.writing = self.writing and not writes

    takes: float = 0.0

    def module(self) -> SimpleNamespace:
        return SimpleNamespace(
            __version__="9.9", SessionOptions=lambda: SimpleNamespace(add_session_config_entry=lambda *_: None),
            InferenceSession=self.session, GraphOptimizationLevel=SimpleNamespace(ORT_ENABLE_ALL="all"),
            RunOptions=Options, get_available_providers=lambda: list(self.available),
            OrtValue=SimpleNamespace(ortvalue_from_numpy=lambda numbers, place, _number: Value(numbers, place)))

    def session(self, _source: Any, _options: Any = None, providers: Sequence[Any] = ()) -> Session:
        options = {one if isinstance(one, str) else one[0]: {} if isinstance(one, str) else one[1] for one in providers}
        graph = options.get(CUDA, {}).get("enable_cuda_graph") == "1" and CUDA in self.on
        if graph and self.refuses:
            raise RuntimeError("not all nodes are on CUDA\nand more")
        if self.refuses_last and options.get(CUDA, {}).get("prefer_nhwc") == "1":
            raise RuntimeError("Conv is not there in this layout.")
        self.sessions.append(list(providers))
        return Session(self, graph)


class Options:
    def __init__(self) -> None:
        self.graph: str | None = None

    def add_run_config_entry(self, name: str, value: str) -> None:
        assert name == "gpu_graph_id"
        self.graph = value


class Session:
    def __init__(self, device: Device, graph: bool) -> None:
        self.device = device
        self.graph = graph
        self.written: dict[str, tuple[dict[str, Value], list[Value]]] = {}

    def get_providers(self) -> list[str]:
        return list(self.device.on)

    def _port(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(name=name, shape=["N" if self.device.free else 1, 2], type="tensor(float)")

    def get_inputs(self) -> list[SimpleNamespace]:
        return [self._port("x")]

    def get_outputs(self) -> list[SimpleNamespace]:
        return [self._port("y")]

    def io_binding(self) -> Binding:
        return Binding()

    def _worked(self, rows: NDArray[Any]) -> NDArray[Any]:
        if len(rows) > self.device.memory:
            raise RuntimeError("Failed to allocate memory for requested buffer of size 1048576")
        return self.device.work(rows)

    def run(self, _names: Any, feeds: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        assert not self.graph, "with graphs a run needs buffers that stay"
        self.device.plain.append(len(feeds["x"]))
        return [self._worked(feeds["x"])]

    def run_with_iobinding(self, binding: Binding, options: Options | None = None) -> None:
        graph = options.graph if options is not None else None
        assert (graph is not None) == self.graph
        captures = graph not in (None, "-1")
        if captures and self.device.breaks:
            raise RuntimeError(CAPTURING)
        writes = captures and str(graph) not in self.written
        with self.device.busy(writes):
            self._ran(binding, graph, captures)

    def _ran(self, binding: Binding, graph: str | None, captures: bool) -> None:
        inputs, outputs = binding.inputs, binding.outputs
        if captures:
            assert all(isinstance(value, Value) for value in outputs.values()), "a graph writes where it wrote"
            kept = self.written.setdefault(str(graph), (dict(inputs), list(outputs.values())))  # type: ignore[arg-type]
            inputs, outputs = kept[0], dict(zip(outputs, kept[1], strict=True))
        made = self._worked(inputs["x"].numbers)
        self.device.runs.append((graph, len(made)))
        place = outputs["y"]
        if isinstance(place, Value):
            place.update_inplace(made)
            binding.made = [place]
        else:
            binding.made = [Value(made, place)]
