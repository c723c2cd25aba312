"""A finding: a span of a clip in which something looks wrong with one person, with a reason and how bad it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Severity = Literal["low", "middle", "high"]


@dataclass(frozen=True, slots=True)
class Finding:
    """code: dotted (`FINDING.MISSED`). first, last: numbers of frames in the clip, both in it. worst: the frame that
    shows it best. start, stop: seconds from the clip's first picture, stop not included. person: the number, 0 where
    it is nobody known. strand: which run of frames with one face it is (`Sheet.strands`). words: English. values: the
    numbers in the words, so that other languages can say it too."""

    code: str
    severity: Severity
    first: int
    last: int
    worst: int
    start: float
    stop: float
    person: int
    strand: int
    words: str
    values: Mapping[str, float] = field(default_factory=dict, hash=False)

    @property
    def key(self) -> str:
        """Tells it from the others of its clip, as long as that is the same clip."""
        return f"{self.code}-{self.person}-{self.strand}-{self.first}-{self.last}"

    def is_like(self, other: Finding) -> bool:
        """Whether it is the other one, found in another render of the clip."""
        return (self.code, self.person) == (other.code, other.person) and \
            self.first <= other.last and other.first <= self.last

    def data(self) -> dict[str, Any]:
        """As JSON data."""
        return {**asdict(self), "values": dict(self.values)}


@dataclass(frozen=True, slots=True)
class Lost:
    """Somebody who is not followed any more and still to be seen. strand: the run of frames that ended. first, last:
    frames in which nothing is drawn on the face. at: the first in which it was seen nevertheless."""

    strand: int
    person: int
    first: int
    last: int
    at: int


def finding_of(data: Mapping[str, Any]) -> Finding:
    """From `Finding.data`. Raises TypeError for anything else."""
    return Finding(**data)
