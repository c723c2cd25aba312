"""Faces followed from frame to frame: found now and then, and in between carried by their own points.

What a follower says of a frame depends on the frames that it was given and on nothing else: where it looks again is
decided by the frame's own number, so that a part of a clip, begun some frames earlier (`PRE_ROLL`), comes to the same
faces as the part before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from models.arrays import Pixels, Points
from models.face import Face
from models.geometry import transform
from models.interfaces import FaceStack, Search
from pipeline.recipe import Person
from pipeline.tracking.cuts import CutTest, small
from pipeline.tracking.flow import View, alike, follow_points, moved_box, view_of
from pipeline.tracking.frames import Looked
from pipeline.tracking.identity import Identity, descriptor_of
from pipeline.tracking.looks import Kind, Look, confirm, look_for
from processors.batches import Remark

PRE_ROLL = 24
"""Frames that a part's follower is given before the part's first. What two followers say then differs by (mean over
five borders on the moved astronaut and Hopper, % of the eye distance): 8 frames .16 and .43, 16 .10 and .25, 24 .07 and
.23, 32 .07 and .19; at 24 as much as the points of one follower move in one to two frames."""

# Fusion of followed and newly read points (study: canonical crop, five boxes, Lucas-Kanade, weight .30, disagreement of
# FAR eye distances believed). Taken of the disagreement's running mean, in which noise cancels out, and with .20 (75
# frames, moved by 12 px, 4 degrees and 4 %, noise 2.5; frame to frame and rms in % of the eye distance):
# astronaut .054/.20 -> .050/.26, Hopper (spectacles, hat) .225/.40 -> .089/.32.
_GAIN, _FAR = 0.20, 0.02
_LASTING = 0.2  # share of the newest frame in that mean
# Spread of the newly read points above which they are not used, and above which they are not sure (study's catalogue).
HOLD, UNSURE = 0.02, 0.012
# A face is still there while so many points can be followed, and newly read ones lie so near to where they went.
_FOLLOWED, _NEAR = 0.4, 0.08
# Correlation of a face with itself a frame later below which something has happened to it (measured on made clips: .9
# and more where it moves, turns, is lit from changing sides; .3 and less where a bar or the background replaces it).
_ALIKE = 0.5
# Seconds that a track lives without the detector (at its lower threshold) seeing it again, and without its points
# being confirmed: a head that turns away keeps its points for a while, a pattern in the background does not.
_UNSEEN, _STRAYED = 1.0, 0.15
# A find of the detector below this is believed when it is seen a second time (dlib's own threshold is 0; measured on
# nine heads in pictures that installed packages carry: all of them above .4).
_AT_ONCE = 0.25
# Overlap of two tracks that are on the same face, and from which on each one's identity is asked for again.
_ONE_FACE, _MEETING = 0.45, 0.12


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What a frame told of one face, before it was fused; pixels of the frame. start: (68, 2) where its points were in
    the neighbouring frame, as far as was known. flow: where those went; good: which of them were truly followed.
    share: how many were. read: (68, 2) as the landmarker reads them here. spread: of these. alike: correlation of the
    face with itself in the neighbouring frame. None of flow, good and alike means anything where share is 0."""

    read: Points
    spread: float
    start: Points
    flow: Points
    good: NDArray[np.bool_]
    share: float
    alike: float


@dataclass(frozen=True, slots=True, eq=False)
class FollowedFace:
    """face: number is the person's, 0 nobody known; its embedding is the track's mean, None where nobody asked.
    track: number of the track, from 1 in each follower. held: the points are carried on from where they were, because
    what is read now is not to be believed. sure: the points are. known: distance to the person's descriptor; other: to
    the nearest other person's (both infinite where there is none). seen: the detector saw it in this very frame.
    firm: in this frame its points could be followed, and read anew where they went. reading: what that was; None in the
    track's first frame."""

    face: Face
    track: int
    held: bool = False
    sure: bool = True
    remarks: tuple[Remark, ...] = ()
    known: float = float("inf")
    other: float = float("inf")
    seen: bool = False
    firm: bool = True
    reading: Reading | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """cut: this frame begins a shot. faces: from left to right. looked: the detector looked over the whole frame.
    waiting: faces that are not believed yet, of which a later frame may tell that they are."""

    cut: bool
    faces: tuple[FollowedFace, ...]
    looked: bool = False
    waiting: tuple[FollowedFace, ...] = ()


@dataclass(slots=True, eq=False)
class _Track:
    """face: the fused points of the last frame. unseen, strayed: frames since the detector, and the points, agreed.
    missed: looks in which the detector did not see it. doubted: it has changed all at once, and the detector has not
    seen it since."""

    number: int
    face: Face
    identity: Identity
    unseen: int = 0
    missed: int = 0
    doubted: bool = False
    strayed: int = 0
    sightings: int = 1
    held: bool = False
    seen: bool = True
    meeting: bool = False
    best: float = field(default=0.0)
    drift: Points = field(default_factory=lambda: np.zeros((68, 2)))
    reading: Reading | None = None


class Follower:
    """Follows the faces of a run of frames; see the module. One follower for one thread."""

    def __init__(self, stack: FaceStack, *, people: Sequence[Person], search: Search, rate: Fraction, embed: bool,
                 lone: bool = False, look: Look | None = None) -> None:
        """people: whom to know again, by descriptors of the stack's recogniser. rate: frames a second. embed: whether
        descriptors are taken at all; without, every number is 0. lone: a single frame is looked at, so that unsure
        points must do for a descriptor: no later frame will have better ones. look: when the detector looks, where that
        is not by the usual schedule."""
        self._stack, self._people, self._embed, self._lone = stack, people, embed, lone
        self._look = look or Look(search, float(rate))
        self._rate = max(float(rate), 1.0)
        self._cuts = CutTest()
        self._before: Pixels | None = None
        self._tracks: list[_Track] = []
        self._made = 0

    @property
    def alive(self) -> frozenset[int]:
        """Numbers of the tracks that go on."""
        return frozenset(track.number for track in self._tracks)

    def step(self, frame: Looked, cut: bool | None = None) -> Followed:
        """The faces of the next frame. Frames must come in order, without gaps. cut: whether it begins a shot, where
        that is known already."""
        grey = frame.grey8()
        if cut is None:
            cut = self._cuts.step(small(grey))
        began = self._before is None or cut or self._before.shape != grey.shape
        if began:
            self._tracks = []
        else:
            assert self._before is not None
            lost = [track for track in self._tracks if not self._carry(track, self._before, grey)]
            self._tracks = [track for track in self._tracks if track not in lost]
            began = bool(lost)
        kind = self._look.due(frame.index, began)
        if kind is not None:
            self._look_again(frame, grey, kind)
        else:
            self._confirm(grey, [track for track in self._tracks if track.doubted])
        self._part(frame)
        self._end()
        if self._embed:
            self._know(frame, kind == "full")
        self._before = grey
        faces = sorted((self._said(track) for track in self._tracks if _believed(track) and not self._covered(track)),
                       key=lambda followed: followed.face.centre)
        waiting = tuple(self._said(track) for track in self._tracks if not _believed(track))
        return Followed(cut, tuple(faces), kind == "full", waiting)

    def _carry(self, track: _Track, before: Pixels, grey: Pixels) -> bool:
        """Brings a track's points into this frame. False where there is nothing of it left to follow."""
        size = track.face.eye_distance
        view = view_of(before, grey, track.face.points, size)
        if view is None or size < 4:
            return False
        track.face, track.held, firm, track.reading = _fused(self._stack, view, track)
        track.seen = False
        track.unseen += 1
        track.strayed = 0 if firm else track.strayed + 1
        return True

    def _look_again(self, frame: Looked, grey: Pixels, kind: Kind) -> None:
        """The detector's word on the tracks that there are, and new tracks for what is not one yet."""
        for sighting in look_for(self._stack, grey, self._look, kind):
            near = [track for track in self._tracks if track.face.box.overlap(sighting.box) > _ONE_FACE]
            if near:
                for track in near:
                    _sighted(track, sighting.score)
                continue
            face = sighting.read(self._stack, grey)
            # In a clip a later frame shows it better; a frame that is looked at by itself has no other.
            if (self._lone or face.spread <= 2 * HOLD) and face.eye_distance >= 4:
                self._made += 1
                self._tracks.append(_Track(self._made, replace(face, memory={}), Identity(), best=face.score))
        # Asked about singly where the look over the frame did not show them: small ones, faint ones.
        self._confirm(grey, [track for track in self._tracks if not track.seen])

    def _confirm(self, grey: Pixels, tracks: Sequence[_Track]) -> None:
        for track in tracks:
            score = confirm(self._stack, grey, track.face)
            if score is not None:
                _sighted(track, score)
            else:
                track.missed += 1

    def _part(self, frame: Looked) -> None:
        """Where two tracks have come to lie on one face, the one whose face it is stays."""
        for one in list(self._tracks):
            for other in list(self._tracks):
                if other.number <= one.number or one not in self._tracks or other not in self._tracks:
                    continue
                overlap = one.face.box.overlap(other.face.box)
                if overlap > _ONE_FACE:
                    self._tracks.remove(self._wrong_one(frame, one, other))
                elif overlap > _MEETING:
                    one.meeting = other.meeting = True

    def _wrong_one(self, frame: Looked, one: _Track, other: _Track) -> _Track:
        if self._embed and one.identity.known and other.identity.known:
            here = descriptor_of(self._stack, frame, one.face)
            one.meeting = other.meeting = True
            return other if one.identity.distance(here) <= other.identity.distance(here) else one
        # The detector says which of them lies on a face; the newer one is more often the one that slipped.
        return one if (one.unseen, one.strayed) > (other.unseen, other.strayed) else other

    def _covered(self, track: _Track) -> bool:
        """Its points have let go of the face while another face is in front of it."""
        return (track.strayed > 0 or track.held) and any(
            other is not track and other.strayed == 0 and not other.held
            and other.face.box.overlap(track.face.box) > _MEETING for other in self._tracks)

    def _end(self) -> None:
        self._tracks = [track for track in self._tracks
                        if track.unseen <= _UNSEEN * self._rate and track.strayed <= _STRAYED * self._rate]

    def _know(self, frame: Looked, full: bool) -> None:
        """Descriptors: at a track's start as soon as its points are sure, a few more at full looks, and again where two
        faces have met."""
        for track in self._tracks:
            alone = all(other is track or track.face.box.overlap(other.face.box) <= _MEETING for other in self._tracks)
            wanted = not track.identity.known or track.meeting or (full and track.identity.count < Identity.ENOUGH)
            settled = self._lone or (not track.held and (track.face.spread <= UNSURE or track.sightings > 1))
            if not (wanted and alone and settled):
                continue
            found = descriptor_of(self._stack, frame, track.face)
            if track.meeting and track.identity.known and \
                    track.identity.distance(found) > self._stack.recogniser.same_person:
                # It came out of the meeting on the other face: what it was before does not count any more.
                self._made += 1
                track.number, track.identity = self._made, Identity()
                track.face = replace(track.face, memory={})
            track.meeting = False
            track.identity.add(found, self._people, self._stack.recogniser)

    def _said(self, track: _Track) -> FollowedFace:
        sure = track.face.spread <= UNSURE and not track.held
        remarks = () if sure else (held_remark() if track.held else unsure_remark(track.face.spread),)
        identity = track.identity
        face = replace(track.face, number=identity.number, embedding=identity.mean)
        return FollowedFace(face, track.number, track.held, sure, remarks, identity.nearest, identity.other, track.seen,
                            track.strayed == 0, track.reading)


def _believed(track: _Track) -> bool:
    return track.best >= _AT_ONCE or track.sightings > 1


def _sighted(track: _Track, score: float) -> None:
    track.unseen, track.missed, track.strayed, track.doubted, track.seen = 0, 0, 0, False, True
    track.face = replace(track.face, score=score)
    track.best = max(track.best, score)
    track.sightings += score >= 0


def carried(stack: FaceStack, before: Pixels, now: Pixels, face: Face) -> tuple[Face, Reading] | None:
    """A face of one grey picture in its neighbour, with nothing known but where it was; None where it went, or where
    what is read there is no face. Pictures and points in the same pixels."""
    size = face.eye_distance
    view = view_of(before, now, face.points, size) if size >= 4 else None
    if view is None:
        return None
    found, held, firm, reading = _fused(stack, view, _Track(0, face, Identity()))
    return (found, reading) if firm and not held else None


def _fused(stack: FaceStack, view: View, track: _Track) -> tuple[Face, bool, bool, Reading]:
    """The face in the newer picture of the view: newly read points, drawn to where the old ones went. And whether the
    new ones were not to be believed, whether both agree that there is a face, and what they were."""
    face = track.face
    size = face.eye_distance * view.scale
    known = transform(face.points, view.to_view)
    flow = follow_points(view.before, view.now, known, size)
    start = replace(face, points=flow.points, box=moved_box(face.box, view.to_view))
    read, = stack.landmarker.follow(view.now, [start])
    away = np.hypot(*(read.points - flow.points).T) / max(size, 1.0)
    held = read.spread > HOLD and flow.share >= _FOLLOWED
    same = alike(view.before, known, view.now, flow.points)
    track.doubted |= same < _ALIKE
    firm = flow.share >= _FOLLOWED and not track.doubted and (not track.missed if held else
                                                              float(np.median(away)) < _NEAR)
    if flow.share == 0:
        points = read.points
    elif held:
        points = flow.points
    else:
        # Disagreement that lasts is followed; what changes from frame to frame is noise of the reading.
        track.drift += _LASTING * ((read.points - flow.points) / max(size, 1.0) - track.drift)
        gain = np.clip(_GAIN * np.hypot(*track.drift.T) / _FAR, _GAIN / 2, 1)[:, None]
        points = flow.points + gain * (read.points - flow.points)
    reading = Reading(transform(read.points, view.to_frame), read.spread, face.points,
                      transform(flow.points, view.to_frame), flow.good, flow.share, same)
    return (replace(read, points=transform(points, view.to_frame), box=moved_box(read.box, view.to_frame)), held, firm,
            reading)


def held_remark() -> Remark:
    return Remark("TRACK.HELD", "The points are not to be trusted here (blur, turn or something in front); the face "
                                "goes on from where it was.")


def unsure_remark(spread: float) -> Remark:
    return Remark("FACE.UNSURE", "The points round the mouth are unsure (blurred, covered or unusual).",
                  {"spread": round(spread, 4)})
