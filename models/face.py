"""The face, and what is read straight off its points."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from models.arrays import Embedding, Points

# Index ranges of the 68-point scheme (iBUG 300-W).
JAW = slice(0, 17)
BROW_RIGHT = slice(17, 22)
BROW_LEFT = slice(22, 27)
NOSE = slice(27, 36)
EYE_RIGHT = slice(36, 42)
EYE_LEFT = slice(42, 48)
MOUTH_OUTER = slice(48, 60)
MOUTH_INNER = slice(60, 68)
OUTER_EYE_CORNERS = (36, 45)


class Box(NamedTuple):
    """A rectangle in pixels of the upright frame; x1 and y1 are exclusive. It may reach over the frame's edge."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        return self.y1 - self.y0

    @property
    def area(self) -> float:
        return max(self.width, 0.0) * max(self.height, 0.0)

    def overlap(self, other: Box) -> float:
        """Intersection over union, 0..1."""
        w = min(self.x1, other.x1) - max(self.x0, other.x0)
        h = min(self.y1, other.y1) - max(self.y0, other.y0)
        if w <= 0 or h <= 0:
            return 0.0
        return w * h / (self.area + other.area - w * h)


@dataclass(frozen=True, slots=True)
class Face:
    """One face in one upright frame.

    box: pixels of the frame.
    score: the detector's confidence; comparable within one detector only (dlib's HOG: about -0.5..3, 0 = threshold).
    points: (68, 2) in pixels of the frame, sub-pixel.
    spread: RMS distance (as a share of the outer-eye distance) between the mouth points that differently placed boxes
        give; above 0.012 the points are doubtful (measured: photographs median .005, 90th percentile .009).
    embedding: identity descriptor, or None where nobody asked for it.
    turn: clockwise quarter turns (0..3) after which the face is upright.
    number: 1-based number that people see; 0 where none was given.
    memory: what is kept of this face from one frame of a clip to the next, by whoever works on it; None in pictures.
    """

    box: Box
    score: float
    points: Points
    spread: float = 0.0
    embedding: Embedding | None = None
    turn: int = 0
    number: int = 0
    memory: dict[str, Any] | None = field(default=None, repr=False, compare=False)

    @property
    def eye_distance(self) -> float:
        """Distance of the outer eye corners in pixels: the field's measure of a face's size ("iod" in papers)."""
        right, left = self.points[OUTER_EYE_CORNERS[0]], self.points[OUTER_EYE_CORNERS[1]]
        return math.hypot(*(left - right).tolist())

    @property
    def centre(self) -> tuple[float, float]:
        x, y = self.points.mean(axis=0)
        return float(x), float(y)

    def numbered(self, number: int) -> Face:
        return replace(self, number=number)


def five_points(points68: Points) -> Points:
    """(5, 2): right eye, left eye, nose tip, right and left mouth corner (the person's right comes first)."""
    return np.asarray(_FIVE @ points68)


def _weights() -> Points:
    """(5, 68): what each of the five is a mean of."""
    weights = np.zeros((5, 68))
    for row, points in enumerate((EYE_RIGHT, EYE_LEFT, slice(30, 31), slice(48, 49), slice(54, 55))):
        weights[row, points] = 1
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


_FIVE = _weights()
