"""Runs on a CUDA device: few shapes, answers that may stay there, and shapes that come again as one graph.

A CUDA graph is a run written down once, with the addresses of all that it reads and writes, and then played: the CPU
has next to nothing to do. It therefore needs buffers that stay where they are; each set of them (a slot) has a graph of
its own. ONNX Runtime keeps what it wrote down with the thread that ran, so all runs of such a session are on one. While
one is written down, CUDA allows no other thread of the process to copy, allocate or wait: see `Gate`.

Graphs are also what makes several shapes possible: without, ONNX Runtime plans every convolution anew whenever the
shape changes (measured on an H200: 120 to 250 ms, where the run itself takes 2 to 30), so a session without runs row by
row.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.sessions.tensors import Array, DeviceArray, Hold, on_host
from models.sessions.trouble import first_line, is_loss, is_memory

CUDA = "CUDAExecutionProvider"
SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
"""Rows that runs have: every shape needs a graph of its own. Steps of a half at most, so that at most a third of a run
is filling."""
SLOTS = 24
"""Sets of buffers, and so graphs, of one session at most: all sizes, twice for those that are kept. What comes beyond
runs without."""
_GRAPH = "gpu_graph_id"  # ONNX Runtime's run option; -1: neither write down nor play
_NO_GRAPH = "-1"


PATIENCE = 0.1
"""Seconds that writing down a graph waits for all other runs to end; else it is tried the next time. Runs take some
milliseconds; loading a model, which takes longer, is not worth holding up everything for."""


class Gate:
    """Runs go side by side; writing down a graph goes by itself. One for all CUDA devices of a process."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._alone = False

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Not to be entered again from inside."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self, patience: float = PATIENCE) -> Iterator[bool]:
        """Whether nobody else is inside, after waiting so many seconds for it, in which nobody new comes in."""
        with self._changed:
            free = self._changed.wait_for(lambda: not self._alone, patience)
            if free:
                self._alone = True
                free = self._changed.wait_for(lambda: self._inside == 0, patience)
                if not free:
                    self._alone = False
                    self._changed.notify_all()
        try:
            yield free
        finally:
            if free:
                with self._changed:
                    self._alone = False
                    self._changed.notify_all()


@dataclass(slots=True, eq=False)
class _Slot:
    """Buffers that stay where they are. outputs: None before its first run, which shows their shapes. runs: 0 before
    that, 1 until its graph is written down, 2 from then on."""

    number: int
    key: Hashable
    binding: Any
    inputs: dict[str, Any]
    outputs: list[Any] | None = None
    runs: int = 0
    busy: bool = False


@dataclass(frozen=True, slots=True)
class _Run:
    """What one run is given: feeds of the size that the device knows, and how many rows are meant (None: all)."""

    names: tuple[str, ...]
    feeds: Mapping[str, Array]
    rows: int | None


@dataclass(slots=True)
class Said:
    """What a session is run with (`graph`, `half`, `tensorrt`), and what was tried and is not so, with the reason."""

    modes: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)


class BoundSession:
    """A session on a CUDA device. Safe to share between threads.

    runtime: the onnxruntime module. make: a session, for graphs or not. device: its place's name; number: CUDA's.
    graphs: whether runs may become graphs; where the network or the runtime does not allow it, it is run without, and
    `said` tells why. gate: what all sessions of the process go through. It is made inside of it.
    """

    def __init__(self, runtime: Any, make: Callable[[bool], Any], device: str, number: int, graphs: bool, gate: Gate,
                 ) -> None:
        self._runtime = runtime
        self._gate = gate
        self._make = make
        self._device = device
        self._number = number
        self._slots: list[_Slot] = []
        self.said = Said()
        self._graphs = graphs
        self._session = self._opened()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"graph-{device}") if self._graphs else None
        self._names = tuple(port.name for port in self._session.get_outputs())
        self._free = frozenset(port.name for port in self._session.get_inputs() if _is_free(port))
        self._packs = bool(self._free) and all(_is_free(port) for port in self._session.get_outputs())

    def _opened(self) -> Any:
        if not self._graphs:
            return self._make(False)
        try:
            session = self._make(True)
        except Exception as error:  # of the runtime's own kinds: it refuses networks of which a part is not on CUDA
            if is_memory(error) or is_loss(error):
                raise
            self.said.words.append(f"without a CUDA graph: {first_line(error)}")
            session, self._graphs = self._make(False), False
        if self._graphs and CUDA not in session.get_providers():
            self._graphs = False
        if self._graphs:
            self.said.modes.append("graph")
        return session

    @property
    def session(self) -> Any:
        """The runtime's own."""
        return self._session

    def get_inputs(self) -> Sequence[Any]:
        return self._session.get_inputs()  # type: ignore[no-any-return]

    def get_outputs(self) -> Sequence[Any]:
        return self._session.get_outputs()  # type: ignore[no-any-return]

    def get_providers(self) -> Sequence[str]:
        return self._session.get_providers()  # type: ignore[no-any-return]

    def close(self) -> None:
        """Lets go of its memory; it is not run any more."""
        with self._gate.shared():
            self._slots.clear()
            self._session = None
        if self._thread is not None:
            self._thread.shutdown(wait=False)

    def run(self, names: Sequence[str] | None, feeds: Mapping[str, Array]) -> list[NDArray[Any]]:
        """As ONNX Runtime's, from host or device arrays into host arrays."""
        if self._graphs:
            return [array.numpy() for array in self._on_its_thread(self._filled(names, feeds))]
        plain = {name: on_host(array) for name, array in feeds.items()}
        rows = max((len(plain[name]) for name in self._free if name in plain), default=1) if self._packs else 1
        made = []
        for row in range(rows):  # see above: in one shape
            one = plain if rows == 1 else {name: array[row:row + 1] if name in self._free else array
                                           for name, array in plain.items()}
            with self._gate.shared():
                made.append(self._session.run(list(self._names if names is None else names), one))
        return list(made[0]) if rows == 1 else [np.concatenate(parts) for parts in zip(*made, strict=True)]

    def run_kept(self, names: Sequence[str] | None, feeds: Mapping[str, Array]) -> list[DeviceArray]:
        """The same into arrays that stay on the device."""
        given = self._filled(names, feeds)
        if self._graphs:
            return self._on_its_thread(given)
        return self._bound(given, None)

    # Shapes

    def _filled(self, names: Sequence[str] | None, feeds: Mapping[str, Array]) -> _Run:
        """Feeds of one of `SIZES` rows: the last row is repeated, whose numbers are as ordinary as the others'."""
        wanted = self._names if names is None else tuple(names)
        feeds = {name: array if not isinstance(array, DeviceArray) or self._is_here(array) else array.numpy()
                 for name, array in feeds.items()}
        if not self._packs:
            return _Run(wanted, {name: array if isinstance(array, DeviceArray) else np.ascontiguousarray(array)
                                 for name, array in feeds.items()}, None)
        rows = max(len(feeds[name]) for name in self._free if name in feeds)
        there = {array.whole[0] for name, array in feeds.items() if name in self._free
                 and isinstance(array, DeviceArray)}
        if len(there) > 1 or any(size < rows for size in there):
            feeds, there = {name: on_host(array) for name, array in feeds.items()}, set()
        size = rows if not self._graphs else next((one for one in SIZES if one >= rows), rows)
        size = there.pop() if there else size
        return _Run(wanted, {name: _lengthened(array, size) if name in self._free and not isinstance(array, DeviceArray)
                             else array for name, array in feeds.items()}, rows)

    def _is_here(self, array: DeviceArray) -> bool:
        return array.device == self._device and not isinstance(array.value, np.ndarray)

    def _array(self, value: Any, given: _Run, hold: Hold | None) -> DeviceArray:
        return DeviceArray(value, self._device, given.rows, hold, self._gate.shared)

    # Without graphs

    def _bound(self, given: _Run, graph: str | None) -> list[DeviceArray]:
        """Each in memory of its own."""
        binding = self._session.io_binding()
        for name, array in given.feeds.items():
            if isinstance(array, DeviceArray):
                binding.bind_ortvalue_input(name, array.value)
            else:
                binding.bind_cpu_input(name, array)
        for name in given.names:
            binding.bind_output(name, "cuda", self._number)
        with self._gate.shared():
            self._session.run_with_iobinding(binding, self._options(graph))
        return [self._array(value, given, None) for value in binding.get_outputs()]

    def _options(self, graph: str | None) -> Any:
        if graph is None:
            return None
        options = self._runtime.RunOptions()
        options.add_run_config_entry(_GRAPH, graph)
        return options

    # With graphs

    def _on_its_thread(self, given: _Run) -> list[DeviceArray]:
        assert self._thread is not None
        return self._thread.submit(self._played, given).result()

    def _played(self, given: _Run) -> list[DeviceArray]:
        slot = self._slot(given) if self._graphs else None
        if slot is None:
            return self._bound(given, _NO_GRAPH if self._graphs else None)
        try:
            self._play(slot, given)
        except Exception as error:  # of the runtime's own kinds
            slot.busy = False
            if is_memory(error) or is_loss(error) or slot.runs != 1:
                raise
            self._give_up(error)
            return self._played(given)
        hold = Hold(lambda: setattr(slot, "busy", False))
        return [self._array(value, given, hold) for value in slot.outputs or ()]

    def _play(self, slot: _Slot, given: _Run) -> None:
        """Its first run shows what comes out, its second is written down, all later ones are played."""
        if slot.runs == 1:
            with self._gate.alone() as free:
                if free:
                    self._run_in(slot, given, str(slot.number))
                    slot.runs += 1
                    return
        with self._gate.shared():
            self._run_in(slot, given, str(slot.number) if slot.runs > 1 else _NO_GRAPH)
            if slot.outputs is None:
                slot.outputs = list(slot.binding.get_outputs())
                for name, value in zip(given.names, slot.outputs, strict=True):
                    slot.binding.bind_ortvalue_output(name, value)
                slot.runs = 1

    def _run_in(self, slot: _Slot, given: _Run, graph: str) -> None:
        for name, buffer in slot.inputs.items():
            buffer.update_inplace(given.feeds[name])
        self._session.run_with_iobinding(slot.binding, self._options(graph))

    def _slot(self, given: _Run) -> _Slot | None:
        """A free one of these shapes, or a new one. None where there are enough, or where an input lies in memory that
        will not be there again."""
        if any(isinstance(array, DeviceArray) and array.hold is None for array in given.feeds.values()):
            return None
        key = (given.names, tuple((name, array.value.data_ptr()) if isinstance(array, DeviceArray)
                                  else (name, array.shape, array.dtype.str)
                                  for name, array in sorted(given.feeds.items())))
        slot = next((one for one in self._slots if one.key == key and not one.busy), None)
        if slot is None:
            if len(self._slots) >= SLOTS:
                return None
            with self._gate.shared():
                slot = self._new_slot(key, given)
            self._slots.append(slot)
        slot.busy = True
        return slot

    def _new_slot(self, key: Hashable, given: _Run) -> _Slot:
        binding = self._session.io_binding()
        inputs = {}
        for name, array in given.feeds.items():
            if isinstance(array, DeviceArray):
                binding.bind_ortvalue_input(name, array.value)
            else:
                inputs[name] = self._runtime.OrtValue.ortvalue_from_numpy(array, "cuda", self._number)
                binding.bind_ortvalue_input(name, inputs[name])
        for name in given.names:
            binding.bind_output(name, "cuda", self._number)
        # 0 is what runs without a number have.
        return _Slot(len(self._slots) + 1, key, binding, inputs)

    def _give_up(self, error: Exception) -> None:
        """No graphs after all: writing the first one down failed."""
        self.said.words.append(f"without a CUDA graph: {first_line(error)}")
        self.said.modes.remove("graph")
        self._slots.clear()
        with self._gate.shared():
            self._session = self._make(False)
        self._graphs = False


def _is_free(port: Any) -> bool:
    return bool(port.shape) and not isinstance(port.shape[0], int)


def _lengthened(array: NDArray[Any], size: int) -> NDArray[Any]:
    """(size, …): the last row repeated."""
    more = size - len(array)
    whole = array if more <= 0 else np.concatenate([array, np.repeat(array[-1:], more, axis=0)])
    return np.ascontiguousarray(whole)
