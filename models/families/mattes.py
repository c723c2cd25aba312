"""Mattes: how much of each pixel is the person. Of one picture (MODNet, BiRefNet, U²-Net, IS-Net, …), and of a clip
with memory (Robust Video Matting, Lin et al., WACV 2022)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass as plain
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from models.arrays import Mask, Pixels
from models.errors import ModelError
from models.sessions import Lease

Triple = tuple[float, float, float]
STATES = 4


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class MatteFacts:
    """size: of the square that the picture is pressed into, its sides not in proportion. mean, std: (x / 255 - mean) /
    std, RGB. classes: where the answer is a plane for each class, the numbers of those that count; else it is the
    matte."""

    size: int
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)
    classes: tuple[int, ...] = ()


_FACTS: TypeAdapter[MatteFacts] = TypeAdapter(MatteFacts)


class Matte:
    """A matte of pictures, on a leased model. Safe to share between threads. facts: the catalogue's."""

    def __init__(self, lease: Lease, facts: Mapping[str, Any]) -> None:
        self._lease = lease
        self.facts = _FACTS.validate_python(dict(facts))

    def of(self, picture: Pixels) -> Mask:
        """(H, W) float32 0..1 for (H, W, 3) BGR, uint8 or float32 of 0..255. Raises ModelError."""
        side = self.facts.size
        shrinks = max(picture.shape[:2]) > side
        small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        colours = cv2.cvtColor(small, cv2.COLOR_BGR2RGB).astype(np.float32) / np.float32(255)
        numbers = (colours - np.array(self.facts.mean, np.float32)) / np.array(self.facts.std, np.float32)
        blob = np.ascontiguousarray(numbers.transpose(2, 0, 1)[None])
        made = np.asarray(self._lease.run({self._lease.inputs[0].name: blob})[0], np.float32)[0]
        if self.facts.classes:
            found = np.isin(made.argmax(axis=0), self.facts.classes).astype(np.float32)
        else:
            found = np.clip(made.reshape(made.shape[-2:]), 0, 1)
        height, width = picture.shape[:2]
        return np.clip(cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR), 0, 1)


@plain(frozen=True, slots=True)
class MatteMemory:
    """What Robust Video Matting keeps of the frames before: four arrays. A new shot begins without."""

    states: tuple[NDArray[np.float32], ...]


class ClipMatte:
    """Robust Video Matting on a leased model: each frame's matte with the memory of the frames before it. Safe to share
    between threads, because the memory comes with the call.

    In: `src` (1, 3, H, W) RGB, x / 255; `r1i` … `r4i`; `downsample_ratio`. Out: `fgr`, `pha`, `r1o` … `r4o`.
    """

    # The authors' advice: about 512 pixels of the longer side are looked at in the coarse pass.
    COARSE = 512

    def __init__(self, lease: Lease, facts: Mapping[str, Any] | None = None) -> None:
        self._lease = lease

    def next(self, frame: Pixels, memory: MatteMemory | None) -> tuple[Mask, MatteMemory]:
        """The matte of a frame, (H, W) float32 0..1, and the memory for the next one of the same shot. memory: None for
        a shot's first. Raises ModelError (`MODEL.CONTRACT`)."""
        names = {port.name for port in self._lease.inputs}
        wanted = {"src", "downsample_ratio", *(f"r{n}i" for n in range(1, STATES + 1))}
        if names != wanted:
            raise ModelError(f"The model {self._lease.name} is no Robust Video Matting.", subject=self._lease.name,
                             code="MODEL.CONTRACT", remedy="Choose rvm_mobilenetv3_fp32.onnx.")
        colours = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB).transpose(2, 0, 1)[None]
        ratio = min(self.COARSE / max(frame.shape[:2]), 1.0)
        empty = np.zeros((1, 1, 1, 1), np.float32)
        states = memory.states if memory is not None else (empty,) * STATES
        feeds = {"src": np.ascontiguousarray(colours, np.float32) / np.float32(255),
                 "downsample_ratio": np.array([ratio], np.float32),
                 **{f"r{number}i": state for number, state in enumerate(states, start=1)}}
        made = self._lease.run(feeds, ["pha", *(f"r{n}o" for n in range(1, STATES + 1))])
        matte = np.clip(np.asarray(made[0], np.float32)[0, 0], 0, 1)
        return matte, MatteMemory(tuple(np.asarray(state, np.float32) for state in made[1:]))
