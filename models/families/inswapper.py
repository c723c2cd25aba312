"""InSwapper: a face of 128 x 128 with somebody else's identity, as the file inswapper_128 does it.

In: `target`, (1, 3, 128, 128) float32, RGB, x / 255, aligned to the template `arcface_128`; `source`, (1, 512), an
ArcFace descriptor through the map that the file carries as its last initializer, of length 1. Out: as `target`, 0..1.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Embedding, Pixels
from models.errors import ModelError
from models.sessions import Lease

SIDE = 128


class Inswapper:
    """The swapper on one leased model. Safe to share between threads."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease

    @cached_property
    def emap(self) -> NDArray[np.float32]:
        """(512, 512): ArcFace's descriptors to the ones that this network was trained with."""
        import onnx
        from onnx import numpy_helper

        source = self._lease.source
        model = onnx.load_model_from_string(source) if isinstance(source, bytes) else onnx.load_model(str(source))
        last = model.graph.initializer[-1] if model.graph.initializer else None
        if last is None or list(last.dims) != [512, 512]:
            raise ModelError(f"The model {self._lease.name} is no InSwapper: its last initializer is not 512 x 512.",
                             subject=self._lease.name, code="MODEL.CONTRACT", remedy="Choose inswapper_128.onnx.")
        return np.asarray(numpy_helper.to_array(last), np.float32)

    def identity(self, embedding: Embedding) -> NDArray[np.float32]:
        """(1, 512) float32, what the network takes for a source. embedding: (512,) of ArcFace, of any length above 0.
        """
        mapped = (embedding / np.linalg.norm(embedding)).astype(np.float32)[None] @ self.emap
        return np.asarray(mapped / np.linalg.norm(mapped), np.float32)

    def swap(self, crops: Sequence[Pixels], identity: NDArray[np.float32]) -> list[Pixels]:
        """Each (128, 128, 3) BGR crop with the identity's face, in the crop's dtype (uint8, or float32 0..255)."""
        return [self._swap(crop, identity) for crop in crops]

    def _swap(self, crop: Pixels, identity: NDArray[np.float32]) -> Pixels:
        target = cv2.dnn.blobFromImage(crop, 1 / 255, (SIDE, SIDE), swapRB=True)
        made = self._lease.run({"target": np.asarray(target), "source": identity})[0][0]
        levels = np.clip(cv2.merge(made[::-1]), 0, 1) * np.float32(255)
        return np.ascontiguousarray(np.rint(levels) if crop.dtype == np.uint8 else levels, crop.dtype)
