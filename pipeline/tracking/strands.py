"""One head through the frames of a scan: where it was seen, and where it was carried to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np

from models.face import Box, Face
from pipeline.tracking.heads import between, grown

# How far the middle of a head may go unseen, in its own widths: this much, and this much more a frame.
_JUMP, _JUMP_A_FRAME = 0.8, 0.06


@dataclass(frozen=True, slots=True)
class End:
    """Why a head could not be carried on: the shot ends; no more pictures; it left over the picture's edge; it met a
    face that was seen; it was lost. index, box: where it was last. carried: frames since its face was seen."""

    why: Literal["cut", "border", "edge", "met", "lost"]
    index: int
    box: Box
    carried: int = 0


@dataclass(slots=True, eq=False)
class Strand:
    """boxes: heads by frame number, where the face was seen. faces: of those, the ones whose points are sure. kept: may
    be seen. carried: heads where it was not seen. ends: by direction, -1 and 1."""

    track: int
    boxes: dict[int, Box]
    faces: dict[int, Face]
    number: int
    kept: bool
    carried: dict[int, Box] = field(default_factory=dict)
    ends: dict[int, End] = field(default_factory=dict)

    @property
    def first(self) -> int:
        return min(self.boxes)

    @property
    def last(self) -> int:
        return max(self.boxes)

    def seen_at(self, index: int) -> Box | None:
        return self.boxes.get(index)

    def box_at(self, index: int) -> Box | None:
        """Where the head is in a frame, seen or carried."""
        return self.boxes.get(index) or self.carried.get(index)

    def fill_gaps(self) -> None:
        """Frames between two sightings get a box on the way from the one to the other, larger in the middle."""
        known = sorted(self.boxes)
        for low, high in pairwise(known):
            for index in range(low + 1, high):
                margin = min(0.1 + 0.02 * min(index - low, high - index), 0.5)
                way = between(self.boxes[low], self.boxes[high], (index - low) / (high - low))
                self.carried[index] = grown(way, margin)


def joined(strands: Sequence[Strand], cuts: set[int], longest: float) -> list[tuple[Strand, Strand]]:
    """Pairs of a strand that was lost and one that turned up later and can be the same head; nearest pairs first, each
    end once."""
    pairs = []
    for one in strands:
        for other in strands:
            low, high = one.ends.get(1), other.ends.get(-1)
            if one is other or low is None or high is None or "lost" not in (low.why, high.why):
                continue
            if not {low.why, high.why} <= {"lost", "met"}:
                continue
            gap = high.index - low.index
            # Both were carried towards each other and may have passed: the later sighting decides.
            if other.first <= one.last or gap > longest or any(low.index < cut <= high.index for cut in cuts):
                continue
            away = _away(low.box, high.box)
            if away <= _JUMP + _JUMP_A_FRAME * max(gap, 0):
                pairs.append((max(gap, 0) * 0.05 + away, one.track, other.track, one, other))
    chosen: list[tuple[Strand, Strand]] = []
    used: set[tuple[int, int]] = set()
    for _, a, b, one, other in sorted(pairs, key=lambda pair: pair[:3]):
        if (a, 1) not in used and (b, -1) not in used:
            used |= {(a, 1), (b, -1)}
            chosen.append((one, other))
    return chosen


def _away(one: Box, other: Box) -> float:
    """Distance of the middles, in widths of the larger box."""
    dx, dy = (one.x0 + one.x1 - other.x0 - other.x1) / 2, (one.y0 + one.y1 - other.y0 - other.y1) / 2
    return float(np.hypot(dx, dy)) / max(one.width, other.width, 1e-6)
