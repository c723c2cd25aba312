"""Measuring whole pictures: faces by dlib, counts to the pixel."""

import cv2
import numpy as np
import pytest

from models.arrays import Pixels
from models.errors import InputError, NoFace
from models.face import Box, Face
from models.interfaces import FaceStack
from pipeline.frame import Frame
from pipeline.measure import measure_pair
from pipeline.measure.areas import share_out
from pipeline.measure.pair import changed_outside, find_faces


@pytest.fixture(scope="module")
def portrait(astronaut: Pixels) -> Frame:
    """The astronaut's head and shoulders, 300 x 280."""
    return Frame(np.ascontiguousarray(astronaut[:280, 100:400]))


def test_a_picture_against_itself(stack: FaceStack, portrait: Frame) -> None:
    measured = measure_pair([portrait], portrait, portrait, stack)
    (face,) = measured.faces
    assert face.found_after
    assert face.identity_to_source == face.identity_to_target == face.nme == face.seam == 0
    assert face.light == pytest.approx(1)
    assert face.sharpness == pytest.approx(1)
    assert (measured.recogniser, measured.outside.rule, measured.outside.pixels) == ("dlib-resnet-v1", "hull", 0)
    assert '"identity_to_source": 0.0' in measured.to_json()
    assert "below 0.6 is the same person" in measured.to_text()


def test_a_shifted_face_has_the_shift_as_its_nme(stack: FaceStack, portrait: Frame) -> None:
    moved = Frame(cv2.warpAffine(portrait.samples, np.array([[1, 0, 6], [0, 1, 0]], np.float32), (300, 280),
                                 borderMode=cv2.BORDER_REPLICATE))
    (face,) = measure_pair([], portrait, moved, stack).faces
    assert face.nme == pytest.approx(6 / face.eye_distance, rel=0.1)
    assert face.identity_to_source is None


def test_a_destroyed_face_is_measured_where_it_was(stack: FaceStack, portrait: Frame) -> None:
    samples = portrait.samples.copy()
    samples[:] = 128
    (face,) = measure_pair([portrait], portrait, Frame(samples), stack).faces
    assert not face.found_after
    assert face.identity_to_source is not None
    assert face.light is None


def test_pixels_changed_outside_a_mask_are_counted_exactly(stack: FaceStack, portrait: Frame) -> None:
    samples = portrait.samples.copy()
    samples[5, 10:27, 1] ^= 64
    samples[60, 50:60] ^= 1
    mask = np.zeros((280, 300), np.float32)
    mask[55:65, 50:55] = 0.01
    outside = changed_outside(portrait, Frame(samples), [], mask)
    assert (outside.rule, outside.pixels, outside.largest) == ("mask", 17 + 5, 64)
    assert outside.share == pytest.approx(22 / (280 * 300 - 50))


def test_without_a_recipe_the_grown_hull_is_what_may_change(stack: FaceStack, portrait: Frame) -> None:
    faces = find_faces(portrait, stack)
    below = faces[0].points[:, 1].max() + 0.5 * faces[0].eye_distance
    chin = int(faces[0].points[8, 0])
    samples = portrait.samples.copy()
    samples[int(below) - 3, chin] ^= 1
    assert changed_outside(portrait, Frame(samples), faces, None).pixels == 0
    samples[int(below) + 3, chin] ^= 1
    assert changed_outside(portrait, Frame(samples), faces, None).pixels == 1


def test_changes_of_alpha_and_of_16_bit_samples_count() -> None:
    deep = np.full((20, 20, 3), 30000, np.uint16)
    alpha = np.full((20, 20), 65535, np.uint16)
    changed, thinner = deep.copy(), alpha.copy()
    changed[1, 1, 2] += 1
    thinner[2, 2] -= 5
    outside = changed_outside(Frame(deep, alpha), Frame(changed, thinner), [], np.zeros((20, 20), np.float32))
    assert (outside.pixels, outside.largest) == (2, 5)
    rounded = Frame((deep // 257).astype(np.uint8))
    assert changed_outside(Frame(deep), rounded, [], np.zeros((20, 20), np.float32)).pixels == 400


def test_masks_go_to_the_nearest_face() -> None:
    faces = [Face(Box(0, 0, 1, 1), 1.0, np.repeat([[x, 50.0]], 68, axis=0) + _eyes(10)) for x in (30.0, 70.0)]
    shares = share_out(np.ones((100, 100), np.float32), faces)
    assert shares[0][50, 20] == 1
    assert shares[1][50, 20] == 0
    assert shares[1][50, 80] == 1
    assert (shares[0] + shares[1]).max() == 1
    assert shares[0][0, 0] + shares[1][0, 0] == 0


def _eyes(distance: float) -> np.ndarray:
    offsets = np.zeros((68, 2))
    offsets[45, 0] = distance
    return offsets


def test_pictures_of_different_size_or_without_faces_are_refused(stack: FaceStack, portrait: Frame) -> None:
    smaller = Frame(portrait.samples[:-1])
    with pytest.raises(InputError) as size:
        measure_pair([], portrait, smaller, stack)
    assert size.value.code == "MEASURE.SIZE"
    grey = Frame(np.full((200, 200, 3), 90, np.uint8))
    with pytest.raises(NoFace):
        measure_pair([], grey, grey, stack)
    with pytest.raises(NoFace, match="source photo 2"):
        measure_pair([portrait, grey], portrait, portrait, stack)


def test_with_nobody_to_measure_only_the_pixels_outside_count(stack: FaceStack, portrait: Frame) -> None:
    samples = portrait.samples.copy()
    samples[3, 4] ^= 1
    measured = measure_pair([], portrait, Frame(samples), stack, mask=np.zeros((280, 300), np.float32), faces=[])
    assert measured.faces == ()
    assert measured.outside.pixels == 1
