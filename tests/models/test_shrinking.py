"""Pictures made smaller by halves: what cv2's slow way makes of them, at every size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import Pixels
from models.shrinking import halved, shrunk


def noise(height: int, width: int) -> Pixels:
    return np.random.default_rng(3).integers(0, 256, (height, width), np.uint8)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_halving_gives_the_means_of_blocks(kind: type, times: int) -> None:
    picture: Pixels = noise(64, 96).astype(kind)
    block = 1 << times
    means = picture.reshape(64 // block, block, 96 // block, block).mean(axis=(1, 3))
    made = halved(picture, times)
    assert made.dtype == kind
    assert np.abs(made - means).max() <= 0.5 * times + 1e-3, "half a level of rounding each time"


def test_an_odd_side_loses_its_last_pixels_and_nothing_goes_below_one() -> None:
    assert halved(noise(7, 9), 1).shape == (3, 4)
    assert halved(noise(2, 2), 5).shape == (1, 1)


@given(st.integers(2, 90), st.integers(2, 90), st.data())
def test_any_size_is_made_of_the_whole_picture(width: int, height: int, data: st.DataObject) -> None:
    """A ramp stays one: its ends are where they were, to the width of a new pixel."""
    size = data.draw(st.integers(1, width)), data.draw(st.integers(1, height))
    ramp = np.tile(np.linspace(0, 200, width, dtype=np.float32), (height, 1))
    made = shrunk(ramp, size)
    assert made.shape == (size[1], size[0])
    wanted = cv2.resize(ramp, size, interpolation=cv2.INTER_AREA)
    assert np.abs(made - wanted).max() <= 200 / (width - 1) * 0.5 + 1e-3


def test_a_picture_of_that_size_is_handed_on_as_it_is() -> None:
    picture = noise(10, 12)
    assert shrunk(picture, (12, 10)) is picture


def test_no_pixel_is_passed_over() -> None:
    """A single bright pixel leaves a trace wherever it lies: 1080p to a detector's 640 pixels."""
    for x, y in ((0, 0), (1919, 1079), (960, 541), (1001, 77)):
        picture = np.zeros((1080, 1920), np.uint8)
        picture[y, x] = 255
        assert shrunk(picture, (640, 360)).max() >= 10
