"""Networks that were exported for one row, made to take several: where that changes nothing, which is tried."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROWS = "likeness_rows"
PROBE_ROWS = 3
CLOSE = 1e-4
"""Of the largest number of an output: what other kernels for another size may differ by in single precision."""
LARGEST = 1 << 31
"""Bytes: what one protobuf message can hold."""

_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}

Make = Callable[[bytes], Any]


def with_free_axis(source: Path | bytes, make: Make) -> bytes | None:
    """The same network for any number of rows, serialised; None where there is none that gives the same answers.

    A network qualifies where every input and output has a first axis of 1, or a free one, and float numbers: inputs
    that all rows share (a weight) are left as they are where they have one axis. Some files (w600k_r50, 2d106det) take
    any number of rows and say of their answers that there is one. make: a session of a serialised graph.
    """
    if not isinstance(source, bytes) and source.stat().st_size >= LARGEST:
        return None
    import onnx

    network = onnx.load_model_from_string(source) if isinstance(source, bytes) else onnx.load(str(source))
    if not _free(network.graph):
        return None
    changed = bytes(network.SerializeToString())
    original = source if isinstance(source, bytes) else source.read_bytes()
    return changed if _agree(make(original), changed, make) else None


def _free(graph: Any) -> bool:
    """Whether every input and output could be given a free first axis, and was."""
    known = {constant.name for constant in graph.initializer}
    inputs = [port for port in graph.input if port.name not in known]
    fixed = 0
    for port in (*inputs, *graph.output):
        axes = port.type.tensor_type.shape.dim
        if len(axes) < 2:
            if port in graph.output:
                return False
            continue
        if axes[0].dim_value > 1:
            return False
        fixed += axes[0].dim_value
        axes[0].dim_param = ROWS
    if inputs and not fixed:
        return False
    # Shapes in between were worked out for one row.
    del graph.value_info[:]
    _loosen_reshapes(graph)
    return True


def _loosen_reshapes(graph: Any) -> None:
    """A Reshape to (1, …) without a free axis elsewhere keeps its rows as 0 says: "as the input's"."""
    from onnx import numpy_helper

    shapes = {node.input[1] for node in graph.node if node.op_type == "Reshape"}
    others = {name for node in graph.node for at, name in enumerate(node.input)
              if not (node.op_type == "Reshape" and at == 1)}
    constants = {constant.name: constant for constant in graph.initializer}
    for name in shapes & set(constants) - others:
        values = numpy_helper.to_array(constants[name]).copy()
        if values.ndim == 1 and len(values) > 1 and values[0] == 1:
            values[0] = 0
            constants[name].CopyFrom(numpy_helper.from_array(values, name))


def _agree(one: Any, changed: bytes, make: Make) -> bool:
    """Whether several rows at once give what each gives alone."""
    try:
        several = make(changed)
        feeds = _probe(one.get_inputs())
        if feeds is None:
            return False
        shared = {port.name for port in one.get_inputs() if len(port.shape) < 2}
        at_once = several.run(None, feeds)
        for row in range(PROBE_ROWS):
            alone = one.run(None, {name: array if name in shared else array[row:row + 1]
                                   for name, array in feeds.items()})
            for batch, single in zip(at_once, alone, strict=True):
                if len(batch) != PROBE_ROWS or not _close(batch[row:row + 1], single):
                    return False
    except Exception:  # of the runtime's own kinds: a network that does not run so is no use so, and is run as it was
        return False
    return True


def _probe(ports: Sequence[Any]) -> dict[str, NDArray[Any]] | None:
    """Rows that differ, in the range that crops have; None where an input is of another kind."""
    numbers = np.random.default_rng(7)
    feeds = {}
    for port in ports:
        kind = _TYPES.get(port.type)
        rows = len(port.shape) > 1
        if kind is None or any(not isinstance(size, int) for size in port.shape[rows:]):
            return None
        shape = tuple(port.shape) if len(port.shape) < 2 else (PROBE_ROWS, *port.shape[1:])
        feeds[port.name] = numbers.uniform(0, 1, shape).astype(kind)
    return feeds


def _close(one: NDArray[Any], other: NDArray[Any]) -> bool:
    if one.shape != other.shape:
        return False
    scale = float(np.abs(other.astype(np.float64)).max(initial=1e-6))
    return bool(np.abs(one.astype(np.float64) - other.astype(np.float64)).max(initial=0) <= CLOSE * scale)
