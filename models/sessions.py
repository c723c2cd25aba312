"""The session manager: the only place that makes an ONNX Runtime session.

A model is loaded once, at its first use, whoever leases it; every run is counted. Priorities, packing the requests of
several renders into one run, a budget in bytes and device arrays hang on the same two verbs, `lease` and `run`, and
come with the issue on models.
"""

from __future__ import annotations

import hashlib
import io
import os
import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from numpy.typing import NDArray

from models.errors import ModelError
from models.runtime import FATAL, quiet_runtime

CPU = "CPUExecutionProvider"


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a network. shape: a text or None where the size is free. type: as `tensor(float)`."""

    name: str
    shape: tuple[int | str | None, ...]
    type: str


@dataclass(frozen=True, slots=True)
class Counts:
    """What one model has done so far.

    providers: what it really runs on, in order; empty until it is loaded. missed: providers that were asked for and
    are not among them: a fall-back that ONNX Runtime itself does not report. bytes: the model's size; load_ms: how long
    loading took. leases: how many hold it. runs, ms: calls and their milliseconds by the clock, all callers together.
    moved: bytes of the arrays that went in and out. batches: runs by the size of the first input's first axis.
    """

    name: str
    providers: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    bytes: int = 0
    load_ms: float = 0.0
    leases: int = 0
    runs: int = 0
    ms: float = 0.0
    moved: int = 0
    batches: Mapping[int, int] = field(default_factory=dict)


def cores() -> int:
    """Cores that this process may use, which in a container are fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return max(len(os.sched_getaffinity(0)), 1)
    return os.cpu_count() or 1


class SessionManager:
    """Makes, shares, runs and counts sessions. Safe to share between threads; one of them serves a whole process.

    providers: ONNX Runtime's names in order of preference (default: the CPU). threads: for one run, never more than
    there are cores (measured: eight on two cores are twelve times slower). runtime: makes the onnxruntime module, for
    tests.
    """

    def __init__(self, *, providers: Sequence[str] = (CPU,), threads: int | None = None,
                 runtime: Callable[[], Any] = quiet_runtime) -> None:
        self.providers = tuple(providers)
        self.threads = min(threads or cores(), cores())
        self._runtime = runtime
        self._models: dict[Hashable, _Model] = {}
        self._lock = threading.Lock()
        self._closed = False

    def lease(self, source: Path | bytes, *, name: str) -> Lease:
        """A handle on the model in a file, or in a serialised graph. Nothing is read before its first use.

        name: for messages and counts. The same file (path, size and time of change) or the same bytes are one model.
        Raises ModelError: MODEL.MISSING where there is no such file, MODEL.CLOSED.
        """
        key = _key(source, name)
        with self._lock:
            if self._closed:
                raise _closed(name)
            model = self._models.setdefault(key, _Model(source, name, self._make, self.providers))
        return Lease(model)

    def counts(self) -> tuple[Counts, ...]:
        """Of every model that was leased so far, in the order of their first lease; not changed by later runs."""
        with self._lock:
            models = list(self._models.values())
        return tuple(model.counts for model in models)

    def close(self) -> None:
        """Lets go of every session; runs that are under way end first, later ones raise MODEL.CLOSED."""
        with self._lock:
            self._closed = True
            models = list(self._models.values())
        for model in models:
            model.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def _make(self, source: Path | bytes) -> Any:
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
        loud = self.providers != (CPU,)
        quiet: AbstractContextManager[object] = redirect_stdout(io.StringIO()) if loud else nullcontext()
        with quiet:
            return runtime.InferenceSession(source if isinstance(source, bytes) else str(source), options,
                                            providers=list(self.providers))


class Lease:
    """A model, held. Leave the `with`, or call `close`, when it is no longer needed. Safe to share between threads."""

    def __init__(self, model: _Model) -> None:
        self._model = model
        self._open = True
        model.hold(1)

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def inputs(self) -> tuple[Port, ...]:
        return tuple(_port(port) for port in self._session().get_inputs())

    @property
    def outputs(self) -> tuple[Port, ...]:
        return tuple(_port(port) for port in self._session().get_outputs())

    @property
    def source(self) -> Path | bytes:
        """What was leased: a few families keep numbers beside the graph."""
        return self._model.source

    def run(self, feeds: Mapping[str, NDArray[Any]], outputs: Sequence[str] | None = None) -> list[NDArray[Any]]:
        """One run. feeds: by input name. outputs: names, in the wanted order (None: all, in the network's own).

        Raises ModelError: MODEL.UNREADABLE where the file is no model that can be loaded, MODEL.FAILED where the run
        fails, MODEL.CLOSED.
        """
        return self._model.run(self._session(), feeds, outputs)

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
            raise _closed(self.name)
        return self._model.session()


class SessionAdapter:
    """What insightface's classes use of an InferenceSession; its runs are counted like any other."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease

    def run(self, output_names: Sequence[str] | None, input_feed: Mapping[str, NDArray[Any]],
            run_options: object = None) -> list[NDArray[Any]]:
        return self._lease.run(input_feed, output_names)

    def get_inputs(self) -> list[Any]:
        return list(self._lease._session().get_inputs())

    def get_outputs(self) -> list[Any]:
        return list(self._lease._session().get_outputs())

    def get_providers(self) -> list[str]:
        return list(self._lease._session().get_providers())


class _Model:
    """One model of a manager: its session, once it was needed, and its counts."""

    def __init__(self, source: Path | bytes, name: str, make: Callable[[Path | bytes], Any],
                 asked: Sequence[str]) -> None:
        self.source = source
        self.name = name
        self.counts = Counts(name)
        self._make = make
        self._asked = asked
        self._session: Any = None
        self._closed = False
        self._loading = threading.Lock()
        self._counting = threading.Lock()

    def hold(self, more: int) -> None:
        with self._counting:
            self.counts = replace(self.counts, leases=self.counts.leases + more)

    def session(self) -> Any:
        with self._loading:
            if self._closed:
                raise _closed(self.name)
            if self._session is None:
                self._session = self._load()
            return self._session

    def _load(self) -> Any:
        began = time.perf_counter()
        try:
            size = len(self.source) if isinstance(self.source, bytes) else self.source.stat().st_size
            session = self._make(self.source)
        except Exception as error:  # ONNX Runtime raises many kinds of its own; all mean that this file is no use
            raise ModelError(f"The model {self.name} cannot be loaded: {_first_line(error)}.", subject=self.name,
                             code="MODEL.UNREADABLE", remedy="Get the file again; it may be damaged, or of a newer "
                                                             "kind than this ONNX Runtime reads.") from error
        found = tuple(session.get_providers())
        with self._counting:
            self.counts = replace(self.counts, bytes=size, providers=found,
                                  missed=tuple(name for name in self._asked if name not in found),
                                  load_ms=1000 * (time.perf_counter() - began))
        return session

    def run(self, session: Any, feeds: Mapping[str, NDArray[Any]], outputs: Sequence[str] | None,
            ) -> list[NDArray[Any]]:
        began = time.perf_counter()
        try:
            made: list[NDArray[Any]] = session.run(None if outputs is None else list(outputs), dict(feeds))
        except Exception as error:  # of the runtime's own kinds, again
            raise ModelError(f"The model {self.name} failed: {_first_line(error)}.", subject=self.name,
                             code="MODEL.FAILED", remedy="Check that it is the model that its name says.") from error
        self._count(1000 * (time.perf_counter() - began), feeds, made)
        return made

    def _count(self, ms: float, feeds: Mapping[str, NDArray[Any]], made: Sequence[NDArray[Any]]) -> None:
        first = next(iter(feeds.values()), None)
        batch = int(first.shape[0]) if first is not None and first.ndim else 1
        moved = sum(array.nbytes for array in (*feeds.values(), *made))
        with self._counting:
            old = self.counts
            batches = {**old.batches, batch: old.batches.get(batch, 0) + 1}
            self.counts = replace(old, runs=old.runs + 1, ms=old.ms + ms, moved=old.moved + moved, batches=batches)

    def close(self) -> None:
        with self._loading:
            self._closed = True
            self._session = None


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


def _closed(name: str) -> ModelError:
    return ModelError(f"The model {name} was given back already.", subject=name, code="MODEL.CLOSED",
                      remedy="Lease it again.")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _port(port: Any) -> Port:
    return Port(port.name, tuple(port.shape), port.type)
