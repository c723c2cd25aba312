"""106 points by insightface's 2d106det, of which 68 are taken.

In: (N, 3, 192, 192) float32, RGB, 0..255: a square round the face, 1.5 times the detector's box. Out: (N, 212): x and y
of each point, -1..1 from the square's middle to its edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from models.arrays import Matrix, Pixels, Points
from models.errors import ModelError
from models.face import MOUTH_OUTER, Box, Face
from models.families.fan import followed, turn_of
from models.geometry import invert, roll_of, transform
from models.interfaces import Detection
from models.sessions import Lease

SIDE = 192
POINTS = 106
GROWTH = 1.5
"""The square, in longer sides of the detector's box (insightface's)."""
AGAIN = 1.1
"""The second square in the first one's sides: how far apart the two readings are says how sure they are."""
# Which of the 106 stand for the 68 of iBUG 300-W: jaw, right and left brow, nose, right and left eye, mouth outside and
# inside. The order that those who use the file have in common; its weights were never tried here.
SIXTY_EIGHT = np.array([
    1, 10, 12, 14, 16, 3, 5, 7, 0, 23, 21, 19, 32, 30, 28, 26, 17, 43, 48, 49, 51, 50, 102, 103, 104, 105, 101, 72, 73,
    74, 86, 78, 79, 80, 85, 84, 35, 41, 42, 39, 37, 36, 89, 95, 96, 93, 91, 90, 52, 64, 63, 71, 67, 68, 61, 58, 59, 53,
    56, 55, 65, 66, 62, 70, 69, 57, 60, 54])


class Landmarks106:
    """A Landmarker on one leased model. Safe to share between threads."""

    def __init__(self, lease: Lease, *, name: str = "2d106det") -> None:
        self._lease = lease
        self.name = name

    def landmarks(self, picture: Pixels, detections: Sequence[Detection]) -> list[Face]:
        """See `models.interfaces.Landmarker`; all faces in one run where the network allows it. Raises ModelError
        (`MODEL.CONTRACT`)."""
        return self._faces(picture, detections, [_roll(one) for one in detections])

    def follow(self, picture: Pixels, faces: Sequence[Face]) -> list[Face]:
        """See `models.interfaces.Landmarker`. Where to look, and how the face is turned, is read off the points that
        it had."""
        return followed(faces, lambda near, rolls: self._faces(picture, near, rolls))

    def _faces(self, picture: Pixels, detections: Sequence[Detection], rolls: Sequence[float]) -> list[Face]:
        squares = [square_round(one.box, roll, SIDE, GROWTH * times)
                   for one, roll in zip(detections, rolls, strict=True) for times in (1.0, AGAIN)]
        read = self.points(picture, squares)
        return [_face(one, first, second)
                for one, first, second in zip(detections, read[::2], read[1::2], strict=True)]

    def points(self, picture: Pixels, squares: Sequence[Matrix]) -> list[Points]:
        """(106, 2) in pixels of the picture for each square, given as the matrix picture -> input."""
        if not squares:
            return []
        port = self._lease.inputs[0]
        shapes = [tuple(one.shape[1:]) for one in (port, *self._lease.outputs)]
        if shapes != [(3, SIDE, SIDE), (2 * POINTS,)]:
            raise ModelError(f"The model {self._lease.name} gives no 106 points.", subject=self._lease.name,
                             code="MODEL.CONTRACT", remedy="Choose 2d106det.onnx.")
        crops = [crop_of(picture, square, SIDE) for square in squares]
        blob = cv2.dnn.blobFromImages(crops, swapRB=True)
        made = self._lease.run_rows({port.name: np.asarray(blob)}).reshape(-1, POINTS, 2).astype(np.float64)
        return [transform((points + 1) * (SIDE / 2), invert(square))
                for points, square in zip(made, squares, strict=True)]


def square_round(box: Box, roll: float, side: int, growth: float) -> Matrix:
    """Picture -> a square of that many pixels round a box, turned upright by the roll (radians, clockwise), `growth`
    times the box's longer side; its middle comes to lie at side / 2, as in insightface's crops."""
    scale = side / max(growth * max(box.width, box.height), 1.0)
    cos, sin = np.cos(roll) * scale, np.sin(roll) * scale
    linear = np.array([[cos, sin], [-sin, cos]])
    centre = np.array([box.x0 + box.x1, box.y0 + box.y1]) / 2
    return np.column_stack([linear, np.full(2, side / 2) - linear @ centre])


def crop_of(picture: Pixels, square: Matrix, side: int) -> Pixels:
    """(side, side, 3) BGR uint8; black beyond the picture's edge."""
    crop = np.asarray(cv2.warpAffine(picture, square, (side, side)))
    return np.asarray(cv2.cvtColor(crop, cv2.COLOR_GRAY2BGR)) if crop.ndim == 2 else crop


def _roll(detection: Detection) -> float:
    return -detection.turn * np.pi / 2 if detection.points5 is None else roll_of(detection.points5)


def _face(detection: Detection, first: Points, second: Points) -> Face:
    face = Face(detection.box, detection.score, first[SIXTY_EIGHT], turn=turn_of(first[SIXTY_EIGHT]))
    away = (first - second)[SIXTY_EIGHT[MOUTH_OUTER]] / 2  # from their mean, as spread is counted
    return replace(face, spread=float(np.sqrt((away ** 2).sum(axis=1).mean())) / max(face.eye_distance, 1e-6))
