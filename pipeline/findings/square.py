"""The square round a face that goes along with it: what is scored, and what masks are painted on."""

from __future__ import annotations

import cv2
import numpy as np

from models.arrays import Matrix, Pixels
from models.face import Face, five_points
from models.geometry import roll_of
from pipeline.clips.planes import QUALITY

SIDE = 96
"""Pixels of the square: 32 to an outer-eye distance, at which a seam of .05 is still more than a pixel."""
_REACH = 3.0  # outer-eye distances that the square shows: a face and its forehead are two high
UNIT = SIDE / _REACH
SHOWN = 512
"""Pixels of the enlarged square: what a hand can aim at, and as many as a painted mask may have."""


def square_of(face: Face) -> Matrix:
    """(2, 3) frame -> square: upright, and a little above the middle of the points in its middle, because the forehead
    has none."""
    points = face.points
    height = float(np.ptp(points[:, 1]))
    size = max(face.eye_distance, 0.45 * height, 1.0)  # as `crops.native_rect`: turning shortens the distance
    angle = roll_of(five_points(points))
    linear = UNIT / size * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    middle = (SIDE - 1) / 2
    return np.column_stack([linear, np.array([middle, middle + 0.08 * SIDE]) - linear @ points.mean(axis=0)])


def large_square(pixels: Pixels, face: Face, grown: tuple[float, float] = (1.0, 1.0)) -> bytes:
    """The square of `SHOWN` pixels a side, its outermost pixels' middles where they were, as a JPEG. pixels: BGR uint8.
    grown: how many pixels of the frame that the face is in one of these is, across and down."""
    matrix = square_of(face)
    onto = np.column_stack([matrix[:, :2] @ np.diag(grown), matrix[:, 2]])
    made = cv2.warpAffine(pixels, np.diag([(SHOWN - 1) / (SIDE - 1)] * 2) @ onto, (SHOWN, SHOWN),
                          flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return cv2.imencode(".jpg", made, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def large_square_of_shown(jpeg: bytes, width: int, height: int, face: Face) -> bytes:
    """The same from a frame as a screen shows it, which may be smaller than the clip's width and height."""
    pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return large_square(np.asarray(pixels, np.uint8), face, (width / pixels.shape[1], height / pixels.shape[0]))
