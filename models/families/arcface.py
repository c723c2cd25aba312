"""ArcFace (Deng et al., CVPR 2019): who somebody is, in 512 numbers, as the file w600k_r50 gives them.

In: `input`, (N, 3, 112, 112) float32, RGB, x / 127.5 - 1, aligned to the template `arcface_112`. Out: (N, 512).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Embedding, Pixels
from models.errors import ModelError
from models.face import Face, five_points
from models.geometry import similarity
from models.sessions import Lease
from models.templates import ARCFACE_112

SIDE = 112
HALF = 127.5


class ArcfaceRecogniser:
    """A Recogniser on one leased model. Safe to share between threads."""

    name = "arcface-w600k-r50"
    # insightface's own example takes a cosine above 0.28 for the same person: between unit vectors a distance of 1.2.
    same_person = float(np.sqrt(2 - 2 * 0.28))

    def __init__(self, lease: Lease) -> None:
        self._lease = lease

    def embed(self, picture: Pixels, faces: Sequence[Face]) -> list[Embedding]:
        """See `models.interfaces.Recogniser`: unit vectors, (512,) each; all faces in one run. Raises ModelError
        (`MODEL.CONTRACT`) where the model is no ArcFace."""
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
        blob = cv2.dnn.blobFromImages(crops, 1 / HALF, (SIDE, SIDE), (HALF, HALF, HALF), swapRB=True)
        return np.asarray(self._lease.run_rows({self._lease.inputs[0].name: np.asarray(blob)}), np.float64)


def aligned(picture: Pixels, face: Face) -> Pixels:
    """(112, 112, 3) BGR: the face as ArcFace was trained on it; black beyond the picture's edge."""
    matrix = similarity(five_points(face.points), ARCFACE_112 * SIDE)
    return np.asarray(cv2.warpAffine(picture, matrix, (SIDE, SIDE)))
