"""The five networks of the bench: working twins in files, and numbers to feed them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.face import Box, five_points
from models.families.fan import BOX_SIDE, GRID
from models.families.fan import SIDE as FAN_SIDE
from models.families.scrfd import SIZE
from models.geometry import similarity, transform
from models.working_twins import (
    Twin,
    working_detector,
    working_enhancer,
    working_landmarker,
    working_recogniser,
    working_swapper,
)
from pipeline.bench.speed.moving import Moving
from processors.classical.pose import mean_shape

NAMES = ("detector", "landmarker", "recogniser", "swapper", "enhancer")
STANDS_FOR = {"detector": "det_10g", "landmarker": "2dfan4", "recogniser": "w600k_r50", "swapper": "inswapper_128",
              "enhancer": "gfpgan_1.4"}
_SEED = 5


@dataclass(frozen=True, slots=True)
class Network:
    """One twin in a file. bytes, macs: its size and work. single: it was made for one row."""

    name: str
    path: Path
    bytes: int
    macs: int
    single: bool = False


@dataclass(frozen=True, slots=True)
class Networks:
    """By the names of `NAMES`. width: of their layers."""

    by_name: dict[str, Network]
    width: float

    def __getitem__(self, name: str) -> Network:
        return self.by_name[name]

    def all(self) -> tuple[Network, ...]:
        return tuple(self.by_name.values())


def make_networks(folder: Path, moving: Moving, width: float, rows: int | str) -> Networks:
    """Writes them. The detector finds the clip's face where it is on average, and the points are a mean face there.
    rows: their first axis (see `models.working_twins`)."""
    scale = SIZE / max(moving.width, moving.height)
    box = Box(*(side * scale for side in moving.box))
    mean = mean_shape()[:, :2]
    points = transform(mean, similarity(five_points(mean), moving.points))
    middle = np.array([moving.box.x0 + moving.box.x1, moving.box.y0 + moving.box.y1]) / 2
    inside = (points - middle) * BOX_SIDE / max(moving.box.width, moving.box.height) + FAN_SIDE / 2
    made: dict[str, Twin] = {
        "detector": working_detector(box, moving.points * scale, width),
        "landmarker": working_landmarker(inside * GRID / FAN_SIDE, width, rows),
        "recogniser": working_recogniser(width), "swapper": working_swapper(width, rows),
        "enhancer": working_enhancer(width, rows)}
    found = {}
    for name in NAMES:
        path = folder / f"{STANDS_FOR[name]}.onnx"
        path.write_bytes(made[name].graph)
        found[name] = Network(name, path, len(made[name].graph), made[name].macs,
                              rows == 1 and name not in ("detector", "recogniser"))
    return Networks(found, width)


def numbers_for(ports: Sequence[Any], rows: int) -> dict[str, NDArray[np.float32]]:
    """Numbers as crops have them, 0..1, never twice the same: zeros hide what is not written."""
    random = np.random.default_rng(_SEED)
    return {port.name: random.random([rows, *port.shape[1:]], np.float32) for port in ports}
