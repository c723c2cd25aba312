"""Faces older and younger: FRAN (Zoss et al., SIGGRAPH Asia 2022, as ry-lu trained it anew) and StyleGANEX (Yang et
al., ICCV 2023).

In: `target`, an aligned crop; StyleGANEX also takes `target_with_background`, a wider one, and answers with that one.
`direction`: FRAN's, (2,) float32: how old the person looks and shall look, over 100; StyleGANEX's, one number.
Out: the crop, in the range that went in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from models.arrays import Pixels, Points
from models.families.crops import CropFacts, crop_facts
from models.geometry import similarity
from models.sessions import Lease
from models.templates import TEMPLATES, drawn_in


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Wide:
    """The wider crop: size, template, and by how much the template's points are drawn in for it."""

    size: int
    template: str
    drawn: float

    @property
    def points(self) -> Points:
        return drawn_in(TEMPLATES[self.template], self.drawn)


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class AgeFacts:
    """kind: what `direction` is: two ages, or a step of so much a year. wide: of networks that take two crops."""

    kind: Literal["ages", "step"]
    step: float = 0.0
    wide: Wide | None = None


_FACTS: TypeAdapter[AgeFacts] = TypeAdapter(AgeFacts)


class AgeChanger:
    """Changes ages, on a leased model. Safe to share between threads. facts: the catalogue's."""

    def __init__(self, lease: Lease, facts: Mapping[str, Any]) -> None:
        self._lease = lease
        given = dict(facts)
        own = {name: given.pop(name) for name in ("kind", "step", "wide") if name in given}
        self.facts = _FACTS.validate_python(own)
        self.crop: CropFacts = crop_facts(given, lease.name)

    @property
    def points(self) -> Points:
        """(5, 2), shares of the side: where the five points lie in the crops that `change` takes."""
        return TEMPLATES[self.crop.template] if self.facts.wide is None else self.facts.wide.points

    def change(self, crops: Sequence[Pixels], now: Sequence[float], years: float) -> list[Pixels]:
        """Each (S, S, 3) BGR crop, aligned to `points`, `years` older (below 0: younger), in its size and dtype. now:
        how old each person looks. Raises ModelError."""
        waiting = [self._lease.submit(self._feeds(crop, age, years)) for crop, age in zip(crops, now, strict=True)]
        return [self._back(crop, one.result()[0]) for crop, one in zip(crops, waiting, strict=True)]

    def _feeds(self, crop: Pixels, age: float, years: float) -> dict[str, NDArray[Any]]:
        if self.facts.kind == "ages":
            direction = np.clip(np.array([age, age + years], np.float32) / np.float32(100), 0, 1)
        else:
            direction = np.array(years * self.facts.step, np.float32)
        wide = self.facts.wide
        if wide is None:
            return {"target": self.crop.encode([_sized(crop, self.crop.size)]), "direction": direction}
        numbers = crop_facts(_like(self.crop, wide.size), self._lease.name)
        return {"target": self.crop.encode([self._narrow(crop)]), "direction": direction,
                "target_with_background": numbers.encode([_sized(crop, wide.size)])}

    def _narrow(self, crop: Pixels) -> Pixels:
        """The closer crop, out of the wider one."""
        matrix = similarity(self.points * crop.shape[0], TEMPLATES[self.crop.template] * self.crop.size)
        side = self.crop.size
        shrinks = abs(np.linalg.det(matrix[:, :2])) < 1
        return np.asarray(cv2.warpAffine(crop, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE,
                                         flags=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR))

    def _back(self, crop: Pixels, made: NDArray[Any]) -> Pixels:
        answer, = self.crop.decode(made, crop.dtype)
        return _sized(answer, crop.shape[0])


def _like(facts: CropFacts, size: int) -> dict[str, Any]:
    return {"size": size, "mean": facts.mean, "std": facts.std, "out_mean": facts.out_mean, "out_std": facts.out_std}


def _sized(crop: Pixels, side: int) -> Pixels:
    if crop.shape[0] == side:
        return crop
    kind = cv2.INTER_AREA if crop.shape[0] > side else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(crop, (side, side), interpolation=kind))
