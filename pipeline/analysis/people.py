"""Whose track is whose: one decision for each, from all that it showed, and the user's word above it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.arrays import Embedding
from models.face import Box
from pipeline.analysis.found import Found, Glimpse, Piece

_ONE_HEAD = 0.45  # overlap of the last box of a span with the first of the next: the same head
# A find of the detector below this (its threshold is 0) that is on hardly any frame is nobody.
_SURE, _FEW = 0.25, 3


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """A head through one shot. pieces: (span, piece) numbers in order of time. first, last: frames. frames: how many
    show it. glimpses: best first. descriptor: their mean, the clearer ones counting for more; None where nothing was
    clear."""

    number: int
    pieces: tuple[tuple[int, int], ...]
    first: int
    last: int
    frames: int
    start: Box
    score: float
    glimpses: tuple[Glimpse, ...] = ()
    descriptor: Embedding | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """Tracks of one person."""

    tracks: tuple[Track, ...]

    @property
    def best(self) -> Glimpse:
        return max((g for track in self.tracks for g in track.glimpses), key=lambda g: (g.clear, -g.frame))

    @property
    def frames(self) -> int:
        return sum(track.frames for track in self.tracks)

    @property
    def descriptor(self) -> Embedding:
        return _mean([g for track in self.tracks for g in track.glimpses])


def tracks_of(spans: Sequence[Found]) -> tuple[Track, ...]:
    """spans: in order of time, not overlapping. Pieces that touch where one span ends and the next begins, with no cut
    between them, are one track."""
    chains: list[list[tuple[int, int]]] = []
    open_: dict[tuple[int, int], int] = {}
    for number, span in enumerate(spans):
        before = spans[number - 1] if number and spans[number - 1].last + 1 == span.first else None
        links = _links(before, span) if before is not None else {}
        for place in range(len(span.pieces)):
            if place in links:
                chain = open_[number - 1, links[place]]
                chains[chain].append((number, place))
            else:
                chain = len(chains)
                chains.append([(number, place)])
            open_[number, place] = chain
    made = [_track(0, chain, spans) for chain in chains]
    made.sort(key=lambda track: (track.first, track.start.x0))
    return tuple(Track(number, t.pieces, t.first, t.last, t.frames, t.start, t.score, t.glimpses, t.descriptor)
                 for number, t in enumerate(made, 1))


def _links(before: Found, span: Found) -> dict[int, int]:
    """Pieces of a span by the piece of the span before that they go on."""
    if span.first in span.cuts:
        return {}
    pairs = []
    for place, piece in enumerate(span.pieces):
        for earlier, other in enumerate(before.pieces):
            if piece.first == span.first and other.last == before.last:
                overlap = piece.box_at(piece.first).overlap(other.box_at(other.last))
                if overlap > _ONE_HEAD:
                    pairs.append((overlap, place, earlier))
    links: dict[int, int] = {}
    for _, place, earlier in sorted(pairs, reverse=True):
        if place not in links and earlier not in links.values():
            links[place] = earlier
    return links


def _track(number: int, chain: Sequence[tuple[int, int]], spans: Sequence[Found]) -> Track:
    pieces: list[Piece] = [spans[span].pieces[place] for span, place in chain]
    glimpses = sorted((g for piece in pieces for g in piece.glimpses), key=lambda g: (-g.clear, g.frame))[:6]
    return Track(number, tuple(chain), pieces[0].first, pieces[-1].last, sum(len(p.flags) for p in pieces),
                 pieces[0].box_at(pieces[0].first), max(p.score for p in pieces), tuple(glimpses),
                 _mean(glimpses) if glimpses else None)


def _mean(glimpses: Sequence[Glimpse]) -> Embedding:
    weights = np.array([max(glimpse.clear, 0.01) for glimpse in glimpses])
    return np.asarray(np.average([glimpse.descriptor for glimpse in glimpses], axis=0, weights=weights), np.float64)


def is_real(track: Track) -> bool:
    """Whether somebody is there, as far as the detector can be believed."""
    return track.score >= _SURE or track.frames >= _FEW


def clusters_of(tracks: Sequence[Track], same: float) -> tuple[Cluster, ...]:
    """People, in order of appearance. The two nearest are joined while they are nearer than `same`; tracks that are
    there at one time are never one person. same: the recogniser's threshold."""
    real = [track for track in tracks if track.descriptor is not None and is_real(track)]
    if not real:
        return ()
    groups: list[list[Track]] = [[track] for track in real]
    means = np.stack([track.descriptor for track in real if track.descriptor is not None])
    weight = np.array([sum(max(g.clear, 0.01) for g in track.glimpses) for track in real])
    away = np.linalg.norm(means[:, None] - means[None], axis=2) if len(real) < 64 else _distances(means)
    first, last = (np.array([getattr(track, end) for track in real]) for end in ("first", "last"))
    apart = (first[:, None] <= last[None]) & (first[None] <= last[:, None])
    away[apart] = np.inf
    np.fill_diagonal(away, np.inf)
    gone = np.zeros(len(real), bool)
    # Each row's least, so that a join looks at the rows that it changes and not at all of them: an hour has thousands.
    near, low = away.argmin(axis=1), away.min(axis=1)
    while True:
        first_row = int(np.argmin(low))
        one, other = sorted((first_row, int(near[first_row])))
        if not away[one, other] < same:
            break
        groups[one] += groups[other]
        groups[other] = []
        means[one] = (weight[one] * means[one] + weight[other] * means[other]) / (weight[one] + weight[other])
        weight[one] += weight[other]
        apart[one] |= apart[other]
        apart[:, one] |= apart[:, other]
        row = np.linalg.norm(means - means[one], axis=1)
        gone[other] = True
        row[apart[one] | gone] = np.inf
        row[one] = np.inf
        away[one], away[:, one] = row, row
        away[other], away[:, other] = np.inf, np.inf
        stale = (near == one) | (near == other)
        stale[[one, other]] = True
        nearer = ~stale & ((row < low) | ((row == low) & (one < near)))
        near[nearer], low[nearer] = one, row[nearer]
        near[stale] = away[stale].argmin(axis=1)
        low[stale] = away[stale].min(axis=1)
    made = [Cluster(tuple(sorted(group, key=lambda t: t.number))) for group in groups if group]
    return tuple(sorted(made, key=lambda cluster: cluster.tracks[0].number))


def _distances(means: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = (means**2).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(lengths[:, None] + lengths[None] - 2 * means @ means.T, 0)), np.float64)


def numbers_of(clusters: Sequence[Cluster], tracks: Sequence[Track], people: Mapping[int, Embedding], same: float,
               ) -> dict[int, int]:
    """Who each track is, by its number: one of `people` (number: descriptor), or nobody (not in the answer).

    A person's tracks go together. Where two of the people are near a whole group, each of its tracks goes to its own
    nearest: the list tells apart what looking did not.
    """
    numbers: dict[int, int] = {}
    grouped: set[int] = set()
    for cluster in clusters:
        mean = cluster.descriptor
        near = [number for number, known in people.items() if float(np.linalg.norm(mean - known)) < same]
        for track in cluster.tracks:
            grouped.add(track.number)
            found = _nearest(track, people, same) if len(near) > 1 else near[0] if near else None
            if found is not None:
                numbers[track.number] = found
    for track in tracks:
        if track.number not in grouped and (found := _nearest(track, people, same)) is not None:
            numbers[track.number] = found
    return numbers


def _nearest(track: Track, people: Mapping[int, Embedding], same: float) -> int | None:
    if track.descriptor is None or not people:
        return None
    away = {number: float(np.linalg.norm(track.descriptor - known)) for number, known in people.items()}
    best = min(away, key=lambda number: (away[number], number))
    return best if away[best] < same else None
