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


def echoing_recogniser() -> bytes:
    """A recogniser whose descriptor is the first 512 numbers of its input: red, the upper rows."""
    graph = Graph()
    flat = graph.op("Reshape", graph.input("input", ("N", 3, 112, 112)), graph.constant([-1, 3 * 112 * 112]))
    graph.output(graph.op("Slice", flat, *(graph.constant([n]) for n in (0, 512, 1))), "embedding", ("N", 512))
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
