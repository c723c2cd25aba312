"""Who a track is: the mean of its descriptors, and the person whose descriptor is nearest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.arrays import Embedding, Pixels
from models.face import Face
from models.interfaces import FaceStack, Recogniser
from pipeline.recipe import Person
from pipeline.tracking.frames import Looked
from processors.batches import Rect

# A track that has been one person is another one only if that one is nearer by so much, or the first is farther than
# the threshold by as much: a share of the recogniser's threshold, since each measures in its own units. dlib's
# descriptors of one face in neighbouring frames differ by .05 to .15 of .6 (measured on the example clip), their means
# by less.
_HYSTERESIS = 1 / 12


def descriptor_of(stack: FaceStack, frame: Looked, face: Face) -> Embedding:
    """The descriptor of one face of a frame: only the pixels round it are fetched."""
    found, = stack.recogniser.embed(*portrait_of(frame, face))
    return found


def portrait_of(frame: Looked, face: Face) -> tuple[Pixels, list[Face]]:
    """What a recogniser needs of one face of a frame: BGR uint8 pixels round it, and the face in them."""
    margin = 0.8 * max(np.ptp(face.points[:, 0]), np.ptp(face.points[:, 1])) + 2
    low = np.floor(face.points.min(axis=0) - margin).astype(int)
    high = np.ceil(face.points.max(axis=0) + margin).astype(int) + 1
    x0, y0 = min(max(int(low[0]), 0), frame.width - 1), min(max(int(low[1]), 0), frame.height - 1)
    x1, y1 = max(min(int(high[0]), frame.width), x0 + 1), max(min(int(high[1]), frame.height), y0 + 1)
    pixels = frame.region(Rect(x0, y0, x1, y1))
    if pixels.dtype != np.uint8:
        pixels = np.asarray(np.clip(np.rint(pixels), 0, 255), np.uint8)
    return pixels, [Face(face.box, face.score, face.points - [x0, y0], face.spread, turn=face.turn)]


class Identity:
    """Descriptors of one track, and who it therefore is."""

    ENOUGH = 4
    """Descriptors after which the mean hardly moves any more."""

    def __init__(self) -> None:
        self._sum: Embedding | None = None
        self.count = 0
        self.number = 0
        self.nearest = self.other = float("inf")

    @property
    def known(self) -> bool:
        return self.count > 0

    @property
    def mean(self) -> Embedding | None:
        return None if self._sum is None else self._sum / self.count

    def distance(self, descriptor: Embedding) -> float:
        """How far a descriptor is from the track's own."""
        mean = self.mean
        return float("inf") if mean is None else float(np.linalg.norm(mean - descriptor))

    def add(self, descriptor: Embedding, people: Sequence[Person], recogniser: Recogniser) -> None:
        """Takes one more descriptor into account. People of another recogniser cannot be compared and are nobody."""
        self._sum = descriptor if self._sum is None else self._sum + descriptor
        self.count += 1
        mean = self._sum / self.count
        away = {person.number: float(np.linalg.norm(mean - np.array(person.descriptor)))
                for person in people if person.recogniser == recogniser.name}
        self.number = self._choose(away, recogniser.same_person)
        self.nearest = away.get(self.number, float("inf"))
        self.other = min((d for number, d in away.items() if number != self.number), default=float("inf"))

    def _choose(self, away: dict[int, float], same: float) -> int:
        if not away:
            return 0
        best = min(away, key=lambda number: (away[number], number))
        candidate = best if away[best] < same else 0
        if candidate == self.number or self.number not in away:
            return candidate
        own = away[self.number]
        if candidate == 0:
            return 0 if own > same * (1 + _HYSTERESIS) else self.number
        return candidate if away[candidate] + same * _HYSTERESIS < own else self.number
