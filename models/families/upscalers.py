"""Upscalers of whole frames: Real-ESRGAN, SPAN, SwinIR and their like.

In: (N, 3, H, W) float32, RGB, x / 255. Out: the same, larger, 0..1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from models.arrays import Pixels
from models.families.tiles import Planes, Tiling, run_tiled
from models.sessions import Lease


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class UpscaleFacts:
    """scale: times. tile, margin: see `Tiling`; a network whose input is fixed prescribes the tile."""

    scale: int
    tile: int = 256
    margin: int = 16


_FACTS: TypeAdapter[UpscaleFacts] = TypeAdapter(UpscaleFacts)


class Upscaler:
    """An upscaler on a leased model. Safe to share between threads. facts: the catalogue's."""

    def __init__(self, lease: Lease, facts: Mapping[str, Any]) -> None:
        self._lease = lease
        self.facts = _FACTS.validate_python(dict(facts))

    @property
    def scale(self) -> int:
        return self.facts.scale

    def upscale(self, picture: Pixels) -> Pixels:
        """(H · scale, W · scale, 3) BGR for (H, W, 3), in its dtype (uint8, or float32 of 0..255). Raises ModelError,
        OutOfMemory where not even a small tile fits."""
        colours = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).transpose(2, 0, 1)
        planes = np.ascontiguousarray(colours, np.float32) / np.float32(255)
        made = run_tiled(planes, Tiling(self._tile(), self.facts.margin, self.scale), self._run)
        levels = np.clip(cv2.cvtColor(np.ascontiguousarray(made.transpose(1, 2, 0)), cv2.COLOR_RGB2BGR), 0, 1) * 255
        return np.ascontiguousarray(np.rint(levels) if picture.dtype == np.uint8 else levels, picture.dtype)

    def _tile(self) -> int:
        fixed = self._lease.inputs[0].shape[2]
        return fixed if isinstance(fixed, int) else self.facts.tile

    def _run(self, tiles: Planes) -> Planes:
        return np.asarray(self._lease.run_rows({self._lease.inputs[0].name: tiles}), np.float32)
