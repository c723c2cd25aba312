"""The session that a model gets on a CUDA device: full or half precision, an engine or not, graphs or not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from models.sessions.binding import CUDA, BoundSession, Gate, Said
from models.sessions.cards import TENSORRT
from models.sessions.device import Cuda, DeviceSpec
from models.sessions.engines import Engines
from models.sessions.halves import halved
from models.sessions.ports import CPU
from models.sessions.trouble import first_line, is_loss, is_memory

Provider = str | tuple[str, dict[str, Any]]


class Open(Protocol):
    """How the manager makes a session of a file or a serialised graph."""

    def __call__(self, source: Path | bytes, providers: tuple[Provider, ...]) -> Any: ...


def cuda_session(source: Path | bytes, spec: DeviceSpec, cuda: Cuda, *, runtime: Any, make: Open, half: bool,
                 engines: Engines, renew: Callable[[], None], gate: Gate) -> Any:
    """A session of the source on a CUDA device. half: half precision is allowed for this model. renew: called once an
    engine that is not there yet has been built. gate: what all sessions go through; it is entered. Where the runtime
    falls back to the CPU, that session, as it is."""
    opened = _Opened(spec, cuda, make)
    said, half = opened.said, half and cuda.halves
    if cuda.tensorrt:
        full = opened.session(source)
        engine = _engine(source, spec, cuda, full, make, half, engines, renew, said) if _on_cuda(full) else None
        if engine is not None:
            bound = BoundSession(runtime, lambda _: engine, spec.name, cuda.number, False, gate)
            bound.said.modes += ["tensorrt", *(["half"] if half else [])]
            return bound
        del full  # its memory, before the next one takes as much
    if half:
        kept = _kept(source, cuda)
        full = None if kept is not None and kept.is_file() else opened.session(source)
        if full is not None and not _on_cuda(full):
            return full
        found = halved(source, full, opened.session, kept)
        del full
        if found.graph is not None:
            source = found.graph
            said.modes.append("half")
        else:
            said.words.append(f"not in half precision: {found.why}")
    bound = BoundSession(runtime, lambda wanted: opened.session(source, graph=wanted), spec.name, cuda.number,
                         cuda.graphs, gate)
    if not _on_cuda(bound):
        return bound.session
    bound.said.modes += said.modes
    bound.said.words += said.words
    return bound


def _on_cuda(session: Any) -> bool:
    return CUDA in session.get_providers()


class _Opened:
    """Sessions of one model on one device, with channels last where the runtime can: it refuses networks with operators
    that it has in the other layout only, which is tried once and said."""

    def __init__(self, spec: DeviceSpec, cuda: Cuda, make: Open) -> None:
        self._spec = spec
        self._make = make
        self.said = Said(["channels last"] if cuda.channels_last else [])

    def session(self, source: Path | bytes, *, graph: bool = False) -> Any:
        more = {"enable_cuda_graph": "1"} if graph else {}
        if "channels last" in self.said.modes:
            try:
                return self._make(source, _with_options(self._spec.providers, {**more, "prefer_nhwc": "1"}))
            except Exception as error:  # of the runtime's own kinds
                if is_memory(error) or is_loss(error):
                    raise
                without = self._make(source, _with_options(self._spec.providers, more))
                self.said.modes.remove("channels last")
                self.said.words.append(f"not with channels last: {first_line(error)}")
                return without
        return self._make(source, _with_options(self._spec.providers, more))


def _engine(source: Path | bytes, spec: DeviceSpec, cuda: Cuda, full: Any, make: Open, half: bool, engines: Engines,
            renew: Callable[[], None], said: Said) -> Any:
    """A session on the TensorRT engine, where that is there and works; else None, and why is said."""
    wish = engines.wish(source, spec, half, full.get_inputs())
    if wish is None:
        return None
    why = engines.state(wish, renew)
    if not why:
        made = make(source, (wish.provider, *spec.providers))
        if TENSORRT in made.get_providers():
            return made
        why = "without TensorRT: ONNX Runtime does not offer it here"
    said.words.append(why)
    return None


def _kept(source: Path | bytes, cuda: Cuda) -> Path | None:
    """Where the network in half precision is kept, for this card and runtime."""
    if cuda.kept is None:
        return None
    content = hashlib.sha256(source if isinstance(source, bytes) else source.read_bytes()).hexdigest()
    return cuda.kept / "halves" / f"{content[:32]}.onnx"


def _with_options(providers: tuple[Provider, ...], more: dict[str, str]) -> tuple[Provider, ...]:
    """CUDA's options with these as well."""
    found: list[Provider] = []
    for one in providers:
        name, options = (one, {}) if isinstance(one, str) else one
        found.append((name, {**options, **more}) if name == CUDA else one)
    return tuple(found) or (CPU,)
