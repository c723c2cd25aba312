"""Affine matrices: making, applying, inverting."""

from __future__ import annotations

import math
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
    (a, b, x), (c, d, y) = matrix.tolist()
    area = a * d - b * c
    if area == 0:
        raise np.linalg.LinAlgError("Singular matrix")
    a, b, c, d = d / area, -b / area, -c / area, a / area
    return np.array([[a, b, -a * x - b * y], [c, d, -c * x - d * y]])


def compose(second: Matrix, first: Matrix) -> Matrix:
    """The (2, 3) matrix that does `first`, then `second`."""
    made = second[:, :2] @ first
    made[:, 2] += second[:, 2]
    return np.asarray(made)


def scale_of(matrix: Matrix) -> float:
    """Mean scale of a matrix: the square root of the area factor."""
    (a, b, _), (c, d, _) = matrix.tolist()
    return math.sqrt(abs(a * d - b * c))


def roll_of(points5: Points) -> float:
    """Angle of a face in the picture, radians, -pi..pi; 0 is upright, clockwise is positive. points5: (5, 2), as
    `models.face.five_points`: from the middle of the eyes to the middle of the mouth is down, which a head that looks
    aside shortens less than the line of the eyes; what lies across the eyes counts as well."""
    (rx, ry), (lx, ly), _, (mx, my), (nx, ny) = points5.tolist()
    down_x, down_y = (mx + nx - rx - lx) / 2, (my + ny - ry - ly) / 2
    return math.atan2(ly - ry - down_x, lx - rx + down_y)


def quarter_turn(turn: int, width: int, height: int) -> Matrix:
    """Matrix of `numpy.rot90(picture, -turn)`: `turn` clockwise quarter turns of a width x height picture."""
    w, h = width - 1.0, height - 1.0
    return np.array({
        0: [[1, 0, 0], [0, 1, 0]],
        1: [[0, -1, h], [1, 0, 0]],
        2: [[-1, 0, w], [0, -1, h]],
        3: [[0, 1, 0], [-1, 0, w]],
    }[turn % 4], np.float64)
