"""What is read off 68 points: mirroring, expression, and the outlines of the features."""

from __future__ import annotations

import cv2
import numpy as np

from models.arrays import Mask, Points
from models.face import EYE_LEFT, EYE_RIGHT, MOUTH_INNER, MOUTH_OUTER

# Point i of a mirrored face was point MIRROR[i] before (iBUG 300-W scheme).
MIRROR = np.array([
    *range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31,
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
])


def mirror_points(points: Points, width: int) -> Points:
    """The (68, 2) points of the picture mirrored left to right; width: of the picture in pixels."""
    mirrored = points[MIRROR].copy()
    mirrored[:, 0] = width - 1 - mirrored[:, 0]
    return np.asarray(mirrored)


def mouth_gap(points: Points, eye_distance: float) -> float:
    """Height of the open mouth between the inner lips, over the eye distance: 0 closed, above .06 visibly open."""
    upper, lower = points[[61, 62, 63]], points[[67, 66, 65]]
    return float(np.hypot(*(lower - upper).T).mean() / max(eye_distance, 1e-6))


def eye_aspect(points: Points) -> float:
    """Mean height over width of both eyes (Soukupova and Cech 2016): about .3 open, below .17 closed."""
    ratios = []
    for eye in (points[EYE_RIGHT], points[EYE_LEFT]):
        height = np.hypot(*(eye[[1, 2]] - eye[[5, 4]]).T).mean()
        ratios.append(height / max(float(np.hypot(*(eye[3] - eye[0]))), 1e-6))
    return float(np.mean(ratios))


def upright_axes(points: Points) -> tuple[Points, Points, Points]:
    """Origin between the eyes, unit vector from the person's right eye to the left, unit vector down the face."""
    right, left = points[EYE_RIGHT].mean(axis=0), points[EYE_LEFT].mean(axis=0)
    across = left - right
    across = across / max(float(np.hypot(*across)), 1e-6)
    return (right + left) / 2, across, np.array([-across[1], across[0]])


def fill(shape: tuple[int, int], *polygons: Points) -> Mask:
    """(H, W) float32: 1 inside the convex hulls of the polygons, edges smoothed over a pixel."""
    mask = np.zeros(shape, np.uint8)
    for polygon in polygons:
        outline = cv2.convexHull(polygon.astype(np.float32)).reshape(-1, 2)
        # Four fractional bits; coordinates kept where int32 cannot overflow.
        fixed = np.rint(np.clip(outline, -1e5, 1e5) * 16).astype(np.int32)
        cv2.fillConvexPoly(mask, fixed, 255, cv2.LINE_AA, 4)
    return mask * np.float32(1 / 255)


def grown(polygon: Points, factor: float) -> Points:
    """A polygon enlarged about its centre."""
    centre = polygon.mean(axis=0)
    return np.asarray(centre + (polygon - centre) * factor)


def eyes(points: Points) -> tuple[Points, Points]:
    return points[EYE_RIGHT], points[EYE_LEFT]


def brows(points: Points, eye_distance: float) -> tuple[Points, Points]:
    """Brows as areas: the points run along their middle, so they get .05 eye distances of height to either side."""
    _, _, down = upright_axes(points)
    lift = down * 0.05 * eye_distance
    return tuple(np.vstack([points[s] - lift, points[s] + lift]) for s in (slice(17, 22), slice(22, 27)))  # type: ignore[return-value]


def lips(points: Points) -> Points:
    return points[MOUTH_OUTER]


def inner_mouth(points: Points) -> Points:
    return points[MOUTH_INNER]


def nostrils(points: Points, eye_distance: float) -> Points:
    _, _, down = upright_axes(points)
    base = points[31:36]
    return np.vstack([base - down * 0.05 * eye_distance, base + down * 0.03 * eye_distance])
