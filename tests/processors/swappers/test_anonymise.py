"""Nobody may be known again, at any setting."""

from typing import Any

import cv2
import numpy as np
import pytest

from models.arrays import Embedding, Pixels
from models.face import Face
from models.interfaces import FaceStack, Search
from pipeline.crops import cut, lay
from pipeline.frame import Frame
from processors.batches import Patch
from processors.blenders.feather import Feather
from processors.context import Context
from processors.swappers.anonymise import AnonymiseSwapper, head_mask, head_unit
from tests.conftest import package_file, read_bgr

Known = tuple[Pixels, list[Face], list[Embedding]]
"""A picture, its faces, their descriptors."""


@pytest.fixture(scope="module")
def known(astronaut: Pixels, hopper: Pixels, six_people: Pixels, stack: FaceStack) -> list[Known]:
    """(picture, faces, descriptors) of nine people."""
    actor = read_bgr(package_file("insightface", "data/images/Tom_Hanks_54745.png"))
    found = []
    for picture in (astronaut, hopper, six_people, actor):
        faces = stack.landmarker.landmarks(picture, stack.detector.detect(picture, Search()))
        found.append((picture, faces, stack.recogniser.embed(picture, faces)))
    assert [len(faces) for _, faces, _ in found] == [1, 1, 6, 1]
    return found


def covered(picture: Pixels, faces: list[Face], softness: float = 0.14, **params: Any) -> Pixels:
    """The picture with all faces anonymised, laid in with a soft edge."""
    swapper, settings, ctx = AnonymiseSwapper(), AnonymiseSwapper.Params(**params), Context()
    draft = Frame(picture).edit()
    for face in faces:
        crop = cut(draft.frame, face, swapper.needs(settings).crop)
        (patch,) = swapper.process((Patch(crop, crop.pixels),), settings, ctx)
        assert patch.exact
        (region,) = Feather().process((lay(draft.frame, patch, True),), Feather.Params(softness=softness), ctx)
        draft.write(region.rect, region.pixels, region.mask)
    return draft.frame.samples


@pytest.mark.parametrize("settings", [
    {"style": "blur", "strength": 0.0}, {"style": "blur", "strength": 1.0},
    {"style": "pixelate", "strength": 0.0}, {"style": "pixelate", "strength": 0.5}, {"style": "solid"},
    {"style": "blur", "strength": 0.0, "softness": 0.5},
])
def test_nobody_is_recognised(settings: dict[str, Any], known: list[Known], stack: FaceStack) -> None:
    """Neither where the detector still finds a face, nor by somebody who knows where every point was."""
    for picture, faces, descriptors in known:
        result = covered(picture, faces, **settings)
        again = stack.landmarker.landmarks(result, stack.detector.detect(result, Search(small=True)))
        for descriptor in stack.recogniser.embed(result, again):
            assert min(np.linalg.norm(descriptor - one) for one in descriptors) > stack.recogniser.same_person
        for descriptor, one in zip(stack.recogniser.embed(result, faces), descriptors, strict=True):
            assert np.linalg.norm(descriptor - one) > stack.recogniser.same_person


def test_sharpening_a_blurred_face_brings_nothing_back(known: list[Known], stack: FaceStack) -> None:
    """Strong unsharp masking at the blur's own width, the plain attack on a blur."""
    picture, faces, descriptors = known[1]
    result = covered(picture, faces, style="blur", strength=0.0).astype(np.float32)
    sigma = 0.25 * faces[0].eye_distance
    for amount in (2, 8):
        sharper = result + amount * (result - cv2.GaussianBlur(result, (0, 0), sigma))
        (descriptor,) = stack.recogniser.embed(np.clip(sharper, 0, 255).astype(np.uint8), faces)
        assert np.linalg.norm(descriptor - descriptors[0]) > stack.recogniser.same_person


def test_the_covered_pixels_hold_no_more_than_the_cells_means(astronaut: Pixels, astronaut_face: Face) -> None:
    """No more colours than cells, each over its cell alone."""
    settings = AnonymiseSwapper.Params(style="pixelate", strength=0.0)
    crop = cut(Frame(astronaut), astronaut_face, AnonymiseSwapper().needs(settings).crop)
    (patch,) = AnonymiseSwapper().process((Patch(crop, crop.pixels),), settings, Context())
    cell = 0.36 * head_unit(crop.points)
    colours = {tuple(c) for c in patch.pixels.reshape(-1, 3)}
    height, width = crop.pixels.shape[:2]
    assert len(colours) <= round(width / cell) * round(height / cell)


def test_the_whole_head_is_covered(astronaut: Pixels, astronaut_face: Face) -> None:
    needs = AnonymiseSwapper().needs(AnonymiseSwapper.Params(size=1.6))
    crop = cut(Frame(astronaut), astronaut_face, needs.crop)
    for size in (1.0, 1.6):
        mask = head_mask(crop, size)
        unit = head_unit(crop.points)
        edge = cv2.distanceTransform((mask > 0).astype(np.uint8), cv2.DIST_L2, 5)
        columns, rows = np.rint(crop.points).astype(int).T
        assert edge[rows, columns].min() > 0.25 * unit
        # The crown: two thirds of brow-to-chin over the brows.
        up = crop.points[17:27].mean(axis=0) - crop.points[8]
        x, y = np.rint(crop.points[17:27].mean(axis=0) + 0.67 * up).astype(int)
        assert edge[y, x] > 0.25 * unit
        # The crop holds the mask: it ends inside, not at the crop's border.
        assert not mask[0].any()
        assert not mask[:, 0].any()
        assert not mask[:, -1].any()


def test_deep_pictures_stay_float_and_equal_eight_bits_to_a_level(astronaut: Pixels, astronaut_face: Face) -> None:
    for style in ("blur", "pixelate", "solid"):
        settings = AnonymiseSwapper.Params(style=style)
        crop = cut(Frame(astronaut), astronaut_face, AnonymiseSwapper().needs(settings).crop)
        deep = cut(Frame(astronaut.astype(np.uint16) * 257), astronaut_face, AnonymiseSwapper().needs(settings).crop)
        one, other = (AnonymiseSwapper().process((Patch(c, c.pixels),), settings, Context())[0].pixels
                      for c in (crop, deep))
        assert (one.dtype, other.dtype) == (np.dtype(np.uint8), np.dtype(np.float32))
        assert np.abs(one - other).max() < 1.1


def test_solid_is_the_colour_that_was_asked_for(astronaut: Pixels, astronaut_face: Face) -> None:
    result = covered(astronaut, [astronaut_face], style="solid", colour="#102030")
    x, y = (round(v) for v in astronaut_face.centre)
    assert result[y, x].tolist() == [0x30, 0x20, 0x10]
