"""The session that a model gets on a CUDA device: full or half precision, an engine or not, graphs or not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from models.sessions.binding import CUDA, BoundSession
from models.sessions.cards import TENSORRT
from models.sessions.device import Cuda, DeviceSpec
from models.sessions.engines import Engines
from models.sessions.halves import Halved, halved
from models.sessions.ports import CPU

Provider = str | tuple[str, dict[str, Any]]


class Open(Protocol):
    """How the manager makes a session of a file or a serialised graph."""

    def __call__(self, source: Path | bytes, providers: tuple[Provider, ...]) -> Any: ...


def cuda_session(source: Path | bytes, spec: DeviceSpec, cuda: Cuda, *, runtime: Any, make: Open, half: bool,
                 engines: Engines, renew: Callable[[], None]) -> Any:
    """A session of the source on a CUDA device. half: half precision is allowed for this model. renew: called once an
    engine that is not there yet has been built. Where the runtime falls back to the CPU, that session, as it is."""
    providers = _with_options(spec.providers, {})
    full = make(source, providers)
    if CUDA not in full.get_providers():
        return full
    modes, words = [], []
    wish = engines.wish(source, spec, half and cuda.halves, full.get_inputs())
    why = None if wish is None else engines.state(wish, renew)
    if wish is not None and why == "":
        made = make(source, (wish.provider, *providers))
        if TENSORRT in made.get_providers():
            del full
            bound = BoundSession(runtime, lambda _: made, spec.name, cuda.number, False)
            bound.said.modes += ["tensorrt", *(["half"] if wish.half else [])]
            return bound
        why = "without TensorRT: ONNX Runtime does not offer it here"
    if why:
        words.append(why)
    if half and cuda.halves:
        found = _halved(source, full, cuda, lambda graph: make(graph, providers))
        if found.graph is not None:
            source, modes = found.graph, ["half"]
        else:
            words.append(f"not in half precision: {found.why}")
    del full  # its memory, before the next one takes as much
    graphs = _with_options(spec.providers, {"enable_cuda_graph": "1"})
    bound = BoundSession(runtime, lambda wanted: make(source, graphs if wanted else providers), spec.name, cuda.number,
                         cuda.graphs)
    bound.said.modes += modes
    bound.said.words += words
    return bound


def _halved(source: Path | bytes, full: Any, cuda: Cuda, make: Callable[[bytes], Any]) -> Halved:
    if cuda.kept is None:
        return halved(source, full, make)
    content = hashlib.sha256(source if isinstance(source, bytes) else source.read_bytes()).hexdigest()
    return halved(source, full, make, cuda.kept / "halves" / f"{content[:32]}.onnx")


def _with_options(providers: tuple[Provider, ...], more: dict[str, str]) -> tuple[Provider, ...]:
    """CUDA's options with these as well."""
    found: list[Provider] = []
    for one in providers:
        name, options = (one, {}) if isinstance(one, str) else one
        found.append((name, {**options, **more}) if name == CUDA else one)
    return tuple(found) or (CPU,)
