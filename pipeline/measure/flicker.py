"""How much a changed face flickers beyond what the clip does by itself.

Each frame is compared with the one before, brought along by the target's own optical flow; only where that flow
explains the target can a difference in the result be flicker.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import cv2
import numpy as np

from models.arrays import Mask, Pixels

# Levels by which the target may differ from its own warped past and still count as explained: three deviations of the
# grain of a good camera (2 levels in each of both frames).
EXPLAINED = 8.5
# Where the result differs on purpose: half of the mask and more.
INSIDE = 0.5
# Flow is taken at this width at most; the finest flow of DIS is a quarter of its input anyway.
_WIDTH = 640


class Flicker(NamedTuple):
    """Mean change from frame to frame in levels (0..255 of luma): of the result, of the target, and how much more the
    result has. share: of the mask's pixels, how many counted."""

    result: float
    target: float
    excess: float
    share: float


def flicker(frames: Iterable[tuple[Pixels, Pixels, Mask]]) -> Flicker:
    """frames: target and result, (H, W, 3) BGR uint8, and the mask (H, W) 0..1 of what was changed; in order.

    Raises ValueError where no pixel can be compared.
    """
    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    before: tuple[Pixels, Pixels] | None = None
    result_sum = target_sum = 0.0
    counted = total = 0
    for target, result, mask in frames:
        now = (_luma(target), _luma(result))
        if before is not None:
            inside = mask >= INSIDE
            where = _backwards(finder, now[0], before[0])
            own = np.abs(now[0] - _pull(before[0], where))
            # A pixel's own noise must not decide whether it counts: the mean round it does.
            counts = inside & (cv2.blur(own, (5, 5)) <= EXPLAINED)
            result_sum += float(np.abs(now[1] - _pull(before[1], where))[counts].sum())
            target_sum += float(own[counts].sum())
            counted, total = counted + int(counts.sum()), total + int(inside.sum())
        before = now
    if counted == 0:
        raise ValueError("no pixel of the mask can be compared from frame to frame")
    result_mean, target_mean = result_sum / counted, target_sum / counted
    return Flicker(result_mean, target_mean, result_mean - target_mean, counted / total)


def _luma(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.float32)


def _backwards(finder: cv2.DISOpticalFlow, now: Pixels, before: Pixels) -> Pixels:
    """(H, W, 2) float32: where each pixel of `now` was in `before`."""
    height, width = now.shape
    scale = min(1.0, _WIDTH / width)
    size = (round(width * scale), round(height * scale))
    small = [cv2.resize(p, size, interpolation=cv2.INTER_AREA).astype(np.uint8) for p in (now, before)]
    flow = finder.calc(small[0], small[1], None)  # type: ignore[call-overload]
    flow = cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR) / np.float32(scale)
    xs, ys = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.asarray(np.stack([xs, ys], axis=-1) + flow, np.float32)


def _pull(picture: Pixels, where: Pixels) -> Pixels:
    return np.asarray(cv2.remap(picture, where, np.empty(0), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE),
                      np.float32)
