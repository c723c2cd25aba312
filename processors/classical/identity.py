"""Where the source's features should come to lie: the target's expression and pose, the source's proportions."""

from __future__ import annotations

import numpy as np

from models.arrays import Points
from models.face import EYE_LEFT, EYE_RIGHT
from processors.classical.points import MIRROR
from processors.classical.pose import Pose, mean_shape

_LIMIT = 0.10  # largest shift of a point, in eye distances (study: larger ones bend features)
_GROUPS = ((EYE_RIGHT, 36, 39), (EYE_LEFT, 42, 45), (slice(48, 68), 48, 54))


def _own_shape(points: Points, pose: Pose) -> Points:
    """(68, 2) what the face differs from the mean face in this pose, upright and in model units."""
    turn = np.radians(pose.roll)
    back = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return np.asarray((points - pose.project(mean_shape())) @ back.T / pose.scale)


def identity_offset(source: Points, source_pose: Pose, target: Points, target_pose: Pose) -> Points:
    """(68, 2) in target pixels: what the source's inner proportions differ from the target's.

    Symmetrised, because errors of the pose fit are mostly antisymmetric; without mean, so that the face stays where it
    is; the jaw stays the target's.
    """
    offset = _own_shape(source, source_pose) - _own_shape(target, target_pose)
    offset = (offset + offset[MIRROR] * [-1.0, 1.0]) / 2
    offset -= offset[17:].mean(axis=0)
    offset[:17] = 0
    turn = np.radians(target_pose.roll)
    forth = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    offset = offset @ forth.T * target_pose.scale
    length = np.hypot(*offset.T)
    limit = _LIMIT * target_pose.size(target)
    return np.asarray(offset * np.minimum(1, limit / np.maximum(length, 1e-9))[:, None])


def group_map(points: Points, offset: Points, group: slice, right: int, left: int) -> np.ndarray:
    """(2, 3) affine matrix that gives an eye or the mouth the offset's mean shift and change of width, no more."""
    centre, shift = points[group].mean(axis=0), offset[group].mean(axis=0)
    corner = points[left] - points[right]
    width = max(float(np.hypot(*corner)), 1e-6)
    along = corner / width
    factor = float(np.clip(1 + (offset[left] - offset[right]) @ along / width, 0.7, 1.4))
    linear = np.eye(2) + (factor - 1) * np.outer(along, along)
    return np.column_stack([linear, centre + shift - linear @ centre])


def destination(points: Points, offset: Points) -> tuple[Points, list[np.ndarray]]:
    """The target's points moved by the offset, and the three maps (right eye, left eye, mouth) that did it."""
    moved = points + offset
    maps = []
    for group, right, left in _GROUPS:
        matrix = group_map(points, offset, group, right, left)
        moved[group] = points[group] @ matrix[:, :2].T + matrix[:, 2]
        maps.append(matrix)
    return moved, maps
