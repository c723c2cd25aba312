"""Warp, pose and identity offset: known geometry comes back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.arrays import Pixels, Points
from models.face import Face
from processors.classical.identity import destination, identity_offset
from processors.classical.points import MIRROR, mirror_points
from processors.classical.pose import fit_pose, forehead, mean_shape
from processors.classical.warp import area_factor, backward_map, moving_least_squares, pull

numbers = st.floats(-2, 2, allow_nan=False)


def turned(yaw: float, pitch: float, roll: float) -> NDArray[np.float64]:
    y, p, r = np.radians([-yaw, -pitch, roll])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_x @ about_y)


def points_at(yaw: float, pitch: float, roll: float, scale: float = 120.0) -> Points:
    return np.asarray(scale * (mean_shape() @ turned(yaw, pitch, roll).T)[:, :2] + (300.0, 200.0))


@settings(max_examples=40, deadline=None)
@given(st.lists(numbers, min_size=6, max_size=6), st.integers(0, 2**31))
def test_moving_least_squares_reproduces_affine_maps(values: list[float], seed: int) -> None:
    linear, shift = np.array(values[:4]).reshape(2, 2), np.array(values[4:]) * 50
    rng = np.random.default_rng(seed)
    points, at = rng.uniform(0, 300, (20, 2)), rng.uniform(-50, 350, (60, 2))
    moved = moving_least_squares(at, points, points @ linear.T + shift, softness=2.0)
    assert np.abs(moved - (at @ linear.T + shift)).max() < 1e-5


def test_a_warp_onto_the_same_points_changes_no_pixel(astronaut: Pixels, astronaut_face: Face) -> None:
    points = astronaut_face.points
    where = backward_map((200, 180), (150.0, 60.0), points, points, 60.0)
    assert np.array_equal(pull(astronaut, where), astronaut[60:260, 150:330])


def test_a_warp_to_the_mirrored_points_mirrors_the_picture(astronaut: Pixels, astronaut_face: Face) -> None:
    mirrored = mirror_points(astronaut_face.points, 512)
    where = backward_map((512, 512), (0.0, 0.0), mirrored, astronaut_face.points[MIRROR], 60.0)
    assert np.abs(pull(astronaut, where).astype(int) - astronaut[:, ::-1]).max() <= 1


def test_a_warp_between_two_frontal_people_has_no_crease(astronaut_face: Face, hopper_face: Face) -> None:
    where = backward_map((220, 200), (160.0, 60.0), astronaut_face.points, hopper_face.points, 60.0)
    area = area_factor(where)
    assert area.min() > 0.2 * np.median(area)


@settings(max_examples=30, deadline=None)
@given(st.floats(-60, 60), st.floats(-35, 35), st.floats(-45, 45), st.floats(5, 800))
def test_the_pose_of_a_projected_mean_face_is_found(yaw: float, pitch: float, roll: float, scale: float) -> None:
    pose = fit_pose(points_at(yaw, pitch, roll, scale))
    assert (pose.yaw, pose.pitch, pose.roll) == pytest.approx((yaw, pitch, roll), abs=0.5)
    assert pose.scale == pytest.approx(scale, rel=0.01)


def test_mirroring_turns_yaw_and_roll_round(six_faces: list[Face]) -> None:
    for face in six_faces:
        one, other = fit_pose(face.points), fit_pose(mirror_points(face.points, 1280))
        assert (other.yaw, other.pitch, other.roll) == pytest.approx((-one.yaw, one.pitch, -one.roll), abs=0.1)


@pytest.mark.parametrize("points", [
    np.zeros((68, 2)), np.tile([[5.0, 7.0]], (68, 1)), np.stack([np.arange(68.0), np.zeros(68)], axis=1),
    np.random.default_rng(0).uniform(0, 50, (68, 2)),
], ids=["nothing", "one point", "a line", "chaos"])
def test_impossible_points_give_a_finite_pose_and_forehead(points: Points) -> None:
    pose = fit_pose(points)
    assert np.isfinite([pose.yaw, pose.pitch, pose.roll, pose.scale, pose.error]).all()
    assert np.isfinite(forehead(points, pose)).all()


def test_the_forehead_lies_above_the_brows_and_within_the_jaws_width() -> None:
    points = points_at(0, 0, 0)
    over = forehead(points, fit_pose(points))
    assert over[:, 1].max() < points[17:27, 1].min() + 12
    assert over[:, 0].min() > points[0, 0] - 12
    assert over[:, 0].max() < points[16, 0] + 12


def test_nobody_differs_from_himself() -> None:
    points = points_at(10, 5, -8)
    pose = fit_pose(points)
    moved, _ = destination(points, identity_offset(points, pose, points, pose))
    assert np.abs(moved - points).max() < 1e-6


def test_a_wider_mouth_comes_along_and_the_opening_does_not() -> None:
    target, source = points_at(0, 0, 0), points_at(0, 0, 0)
    centre = source[48:68].mean(axis=0)
    source[48:68] = centre + (source[48:68] - centre) * (1.15, 1.0)
    target[65:68, 1] += 10  # open
    moved, _ = destination(target, identity_offset(source, fit_pose(source), target, fit_pose(target)))
    assert np.ptp(moved[48:60, 0]) > 1.05 * np.ptp(target[48:60, 0])
    assert moved[66, 1] - moved[62, 1] == pytest.approx(target[66, 1] - target[62, 1], abs=0.5)
    assert np.array_equal(moved[:17], target[:17])
