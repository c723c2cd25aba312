"""How steady a face's points are on a still that was moved in a known way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.arrays import Points
from models.face import OUTER_EYE_CORNERS


class Jitter(NamedTuple):
    """In percent of the outer-eye distance. rms: error about each point's own mean in the still, lag included.
    frame_to_frame: change from one frame to the next, in the still."""

    rms: float
    frame_to_frame: float


def jitter(points: Sequence[Points], warps: Sequence[NDArray[np.float64]]) -> Jitter:
    """points: (68, 2) of each frame, in its pixels. warps: (3, 3) homographies, still -> frame, of each frame.

    Raises ValueError for fewer than two frames.
    """
    if len(points) < 2:
        raise ValueError("jitter needs two frames at least")
    back = np.stack([_back(p, w) for p, w in zip(points, warps, strict=True)])
    right, left = (back[:, corner] for corner in OUTER_EYE_CORNERS)
    size = float(np.hypot(*(left - right).T).mean())
    rms = float(np.sqrt(((back - back.mean(axis=0)) ** 2).sum(axis=2).mean()))
    step = float(np.sqrt((np.diff(back, axis=0) ** 2).sum(axis=2).mean()))
    return Jitter(100 * rms / size, 100 * step / size)


def _back(points: Points, warp: NDArray[np.float64]) -> Points:
    moved = np.column_stack([points, np.ones(len(points))]) @ np.linalg.inv(warp).T
    return np.asarray(moved[:, :2] / moved[:, 2:], np.float64)
