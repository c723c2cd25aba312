"""Aligned crops into a network's numbers and back, as the catalogue's facts say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from models.arrays import Pixels
from models.errors import ModelError
from models.templates import TEMPLATES

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class CropFacts:
    """How crops become numbers. size: pixels of a side. template: where the five points lie (see `models.templates`);
    empty where any aligned crop will do. colour: which channel is first. layout: whether channels come before rows.
    mean, std: (x / 255 - mean) / std goes in, in the order of the colour. out_mean, out_std: y * out_std + out_mean
    comes out, 0..1."""

    size: int
    template: str = ""
    colour: Literal["rgb", "bgr"] = "rgb"
    layout: Literal["nchw", "nhwc"] = "nchw"
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)
    out_mean: float = 0.0
    out_std: float = 1.0

    def __post_init__(self) -> None:
        if self.template and self.template not in TEMPLATES:
            raise ValueError(f"there is no template {self.template}")

    def encode(self, crops: Sequence[Pixels]) -> NDArray[np.float32]:
        """(N, 3, S, S) or (N, S, S, 3) float32, of (S, S, 3) BGR crops: uint8, or float32 of 0..255."""
        batch = np.empty((len(crops), 3, self.size, self.size), np.float32)
        order = (2, 1, 0) if self.colour == "rgb" else (0, 1, 2)
        for crop, planes in zip(crops, batch, strict=True):
            if crop.shape != (self.size, self.size, 3):
                raise ValueError(f"a crop of {crop.shape} where {self.size} x {self.size} is wanted")
            for channel, (mean, std) in enumerate(zip(self.mean, self.std, strict=True)):
                plane = crop[:, :, order[channel]]
                if plane.dtype == np.uint8:  # a table is five times as fast as the arithmetic, to the same bits
                    cv2.LUT(plane, _table(mean, std), dst=planes[channel])
                else:
                    np.divide(plane / np.float32(255) - np.float32(mean), np.float32(std), out=planes[channel])
        return np.ascontiguousarray(batch.transpose(0, 2, 3, 1)) if self.layout == "nhwc" else batch

    def decode(self, batch: NDArray[Any], kind: np.dtype[Any]) -> list[Pixels]:
        """What `encode` takes, of a network's answer; rounded where levels are whole, cut off at 0 and 255."""
        planes = batch.transpose(0, 3, 1, 2) if self.layout == "nhwc" else batch
        found = []
        for one in planes:
            levels = one[::-1] if self.colour == "rgb" else one
            crop = cv2.merge([np.ascontiguousarray(plane, np.float32) for plane in levels])
            crop = np.clip(crop * np.float32(self.out_std) + np.float32(self.out_mean), 0, 1) * np.float32(255)
            found.append(np.ascontiguousarray(np.rint(crop) if kind == np.uint8 else crop, kind))
        return found


@lru_cache(maxsize=64)
def _table(mean: float, std: float) -> NDArray[np.float32]:
    levels = np.arange(256, dtype=np.float32) / np.float32(255)
    table = (levels - np.float32(mean)) / np.float32(std)
    table.setflags(write=False)
    return table


_FACTS: TypeAdapter[CropFacts] = TypeAdapter(CropFacts)


def crop_facts(facts: Mapping[str, Any], name: str) -> CropFacts:
    """Of a catalogue entry. Raises ModelError CATALOGUE.INVALID."""
    try:
        return _FACTS.validate_python(dict(facts))
    except ValidationError as error:
        raise ModelError(f"The catalogue's facts of {name} are not valid: {error}", subject=name,
                         code="CATALOGUE.INVALID", remedy="Install Likeness again.") from error


def spread(crop: Pixels, times: int) -> list[Pixels]:
    """A crop of times x S as times² crops of S, each of every times-th pixel: what a network of S can do to the whole,
    in one batch ("pixel boost")."""
    return [np.ascontiguousarray(crop[y::times, x::times]) for y in range(times) for x in range(times)]


def gathered(parts: Sequence[Pixels], times: int) -> Pixels:
    """What `spread` took apart."""
    side = parts[0].shape[0] * times
    whole = np.empty((side, side, 3), parts[0].dtype)
    for number, part in enumerate(parts):
        whole[number // times::times, number % times::times] = part
    return whole
