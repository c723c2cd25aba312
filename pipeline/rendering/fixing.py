"""The user's last word on single frames: fixes of the recipe, applied to what was followed and to what is drawn.

A fix says what is to be done in its span and with whom. It never edits pixels that are there already: the part is
rendered again with it, and without it the part is what it was.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Generic, TypeVar

import cv2
import numpy as np

from models.arrays import Mask, Matrix, Pixels, Points
from models.errors import RecipeError
from models.face import Box, Face, five_points
from models.geometry import compose, invert, roll_of, similarity, transform
from pipeline.chain import Step
from pipeline.clips.clip import Clip
from pipeline.clips.planes import ClipFrame
from pipeline.crops import native_rect
from pipeline.findings.square import SIDE, square_of
from pipeline.measure.formulas import low_pass
from pipeline.recipe import (
    Effect,
    Fix,
    HoldLast,
    KeepOriginal,
    MovePoints,
    OtherStrength,
    PaintMask,
    TakeFromNeighbours,
)
from pipeline.tracking.follow import FollowedFace
from processors.base import Needs, Processor
from processors.batches import Native, PatchBatch, Rect, Region
from processors.context import Context
from processors.params import ProcessorParams
from processors.registry import processor

F = TypeVar("F", bound=Fix)
REACH = 12
"""Frames beyond a span in which its neighbours are looked for: half a second, after which a face is elsewhere."""
_SAME = 0.2  # overlap of two boxes from which on they are one face that is to be replaced
_NEAR = 1.0  # outer-eye distances that a face may move over a span without being another one, and a tenth more a frame


@dataclass(frozen=True, slots=True)
class Placed(Generic[F]):
    """A fix with its span in frames, both in it."""

    fix: F
    first: int
    last: int

    def covers(self, index: int, number: int) -> bool:
        return self.first <= index <= self.last and self.fix.person in (None, number)


def placed(fixes: Iterable[Fix], clip: Clip, ticks: Callable[[str], int]) -> tuple[Placed[Fix], ...]:
    """ticks: of a time in seconds. Fixes whose span holds no frame are left out."""
    found = []
    for fix in fixes:
        first = int(np.searchsorted(clip.pts, ticks(fix.start))) if fix.start is not None else 0
        last = (int(np.searchsorted(clip.pts, ticks(fix.stop))) if fix.stop is not None else clip.frames) - 1
        if first <= last:
            found.append(Placed(fix, first, last))
    return tuple(found)


class Fixing:
    """The fixes that count in one part. first, last: its frames."""

    def __init__(self, fixes: Sequence[Placed[Fix]], first: int, last: int) -> None:
        self._fixes = tuple(one for one in fixes if one.first <= last and one.last >= first)
        self._neighbours = _of(self._fixes, TakeFromNeighbours)
        self._holds = _of(self._fixes, HoldLast)
        self._held: list[_Look] = []

    def __bool__(self) -> bool:
        return bool(self._fixes)

    @property
    def ahead(self) -> tuple[int, int] | None:
        """Frames that have to be followed before the first is drawn; None where nothing asks for neighbours."""
        if not self._neighbours:
            return None
        return (min(one.first for one in self._neighbours) - REACH, max(one.last for one in self._neighbours) + REACH)

    @property
    def begins(self) -> int | None:
        """The frame from which on the chain has to run, so that there is something to be held; None for any."""
        return min((one.first - 1 for one in self._holds), default=None)

    @property
    def looks(self) -> tuple[int, ...]:
        """Frames whose look is held later."""
        return tuple(sorted({one.first - 1 for one in self._holds if one.first > 0}))

    def from_neighbours(self, followed: Mapping[int, tuple[FollowedFace, ...]], cuts: frozenset[int],
                        ) -> dict[int, tuple[FollowedFace, ...]]:
        """followed: by frame. cuts: frames that begin a shot, beyond which nobody is a neighbour."""
        made = dict(followed)
        for one in self._neighbours:
            for index in range(one.first, one.last + 1):
                if index in followed:
                    made[index] = _between(made[index], one, index, followed, cuts)
        return made

    def moved(self, index: int, faces: tuple[FollowedFace, ...]) -> tuple[FollowedFace, ...]:
        """With points that were moved by hand."""
        moves = [one for one in _of(self._fixes, MovePoints) if one.first <= index <= one.last]
        if not moves:
            return faces
        made = []
        for followed in faces:
            for one in moves:
                if one.covers(index, followed.face.number):
                    face = replace(followed.face, points=_moved(followed.face.points, one.fix.points))
                    followed = replace(followed, face=face, held=False, sure=True, remarks=(), firm=True)
            made.append(followed)
        return tuple(made)

    def leaves(self, index: int, face: Face) -> bool:
        """Whether the chain is not to run on this face: its original is kept, or its last look is held."""
        return any(one.covers(index, face.number) for one in _of(self._fixes, KeepOriginal)) or \
            self._look_of(index, face) is not None

    def step(self, index: int, faces: Iterable[Face]) -> Step | None:
        """The mask step that changes how much of some faces is drawn; None where none is."""
        ways = []
        for face in faces:
            mine = [one.fix for one in self._fixes if one.covers(index, face.number)
                    and isinstance(one.fix, OtherStrength | PaintMask)]
            if mine:
                ways.append((face, tuple(mine)))
        return Step(_EFFECT, Retouch(ways), ProcessorParams()) if ways else None

    # Holding ------------------------------------------------------------------------------------------------------

    def remember(self, bare: ClipFrame, frame: ClipFrame, faces: Sequence[Face], regions: Sequence[Region]) -> None:
        """What was drawn, where the next frame begins a span in which it is held. bare: the frame without it."""
        for one in self._holds:
            if one.first == frame.index + 1:
                self._held += [_Look.of(bare, frame, face, regions, one) for face in faces
                               if one.fix.person in (None, face.number)]

    def lay(self, frame: ClipFrame, faces: Sequence[Face]) -> tuple[ClipFrame, list[Region]]:
        """With the looks that are held here."""
        draft, regions = frame.edit(), []
        for face in faces:
            look = self._look_of(frame.index, face)
            if look is not None:
                region = look.at(draft.frame, face)
                draft.write(region.rect, region.pixels, region.mask)
                regions.append(region)
        return draft.frame, regions

    def _look_of(self, index: int, face: Face) -> _Look | None:
        known = [look for look in self._held if look.hold.covers(index, face.number)
                 and look.face.number == face.number]
        return min(known, key=lambda look: float(np.hypot(*np.subtract(look.face.centre, face.centre))), default=None)


def _of(fixes: Iterable[Placed[Fix]], kind: type[F]) -> list[Placed[F]]:
    return [Placed(one.fix, one.first, one.last) for one in fixes if isinstance(one.fix, kind)]


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """How a face looked in the last good frame: what was drawn, and how much of it; bare: what was there before. rect:
    where in that frame."""

    face: Face
    bare: Pixels
    pixels: Pixels
    mask: Mask
    rect: Rect
    hold: Placed[HoldLast]

    @classmethod
    def of(cls, bare: ClipFrame, frame: ClipFrame, face: Face, regions: Sequence[Region], hold: Placed[HoldLast],
           ) -> _Look:
        around = native_rect(face, 1.0)
        rect = Rect(max(around.x0, 0), max(around.y0, 0), min(around.x1, frame.width), min(around.y1, frame.height))
        mask = np.zeros((rect.y1 - rect.y0, rect.x1 - rect.x0), np.float32)
        for region in regions:
            x0, y0 = max(region.rect.x0, rect.x0), max(region.rect.y0, rect.y0)
            x1, y1 = min(region.rect.x1, rect.x1), min(region.rect.y1, rect.y1)
            if x0 < x1 and y0 < y1:
                part = mask[y0 - rect.y0:y1 - rect.y0, x0 - rect.x0:x1 - rect.x0]
                np.maximum(part, region.mask[y0 - region.rect.y0:y1 - region.rect.y0,
                                             x0 - region.rect.x0:x1 - region.rect.x0], out=part)
        return cls(face, bare.region(rect), frame.region(rect), mask, rect, hold)

    def at(self, frame: ClipFrame, face: Face) -> Region:
        """Where the face is now, in the light that falls on it now."""
        over = similarity(self.face.points, face.points)
        shift = np.array([[1.0, 0, self.rect.x0], [0, 1.0, self.rect.y0]])
        corners = np.array([[self.rect.x0, self.rect.y0], [self.rect.x1, self.rect.y0],
                            [self.rect.x0, self.rect.y1], [self.rect.x1, self.rect.y1]], np.float64)
        (x0, y0), (x1, y1) = (f(transform(corners, over), axis=0) for f in (np.min, np.max))
        rect = Rect(max(int(x0), 0), max(int(y0), 0), max(min(int(x1) + 1, frame.width), 1),
                    max(min(int(y1) + 1, frame.height), 1))
        back = compose(np.array([[1.0, 0, -rect.x0], [0, 1.0, -rect.y0]]), compose(over, shift))
        size = (rect.x1 - rect.x0, rect.y1 - rect.y0)
        pixels, bare = (cv2.warpAffine(one, back, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
                        .astype(np.float32) for one in (self.pixels, self.bare))
        mask = np.clip(cv2.warpAffine(self.mask, back, size, flags=cv2.INTER_LINEAR), 0, 1)
        under = frame.region(rect)
        sigma = LIGHT * max(face.eye_distance, 1.0)
        now, then = (low_pass(one, sigma) + _DARK for one in (under.astype(np.float32), bare))
        mixed = under + (pixels * np.clip(now / then, 0.25, 4) - under) * mask[..., None]
        if under.dtype == np.uint8:
            mixed = np.clip(np.rint(mixed), 0, 255)
        return Region(mixed.astype(under.dtype), rect, np.asarray(mask, np.float32))


LIGHT = 0.3
"""Of an outer-eye distance: the low pass that tells light from features; `measure` takes .2 on stills, and points that
lie a little elsewhere must not show."""
_DARK = 8.0  # levels added to both, so that noise in black is no light


# Neighbours ---------------------------------------------------------------------------------------------------------

def _between(faces: tuple[FollowedFace, ...], one: Placed[TakeFromNeighbours], index: int,
             followed: Mapping[int, tuple[FollowedFace, ...]], cuts: frozenset[int]) -> tuple[FollowedFace, ...]:
    """The faces of one frame of the span, those that are meant from the frames around."""
    begins = max((cut for cut in cuts if cut <= index), default=-1)
    ends = min((cut for cut in cuts if cut > index), default=1 << 40)
    before = _nearest(followed, one, range(one.first - 1, max(one.first - 1 - REACH, begins - 1), -1))
    after = _nearest(followed, one, range(one.last + 1, min(one.last + 1 + REACH, ends)))
    made = []
    for at, face in before[1] if before else ():
        partner = min(((b, f) for b, f in after[1] if _is_same(face, f, b - at)), default=None,
                      key=lambda pair: _away(face, pair[1])) if after else None
        made.append(face if partner is None else _mixed(face, partner[1], (index - at) / (partner[0] - at)))
    if after and not before:
        made = [face for _, face in after[1]]
    kept = [face for face in faces if not any(_is_one(face, other, one.fix.person) for other in made)]
    return tuple(sorted((*kept, *made), key=lambda f: f.face.centre))


def _nearest(followed: Mapping[int, tuple[FollowedFace, ...]], one: Placed[TakeFromNeighbours], frames: range,
             ) -> tuple[int, list[tuple[int, FollowedFace]]] | None:
    """The first of some frames that has faces that are meant."""
    for frame in frames:
        found = [(frame, face) for face in followed.get(frame, ())
                 if one.fix.person in (None, face.face.number) and not face.held]
        if found:
            return frame, found
    return None


def _away(one: FollowedFace, other: FollowedFace) -> float:
    return float(np.hypot(*np.subtract(one.face.centre, other.face.centre)))


def _is_same(one: FollowedFace, other: FollowedFace, frames: int) -> bool:
    return one.face.number == other.face.number and \
        _away(one, other) < one.face.eye_distance * (_NEAR + 0.1 * frames)


def _is_one(one: FollowedFace, other: FollowedFace, person: int | None) -> bool:
    """Whether a face of the frame gives way to one that comes from its neighbours."""
    return one.face.box.overlap(other.face.box) > _SAME or (person is not None and one.face.number == person)


def _mixed(one: FollowedFace, other: FollowedFace, share: float) -> FollowedFace:
    box = Box(*(a + share * (b - a) for a, b in zip(one.face.box, other.face.box, strict=True)))
    points = one.face.points + share * (other.face.points - one.face.points)
    face = replace(one.face, box=box, points=points, spread=max(one.face.spread, other.face.spread))
    return replace(one, face=face, seen=False, firm=True)


def _moved(points: Points, moves: Mapping[int, tuple[float, float]]) -> Points:
    """Moves are along the face's own axes, in outer-eye distances."""
    angle, size = roll_of(five_points(points)), float(np.hypot(*(points[45] - points[36])))
    turn = size * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    made = points.copy()
    for place, move in moves.items():
        made[place] += np.array(move) @ turn
    return made


# How much is drawn --------------------------------------------------------------------------------------------------

NAME = "retouch"
_EFFECT = Effect(id="mask", processor=NAME, version="1.0")


@processor(NAME, title="Retouch", role="mask", version="1.0")
class Retouch(Processor):
    """Draws more or less of single faces, as the recipe's fixes say."""

    def __init__(self, ways: Sequence[tuple[Face, tuple[OtherStrength | PaintMask, ...]]] = ()) -> None:
        self._ways = tuple(ways)

    def needs(self, params: ProcessorParams) -> Needs:
        return Needs(crop=Native(0))

    def process(self, batch: PatchBatch, params: ProcessorParams, ctx: Context) -> PatchBatch:
        made = []
        for patch in batch:
            fixes = next((fixes for face, fixes in self._ways if face is patch.crop.face), ())
            shape = patch.pixels.shape[:2]
            mask = np.ones(shape, np.float32) if patch.mask is None else patch.mask
            for fix in fixes:
                mask = mask * np.float32(fix.strength) if isinstance(fix, OtherStrength) else \
                    _painted(mask, fix, patch.crop.face, patch.crop.matrix)
            made.append(replace(patch, mask=mask) if fixes else patch)
        return tuple(made)


def _painted(mask: Mask, fix: PaintMask, face: Face, matrix: Matrix) -> Mask:
    """matrix: frame -> crop."""
    paint = painting(fix.png)
    stretch = np.array([[SIDE / paint.shape[1], 0, 0], [0, SIDE / paint.shape[0], 0]])
    to_crop = compose(matrix, compose(invert(square_of(face)), stretch))
    size = (mask.shape[1], mask.shape[0])
    value = cv2.warpAffine(paint, to_crop, size, flags=cv2.INTER_LINEAR, borderValue=_AS_IS).astype(np.float32)
    less = np.minimum(value / _AS_IS, 1)
    more = np.maximum(value - _AS_IS, 0) / (255 - _AS_IS)
    return np.asarray(mask * less + (1 - mask * less) * more, np.float32)


_AS_IS = 128


def _is_small(data: bytes) -> bool:
    """By a PNG's head: pixels that nobody wants are not unpacked, however few bytes they are in."""
    return data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR" and \
        all(0 < int.from_bytes(data[at:at + 4]) <= 512 for at in (16, 20))


@lru_cache(maxsize=32)
def painting(png: str) -> Pixels:
    """(h, w) uint8 of what was painted. Raises RecipeError where that is no small grey PNG."""
    try:
        data = base64.b64decode(png, validate=True)
        found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE) if _is_small(data) else None
    except (ValueError, cv2.error):
        found = None
    if found is None:
        raise RecipeError("A painted mask is no PNG of at most 512 × 512 pixels.", subject="fixes",
                          code="RECIPE.MASK", remedy="Paint it again.")
    return np.asarray(found, np.uint8)

