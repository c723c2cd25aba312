"""The formulas, as pure functions of pixels, masks and points. docs/measures.md explains each in words.

All pictures here are (H, W, 3) BGR float32 on the 0..255 scale, masks (H, W) float32 0..1 of the same size, `size` is
the face's outer-eye distance in pixels. A figure that cannot be told (an empty mask, a picture without variation) is
None, never a made-up number. Where no other source is named, the numbers are those of the study that these formulas
come from: low pass 0.2, seam band 0.05 outer-eye distances.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Embedding, Mask, Pixels, Points

Flags = NDArray[np.bool_]
Plane = NDArray[np.float32]
Values = NDArray[np.float64]

LOW_PASS = 0.2
SEAM_BAND = 0.05
# The study says "lightly blurred" without a number. 0.02 outer-eye distances (1.2 px at 60) takes away grain, which is
# no seam, and keeps an edge of a few pixels, which is one.
SEAM_BLUR = 0.02
# One pixel: the finest detail that a picture can hold, and so what the eye compares at 100 %, at any size of face.
FINE_BAND = 1.0


def luminance(picture: Pixels) -> Plane:
    """(H, W) float32, 0..255: luma with the weights of BT.601 (0.299 R + 0.587 G + 0.114 B)."""
    return np.asarray(cv2.cvtColor(picture.astype(np.float32, copy=False), cv2.COLOR_BGR2GRAY), np.float32)


def lab(picture: Pixels) -> Pixels:
    """(H, W, 3) float32 CIE L*a*b* (D65), L 0..100, of an sRGB picture."""
    return cv2.cvtColor(picture.astype(np.float32) / np.float32(255), cv2.COLOR_BGR2Lab)


# sRGB's linear light to XYZ over the white point D65 (IEC 61966-2-1), columns B, G, R.
_TO_XYZ = np.array([[0.180437, 0.357580, 0.412453], [0.072169, 0.715160, 0.212671], [0.950227, 0.119193, 0.019334]])
_TO_XYZ /= _TO_XYZ.sum(axis=1, keepdims=True)


def lab_of(colours: Values) -> Values:
    """(N, 3) the same of a few colours, (N, 3) BGR 0..255: cv2 makes tables first, which takes 50 ms. The formulas are
    those of IEC 61966-2-1 and CIE 15."""
    codes = np.clip(colours / 255, 0, 1)
    linear = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _TO_XYZ.T
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.asarray(np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1))


def low_pass(plane: Pixels, sigma: float) -> Pixels:
    """Gaussian of `sigma` pixels; wide ones are computed on a smaller picture, which changes nothing that they keep."""
    height, width = plane.shape[:2]
    shrink = min(8.0 / sigma, 1.0)
    if shrink < 0.75 and min(height, width) * shrink >= 4:
        small = cv2.resize(plane, (round(width * shrink), round(height * shrink)), interpolation=cv2.INTER_AREA)
        return cv2.resize(cv2.GaussianBlur(small, (0, 0), sigma * shrink), (width, height))
    return cv2.GaussianBlur(plane, (0, 0), sigma)


def light(before: Pixels, after: Pixels, inside: Flags, size: float) -> float | None:
    """Pearson correlation, over `inside`, of both luminances low-passed with 0.2 `size`: 1 = lit as it was."""
    a, b = _low_luminances(before, after, inside, size)
    if a.size < 2 or a.std() < 1e-3 or b.std() < 1e-3:
        return None
    return float(np.corrcoef(a, b)[0, 1])


def brightness(before: Pixels, after: Pixels, inside: Flags, size: float) -> float | None:
    """Mean absolute difference of the two low-passed luminances over `inside`, in levels of 255 ("mae")."""
    a, b = _low_luminances(before, after, inside, size)
    return float(np.abs(a - b).mean()) if a.size else None


def _low_luminances(before: Pixels, after: Pixels, inside: Flags, size: float) -> tuple[Values, Values]:
    sigma = LOW_PASS * size
    was, now = (low_pass(luminance(p), sigma)[inside].astype(np.float64) for p in (before, after))
    return was, now


def colour(before: Pixels, after: Pixels, skin: Flags, size: float) -> float | None:
    """Mean CIE76 distance over `skin` of the two pictures, low-passed with 0.2 `size`, in L*a*b* ("dE")."""
    if not skin.any():
        return None
    was, now = (lab(low_pass(p, LOW_PASS * size))[skin] for p in (before, after))
    difference = now - was
    return float(np.sqrt((difference.astype(np.float64) ** 2).sum(axis=1)).mean())


def contour_band(alpha: Mask, size: float) -> Flags:
    """Pixels within 0.05 `size` (at least one pixel) of the line on which alpha is 0.5."""
    inside = (alpha >= 0.5).astype(np.uint8)
    if not inside.any() or inside.all():
        return np.zeros(alpha.shape, np.bool_)
    reach = max(SEAM_BAND * size, 1.0)
    inner = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    outer = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    # The line runs between the pixels, half a pixel from the centres on either side.
    return np.asarray(np.maximum(inner, outer) - 0.5 <= reach, np.bool_)


def gradient(plane: Pixels) -> Plane:
    """Length of the gradient in levels a pixel (central differences)."""
    dy, dx = np.gradient(plane)
    return np.asarray(np.hypot(dx, dy), np.float32)


def seam(before: Pixels, after: Pixels, alpha: Mask, size: float) -> float | None:
    """Edges that the mask's contour brought in: mean over the contour's band of the luminance gradient that `after`
    has more than `before`, as a share of the mean gradient of `before` there ("seam-b"). 0 = none."""
    band = contour_band(alpha, size)
    if not band.any():
        return None
    sigma = max(SEAM_BLUR * size, 0.5)
    was, now = (gradient(np.asarray(cv2.GaussianBlur(luminance(p), (0, 0), sigma)))[band].astype(np.float64)
                for p in (before, after))
    if was.mean() < 1e-6:
        return None
    return float(np.maximum(now - was, 0).mean() / was.mean())


def fine_energy(picture: Pixels, where: Flags) -> float | None:
    """Strength of the finest detail over `where`, in levels: 1.4826 x the median of |Y - Gauss(Y, 1 px)|.

    The median (scaled so that it equals the standard deviation of normal noise) keeps single hairs and edges out.
    """
    if int(where.sum()) < 16:
        return None
    y = luminance(picture)
    return float(1.4826 * np.median(np.abs(y - cv2.GaussianBlur(y, (0, 0), FINE_BAND))[where]))


def ratio(value: float | None, reference: float | None) -> float | None:
    """value / reference, or None where either is unknown or the reference has no detail at all."""
    if value is None or reference is None or reference < 0.05:  # a twentieth of a level is less than rounding leaves
        return None
    return value / reference


def sharpness(before: Pixels, after: Pixels, skin: Flags, ring: Flags) -> tuple[float | None, float | None]:
    """How the fine detail of the face's skin fits its surroundings.

    Two figures: fine energy on `skin` over that on the `ring` around it, both in `after`; and that ratio over the same
    ratio in `before` (skin alone over skin alone where the ring has no detail), which is 1 where the new face is
    exactly as sharp against its surroundings as the old one was. The second comes first.
    """
    skin_was, skin_is = fine_energy(before, skin), fine_energy(after, skin)
    against_ring = ratio(skin_is, fine_energy(after, ring))
    was_against_ring = ratio(skin_was, fine_energy(before, ring))
    if against_ring is None or was_against_ring is None:
        return ratio(skin_is, skin_was), against_ring
    return ratio(against_ring, was_against_ring), against_ring


def normalised_mean_error(points: Points, reference: Points, size: float) -> float:
    """Mean distance of two (68, 2) sets of points, as a share of the reference's outer-eye distance ("NME")."""
    return float(np.hypot(*(np.asarray(points) - np.asarray(reference)).T).mean() / size)


def identity_distance(one: Embedding, other: Embedding) -> float:
    """Euclidean distance of two descriptors of the same recogniser."""
    return float(np.linalg.norm(np.asarray(one, np.float64) - np.asarray(other, np.float64)))
