"""SCRFD (Guo et al., "Sample and Computation Redistribution for Efficient Face Detection", ICLR 2022): boxes and five
points, as the files det_10g and scrfd_2.5g give them.

In: `input`, (1, 3, S, S) float32, RGB, (x - 127.5) / 128, the picture fitted into the top left corner over black.
Out, nine arrays: scores, boxes and points at the strides 8, 16 and 32, two anchors a cell; boxes as the distances from
the cell's corner to left, top, right and bottom, points as offsets from it, both in strides.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Pixels
from models.errors import ModelError
from models.face import Box
from models.geometry import invert, quarter_turn, transform
from models.interfaces import Detection, Search
from models.sessions import Lease

STRIDES = (8, 16, 32)
ANCHORS = 2
_INPUT = (np.arange(256, dtype=np.float32) - np.float32(127.5)) / np.float32(128)
# insightface's own defaults for these files: what counts as a face, and the overlap from which two are one.
THRESHOLD = 0.5
SAME_FACE = 0.4
# How far below the threshold faint finds reach. Nothing was measured: the weights are not at hand.
FAINT = 0.2
# Side of the network's input where the file leaves it free.
SIZE = 640


@dataclass(frozen=True, slots=True)
class _Found:
    """Candidates in pixels of the upright picture. boxes: (N, 4), scores: (N,), points: (N, 5, 2), turns: (N,)."""

    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    points: NDArray[np.float64]
    turns: NDArray[np.int64]


class ScrfdDetector:
    """A Detector on one leased model. Safe to share between threads.

    Scores are the network's less the threshold, so that 0 is where a face begins, as for other detectors.
    """

    name = "scrfd"

    def __init__(self, lease: Lease, *, threshold: float = THRESHOLD, size: int = SIZE) -> None:
        self._lease = lease
        self._threshold = threshold
        self._free_size = size

    def detect(self, picture: Pixels, search: Search) -> list[Detection]:
        """See `models.interfaces.Detector`. A second look for small faces is at twice the size; a network whose input
        is fixed cannot take one. Raises ModelError (`MODEL.CONTRACT`) where the model is no SCRFD with points."""
        free, size = self._input()
        looks = [(size, 0)]
        if search.small and free:
            looks.append((2 * size, 0))
        if search.turned:
            looks += [(size, turn) for turn in (1, 2, 3)]
        lowest = self._threshold - FAINT if search.faint else self._threshold
        found = [self._look(picture, side, turn, lowest) for side, turn in looks]
        together = _Found(*(np.concatenate([getattr(part, name) for part in found])
                            for name in ("boxes", "scores", "points", "turns")))
        kept = [Detection(Box(*(float(v) for v in together.boxes[i])), float(together.scores[i]) - self._threshold,
                          int(together.turns[i]), together.points[i]) for i in _distinct(together)]
        return sorted(kept, key=lambda d: -d.box.area)

    def side(self, search: Search) -> int | None:
        """See `models.interfaces.Detector`."""
        free, size = self._input()
        return 2 * size if search.small and free else size

    def _input(self) -> tuple[bool, int]:
        """Whether the input's size is free, and the side to use."""
        shape = self._lease.inputs[0].shape
        if len(shape) != 4 or len(self._lease.outputs) != 3 * len(STRIDES):
            raise ModelError(f"The model {self._lease.name} is no SCRFD with five points.", subject=self._lease.name,
                             code="MODEL.CONTRACT", remedy="Choose det_10g.onnx or scrfd_2.5g.onnx.")
        side = shape[2]
        return (False, side) if isinstance(side, int) and side > 0 else (True, self._free_size)

    def _look(self, picture: Pixels, size: int, turn: int, lowest: float) -> _Found:
        seen = np.ascontiguousarray(np.rot90(picture, -turn)) if turn else picture
        blob, scale = as_input(seen, size)
        boxes, scores, points = _decode(self._lease.run({self._lease.inputs[0].name: blob}), size, lowest)
        boxes, points = boxes / scale, points / scale
        if turn:
            back = invert(quarter_turn(turn, picture.shape[1], picture.shape[0]))
            corners = transform(boxes.reshape(-1, 2), back).reshape(-1, 2, 2)
            boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
            points = transform(points.reshape(-1, 2), back).reshape(-1, 5, 2)
        return _Found(boxes, scores, points, np.full(len(boxes), turn, np.int64))


def as_input(picture: Pixels, size: int) -> tuple[NDArray[np.float32], float]:
    """The network's input for a BGR or grey uint8 picture, (1, 3, size, size) float32, and network pixels per picture
    pixel."""
    height, width = picture.shape[:2]
    tall = height / width
    fitted = (int(size / tall), size) if tall > 1 else (size, int(size * tall))
    fitted = (max(fitted[0], 1), max(fitted[1], 1))
    small = picture if fitted == (width, height) else cv2.resize(picture, fitted)
    blob = np.empty((1, 3, size, size), np.float32)
    blob[:, :, fitted[1]:] = blob[:, :, :, fitted[0]:] = _INPUT[0]
    # A table a plane is six times as fast as blobFromImage and a copy, to the same bits (measured, 640 x 360: 3.4 ms).
    if small.ndim == 2:
        blob[0, :, :fitted[1], :fitted[0]] = cv2.LUT(small, _INPUT)
    else:
        for channel, plane in enumerate(cv2.split(small)):
            cv2.LUT(plane, _INPUT, dst=blob[0, 2 - channel, :fitted[1], :fitted[0]])
    return blob, fitted[1] / height


def _decode(outputs: list[NDArray[np.float32]], size: int, threshold: float,
            ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Boxes (N, 4), scores (N,) and points (N, 5, 2) in network pixels, of what scores at least `threshold`."""
    boxes, scores, points = [], [], []
    for level, stride in enumerate(STRIDES):
        score = outputs[level].reshape(-1)
        hits = np.flatnonzero(score >= threshold)
        cell = hits // ANCHORS
        columns = size // stride
        corner = np.stack([cell % columns, cell // columns], axis=1) * float(stride)
        sides = outputs[level + len(STRIDES)].reshape(-1, 4)[hits] * float(stride)
        offsets = outputs[level + 2 * len(STRIDES)].reshape(-1, 5, 2)[hits] * float(stride)
        boxes.append(np.concatenate([corner - sides[:, :2], corner + sides[:, 2:]], axis=1))
        points.append(corner[:, None] + offsets)
        scores.append(score[hits].astype(np.float64))
    return np.concatenate(boxes), np.concatenate(scores), np.concatenate(points)


def _distinct(found: _Found) -> list[int]:
    """Indices of those that no better one overlaps, best first. Sides count their last pixel, as insightface does."""
    order = np.argsort(-found.scores, kind="stable")
    low, high = found.boxes[:, :2], found.boxes[:, 2:]
    areas = (high - low + 1).prod(axis=1)
    kept: list[int] = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(int(best))
        shared = (np.minimum(high[best], high[rest]) - np.maximum(low[best], low[rest]) + 1).clip(0).prod(axis=1)
        order = rest[shared / (areas[best] + areas[rest] - shared) <= SAME_FACE]
    return kept
