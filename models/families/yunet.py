"""YuNet (Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 2023): boxes and
five points from 0.3 MB.

In: (1, 3, H, W) float32, BGR, 0..255, sides of whole 32 pixels where the file leaves them free, the picture fitted
into the top left corner over black, never enlarged.
Out, twelve arrays of one anchor a cell at the strides 8, 16 and 32: class, objectness, boxes, points. The score is
class times objectness; a box's centre and the points are offsets from the cell's corner in strides, its sides are e to
the power of what is given, in strides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.arrays import Pixels
from models.families.grids import STRIDES, Canvas, Finds, Grid, GridDetector, cells, in_corner
from models.sessions import Lease

# FaceFusion's for this file; OpenCV's FaceDetectorYN takes the root of the product and 0.9 for it.
THRESHOLD = 0.5
SAME_FACE = 0.4
FAINT = 0.2
SIZE = 640
_INPUT = np.arange(256, dtype=np.float32)


class YunetDetector(GridDetector):
    """A Detector on a leased YuNet."""

    def __init__(self, lease: Lease, *, threshold: float = THRESHOLD, size: int = SIZE,
                 name: str | None = None, doubted: float | None = None) -> None:
        super().__init__(lease, _GRID, threshold=threshold, size=size, name=name, doubted=doubted)


def as_input(picture: Pixels, canvas: Canvas) -> tuple[NDArray[np.float32], float]:
    """The network's input for a BGR or grey uint8 picture, and network pixels per picture pixel."""
    return in_corner(picture, canvas, _INPUT)


def _decode(outputs: Sequence[NDArray[np.float32]], canvas: Canvas, lowest: float) -> Finds:
    boxes, scores, points = [], [], []
    levels = len(STRIDES)
    for level, stride in enumerate(STRIDES):
        score = (outputs[level] * outputs[level + levels]).reshape(-1).astype(np.float64)
        hits = np.flatnonzero(score >= lowest)
        corner = cells(canvas, stride, 1, hits)
        given = outputs[level + 2 * levels].reshape(-1, 4)[hits].astype(np.float64)
        centre, half = corner + given[:, :2] * stride, np.exp(given[:, 2:]) * stride / 2
        boxes.append(np.concatenate([centre - half, centre + half], axis=1))
        points.append(corner[:, None] + outputs[level + 3 * levels].reshape(-1, 5, 2)[hits] * float(stride))
        scores.append(score[hits])
    return np.concatenate(boxes), np.concatenate(scores), np.concatenate(points)


_GRID = Grid("yunet", 4 * len(STRIDES), THRESHOLD, SAME_FACE, FAINT, as_input, _decode, enlarges=False,
             examples="yunet_2023_mar.onnx")
