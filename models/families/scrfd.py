"""SCRFD (Guo et al., "Sample and Computation Redistribution for Efficient Face Detection", ICLR 2022): boxes and five
points, as the files det_10g (retinaface_10g elsewhere) and scrfd_2.5g give them.

In: (1, 3, H, W) float32, RGB, (x - 127.5) / 128, sides of whole 32 pixels where the file leaves them free, the picture
fitted into the top left corner over black.
Out, nine arrays: scores, boxes and points at the strides 8, 16 and 32, two anchors a cell; boxes as the distances from
the cell's corner to left, top, right and bottom, points as offsets from it, both in strides.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Pixels
from models.families.grids import STRIDES, Canvas, Finds, Grid, GridDetector, cells, fitted
from models.sessions import Lease

ANCHORS = 2
_INPUT = (np.arange(256, dtype=np.float32) - np.float32(127.5)) / np.float32(128)
# insightface's own defaults for these files: what counts as a face, and the overlap from which two are one.
THRESHOLD = 0.5
SAME_FACE = 0.4
# How far below the threshold faint finds reach. Nothing was measured: the weights are not at hand.
FAINT = 0.2
# Side of the network's input where the file leaves it free.
SIZE = 640


class ScrfdDetector(GridDetector):
    """A Detector on a leased SCRFD."""

    def __init__(self, lease: Lease, *, threshold: float = THRESHOLD, size: int = SIZE,
                 name: str | None = None, doubted: float | None = None) -> None:
        super().__init__(lease, _GRID, threshold=threshold, size=size, name=name, doubted=doubted)


def as_input(picture: Pixels, canvas: Canvas) -> tuple[NDArray[np.float32], float]:
    """The network's input for a BGR or grey uint8 picture, (1, 3, H, W) float32, and network pixels per picture
    pixel."""
    inside = fitted(picture, canvas, enlarge=True)
    small = picture if inside == picture.shape[1::-1] else cv2.resize(picture, inside)
    blob = np.empty((1, 3, canvas[1], canvas[0]), np.float32)
    blob[:, :, inside[1]:] = blob[:, :, :, inside[0]:] = _INPUT[0]
    # A table a plane is six times as fast as blobFromImage and a copy, to the same bits (measured, 640 x 360: 3.4 ms).
    if small.ndim == 2:
        blob[0, :, :inside[1], :inside[0]] = cv2.LUT(small, _INPUT)
    else:
        for channel, plane in enumerate(cv2.split(small)):
            cv2.LUT(plane, _INPUT, dst=blob[0, 2 - channel, :inside[1], :inside[0]])
    return blob, inside[1] / picture.shape[0]


def _decode(outputs: Sequence[NDArray[np.float32]], canvas: Canvas, lowest: float) -> Finds:
    boxes, scores, points = [], [], []
    for level, stride in enumerate(STRIDES):
        score = outputs[level].reshape(-1)
        hits = np.flatnonzero(score >= lowest)
        corner = cells(canvas, stride, ANCHORS, hits)
        sides = outputs[level + len(STRIDES)].reshape(-1, 4)[hits] * float(stride)
        offsets = outputs[level + 2 * len(STRIDES)].reshape(-1, 5, 2)[hits] * float(stride)
        boxes.append(np.concatenate([corner - sides[:, :2], corner + sides[:, 2:]], axis=1))
        points.append(corner[:, None] + offsets)
        scores.append(score[hits].astype(np.float64))
    return np.concatenate(boxes), np.concatenate(scores), np.concatenate(points)


_GRID = Grid("scrfd", 3 * len(STRIDES), THRESHOLD, SAME_FACE, FAINT, as_input, _decode, enlarges=True,
             examples="det_10g.onnx or scrfd_2.5g.onnx")
