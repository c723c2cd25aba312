"""Affine moving least squares (Schaefer, McPhail, Warren, SIGGRAPH 2006) as a soft, crease-free warp of a picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Pixels, Points

# In eye distances. Points that lie within it of one another are followed on average: dlib's points are that uncertain,
# and following them exactly costs likeness (measured over 72 pairs: .01 -> .03 lowers the distance .506 -> .498 and
# raises NME .043 -> .044).
_SOFTNESS = 0.03


def moving_least_squares(at: Points, source: Points, target: Points, softness: float) -> Points:
    """Where the map that takes `source` points towards `target` points takes the points `at`.

    Weights 1/(d^2 + softness^2), so that affine maps are reproduced exactly and others are followed softly.
    at: (G, 2). source, target: (N, 2), N >= 3. softness: in the points' units, above 0. Works by sums of products:
    no (G, N, 2) temporary.
    """
    centre = source.mean(axis=0)
    unit = max(float(np.abs(source - centre).max()), 1e-9)
    q, v = (source - centre) / unit, (at - centre) / unit
    p_centre = target.mean(axis=0)
    p = (target - p_centre) / unit
    d2 = (v * v).sum(axis=1)[:, None] + (q * q).sum(axis=1)[None] - 2 * v @ q.T
    w = 1 / (np.maximum(d2, 0) + (softness / unit) ** 2)
    w /= w.sum(axis=1, keepdims=True)
    qx, qy, px, py = q[:, 0], q[:, 1], p[:, 0], p[:, 1]
    sums = w @ np.stack([qx, qy, px, py, qx * qx, qx * qy, qy * qy, qx * px, qx * py, qy * px, qy * py], axis=1)
    mqx, mqy, mpx, mpy, xx, xy, yy, xpx, xpy, ypx, ypy = sums.T
    xx, xy, yy = xx - mqx * mqx, xy - mqx * mqy, yy - mqy * mqy
    # Points on one line leave a direction open; this trace of the identity closes it.
    trace = 1e-9 * (xx + yy) + 1e-15
    xx, yy = xx + trace, yy + trace
    xpx, xpy, ypx, ypy = xpx - mqx * mpx, xpy - mqx * mpy, ypx - mqy * mpx, ypy - mqy * mpy
    det = xx * yy - xy * xy
    dx, dy = v[:, 0] - mqx, v[:, 1] - mqy
    u, t = (yy * dx - xy * dy) / det, (xx * dy - xy * dx) / det
    moved = np.stack([u * xpx + t * ypx + mpx, u * xpy + t * ypy + mpy], axis=1) * unit + p_centre
    return np.asarray(moved, np.float64)


def backward_map(
    shape: tuple[int, int], origin: tuple[float, float], targets: Points, sources: Points, eye_distance: float,
) -> NDArray[np.float32]:
    """(H, W, 2) float32: for each pixel of a window, where it comes from in the source picture.

    shape, origin: the window's size, and the target coordinates of its top left pixel. targets, sources: (N, 2) pairs.
    Evaluated on a grid of max(4, eye distance / 14) pixels and interpolated bilinearly (study: no visible loss).
    """
    height, width = shape
    step = max(4, round(eye_distance / 14))
    columns, rows = -(-width // step) + 2, -(-height // step) + 2
    # Centres of cells of step x step pixels, one cell beyond every side, so that cv2.resize interpolates exactly there.
    gx, gy = np.meshgrid((np.arange(columns) - 0.5) * step - 0.5 + origin[0],
                         (np.arange(rows) - 0.5) * step - 0.5 + origin[1])
    grid = moving_least_squares(np.stack([gx.ravel(), gy.ravel()], axis=1), targets, sources, _SOFTNESS * eye_distance)
    coarse = grid.reshape(rows, columns, 2).astype(np.float32)
    fine = cv2.resize(coarse, (columns * step, rows * step), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(fine[step:step + height, step:step + width])


def pull(picture: Pixels, where: NDArray[np.float32], *, cubic: bool = True) -> Pixels:
    """The picture sampled at `where`; beyond its edge the last pixels are repeated."""
    return np.asarray(cv2.remap(picture, where, np.empty(0), cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR,
                                borderMode=cv2.BORDER_REPLICATE))


def area_factor(where: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W): how many source pixels go into each pixel (determinant of the map); below 0 where it folds."""
    dx, dy = np.gradient(where, axis=1), np.gradient(where, axis=0)
    return np.asarray(dx[..., 0] * dy[..., 1] - dx[..., 1] * dy[..., 0], np.float32)
