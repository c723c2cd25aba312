"""Heads as boxes, and faces made up for boxes, so that what hides a face can hide a head whose points nobody knows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from models.arrays import Points
from models.face import Box, Face
from processors.classical.pose import mean_shape
from processors.swappers.anonymise import head_outline

# How much larger than the box the made-up head is, so that `anonymise` hides the box's own corners with all its force
# (at 1.25 they begin to show), and the shapes (width over height) it takes: beyond, the shorter side is made longer.
# Tried on boxes of 1:3 to 3:1.
_AROUND = 1.28
_SHAPES = (0.72, 1.35)

# A head is leaving with a quarter of it over the edge; or at a quarter of its width from the edge, moving towards it by
# half a hundredth of its width a frame (a walk of a second and a half across one's own head's width, at 30 frames).
_PARTLY, _NEAR, _MOVING = 0.75, 0.25, 0.005


def head_box(points: Points) -> Box:
    """The upright rectangle round the whole head of a face with these 68 points, hair and ears included."""
    outline = head_outline(points)
    (x0, y0), (x1, y1) = outline.min(axis=0) - 0.5, outline.max(axis=0) + 0.5
    return Box(float(x0), float(y0), float(x1) + 1, float(y1) + 1)


def grown(box: Box, share: float) -> Box:
    """The box larger by a share of its size, half of it on either side."""
    across, down = box.width * share / 2, box.height * share / 2
    return Box(box.x0 - across, box.y0 - down, box.x1 + across, box.y1 + down)


def between(one: Box, other: Box, share: float) -> Box:
    """The box a share (0..1) of the way from one to the other."""
    return Box(*(a + (b - a) * share for a, b in zip(one, other, strict=True)))


def inside(box: Box, width: int, height: int) -> float:
    """Share of the box's area that lies in the picture."""
    wide = max(min(box.x1, width) - max(box.x0, 0), 0)
    tall = max(min(box.y1, height) - max(box.y0, 0), 0)
    return wide * tall / max(box.area, 1e-6)


def leaving(boxes: Sequence[Box], width: int, height: int) -> bool:
    """Whether a head is on its way over the picture's edge. boxes: its last few places in order, the last one now.

    It is where a good part of it is over the edge already, or where it touches the edge and moves towards it.
    """
    now, before = boxes[-1], boxes[0]
    if inside(now, width, height) < _PARTLY:
        return True
    near, step = _NEAR * now.width, _MOVING * now.width * max(len(boxes) - 1, 1)
    across, down = (now.x0 + now.x1 - before.x0 - before.x1) / 2, (now.y0 + now.y1 - before.y0 - before.y1) / 2
    return (now.x0 < near and across < -step) or (now.x1 > width - near and across > step) \
        or (now.y0 < near and down < -step) or (now.y1 > height - near and down > step)


@cache
def _plain() -> tuple[Points, Box]:
    """The mean face from the front, and the rectangle round its head."""
    points = np.asarray(mean_shape()[:, :2] * 100, np.float64)
    return points, head_box(points)


def face_in_box(box: Box, turn: int = 0) -> Face:
    """A made-up face whose head fills the box and reaches a little beyond: `anonymise` covers all of the box.

    turn: clockwise quarter turns after which the head is upright. The score is 0 and there is no embedding.
    """
    points, head = _plain()
    x, y = (box.x0 + box.x1 - 1) / 2, (box.y0 + box.y1 - 1) / 2
    wide, tall = max(box.width, 2.0), max(box.height, 2.0)
    if turn % 2:
        wide, tall = tall, wide
    wide, tall = max(wide, _SHAPES[0] * tall), max(tall, wide / _SHAPES[1])
    middle = np.array([(head.x0 + head.x1 - 1) / 2, (head.y0 + head.y1 - 1) / 2])
    fitted = (points - middle) * [_AROUND * wide / head.width, _AROUND * tall / head.height]
    for _ in range(turn % 4):  # a head that lies needs clockwise turns, so it is laid anticlockwise
        fitted = fitted @ np.array([[0.0, -1.0], [1.0, 0.0]])
    fitted += np.array([x, y])
    (x0, y0), (x1, y1) = fitted.min(axis=0), fitted.max(axis=0)
    return Face(Box(float(x0), float(y0), float(x1) + 1, float(y1) + 1), 0.0, fitted, turn=turn % 4)
