"""The square round a face that goes along with it: what is scored, and what masks are painted on."""

from __future__ import annotations

import numpy as np

from models.arrays import Matrix
from models.face import Face, five_points
from models.geometry import roll_of

SIDE = 96
"""Pixels of the square: 32 to an outer-eye distance, at which a seam of .05 is still more than a pixel."""
_REACH = 3.0  # outer-eye distances that the square shows: a face and its forehead are two high
UNIT = SIDE / _REACH


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
