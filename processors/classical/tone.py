"""Relighting: the target's broad light and contrast on the source's detail."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from models.arrays import Mask, Pixels
from processors.classical.filters import Plane, blur, f32, luminance, resize, spread, times

# Numbers from the study's recipe, steps 10 to 13.
_OFFSET = np.float32(8.0)  # keeps the logarithm of near-black pixels calm
_GAIN = (-1.2, 0.8)
_GAIN_FEATURES = (-0.9, 0.30)  # stops glowing eyes
_CONTRAST = (0.6, 1.4)
_MAX_RGB = 3.5


@dataclass(frozen=True, slots=True)
class Areas:
    """Working-size masks of one face's window. unit: eye distance in working pixels.

    skin: common to both faces, features cut out with a margin; own_skin: the target's alone. feature: eyes and lips,
    soft edges. groups: of each eye, the lips and the open mouth, where the new face and where the old face has it.
    """

    unit: float
    skin: Mask
    own_skin: Mask
    feature: Mask
    groups: tuple[tuple[Mask, Mask], ...]


def robust_std(values: Plane) -> float:
    """Standard deviation of the middle 95 %, so that a stray highlight or hair does not decide."""
    if values.size < 8:
        return 0.0
    low, high = np.percentile(values, (2.5, 97.5))
    return float(np.clip(values, low, high).std())


def relight(
    source: Pixels, target: Pixels, small_source: Pixels, small_target: Pixels, areas: Areas, sigma: float,
    strength: float,
) -> Pixels:
    """The warped source in the target's light: (H, W, 3) float32 BGR.

    sigma: width of the low pass in eye distances (.20 by the study). strength: 0 leaves the source's own light.
    The log quotient of both low passes is taken at working size and enlarged; only sums and products happen at full
    size, so detail stays.
    """
    ys, yt = luminance(small_source), luminance(small_target)
    ls, lt = (f32(cv2.log(np.maximum(y, 0) + _OFFSET)) for y in (ys, yt))
    width = sigma * areas.unit
    low_s, low_t = spread(ls, areas.skin, width), spread(lt, areas.skin, width)
    gain = low_t - low_s
    skin_gain, feature_gain = np.clip(gain, *_GAIN), np.clip(gain, *_GAIN_FEATURES)
    gain = (skin_gain + (feature_gain - skin_gain) * areas.feature) * np.float32(strength)
    contrast = _contrast(ls - low_s, lt - low_t, areas.skin) ** strength
    keep = 1 + (contrast - 1) * (1 - 0.7 * areas.feature)  # 30 % of it in features
    shape = source.shape[:2]
    y = luminance(source)
    low = resize(low_s, shape)
    wanted = low + (cv2.log(np.maximum(y, 0) + _OFFSET) - low) * resize(f32(keep), shape)
    relit = cv2.exp(f32(wanted + resize(f32(gain), shape))) - _OFFSET
    calm = _shoulder(f32(relit), yt, areas.skin)
    relit = relit + (calm - relit) * (np.float32(0.8 * strength) * (1 - resize(areas.feature, shape)))
    ratio = np.clip(relit, 0, 255) / np.maximum(y, 1)
    return times(source, f32(np.minimum(ratio, _MAX_RGB)))


def _contrast(detail_s: Plane, detail_t: Plane, skin: Mask) -> float:
    chosen = skin > 0.5
    s, t = robust_std(detail_s[chosen]), robust_std(detail_t[chosen])
    if s < 1e-4 or t < 1e-4:
        return 1.0
    return float(np.clip((t / s) ** 0.7, *_CONTRAST))


def _shoulder(y: Plane, target: Plane, skin: Mask) -> Plane:
    """Highlights roll off between the target skin's 80th percentile and its brightest."""
    chosen = target[skin > 0.5]
    if chosen.size < 8:
        return y
    knee, top = np.percentile(chosen, (80, 99.5))
    knee = min(float(knee), 215.0)
    room = np.float32(max(min(float(top), 248.0) - knee, 15.0))
    over = np.maximum(y - np.float32(knee), 0)
    return np.asarray(np.minimum(y, np.float32(knee)) + room * (1 - cv2.exp(over * (-1 / room))), np.float32)


def side_light(pixels: Pixels, right: Mask, left: Mask) -> float:
    """Absolute log ratio of the mean luminances of both cheeks; above .55 is harsh side light (study)."""
    y = blur(luminance(pixels), 1.0)
    if float(right.sum()) < 3 or float(left.sum()) < 3:
        return 0.0
    a, b = float((y * right).sum() / right.sum()), float((y * left).sum() / left.sum())
    return float(abs(np.log((a + 8) / (b + 8))))
