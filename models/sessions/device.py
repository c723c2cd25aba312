"""One device: which models are loaded on it, what waits for it, and the threads that run it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import LikenessError
from models.sessions.model import Model
from models.sessions.ports import CPU, DeviceCounts
from models.sessions.requests import Feeds, Request, Turns, apart, pack, together
from models.sessions.trouble import DeviceLost, OutOfMemory, closed, failed, is_loss, is_memory


@dataclass(frozen=True, slots=True)
class Cuda:
    """What may be done on a CUDA device beside running. number: CUDA's own. card: its name. graphs: shapes that come
    again are played as one graph. halves: models that are leased with `half` run in half precision. channels_last:
    convolutions keep a pixel's channels together, as the matrix units read them. tensorrt: engines are built, in
    processes of their own. kept: the folder for what is made for this card and this version of the runtime;
    None: nothing is kept, and no engine is built."""

    number: int = 0
    card: str = ""
    graphs: bool = True
    halves: bool = True
    channels_last: bool = True
    tensorrt: bool = False
    kept: Path | None = None


@dataclass(frozen=True, slots=True)
class DeviceSpec:
    """A place where sessions run. providers: ONNX Runtime's, in order of preference, each a name or a name with its
    options (`("CUDAExecutionProvider", {"device_id": 1})`). budget: bytes of models that may be loaded at once (None:
    no bound); a model that runs is never let go of. streams: runs at the same time. spare: only taken where no other
    works. cuda: for a CUDA device, what may be done there; None: sessions run as they are."""

    name: str = "cpu"
    providers: tuple[str | tuple[str, dict[str, Any]], ...] = (CPU,)
    budget: int | None = None
    streams: int = 2
    spare: bool = False
    cuda: Cuda | None = None


class Device:
    """Safe to share between threads. A run begins in the caller's own thread where nothing waits; else it waits for its
    turn (see `requests`), and goes together with what fits."""

    def __init__(self, spec: DeviceSpec) -> None:
        self.spec = spec
        self.lost = False
        self.owners: set[str] = set()
        self._unloads = 0
        self._models: list[Model] = []
        self._waiting: list[Request] = []
        self._turns = Turns()
        self._numbers = itertools.count()
        self._idle = spec.streams
        self._closed = False
        self._lock = threading.Lock()
        self._room = threading.RLock()
        self._pool = ThreadPoolExecutor(spec.streams, thread_name_prefix=f"run-{spec.name}")

    # What is asked of it

    def run(self, request: Request) -> Any:
        """The request's outcome, once it is there. Raises LikenessError."""
        request.number = next(self._numbers)
        with self._lock:
            direct = bool(self._idle) and not self._waiting
            if direct:
                self._idle -= 1
            else:
                self._waiting.append(request)
                self._wake()
        if direct:
            try:
                self._execute([request])
            finally:
                with self._lock:
                    self._idle += 1
                    self._wake()
        return request.future.result()

    def submit(self, request: Request) -> None:
        """The same without waiting: the outcome comes into the request's future."""
        request.number = next(self._numbers)
        with self._lock:
            self._waiting.append(request)
            self._wake()

    def _wake(self) -> None:
        """The lock is held. One thread for each free stream that has something to do."""
        if self._closed:
            for request in self._waiting:
                request.future.set_exception(closed(request.model.name))
            self._waiting = []
            return
        for _ in range(min(self._idle, len(self._waiting))):
            self._idle -= 1
            self._pool.submit(self._serve)

    def _serve(self) -> None:
        while True:
            with self._lock:
                taken = self._take()
                if not taken:
                    self._idle += 1
                    return
            self._execute(taken)

    def _take(self) -> list[Request]:
        """The lock is held. What runs next, all in one run."""
        self._waiting = [one for one in self._waiting if not one.future.cancelled()]
        if not self._waiting:
            return []
        taken = pack(self._turns.next(self._waiting))
        self._turns.took(taken)
        self._waiting = [one for one in self._waiting if one not in taken]
        return taken

    # Running

    def _execute(self, requests: Sequence[Request]) -> None:
        requests = [one for one in requests if one.future.set_running_or_notify_cancel()]
        if not requests:
            return
        try:
            made = self._made(requests[0].model, together(requests), requests[0].outputs, requests[0].keep)
            for request, part in zip(requests, apart(made, requests), strict=True):
                request.future.set_result(part)
        except LikenessError as error:
            if len(requests) == 1 or isinstance(error, (OutOfMemory, DeviceLost)):
                for request in requests:
                    request.future.set_exception(error)
                return
            for request in requests:  # only the one that is at fault shall fail
                self._alone(request)
        except BaseException as error:  # whoever waits has to hear of it, whatever it is
            for request in requests:
                if not request.future.done():
                    request.future.set_exception(error)

    def _alone(self, request: Request) -> None:
        try:
            request.future.set_result(self._made(request.model, request.feeds, request.outputs, request.keep))
        except BaseException as error:
            request.future.set_exception(error)

    def _made(self, model: Model, feeds: Feeds, outputs: Sequence[str] | None, keep: bool) -> Any:
        model.begin(1)
        try:
            session = self.session(model)
            try:
                if keep:
                    return model.run_kept(session, feeds, outputs, lambda: self._let_go_of_one(model))
                return model.run_in_pieces(session, feeds, outputs, lambda: self._let_go_of_one(model))
            except Exception as error:  # of the runtime's own kinds
                self.lost = self.lost or is_loss(error)
                raise failed(model.name, self.spec.name, error) from error
        finally:
            model.begin(-1)

    # What is loaded

    def add(self, model: Model) -> None:
        with self._room:
            self._models.append(model)

    def session(self, model: Model) -> Any:
        """Loaded, after others made room for it. Raises ModelError."""
        if model.loaded:
            return model.session()
        with self._room:
            while True:
                try:
                    return model.session(self._make_room)
                except Exception as error:
                    if not is_memory(error):
                        raise
                    if not self._let_go_of_one(model):
                        raise failed(model.name, self.spec.name, error) from error

    def _make_room(self, model: Model) -> None:
        budget = self.spec.budget
        if budget is None:
            return
        while self._loaded_bytes() + model.size > budget and self._let_go_of_one(model):
            pass

    def _let_go_of_one(self, but: Model) -> bool:
        """Unloads the one that was used longest ago and does not run. Whether there was one."""
        with self._room:
            for model in sorted(self._models, key=lambda one: one.used):
                if model is not but and model.loaded and model.unload():
                    self._unloads += 1
                    return True
        return False

    def rest(self, before: float) -> None:
        """Lets go of every model that was not used since then (seconds of time.monotonic)."""
        with self._room:
            for model in self._models:
                if model.used <= before:
                    model.unload()

    def _loaded_bytes(self) -> int:
        return sum(model.counts.bytes for model in self._models if model.loaded)

    @property
    def counts(self) -> DeviceCounts:
        with self._room:
            return DeviceCounts(self.spec.name, self.spec.budget, self._loaded_bytes(), len(self.owners),
                                self._unloads, self.lost)

    def close(self) -> None:
        """Runs that are under way end first; what waits is refused."""
        with self._lock:
            self._closed = True
            self._wake()
        self._pool.shutdown(wait=True)
        with self._room:
            models = list(self._models)
        for model in models:
            model.close()
