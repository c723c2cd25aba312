"""Networks in half precision: half the bytes and the matrix units' fast lane, where the answers stay the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.sessions.axis import LARGEST

PROBE_ROWS = 2
USUAL, WORST = 2e-3, 2e-2
"""What half precision may change, of the largest number of an output: by its root mean square, and in one number.
A half has 11 bits, so each layer rounds by up to 5e-4 of a number; over the 50 to 100 layers of these networks that
adds up like a random walk, to a few thousandths. 2e-3 is half of one of a picture's 256 levels, 2e-2 five of them."""

_KINDS = {"tensor(float)": np.float32, "tensor(double)": np.float64}


@dataclass(frozen=True, slots=True)
class Halved:
    """graph: the network in half precision, serialised, its ends still float32; None with the reason `why` where there
    is none that may be used."""

    graph: bytes | None
    why: str = ""


def halved(source: Path | bytes, full: Any, make: Callable[[bytes], Any], kept: Path | None = None) -> Halved:
    """The network in half precision, after it gave the answers of the full one on a probe.

    full: a session of the source, needed where nothing is kept. make: one of the changed graph, where it will run.
    kept: a file for the outcome, so that this is done once for each runtime; it is read when it is there.
    """
    if not isinstance(source, bytes) and source.stat().st_size >= LARGEST:
        return Halved(None, "it is too large to be changed")
    if kept is not None and kept.is_file():
        return Halved(kept.read_bytes())
    feeds = probe(full.get_inputs())
    if feeds is None:
        return Halved(None, "its sizes are not fixed, so that it cannot be tried")
    try:
        graph = _converted(source)
        made = make(graph).run(None, feeds)
    except Exception as error:  # the converter's and the runtime's own kinds: all mean that there is no such network
        return Halved(None, f"it cannot be made ({(str(error).strip().splitlines() or [type(error).__name__])[0]})")
    why = difference(made, full.run(None, feeds))
    if why:
        return Halved(None, why)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        trial = kept.with_name(f".{kept.name}")
        trial.write_bytes(graph)
        trial.replace(kept)
    return Halved(graph)


def _converted(source: Path | bytes) -> bytes:
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    network = onnx.load_model_from_string(source) if isinstance(source, bytes) else onnx.load(str(source))
    return bytes(convert_float_to_float16(network, keep_io_types=True).SerializeToString())


def probe(ports: Sequence[Any]) -> dict[str, NDArray[Any]] | None:
    """Rows that differ, in the range that crops have; None where a size other than that of the rows is free, or an
    input is of whole numbers."""
    numbers = np.random.default_rng(7)
    feeds = {}
    for port in ports:
        kind = _KINDS.get(port.type)
        if kind is None or any(not isinstance(size, int) for size in port.shape[1:]):
            return None
        first = [size if isinstance(size, int) else PROBE_ROWS for size in port.shape[:1]]
        feeds[port.name] = numbers.uniform(0, 1, (*first, *port.shape[1:])).astype(kind)
    return feeds


def difference(made: Sequence[NDArray[Any]], wanted: Sequence[NDArray[Any]]) -> str:
    """In words, where it is more than half precision may change; empty where it is not."""
    for one, other in zip(made, wanted, strict=True):
        if one.shape != other.shape or not np.isfinite(one).all():
            return "its answers are not numbers of the same shape"
        usual, worst = off(one, other)
        if usual > USUAL or worst > WORST:
            return f"its answers are {usual:.1%} off, up to {worst:.1%}, where {USUAL:.1%} and {WORST:.0%} are allowed"
    return ""


def off(one: NDArray[Any], other: NDArray[Any]) -> tuple[float, float]:
    """Root mean square and largest of the differences, as shares of the other's largest number."""
    away = np.abs(one.astype(np.float64) - other.astype(np.float64))
    scale = max(float(np.abs(other.astype(np.float64)).max(initial=0)), 1e-6)
    return float(np.sqrt((away ** 2).mean())) / scale if away.size else 0.0, float(away.max(initial=0)) / scale
