"""Crops and chains of the classical swap."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from models.arrays import Mask, Pixels
from models.face import Face
from models.interfaces import FaceStack, Search
from pipeline.crops import cut
from pipeline.frame import Frame
from processors.batches import Crop, Native, Patch, SourceFace
from processors.classical import MARGIN
from processors.context import Context
from processors.enhancers.detail import Detail
from processors.masks.hull import Hull
from processors.masks.occlusion import Occlusion
from processors.swappers.geometric import Geometric

Cropping = Callable[[Pixels, Face], Crop]


@pytest.fixture(scope="session")
def cropping() -> Cropping:
    return lambda picture, face: cut(Frame(picture), face, Native(MARGIN))


def faces_of(picture: Pixels, stack: FaceStack) -> list[Face]:
    return stack.landmarker.landmarks(picture, stack.detector.detect(picture, Search()))


@pytest.fixture(scope="session")
def hopper_face(hopper: Pixels, stack: FaceStack) -> Face:
    return faces_of(hopper, stack)[0]


@pytest.fixture(scope="session")
def six_faces(six_people: Pixels, stack: FaceStack) -> list[Face]:
    found = sorted(faces_of(six_people, stack), key=lambda face: face.centre)
    assert len(found) == 6
    return found


def swapped(crop: Crop, source: Crop, **params: float) -> Patch:
    return Geometric().process((Patch(crop, crop.pixels, sources=(SourceFace(source),)),),
                               Geometric.Params(**params), Context())[0]


def masked(patch: Patch) -> Patch:
    """Hull and occlusion, with their defaults."""
    return Occlusion().process(Hull().process((patch,), Hull.Params(), Context()), Occlusion.Params(), Context())[0]


def refined(patch: Patch, seed: int = 0, **params: float) -> Patch:
    ctx = Context(random=np.random.default_rng(seed))
    return Detail().process((patch,), Detail.Params(**params), ctx)[0]


def mask_of(patch: Patch) -> Mask:
    assert patch.mask is not None
    return patch.mask
