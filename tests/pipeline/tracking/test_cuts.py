"""Hard cuts are found; nothing else is taken for one."""

from __future__ import annotations

from itertools import permutations

import cv2
import numpy as np
import pytest

from models.arrays import Pixels
from pipeline.clips.example import example_frames, placed
from pipeline.tracking.cuts import CutTest, small

SIZE = (640, 360)


def view(picture: Pixels, *, dx: float = 0, dy: float = 0, zoom: float = 1, roll: float = 0) -> Pixels:
    scale = max(SIZE[0] / picture.shape[1], SIZE[1] / picture.shape[0]) * 1.3
    warp = placed((picture.shape[1] / 2, picture.shape[0] / 2), (320 + dx, 180 + dy), scale=scale * zoom, roll=roll)
    return np.asarray(cv2.warpPerspective(picture, warp, SIZE, flags=cv2.INTER_LINEAR), np.uint8)


def cuts(*pictures: Pixels) -> list[int]:
    """Numbers of the pictures that begin a shot."""
    test = CutTest()
    return [index for index, picture in enumerate(pictures)
            if test.step(small(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)))]


@pytest.fixture(scope="module")
def pictures(astronaut: Pixels, hopper: Pixels, six_people: Pixels) -> list[Pixels]:
    return [astronaut, hopper, six_people, astronaut[280:512, :400], six_people[400:, :600]]


def test_every_hard_cut_is_found(pictures: list[Pixels]) -> None:
    for one, other in permutations(pictures, 2):
        assert cuts(view(one), view(one), view(other), view(other)) == [2]


def levels(picture: Pixels, gain: float, lift: float = 0) -> Pixels:
    return np.asarray(np.clip(picture.astype(np.float32) * gain + lift, 0, 255), np.uint8)


def grain(picture: Pixels, sigma: float) -> Pixels:
    noise = np.random.default_rng(3).normal(0, sigma, picture.shape)
    return np.asarray(np.clip(picture + noise, 0, 255), np.uint8)


def barred(picture: Pixels) -> Pixels:
    picture = picture.copy()
    picture[:, 200:440] = 60
    return picture


@pytest.mark.parametrize("change", ["pan", "zoom", "roll", "dark", "bright", "exposure", "flash", "grain", "bar"])
def test_what_is_no_cut_is_not_taken_for_one(change: str, pictures: list[Pixels]) -> None:
    for picture in pictures:
        first = view(picture)
        second = {
            "pan": view(picture, dx=38, dy=6), "zoom": view(picture, zoom=1.04), "roll": view(picture, roll=4),
            "dark": levels(first, 0.3), "bright": levels(first, 1.5), "exposure": levels(first, 0.6, 20),
            "flash": levels(first, 0.3, 180), "grain": grain(first, 20), "bar": barred(first),
        }[change]
        assert cuts(first, second, first) == []


@pytest.mark.parametrize("level", [0, 255])
def test_a_white_or_black_picture_is_no_cut_but_what_comes_after_it_may_be(level: int, pictures: list[Pixels]) -> None:
    plain = np.full((SIZE[1], SIZE[0], 3), level, np.uint8)
    first, other = view(pictures[0]), view(pictures[1])
    assert cuts(first, plain, first) == []
    assert cuts(first, plain, plain, other) == [3]


def test_a_slow_fade_from_one_picture_to_another_is_no_hard_cut_in_any_frame(pictures: list[Pixels]) -> None:
    one, other = (view(p).astype(np.float32) for p in pictures[:2])
    assert cuts(*(np.asarray(one + (other - one) * t, np.uint8) for t in np.linspace(0, 1, 16))) == []


def test_the_example_clip_has_one_cut_where_it_says() -> None:
    frames = [pixels for pixels, _ in example_frames(size=(320, 180), frames=60, cut=31)]
    assert cuts(*frames) == [31]


def test_a_clip_that_changes_size_is_cut_there(pictures: list[Pixels]) -> None:
    first = view(pictures[0])
    assert cuts(first, np.asarray(cv2.resize(first, (360, 360)), np.uint8)) == [1]
