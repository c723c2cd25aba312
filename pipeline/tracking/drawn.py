"""Boxes drawn by hand on heads that the detector missed, followed both ways to the ends of their shot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from models.arrays import Pixels
from models.face import Box
from pipeline.clips.clip import Clip
from pipeline.recipe import AnonymiseStyle, DrawnBox
from pipeline.tracking.carrying import carry, find_again, part_of, small_grey
from pipeline.tracking.cuts import CutTest, small
from pipeline.tracking.flow import moved_box, scaling
from pipeline.tracking.frames import Looked
from pipeline.tracking.heads import grown, inside

Read = Callable[[int, int], Iterable[Looked]]
"""Frames by number, from the first to the second, the second included."""

_CHUNK = 120  # frames that are read at once on the way back: small pictures of them are 28 MB
# Growth of a box at once and for every frame, carried and held, as shares of its size; and at most.
_MARGIN, _CARRIED, _HELD, _MOST = 0.05, 0.001, 0.02, 0.6
_LOST_FOR = 10  # frames that a head may be lost without a question


@dataclass(frozen=True, slots=True, eq=False)
class DrawnFace:
    """boxes: where the head is, by frame number, in frame pixels. lost: frames in which it could not be followed and
    the box stays where it was."""

    boxes: Mapping[int, Box]
    style: AnonymiseStyle = "blur"
    lost: frozenset[int] = field(default_factory=frozenset)

    def lost_between(self, first: int, last: int) -> list[tuple[int, int]]:
        """Spans of more than a few lost frames within a part, both ends included."""
        spans: list[list[int]] = []
        for index in sorted(i for i in self.lost if first <= i <= last):
            if spans and index == spans[-1][1] + 1:
                spans[-1][1] = index
            else:
                spans.append([index, index])
        return [(low, high) for low, high in spans if high - low >= _LOST_FOR]


def drawn_faces(covers: Sequence[DrawnBox], clip: Clip, check: Callable[[], None] = lambda: None,
                ) -> tuple[DrawnFace, ...]:
    """A recipe's drawn boxes, followed through their shots: the same for every part. check: called between frames."""
    from pipeline.clips.reader import read_frames

    def read(first: int, last: int) -> Iterable[Looked]:
        stop = int(clip.pts[last + 1]) if last + 1 < len(clip.pts) else None
        return read_frames(clip, int(clip.pts[first]), stop, check=check)

    followed = []
    for cover in covers:
        ticks = int(clip.pts[0]) + round(Fraction(cover.at or 0) / clip.time_base)
        # The frame that is shown at that time: the last one that began by then.
        index = int(np.clip(np.searchsorted(clip.pts, ticks, side="right") - 1, 0, clip.frames - 1))
        x, y = cover.x * clip.width, cover.y * clip.height
        box = Box(x, y, x + cover.width * clip.width, y + cover.height * clip.height)
        followed.append(follow_drawn(read, index, clip.frames, box, cover.style))
    return tuple(followed)


def follow_drawn(read: Read, index: int, frames: int, box: Box, style: AnonymiseStyle = "blur") -> DrawnFace:
    """A head followed from the frame that it was drawn on, on and back to the cuts. frames: how many the clip has."""
    way = _Way(box, {index: grown(box, _MARGIN)})
    cuts, ahead = CutTest(), way.begin()
    for frame in read(index, frames - 1):
        if cuts.step(small(frame.grey8())) or not ahead.to(frame):
            break
    back = way.begin()
    high = index
    while high >= 0:
        low = max(high - _CHUNK, 0)
        # Whether a frame begins a shot can only be told in order: pictures are gathered, and forgotten at a cut.
        begun, cuts = low, CutTest()
        held: list[_Small] = []
        for frame in read(low, high):
            if cuts.step(small(frame.grey8())):
                begun = frame.index
                held.clear()
            held.append(_Small(frame))
        if not all(back.to(one) for one in reversed(held)) or begun > low or low == 0:
            break
        high = low
    return DrawnFace(way.boxes, style, frozenset(way.lost))


class _Small:
    """What is kept of a frame on the way back."""

    def __init__(self, frame: Looked) -> None:
        self.index, self.width, self.height = frame.index, frame.width, frame.height
        self._grey = small_grey(frame.grey8())

    def grey8(self) -> Pixels:
        return self._grey


class _Way:
    """Boxes gathered in both directions."""

    def __init__(self, box: Box, boxes: dict[int, Box]) -> None:
        self.box, self.boxes, self.lost = box, boxes, set[int]()

    def begin(self) -> _Carrier:
        return _Carrier(self)


class _Carrier:
    """Goes in one direction from the frame that was drawn on, which is the first one it is given."""

    def __init__(self, way: _Way) -> None:
        self._way, self._box = way, way.box
        self._before: Pixels | None = None
        self._model: Pixels | None = None
        self._carried = self._held = 0

    def to(self, frame: Looked | _Small) -> bool:
        """Carries the box into the next frame. False where the head has left the picture."""
        grey = small_grey(frame.grey8())
        to_small = scaling(grey.shape[1] / frame.width, grey.shape[0] / frame.height, 0, 0)
        before, self._before = self._before, grey
        if before is None:
            self._model = part_of(grey, moved_box(self._box, to_small))
            return True
        here = moved_box(self._box, to_small)
        there = carry(before, grey, here) if self._held == 0 else None
        if there is None and self._model is not None:
            there = find_again(self._model, grey, here)
        self._carried += 1
        if there is None:
            self._held += 1
            self._way.lost.add(frame.index)
        else:
            self._held = 0
            back = scaling(frame.width / grey.shape[1], frame.height / grey.shape[0], 0, 0)
            self._box = moved_box(there, back)
        if inside(self._box, frame.width, frame.height) < 0.1:
            return False
        margin = min(_MARGIN + _CARRIED * self._carried + _HELD * self._held, _MOST)
        self._way.boxes[frame.index] = grown(self._box, margin)
        return True
