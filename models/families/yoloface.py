"""YOLO-face (derronqi's YOLOv8 for faces), as the file yoloface_8n gives it: boxes and five points.

In: (1, 3, H, W) float32, BGR, x / 255, the picture fitted into the top left corner over black, never enlarged.
Out: (1, 20, N): of each candidate the box's centre and sides, its score, and x, y and confidence of five points, all in
pixels of the input.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.arrays import Pixels
from models.families.grids import Canvas, Finds, Grid, GridDetector, in_corner
from models.sessions import Lease

# FaceFusion's for this file.
THRESHOLD = 0.5
SAME_FACE = 0.4
# How far below the threshold faint finds reach. Nothing was measured: the weights are not at hand.
FAINT = 0.2
SIZE = 640
NUMBERS = 20
_INPUT = np.arange(256, dtype=np.float32) / np.float32(255)


class YolofaceDetector(GridDetector):
    """A Detector on a leased YOLO-face."""

    def __init__(self, lease: Lease, *, threshold: float = THRESHOLD, size: int = SIZE,
                 name: str | None = None, doubted: float | None = None) -> None:
        super().__init__(lease, _GRID, threshold=threshold, size=size, name=name, doubted=doubted)


def as_input(picture: Pixels, canvas: Canvas) -> tuple[NDArray[np.float32], float]:
    """The network's input for a BGR or grey uint8 picture, and network pixels per picture pixel."""
    return in_corner(picture, canvas, _INPUT)


def _decode(outputs: Sequence[NDArray[np.float32]], canvas: Canvas, lowest: float) -> Finds:
    found = outputs[0].reshape(NUMBERS, -1).astype(np.float64)
    found = found[:, found[4] >= lowest].T
    centre, half = found[:, :2], found[:, 2:4] / 2
    return np.concatenate([centre - half, centre + half], axis=1), found[:, 4], found[:, 5:].reshape(-1, 5, 3)[:, :, :2]


_GRID = Grid("yoloface", 1, THRESHOLD, SAME_FACE, FAINT, as_input, _decode, enlarges=False,
             examples="yoloface_8n.onnx", numbers=NUMBERS)
