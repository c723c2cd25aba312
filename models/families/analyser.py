"""The content analyser: three classifiers of pictures that show what nobody may swap faces into; two of them decide.

Each takes the picture fitted into the middle of a square over black, RGB, (x / 255 - mean) / std. What they answer
differs: boxes with a score for each class (EraX), two scores (Marqo), four levels (Freepik).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass as plain
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from models.arrays import Pixels
from models.sessions import Lease

NEEDED = 2
"""Votes of three for a refusal."""
Triple = tuple[float, float, float]

# From a network's answer to one number: the higher, the surer it is that the picture is to be refused.
_RULES: Mapping[str, Callable[[NDArray[Any]], float]] = {
    # (4 + classes, N): the best score of any class in any box.
    "boxes": lambda answer: float(answer[4:].max(initial=0.0)),
    # Scores of "unsafe" and "safe".
    "unsafe_less_safe": lambda answer: float(answer[0] - answer[1]),
    # Scores of neutral, low, medium, high.
    "upper_less_lower": lambda answer: float(answer[2] + answer[3] - answer[0] - answer[1]),
}


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class ClassifierFacts:
    """size: of the square. rule: how the answer becomes a number (see above). limit: above it the picture is flagged.
    """

    size: int
    rule: Literal["boxes", "unsafe_less_safe", "upper_less_lower"]
    limit: float
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)


_FACTS: TypeAdapter[ClassifierFacts] = TypeAdapter(ClassifierFacts)


@plain(frozen=True, slots=True)
class Verdict:
    """scores: each classifier's number. votes: how many are above their limit."""

    scores: tuple[float, ...]
    votes: int

    @property
    def refused(self) -> bool:
        return self.votes >= NEEDED


class ContentAnalyser:
    """All three on leased models. Safe to share between threads. parts: each lease with the catalogue's facts."""

    def __init__(self, parts: Sequence[tuple[Lease, Mapping[str, Any]]]) -> None:
        if len(parts) != 3:
            raise ValueError("the content analyser has three classifiers")
        self._parts = [(lease, _FACTS.validate_python(dict(facts))) for lease, facts in parts]

    def look(self, picture: Pixels) -> Verdict:
        """picture: (H, W, 3) BGR uint8. All three run, and at once where there is room. Raises ModelError."""
        waiting = [lease.submit({lease.inputs[0].name: _fitted(picture, facts)}) for lease, facts in self._parts]
        scores = tuple(_RULES[facts.rule](np.asarray(one.result()[0], np.float64)[0])
                       for one, (_, facts) in zip(waiting, self._parts, strict=True))
        return Verdict(scores, sum(score > facts.limit for score, (_, facts) in zip(scores, self._parts, strict=True)))


def _fitted(picture: Pixels, facts: ClassifierFacts) -> NDArray[np.float32]:
    height, width = picture.shape[:2]
    scale = facts.size / max(height, width)
    inside = max(round(width * scale), 1), max(round(height * scale), 1)
    small = cv2.resize(picture, inside, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    square = np.zeros((facts.size, facts.size, 3), np.uint8)
    x, y = (facts.size - inside[0]) // 2, (facts.size - inside[1]) // 2
    square[y:y + inside[1], x:x + inside[0]] = small
    colours = cv2.cvtColor(square, cv2.COLOR_BGR2RGB).astype(np.float32) / np.float32(255)
    numbers = (colours - np.array(facts.mean, np.float32)) / np.array(facts.std, np.float32)
    return np.ascontiguousarray(numbers.transpose(2, 0, 1)[None])
