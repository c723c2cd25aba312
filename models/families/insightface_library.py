"""insightface's own classes on leased models: the oracle of our families, and the plain way to swap that the bench
compares with."""

from __future__ import annotations

import io
import warnings
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from models.arrays import Embedding, Pixels
from models.sessions import SessionManager


def library_detector(sessions: SessionManager, source: Path | bytes) -> Any:
    """insightface's SCRFD; its `detect(picture)` gives (N, 5) boxes with scores and (N, 5, 2) points."""
    from insightface.model_zoo.scrfd import SCRFD

    return SCRFD(session=sessions.lease(source, name="insightface det_10g").adapter())


def library_recogniser(sessions: SessionManager, path: Path) -> Any:
    """insightface's ArcFaceONNX. It reads the file once more, to guess its input's range."""
    from insightface.model_zoo.arcface_onnx import ArcFaceONNX

    return ArcFaceONNX(str(path), sessions.lease(path, name="insightface w600k_r50").adapter())


def library_swapper(sessions: SessionManager, path: Path) -> Any:
    """insightface's INSwapper. It reads the file once more, for the map of descriptors, and prints a line."""
    from insightface.model_zoo.inswapper import INSwapper

    with redirect_stdout(io.StringIO()):
        return INSwapper(str(path), sessions.lease(path, name="insightface inswapper_128").adapter())


class PlainSwap:
    """What people write with insightface: find the faces, know them, swap each, paste it back."""

    def __init__(self, sessions: SessionManager, detector: Path, recogniser: Path, swapper: Path) -> None:
        self._detector = library_detector(sessions, detector)
        self._recogniser = library_recogniser(sessions, recogniser)
        self._swapper = library_swapper(sessions, swapper)

    def swap(self, picture: Pixels, source: Embedding) -> Pixels:
        """The BGR uint8 picture with the source (a descriptor of the recogniser) on every face."""
        from insightface.app.common import Face

        wanted = Face(embedding=np.asarray(source, np.float32))
        boxes, points = self._detector.detect(picture)
        with warnings.catch_warnings():
            # Its alignment calls what scikit-image has deprecated; it is theirs to change.
            warnings.simplefilter("ignore", FutureWarning)
            for box, five in zip(boxes, points, strict=True):
                face = Face(bbox=box[:4], kps=five, det_score=box[4])
                self._recogniser.get(picture, face)
                picture = self._swapper.get(picture, face, wanted, paste_back=True)
        return picture
