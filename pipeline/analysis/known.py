"""What is known of a clip, as far as it was analysed: shots, people, and the faces of every frame."""

from __future__ import annotations

import hashlib
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from models.arrays import Embedding
from models.face import Box, Face
from models.interfaces import Recogniser
from pipeline.analysis.file import Place, read, read_points
from pipeline.analysis.found import FILLED, HELD, SEEN, Found, Glimpse
from pipeline.analysis.people import Cluster, Track, clusters_of, numbers_of, tracks_of
from pipeline.analysis.runs import Runs, holes, joined
from pipeline.clips.clip import Clip
from pipeline.recipe import Merged, Person, Whose
from pipeline.tracking.follow import UNSURE, FollowedFace, held_remark, unsure_remark
from pipeline.tracking.people import PersonFound

_OPEN = 3
"""Spans whose points are held in memory: a face of 300 frames takes 0.3 MB."""


@dataclass(frozen=True, slots=True)
class Shot:
    """Frames first..last between two cuts."""

    first: int
    last: int


class Known:
    """One reading of an analysis's file. Safe to share between threads."""

    def __init__(self, path: Path, clip: Clip, recogniser: Recogniser) -> None:
        """Raises OSError."""
        self._path, self.clip = path, clip
        self._recogniser, self._same = recogniser.name, recogniser.same_person
        self.file = read(path)
        order = sorted(range(len(self.file.spans)), key=lambda i: self.file.spans[i].first)
        self.spans: tuple[Found, ...] = tuple(self.file.spans[i] for i in order)
        self._places: tuple[Place, ...] = tuple(self.file.places[i] for i in order)
        self._firsts = [span.first for span in self.spans]
        self._with_points: OrderedDict[int, Found] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def is_whole(self) -> bool:
        return self.file.end is not None

    @property
    def damaged(self) -> int | None:
        """The first tick that could not be read."""
        found = (self.file.end or {}).get("damaged")
        return None if found is None else int(found)

    @property
    def frames(self) -> int:
        return sum(span.last - span.first + 1 for span in self.spans)

    def holds(self, first: int, last: int) -> bool:
        """Whether all of these frames are known."""
        at = first
        while at <= last:
            number = self._span_at(at)
            if number is None:
                return False
            at = self.spans[number].last + 1
        return True

    def _span_at(self, frame: int) -> int | None:
        number = bisect_right(self._firsts, frame) - 1
        return number if number >= 0 and frame <= self.spans[number].last else None

    @cached_property
    def tracks(self) -> tuple[Track, ...]:
        return tracks_of(self.spans)

    @cached_property
    def clusters(self) -> tuple[Cluster, ...]:
        return clusters_of(self.tracks, self._same)

    @cached_property
    def shots(self) -> tuple[Shot, ...]:
        """Of what is known; a hole begins a new one."""
        shots: list[list[int]] = []
        for span in self.spans:
            if not shots or shots[-1][1] + 1 != span.first:
                shots.append([span.first, span.last])
            for cut in sorted(span.cuts):
                if cut > shots[-1][0]:
                    shots[-1][1] = cut - 1
                    shots.append([cut, span.last])
            shots[-1][1] = span.last
        return tuple(Shot(first, last) for first, last in shots)

    @cached_property
    def flashes(self) -> tuple[int, ...]:
        return tuple(frame for span in self.spans for frame in span.flashes)

    def people(self) -> tuple[PersonFound, ...]:
        """Everybody, numbered by appearance and from left to right, each with the face of the clearest frame."""
        return tuple(self._person(number, cluster) for number, cluster in enumerate(self.clusters, 1))

    def grouped(self, decided: Decided, people: Sequence[Person]) -> dict[int, Cluster]:
        """Everybody by numbers that were given before: those of `people` who are to be seen; then, by appearance and
        with the numbers that follow, those who are none of them. decided: whose each track is."""
        mine: dict[int, list[Track]] = {}
        for track in self.tracks:
            number = decided.numbers.get(track.number, 0)
            if number:
                mine.setdefault(number, []).append(track)
        others = [cluster for cluster in self.clusters
                  if not any(track.number in decided.numbers for track in cluster.tracks)]
        after = max([0, *mine, *(person.number for person in people)]) + 1
        return {**{number: Cluster(tuple(mine[number])) for number in sorted(mine)}, **dict(enumerate(others, after))}

    def people_of(self, groups: Mapping[int, Cluster], people: Sequence[Person]) -> tuple[PersonFound, ...]:
        """Those of `grouped` of whom any frame shows the face, with the names that `people` have."""
        names = {person.number: person.name for person in people}
        found = [self._person(number, cluster) for number, cluster in groups.items()
                 if any(track.glimpses for track in cluster.tracks)]
        return tuple(replace(one, person=one.person.model_copy(update={"name": names.get(one.person.number, "")}))
                     for one in found)

    def _person(self, number: int, cluster: Cluster) -> PersonFound:
        best, descriptor = cluster.best, cluster.descriptor
        person = self.person(number, descriptor, best)
        ticks = int(self.clip.pts[best.frame])
        own = {track.number for track in cluster.tracks}
        # A glimpse is taken of a face that is followed: there is one.
        near = max((face for track, face in self._faces(best.frame) if track.number in own),
                   key=lambda face: face.face.box.overlap(best.box))
        return PersonFound(person, replace(near.face, number=number, embedding=descriptor), ticks, cluster.frames)

    def person(self, number: int, descriptor: Embedding, best: Glimpse) -> Person:
        """Somebody as recipes have them. best: the glimpse that shows them best."""
        clip = self.clip
        seen = (int(clip.pts[best.frame]) - int(clip.pts[0])) * clip.time_base
        return Person(number=number, recogniser=self._recogniser, seen=str(Fraction(seen)),
                      descriptor=tuple(round(float(v), 6) for v in descriptor))

    def turn_of(self, glimpse: Glimpse) -> int:
        """The clockwise quarter turns of the face that a glimpse is of."""
        faces = [followed.face for _, followed in self._faces(glimpse.frame)]
        return max(faces, key=lambda face: face.box.overlap(glimpse.box)).turn

    def newcomers(self, people: Sequence[Person], least: int) -> tuple[Cluster, ...]:
        """Those who are there for `least` frames, and none of `people`. Nobody where people are of another recogniser:
        who of them is who cannot be said."""
        if any(person.recogniser != self._recogniser for person in people):
            return ()
        numbers = self.decided(people).numbers
        return tuple(cluster for cluster in self.clusters
                     if cluster.frames >= least and not any(track.number in numbers for track in cluster.tracks))

    def superfluous(self, people: Sequence[Person], numbers: Collection[int]) -> frozenset[int]:
        """Those of `numbers` whom nobody would miss: without them their faces are somebody else's. So it may turn out
        of somebody who was found when less was known."""
        now, gone = self.decided(people).numbers, set[int]()
        for number in sorted(numbers, reverse=True):
            rest = [person for person in people if person.number not in gone | {number}]
            without = self.decided(rest).numbers
            if all(track in without for track, whose in now.items() if whose == number):
                gone.add(number)
        return frozenset(gone)

    def decided(self, people: Sequence[Person], whose: Sequence[Whose] = (), merged: Sequence[Merged] = ()) -> Decided:
        """The same with whose each track is. people: of another recogniser they are nobody."""
        known = {person.number: np.array(person.descriptor) for person in people
                 if person.recogniser == self._recogniser}
        numbers = numbers_of(self.clusters, self.tracks, known, self._same)
        into = {one.number: one.into for one in merged}
        numbers = {track: into.get(number, number) for track, number in numbers.items()}
        for one in whose:
            track = self.track_at(one.at, one.x, one.y)
            if track is not None:
                numbers[track.number] = into.get(one.number, one.number)
        return Decided(self, numbers, known)

    def track_at(self, seconds: str | Fraction, x: float, y: float) -> Track | None:
        """The track whose face is there at a time; x, y: shares of the upright picture. The nearest of those that the
        point lies in."""
        frame = frame_at(self.clip, seconds)
        place = x * self.clip.width, y * self.clip.height
        inside = [(np.hypot((box := face.face.box).x0 + box.x1 - 2 * place[0], box.y0 + box.y1 - 2 * place[1]), track)
                  for track, face in self._faces(frame) if _holds(face.face.box, place)]
        return min(inside, key=lambda pair: (pair[0], pair[1].number))[1] if inside else None

    def _faces(self, frame: int) -> list[tuple[Track, FollowedFace]]:
        """Faces of a frame by their tracks, from left to right; of nobody yet."""
        number = self._span_at(frame)
        if number is None:
            return []
        span = self._points(number)
        found = [(self._owner[number, place], _face_at(piece, frame)) for place, piece in enumerate(span.pieces)
                 if piece.first <= frame <= piece.last]
        return sorted(found, key=lambda pair: pair[1].face.centre)

    @cached_property
    def _owner(self) -> dict[tuple[int, int], Track]:
        return {place: track for track in self.tracks for place in track.pieces}

    def _points(self, number: int) -> Found:
        with self._lock:
            if number in self._with_points:
                self._with_points.move_to_end(number)
                return self._with_points[number]
        path = self._path if self._path.exists() else self._path.with_suffix(".faces")  # it was made whole meanwhile
        found = read_points(path, self._places[number], self.spans[number])
        with self._lock:
            self._with_points[number] = found
            while len(self._with_points) > _OPEN:
                self._with_points.popitem(last=False)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Decided:
    """known, and who each of its tracks is: numbers of people by numbers of tracks. people: their descriptors."""

    known: Known
    numbers: Mapping[int, int]
    people: Mapping[int, Embedding]

    def faces_at(self, frame: int, memories: dict[int, dict[str, Any]]) -> tuple[FollowedFace, ...]:
        """Faces of a frame as a follower tells them. memories: by track, of whoever draws them."""
        return tuple(self._told(track, one, memories.setdefault(track.number, {}))
                     for track, one in self.known._faces(frame))

    def _told(self, track: Track, one: FollowedFace, memory: dict[str, Any]) -> FollowedFace:
        number = self.numbers.get(track.number, 0)
        away = {n: float(np.linalg.norm(track.descriptor - known)) for n, known in self.people.items()} \
            if track.descriptor is not None else {}
        return replace(one, face=replace(one.face, number=number, embedding=track.descriptor, memory=memory),
                       track=track.number, known=away.get(number, float("inf")),
                       other=min((d for n, d in away.items() if n != number), default=float("inf")))

    def busy(self, changed: Callable[[int], bool]) -> Runs:
        """The frames in which somebody is for whom `changed` is true of the number, and those that are not known."""
        found = [(piece.first, piece.last) for number, span in enumerate(self.known.spans)
                 for place, piece in enumerate(span.pieces)
                 if changed(self.numbers.get(self.known._owner[number, place].number, 0))]
        unknown = holes([(span.first, span.last) for span in self.known.spans], self.known.clip.frames)
        return joined([*found, *unknown])

    def digest(self, first: int, last: int) -> str:
        """Of all that is known of these frames, and of whose they are."""
        spans = [number for number, span in enumerate(self.known.spans) if span.first <= last and first <= span.last]
        digest = hashlib.sha256()
        for number in spans:
            span, place = self.known.spans[number], self.known._places[number]
            digest.update(repr((span.first, span.last, span.cuts, place.length)).encode())
            for at, _ in enumerate(span.pieces):
                track = self.known._owner[number, at]
                digest.update(repr((track.first, self.numbers.get(track.number, 0))).encode())
            for piece in self.known._points(number).pieces:
                digest.update(piece.points.tobytes())
        return digest.hexdigest()[:32]


def frame_at(clip: Clip, seconds: str | Fraction) -> int:
    """The number of the frame that is shown at a time; before and after the clip, its first and last."""
    ticks = int(clip.pts[0]) + int(Fraction(seconds) / clip.time_base)
    return int(np.clip(np.searchsorted(clip.pts, ticks, side="right") - 1, 0, len(clip.pts) - 1))


def _face_at(piece: Any, frame: int) -> FollowedFace:
    at = frame - piece.first
    flags, spread = int(piece.flags[at]), float(piece.spread[at])
    held = bool(flags & (HELD | FILLED))
    sure = spread <= UNSURE and not held
    remarks = () if sure else (held_remark() if held else unsure_remark(spread),)
    face = Face(Box(*map(float, piece.boxes[at])), piece.score, piece.points[at], spread, turn=int(piece.turns[at]))
    return FollowedFace(face, 0, held, sure, remarks, seen=bool(flags & SEEN), firm=not flags & FILLED)


def _holds(box: Box, place: tuple[float, float]) -> bool:
    return box.x0 <= place[0] <= box.x1 and box.y0 <= place[1] <= box.y1
