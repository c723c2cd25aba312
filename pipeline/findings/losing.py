"""Who is lost for good while still to be seen: a strand that ends before its shot does is looked for again, in the clip
itself and less strictly, where it was last; what it was followed with says nothing of what it did not follow.

A face counts as still there where the detector (faint finds included), the landmarker and the recogniser agree on it in
two looks and more, turned as little and as far from the edge as others that are drawn well. Who leaves, turns away or
is covered is not seen so; who stands there instead is somebody else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.arrays import Embedding, Points
from models.face import Box, Face
from models.interfaces import FaceStack, Search
from pipeline.clips.clip import Clip
from pipeline.clips.planes import ClipFrame
from pipeline.clips.reader import MediaDamaged, read_frames
from pipeline.findings import sheet as flags
from pipeline.findings.finding import Lost
from pipeline.findings.judging import PITCH, YAW
from pipeline.findings.scoring import pose_of
from pipeline.findings.sheet import Sheet
from pipeline.tracking.follow import HOLD
from pipeline.tracking.identity import descriptor_of
from pipeline.tracking.looks import Look, look_near

MOST = 200
"""Strands of a clip that are looked for again; the longest absences of the largest faces first. Each is decoded from
the keyframe before it was lost to a second behind where it was last seen: this bounds what a long film takes."""
_UNSEEN = 1.0  # seconds without a face until nobody is looked for any more, as a follower gives up after
# Until a face is believed, as a follower believes faint ones. With the rest nobody is taken for lost in 17 made clips
# in which somebody leaves, turns away, nods, is covered, blurs, fades or dissolves into another; in ten of them a track
# ends in mid-picture.
_LOOKS = 2
_BOX = 1.7  # outer-eye distances that the detector's box is wide (astronaut 1.5, Hopper 1.9)
_STEP, _REACH = 0.1, 0.75  # outer-eye distances that a head moves a frame, and beside them: as `judging._continues`
_EDGE = 1.0  # outer-eye distances from the middle of the points to the side of the head, and a little


@dataclass(frozen=True, slots=True)
class Gone:
    """A strand that ends early. shown: the last frame in which it could be followed well, and there: its middle in it.
    first..last: the frames behind it in which somebody might be missed. middle, size: where it was last, and how large,
    in pixels of the frame."""

    strand: int
    person: int
    shown: int
    there: tuple[float, float]
    first: int
    last: int
    middle: tuple[float, float]
    size: float


def gone_in(sheet: Sheet, cuts: Sequence[int], meant: Sequence[tuple[int, int]], every: int, size: tuple[int, int],
            ) -> list[Gone]:
    """Strands of somebody who is to be changed that end in mid-picture, `every` frames and more before a shot does.
    cuts: frames that begin shots. meant: first and last frames of spans with effects. size: of the frames."""
    strands = sheet.strands()
    found = []
    for number in np.unique(strands):
        rows = sheet.rows[strands == number]
        good = rows[(rows["flags"] & (flags.HELD | flags.LOOSE)) == 0]
        if not len(good) or not (rows["flags"] & flags.MEANT).any():
            continue
        ended, shown = int(rows["frame"][-1]), good[-1]
        last = min((cut - 1 for cut in cuts if cut > ended), default=max((high for _, high in meant), default=ended))
        last = min(last, next((high for low, high in meant if low <= ended + 1 <= high), ended))
        middle, eyes = rows[-1]["points"].mean(axis=0), float(rows[-1]["size"])
        if last - ended <= every or not _is_inside(middle, eyes, size) or \
                not _is_facing(float(shown["yaw"]), float(shown["pitch"])):
            continue
        people, counts = np.unique(rows["number"], return_counts=True)
        x, y = shown["points"].mean(axis=0).tolist()
        found.append(Gone(int(number), int(people[counts.argmax()]), int(shown["frame"]), (x, y), ended + 1, last,
                          (float(middle[0]), float(middle[1])), eyes))
    worst = sorted(found, key=lambda one: (one.first - one.last) * one.size)[:MOST]
    return sorted(worst, key=lambda one: (one.first, one.strand))


def lost_of(clip: Clip, sheet: Sheet, stack: FaceStack, cuts: Sequence[int], meant: Sequence[tuple[int, int]],
            check: Callable[[], None] = lambda: None) -> tuple[Lost, ...]:
    """Those of `gone_in` who are still there. clip: that was rendered. check: called between frames; it raises to stop.

    Raises MediaError, DeviceLost.
    """
    every = Look(Search(), float(clip.rate)).every
    found = (_looked_for(clip, sheet, stack, one, every, check)
             for one in gone_in(sheet, cuts, meant, every, (clip.width, clip.height)))
    return tuple(one for one in found if one is not None)


def _looked_for(clip: Clip, sheet: Sheet, stack: FaceStack, gone: Gone, every: int, check: Callable[[], None],
                ) -> Lost | None:
    known: Embedding | None = None
    place, size, near = np.array(gone.middle), gone.size, gone.first - 1
    seen: list[int] = []
    stop = int(clip.pts[gone.last]) + 1
    with closing(read_frames(clip, int(clip.pts[gone.shown]), stop, check=check)) as frames:
        for frame in _readable(frames):
            if frame.index == gone.shown:
                face = _face(stack, frame, np.array(gone.there), size, _REACH * size)
                if face is None:
                    return None  # not even this is seen where it was followed well
                known = descriptor_of(stack, frame, face)
            elif frame.index >= gone.first and (frame.index - gone.first) % every == 0:
                if _is_found(sheet, frame.index, gone.person, place, size):
                    break
                face = _face(stack, frame, place, size, (_REACH + _STEP * (frame.index - near)) * size)
                if face is not None and _is_well_seen(face, clip) and known is not None and \
                        np.linalg.norm(descriptor_of(stack, frame, face) - known) < stack.recogniser.same_person:
                    seen.append(frame.index)
                    place, size, near = face.points.mean(axis=0), face.eye_distance, frame.index
                elif frame.index - near > _UNSEEN * float(clip.rate):
                    break
    if len(seen) < _LOOKS:
        return None
    last = gone.last if seen[-1] + every > gone.last else seen[-1]
    return Lost(gone.strand, gone.person, gone.first, last, seen[0])


def _readable(frames: Iterator[ClipFrame]) -> Iterator[ClipFrame]:
    """Up to where the clip is damaged: what cannot be read is not in the result either."""
    try:
        yield from frames
    except MediaDamaged:
        return


def _face(stack: FaceStack, frame: ClipFrame, place: Points, size: float, reach: float) -> Face | None:
    """The face of about a size nearest to a place; None where none is, or its points are as unsure as those that no
    track begins with."""
    grey, half = frame.grey8(), _BOX * size / 2
    box = Box(place[0] - half, place[1] - half, place[0] + half, place[1] + half)
    faces = [one.read(stack, grey) for one in look_near(stack, grey, box, 0.5 + reach / (2 * half))]
    here = [(float(np.hypot(*(face.points.mean(axis=0) - place))), face) for face in faces
            if face.spread <= 2 * HOLD and 0.67 < face.eye_distance / size < 1.5]
    away, nearest = min(here, key=lambda pair: pair[0], default=(np.inf, None))
    return nearest if away < reach else None


def _is_found(sheet: Sheet, frame: int, person: int, place: Points, size: float) -> bool:
    """Whether somebody was followed here, or the person elsewhere."""
    rows = sheet.rows[sheet.rows["frame"] == frame]
    away: NDArray[np.float64] = np.hypot(*(rows["points"].mean(axis=1) - place).T)
    return bool((away < size).any() or (person > 0 and (rows["number"] == person).any()))


def _is_well_seen(face: Face, clip: Clip) -> bool:
    return _is_facing(*pose_of(face.points)) and \
        _is_inside(face.points.mean(axis=0), face.eye_distance, (clip.width, clip.height))


def _is_facing(yaw: float, pitch: float) -> bool:
    return abs(yaw) <= YAW and abs(pitch) <= PITCH


def _is_inside(middle: Points, size: float, frame: tuple[int, int]) -> bool:
    """Whether no edge of the frame cuts the face."""
    return bool((middle >= _EDGE * size).all() and (middle <= np.array(frame) - 1 - _EDGE * size).all())
