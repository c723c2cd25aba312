"""FaceMesh (Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", 2019) and its
second version of MediaPipe's Face Landmarker: points of a face's surface, of which 68 are taken. The first 468 of both
are the same places; the second version has ten of the irises behind them.

In: float32, RGB, x / 255, a square round the face, eyes level: (N, side, side, 3) or (N, 3, side, side), publishers
differ. Out: for each point x, y in pixels of the square, and depth. side and points are the catalogue's facts: 192 and
468, or 256 and 478.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from pydantic import TypeAdapter

from models.arrays import Matrix, Pixels, Points
from models.errors import ModelError
from models.face import MOUTH_OUTER, Box, Face
from models.geometry import invert, roll_of, transform
from models.interfaces import Detection
from models.sessions import Lease

# MediaPipe's own: the square is half as large again as what it goes round, a detector's box or the points themselves.
GROWTH = 1.5
EYES = (33, 263)
"""The outer corners, by which the square is turned."""
# Which of the 468 stand for the 68 of iBUG 300-W: jaw, right and left brow, nose, right and left eye, mouth. Read off
# MediaPipe's canonical face. On eight faces of pictures that installed packages carry they lie 3 to 8 % of the eye
# distance from dlib's (without the jaw), the brows farthest: the schemes mean different places there.
SIXTY_EIGHT = np.array([
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389, 71, 63, 105, 66, 107, 336, 296,
    334, 293, 301, 168, 197, 5, 4, 75, 97, 2, 326, 305, 33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380, 61,
    39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87])


@dataclass(frozen=True, slots=True)
class _Facts:
    size: int
    points: int


_FACTS = TypeAdapter(_Facts)


class FaceMesh:
    """A Landmarker on one leased model. Safe to share between threads. facts: the catalogue's."""

    def __init__(self, lease: Lease, facts: Mapping[str, Any], *, name: str = "facemesh-468") -> None:
        self._lease = lease
        self._facts = _FACTS.validate_python(dict(facts))
        self.name = name

    def landmarks(self, picture: Pixels, detections: Sequence[Detection]) -> list[Face]:
        """See `models.interfaces.Landmarker`. Read twice, all faces together: in a square round the box, then in one
        round the points, so that it does not matter how a detector draws its boxes. Raises ModelError
        (`MODEL.CONTRACT`)."""
        return self._faces(picture, detections, [self._round_box(one) for one in detections])

    def follow(self, picture: Pixels, faces: Sequence[Face]) -> list[Face]:
        """See `models.interfaces.Landmarker`."""
        near = [Detection(face.box, face.score, face.turn) for face in faces]
        found = self._faces(picture, near, [self._round_points(face.points, face.points[[36, 45]]) for face in faces])
        return [replace(now, box=_box_of(now.points), embedding=face.embedding, number=face.number, memory=face.memory)
                for face, now in zip(faces, found, strict=True)]

    def _faces(self, picture: Pixels, detections: Sequence[Detection], squares: Sequence[Matrix]) -> list[Face]:
        first = self.points(picture, squares)
        second = self.points(picture, [self._round_points(points, points[list(EYES)]) for points in first])
        return [_face(*one) for one in zip(detections, first, second, strict=True)]

    def points(self, picture: Pixels, squares: Sequence[Matrix]) -> list[Points]:
        """(points, 2) in pixels of the picture for each square, given as the matrix picture -> input."""
        if not squares:
            return []
        port, side = self._lease.inputs[0], self._facts.size
        last = tuple(port.shape[1:]) == (side, side, 3)
        if not last and tuple(port.shape[1:]) != (3, side, side):
            raise self._other()
        blob = np.stack([self._crop(picture, square) for square in squares])
        blob = blob if last else np.ascontiguousarray(blob.transpose(0, 3, 1, 2))
        made = self._lease.run_rows({port.name: blob}).astype(np.float64)
        if made.size != len(squares) * self._facts.points * 3:
            raise self._other()
        # The network counts from a pixel's edge, we from its middle.
        return [transform(one[:, :2] - 0.5, invert(square))
                for one, square in zip(made.reshape(len(squares), -1, 3), squares, strict=True)]

    def _crop(self, picture: Pixels, square: Matrix) -> Pixels:
        side = self._facts.size
        shrinks = abs(np.linalg.det(square[:, :2])) < 1
        crop = np.asarray(cv2.warpAffine(picture, square, (side, side), borderMode=cv2.BORDER_REPLICATE,
                                         flags=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR))
        colours = cv2.cvtColor(crop, cv2.COLOR_GRAY2RGB if crop.ndim == 2 else cv2.COLOR_BGR2RGB)
        return np.asarray(colours, np.float32) / 255

    def _other(self) -> ModelError:
        return ModelError(f"The model {self._lease.name} does not give {self._facts.points} points of a square of "
                          f"{self._facts.size} pixels.", subject=self._lease.name, code="MODEL.CONTRACT",
                          remedy="`models list` names the files of FaceMesh that can be used.")

    def _square(self, centre: Points, side: float, angle: float) -> Matrix:
        """Picture -> input: a square of that side round the centre, turned upright by the angle (radians,
        clockwise)."""
        scale = self._facts.size / max(side, 1.0)
        cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
        linear = np.array([[cos, sin], [-sin, cos]])
        return np.column_stack([linear, np.full(2, (self._facts.size - 1) / 2) - linear @ centre])

    def _round_box(self, detection: Detection) -> Matrix:
        box = detection.box
        centre = np.array([box.x0 + box.x1, box.y0 + box.y1]) / 2 - 0.5
        angle = -detection.turn * np.pi / 2 if detection.points5 is None else roll_of(detection.points5)
        return self._square(centre, GROWTH * max(box.width, box.height), angle)

    def _round_points(self, points: Points, eyes: Points) -> Matrix:
        angle = _angle(eyes)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        level = points @ turn.T
        low, high = level.min(axis=0), level.max(axis=0)
        return self._square(turn.T @ ((low + high) / 2), GROWTH * float((high - low).max()), angle)


def _face(detection: Detection, first: Points, second: Points) -> Face:
    before, now = first[SIXTY_EIGHT], second[SIXTY_EIGHT]
    face = Face(detection.box, detection.score, now, turn=_turn(second))
    away = before[MOUTH_OUTER] - now[MOUTH_OUTER]
    return replace(face, spread=float(np.sqrt((away ** 2).sum(axis=1).mean())) / max(face.eye_distance, 1e-6))


def _angle(eyes: Points) -> float:
    x, y = eyes[1] - eyes[0]
    return float(np.arctan2(y, x))


def _turn(points: Points) -> int:
    """Clockwise quarter turns that bring the face upright to within 45 degrees."""
    return round(-_angle(points[list(EYES)]) / (np.pi / 2)) % 4


def _box_of(points: Points) -> Box:
    (x0, y0), (x1, y1) = points.min(axis=0) + 0.5, points.max(axis=0) + 0.5
    return Box(float(x0), float(y0), float(x1), float(y1))
