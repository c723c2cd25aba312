"""insightface's own classes: the oracle of our families, and the plain way to swap that the bench compares with."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from models.arrays import Embedding, Pixels, Points
from models.runtime import plain_session
from models.sessions import SessionAdapter, SessionManager


def library_detector(path: Path, sessions: SessionManager | None = None) -> Any:
    """insightface's SCRFD; its `detect(picture)` gives (N, 5) boxes with scores and (N, 5, 2) points.

    sessions: where its network runs; None: in a session of its own, with ONNX Runtime's own settings.
    """
    from insightface.model_zoo.scrfd import SCRFD

    return SCRFD(str(path)) if sessions is None else SCRFD(session=_adapter(path, sessions))


def library_recogniser(path: Path, sessions: SessionManager | None = None) -> Any:
    """insightface's ArcFaceONNX; `get(picture, face)` gives (512,). It reads the file itself, whoever runs it."""
    from insightface.model_zoo.arcface_onnx import ArcFaceONNX

    return ArcFaceONNX(str(path), _adapter(path, sessions))


def library_landmarker(path: Path, sessions: SessionManager | None = None) -> Any:
    """insightface's Landmark; `get(picture, face)` gives (106, 2). It reads the file itself, whoever runs it."""
    from insightface.model_zoo.landmark import Landmark

    return Landmark(str(path), _adapter(path, sessions))


def library_attributes(path: Path, sessions: SessionManager | None = None) -> Any:
    """insightface's Attribute; `get(picture, face)` gives the sex (1 is male) and the age. It reads the file itself,
    whoever runs it."""
    from insightface.model_zoo.attribute import Attribute

    return Attribute(str(path), _adapter(path, sessions))


def library_swapper(path: Path, sessions: SessionManager | None = None) -> Any:
    """insightface's INSwapper. It reads the file itself, whoever runs it, and prints a line."""
    from insightface.model_zoo.inswapper import INSwapper

    with redirect_stdout(io.StringIO()):
        return INSwapper(str(path), _adapter(path, sessions))


def _adapter(path: Path, sessions: SessionManager | None) -> SessionAdapter | None:
    return None if sessions is None else sessions.lease(path, name=f"insightface {path.name}").adapter()


class LibraryCalls:
    """One call of each of insightface's classes, on sessions of their own with ONNX Runtime's own settings.

    providers: where, as `models.runtime.plain_session` takes them."""

    def __init__(self, detector: Path, recogniser: Path, swapper: Path, providers: Sequence[Any]) -> None:
        from insightface.model_zoo.arcface_onnx import ArcFaceONNX
        from insightface.model_zoo.inswapper import INSwapper
        from insightface.model_zoo.scrfd import SCRFD

        self._detector = SCRFD(session=plain_session(detector, providers))
        self._recogniser = ArcFaceONNX(str(recogniser), plain_session(recogniser, providers))
        with redirect_stdout(io.StringIO()):
            self._swapper = INSwapper(str(swapper), plain_session(swapper, providers))

    def detect(self, picture: Pixels) -> int:
        """How many faces there are."""
        return len(self._detector.detect(picture)[0])

    def embed(self, picture: Pixels, five: Points) -> Embedding:
        """Who the face with these five points is, (512,)."""
        from insightface.app.common import Face

        with _quiet():
            return np.asarray(self._recogniser.get(picture, Face(kps=np.asarray(five, np.float32))), np.float64)

    def swap(self, picture: Pixels, five: Points, source: Embedding) -> Pixels:
        """The aligned crop (128, 128, 3) with the source's face, not pasted back."""
        from insightface.app.common import Face

        with _quiet():
            found, _ = self._swapper.get(picture, Face(kps=np.asarray(five, np.float32)),
                                         Face(embedding=np.asarray(source, np.float32)), paste_back=False)
        return np.asarray(found)


class PlainSwap:
    """What people write with insightface: find the faces, know them, swap each, paste it back. Its networks run as the
    library runs them."""

    def __init__(self, detector: Path, recogniser: Path, swapper: Path) -> None:
        self._detector = library_detector(detector)
        self._recogniser = library_recogniser(recogniser)
        self._swapper = library_swapper(swapper)

    def descriptor(self, picture: Pixels, five: Points) -> Embedding:
        """Who the face with these five points is, (512,)."""
        from insightface.app.common import Face

        with _quiet():
            return np.asarray(self._recogniser.get(picture, Face(kps=np.asarray(five, np.float32))), np.float64)

    def swap(self, picture: Pixels, source: Embedding) -> Pixels:
        """The BGR uint8 picture with the source (a descriptor) on every face."""
        from insightface.app.common import Face

        wanted = Face(embedding=np.asarray(source, np.float32))
        boxes, points = self._detector.detect(picture)
        with _quiet():
            for box, five in zip(boxes, points, strict=True):
                face = Face(bbox=box[:4], kps=five, det_score=box[4])
                self._recogniser.get(picture, face)
                picture = self._swapper.get(picture, face, wanted, paste_back=True)
        return picture


@contextmanager
def _quiet() -> Iterator[None]:
    """insightface's alignment calls what scikit-image has deprecated; it is theirs to change."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield
