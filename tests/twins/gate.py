"""The content analyser's twins, with the published contracts: they refuse a picture that has a spot of pure green."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from models.catalogue import Catalogue, whole_catalogue
from models.networks import Networks
from models.store import Store
from models.twins import Graph

WINDOW = 16
"""Side of a spot, in pixels of what the classifiers see."""


def _greenest(graph: Graph, size: int, scale: tuple[float, float, float] = (1, 1, 1)) -> str:
    """(1, 1): how much green is above red and blue together, in the spot where it is most. scale: of each channel, for
    inputs that were divided by something."""
    given = graph.input("input", (1, 3, size, size))
    weights = np.array([-1, 1, -1]) * scale
    kernel = np.broadcast_to(weights.reshape(1, 3, 1, 1) / WINDOW**2, (1, 3, WINDOW, WINDOW))
    spots = graph.op("Conv", given, graph.constant(np.array(kernel)), strides=[WINDOW // 2] * 2)
    return graph.op("Reshape", graph.op("ReduceMax", spots, keepdims=1), graph.constant(np.array([1, 1])))


def analyser_files() -> dict[str, bytes]:
    """By slot. The third never refuses: two of three are enough."""
    boxes = Graph()
    green = boxes.op("Reshape", _greenest(boxes, 640), boxes.constant(np.array([1, 1, 1])))
    place = np.zeros((1, 6, 3))
    place[0, 5, 1] = 1
    boxes.output(boxes.op("Mul", boxes.op("Relu", green), boxes.constant(place)), "output", (1, 6, 3))
    two = Graph()
    # Of numbers that went through (x - 0.5) / 0.5, green less red less blue is twice what it was and one more.
    score = two.op("Sub", _greenest(two, 384), two.constant(1.0))
    two.output(two.op("Mul", score, two.constant([[1.0, 0.0]])), "output", (1, 2))
    four = Graph()
    nothing = four.op("Mul", _greenest(four, 448), four.constant(0.0))
    four.output(four.op("Mul", nothing, four.constant([[1.0, 1.0, 1.0, 1.0]])), "output", (1, 4))
    return {"analyser.1": boxes.serialised(), "analyser.2": two.serialised(), "analyser.3": four.serialised()}


def unpinned() -> Catalogue:
    """The program's catalogue without the hashes of files that are fetched: twins under these names have others."""
    catalogue = whole_catalogue()
    return replace(catalogue, model=tuple(replace(row, sha256=None, also=()) if row.urls else row
                                          for row in catalogue.model))


def shelve(folder: Path, files: Mapping[str, bytes]) -> Catalogue:
    """Writes files by slot, under their catalogue names. The program's catalogue, but that the analyser's hashes are
    the twins', and the others' are not known."""
    catalogue = unpinned()
    folder.mkdir(parents=True, exist_ok=True)
    for slot, data in files.items():
        (folder / catalogue.row(slot).file).write_bytes(data)
    hashes = {slot: hashlib.sha256(data).hexdigest() for slot, data in analyser_files().items()}
    return replace(catalogue, model=tuple(replace(row, sha256=hashes[row.slot]) if row.slot in hashes else row
                                          for row in catalogue.model))


def networks(folder: Path, files: Mapping[str, bytes]) -> Networks:
    return Networks(Store(shelve(folder / "models", files), folder / "models", folder / "models.json"))
