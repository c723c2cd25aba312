"""When and where the detector looks in a clip: often at a small picture, now and then at a large one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import cv2
import numpy as np

from models.arrays import Matrix, Pixels, Points
from models.face import Box, Face
from models.geometry import invert, transform
from models.interfaces import Detection, FaceStack, Search
from models.shrinking import shrunk
from pipeline.tracking.flow import WORK, moved_box, scaling

Kind = Literal["quick", "full"]

# A look at 640 px costs 25 ms and sees faces of an eighth of the longer side; one at 1280 px costs 105 ms and sees half
# of that (measured, one core). Six quick looks a second, every third of them full, cost 12 ms a frame at 30 fps.
QUICK = 640
FULL = 1280
_LOOKS_A_SECOND, _FULL_EVERY = 6.0, 3
# Side of a known face's box when the detector is asked about it alone, and how much is round it, in boxes: dlib's
# window is 80 px, its pyramid goes down in steps of 5/6.
_BOX, _ROUND = 110.0, 0.6
_OTHER_CROPS = (1.0, 1.06, 0.94)
# Overlap above which what was found round a face is that face.
_SAME = 0.35


class Look:
    """The schedule of looks, by the frames' own numbers."""

    def __init__(self, search: Search, rate: float) -> None:
        self.search = search
        self.every = max(1, round(rate / _LOOKS_A_SECOND))

    def due(self, index: int, began: bool) -> Kind | None:
        """began: nothing is known of what was before, or something was lost."""
        if began or index % (self.every * _FULL_EVERY) == 0:
            return "full"
        return "quick" if index % self.every == 0 else None


@dataclass(frozen=True, slots=True)
class Sighting:
    """A find of the detector: box in frame pixels, score, quarter turns, five points where the detector gives them."""

    box: Box
    score: float
    turn: int
    points5: Points | None = field(default=None, compare=False)

    def read(self, stack: FaceStack, grey: Pixels) -> Face:
        """The face with its points, read at a size at which a large one costs no more than a small."""
        part, matrix = _cut(grey, self.box, min(1.0, 2.2 * WORK / max(self.box.width, 1.0)), 0.8)
        five = None if self.points5 is None else transform(self.points5, matrix)
        face, = stack.landmarker.landmarks(part, [Detection(moved_box(self.box, matrix), self.score, self.turn, five)])
        # A track begins where this says; three more readings in somewhat other crops halve its error (Hopper, four
        # starts: .55 to 1.7 % of the eye distance -> .35 to 1.1).
        middle = face.points.mean(axis=0)
        near = [replace(face, points=middle + (face.points - middle) * grow) for grow in _OTHER_CROPS]
        again = stack.landmarker.follow(part, near)
        face = replace(face, points=np.mean([face.points, *(other.points for other in again)], axis=0))
        back = invert(matrix)
        return replace(face, points=transform(face.points, back), box=moved_box(face.box, back))


def look_for(stack: FaceStack, grey: Pixels, look: Look, kind: Kind) -> list[Sighting]:
    """Finds over the whole frame. grey: (H, W) uint8."""
    longer = max(grey.shape)
    if kind == "quick":
        return _sightings(stack, grey, min(1.0, QUICK / longer), Search())
    # For the second look of `small`, the detector wants the pixels that there are.
    scale = 1.0 if look.search.small else min(1.0, FULL / longer)
    most = stack.detector.side(look.search)
    if most is not None:
        scale = min(scale, most / longer)
    return _sightings(stack, grey, scale, look.search)


def _sightings(stack: FaceStack, grey: Pixels, scale: float, search: Search) -> list[Sighting]:
    height, width = grey.shape
    shape = (max(round(width * scale), 1), max(round(height * scale), 1))
    part = grey if scale == 1 else _resized(grey, shape, scale)
    across, down = width / shape[0], height / shape[1]
    return [Sighting(Box(d.box.x0 * across, d.box.y0 * down, d.box.x1 * across, d.box.y1 * down), d.score, d.turn,
                     None if d.points5 is None else (d.points5 + 0.5) * [across, down] - 0.5)
            for d in stack.detector.detect(part, search)]


def look_near(stack: FaceStack, grey: Pixels, box: Box, spare: float) -> list[Sighting]:
    """Finds round a place at which a face is thought to be, faint ones included. spare: how much is looked at on each
    side, in boxes."""
    part, matrix = _cut(grey, box, _BOX / max(box.width, 1.0), spare)
    back = invert(matrix)
    return [Sighting(moved_box(d.box, back), d.score, d.turn,
                     None if d.points5 is None else transform(d.points5, back))
            for d in stack.detector.detect(part, Search(faint=True))]


def confirm(stack: FaceStack, grey: Pixels, face: Face) -> float | None:
    """The detector's score where a face is thought to be, faint ones included; None where it sees none there. Only the
    part of the frame round it is looked at, turned as the face is."""
    box = face.box
    part, matrix = _cut(grey, box, _BOX / max(box.width, 1.0), _ROUND)
    wanted = moved_box(box, matrix)
    if face.turn:
        height, width = part.shape
        part = np.ascontiguousarray(np.rot90(part, -face.turn))
        wanted = _turned(wanted, face.turn, width, height)
    found = stack.detector.detect(part, Search(faint=True))
    return max((d.score for d in found if d.box.overlap(wanted) > _SAME), default=None)


def _turned(box: Box, turn: int, width: int, height: int) -> Box:
    for _ in range(turn):
        box = Box(height - box.y1, box.x0, height - box.y0, box.x1)
        width, height = height, width
    return box


def _cut(grey: Pixels, box: Box, scale: float, margin: float) -> tuple[Pixels, Matrix]:
    """The part of a picture round a box, `margin` boxes to spare, at a scale; and the matrix frame -> part."""
    height, width = grey.shape
    spare = margin * max(box.width, box.height, 2.0)
    x0, y0 = min(max(int(box.x0 - spare), 0), width - 2), min(max(int(box.y0 - spare), 0), height - 2)
    x1, y1 = max(min(int(box.x1 + spare) + 1, width), x0 + 2), max(min(int(box.y1 + spare) + 1, height), y0 + 2)
    scale = min(scale, 4096 / max(x1 - x0, y1 - y0))
    # Whole blocks, so that it can be halved: a few pixels less to spare.
    block = 1 << _halvings(scale)
    x1, y1 = x1 - (x1 - x0) % block, y1 - (y1 - y0) % block
    shape = (max(round((x1 - x0) * scale), 2), max(round((y1 - y0) * scale), 2))
    part = _resized(grey[y0:y1, x0:x1], shape, scale)
    return part, scaling(shape[0] / (x1 - x0), shape[1] / (y1 - y0), x0, y0)


def _halvings(scale: float) -> int:
    """How often a picture that is scaled can be halved first and still be larger than what is wanted."""
    return max(int(np.log2(1 / scale)), 0)


def _resized(grey: Pixels, shape: tuple[int, int], scale: float) -> Pixels:
    """To (width, height), which is about `scale` times as large."""
    return shrunk(grey, shape) if scale < 1 else np.asarray(cv2.resize(grey, shape), np.uint8)
