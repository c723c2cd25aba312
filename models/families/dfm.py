"""DFM: the files of DeepFaceLive. Each is one person's face, and takes a face of any other.

In: `in_face:0`, (N, S, S, 3) float32, BGR, x / 255, aligned to the template `dfl_whole_face`; in some files
`morph_value:0`, (1,) float32: how much of the person is taken, 0..1. Out: where the face that went in is, (N, S, S, 1);
the person's face, (N, S, S, 3); where that is, (N, S, S, 1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Mask, Pixels
from models.errors import ModelError
from models.families.crops import CropFacts, crop_facts
from models.sessions import Lease

FACE, MORPH = "in_face:0", "morph_value:0"
# FaceFusion's: how a mask is drawn in and made soft, so that its edge lies inside the face. Pixels of the crop.
ERODE, ERODED, SOFT = 3, 2, 6.25


class DfmSwapper:
    """A swapper on a leased model. Safe to share between threads. facts: the catalogue's, without the size, which is
    the file's own. Raises ModelError MODEL.CONTRACT where the file's face is not square or of no fixed size."""

    def __init__(self, lease: Lease, facts: Mapping[str, Any]) -> None:
        self._lease = lease
        given = dict(facts)
        self._sharpen, self._sigma = float(given.pop("sharpen")), float(given.pop("sigma"))
        self.crop: CropFacts = crop_facts({**given, "size": self._size()}, lease.name)

    def _size(self) -> int:
        face = next((port for port in self._lease.inputs if port.name == FACE), None)
        size = face.shape[1] if face is not None and len(face.shape) == 4 else None
        if face is None or not isinstance(size, int) or face.shape[2] != size:
            raise ModelError(f"{self._lease.name} takes no square face of a fixed size.", subject=self._lease.name,
                             code="MODEL.CONTRACT", remedy="Export it again, as DeepFaceLive does.")
        return size

    @property
    def morphs(self) -> bool:
        """Whether it takes how much of the person is wanted."""
        return any(port.name == MORPH for port in self._lease.inputs)

    def swap(self, crops: Sequence[Pixels], morph: float = 1.0) -> list[tuple[Pixels, Mask]]:
        """The person's face for each (S, S, 3) BGR crop, in its dtype, and where to lay it, (S, S) float32 0..1.
        morph: 0 (the face that is there) .. 1 (the person), where the file takes that. Raises ModelError."""
        if not crops:
            return []
        feeds: dict[str, NDArray[Any]] = {FACE: self.crop.encode([self._sharpened(crop) for crop in crops])}
        if self.morphs:
            feeds[MORPH] = np.array([morph], np.float32)
        there, faces, person = self._lease.run_all(feeds)
        side = self.crop.size
        masks = np.minimum(there.reshape(-1, side, side), person.reshape(-1, side, side))
        return list(zip(self.crop.decode(faces, crops[0].dtype), map(_drawn_in, masks), strict=True))

    def _sharpened(self, crop: Pixels) -> Pixels:
        blurred = cv2.GaussianBlur(crop, (0, 0), self._sigma)
        found = cv2.addWeighted(crop, 1 + self._sharpen, blurred, -self._sharpen, 0)
        return np.asarray(found if crop.dtype == np.uint8 else np.clip(found, 0, 255))


def _drawn_in(mask: NDArray[Any]) -> Mask:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (ERODE, ERODE))
    inside = cv2.erode(np.clip(mask, 0, 1).astype(np.float32), kernel, iterations=ERODED)
    return np.asarray(cv2.GaussianBlur(inside, (0, 0), SOFT), np.float32)
