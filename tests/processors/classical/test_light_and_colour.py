"""Relighting, colour, texture: the new face takes on what the picture has."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from models.arrays import Pixels
from models.face import Face
from processors.batches import Patch
from processors.classical.filters import luminance, spread
from processors.enhancers.detail import match_texture
from tests.processors.classical.conftest import Cropping, mask_of, masked, refined, swapped


def side_lit(picture: Pixels, face: Face, strength: float) -> Pixels:
    away = (np.arange(picture.shape[1], dtype=np.float32) - face.points[30, 0]) / face.eye_distance
    ramp = 1 + strength * np.clip(away, -1, 1)[None, :, None]
    return np.asarray(np.clip(picture * ramp * 0.7, 0, 255), np.uint8)


def test_the_light_of_the_target_falls_on_the_new_face(six_people: Pixels, six_faces: list[Face], astronaut: Pixels,
                                                       astronaut_face: Face, cropping: Cropping) -> None:
    target = cropping(side_lit(astronaut, astronaut_face, 0.6), astronaut_face)
    source = cropping(six_people, six_faces[2])
    correlations = []
    for light in (0.0, 1.0):
        done = masked(swapped(target, source, light=light))
        inside = cv2.erode(mask_of(done), np.ones((13, 13), np.uint8)) > 0.9
        low = [np.asarray(cv2.GaussianBlur(luminance(p), (0, 0), 12))[inside] for p in (target.pixels, done.pixels)]
        correlations.append(np.corrcoef(low[0], low[1])[0, 1])
    assert correlations[1] > 0.9
    assert correlations[1] > correlations[0] + 0.2


def test_a_grey_picture_stays_grey(hopper: Pixels, hopper_face: Face, astronaut: Pixels, astronaut_face: Face,
                                   cropping: Cropping) -> None:
    grey = cv2.cvtColor(cv2.cvtColor(astronaut, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    done = swapped(cropping(grey, astronaut_face), cropping(hopper, hopper_face))
    assert np.ptp(done.pixels.astype(int), axis=2).max() <= 3


def test_a_grey_photo_takes_on_skin_colour(hopper: Pixels, hopper_face: Face, astronaut: Pixels, astronaut_face: Face,
                                           cropping: Cropping) -> None:
    grey = cv2.cvtColor(cv2.cvtColor(hopper, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    target = cropping(astronaut, astronaut_face)
    done = masked(swapped(target, cropping(grey, hopper_face)))
    inside = mask_of(done) > 0.9
    difference = target.pixels[inside].astype(float).mean(axis=0) - done.pixels[inside].mean(axis=0)
    assert np.abs(difference).max() < 12


def test_spreading_keeps_what_has_weight_and_fills_what_has_none() -> None:
    plane = np.full((60, 60), 100, np.float32)
    plane[20:40, 20:40] = 0
    weight = (plane > 0).astype(np.float32)
    assert np.abs(spread(plane, weight, 5.0) - 100).max() < 2


def test_texture_gets_the_energy_that_was_there() -> None:
    rng = np.random.default_rng(5)
    smooth = np.full((120, 120, 3), 128, np.float32)
    grainy = smooth + rng.normal(0, 6, (120, 120, 1)).astype(np.float32)
    skin, feature = np.ones((120, 120), bool), np.zeros((120, 120), np.float32)

    def fine(picture: Pixels) -> float:
        y = luminance(picture)
        return float((y - cv2.GaussianBlur(y, (0, 0), 1.0)).std())

    for given, wanted in ((smooth, grainy), (grainy, smooth + (grainy - smooth) * 0.4)):
        made = match_texture(given, wanted, skin, feature, 90.0, 1.0, 1.0, np.random.default_rng(0))
        assert 0.6 < fine(made) / fine(wanted) < 1.35
    assert np.abs(match_texture(smooth, smooth, skin, feature, 90.0, 1.0, 1.0, rng) - smooth).max() < 0.01


def test_detail_smooths_and_sharpens_a_face_that_nobody_swapped(astronaut: Pixels, astronaut_face: Face,
                                                               cropping: Cropping) -> None:
    crop = cropping(astronaut, astronaut_face)
    plain = Patch(crop, crop.pixels)
    fine = {}
    for name, smooth, sharpen in (("smooth", 1.0, 0.0), ("sharpen", 0.0, 1.0)):
        made = refined(plain, match=0, grain=0, smooth=smooth, sharpen=sharpen).pixels
        y = luminance(made)[90:150, 90:150]
        fine[name] = float((y - cv2.GaussianBlur(y, (0, 0), 1.0)).std())
        assert np.array_equal(made[:10], crop.pixels[:10])
    y = luminance(crop.pixels)[90:150, 90:150]
    assert fine["smooth"] < float((y - cv2.GaussianBlur(y, (0, 0), 1.0)).std()) < fine["sharpen"]


def test_grain_is_the_same_for_the_same_seed(hopper: Pixels, hopper_face: Face, astronaut: Pixels,
                                             astronaut_face: Face, cropping: Cropping) -> None:
    patch = swapped(cropping(hopper, hopper_face), cropping(astronaut, astronaut_face))
    assert np.array_equal(refined(patch, seed=3).pixels, refined(patch, seed=3).pixels)
    assert not np.array_equal(refined(patch, seed=3).pixels, refined(patch, seed=4).pixels)
    assert np.array_equal(refined(replace(patch), match=0, grain=0).pixels, patch.pixels)
