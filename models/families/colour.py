"""Colour for black-and-white pictures: DDColor (Kang et al., ICCV 2023) and DeOldify (Antic, 2019).

In: (N, 3, S, S) float32, RGB, grey in all three: 0..1 for DDColor, 0..255 for DeOldify. Out: a and b of CIE L*a*b*,
(N, 2, S, S), or the coloured picture, (N, 3, S, S), in the range that went in. Only the colour is taken: how light a
pixel is stays as it was, at the picture's own size.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from models.arrays import Pixels
from models.sessions import Lease

Levels = NDArray[np.float32]


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class ColourFacts:
    """size: of the square that the picture is pressed into, where the network takes any. gives: what it answers.
    levels: what white is, as it goes in and comes out."""

    size: int
    gives: Literal["ab", "rgb"]
    levels: float = 1.0


_FACTS: TypeAdapter[ColourFacts] = TypeAdapter(ColourFacts)


class Colouriser:
    """Colours pictures, on a leased model. Safe to share between threads. facts: the catalogue's."""

    def __init__(self, lease: Lease, facts: Mapping[str, Any]) -> None:
        self._lease = lease
        self.facts = _FACTS.validate_python(dict(facts))

    def colour(self, picture: Pixels, strength: float = 1.0) -> Pixels:
        """The (H, W, 3) BGR picture in colour, in its dtype (uint8, or float32 of 0..255). strength: 0 as it is .. 1.
        Raises ModelError."""
        lab = np.asarray(cv2.cvtColor(picture.astype(np.float32) / np.float32(255), cv2.COLOR_BGR2LAB), np.float32)
        height, width = picture.shape[:2]
        wanted = np.asarray(cv2.resize(self._ask(lab[:, :, 0]), (width, height), interpolation=cv2.INTER_LINEAR))
        before = cv2.cvtColor(lab, cv2.COLOR_LAB2BGR)
        lab[:, :, 1:] += (wanted - lab[:, :, 1:]) * np.float32(strength)
        # The change is added rather than put in place: OpenCV's way to L*a*b* and back is off by up to 0.4 of 255.
        levels = np.clip(picture + (cv2.cvtColor(lab, cv2.COLOR_LAB2BGR) - before) * np.float32(255), 0, 255)
        return np.ascontiguousarray(np.rint(levels) if picture.dtype == np.uint8 else levels, picture.dtype)

    def _ask(self, lightness: Levels) -> Levels:
        """(S, S, 2): a and b of a picture of which (H, W) L* is known."""
        side = self._side()
        small = cv2.resize(lightness, (side, side), interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(np.dstack([small, np.zeros((side, side, 2), np.float32)]), cv2.COLOR_LAB2RGB)
        blob = np.ascontiguousarray(grey.transpose(2, 0, 1)[None] * np.float32(self.facts.levels))
        made = np.asarray(self._lease.run({self._lease.inputs[0].name: blob})[0], np.float32)[0].transpose(1, 2, 0)
        if self.facts.gives == "ab":
            return np.ascontiguousarray(made)
        colours = np.clip(made / np.float32(self.facts.levels), 0, 1)
        return np.ascontiguousarray(cv2.cvtColor(np.ascontiguousarray(colours), cv2.COLOR_RGB2LAB)[:, :, 1:])

    def _side(self) -> int:
        fixed = self._lease.inputs[0].shape[2]
        return fixed if isinstance(fixed, int) else self.facts.size
