"""The pictures with faces that installed packages carry, and larger ones made from them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from models.arrays import Pixels

# Found without importing the packages. The last two are for measuring only; no document or screen shows them.
FILES = {
    "astronaut": ("skimage", "data/astronaut.png"),
    "hopper": ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    "six": ("insightface", "data/images/t1.jpg"),
    "actor": ("insightface", "data/images/Tom_Hanks_54745.png"),
}

# Strength of the texture as a share of the pixel's own level, and its octaves (sigma in pixels, weight): pores and
# fine lines of a face in a sharp photograph, from the finest that pixels hold to a few of them.
TEXTURE = 0.03
OCTAVES = ((0.5, 1.0), (1.0, 0.8), (2.0, 0.6))


def installed() -> dict[str, Path]:
    """By name, those that are there."""
    found = {}
    for name, (package, file) in FILES.items():
        spec = find_spec(package)
        if spec is not None and spec.origin is not None and (path := Path(spec.origin).parent / file).is_file():
            found[name] = path
    return found


def texture(shape: tuple[int, int], seed: int) -> Pixels:
    """(H, W) float32 of mean 0 and standard deviation 1: noise in the octaves above, the same for the same seed."""
    random = np.random.default_rng(seed)
    total = np.zeros(shape, np.float32)
    for sigma, weight in OCTAVES:
        band = cv2.GaussianBlur(random.standard_normal(shape, np.float32), (0, 0), sigma)
        total += np.asarray(band * np.float32(weight / band.std()), np.float32)
    return np.asarray(total / total.std(), np.float32)


def enlarged(picture: Pixels, scale: float, seed: int) -> Pixels:
    """The BGR uint8 picture at `scale`, with texture over everything, so that it has the fine detail that a photograph
    of this size would have and enlarging cannot make."""
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    flags = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    plain = cv2.resize(picture, size, interpolation=flags).astype(np.float32)
    marked = plain * (1 + np.float32(TEXTURE) * texture(plain.shape[:2], seed))[..., None]
    return np.asarray(np.clip(np.rint(marked), 0, 255), np.uint8)
