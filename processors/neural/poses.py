"""How far a face is turned, and how much of an effect is left where that is further than networks were trained for."""

from __future__ import annotations

import numpy as np

from processors.batches import Crop, Patch, Remark
from processors.classical.memory import steady
from processors.classical.sources import pose_of
from processors.neural.identity import PITCH

LIMIT = 50.0
"""Degrees from which on an effect fades. At 50 degrees of yaw the mean face's farther outer eye corner passes behind
the tip of its nose, at 65 behind its bridge: of the five points that crops are aligned by, one is hidden then."""
_WIDTH = 20.0
"""Degrees over which it fades."""
_OLD = 0.8
"""In a clip, the share of the frames before in the angle: the points tremble by some degrees at such poses."""


def turned(crop: Crop, effect: str) -> float:
    """Degrees that a face is turned away from the viewer; pitch counts more (see `PITCH`). effect: who asks, because
    in a clip it is a mean over frames."""
    pose = pose_of(crop)
    return steady(crop, f"turned {effect}", float(np.hypot(pose.yaw, pose.pitch / PITCH)), _OLD)


def left(degrees: float, limit: float) -> float:
    """1 up to the limit, 0 from 20 degrees beyond it, smooth in between."""
    beyond = float(np.clip((degrees - limit) / _WIDTH, 0, 1))
    return 1 - beyond * beyond * (3 - 2 * beyond)


def fading(patch: Patch, effect: str, limit: float) -> tuple[float, tuple[Remark, ...]]:
    """What is left of an effect on this face, 0..1, and what is to be said of it."""
    degrees = turned(patch.crop, effect)
    share = left(degrees, limit)
    if share == 1:
        return share, ()
    return share, (Remark("POSE.FADED", f"This face is turned {degrees:.0f}° away, further than networks know faces, "
                          f"so only {share:.0%} of the effect is laid over it.",
                          {"degrees": round(degrees), "percent": round(100 * share)}),)
