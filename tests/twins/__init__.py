"""Small networks with the names and shapes of real ones, whose answers tell what they were fed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from models.families.grids import STRIDES
from models.families.scrfd import ANCHORS
from models.twins import Graph


class Planted(NamedTuple):
    """A candidate of a detector: level of STRIDES, cell, anchor, score; box and points in network pixels."""

    level: int
    cell: tuple[int, int]
    anchor: int
    score: float
    box: tuple[float, float, float, float]
    points: np.ndarray


def planted_detector(candidates: Sequence[Planted], size: int = 640) -> bytes:
    """A detector that always answers these candidates, whatever it sees."""
    graph = Graph()
    pixel = graph.pixel(graph.input("input", (1, 3, size, size)))
    for kind, numbers in (("score", 1), ("bbox", 4), ("kps", 10)):
        for level, stride in enumerate(STRIDES):
            rows = np.zeros(((size // stride) ** 2 * ANCHORS, numbers))
            for found in (c for c in candidates if c.level == level):
                x, y = found.cell
                corner = np.array([x, y]) * stride
                x0, y0, x1, y1 = found.box
                sides = np.array([corner[0] - x0, corner[1] - y0, x1 - corner[0], y1 - corner[1]])
                rows[(y * (size // stride) + x) * ANCHORS + found.anchor] = {
                    "score": np.array([found.score]), "bbox": sides / stride,
                    "kps": (found.points - corner).ravel() / stride}[kind]
            graph.output(graph.op("Add", pixel, graph.constant(rows)), f"{kind}_{stride}", rows.shape)
    return graph.serialised()


def echoing_recogniser(numbers: int = 512, rows: int | str = "N", told: int | str = "N") -> bytes:
    """A recogniser whose descriptor is the first numbers of its input: red, the upper rows. rows: that it takes; told:
    that it says it gives."""
    graph = Graph()
    flat = graph.op("Reshape", graph.input("input", (rows, 3, 112, 112)), graph.constant([-1, 3 * 112 * 112]))
    made = graph.op("Slice", flat, *(graph.constant([n]) for n in (0, numbers, 1)))
    graph.output(made, "embedding", (told, numbers))
    return graph.serialised()


def mixing_swapper() -> bytes:
    """A swapper that adds the source's first three numbers to red, green and blue. Its map turns descriptors round:
    the last number comes first."""
    graph = Graph()
    shape = (1, 3, 128, 128)
    target, source = graph.input("target", shape), graph.input("source", (1, 512))
    colour = graph.op("Slice", source, *(graph.constant([n]) for n in (0, 3, 1, 1)))
    added = graph.op("Add", target, graph.op("Reshape", colour, graph.constant([1, 3, 1, 1])))
    graph.output(added, "output", shape)
    graph.constant(np.eye(512)[::-1], "emap")
    return graph.serialised()


def planted_yunet(candidates: Sequence[Planted], size: tuple[int, int] = (640, 640)) -> bytes:
    """A YuNet that always answers these candidates; size: width and height of its input. Scores are halved between
    class and objectness; the anchor does not count."""
    graph = Graph()
    width, height = size
    pixel = graph.pixel(graph.input("input", (1, 3, height, width)))
    for kind, numbers in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
        for level, stride in enumerate(STRIDES):
            columns = width // stride
            rows = np.zeros((1, columns * (height // stride), numbers))
            for found in (c for c in candidates if c.level == level):
                x, y = found.cell
                corner = np.array([x, y]) * stride
                x0, y0, x1, y1 = found.box
                centre = np.array([x0 + x1, y0 + y1]) / 2
                rows[0, y * columns + x] = {
                    "cls": np.sqrt([found.score]), "obj": np.sqrt([found.score]),
                    "bbox": np.concatenate([(centre - corner) / stride, np.log(np.array([x1 - x0, y1 - y0]) / stride)]),
                    "kps": (found.points - corner).ravel() / stride}[kind]
            graph.output(graph.op("Add", pixel, graph.constant(rows)), f"{kind}_{stride}", rows.shape)
    return graph.serialised()


def planted_yoloface(candidates: Sequence[Planted], size: tuple[int, int] = (640, 640)) -> bytes:
    """A YOLO-face that always answers these candidates; level, cell and anchor do not count. size: width and height."""
    graph = Graph()
    width, height = size
    pixel = graph.pixel(graph.input("images", (1, 3, height, width)))
    rows = np.zeros((1, 20, max(len(candidates), 1)))
    for at, found in enumerate(candidates):
        x0, y0, x1, y1 = found.box
        points = np.column_stack([found.points, np.full(5, 0.5)])
        rows[0, :, at] = [(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0, found.score, *points.ravel()]
    graph.output(graph.op("Add", pixel, graph.constant(rows)), "output0", rows.shape)
    return graph.serialised()


def seeing_yoloface(needed: float, size: tuple[int, int] = (640, 640)) -> bytes:
    """A YOLO-face that finds what is red, as a box of 40 pixels round its middle, its face upright. needed: red pixels
    of its input that it does not see less of."""
    graph = Graph()
    width, height = size
    given = graph.input("images", (1, 3, height, width))
    red = graph.op("Slice", given, *(graph.constant([n]) for n in (2, 3, 1)))
    axes = graph.constant([1, 2, 3])
    total = graph.op("ReduceSum", red, axes, keepdims=1)
    some = graph.op("Max", total, graph.constant(1.0))
    middle = []
    for ramp in (np.arange(width).reshape(1, 1, 1, -1), np.arange(height).reshape(1, 1, -1, 1)):
        weighed = graph.op("Mul", red, graph.constant(ramp.astype(np.float32)))
        middle.append(graph.op("Div", graph.op("ReduceSum", weighed, axes, keepdims=1), some))
    more = graph.op("Sub", total, graph.constant(float(needed)))
    score = graph.op("Clip", more, graph.constant(0.0), graph.constant(0.9))
    zero = graph.op("Mul", total, graph.constant(0.0))
    side = graph.op("Add", zero, graph.constant(40.0))
    numbers = [*middle, side, side, score]
    for x, y in ((-8.0, -8.0), (8.0, -8.0), (0.0, 0.0), (-6.0, 8.0), (6.0, 8.0)):
        numbers += [graph.op("Add", middle[0], graph.constant(x)), graph.op("Add", middle[1], graph.constant(y)), zero]
    made = graph.op("Reshape", graph.op("Concat", *numbers, axis=1), graph.constant([1, 20, 1]))
    graph.output(made, "output0", (1, 20, 1))
    return graph.serialised()
