"""Where everybody of a clip is to be seen: one lane a person, for timelines and lists."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.analysis.found import Glimpse
from pipeline.analysis.known import Decided
from pipeline.analysis.people import Track, is_real

Runs = tuple[tuple[int, int], ...]
"""First and last frames, in order of time, with something between one and the next."""


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """number: the person's, 0 for faces that are nobody's. tracks: in order of time. best: the clearest glimpse, None
    where nothing was clear."""

    number: int
    tracks: tuple[Track, ...]

    @property
    def runs(self) -> Runs:
        return joined((track.first, track.last) for track in self.tracks)

    @property
    def best(self) -> Glimpse | None:
        glimpses = [glimpse for track in self.tracks for glimpse in track.glimpses]
        return max(glimpses, key=lambda g: (g.clear, -g.frame)) if glimpses else None


def lanes_of(decided: Decided) -> tuple[Lane, ...]:
    """Of everybody who has a track, by number. Finds of a moment that were hardly believed are nobody."""
    tracks: dict[int, list[Track]] = {}
    for track in decided.known.tracks:
        number = decided.numbers.get(track.number, 0)
        if number or is_real(track):
            tracks.setdefault(number, []).append(track)
    return tuple(Lane(number, tuple(own)) for number, own in sorted(tracks.items()))


def joined(runs: Iterable[tuple[int, int]]) -> Runs:
    """Those that touch or overlap as one."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(runs):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return tuple(found)


def holes(runs: Sequence[tuple[int, int]], frames: int) -> Runs:
    """What of 0..frames - 1 lies in no run."""
    edges = [(-1, -1), *joined(runs), (frames, frames)]
    return tuple((before[1] + 1, after[0] - 1) for before, after in itertools.pairwise(edges)
                 if before[1] + 1 < after[0])
