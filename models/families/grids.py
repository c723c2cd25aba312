"""What detectors that answer for every cell of a grid have in common: looks at the picture in several sizes and turns,
and one find for each face."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Pixels
from models.errors import ModelError
from models.face import Box
from models.geometry import invert, quarter_turn, roll_of, transform
from models.interfaces import Detection, Search
from models.sessions import Lease
from models.shrinking import shrunk

STRIDES = (8, 16, 32)
Canvas = tuple[int, int]
"""Width and height of a network's input, in pixels."""
Finds = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
"""Boxes (N, 4), scores (N,) and points (N, 5, 2), in network pixels."""
# A network whose input is fixed takes its second look at four tiles, each this share of the picture's sides, so that
# it is seen 1.67 times as large and a fifth of each side is in two tiles.
TILE = 0.6
# A find that scores less may be a lying face that was taken for an upright one, its five points where none of its own
# are (measured with YuNet on the astronaut, Hopper and six people, turned in steps of 15 degrees: such finds score .52
# to .77, faces that lean by less than 40 degrees .77 and more). It is looked at again by itself, laid in all four ways.
DOUBTED = 0.8
# What is looked at again, in longer sides of its box; its largest side in pixels; and the overlap that tells that what
# is found there is the same.
_AROUND, _ALONE, _SAME = 2.0, 320, 0.3
# Pixels of the input within which a find touches a tile's inner edge: what is cut there is whole in another tile.
_CUT = 3.0


@dataclass(frozen=True, slots=True)
class Grid:
    """One family. outputs: how many arrays it gives. threshold: the score where a face begins. same_face: the overlap
    (intersection over union) from which two finds are one. faint: how far below the threshold faint finds reach.
    encode: a picture into a canvas, and network pixels per picture pixel. decode: what scores at least so much.
    enlarges: small pictures are made as large as the canvas. examples: files that are of the family, for messages.
    numbers: of each candidate, where the first output has them in its second axis."""

    name: str
    outputs: int
    threshold: float
    same_face: float
    faint: float
    encode: Callable[[Pixels, Canvas], tuple[NDArray[np.float32], float]]
    decode: Callable[[Sequence[NDArray[np.float32]], Canvas, float], Finds]
    enlarges: bool
    examples: str
    numbers: int | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    """Candidates in pixels of the upright picture. boxes: (N, 4), scores: (N,), points: (N, 5, 2)."""

    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    points: NDArray[np.float64]


class GridDetector:
    """A Detector on one leased model. Safe to share between threads.

    Scores are the network's less the threshold, so that 0 is where a face begins, as for other detectors. size: the
    longer side of the input where the file leaves it free.
    """

    def __init__(self, lease: Lease, grid: Grid, *, threshold: float | None = None, size: int = 640,
                 name: str | None = None, doubted: float | None = None) -> None:
        """name: of the model, where it is one of several of its family. doubted: the score below which a find is
        looked at again, laid in all four ways (see `DOUBTED`); None: never, as the networks' publishers do."""
        self.name = name or grid.name
        self._doubted = doubted
        self._lease = lease
        self._grid = grid
        self._threshold = grid.threshold if threshold is None else threshold
        self._free_size = size

    def detect(self, picture: Pixels, search: Search) -> list[Detection]:
        """See `models.interfaces.Detector`. A second look for small faces is at twice the size, or at four tiles where
        the network's input is fixed. How a face is turned is read off its points: an upright look finds lying faces,
        too. Raises ModelError (`MODEL.CONTRACT`) where the model is of another kind."""
        fixed = self._fixed()
        looks = [(1, 0)]
        if search.small and fixed is None:
            looks.append((2, 0))
        if search.turned:
            looks += [(1, turn) for turn in (1, 2, 3)]
        lowest = self._threshold - self._grid.faint if search.faint else self._threshold
        found = [self._look(picture, fixed, times, turn, lowest) for times, turn in looks]
        if search.small and fixed is not None and max(picture.shape[:2]) > max(fixed):
            found += self._tiles(picture, fixed, lowest)
        together = _Found(*(np.concatenate([getattr(part, name) for part in found])
                            for name in ("boxes", "scores", "points")))
        kept = [self._told(together, i) for i in _distinct(together, self._grid.same_face)]
        if self._doubted is not None and not search.turned:
            kept = [self._laid_otherwise(picture, fixed, one)
                    if 0 <= one.score < self._doubted - self._threshold else one for one in kept]
        return sorted(kept, key=lambda d: -d.box.area)

    def side(self, search: Search) -> int | None:
        """See `models.interfaces.Detector`."""
        fixed = self._fixed()
        if fixed is not None:
            return int(max(fixed) / TILE) if search.small else max(fixed)
        return 2 * self._free_size if search.small else self._free_size

    def _fixed(self) -> Canvas | None:
        """The canvas that the file prescribes; None where it is free."""
        shape = self._lease.inputs[0].shape
        outputs = self._lease.outputs
        if len(shape) != 4 or len(outputs) != self._grid.outputs or self._grid.numbers not in (
                None, outputs[0].shape[1]):
            raise ModelError(f"The model {self._lease.name} is no {self._grid.name} with five points.",
                             subject=self._lease.name, code="MODEL.CONTRACT",
                             remedy=f"Choose {self._grid.examples}.")
        height, width = shape[2], shape[3]
        if isinstance(width, int) and isinstance(height, int) and min(width, height) > 0:
            return width, height
        return None

    def _canvas(self, picture: Pixels, times: int) -> Canvas:
        """As large as the file leaves free to choose, its sides no longer than the picture has something for."""
        height, width = picture.shape[:2]
        side = times * self._free_size
        if not self._grid.enlarges:
            side = min(side, _whole(max(width, height)))
        scale = side / max(width, height)
        if not self._grid.enlarges:
            scale = min(scale, 1.0)
        return (side, min(_whole(height * scale), side)) if width >= height else (
            min(_whole(width * scale), side), side)

    def _look(self, picture: Pixels, fixed: Canvas | None, times: int, turn: int, lowest: float) -> _Found:
        seen = np.ascontiguousarray(np.rot90(picture, -turn)) if turn else picture
        canvas = fixed or self._canvas(seen, times)
        blob, scale = self._grid.encode(seen, canvas)
        made = self._lease.run({self._lease.inputs[0].name: blob})
        boxes, scores, points = self._grid.decode(made, canvas, lowest)
        boxes, points = boxes / scale, points / scale
        if turn:
            back = invert(quarter_turn(turn, picture.shape[1], picture.shape[0]))
            corners = transform(boxes.reshape(-1, 2), back).reshape(-1, 2, 2)
            boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
            points = transform(points.reshape(-1, 2), back).reshape(-1, 5, 2)
        return _Found(boxes, scores, points)

    def _told(self, found: _Found, at: int) -> Detection:
        return Detection(Box(*(float(v) for v in found.boxes[at])), float(found.scores[at]) - self._threshold,
                         round(-roll_of(found.points[at]) / (np.pi / 2)) % 4, found.points[at])

    def _laid_otherwise(self, picture: Pixels, fixed: Canvas | None, find: Detection) -> Detection:
        """The same face as it is found where it stands upright, if it lies: by one look at it laid in four ways."""
        box = find.box
        half = _AROUND * max(box.width, box.height) / 2
        x, y = (max(int(middle - half), 0) for middle in ((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2))
        part = picture[y:int((box.y0 + box.y1) / 2 + half) + 1, x:int((box.x0 + box.x1) / 2 + half) + 1]
        if min(part.shape[:2]) < 2:
            return find
        most = min(_ALONE, min(fixed) // 2) if fixed else _ALONE
        scale = min(1.0, most / max(part.shape[:2]))
        small = part if scale == 1 else cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        height, width = small.shape[:2]
        cell = max(height, width)
        four = np.zeros((2 * cell, 2 * cell, *picture.shape[2:]), np.uint8)
        for turn in range(4):
            laid = np.rot90(small, -turn)
            four[turn // 2 * cell:, turn % 2 * cell:][:laid.shape[0], :laid.shape[1]] = laid
        found = self._look(four, fixed, 1, 0, self._threshold)
        best, upright = find, True
        for at in np.argsort(found.scores):
            column, row = (int(found.boxes[at, axis::2].mean() >= cell) for axis in (0, 1))
            turn = 2 * row + column
            back = invert(quarter_turn(turn, width, height))
            corner = np.array([column * cell, row * cell])
            corners = transform(found.boxes[at].reshape(2, 2) - corner, back) / scale + [x, y]
            points = transform(found.points[at] - corner, back) / scale + [x, y]
            place = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
            one = self._told(_Found(place[None], found.scores[at:at + 1], points[None]), 0)
            if one.box.overlap(box) > _SAME:
                best, upright = one, turn == 0
        return find if upright else best

    def _tiles(self, picture: Pixels, fixed: Canvas, lowest: float) -> list[_Found]:
        """Finds in the four tiles, without those that an inner edge cuts."""
        height, width = picture.shape[:2]
        wide, tall = max(round(TILE * width), 1), max(round(TILE * height), 1)
        near = _CUT * max(wide / fixed[0], tall / fixed[1])
        found = []
        for x, y in ((0, 0), (width - wide, 0), (0, height - tall), (width - wide, height - tall)):
            one = self._look(np.ascontiguousarray(picture[y:y + tall, x:x + wide]), fixed, 1, 0, lowest)
            x0, y0, x1, y1 = one.boxes.T
            whole = ((x0 > near) | (x == 0)) & ((y0 > near) | (y == 0)) \
                & ((x1 < wide - near) | (x > 0 or wide == width)) & ((y1 < tall - near) | (y > 0 or tall == height))
            found.append(_Found(one.boxes[whole] + [x, y, x, y], one.scores[whole], one.points[whole] + [x, y]))
        return found


def fitted(picture: Pixels, canvas: Canvas, *, enlarge: bool) -> Canvas:
    """The size at which a picture fits into the canvas, its sides in proportion."""
    height, width = picture.shape[:2]
    scale = min(canvas[0] / width, canvas[1] / height)
    if scale >= 1 and not enlarge:
        return width, height
    return max(min(int(width * scale), canvas[0]), 1), max(min(int(height * scale), canvas[1]), 1)


def in_corner(picture: Pixels, canvas: Canvas, levels: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """(1, 3, H, W), channels as they are, of a BGR or grey uint8 picture in the top left corner over zeros, never
    enlarged; and network pixels per picture pixel. levels: (256,), what each level becomes."""
    inside = fitted(picture, canvas, enlarge=False)
    small = shrunk(picture, inside)
    blob = np.zeros((1, 3, canvas[1], canvas[0]), np.float32)
    for channel in range(3):
        plane = small if small.ndim == 2 else small[:, :, channel]
        blob[0, channel, :inside[1], :inside[0]] = cv2.LUT(plane, levels)
    return blob, inside[1] / picture.shape[0]


def cells(canvas: Canvas, stride: int, anchors: int, hits: NDArray[np.int64]) -> NDArray[np.float64]:
    """(N, 2): the top left corners, x first, of the cells that the hits belong to, in network pixels."""
    cell = hits // anchors
    columns = -(-canvas[0] // stride)
    corners: NDArray[np.float64] = np.stack([cell % columns, cell // columns], axis=1).astype(np.float64) * stride
    return corners


def _whole(pixels: float) -> int:
    """Up to a whole number of the coarsest cells."""
    return int(-(-pixels // STRIDES[-1])) * STRIDES[-1]


def _distinct(found: _Found, same_face: float) -> list[int]:
    """Indices of those that no better one overlaps, best first. Sides count their last pixel, as insightface does."""
    order = np.argsort(-found.scores, kind="stable")
    low, high = found.boxes[:, :2], found.boxes[:, 2:]
    areas = (high - low + 1).prod(axis=1)
    kept: list[int] = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(int(best))
        shared = (np.minimum(high[best], high[rest]) - np.maximum(low[best], low[rest]) + 1).clip(0).prod(axis=1)
        order = rest[shared / (areas[best] + areas[rest] - shared) <= same_face]
    return kept
