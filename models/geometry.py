"""Affine matrices: making, applying, inverting."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.arrays import Matrix, Points


def similarity(source: Points, target: Points) -> Matrix:
    """Least-squares rotation + uniform scale + shift that takes source points to target points.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns", PAMI 1991, without
    reflection. source, target: (N, 2), N >= 2, not all equal. Returns (2, 3).
    """
    mean_s, mean_t = source.mean(axis=0), target.mean(axis=0)
    s, t = source - mean_s, target - mean_t
    variance = float((s * s).sum())
    if variance <= 0:
        raise ValueError("similarity needs at least two different points")
    a = float((s * t).sum()) / variance
    b = float((s[:, 0] * t[:, 1] - s[:, 1] * t[:, 0]).sum()) / variance
    linear = np.array([[a, -b], [b, a]])
    return np.column_stack([linear, mean_t - linear @ mean_s])


def transform(points: NDArray[Any], matrix: Matrix) -> Points:
    """Points (N, 2) through a (2, 3) matrix."""
    return np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]


def invert(matrix: Matrix) -> Matrix:
    """The (2, 3) matrix that undoes this one. Raises numpy.linalg.LinAlgError where there is none."""
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def compose(second: Matrix, first: Matrix) -> Matrix:
    """The (2, 3) matrix that does `first`, then `second`."""
    linear = second[:, :2] @ first[:, :2]
    return np.column_stack([linear, second[:, :2] @ first[:, 2] + second[:, 2]])


def scale_of(matrix: Matrix) -> float:
    """Mean scale of a matrix: the square root of the area factor."""
    return float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))


def roll_of(points5: Points) -> float:
    """Angle of a face in the picture, radians, -pi..pi; 0 is upright, clockwise is positive. points5: (5, 2), as
    `models.face.five_points`: from the middle of the eyes to the middle of the mouth is down, which a head that looks
    aside shortens less than the line of the eyes; what lies across the eyes counts as well."""
    across, down = points5[1] - points5[0], points5[3:].mean(axis=0) - points5[:2].mean(axis=0)
    x, y = across + np.array([down[1], -down[0]])
    return float(np.arctan2(y, x))


def quarter_turn(turn: int, width: int, height: int) -> Matrix:
    """Matrix of `numpy.rot90(picture, -turn)`: `turn` clockwise quarter turns of a width x height picture."""
    w, h = width - 1.0, height - 1.0
    return np.array({
        0: [[1, 0, 0], [0, 1, 0]],
        1: [[0, -1, h], [1, 0, 0]],
        2: [[-1, 0, w], [0, -1, h]],
        3: [[0, 1, 0], [-1, 0, w]],
    }[turn % 4], np.float64)
