"""Networks that stand in for real ones: the same names, shapes and types, and next to no work ("zero twins").

What a program needs around its networks is what remains of its time when it runs on them. They are made where they
are used, and know nothing: a detector finds one face where it was told to, a recogniser knows everybody as one person,
a swapper gives the picture back a little paler.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from models.arrays import Points
from models.face import Box
from models.families.grids import STRIDES
from models.families.inswapper import SIDE as SWAP_SIDE
from models.families.scrfd import ANCHORS

SCORE = 0.9
# Every free choice of numbers below is drawn from this, so that twins are the same everywhere.
_SEED = 11


@dataclass(slots=True)
class Graph:
    """An ONNX graph in the making. Methods return the name of what they made."""

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    inputs: list[Any] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)

    def input(self, name: str, shape: Sequence[int | str]) -> str:
        from onnx import TensorProto, helper

        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)))
        return name

    def constant(self, values: ArrayLike, name: str | None = None) -> str:
        """values: float32, or int64 where they are whole numbers (Python's)."""
        from onnx import numpy_helper

        name = name or f"constant_{len(self.constants)}"
        array = np.asarray(values)
        array = array if array.dtype == np.int64 else array.astype(np.float32)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper

        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def output(self, made: str, name: str, shape: Sequence[int | str]) -> None:
        from onnx import TensorProto, helper

        self.nodes.append(helper.make_node("Identity", [made], [name]))
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)))

    def pixel(self, name: str) -> str:
        """(1,): 0 times the input's first number: what makes a constant depend on the input, so that it runs."""
        first = self.op("Slice", name, *(self.constant(row) for row in ([0] * 4, [1] * 4, [0, 1, 2, 3])))
        return self.op("Reshape", self.op("Mul", first, self.constant(0.0)), self.constant([1]))

    def serialised(self) -> bytes:
        from onnx import helper

        graph = helper.make_graph(self.nodes, "twin", self.inputs, self.outputs, self.constants)
        # Opset 13 and IR 8: every runtime that Likeness allows reads them.
        return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
                     .SerializeToString())


def zero_detector(box: Box, points: Points, size: int = 640) -> bytes:
    """A twin of det_10g (see `models.families.scrfd`) that always finds one face. box, points: (5, 2), in pixels of its
    size x size input."""
    graph = Graph()
    pixel = graph.pixel(graph.input("input", (1, 3, size, size)))
    corners = np.array([[box.x0, box.y0], [box.x1, box.y1]])
    stride = STRIDES[1]
    cell = np.floor(corners.mean(axis=0) / stride)
    kinds = {"score": 1, "bbox": 4, "kps": 10}
    for kind, numbers in kinds.items():
        for each in STRIDES:
            rows = np.zeros(((size // each) ** 2 * ANCHORS, numbers))
            if each == stride:
                at = int(cell[1] * (size // stride) + cell[0]) * ANCHORS
                rows[at] = {"score": np.array([SCORE]),
                            "bbox": np.abs(corners - cell * stride).ravel() / stride,
                            "kps": (points - cell * stride).ravel() / stride}[kind]
            graph.output(graph.op("Add", pixel, graph.constant(rows)), f"{kind}_{each}", rows.shape)
    return graph.serialised()


def zero_recogniser() -> bytes:
    """A twin of w600k_r50 (see `models.families.arcface`): everybody has the same descriptor, but for a trace of the
    picture's mean colour, red first."""
    graph = Graph()
    colour = graph.op("ReduceMean", graph.input("input", ("N", 3, 112, 112)), axes=[2, 3], keepdims=0)
    spread = np.zeros((3, 512))
    spread[:, :3] = np.eye(3) * 0.1
    base = np.random.default_rng(_SEED).standard_normal((1, 512))
    made = graph.op("Add", graph.op("MatMul", colour, graph.constant(spread)), graph.constant(base))
    graph.output(made, "embedding", ("N", 512))
    return graph.serialised()


def zero_swapper() -> bytes:
    """A twin of inswapper_128 (see `models.families.inswapper`): 0.9 x + 0.05, the blue a little less, whoever the
    source is."""
    graph = Graph()
    shape = (1, 3, SWAP_SIDE, SWAP_SIDE)
    target, source = graph.input("target", shape), graph.input("source", (1, 512))
    nothing = graph.op("Mul", graph.op("ReduceMean", source, axes=[1], keepdims=1), graph.constant(0.0))
    nothing = graph.op("Reshape", nothing, graph.constant(np.array([1, 1, 1, 1])))
    paler = graph.op("Mul", target, graph.constant(np.array([0.9, 0.9, 0.8]).reshape(1, 3, 1, 1)))
    paler = graph.op("Add", paler, graph.constant(0.05))
    graph.output(graph.op("Add", paler, nothing), "output", shape)
    emap = np.linalg.qr(np.random.default_rng(_SEED).standard_normal((512, 512)))[0]
    graph.constant(emap, "emap")  # the last initializer, as insightface's class and ours expect it
    return graph.serialised()
