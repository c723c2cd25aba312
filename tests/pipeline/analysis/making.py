"""Clips with known truth, and what an analysis finds in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

import cv2
import numpy as np

from models.arrays import Pixels, Points
from models.face import EYE_LEFT, EYE_RIGHT
from models.interfaces import FaceStack, Search
from pipeline.analysis.found import Found, Piece
from pipeline.analysis.looking import Pass
from pipeline.clips.example import Warp, moving_still, project
from pipeline.tracking.follow import Followed, Follower
from tests.pipeline.tracking.making import Made

RATE = Fraction(30)


def looked(pictures: Sequence[Pixels], stack: FaceStack) -> Found:
    """The analysis of a clip as one span."""
    by = Pass(stack, Search(), RATE)
    for index, picture in enumerate(pictures):
        by.step(Made(picture, index))
    by.end()
    return by.found(0, len(pictures) - 1)


def followed(pictures: Iterable[Pixels], stack: FaceStack) -> list[Followed]:
    """What the causal follower says of the same."""
    by = Follower(stack, people=(), search=Search(), rate=RATE, embed=False)
    return [by.step(Made(picture, index)) for index, picture in enumerate(pictures)]


def only(found: Found) -> Piece:
    piece, = found.pieces
    return piece


def moved(still: Callable[[int], Pixels], motion: Callable[[int], Warp], frames: int, *, size: tuple[int, int],
          noise: float = 2.5) -> tuple[list[Pixels], list[Warp]]:
    """Frames of a still that changes, moved about; fresh noise in each."""
    random = np.random.default_rng(5)
    pictures, warps = [], []
    for index in range(frames):
        (picture, truth), = moving_still(still(index), 1, lambda _, index=index: motion(index), size=size)  # type: ignore[misc]
        grain = random.standard_normal((size[1], size[0], 1), np.float32) * np.float32(noise)
        pictures.append(np.asarray(np.clip(np.rint(picture + grain), 0, 255), np.uint8))
        warps.append(truth.warp)
    return pictures, warps


class Winking:
    """A still whose eyes close by a share: the upper lids come down over them, and the skin above is drawn out."""

    def __init__(self, still: Pixels, points: Points) -> None:
        self._still, self._points = still, points
        size = float(np.hypot(*(points[45] - points[36])))
        height, width = still.shape[:2]
        ys, xs = np.mgrid[:height, :width].astype(np.float32)
        self._grid, self._down = (xs, ys), np.zeros((height, width), np.float32)
        for eye in (points[EYE_RIGHT], points[EYE_LEFT]):
            x, y = eye[1:3].mean(axis=0)
            tall = float(eye[4:6].mean(axis=0)[1] - y)
            self._down += 0.95 * tall * np.exp(-((xs - x) / (0.16 * size))**2 / 2 - ((ys - y) / (0.75 * tall))**2 / 2)

    def still(self, closed: float) -> Pixels:
        xs, ys = self._grid
        return np.asarray(cv2.remap(self._still, xs, ys - closed * self._down, cv2.INTER_CUBIC,
                                    borderMode=cv2.BORDER_REPLICATE), np.uint8)

    def points(self, closed: float) -> Points:
        """Where the still's points are then."""
        there = self._points.copy()
        for _ in range(30):
            x, y = (there[:, axis].astype(np.float32)[None] for axis in (0, 1))
            there[:, 1] = self._points[:, 1] + closed * cv2.remap(self._down, x, y, cv2.INTER_LINEAR)[0]
        return there


def openness(points: Points) -> float:
    """Mean height of the eyes, in eye distances."""
    pairs = ((37, 41), (38, 40), (43, 47), (44, 46))
    tall = np.mean([np.hypot(*(points[one] - points[other])) for one, other in pairs])
    return float(tall / np.hypot(*(points[45] - points[36])))


def back_of(warp: Warp) -> Warp:
    return np.asarray(np.linalg.inv(warp), np.float64)


def errors(points: Sequence[Points], warps: Sequence[Warp]) -> Points:
    """(n, 68, 2): each point's distance from its own mean place in the still, brought into the frames, in pixels:
    jitter and lag together."""
    back = np.stack([project(back_of(warp), there) for warp, there in zip(warps, points, strict=True)])
    mean = back.mean(axis=0)
    return np.stack([there - project(warp, mean) for warp, there in zip(warps, points, strict=True)])


def lag(points: Sequence[Points], warps: Sequence[Warp]) -> float:
    """Frames by which points come late: how much of their error lies along the motion of the frame before."""
    off = errors(points, warps)[1:]
    mean = np.mean([project(back_of(warp), there) for warp, there in zip(warps, points, strict=True)], axis=0)
    steps = np.diff(np.stack([project(warp, mean) for warp in warps]), axis=0)
    return float(-(off * steps).sum() / (steps**2).sum())
