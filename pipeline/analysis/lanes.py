"""Where everybody of a clip is to be seen: one lane a person, for timelines and lists."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.analysis.found import Glimpse
from pipeline.analysis.known import Decided
from pipeline.analysis.people import Track, is_real
from pipeline.analysis.runs import Runs, joined


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
