"""The well-known simple face swap, as the measure of what is better: the hull of the 68 points, Delaunay triangles
warped one by one, cv2.seamlessClone. A comparison, not a processor."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import Delaunay

from models.arrays import Mask, Pixels, Points
from models.face import Face
from pipeline.frame import Frame
from processors.batches import Rect
from processors.blenders.poisson import clone

# seamlessClone needs the picture round the hull; two pixels are enough for its gradients.
_MARGIN = 4


@dataclass(frozen=True, slots=True)
class Swapped:
    """frame: the result. mask: (H, W) 0 or 1, the hull."""

    frame: Frame
    mask: Mask


def naive_swap(source: Pixels, source_points: Points, target: Frame, face: Face) -> Swapped:
    """source: BGR uint8 with its (68, 2) points; target: an 8-bit colour frame. Identity is all that is brought over:
    expression and geometry become the target's exactly."""
    low = np.maximum(np.floor(face.points.min(axis=0)).astype(int) - _MARGIN, 0)
    high = np.minimum(np.ceil(face.points.max(axis=0)).astype(int) + _MARGIN, (target.width, target.height))
    rect = Rect(int(low[0]), int(low[1]), int(high[0]), int(high[1]))
    points = face.points - low
    background = target.region(rect)
    shape = background.shape[:2]
    hull = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(hull, np.rint(cv2.convexHull(points.astype(np.float32))).astype(np.int32), 1)
    patch = warp_triangles(source, source_points, points, shape)
    draft = target.edit()
    draft.write(rect, clone(background, patch, hull), np.ones(shape, np.float32))
    mask = np.zeros((target.height, target.width), np.float32)
    mask[rect.y0:rect.y1, rect.x0:rect.x1] = hull
    return Swapped(draft.frame, mask)


def warp_triangles(source: Pixels, source_points: Points, points: Points, shape: tuple[int, int]) -> Pixels:
    """(H, W, 3): every triangle of the target's points filled from the source's, each by its own affine map."""
    mesh = Delaunay(points)
    rows, columns = np.mgrid[:shape[0], :shape[1]]
    at = np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float64)
    triangle = mesh.find_simplex(at)
    # Barycentric weights; outside of the hull the nearest triangle's numbers would do, and nothing is shown there.
    transforms = mesh.transform[triangle]
    two = np.einsum("nij,nj->ni", transforms[:, :2], at - transforms[:, 2])
    weights = np.column_stack([two, 1 - two.sum(axis=1)])
    where = np.einsum("ni,nij->nj", weights, source_points[mesh.simplices[triangle]])
    where[triangle < 0] = -1
    where = where.reshape(*shape, 2).astype(np.float32)
    return np.asarray(cv2.remap(source, where[..., 0], where[..., 1], cv2.INTER_LINEAR,
                                borderMode=cv2.BORDER_REPLICATE))
