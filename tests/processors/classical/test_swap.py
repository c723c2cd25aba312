"""The whole of geometric, its masks and detail: what holds for every picture."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.arrays import Pixels
from models.face import Box, Face
from processors.batches import Crop, Patch, SourceFace
from processors.blenders.pyramid import blend_bands, feathered
from processors.classical.points import mirror_points
from processors.classical.sources import choose
from processors.context import Context
from processors.swappers.geometric import Geometric
from tests.processors.classical.conftest import Cropping, mask_of, masked, refined, swapped


@pytest.fixture(scope="session")
def source(astronaut: Pixels, astronaut_face: Face, cropping: Cropping) -> Crop:
    return cropping(astronaut, astronaut_face)


@pytest.fixture(scope="session")
def target(hopper: Pixels, hopper_face: Face, cropping: Cropping) -> Crop:
    return cropping(hopper, hopper_face)


def test_a_face_on_itself_stays_what_it_is(source: Crop) -> None:
    done = masked(swapped(source, source))
    inside = mask_of(done) > 0.9
    assert np.abs(done.pixels[inside].astype(int) - source.pixels[inside]).mean() < 4


def test_strength_nought_changes_nothing(source: Crop, target: Crop) -> None:
    assert Geometric().is_identity(Geometric.Params(strength=0))
    assert swapped(target, source, strength=0).pixels is target.pixels


def test_less_strength_changes_less(source: Crop, target: Crop) -> None:
    changes = [np.abs(swapped(target, source, strength=s).pixels.astype(int) - target.pixels).mean()
               for s in (0.25, 0.5, 1.0)]
    assert 0 < changes[0] < changes[1] < changes[2]


def test_the_same_goes_in_and_the_same_comes_out(source: Crop, target: Crop) -> None:
    fresh = replace(target, notes={})
    one, other = swapped(target, source), swapped(fresh, replace(source, notes={}))
    assert np.array_equal(one.pixels, other.pixels)
    assert np.array_equal(mask_of(masked(one)), mask_of(masked(other)))


def test_deep_pixels_agree_with_shallow_ones(source: Crop, target: Crop) -> None:
    deep = replace(target, pixels=target.pixels.astype(np.float32), notes={})
    made = swapped(deep, source)
    assert made.pixels.dtype == np.float32
    assert np.abs(made.pixels - swapped(target, source).pixels).max() <= 1


def test_what_comes_in_is_left_alone(source: Crop, target: Crop) -> None:
    before = target.pixels.copy(), source.pixels.copy()
    refined(masked(swapped(target, source)))
    assert np.array_equal(target.pixels, before[0])
    assert np.array_equal(source.pixels, before[1])


def test_the_photo_that_is_turned_alike_is_chosen(six_people: Pixels, six_faces: list[Face], target: Crop,
                                                  cropping: Cropping) -> None:
    frontal, turned = cropping(six_people, six_faces[0]), cropping(six_people, six_faces[4])
    assert choose((SourceFace(turned), SourceFace(frontal)), target).crop is frontal
    assert choose((SourceFace(turned), SourceFace(frontal)), turned).crop is turned


def test_a_photo_turned_the_other_way_is_mirrored(six_people: Pixels, six_faces: list[Face],
                                                 cropping: Cropping) -> None:
    crop = cropping(six_people, six_faces[1])
    other = replace(crop, pixels=np.ascontiguousarray(crop.pixels[:, ::-1]),
                    points=mirror_points(crop.points, crop.pixels.shape[1]), notes={})
    assert choose((SourceFace(other),), crop).mirrored
    assert not choose((SourceFace(crop),), crop).mirrored


def test_a_turned_face_is_remarked_upon_in_words(six_people: Pixels, six_faces: list[Face], source: Crop,
                                                cropping: Cropping) -> None:
    remarks = swapped(cropping(six_people, six_faces[4]), source).remarks
    yaw = next(remark for remark in remarks if remark.code == "POSE.YAW")
    assert yaw.values["degrees"] > 20
    assert str(int(yaw.values["degrees"])) in yaw.words


@pytest.mark.parametrize("factor", [0.15, 0.4, 4.0], ids=["tiny", "small", "huge"])
def test_every_size_of_face_works(hopper: Pixels, hopper_face: Face, source: Crop, cropping: Cropping,
                                  factor: float) -> None:
    flags = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    picture = cv2.resize(hopper, None, fx=factor, fy=factor, interpolation=flags)
    crop = cropping(picture, replace(hopper_face, points=(hopper_face.points + 0.5) * factor - 0.5))
    done = refined(masked(swapped(crop, source)))
    assert np.isfinite(mask_of(done)).all()
    assert 0 <= mask_of(done).min() <= mask_of(done).max() <= 1
    assert mask_of(done).mean() > 0.05
    assert ("SIZE.TINY" in {r.code for r in done.remarks}) == (factor == 0.15)


@pytest.mark.parametrize("keep", [(0, 0, 262, 300), (200, 90, 512, 512), (0, 130, 512, 512), (0, 0, 512, 160)],
                         ids=["right side gone", "left side gone", "forehead gone", "chin gone"])
def test_faces_over_the_edge_change_only_what_is_inside(astronaut: Pixels, astronaut_face: Face, target: Crop,
                                                       cropping: Cropping, keep: tuple[int, int, int, int]) -> None:
    x0, y0, x1, y1 = keep
    face = replace(astronaut_face, points=astronaut_face.points - (x0, y0))
    crop = cropping(np.ascontiguousarray(astronaut[y0:y1, x0:x1]), face)
    assert crop.inside is not None
    done = refined(masked(swapped(crop, target)))
    assert mask_of(done)[crop.inside == 0].max() == 0
    assert mask_of(done).max() > 0.9
    masked(swapped(target, crop))  # and as a source


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**31), st.sampled_from([0.0, 4.0, 40.0]), st.booleans())
def test_no_points_however_odd_break_it(target: Crop, seed: int, noise: float, collapse: bool) -> None:
    rng = np.random.default_rng(seed)
    points = target.points + rng.normal(0, noise, (68, 2))
    if collapse:
        points[:, rng.integers(2)] = 60.0
    face = Face(Box(0, 0, 10, 10), 1.0, points)
    odd = Crop(rng.integers(0, 256, target.pixels.shape, np.uint8), target.matrix, points, face)
    for one, other in ((odd, target), (target, odd)):
        done = refined(masked(swapped(one, other)))
        assert np.isfinite(mask_of(done)).all()


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_picture_is_survived(target: Crop, level: int) -> None:
    flat = replace(target, pixels=np.full_like(target.pixels, level), notes={})
    for one, other in ((flat, target), (target, flat)):
        assert np.isfinite(mask_of(masked(refined(swapped(one, other))))).all()


def test_no_sources_no_swap(target: Crop) -> None:
    patch = Patch(target, target.pixels)
    assert Geometric().process((patch,), Geometric.Params(), Context()) == (patch,)


def test_multiband_of_equal_pictures_is_that_picture(target: Crop) -> None:
    alpha = np.random.default_rng(0).random(target.pixels.shape[:2], np.float32)
    assert np.array_equal(blend_bands(target.pixels, target.pixels, alpha, 4), target.pixels.astype(np.float32))


def test_the_feather_rises_inwards_and_keeps_thin_holes() -> None:
    mask = np.zeros((200, 200), np.float32)
    mask[20:180, 20:180] = 1
    mask[98:101] = 0
    alpha = feathered(mask, 100.0, 0.03, 0.14)
    assert alpha[22, 60] == 0
    assert 0.3 < alpha[30, 60] < 0.8
    assert alpha[60, 60] == 1
    assert alpha[99].max() == 0
    assert alpha[95, 100] == 1
