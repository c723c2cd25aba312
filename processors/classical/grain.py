"""Noise that lies on a face and moves with it: in a clip, grain drawn anew in every frame would flicker in the face."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from models.arrays import Matrix, Pixels, Points
from models.geometry import invert, scale_of, similarity
from processors.classical.filters import Plane, f32

# Side of a tile of noise: two of them, of different fineness, are mixed, so that no repetition shows.
_SIDE = 251
# Steps of a tile's fineness, and its pixels a pixel of the picture: how far between them a sample lies must not matter.
_STEP, _FINER = 2**0.5, 2.0
# Widths of the low-passes whose difference the noise is, in pixels of the picture. What is finer changes with every
# part of a pixel that the face moves (correlation of neighbouring frames, one warped to the other: .5 and 1.1: .90;
# .7 and 1.3: .98; .9 and 1.6: .995).
_LOW, _HIGH = 0.8, 1.45
# Points that a face is known by, and where they lie in eye distances from between the eyes, seen from the front: the
# corners of the eyes, and three down the nose (mean shape of the 68-point scheme).
_STEADY = (36, 39, 42, 45, 27, 30, 33)
_FRONT = np.array([[-0.5, 0], [-0.17, 0], [0.17, 0], [0.5, 0], [0, -0.02], [0, 0.40], [0, 0.52]])


def on_face(points: Points) -> Matrix:
    """(2, 3) matrix from a picture's pixels to eye distances from between the eyes of the face with these 68 points."""
    return invert(similarity(_FRONT, points[list(_STEADY)]))


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where a picture's pixels lie on the face. matrix: (2, 3), pixels -> eye distances from between the eyes. seed:
    what the noise is drawn from. octave: 0 for the picture itself, 1 for it at half its size, and so on."""

    matrix: Matrix
    seed: int
    octave: int = 0

    @classmethod
    def on(cls, points: Points, seed: int) -> Anchor:
        """On the face with these 68 points, in pixels of the picture."""
        return cls(on_face(points), seed)

    def halved(self) -> Anchor:
        """For the same picture at half its size (a pixel is the mean of two by two)."""
        linear = self.matrix[:, :2]
        shift = linear @ np.array([0.5, 0.5]) + self.matrix[:, 2]
        return Anchor(np.column_stack([2 * linear, shift]), self.seed, self.octave + 1)


def noise_on(anchor: Anchor, shape: tuple[int, int]) -> Plane:
    """(H, W, 3) of independent noise, without what is coarser than a few pixels."""
    fine = np.log(_FINER / max(scale_of(anchor.matrix), 1e-9)) / np.log(_STEP)
    low = int(np.floor(fine))
    # As the face comes nearer, the next finer tile takes over little by little; the squares of the shares add up to 1.
    angle = (fine - low) * np.pi / 2
    total = np.zeros((*shape, 3), np.float32)
    for step, share in ((low, np.cos(angle)), (low + 1, np.sin(angle))):
        total += _sampled(anchor, step, shape) * np.float32(share)
    return total


def _sampled(anchor: Anchor, step: int, shape: tuple[int, int]) -> Plane:
    linear = (anchor.matrix * _STEP**step).astype(np.float64)
    ys, xs = np.ogrid[:shape[0], :shape[1]]
    planes = [np.mod(linear[i, 0] * xs + linear[i, 1] * ys + linear[i, 2], _SIDE) + 2 for i in (0, 1)]
    return f32(cv2.remap(_tile(anchor.seed, anchor.octave, step), f32(planes[0]), f32(planes[1]), cv2.INTER_CUBIC))


@lru_cache(maxsize=16)  # a face needs two for each of four octaves; one is 0.8 MB
def _tile(seed: int, octave: int, step: int) -> Pixels:
    """(_SIDE + 5, _SIDE + 5, 3): one octave of noise, with a rim that repeats it."""
    random = np.random.default_rng([seed, octave, step + 64])
    rim = 12
    wide = np.pad(random.standard_normal((_SIDE, _SIDE, 3), dtype=np.float32), ((rim, rim + 1), (rim, rim + 1), (0, 0)),
                  mode="wrap")
    band = f32(cv2.GaussianBlur(wide, (0, 0), _LOW * _FINER) - cv2.GaussianBlur(wide, (0, 0), _HIGH * _FINER))
    return np.ascontiguousarray(band[rim - 2:-(rim - 2), rim - 2:-(rim - 2)])
