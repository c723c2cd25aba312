"""What a detector, a landmarker and a recogniser must do, whichever network or library does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from models.arrays import Embedding, Pixels, Points
from models.face import Box, Face


@dataclass(frozen=True, slots=True)
class Detection:
    """A box with a score. turn: clockwise quarter turns (0..3) after which the face is upright. points5: (5, 2) as
    `models.face.five_points`, where the detector gives them."""

    box: Box
    score: float
    turn: int = 0
    points5: Points | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Search:
    """How hard to look for faces.

    small: a second look at more pixels. turned: further looks at the picture turned by 90, 180 and 270 degrees.
    faint: also what lies a little below the detector's threshold, with its score below 0; much of it is no face.
    """

    small: bool = False
    turned: bool = False
    faint: bool = False


class Detector(Protocol):
    name: str

    def detect(self, picture: Pixels, search: Search) -> list[Detection]:
        """Faces in a BGR or grey (H, W) uint8 picture, boxes in its pixels, largest first, none twice."""
        ...

    def side(self, search: Search) -> int | None:
        """Pixels of a picture's longer side beyond which it sees nothing more; None where every pixel counts."""
        ...


class Landmarker(Protocol):
    name: str

    def landmarks(self, picture: Pixels, detections: Sequence[Detection]) -> list[Face]:
        """A face with 68 points for each detection, in its order. BGR or grey (H, W) uint8 picture; sub-pixel
        points."""
        ...

    def follow(self, picture: Pixels, faces: Sequence[Face]) -> list[Face]:
        """The same faces in the next frame of a clip, in their order: read where their points nearly are, without a
        detector. Points, box, spread and turn are new; score, embedding and number stay. A face that is not there any
        more gives points all the same: whoever calls has to tell."""
        ...


class Recogniser(Protocol):
    name: str
    same_person: float
    """Distance below which two descriptors are taken for the same person (the recogniser's published threshold)."""

    def embed(self, picture: Pixels, faces: Sequence[Face]) -> list[Embedding]:
        """A descriptor for each face, in its order. BGR uint8 picture."""
        ...


@runtime_checkable
class Resting(Protocol):
    """What holds a model that it can let go of."""

    def rest(self) -> None:
        """Lets go of it; it is loaded anew when it is needed. Safe while others use it."""
        ...


@dataclass(frozen=True, slots=True)
class FaceStack:
    """The three that together find and know faces. slots: the catalogue's, of the data that they work with."""

    detector: Detector
    landmarker: Landmarker
    recogniser: Recogniser
    slots: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Of all three: what was found or known with another stack is not the same."""
        return f"{self.detector.name}+{self.landmarker.name}+{self.recogniser.name}"

    def rest(self) -> None:
        """Lets go of the models of those that hold any; networks are let go of by the session manager that runs
        them."""
        for part in (self.detector, self.landmarker, self.recogniser):
            if isinstance(part, Resting):
                part.rest()
