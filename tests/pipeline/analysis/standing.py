"""A face stack that finds one face in the middle of every picture, at no cost, and counts how often it was asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.arrays import Embedding, Pixels
from models.errors import LikenessError
from models.face import Box, Face
from models.interfaces import Detection, FaceStack, Search
from pipeline.bench.speed.twins import MeanLandmarker
from tests.door.making import write_clip


class Standing:
    """failing: raised by the first look."""

    name = "standing"

    def __init__(self, failing: LikenessError | None = None) -> None:
        self.looks, self.failing = 0, failing

    def side(self, search: Search) -> int | None:
        return None

    def detect(self, picture: Pixels, search: Search) -> list[Detection]:
        self.looks += 1
        if self.failing is not None:
            raise self.failing
        height, width = picture.shape[:2]
        box = Box(0.3 * width, 0.2 * height, 0.7 * width, 0.8 * height)
        return [Detection(box, 1.0)] if min(height, width) > 60 else []


class Always:
    """Everybody has the same descriptor."""

    name, same_person = "always", 0.6

    def embed(self, picture: Pixels, faces: Sequence[Face]) -> list[Embedding]:
        return [np.full(8, 0.1) for _ in faces]


def standing_stack(failing: LikenessError | None = None) -> tuple[FaceStack, Standing]:
    detector = Standing(failing)
    return FaceStack(detector, MeanLandmarker(), Always()), detector


def patterned(path: Path, frames: int, **words: Any) -> Path:
    """A clip (160 x 120) of a pattern that moves on a little now and then, a keyframe every 24 frames."""
    random = np.random.default_rng(1)
    texture = random.integers(0, 255, (30, 40, 3)).astype(np.uint8).repeat(4, 0).repeat(4, 1)
    return write_clip(path, [np.roll(texture, i // 9, 1) for i in range(frames)], gop=24, **words)
