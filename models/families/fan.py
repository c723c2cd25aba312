"""68 points by networks that look at a face of 256 pixels: 2DFAN4 (Bulat and Tzimiropoulos, ICCV 2017) and peppa_wutz.

In: (1, 3, 256, 256) float32, BGR, x / 255; the longer side of the detector's box is 195 pixels; dark crops are
brightened.
Out: 2DFAN4: points in cells of a 64 x 64 grid, and a heat map for each; peppa_wutz: points in the same cells with a
confidence each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Matrix, Pixels, Points
from models.errors import ModelError
from models.face import Box, Face
from models.geometry import invert, roll_of, similarity, transform
from models.interfaces import Detection
from models.sessions import Lease
from models.templates import TEMPLATES

SIDE, BOX_SIDE, GRID = 256, 195, 64
DARK = 30
"""Mean lightness, 0..255, below which a crop is brightened (FaceFusion's)."""
# A box as detectors draw it reaches from the brows' points upwards by this share of the points' height.
FOREHEAD = 0.25
SURE = 0.5
"""How sure, 0..1, the network has to be of its points (FaceFusion's)."""
DOUBTFUL = 0.02
"""The spread that is told where the network itself is not sure; above 0.012 points are doubtful (see `Face`)."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """outputs: how many there are. sure: the mean confidence that counts as 1 (FaceFusion's)."""

    name: str
    outputs: int
    sure: float


_KINDS = (_Kind("2dfan4", 2, 0.9), _Kind("peppa_wutz", 1, 0.95))


class FiveToSixtyEight:
    """68 points guessed from five, without the picture, on one leased fan_68_5. Safe to share between threads.

    In: (1, 5, 2) float32, the five points where the template `ffhq_512` has them in a crop of side 1. Out: (1, 68, 2),
    in the same crop.
    """

    def __init__(self, lease: Lease) -> None:
        self._lease = lease

    def points(self, five: Points) -> Points:
        """(68, 2) in the pixels of the (5, 2). Raises ModelError (`MODEL.CONTRACT`)."""
        port = self._lease.inputs[0]
        if tuple(port.shape[1:]) != (5, 2):
            raise ModelError(f"The model {self._lease.name} takes no five points.", subject=self._lease.name,
                             code="MODEL.CONTRACT", remedy="Choose fan_68_5.onnx.")
        to_crop = similarity(five, TEMPLATES["ffhq_512"])
        made = self._lease.run({port.name: transform(five, to_crop)[None].astype(np.float32)})[0]
        return transform(np.asarray(made, np.float64).reshape(68, 2), invert(to_crop))


class FanLandmarker:
    """A Landmarker on one leased model of either kind. Safe to share between threads.

    rough: where the network is not sure of a face whose detector gave five points, 68 are guessed from those.
    """

    def __init__(self, lease: Lease, *, name: str = "fan-68", rough: FiveToSixtyEight | None = None) -> None:
        self._lease = lease
        self._rough = rough
        self.name = name

    def landmarks(self, picture: Pixels, detections: Sequence[Detection]) -> list[Face]:
        """See `models.interfaces.Landmarker`. Raises ModelError (`MODEL.CONTRACT`)."""
        return self._faces(picture, detections, [_roll(one) for one in detections])

    def follow(self, picture: Pixels, faces: Sequence[Face]) -> list[Face]:
        """See `models.interfaces.Landmarker`. Where to look, and how the face is turned, is read off the points that
        it had."""
        return followed(faces, lambda near, rolls: self._faces(picture, near, rolls))

    def _faces(self, picture: Pixels, detections: Sequence[Detection], rolls: Sequence[float]) -> list[Face]:
        """All asked for at once: what the network takes together goes in one run."""
        if not detections:
            return []
        kind = self._kind()
        port = self._lease.inputs[0]
        crops = [_to_crop(one.box, roll) for one, roll in zip(detections, rolls, strict=True)]
        waiting = [self._lease.submit({port.name: _blob(_cut(picture, to_crop))}) for to_crop in crops]
        return [self._face(one, to_crop, *_read(made.result(), kind))
                for one, to_crop, made in zip(detections, crops, waiting, strict=True)]

    def _face(self, detection: Detection, to_crop: Matrix, points: Points, sure: float) -> Face:
        placed = transform(points - 0.5, invert(to_crop))
        if sure < SURE and self._rough is not None and detection.points5 is not None:
            placed = self._rough.points(detection.points5)
        return Face(detection.box, detection.score, placed, spread=0.0 if sure >= SURE else DOUBTFUL,
                    turn=turn_of(placed))

    def _kind(self) -> _Kind:
        kind = next((one for one in _KINDS if one.outputs == len(self._lease.outputs)), None)
        if kind is None or tuple(self._lease.inputs[0].shape[1:]) != (3, SIDE, SIDE):
            raise ModelError(f"The model {self._lease.name} gives no 68 points.", subject=self._lease.name,
                             code="MODEL.CONTRACT", remedy="Choose 2dfan4.onnx or peppa_wutz.onnx.")
        return kind


def _cut(picture: Pixels, to_crop: Matrix) -> Pixels:
    shrinks = abs(np.linalg.det(to_crop[:, :2])) < 1
    return np.asarray(cv2.warpAffine(picture, to_crop, (SIDE, SIDE),
                                     flags=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR))


def _read(made: Sequence[NDArray[Any]], kind: _Kind) -> tuple[Points, float]:
    """(68, 2) in pixels of the crop, and how sure the network is, 0..1."""
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
    return -detection.turn * np.pi / 2 if detection.points5 is None else roll_of(detection.points5)


def eye_angle(points: Points) -> float:
    """Angle of the line of the eyes, radians; 0 is upright, clockwise is positive. points: (68, 2)."""
    right, left = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    return float(np.arctan2(*(left - right)[::-1]))


def turn_of(points: Points) -> int:
    """Clockwise quarter turns that bring a face of these (68, 2) points upright to within 45 degrees."""
    return round(-eye_angle(points) / (np.pi / 2)) % 4


def followed(faces: Sequence[Face], read: Callable[[list[Detection], list[float]], list[Face]]) -> list[Face]:
    """The same faces in the next picture, looked for where their points were. read: a face for each detection and its
    roll (radians, as `eye_angle`), in their order."""
    near = [Detection(box_round(face.points), face.score, face.turn) for face in faces]
    found = read(near, [eye_angle(face.points) for face in faces])
    return [replace(now, box=box_round(now.points), embedding=face.embedding, number=face.number, memory=face.memory)
            for now, face in zip(found, faces, strict=True)]


def box_round(points: Points) -> Box:
    """About as a detector would draw it: the points and the forehead above them, upright."""
    roll = eye_angle(points)
    turn = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
    level = points @ turn.T
    low, high = level.min(axis=0), level.max(axis=0)
    low[1] -= FOREHEAD * (high[1] - low[1])
    x, y = turn.T @ ((low + high) / 2) + 0.5
    half = (high - low) / 2
    return Box(float(x - half[0]), float(y - half[1]), float(x + half[0]), float(y + half[1]))
