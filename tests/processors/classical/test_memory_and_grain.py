"""What moves with a face in a clip: grain, and what was decided in the frames before."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from models.arrays import Pixels
from models.face import Face
from pipeline.crops import cut
from pipeline.frame import Frame
from processors.batches import Crop, Native
from processors.classical.grain import Anchor, noise_on
from processors.classical.memory import steady, steady_mask

# Turned by 3 degrees, nearer by 2 %, moved by parts of a pixel.
MOVE = np.vstack([cv2.getRotationMatrix2D((220, 150), 3, 1.02) + np.array([[0, 0, 2.3], [0, 0, -1.6]]), [0, 0, 1]])


def moved(face: Face) -> Face:
    points = face.points @ MOVE[:2, :2].T + MOVE[:2, 2]
    return replace(face, points=points)


def crop_of(picture: Pixels, face: Face) -> Crop:
    return cut(Frame(picture), face, Native(1.0))


def test_grain_moves_with_the_face(astronaut_face: Face) -> None:
    first = noise_on(Anchor.on(astronaut_face.points, 5), (300, 400))
    second = noise_on(Anchor.on(moved(astronaut_face).points, 5), (300, 400))
    brought = cv2.warpPerspective(first, MOVE, (400, 300), flags=cv2.INTER_CUBIC)
    window = np.s_[100:200, 170:270, 0]
    assert np.corrcoef(brought[window].ravel(), second[window].ravel())[0, 1] > 0.97
    assert abs(np.corrcoef(first[window].ravel(), second[window].ravel())[0, 1]) < 0.5


def test_grain_has_the_same_strength_at_every_size_and_is_new_for_another_seed(astronaut_face: Face) -> None:
    strengths = [float(noise_on(Anchor.on(astronaut_face.points * size, 5), (300, 300)).std())
                 for size in (0.5, 0.8, 1.0, 1.19, 1.7, 3.0)]
    assert max(strengths) / min(strengths) < 1.12
    one, other = (noise_on(Anchor.on(astronaut_face.points, seed), (200, 200)) for seed in (1, 2))
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.05
    again = noise_on(Anchor.on(astronaut_face.points, 1), (200, 200))
    assert np.array_equal(one, again)


def test_grain_changes_little_as_a_face_comes_nearer(astronaut_face: Face) -> None:
    """Also where one tile hands over to the next."""
    middle = np.array([220.0, 150.0])
    for size in np.linspace(1.0, 1.5, 12):
        pair = [noise_on(Anchor.on(middle + (astronaut_face.points - middle) * s, 5), (300, 400))
                for s in (size, size * 1.01)]
        zoom = cv2.getRotationMatrix2D((220, 150), 0, 1.01)
        brought = cv2.warpAffine(pair[0], zoom, (400, 300), flags=cv2.INTER_CUBIC)
        window = np.s_[110:190, 180:260, 0]
        assert np.corrcoef(brought[window].ravel(), pair[1][window].ravel())[0, 1] > 0.95


def test_half_the_size_has_its_own_grain_at_the_same_place(astronaut_face: Face) -> None:
    whole = Anchor.on(astronaut_face.points, 5)
    half = whole.halved()
    assert half.octave == 1
    # The middle of the first two by two pixels is the first pixel of the half.
    assert np.allclose(half.matrix[:, 2], whole.matrix[:, :2] @ [0.5, 0.5] + whole.matrix[:, 2])


def test_a_picture_has_no_memory(astronaut: Pixels, astronaut_face: Face) -> None:
    crop = crop_of(astronaut, astronaut_face)
    mask = np.random.default_rng(0).random(crop.pixels.shape[:2], np.float32)
    assert steady_mask(crop, "x", mask, 0.9) is mask
    assert steady(crop, "x", 0.3, 0.9) == 0.3


def test_numbers_are_means_at_first_and_then_follow_slowly(astronaut: Pixels, astronaut_face: Face) -> None:
    crop = crop_of(astronaut, replace(astronaut_face, memory={}))
    assert [steady(crop, "x", value, 0.75) for value in (1.0, 0.0, 0.5)] == pytest.approx([1.0, 0.5, 0.5])
    assert steady(crop, "x", 1.5, 0.75) == pytest.approx(0.75)
    assert steady(crop, "x", 0.75, 0.75) == pytest.approx(0.75)
    assert steady(crop, "other", 0.1, 0.75) == 0.1


def test_a_mask_is_remembered_where_it_lay_on_the_face(astronaut: Pixels, astronaut_face: Face) -> None:
    memory: dict[str, object] = {}
    first = crop_of(astronaut, replace(astronaut_face, memory=memory))
    ys, xs = np.ogrid[:first.pixels.shape[0], :first.pixels.shape[1]]
    nose = first.points[30]
    spot = np.exp(-((xs - nose[0]) ** 2 + (ys - nose[1]) ** 2) / 50).astype(np.float32)
    assert np.abs(steady_mask(first, "x", spot, 0.9) - spot).max() < 0.05
    second = crop_of(astronaut, replace(moved(astronaut_face), memory=memory))
    nothing = np.zeros(second.pixels.shape[:2], np.float32)
    kept = steady_mask(second, "x", nothing, 0.9)
    y, x = np.unravel_index(int(kept.argmax()), kept.shape)
    assert np.hypot(*(np.array([x, y]) - second.points[30])) < 1.5
    assert kept.max() == pytest.approx(0.5, abs=0.05)
