"""Who somebody is, in numbers, by networks that look at an aligned face of 112 pixels: ArcFace (Deng et al., CVPR 2019)
as the files w600k_r50 and w600k_mbf give it, and SFace (Zhong et al., IEEE TIP 2021) of OpenCV's collection.

In: (N, 3, 112, 112) float32, RGB, (x - mean) / scale, aligned to the template `arcface_112`. Out: (N, D).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from models.arrays import Embedding, Pixels
from models.errors import ModelError
from models.face import Face, five_points
from models.geometry import similarity
from models.sessions import Lease
from models.templates import ARCFACE_112

SIDE = 112


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class KnowingFacts:
    """mean, scale: (x - mean) / scale of 0..255 goes in. cosine: of two descriptors, from which on they are one
    person's; insightface's own example takes 0.28 for ArcFace."""

    mean: float = 127.5
    scale: float = 127.5
    cosine: float = 0.28


_FACTS: TypeAdapter[KnowingFacts] = TypeAdapter(KnowingFacts)


class ArcfaceRecogniser:
    """A Recogniser on one leased model. Safe to share between threads. facts: the catalogue's; those of ArcFace are
    the defaults. name: of the model; descriptors of two models are never compared."""

    def __init__(self, lease: Lease, facts: Mapping[str, Any] = {}, *, name: str = "arcface-w600k-r50") -> None:
        self.name = name
        self._lease = lease
        self._facts = _FACTS.validate_python(dict(facts))
        # Between unit vectors the distance is the root of 2 - 2 cosines.
        self.same_person = float(np.sqrt(2 - 2 * self._facts.cosine))

    def embed(self, picture: Pixels, faces: Sequence[Face]) -> list[Embedding]:
        """See `models.interfaces.Recogniser`: unit vectors; all faces in one run where the network allows it. Raises
        ModelError (`MODEL.CONTRACT`) where the model does not look at aligned faces."""
        if not faces:
            return []
        port = self._lease.inputs[0]
        if tuple(port.shape[1:]) != (3, SIDE, SIDE):
            raise ModelError(f"The model {self._lease.name} is no ArcFace.", subject=self._lease.name,
                             code="MODEL.CONTRACT", remedy="Choose w600k_r50.onnx.")
        found = self.describe([aligned(picture, face) for face in faces])
        return list(found / np.linalg.norm(found, axis=1, keepdims=True))

    def describe(self, crops: Sequence[Pixels]) -> NDArray[np.float64]:
        """(N, 512) as the network gives them, of any length, for aligned crops (see `aligned`): all in one run."""
        mean = self._facts.mean
        blob = cv2.dnn.blobFromImages(crops, 1 / self._facts.scale, (SIDE, SIDE), (mean, mean, mean), swapRB=True)
        return np.asarray(self._lease.run_rows({self._lease.inputs[0].name: np.asarray(blob)}), np.float64)


def aligned(picture: Pixels, face: Face) -> Pixels:
    """(112, 112, 3) BGR: the face as these networks were trained on it; black beyond the picture's edge."""
    matrix = similarity(five_points(face.points), ARCFACE_112 * SIDE)
    return np.asarray(cv2.warpAffine(picture, matrix, (SIDE, SIDE)))
