"""Masks of aligned crops: what lies before the face (XSeg), and which part of it a pixel is (BiSeNet, 19 classes of
CelebAMask-HQ)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Mask, Pixels
from models.families.crops import crop_facts
from models.sessions import Lease

# CelebAMask-HQ's classes, as BiSeNet's weights number them.
REGIONS: Mapping[str, int] = {
    "skin": 1, "left_brow": 2, "right_brow": 3, "left_eye": 4, "right_eye": 5, "glasses": 6, "nose": 10, "mouth": 11,
    "upper_lip": 12, "lower_lip": 13}
SOFT = 5.0
"""Sigma, in pixels of the crop, by which an edge is softened; only what is inside stays (FaceFusion's)."""


class Occluder:
    """XSeg: 1 where the face is seen, 0 where something lies before it. Safe to share between threads."""

    def __init__(self, lease: Lease, facts: Mapping[str, Any]) -> None:
        self._lease = lease
        self.crop = crop_facts(facts, lease.name)

    def masks(self, crops: Sequence[Pixels]) -> list[Mask]:
        """(S, S) float32 0..1 for each (S, S, 3) BGR crop, as the network gives them. Raises ModelError."""
        if not crops:
            return []
        made = self._lease.run_rows({self._lease.inputs[0].name: self.crop.encode(crops)})
        return list(np.clip(np.asarray(made[..., 0], np.float32), 0, 1))


def seen_by_all(votes: Sequence[Mask]) -> Mask:
    """One occluder's mask, or those of several that vote: a pixel is the face's where all of them say so. With a soft
    edge."""
    return softened(np.minimum.reduce(list(votes)))


class Parser:
    """BiSeNet: which of the classes each pixel is. Safe to share between threads."""

    def __init__(self, lease: Lease, facts: Mapping[str, Any]) -> None:
        self._lease = lease
        self.crop = crop_facts(facts, lease.name)

    def labels(self, crops: Sequence[Pixels]) -> list[NDArray[np.uint8]]:
        """(S, S) uint8 for each (S, S, 3) BGR crop. Raises ModelError."""
        if not crops:
            return []
        made = self._lease.run_rows({self._lease.inputs[0].name: self.crop.encode(crops)})
        return list(made.argmax(axis=1).astype(np.uint8))


def region_mask(labels: NDArray[np.uint8], names: Collection[str]) -> Mask:
    """(S, S) float32: the regions of these names (see `REGIONS`), with a soft edge. Raises KeyError for another name.
    """
    return softened(np.isin(labels, [REGIONS[name] for name in names]).astype(np.float32))


def softened(mask: Mask) -> Mask:
    """With an edge that falls off inside: outside the mask stays 0."""
    blurred = cv2.GaussianBlur(mask, (0, 0), SOFT)
    return np.asarray((np.clip(blurred, 0.5, 1) - 0.5) * 2, np.float32)
