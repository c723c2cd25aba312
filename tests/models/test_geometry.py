"""Affine matrices hold their promises for any numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from models.geometry import compose, invert, quarter_turn, scale_of, similarity, transform

numbers = st.floats(-1000, 1000, allow_nan=False)
angles = st.floats(-np.pi, np.pi)
scales = st.floats(0.05, 20)
SHAPE = np.array([[0.0, 0.0], [40.0, 3.0], [18.0, 25.0], [5.0, 44.0], [35.0, 47.0]])


def matrix_of(angle: float, scale: float, x: float, y: float) -> np.ndarray:
    c, s = np.cos(angle) * scale, np.sin(angle) * scale
    return np.array([[c, -s, x], [s, c, y]])


@given(angles, scales, numbers, numbers)
def test_similarity_recovers_any_rotation_scale_and_shift(angle: float, scale: float, x: float, y: float) -> None:
    made = matrix_of(angle, scale, x, y)
    assert np.allclose(similarity(SHAPE, transform(SHAPE, made)), made, atol=1e-6)
    assert scale_of(made) == pytest.approx(scale)


@given(angles, scales, numbers, numbers, st.integers(0, 4))
def test_similarity_is_the_least_squares_answer(angle: float, scale: float, x: float, y: float, moved: int) -> None:
    """With one point moved, no small change of the matrix fits better."""
    target = transform(SHAPE, matrix_of(angle, scale, x, y))
    target[moved] += [7.0, -3.0]
    best = similarity(SHAPE, target)
    error = ((transform(SHAPE, best) - target) ** 2).sum()
    for da, ds, dx, dy in np.vstack([np.eye(4), -np.eye(4)]) * 1e-3:
        a, b = best[0, 0], best[1, 0]
        nudged = np.array([[a + ds, -b - da, best[0, 2] + dx], [b + da, a + ds, best[1, 2] + dy]])
        assert ((transform(SHAPE, nudged) - target) ** 2).sum() >= error - 1e-9


def test_similarity_refuses_points_that_are_all_equal() -> None:
    with pytest.raises(ValueError, match="different points"):
        similarity(np.zeros((5, 2)), SHAPE)


@given(angles, scales, numbers, numbers)
def test_invert_undoes(angle: float, scale: float, x: float, y: float) -> None:
    made = matrix_of(angle, scale, x, y)
    assert np.allclose(compose(invert(made), made), [[1, 0, 0], [0, 1, 0]], atol=1e-6)


@given(st.lists(st.floats(-50, 50), min_size=6, max_size=6).map(lambda six: np.array(six).reshape(2, 3)))
def test_invert_and_scale_are_numpy_s_for_sheared_ones_too(made: np.ndarray) -> None:
    area = float(np.linalg.det(made[:, :2]))
    assume(abs(area) > 1e-3)
    assert np.allclose(invert(made)[:, :2], np.linalg.inv(made[:, :2]), rtol=1e-6)
    assert np.allclose(transform(transform(SHAPE, made), invert(made)), SHAPE, atol=1e-4)
    assert scale_of(made) == pytest.approx(np.sqrt(abs(area)))


def test_what_flattens_cannot_be_undone() -> None:
    with pytest.raises(np.linalg.LinAlgError):
        invert(np.array([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0]]))


@given(st.integers(0, 7), st.integers(1, 9), st.integers(1, 9))
def test_quarter_turn_moves_pixels_as_rot90_does(turn: int, width: int, height: int) -> None:
    picture = np.arange(width * height).reshape(height, width)
    turned = np.rot90(picture, -turn)
    for y in range(height):
        for x in range(width):
            (u, v), = np.rint(transform(np.array([[x, y]]), quarter_turn(turn, width, height))).astype(int)
            assert turned[v, u] == picture[y, x]
