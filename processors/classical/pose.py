"""Weak-perspective pose of a face from its 68 points, and the forehead that the points do not show."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from models.arrays import Points

# Weights of the fit: jaw and mouth move with fat and expression (classical-swap study: jaw .35, mouth .5, rest 1).
_WEIGHTS = np.concatenate([np.full(17, 0.35), np.ones(31), np.full(20, 0.5)])
_STEPS = 12


@cache
def mean_shape() -> NDArray[np.float64]:
    """(68, 3) mean face, x right, y down, z away from the viewer (the file's z is negated: right-handed axes)."""
    text = files("processors.classical").joinpath("mean_shape.csv").read_text(encoding="utf-8")
    rows = [[float(cell) for cell in line.split(",")] for line in text.splitlines() if line and line[0] != "#"]
    return np.array(rows) * [1.0, 1.0, -1.0]


@cache
def forehead_shape() -> NDArray[np.float64]:
    """(18, 3): two arcs of nine points over the brows, 65 degrees to either side of the midline.

    The skull at brow height is an ellipse through brows and temples of the mean shape (half-axes .64 and .74 about
    z = .31). The outer arc ends .5 model units above the brows: the hairline, by the rule of equal thirds (brow to
    nose base measures .51 in the mean shape). It comes down towards the temples and leans back.
    """
    angle = np.radians(np.linspace(-65, 65, 9))
    arcs = []
    for rise, lean in ((0.24, 0.97), (0.50, 0.84)):
        height = rise * (0.42 + 0.58 * np.cos(angle))
        arcs.append(np.stack([0.64 * lean**0.5 * np.sin(angle), -0.47 - height,
                              0.31 - 0.74 * lean * np.cos(angle)], axis=1))
    return np.vstack(arcs)


@dataclass(frozen=True, slots=True)
class Pose:
    """picture point = scale * (rotation @ model point)[:2] + shift.

    rotation: (3, 3). scale: pixels a model unit (outer-eye distance of the mean face: .764 units). error: RMS distance
    between the points and the model's, in eye distances of the model. yaw: degrees, above 0 looks to the picture's
    right. pitch: above 0 looks up. roll: above 0 is turned clockwise.
    """

    rotation: NDArray[np.float64]
    scale: float
    shift: NDArray[np.float64]
    error: float

    @property
    def yaw(self) -> float:
        return float(np.degrees(np.arctan2(self.rotation[2, 0], self.rotation[2, 2])))

    @property
    def pitch(self) -> float:
        return float(-np.degrees(np.arcsin(np.clip(self.rotation[2, 1], -1, 1))))

    @property
    def roll(self) -> float:
        return float(np.degrees(np.arctan2(-self.rotation[0, 1], self.rotation[1, 1])))

    def project(self, model: NDArray[np.float64]) -> Points:
        """(N, 3) model points to (N, 2) picture points."""
        return np.asarray(self.scale * (model @ self.rotation.T)[:, :2] + self.shift)

    def size(self, points: Points) -> float:
        """Eye distance in pixels that does not shrink with yaw: the measured one, at least .68 of the pose's scale."""
        return max(float(np.hypot(*(points[45] - points[36]))), 0.68 * self.scale, 1.0)


def _turned(rotation: NDArray[np.float64], omega: NDArray[np.float64]) -> NDArray[np.float64]:
    """exp(omega) @ rotation (Rodrigues' formula)."""
    angle = float(np.linalg.norm(omega))
    if angle < 1e-12:
        return rotation
    x, y, z = omega / angle
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray((np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k) @ rotation)


def _start(model: NDArray[np.float64], points: Points) -> tuple[NDArray[np.float64], float]:
    """Rotation and scale nearest to the affine camera that fits best; frontal where the points are degenerate."""
    solved = np.linalg.lstsq(np.column_stack([model, np.ones(len(model))]), points, rcond=None)[0][:3].T
    u, s, vt = np.linalg.svd(solved, full_matrices=False)
    if not np.isfinite(s).all() or s[0] < 1e-6:
        return np.eye(3), 1.0
    rows = u @ vt
    rotation = np.vstack([rows, np.cross(rows[0], rows[1])])
    return (rotation, float(s.mean())) if rotation[2, 2] > 0 else (np.eye(3), float(s.mean()))


def fit_pose(points: Points) -> Pose:
    """Weighted least squares over rotation, scale and shift by Gauss-Newton from the nearest affine camera."""
    model, weights = mean_shape(), np.repeat(_WEIGHTS, 2)
    centre = points.mean(axis=0)
    spread = max(float(np.abs(points - centre).max()), 1e-6)
    aim = (points - centre) / spread
    rotation, scale = _start(model, aim)
    shift = np.zeros(2)
    # Rows: x and y of every point. Columns: turn about x, y, z; scale; shift.
    jacobian = np.zeros((68, 2, 6))
    jacobian[:, 0, 4] = jacobian[:, 1, 5] = 1
    for _ in range(_STEPS):
        turned = model @ rotation.T
        error = (aim - scale * turned[:, :2] - shift).ravel()
        x, y, z = scale * turned.T
        jacobian[:, 0, 1], jacobian[:, 0, 2], jacobian[:, 0, 3] = z, -y, turned[:, 0]
        jacobian[:, 1, 0], jacobian[:, 1, 2], jacobian[:, 1, 3] = -z, x, turned[:, 1]
        rows = jacobian.reshape(136, 6)
        weighted = rows * weights[:, None]
        # A trace of damping keeps flat or equal points solvable.
        step = np.linalg.solve(weighted.T @ rows + 1e-6 * np.eye(6), weighted.T @ error)
        rotation = _turned(rotation, np.clip(step[:3], -0.5, 0.5))
        scale = max(scale + float(step[3]), 1e-3)
        shift = shift + step[4:]
        if float(np.abs(step).max()) < 1e-7:
            break
    error = (aim - scale * (model @ rotation.T)[:, :2] - shift).reshape(68, 2)
    rms = float(np.sqrt((_WEIGHTS * (error**2).sum(axis=1)).sum() / _WEIGHTS.sum())) / (0.764 * scale)
    return Pose(rotation, scale * spread, shift * spread + centre, rms)


def forehead(points: Points, pose: Pose) -> Points:
    """(18, 2) forehead points: the projected arcs plus what brows and temples differ from the mean face there."""
    anchors = np.array([0, 16, *range(17, 27)])
    differ = points[anchors] - pose.project(mean_shape()[anchors])
    arcs = pose.project(forehead_shape())
    away = ((arcs[:, None, :] - pose.project(mean_shape()[anchors])[None]) ** 2).sum(axis=2)
    weight = 1 / (away + (0.05 * pose.scale) ** 2)
    return np.asarray(arcs + (weight[..., None] * differ[None]).sum(axis=1) / weight.sum(axis=1, keepdims=True))
