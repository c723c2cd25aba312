"""Age and sex as a network guesses them: insightface's genderage, and FairFace (Kärkkäinen and Joo, WACV 2021).

genderage: in (N, 3, 96, 96) float32, RGB, 0..255, a square 1.5 times the detector's box; out (N, 3): two scores, female
first, and the age in hundreds of years.
FairFace: in (N, 3, 224, 224) float32, RGB, the catalogue's mean and std, aligned; out three whole numbers a face: one
that is not used here (its guess of origin), 1 for female, and one of nine spans of age.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np

from models.arrays import Pixels
from models.errors import ModelError
from models.face import Face, five_points
from models.families.crops import crop_facts
from models.families.landmarks106 import crop_of, square_round
from models.geometry import similarity
from models.sessions import Lease
from models.templates import TEMPLATES

Sex = Literal["female", "male"]
SIDE, GROWTH = 96, 1.5
# FairFace's nine spans, first and last year; nobody is said to be older than 100.
SPANS = ((0, 2), (3, 9), (10, 19), (20, 29), (30, 39), (40, 49), (50, 59), (60, 69), (70, 100))


@dataclass(frozen=True, slots=True)
class Attributes:
    """A guess. age: first and last year of the span that it names, equal where it names one."""

    sex: Sex
    age: tuple[int, int]


class GenderAge:
    """Guesses on one leased genderage. Safe to share between threads."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease

    def read(self, picture: Pixels, faces: Sequence[Face]) -> list[Attributes]:
        """For each face of a BGR or grey uint8 picture, all in one run where the network allows it. Raises ModelError
        (`MODEL.CONTRACT`)."""
        if not faces:
            return []
        port = self._lease.inputs[0]
        if [tuple(one.shape[1:]) for one in (port, *self._lease.outputs)] != [(3, SIDE, SIDE), (3,)]:
            raise _other(self._lease, "genderage.onnx")
        crops = [crop_of(picture, square_round(face.box, -face.turn * np.pi / 2, SIDE, GROWTH), SIDE)
                 for face in faces]
        made = self._lease.run_rows({port.name: np.asarray(cv2.dnn.blobFromImages(crops, swapRB=True))})
        found = []
        for female, male, hundreds in made.tolist():
            years = round(100 * hundreds)
            found.append(Attributes("male" if male > female else "female", (years, years)))
        return found


class FairFace:
    """Guesses on one leased fairface. Safe to share between threads. facts: the catalogue's."""

    def __init__(self, lease: Lease, facts: Mapping[str, Any]) -> None:
        self._lease = lease
        self._facts = crop_facts(facts, lease.name)

    def read(self, picture: Pixels, faces: Sequence[Face]) -> list[Attributes]:
        """As `GenderAge.read`."""
        size = self._facts.size
        port = self._lease.inputs[0]
        if tuple(port.shape[1:]) != (3, size, size) or len(self._lease.outputs) != 3:
            raise _other(self._lease, "fairface.onnx")
        target = TEMPLATES[self._facts.template] * size
        waiting = []
        for face in faces:
            crop = crop_of(picture, similarity(five_points(face.points), target), size)
            waiting.append(self._lease.submit({port.name: self._facts.encode([crop])}))
        return [_guess(*(int(np.ravel(answer)[0]) for answer in one.result())) for one in waiting]


def _guess(_origin: int, sex: int, span: int) -> Attributes:
    return Attributes("female" if sex == 1 else "male", SPANS[min(max(span, 0), len(SPANS) - 1)])


def _other(lease: Lease, example: str) -> ModelError:
    return ModelError(f"The model {lease.name} guesses no age in this way.", subject=lease.name, code="MODEL.CONTRACT",
                      remedy=f"Choose {example}.")
