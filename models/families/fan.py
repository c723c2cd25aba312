"""68 points by networks that look at a face of 256 pixels: 2DFAN4 (Bulat and Tzimiropoulos, ICCV 2017) and peppa_wutz.

In: (1, 3, 256, 256) float32, BGR, x / 255; the longer side of the detector's box is 195 pixels; dark crops are
brightened.
Out: 2DFAN4: points in cells of a 64 x 64 grid, and a heat map for each; peppa_wutz: points in the same cells with a
confidence each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Matrix, Pixels, Points
from models.errors import ModelError
from models.face import Box, Face
from models.geometry import invert, transform
from models.interfaces import Detection
from models.sessions import Lease

SIDE, BOX_SIDE, GRID = 256, 195, 64
DARK = 30
"""Mean lightness, 0..255, below which a crop is brightened (FaceFusion's)."""
# A box as detectors draw it reaches from the brows' points upwards by this share of the points' height.
FOREHEAD = 0.25
DOUBTFUL = 0.02
"""The spread that is told where the network itself is not sure; above 0.012 points are doubtful (see `Face`)."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """outputs: how many there are. sure: the mean confidence that counts as 1 (FaceFusion's)."""

    name: str
    outputs: int
    sure: float


_KINDS = (_Kind("2dfan4", 2, 0.9), _Kind("peppa_wutz", 1, 0.95))


class FanLandmarker:
    """A Landmarker on one leased model of either kind. Safe to share between threads."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self.name = "fan-68"

    def landmarks(self, picture: Pixels, detections: Sequence[Detection]) -> list[Face]:
        """See `models.interfaces.Landmarker`. Raises ModelError (`MODEL.CONTRACT`)."""
        return [self._face(picture, one, _roll(one)) for one in detections]

    def follow(self, picture: Pixels, faces: Sequence[Face]) -> list[Face]:
        """See `models.interfaces.Landmarker`. Where to look, and how the face is turned, is read off the points that
        it had."""
        found = []
        for face in faces:
            box = _box(face.points)
            now = self._face(picture, Detection(box, face.score, face.turn), _eyes(face.points))
            found.append(replace(now, box=_box(now.points), embedding=face.embedding, number=face.number,
                                 memory=face.memory))
        return found

    def _face(self, picture: Pixels, detection: Detection, roll: float) -> Face:
        to_crop = _to_crop(detection.box, roll)
        points, sure = self._read(picture, to_crop)
        placed = transform(points - 0.5, invert(to_crop))
        turn = round(-_eyes(placed) / (np.pi / 2)) % 4
        return Face(detection.box, detection.score, placed, spread=0.0 if sure >= 0.5 else DOUBTFUL, turn=turn)

    def _read(self, picture: Pixels, to_crop: Matrix) -> tuple[Points, float]:
        """(68, 2) in pixels of the crop, and how sure the network is, 0..1."""
        kind = next((one for one in _KINDS if one.outputs == len(self._lease.outputs)), None)
        if kind is None or tuple(self._lease.inputs[0].shape[1:]) != (3, SIDE, SIDE):
            raise ModelError(f"The model {self._lease.name} gives no 68 points.", subject=self._lease.name,
                             code="MODEL.CONTRACT", remedy="Choose 2dfan4.onnx or peppa_wutz.onnx.")
        shrinks = abs(np.linalg.det(to_crop[:, :2])) < 1
        crop = np.asarray(cv2.warpAffine(picture, to_crop, (SIDE, SIDE),
                                         flags=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR))
        made = self._lease.run({self._lease.inputs[0].name: _blob(crop)})
        if kind.outputs == 2:
            points = np.asarray(made[0], np.float64).reshape(68, -1)[:, :2]
            confidence = np.asarray(made[1], np.float64).reshape(68, -1).max(axis=1)
        else:
            answer = np.asarray(made[0], np.float64).reshape(68, 3)
            points, confidence = answer[:, :2], answer[:, 2]
        return points / GRID * SIDE, float(np.clip(confidence.mean() / kind.sure, 0, 1))


def _blob(crop: Pixels) -> NDArray[np.float32]:
    colours = cv2.cvtColor(crop, cv2.COLOR_GRAY2BGR) if crop.ndim == 2 else crop
    levels = colours if colours.dtype == np.uint8 else np.clip(np.rint(colours), 0, 255).astype(np.uint8)
    lab = cv2.cvtColor(levels, cv2.COLOR_BGR2LAB)
    if lab[:, :, 0].mean() < DARK:
        lab[:, :, 0] = cv2.createCLAHE(clipLimit=2).apply(lab[:, :, 0])
        levels = cv2.cvtColor(lab, cv2.COLOR_LAB2BGR)
    return np.ascontiguousarray(levels.transpose(2, 0, 1)[None], np.float32) / np.float32(255)


def _to_crop(box: Box, roll: float) -> Matrix:
    """Picture -> crop: the box in the middle, turned upright."""
    scale = BOX_SIDE / max(box.width, box.height, 1.0)
    cos, sin = np.cos(roll) * scale, np.sin(roll) * scale
    linear = np.array([[cos, sin], [-sin, cos]])
    centre = np.array([box.x0 + box.x1, box.y0 + box.y1]) / 2 - 0.5
    return np.column_stack([linear, np.full(2, (SIDE - 1) / 2) - linear @ centre])


def _roll(detection: Detection) -> float:
    five = detection.points5
    return -detection.turn * np.pi / 2 if five is None else float(np.arctan2(*(five[1] - five[0])[::-1]))


def _eyes(points: Points) -> float:
    right, left = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    return float(np.arctan2(*(left - right)[::-1]))


def _box(points: Points) -> Box:
    """About as a detector would draw it: the points and the forehead above them, upright."""
    roll = _eyes(points)
    turn = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
    level = points @ turn.T
    low, high = level.min(axis=0), level.max(axis=0)
    low[1] -= FOREHEAD * (high[1] - low[1])
    x, y = turn.T @ ((low + high) / 2) + 0.5
    half = (high - low) / 2
    return Box(float(x - half[0]), float(y - half[1]), float(x + half[0]), float(y + half[1]))
