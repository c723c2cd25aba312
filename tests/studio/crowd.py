"""Clips of grey heads that are told apart by how bright they are, and a face stack that knows them: many people and
spans at little cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from models.arrays import Embedding, Pixels
from models.face import Box, Face
from models.interfaces import Detection, FaceStack, Search
from pipeline.bench.speed.twins import MeanLandmarker
from tests.door.making import write_clip

SIZE = (192, 108)
HEAD = (44, 56)
LEVELS = (24, 56, 88, 168, 200, 232)
"""Mean brightness of each person's head; the ground's is 128."""

QUICK = {"crf": "12", "preset": "veryfast"}

Scene = tuple[int, Sequence[tuple[int, int]]]
"""How many frames, and who is in them: the number of a level, and where the head's middle is, in pixels from the
left."""


def crowd_clip(path: Path, scenes: Sequence[Scene]) -> Path:
    """25 frames a second with a cut between scenes, a keyframe every 24 frames. Heads stand still, the ground moves."""
    frames = []
    for number, (count, heads) in enumerate(scenes):
        random = np.random.default_rng(number)
        ground = random.normal(128, 6, (27, 48)).repeat(4, 0).repeat(4, 1)
        faces = {level: random.normal(LEVELS[level], 5, (14, 11)).repeat(4, 0).repeat(4, 1) for level, _ in heads}
        for index in range(count):
            grey = np.roll(ground, index // 3, axis=1)
            for level, x in heads:
                top, left = (SIZE[1] - HEAD[1]) // 2, x - HEAD[0] // 2
                grey[top:top + HEAD[1], left:left + HEAD[0]] = faces[level]
            shown = np.clip(grey, 0, 255).astype(np.uint8)
            frames.append(np.repeat(shown[..., None], 3, axis=2))
    return write_clip(path, frames, gop=24, sound=False, options={**QUICK, "x264-params": "scenecut=0"})


class Blobs:
    """Finds what is much darker or brighter than the ground. looks: how often it was asked."""

    name = "blobs"

    def __init__(self) -> None:
        self.looks = 0

    def side(self, search: Search) -> int | None:
        return None

    def detect(self, picture: Pixels, search: Search) -> list[Detection]:
        self.looks += 1
        flat = cv2.blur(picture if picture.ndim == 2 else picture[..., 1], (5, 5)).astype(np.int32)
        apart = (np.abs(flat - 128) > 24).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(apart)
        return [Detection(Box(x, y, x + w, y + h), 1.0) for x, y, w, h, area in stats[1:count].astype(float)
                if area > 0.6 * w * h and min(w, h) > 20]


class Brightness:
    """Says who somebody is by how bright the head is."""

    name, same_person = "brightness", 0.6

    def embed(self, picture: Pixels, faces: Sequence[Face]) -> list[Embedding]:
        found = []
        for face in faces:
            x, y = (round(float(v)) for v in face.points.mean(axis=0))
            level = float(picture[max(y - 6, 0):y + 6, max(x - 6, 0):x + 6].mean())
            found.append(np.eye(len(LEVELS))[int(np.argmin([abs(level - one) for one in LEVELS]))])
        return found


def crowd_stack() -> FaceStack:
    return FaceStack(Blobs(), MeanLandmarker(), Brightness())
