"""Where heads are to be covered in one part of a clip, so that nobody is seen who should not be.

It fails closed: what was seen is covered from as far back as the head can be followed to as far on; between two
sightings it stays covered; whoever is not surely one of those who may be seen is covered. What stays doubtful is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from models.arrays import Pixels
from models.face import Box, Face
from models.interfaces import FaceStack, Search
from pipeline.recipe import AnonymiseStyle, Person
from pipeline.tracking.carrying import carry, small_grey
from pipeline.tracking.drawn import DrawnFace, drawn_faces
from pipeline.tracking.flow import moved_box, scaling
from pipeline.tracking.follow import FollowedFace, Follower
from pipeline.tracking.frames import Looked
from pipeline.tracking.heads import between, face_in_box, grown, head_box, inside, leaving
from pipeline.tracking.looks import Sighting
from pipeline.tracking.strands import End, Strand, joined
from processors.batches import Remark

# Looks for faint finds: six a second, as the follower's own. Those count whose points agree, at so many looks.
# Measured: faces blurred until they are found at -.4 have spreads of .004 to .02; of 23 finds above -.4 in 96 looks at
# pictures without a face one has .02, all others .026 and more.
_FAINT_SPREAD, _FAINT_LOOKS, _LOOKS_A_SECOND = 0.02, 3, 6.0
# Seconds that a head stays covered where it was lost; between two sightings, that are bridged at all, and that are
# bridged without a question.
_HOLD, _BRIDGE, _LONG = 0.5, 3.0, 1.0
# Growth of a cover that is only carried along: at once, a frame, and at most, as shares of its size.
_MARGIN, _MARGIN_A_FRAME, _MARGIN_MOST = 0.06, 0.006, 0.5
# The recogniser must be so sure of somebody who stays uncovered: this share of its threshold at most (dlib's pictures
# of one person are .3 to .45 apart, its threshold is .6), and anybody else this much farther away, of the threshold.
_SURELY, _APART = 0.9, 1 / 12
_RECENT = 5  # frames from which it is told where a head is going
_SAME = 0.3  # overlap of two boxes that are the same head


@dataclass(frozen=True, slots=True, eq=False)
class Cover:
    """face: whose head is covered; its points may be made up. style: of a box drawn by hand, else None."""

    face: Face
    style: AnonymiseStyle | None = None


@dataclass(frozen=True, slots=True)
class Doubt:
    """A span that somebody should look at. first, last: frame numbers, both included; they may lie before or behind the
    part. code: ANONYMISE.GAP, .ENDS, .BEGINS, .FAINT or .UNSURE_WHO."""

    first: int
    last: int
    code: str
    words: str


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """covers: by frame number, those of the part only. doubts: in order of time. followed: what the follower said of
    each frame that was looked at."""

    covers: Mapping[int, tuple[Cover, ...]]
    doubts: tuple[Doubt, ...] = ()
    followed: Mapping[int, tuple[FollowedFace, ...]] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Seen:
    """What one pass forwards over the frames has gathered. greys: small pictures by frame number. faint: finds that are
    no track, (frame, box, score). cuts: frames that begin a shot."""

    width: int = 0
    height: int = 0
    greys: dict[int, Pixels] = field(default_factory=dict)
    cuts: set[int] = field(default_factory=set)
    tracks: dict[int, dict[int, FollowedFace]] = field(default_factory=dict)
    followed: dict[int, tuple[FollowedFace, ...]] = field(default_factory=dict)
    faint: list[tuple[int, Box, float]] = field(default_factory=list)


def scan_part(
    frames: Iterable[Looked], stack: FaceStack, *, people: Sequence[Person], search: Search, rate: Fraction,
    keep: Callable[[FollowedFace], bool] | None, drawn: Sequence[DrawnFace], first: int, last: int,
) -> Scan:
    """frames: in order, without gaps: the part, and what there is before and behind it to look at (about two seconds
    are worth having). keep: whether somebody may be seen; asked with `sure` saying whether the recogniser is; None
    where everybody may, and drawn boxes alone are covered. drawn:
    from `drawn_faces`. first, last: numbers of the part's first and last frame.

    Small grey pictures of all the frames are held in memory (0.23 MB each at 16:9).
    """
    seen = _look(frames, stack, people, search, rate)
    if not seen.greys:
        return Scan({})
    strands, doubts = ([], []) if keep is None else _strands(seen, keep, stack.recogniser.same_person)
    hidden = [strand for strand in strands if not strand.kept]
    _carry_on(hidden, strands, seen)
    per_second = max(float(rate), 1.0)
    doubts += _bridge(hidden, seen, per_second)
    doubts += _over_the_border(hidden, seen, first, last)
    covers = _covers(hidden, drawn, first, last)
    if keep is not None:
        doubts += _faint(seen, strands, drawn, per_second)
    doubts += [Doubt(*span, "ANONYMISE.GAP", "The head in the drawn box was lost here; the box stays where it was.")
               for one in drawn for span in one.lost_between(first, last)]
    doubts.sort(key=lambda doubt: (doubt.first, doubt.last, doubt.code))
    return Scan(covers, tuple(dict.fromkeys(doubts)), seen.followed)


def unseen_words(stack: FaceStack) -> Remark:
    """What the installed detector cannot see, for everybody who relies on it to hide people."""
    if stack.detector.name == "dlib-hog":
        return Remark("ANONYMISE.UNSEEN", "The built-in detector sees faces from the front. It misses profiles, faces "
                      "turned by more than about 40°, heads tilted by more than 45°, half-covered faces, and faces "
                      "smaller than a sixteenth of the picture's longer side. Look through the result, and draw boxes "
                      "on what it missed.", {"degrees": 40, "share": 1 / 16})
    return Remark("ANONYMISE.UNSEEN", f"The detector {stack.detector.name} misses some faces: far away, covered, or "
                  "seen from behind. Look through the result, and draw boxes on what it missed.")


def _look(frames: Iterable[Looked], stack: FaceStack, people: Sequence[Person], search: Search, rate: Fraction,
          ) -> _Seen:
    follower = Follower(stack, people=people, search=search, rate=rate, embed=bool(people))
    every = max(1, round(float(rate) / _LOOKS_A_SECOND))
    seen = _Seen()
    for frame in frames:
        followed = follower.step(frame)
        seen.width, seen.height = frame.width, frame.height
        if followed.cut:
            seen.cuts.add(frame.index)
        for face in followed.faces:
            seen.tracks.setdefault(face.track, {})[frame.index] = face
        seen.followed[frame.index] = followed.faces
        grey = seen.greys[frame.index] = small_grey(frame.grey8())
        if frame.index % every == 0:
            seen.faint += [(frame.index, box, score) for box, score in _weak(frame, grey, stack)]
    return seen


def _weak(frame: Looked, grey: Pixels, stack: FaceStack) -> list[tuple[Box, float]]:
    """Everything that the detector finds in the small picture, and below its threshold what has a face's points."""
    enlarge = scaling(frame.width / grey.shape[1], frame.height / grey.shape[0], 0, 0)
    return [(moved_box(find.box, enlarge), find.score) for find in stack.detector.detect(grey, Search(faint=True))
            if find.score >= 0
            or Sighting(find.box, find.score, find.turn, find.points5).read(stack, grey).spread <= _FAINT_SPREAD]


def _strands(seen: _Seen, keep: Callable[[FollowedFace], bool], same: float) -> tuple[list[Strand], list[Doubt]]:
    """One strand a track: its boxes, and whether it may be seen. The decision is the whole track's."""
    strands, doubts = [], []
    for track, faces in sorted(seen.tracks.items()):
        firm = {index: followed for index, followed in faces.items() if followed.firm}
        if not firm:
            continue
        latest = faces[max(faces)]
        surely = latest.known < _SURELY * same and latest.other - latest.known > _APART * same
        kept = surely and keep(replace(latest, sure=True))
        if not surely and latest.face.number and keep(replace(latest, sure=True)):
            doubts.append(Doubt(min(firm), max(firm), "ANONYMISE.UNSURE_WHO",
                                f"This may be person {latest.face.number}, who is not to be hidden; it is not sure, so "
                                "the face is covered."))
        strands.append(Strand(track, {index: head_box(one.face.points) for index, one in firm.items()},
                              {index: one.face for index, one in firm.items() if one.sure}, latest.face.number, kept))
    # What the detector finds and the follower does not believe yet is covered all the same.
    number = max(seen.tracks, default=0)
    for index, box, score in seen.faint:
        boxes = [strand.boxes[index] for strand in strands if index in strand.boxes]
        head = grown(box, 0.6)
        if score >= 0 and not any(other.overlap(head) > 0.15 for other in boxes):
            number += 1
            strands.append(Strand(number, {index: head}, {}, 0, False))
    return strands, doubts


def _carry_on(hidden: Sequence[Strand], strands: Sequence[Strand], seen: _Seen) -> None:
    """Every hidden head followed back from where it was first seen, on from where it was last, and over gaps within."""
    across, down = (seen.greys[min(seen.greys)].shape[1] / seen.width, seen.greys[min(seen.greys)].shape[0] /
                    seen.height)
    to_small, to_frame = scaling(across, down, 0, 0), scaling(1 / across, 1 / down, 0, 0)
    for strand in hidden:
        strand.fill_gaps()
    for strand in hidden:
        for step in (-1, 1):
            at = strand.first if step < 0 else strand.last
            box, carried = strand.boxes[at], 0
            while True:
                shot_ends = (at if step < 0 else at + 1) in seen.cuts
                if shot_ends or at + step not in seen.greys:
                    strand.ends[step] = End("cut" if shot_ends else "border", at, box)
                    break
                small = carry(seen.greys[at], seen.greys[at + step], moved_box(box, to_small))
                there = None if small is None else moved_box(small, to_frame)
                if there is None or inside(there, seen.width, seen.height) < 0.25:
                    before = [strand.box_at(at - step * back) for back in range(_RECENT, 0, -1)]
                    gone = leaving([*(b for b in before if b is not None), box], seen.width, seen.height)
                    strand.ends[step] = End("edge" if gone else "lost", at, box)
                    break
                met = [other for other in strands if other is not strand
                       and (seen_box := other.seen_at(at + step)) is not None and seen_box.overlap(there) > _SAME]
                if met:
                    # On somebody who may be seen: what was followed has gone behind that head.
                    strand.ends[step] = End("lost" if all(m.kept for m in met) else "met", at, box, carried)
                    break
                at, box, carried = at + step, there, carried + 1
                strand.carried[at] = grown(box, min(_MARGIN + _MARGIN_A_FRAME * carried, _MARGIN_MOST))


def _bridge(hidden: Sequence[Strand], seen: _Seen, rate: float) -> list[Doubt]:
    """Loose ends joined where one head can have gone from the one to the other; the others held for a while."""
    doubts = []
    taken: set[tuple[int, int]] = set()
    for ending, beginning in joined(hidden, seen.cuts, _BRIDGE * rate):
        taken |= {(ending.track, 1), (beginning.track, -1)}
        low, high = ending.ends[1], beginning.ends[-1]
        for index in range(low.index + 1, high.index):
            share = (index - low.index) / (high.index - low.index)
            margin = min(0.12 + 0.02 * min(index - low.index, high.index - index), _MARGIN_MOST)
            ending.carried[index] = grown(between(low.box, high.box, share), margin)
        unseen = beginning.first - ending.last - 1
        if unseen > _LONG * rate:
            doubts.append(Doubt(ending.last + 1, beginning.first - 1, "ANONYMISE.GAP",
                                f"The face is not seen for {unseen / rate:.1f} seconds; the cover goes from where it "
                                "was to where it is seen again."))
    for strand in hidden:
        for step, code, words in ((-1, "ANONYMISE.BEGINS", "A face is first seen in the middle of the picture; before, "
                                                           "the head could not be followed back."),
                                  (1, "ANONYMISE.ENDS", "A face is last seen in the middle of the picture; after, the "
                                                        "head could not be followed on.")):
            end = strand.ends[step]
            if end.why == "met" and end.carried > _LONG * rate:
                unseen_from = strand.last + 1 if step > 0 else end.index
                unseen_to = end.index if step > 0 else strand.first - 1
                doubts.append(Doubt(unseen_from, unseen_to, "ANONYMISE.GAP",
                                    f"The face is not seen for {end.carried / rate:.1f} seconds; only the head was "
                                    "followed."))
            if end.why not in ("lost", "edge") or (strand.track, step) in taken:
                continue
            held = _hold(strand, step, seen, rate)
            if end.why == "lost":
                doubts.append(Doubt(min(end.index, held), max(end.index, held), code, words))
    return doubts


def _hold(strand: Strand, step: int, seen: _Seen, rate: float) -> int:
    """Keeps the cover where the head was lost, for a while within the shot, ever larger. Returns the last frame."""
    end = strand.ends[step]
    at = end.index
    for count in range(1, round(_HOLD * rate) + 1):
        if (at if step < 0 else at + 1) in seen.cuts or at + step not in seen.greys:
            break
        at += step
        strand.carried.setdefault(at, grown(end.box, min(0.15 + 0.03 * count, 2 * _MARGIN_MOST)))
    return at


def _over_the_border(hidden: Sequence[Strand], seen: _Seen, first: int, last: int) -> list[Doubt]:
    """A head followed out of this part that the part there cannot have seen: its own frames reach as far into this
    part as this one's reach into it."""
    before, behind = first - min(seen.greys), max(seen.greys) - last
    doubts = []
    for strand in hidden:
        low, high = strand.ends[-1], strand.ends[1]
        if before and low.why == "border" and strand.first >= first + before:
            doubts.append(Doubt(min(seen.greys), first - 1, "ANONYMISE.BEGINS",
                                "A head that shows its face only later is in the picture here already; how long has it "
                                "been there?"))
        if behind and high.why == "border" and strand.last <= last - behind:
            doubts.append(Doubt(last + 1, max(seen.greys), "ANONYMISE.ENDS",
                                "A head whose face was seen before is still in the picture here; how long will it "
                                "be?"))
    return doubts


def _covers(hidden: Sequence[Strand], drawn: Sequence[DrawnFace], first: int, last: int,
            ) -> dict[int, tuple[Cover, ...]]:
    covers: dict[int, list[Cover]] = {}
    for strand in hidden:
        for index, box in {**strand.carried, **strand.boxes}.items():
            face = strand.faces.get(index) or face_in_box(grown(box, _MARGIN) if index in strand.boxes else box)
            covers.setdefault(index, []).append(Cover(face.numbered(strand.number)))
    for one in drawn:
        for index, box in one.boxes.items():
            covers.setdefault(index, []).append(Cover(face_in_box(box), one.style))
    return {index: tuple(covers[index]) for index in sorted(covers) if first <= index <= last}


def _faint(seen: _Seen, strands: Sequence[Strand], drawn: Sequence[DrawnFace], rate: float) -> list[Doubt]:
    """Places where something like a face was found, several times, that nothing lies on."""
    chains: list[list[tuple[int, Box]]] = []
    gap = 2.5 * max(1, round(rate / _LOOKS_A_SECOND))
    for index, box, _score in seen.faint:
        known = [found for strand in strands if (found := strand.box_at(index)) is not None]
        known += [one.boxes[index] for one in drawn if index in one.boxes]
        if any(other.overlap(grown(box, 0.5)) > 0.15 for other in known):
            continue
        for chain in chains:
            if index - chain[-1][0] <= gap and index != chain[-1][0] and chain[-1][1].overlap(box) > _SAME:
                chain.append((index, box))
                break
        else:
            chains.append([(index, box)])
    return [Doubt(chain[0][0], chain[-1][0], "ANONYMISE.FAINT",
                  f"Something like a face was found {len(chain)} times, too weakly to cover it.")
            for chain in chains if len(chain) >= _FAINT_LOOKS]


__all__ = ["Cover", "Doubt", "DrawnFace", "Scan", "drawn_faces", "face_in_box", "scan_part", "unseen_words"]
