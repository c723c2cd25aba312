"""One pass over consecutive frames of a clip: every face read in every frame, also in those before it was found.

The causal follower does the first part (finding, following, confirming, parting); this keeps what it reads, goes back
from where a face was first found, closes gaps from both sides, and steadies it all with both sides known.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.arrays import Pixels, Points
from models.face import Box, Face
from models.geometry import similarity, transform
from models.interfaces import FaceStack, Search
from models.shrinking import shrunk
from pipeline.analysis.found import FILLED, HELD, SEEN, UNKNOWN, Found, Glimpse, Piece
from pipeline.analysis.shots import Shots, Told
from pipeline.analysis.smoothing import Run, steadied
from pipeline.tracking.flow import moved_box, scaling
from pipeline.tracking.follow import HOLD, FollowedFace, Follower, Reading, carried
from pipeline.tracking.frames import Looked
from pipeline.tracking.identity import portrait_of
from pipeline.tracking.looks import Kind, Look
from pipeline.tracking.people import clearness

BEFORE, BEHIND = 24, 16
"""Frames before and behind a span that are looked at with it: its first and last points are then as steady as the rest
(a reading counts for about ten frames on either side)."""

_BACK = 24
"""Frames that a face is followed back from where it was found: more than lie between two looks at the whole frame,
because the detector overlooks a face now and then."""
_GREY = 1920  # pixels across that they are kept at: at 4K a quarter of the memory, and faces are larger there
_GAP = 0.3  # seconds without a face that are bridged within a shot
_NEAR = 0.8  # how far it may have gone meanwhile, in widths of its box
_ONE_HEAD = 0.45  # overlap of two boxes that lie on one head
_GLIMPSES = 3
# Seconds between two glimpses, and between two frames that are judged at all: neighbours say the same.
_APART, _JUDGED = 0.4, 0.2
# Motion of a face from frame to frame, in widths of its box, above which the detector looks twice as often. Following
# alone keeps a face that moves by a tenth of itself.
_FAST = 0.04


@dataclass(slots=True, eq=False)
class _Seen:
    """One face in one frame. before, ahead: what the frame told, read from the frame before or, on the way back, from
    the one behind."""

    frame: int
    face: Face
    seen: bool
    firm: bool
    held: bool
    before: Reading | None = None
    ahead: Reading | None = None

    @property
    def read(self) -> Points:
        reading = self.before or self.ahead
        return self.face.points if reading is None else reading.read

    @property
    def spread(self) -> float:
        reading = self.before or self.ahead
        return self.face.spread if reading is None else reading.spread


@dataclass(slots=True, eq=False)
class _Sight:
    """A frame that shows a face well, and the pixels that a recogniser needs of it."""

    frame: int
    clear: float
    box: Box
    pixels: Pixels
    face: Face


@dataclass(slots=True, eq=False)
class _Track:
    """shot: its number in this pass. sights: best first. judged: the frame that was last asked how well it shows the
    face. mean: the newest face with the follower's mean descriptor."""

    shot: int
    seen: list[_Seen] = field(default_factory=list)
    sights: list[_Sight] = field(default_factory=list)
    believed: bool = False
    judged: int = -1_000_000
    score: float = 0.0
    mean: Face | None = None


class AdaptiveLook(Look):
    """Looks twice as often where a face moves fast, and half as often where nothing in the picture does."""

    def __init__(self, search: Search, rate: float) -> None:
        super().__init__(search, rate)
        self._usual = self.every

    def note(self, moved: float, still: bool) -> None:
        """moved: how far the fastest face went from the last frame to this, in widths of its box. still: nothing
        moved."""
        if moved > _FAST:
            self.every = max(self._usual // 2, 1)
        else:
            self.every = self._usual * 2 if still else self._usual

    def due(self, index: int, began: bool) -> Kind | None:
        if began or index % (self._usual * 3) == 0:
            return "full"
        return "quick" if index % self.every == 0 else None


class Pass:
    """Takes frames in order, without gaps, and gives spans of what was found in them."""

    def __init__(self, stack: FaceStack, search: Search, rate: Fraction) -> None:
        self._stack, self._rate = stack, max(float(rate), 1.0)
        self._look = AdaptiveLook(search, self._rate)
        self._follower = Follower(stack, people=(), search=search, rate=rate, embed=True, look=self._look)
        self._shots: Shots[Looked] = Shots()
        self._shot = 0
        self._ring: deque[tuple[int, Pixels, float]] = deque(maxlen=_BACK + 1)
        self._tracks: dict[int, _Track] = {}
        self._cuts: list[int] = []
        self._flashes: list[int] = []
        self.reached = -1
        """The last frame of which it is known what it is."""

    def step(self, frame: Looked) -> None:
        for told in self._shots.step(frame):
            self._take(told)

    def end(self) -> None:
        """No frame follows."""
        for told in self._shots.end():
            self._take(told)

    def _take(self, told: Told[Looked]) -> None:
        frame = told.frame
        self.reached = frame.index
        if told.flash:
            self._flashes.append(frame.index)
            return
        if told.cut:
            self._cuts.append(frame.index)
            self._shot += 1
            self._ring.clear()
        followed = self._follower.step(frame, told.cut)
        grey = frame.grey8()
        shrink = min(_GREY / grey.shape[1], 1.0)
        self._ring.append((frame.index, _kept(grey, shrink), shrink))
        moved = 0.0
        alive = set()
        for one in (*followed.faces, *followed.waiting):
            alive.add(one.track)
            track = self._tracks.setdefault(one.track, _Track(self._shot))
            if track.seen:
                moved = max(moved, _moved(track.seen[-1].face.box, one.face.box))
            linked = one.reading if track.seen and track.seen[-1].frame == self._previous() else None
            track.seen.append(_Seen(frame.index, one.face, one.seen, one.firm, one.held, linked))
            track.score = max(track.score, one.face.score)
            track.mean = one.face if one.face.embedding is not None else track.mean
        for one in followed.faces:
            track = self._tracks[one.track]
            if not track.believed:
                track.believed = True
                self._back(one.track, track)
            if one.seen and one.sure:
                self._sight(track, frame, one)
        self._look.note(moved, told.still)

    def _previous(self) -> int:
        """The frame before the newest one that was looked at."""
        return self._ring[-2][0] if len(self._ring) > 1 else -1

    def _back(self, number: int, track: _Track) -> None:
        """Follows a face back from where it was first found, to where another track lies on it."""
        first = track.seen[0]
        greys = [one for one in self._ring if one[0] <= first.frame]
        face = first.face
        for (_, later, scale), (index, grey, _) in pairwise(reversed(greys)):
            to_small = scaling(scale, scale, 0, 0)
            back = scaling(1 / scale, 1 / scale, 0, 0)
            small = replace(face, points=transform(face.points, to_small), box=moved_box(face.box, to_small))
            found = carried(self._stack, later, grey, small)
            if found is None:
                return
            there, reading = found
            face = replace(there, points=transform(there.points, back), box=moved_box(there.box, back), embedding=None)
            if any(self._lies_on(other, index, face.box) for key, other in self._tracks.items() if key != number):
                return
            full = replace(reading, read=transform(reading.read, back), start=transform(reading.start, back),
                           flow=transform(reading.flow, back))
            track.seen.insert(0, _Seen(index, face, False, True, False, ahead=full))

    def _lies_on(self, track: _Track, frame: int, box: Box) -> bool:
        return any(one.frame == frame and one.face.box.overlap(box) > _ONE_HEAD for one in track.seen[-2 * _BACK:])

    def _sight(self, track: _Track, frame: Looked, one: FollowedFace) -> None:
        if frame.index - track.judged < _JUDGED * self._rate:
            return
        track.judged = frame.index
        clear = clearness(one.face, frame.grey8())
        near = [s for s in track.sights if abs(s.frame - frame.index) < _APART * self._rate]
        if any(s.clear >= clear for s in near):
            return
        kept = [s for s in track.sights if s not in near]
        if len(kept) >= _GLIMPSES and clear <= kept[-1].clear:
            return
        pixels, (face,) = portrait_of(frame, one.face)
        kept.append(_Sight(frame.index, clear, one.face.box, pixels, face))
        track.sights = sorted(kept, key=lambda s: -s.clear)[:_GLIMPSES]

    # What is given -------------------------------------------------------------------------------------------------

    def found(self, first: int, last: int) -> Found:
        """What the frames first..last show; those before BEFORE frames ahead of the next span are forgotten."""
        ways = self._joined(first - BEFORE, last + BEHIND)
        pieces = [piece for way in ways for piece in self._pieces(way, first, last)]
        made = Found(first, last, tuple(c for c in self._cuts if first <= c <= last),
                     tuple(f for f in self._flashes if first <= f <= last),
                     tuple(sorted(pieces, key=lambda piece: (piece.first, float(piece.boxes[0, 0])))))
        for track in self._tracks.values():  # the next span is to have its own
            track.sights = [sight for sight in track.sights if sight.frame > last]
        self._forget(last + 1 - BEFORE)
        return made

    def _forget(self, before: int) -> None:
        self._cuts = [c for c in self._cuts if c >= before]
        self._flashes = [f for f in self._flashes if f >= before]
        for number, track in list(self._tracks.items()):
            track.seen = [one for one in track.seen if one.frame >= before]
            if not track.seen and number not in self._follower.alive:
                del self._tracks[number]

    def _joined(self, low: int, high: int) -> list[tuple[list[_Track], list[list[_Seen]]]]:
        """Tracks of one head together, and the stretches in which they were seen, gaps between them. A head that was
        lost and is found again near there soon after is the same, unless a recogniser says otherwise."""
        ways: list[tuple[list[_Track], list[list[_Seen]]]] = []
        tracks = sorted((t for t in self._tracks.values() if t.believed and t.seen), key=lambda t: t.seen[0].frame)
        for track in tracks:
            seen = [one for one in track.seen if low <= one.frame <= high]
            while seen and not seen[-1].firm:
                seen.pop()  # lost: what is left of it went on by itself
            if not seen:
                continue
            for members, stretches in ways:
                if members[-1].shot == track.shot and self._follows(members[-1], stretches[-1][-1], track, seen[0]):
                    members.append(track)
                    stretches.append(seen)
                    break
            else:
                ways.append(([track], [seen]))
        return ways

    def _follows(self, one: _Track, last: _Seen, other: _Track, first: _Seen) -> bool:
        if not 0 < first.frame - last.frame <= _GAP * self._rate + 1:
            return False
        if _moved(last.face.box, first.face.box) > _NEAR:
            return False
        known = [face.embedding for face in (one.mean, other.mean) if face is not None and face.embedding is not None]
        same = self._stack.recogniser.same_person
        return len(known) < 2 or float(np.linalg.norm(known[0] - known[1])) < same

    def _pieces(self, way: tuple[list[_Track], list[list[_Seen]]], first: int, last: int) -> Iterator[Piece]:
        tracks, stretches = way
        frames: dict[int, tuple[Points, _Seen, int]] = {}
        for stretch in stretches:
            points = steadied(_run_of(stretch))
            for one, there in zip(stretch, points, strict=True):
                frames[one.frame] = there, one, (SEEN if one.seen else 0) | (HELD if _is_held(one) else 0)
        for low, high in pairwise(sorted(frames)):
            for index in range(low + 1, high):
                share = (index - low) / (high - low)
                between = frames[low][0] + (frames[high][0] - frames[low][0]) * share
                near = frames[low][1] if share < 0.5 else frames[high][1]
                frames[index] = between, near, FILLED | HELD
        inside = [index for index in sorted(frames) if first <= index <= last]
        if not inside:
            return
        rows = [frames[index] for index in inside]
        glimpses = self._glimpses([s for track in tracks for s in track.sights if first <= s.frame <= last])
        if not glimpses:  # it never showed itself well here: what the follower knew of it
            mean = next((track.mean.embedding for track in tracks if track.mean is not None), None)
            box = Box(*map(float, _box_for(rows[0][0], rows[0][1])))
            glimpses = () if mean is None else (Glimpse(inside[0], 0.0, box, mean),)
        points = np.stack([row[0] for row in rows])
        yield Piece(
            inside[0], points, np.stack([_box_for(row[0], row[1]) for row in rows]),
            np.array([UNKNOWN if row[2] & FILLED else row[1].spread for row in rows]),
            np.array([row[2] for row in rows], np.uint8), np.array([row[1].face.turn for row in rows], np.uint8),
            max(track.score for track in tracks), glimpses)

    def _glimpses(self, sights: Iterable[_Sight]) -> tuple[Glimpse, ...]:
        best = sorted(sights, key=lambda s: -s.clear)[:_GLIMPSES]
        return tuple(Glimpse(s.frame, s.clear, s.box, self._stack.recogniser.embed(s.pixels, [s.face])[0])
                     for s in best)


def _kept(grey: Pixels, shrink: float) -> Pixels:
    """A copy of a picture for the way back: a decoder may use its memory again."""
    if shrink == 1.0:
        return grey.copy()
    return shrunk(grey, (round(grey.shape[1] * shrink), round(grey.shape[0] * shrink)))


def _moved(one: Box, other: Box) -> float:
    """Distance of two boxes' middles, in widths of the larger."""
    dx, dy = (one.x0 + one.x1 - other.x0 - other.x1) / 2, (one.y0 + one.y1 - other.y0 - other.y1) / 2
    return float(np.hypot(dx, dy)) / max(one.width, other.width, 1e-6)


def _is_held(one: _Seen) -> bool:
    return one.held or one.spread > HOLD


def _run_of(stretch: list[_Seen]) -> Run:
    starts, steps, followed = [], [], []
    for one, other in pairwise(stretch):
        if other.before is not None and other.before.share > 0:
            starts.append(other.before.start)
            steps.append(other.before.flow - other.before.start)
            followed.append(other.before.good)
        elif one.ahead is not None and one.ahead.share > 0:
            starts.append(one.ahead.flow)
            steps.append(one.ahead.start - one.ahead.flow)
            followed.append(one.ahead.good)
        else:  # nothing was followed: the readings alone
            starts.append(one.read)
            steps.append(other.read - one.read)
            followed.append(np.zeros(68, np.bool_))
    read = np.stack([one.read for one in stretch])
    shape = (len(stretch) - 1, 68)
    return Run(read, np.array([not _is_held(one) for one in stretch]), np.reshape(starts, (*shape, 2)),
               np.reshape(steps, (*shape, 2)), np.reshape(followed, shape).astype(np.bool_),
               np.array([max(one.face.eye_distance, 1.0) for one in stretch]))


def _box_for(points: Points, one: _Seen) -> NDArray[np.float64]:
    """The face's box, moved as its points were."""
    matrix = similarity(one.face.points, points)
    (x, y), = transform(np.array([[(one.face.box.x0 + one.face.box.x1) / 2, (one.face.box.y0 + one.face.box.y1) / 2]]),
                        matrix)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    wide, tall = one.face.box.width * scale / 2, one.face.box.height * scale / 2
    return np.array([x - wide, y - tall, x + wide, y + tall])

