"""What the rooms above see: leases on models, and what became of them."""

from __future__ import annotations

import hashlib
import io
import os
import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.runtime import FATAL, quiet_runtime
from models.sessions.axis import with_free_axis
from models.sessions.binding import Gate
from models.sessions.device import Device, DeviceSpec
from models.sessions.engines import Engines
from models.sessions.making import Provider, cuda_session
from models.sessions.model import Model
from models.sessions.ports import CPU, Counts, DeviceCounts, Port, Priority
from models.sessions.requests import Made, Request
from models.sessions.tensors import Array, DeviceArray
from models.sessions.trouble import closed


def cores() -> int:
    """Cores that this process may use, which in a container are fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return max(len(os.sched_getaffinity(0)), 1)
    return os.cpu_count() or 1


class SessionManager:
    """Makes, shares, runs and counts sessions. Safe to share between threads; one of them serves a whole process.

    devices: where they run; those that are alike get the work of different owners. threads: for one run on a CPU, never
    more than there are cores (measured: eight on two cores are twelve times slower). runtime: makes the onnxruntime
    module, engines: builds TensorRT's; both for tests.
    """

    def __init__(self, devices: Sequence[DeviceSpec] = (DeviceSpec(),), *, threads: int | None = None,
                 runtime: Callable[[], Any] = quiet_runtime, engines: Engines | None = None) -> None:
        self.threads = min(threads or cores(), cores())
        self._runtime = runtime
        self._devices = [Device(spec) for spec in devices]
        self._engines = Engines() if engines is None else engines
        self._gate = Gate()
        self._models: dict[Hashable, tuple[Device, Model]] = {}
        self._lock = threading.Lock()
        self._closed = False

    def lease(self, source: Path | bytes, *, name: str, owner: str = "", priority: Priority = Priority.RENDER,
              rows: bool = False, half: bool = False) -> Lease:
        """A handle on the model in a file, or in a serialised graph. Nothing is read before its first use.

        name: for messages and counts. The same file (path, size and time of change) or the same bytes are one model on
        each device. owner: a render, a preview, a tab: all that one owner leases is on one device, so that what one
        model makes the next one finds there; and those of one priority are served in turn.
        rows: a network for one row is made to take several, where that changes no answer (see `axis`); it costs a few
        runs when it is loaded.
        half: half precision is allowed for it (the catalogue's `half`): on a CUDA device it is used where the answers
        on a probe stay the same (see `halves`); it costs a conversion when it is loaded.
        Raises ModelError: MODEL.MISSING where there is no such file, MODEL.CLOSED, DEVICE.LOST where no device is left.
        """
        key = (_key(source, name), rows, half)
        with self._lock:
            if self._closed:
                raise closed(name)
            device = self._place(owner)
            found = self._models.get((device.spec.name, key))
            if found is None:
                model = Model(source, name, device.spec.name,
                              lambda wanted: self._make(wanted, device.spec, rows, half, model.renew),
                              tuple(one if isinstance(one, str) else one[0] for one in device.spec.providers))
                found = self._models[device.spec.name, key] = (device, model)
                device.add(model)
        return Lease(*found, owner, priority)

    def _place(self, owner: str) -> Device:
        """The device of an owner: the one that it has, while that works; else the one with the fewest owners, a spare
        one last."""
        working = [device for device in self._devices if not device.lost]
        for device in self._devices:
            if owner in device.owners:
                if device in working:
                    return device
                device.owners.discard(owner)
        if not working:
            raise ModelError("No device works any more.", subject=self._devices[0].spec.name, code="DEVICE.LOST",
                             remedy="Start Likeness again; if it happens again, see the driver.")
        device = min(working, key=lambda one: (one.spec.spare, len(one.owners)))
        device.owners.add(owner)
        return device

    def done(self, owner: str) -> None:
        """This owner asks for nothing more: its place may be another's."""
        with self._lock:
            for device in self._devices:
                device.owners.discard(owner)

    def counts(self) -> tuple[Counts, ...]:
        """Of every model that was leased so far, in the order of their first lease; not changed by later runs."""
        with self._lock:
            models = [model for _, model in self._models.values()]
        return tuple(model.counts for model in models)

    def devices(self) -> tuple[DeviceCounts, ...]:
        return tuple(device.counts for device in self._devices)

    def rest(self, seconds: float = 0.0) -> None:
        """Lets go of models that were not used for so long. They are loaded again when they are needed."""
        for device in self._devices:
            device.rest(time.monotonic() - seconds)

    def close(self) -> None:
        """Lets go of every session; runs that are under way end first, later ones raise MODEL.CLOSED."""
        with self._lock:
            self._closed = True
        self._engines.close()
        for device in self._devices:
            device.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def _make(self, source: Path | bytes, spec: DeviceSpec, rows: bool, half: bool, renew: Callable[[], None]) -> Any:
        if rows:
            source = with_free_axis(source, lambda graph: self._session(graph, (CPU,))) or source
        if spec.cuda is None:
            return self._session(source, spec.providers)
        with self._gate.shared():
            return cuda_session(source, spec, spec.cuda, runtime=self._runtime(), make=self._session, half=half,
                                engines=self._engines, renew=renew, gate=self._gate)

    def _session(self, source: Path | bytes, providers: tuple[Provider, ...]) -> Any:
        runtime = self._runtime()
        options = runtime.SessionOptions()
        options.log_severity_level = FATAL
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads = self.threads
        # A session's idle threads spin for the next run, and take the cores from every other session and from decoder
        # and encoder (measured: a chain of five models 135 -> 52 ms with this off).
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        # On its way from another provider to the CPU it prints a banner on stdout, where only answers may stand.
        loud = providers != (CPU,)
        quiet: AbstractContextManager[object] = redirect_stdout(io.StringIO()) if loud else nullcontext()
        with quiet:
            return runtime.InferenceSession(source if isinstance(source, bytes) else str(source), options,
                                            providers=list(providers))


class Lease:
    """A model, held. Leave the `with`, or call `close`, when it is no longer needed. Safe to share between threads."""

    def __init__(self, device: Device, model: Model, owner: str = "", priority: Priority = Priority.RENDER) -> None:
        self._device = device
        self._model = model
        self._owner = owner
        self._priority = priority
        self._open = True
        model.hold(1)

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def device(self) -> str:
        return self._device.spec.name

    @property
    def inputs(self) -> tuple[Port, ...]:
        self._session()
        return self._model.inputs

    @property
    def outputs(self) -> tuple[Port, ...]:
        self._session()
        return self._model.outputs

    @property
    def source(self) -> Path | bytes:
        """What was leased: a few families keep numbers beside the graph."""
        return self._model.source

    @property
    def packs(self) -> bool:
        """Whether it takes any number of rows, and gives an answer for each."""
        self._session()
        return self._model.packs

    def run(self, feeds: Mapping[str, Array], outputs: Sequence[str] | None = None) -> Made:
        """One run, now or in its turn. feeds: by input name, from the machine's memory or from where another lease kept
        them. outputs: names, in the wanted order (None: all, in the network's own). Requests of others may go along in
        one run; where memory is short, the rows go in several.

        Raises ModelError: MODEL.UNREADABLE where the file is no model that can be loaded, MODEL.FAILED where the run
        fails, DEVICE.OUT_OF_MEMORY where not even one row fits, DEVICE.LOST, MODEL.CLOSED.
        """
        made: Made = self._device.run(self._request(feeds, outputs))
        return made

    def run_kept(self, feeds: Mapping[str, Array], outputs: Sequence[str] | None = None) -> list[DeviceArray]:
        """The same, but its answers stay on the device, for a lease of the same owner to go on with: nothing is copied
        in between. Such a run is not put together with others'. On a CPU the arrays are simply there. Raises as
        `run`."""
        kept: list[DeviceArray] = self._device.run(self._request(feeds, outputs, keep=True))
        return kept

    def run_rows(self, feeds: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """The first answer of `run_all`."""
        return self.run_all(feeds)[0]

    def run_all(self, feeds: Mapping[str, NDArray[Any]]) -> Made:
        """The network's answers for any number of rows, each (N, …), whether or not it takes more than one: in one run,
        or in one for each, all asked for at once. Inputs of a single axis (a weight) are shared by all rows. Raises as
        `run`."""
        if self.packs:
            return self.run(feeds)
        rows = max(len(array) for array in feeds.values() if array.ndim > 1)
        waiting = [self.submit({name: array[row:row + 1] if array.ndim > 1 else array
                                for name, array in feeds.items()}) for row in range(rows)]
        return [np.concatenate(parts) for parts in zip(*(one.result() for one in waiting), strict=True)]

    def submit(self, feeds: Mapping[str, Array], outputs: Sequence[str] | None = None) -> Future[Made]:
        """`run` without waiting: for several at once, which then go together where the network allows it."""
        return self._submitted(self._request(feeds, outputs))

    def submit_kept(self, feeds: Mapping[str, Array], outputs: Sequence[str] | None = None,
                    ) -> Future[list[DeviceArray]]:
        """`run_kept` without waiting."""
        return self._submitted(self._request(feeds, outputs, keep=True))

    def _submitted(self, request: Request) -> Future[Any]:
        self._device.submit(request)
        return request.future

    def _request(self, feeds: Mapping[str, Array], outputs: Sequence[str] | None, *, keep: bool = False) -> Request:
        if not self._open:
            raise closed(self.name)
        self._model.asked_for()
        return Request(self._model, feeds, None if outputs is None else tuple(outputs), self._priority, self._owner,
                       keep=keep)

    def adapter(self) -> SessionAdapter:
        """The same as an InferenceSession, for library classes that want one."""
        return SessionAdapter(self)

    def close(self) -> None:
        if self._open:
            self._open = False
            self._model.hold(-1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def _session(self) -> Any:
        if not self._open:
            raise closed(self.name)
        return self._device.session(self._model)


class SessionAdapter:
    """What insightface's classes use of an InferenceSession; its runs are counted like any other."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease

    def run(self, output_names: Sequence[str] | None, input_feed: Mapping[str, NDArray[Any]],
            run_options: object = None) -> Made:
        return self._lease.run(input_feed, output_names)

    def get_inputs(self) -> list[Any]:
        return list(self._lease._session().get_inputs())

    def get_outputs(self) -> list[Any]:
        return list(self._lease._session().get_outputs())

    def get_providers(self) -> list[str]:
        return list(self._lease._session().get_providers())


def _key(source: Path | bytes, name: str) -> Hashable:
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    try:
        path = source.resolve(strict=True)
        status = path.stat()
    except OSError as error:
        raise ModelError(f"The file of the model {name} is not there ({source}).", subject=name,
                         remedy="Get the model, or check its path.") from error
    return path, status.st_size, status.st_mtime_ns
