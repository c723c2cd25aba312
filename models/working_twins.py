"""Networks that stand in for real ones and cost about as much: the same names, shapes and types, layers of about the
same kind and number, random weights. What a device does with a real network's work can be measured on them; what
comes out is as tame as that of the zero twins (see `models.twins`), with a part that the layers made.

width: of the layers, as a share of the real ones'; 1 is about the real work, 0 none at all. rows: the first axis; 1 as
the published files have it, a name where it is free. Layouts are read off the
papers (SCRFD, 2DFAN, IResNet, SimSwap, GFPGAN) and the published files' sizes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from models.arrays import Points
from models.face import Box
from models.families.fan import GRID
from models.families.fan import SIDE as FAN_SIDE
from models.families.grids import STRIDES
from models.families.inswapper import SIDE as SWAP_SIDE
from models.families.scrfd import ANCHORS
from models.twins import SCORE, Graph

_SEED = 23
ENHANCE_SIDE = 512
MADE = 0.3
"""How much of a picture that comes out is the layers' work; the rest is what went in."""
_NARROWEST = 8  # channels: below that a layer's cost is not its arithmetic
_GAIN = 0.3  # of what a block adds to what went into it, so that numbers stay small over fifty of them


@dataclass(frozen=True, slots=True)
class Twin:
    """graph: serialised ONNX. macs: multiplications with an addition, of one row."""

    graph: bytes
    macs: int


@dataclass(frozen=True, slots=True)
class _Map:
    """Channels of a size, in a graph."""

    name: str
    channels: int
    side: int


class _Layers:
    """Layers with random weights, written into a graph and counted."""

    def __init__(self, width: float) -> None:
        self.graph = Graph()
        self.macs = 0
        self._width = width
        self._numbers = np.random.default_rng(_SEED)

    def wide(self, channels: int) -> int:
        return max(round(channels * self._width), _NARROWEST)

    def weights(self, *shape: int, gain: float) -> str:
        return self.graph.constant(self._numbers.standard_normal(shape, np.float32) * np.float32(gain))

    def conv(self, x: _Map, channels: int, kernel: int = 3, stride: int = 1, *, act: str = "Relu",
             gain: float = 1.0) -> _Map:
        """act: `Relu`, `PRelu`, or empty for none."""
        inputs = x.channels * kernel * kernel
        side = x.side // stride
        made = self.graph.op("Conv", x.name,
                             self.weights(channels, x.channels, kernel, kernel, gain=gain * np.sqrt(2 / inputs)),
                             self.graph.constant(np.zeros(channels)), kernel_shape=[kernel] * 2, strides=[stride] * 2,
                             pads=[kernel // 2] * 4)
        self.macs += inputs * channels * side * side
        if act == "PRelu":
            made = self.graph.op(act, made, self.graph.constant(np.full((channels, 1, 1), 0.25)))
        elif act:
            made = self.graph.op(act, made)
        return _Map(made, channels, side)

    def block(self, x: _Map, channels: int, stride: int = 1, act: str = "Relu") -> _Map:
        """Two convolutions beside a short cut."""
        inner = self.conv(self.conv(x, channels, stride=stride, act=act), channels, act="", gain=_GAIN)
        beside = x if stride == 1 and x.channels == channels else self.conv(x, channels, 1, stride, act="")
        return _Map(self.graph.op("Add", inner.name, beside.name), channels, inner.side)

    def larger(self, x: _Map) -> _Map:
        scales = self.graph.constant(np.array([1, 1, 2, 2], np.float32))
        made = self.graph.op("Resize", x.name, "", scales, mode="nearest")
        return _Map(made, x.channels, x.side * 2)

    def dense(self, x: str, inputs: int, outputs: int) -> str:
        self.macs += inputs * outputs
        made = self.graph.op("MatMul", x, self.weights(inputs, outputs, gain=1 / np.sqrt(inputs)))
        return self.graph.op("Add", made, self.graph.constant(np.zeros(outputs)))

    def near(self, made: str, values: ArrayLike, by: float) -> str:
        """values + by * tanh(made): what the layers make is in it, and it stays what it shall be."""
        moved = self.graph.op("Mul", self.graph.op("Tanh", made), self.graph.constant(by))
        return self.graph.op("Add", moved, self.graph.constant(np.asarray(values, np.float32)))

    def mixed(self, picture: str, made: str) -> str:
        """A picture, and the layers' part of it."""
        part = self.graph.op("Mul", self.graph.op("Tanh", made), self.graph.constant(MADE))
        kept = self.graph.op("Mul", picture, self.graph.constant(1 - MADE))
        return self.graph.op("Add", kept, part)

    def done(self) -> Twin:
        return Twin(self.graph.serialised(), self.macs)


def working_detector(box: Box, points: Points, width: float, size: int = 640) -> Twin:
    """Of det_10g (see `models.families.scrfd`): it always finds one face. box, points (5, 2): in pixels of its input.
    """
    net = _Layers(width)
    image = net.graph.input("input", (1, 3, size, size))
    levels = [] if width == 0 else _scrfd(net, _Map(image, 3, size))
    nothing = net.graph.pixel(image) if width == 0 else ""
    corners = np.array([[box.x0, box.y0], [box.x1, box.y1]])
    stride = STRIDES[1]
    cell = np.floor(corners.mean(axis=0) / stride)
    face = {"score": np.array([SCORE]), "bbox": np.abs(corners - cell * stride).ravel() / stride,
            "kps": (points - cell * stride).ravel() / stride}
    for kind, values in face.items():
        for level, each in enumerate(STRIDES):
            rows = np.zeros(((size // each) ** 2 * ANCHORS, len(values)))
            if each == stride:
                rows[int(cell[1] * (size // stride) + cell[0]) * ANCHORS] = values
            made = nothing if not levels else _flat(net, levels[level], len(values))
            net.graph.output(net.near(made, rows, 1e-3), f"{kind}_{each}", rows.shape)
    return net.done()


def _scrfd(net: _Layers, x: _Map) -> list[_Map]:
    x = net.conv(net.conv(net.conv(x, net.wide(28), stride=2), net.wide(28)), net.wide(56))
    x = _Map(net.graph.op("MaxPool", x.name, kernel_shape=[2, 2], strides=[2, 2]), x.channels, x.side // 2)
    levels = []
    for channels, blocks, stride in ((56, 3, 1), (88, 4, 2), (88, 2, 2), (224, 3, 2)):
        for number in range(blocks):
            x = net.block(x, net.wide(channels), stride if number == 0 else 1)
        levels.append(x)
    found = []
    for level in levels[1:]:
        head = net.conv(net.conv(level, net.wide(56), 1, act=""), net.wide(56))
        for _ in range(3):
            head = net.conv(head, net.wide(80))
        found.append(head)
    return found


def _flat(net: _Layers, level: _Map, numbers: int) -> str:
    """(cells x anchors, numbers)."""
    made = net.conv(level, ANCHORS * numbers, act="")
    last = net.graph.op("Transpose", made.name, perm=[0, 2, 3, 1])
    return net.graph.op("Reshape", last, net.graph.constant(np.array([-1, numbers], np.int64)))


def working_landmarker(points: Points, width: float, rows: int | str = 1) -> Twin:
    """Of 2DFAN4 (see `models.families.fan`): points (68, 2), in cells of its grid, wherever it looks."""
    net = _Layers(width)
    image = net.graph.input("input", (rows, 3, FAN_SIDE, FAN_SIDE))
    answer = np.column_stack([points, np.ones(len(points))])[None]
    if width == 0:
        nothing = net.graph.pixel(image)
        maps, means = nothing, nothing
    else:
        x = net.conv(net.conv(_Map(image, 3, FAN_SIDE), net.wide(64), 7, 2), net.wide(128), stride=2)
        for _ in range(4):
            x = net.block(net.block(x, net.wide(128)), net.wide(128))
            inner = net.conv(x, net.wide(256), stride=2)
            inner = net.larger(net.conv(net.block(net.block(inner, net.wide(256)), net.wide(256)), x.channels, 1))
            x = _Map(net.graph.op("Add", inner.name, x.name), x.channels, x.side)
        maps = net.conv(x, len(points), 1, act="").name
        means = net.graph.op("ReduceMean", maps, axes=[3], keepdims=0)
        means = net.graph.op("ReduceMean", means, axes=[2], keepdims=1)
    net.graph.output(net.near(means, answer, 0.05), "landmarks", (rows, *answer.shape[1:]))
    heat = np.full((1, 1 if width else len(points), 1 if width else GRID, 1 if width else GRID), 0.9)
    net.graph.output(net.near(maps, heat, 0.05), "heatmaps", (rows, len(points), GRID, GRID))
    return net.done()


def working_recogniser(width: float) -> Twin:
    """Of w600k_r50 (see `models.families.arcface`): everybody has nearly the same descriptor."""
    net = _Layers(width)
    image = net.graph.input("input", ("N", 3, 112, 112))
    base = np.random.default_rng(_SEED).standard_normal((1, 512))
    if width == 0:
        made = net.dense(net.graph.op("ReduceMean", image, axes=[2, 3], keepdims=0), 3, 512)
    else:
        x = net.conv(_Map(image, 3, 112), net.wide(64), act="PRelu")
        for channels, blocks in ((64, 3), (128, 4), (256, 14), (512, 3)):
            for number in range(blocks):
                x = net.block(x, net.wide(channels), 2 if number == 0 else 1, "PRelu")
        made = net.dense(net.graph.op("Flatten", x.name, axis=1), x.channels * x.side * x.side, 512)
    net.graph.output(net.near(made, base, 0.2), "embedding", ("N", 512))
    return net.done()


def working_swapper(width: float, rows: int | str = 1) -> Twin:
    """Of inswapper_128 (see `models.families.inswapper`): the target, and a part that target and source make."""
    net = _Layers(width)
    shape = (rows, 3, SWAP_SIDE, SWAP_SIDE)
    target, source = net.graph.input("target", shape), net.graph.input("source", (rows, 512))
    if width == 0:
        made = net.graph.op("ReduceMean", source, axes=[1], keepdims=1)
        for axis in (2, 3):
            made = net.graph.op("Unsqueeze", made, net.graph.constant(np.array([axis], np.int64)))
    else:
        x = net.conv(net.conv(_Map(target, 3, SWAP_SIDE), net.wide(128), 7), net.wide(256))
        x = net.conv(net.conv(x, net.wide(512), stride=2), net.wide(1024), stride=2)
        for _ in range(6):
            inner = _styled(net, net.conv(x, x.channels, act=""), source)
            inner = _styled(net, net.conv(_Map(net.graph.op("Relu", inner.name), x.channels, x.side), x.channels,
                                          act=""), source)
            scaled = net.graph.op("Mul", inner.name, net.graph.constant(_GAIN))
            x = _Map(net.graph.op("Add", x.name, scaled), x.channels, x.side)
        x = net.conv(net.conv(net.larger(net.conv(net.larger(x), net.wide(512))), net.wide(256)), net.wide(128))
        made = net.conv(x, 3, 7, act="").name
    net.graph.output(net.mixed(target, made), "output", shape)
    emap = np.linalg.qr(np.random.default_rng(_SEED).standard_normal((512, 512)))[0]
    net.graph.constant(emap, "emap")  # the last initializer, as insightface's class and ours expect it
    return net.done()


def _styled(net: _Layers, x: _Map, source: str) -> _Map:
    """Every channel's mean and spread are the source's."""
    graph = net.graph
    ones, zeros = graph.constant(np.ones(x.channels)), graph.constant(np.zeros(x.channels))
    level = graph.op("InstanceNormalization", x.name, ones, zeros)
    parts = [net.dense(source, 512, x.channels) for _ in range(2)]
    for axis in (2, 3):
        parts = [graph.op("Unsqueeze", part, graph.constant(np.array([axis], np.int64))) for part in parts]
    spread = graph.op("Add", parts[0], graph.constant(1.0))
    return _Map(graph.op("Add", graph.op("Mul", level, spread), parts[1]), x.channels, x.side)


def working_enhancer(width: float, rows: int | str = 1) -> Twin:
    """Of gfpgan_1.4 (see `models.families.enhancers`)."""
    net = _Layers(width)
    shape = (rows, 3, ENHANCE_SIDE, ENHANCE_SIDE)
    image = net.graph.input("input", shape)
    made = image if width == 0 else _down_and_up(net, _Map(image, 3, ENHANCE_SIDE)).name
    net.graph.output(net.mixed(image, made), "output", shape)
    return net.done()


def _down_and_up(net: _Layers, x: _Map) -> _Map:
    x = net.conv(x, net.wide(32), 1)
    for channels in (64, 128, 256, 256, 256, 256):
        x = net.conv(net.conv(x, net.wide(channels), stride=2), net.wide(channels))
    x = net.conv(x, net.wide(512))
    for channels in (512, 512, 512, 256, 128, 64):
        x = net.conv(net.conv(net.larger(x), net.wide(channels)), net.wide(channels))
    return net.conv(x, 3, act="")

