"""Blenders: nothing outside the mask moves, and what is inside is what they promise."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from processors.batches import Lay, Rect
from processors.blenders.feather import Feather
from processors.blenders.poisson import Poisson
from processors.context import Context

BLENDERS = [Feather, Poisson]
Blender = type[Feather] | type[Poisson]
Depth = type[np.uint8 | np.float32]


def lay_of(background: np.ndarray, pixels: np.ndarray, mask: np.ndarray) -> Lay:
    height, width = mask.shape
    return Lay(background, pixels, mask, Rect(0, 0, width, height), np.zeros((68, 2)), 40.0)


def run(blender: Blender, lay: Lay, **params: float) -> tuple[np.ndarray, np.ndarray]:
    chosen: Any = blender.Params(**params)  # each blender takes its own kind
    (region,) = blender().process((lay,), chosen, Context())
    assert region.pixels.dtype == lay.background.dtype
    assert region.rect == lay.rect
    return region.pixels, region.mask


def disc(height: int = 90, width: int = 100, radius: float = 30) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.asarray(np.hypot(x - width / 2, y - height / 2) <= radius, np.float32)


SMALL = (14, 17)


@settings(deadline=None, max_examples=60)
@given(background=arrays.arrays(np.uint8, (*SMALL, 3)), pixels=arrays.arrays(np.uint8, (*SMALL, 3)),
       mask=arrays.arrays(np.float32, SMALL, elements=st.floats(0, 1, width=32)),
       softness=st.floats(0, 0.5), deep=st.booleans())
def test_feather_stays_between_background_and_patch(
        background: np.ndarray, pixels: np.ndarray, mask: np.ndarray, softness: float, deep: bool) -> None:
    if deep:
        background, pixels = background.astype(np.float32) + 0.25, pixels.astype(np.float32) + 0.5
    result, alpha = run(Feather, lay_of(background, pixels, mask), softness=softness)
    low, high = np.minimum(background, pixels), np.maximum(background, pixels)
    assert (result >= low - 1e-3).all()
    assert (result <= high + 1e-3).all()
    assert (alpha <= mask + 1e-6).all()
    assert (result[alpha == 0] == background[alpha == 0]).all()


def test_feather_fades_over_the_stated_width() -> None:
    mask = np.zeros((60, 120), np.float32)
    mask[:, 40:] = 1
    background, pixels = np.zeros((60, 120, 3), np.uint8), np.full((60, 120, 3), 200, np.uint8)
    result, alpha = run(Feather, lay_of(background, pixels, mask), softness=0.5)
    row = alpha[30]
    assert (row[:40] == 0).all()
    assert np.flatnonzero(row >= 0.999)[0] == pytest.approx(40 + 0.5 * 40, abs=1.5)
    assert (np.diff(row) >= 0).all()
    assert row[50] == pytest.approx(0.5, abs=0.1)
    # The picture's edge is no edge of the mask.
    assert row[-1] == 1
    assert result[30, -1, 0] == 200
    hard, _ = run(Feather, lay_of(background, pixels, mask), softness=0.0)
    assert (hard[:, 40:] == 200).all()


@pytest.mark.parametrize("blender", BLENDERS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_outside_the_mask_every_bit_stays(blender: Blender, dtype: Depth) -> None:
    random = np.random.default_rng(4)
    background, pixels = (random.uniform(0, 255, (90, 100, 3)).astype(dtype) for _ in range(2))
    mask = disc() * random.uniform(0.3, 1, (90, 100)).astype(np.float32)
    result, alpha = run(blender, lay_of(background, pixels, mask))
    assert (result[mask == 0] == background[mask == 0]).all()
    assert (alpha[mask == 0] == 0).all()
    assert (result[mask > 0.9] != background[mask > 0.9]).any()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_poisson_takes_a_plain_shift_of_colour_away(dtype: Depth) -> None:
    """A patch that differs from the background by a constant has the same gradients: the background comes out."""
    ramp = np.tile(np.linspace(60, 150, 100)[None, :, None], (90, 1, 3)).astype(dtype)
    result, _ = run(Poisson, lay_of(ramp, (ramp + np.array(40, dtype)).astype(dtype), disc()), softness=0.0)
    assert np.abs(result.astype(float) - ramp).max() <= 2
    half, _ = run(Poisson, lay_of(ramp, (ramp + np.array(40, dtype)).astype(dtype), disc()), softness=0.0, adapt=0.5)
    assert half[45, 50].astype(float).mean() - ramp[45, 50].astype(float).mean() == pytest.approx(20, abs=1.5)


def test_poisson_keeps_the_patchs_detail_where_it_lies() -> None:
    """A cross in the patch is found again at its own pixels: nothing is shifted, odd sizes and edges included."""
    for (height, width), (y, x) in {(90, 100): (45, 50), (91, 101): (40, 50), (61, 47): (20, 11)}.items():
        background = np.full((height, width, 3), 120, np.uint8)
        pixels = background.copy()
        pixels[y - 5:y + 6, x] = pixels[y, x - 5:x + 6] = 180
        mask = np.zeros((height, width), np.float32)
        mask[y - 15:y + 20, max(x - 20, 0):x + 17] = 1
        result, _ = run(Poisson, lay_of(background, pixels, mask), softness=0.0)
        bright = np.argwhere(result[..., 0] > 150)
        assert {tuple(p) for p in bright} == {tuple(p) for p in np.argwhere(pixels[..., 0] > 150)}


@pytest.mark.parametrize("blender", BLENDERS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_faces_at_the_edge_and_odd_masks_are_no_trouble(blender: Blender, dtype: Depth) -> None:
    random = np.random.default_rng(6)
    background, pixels = (random.uniform(0, 255, (40, 50, 3)).astype(dtype) for _ in range(2))
    for where in (np.s_[:, :], np.s_[:20, :], np.s_[30:, 40:], np.s_[10:11, 10:11], np.s_[5:6, :], np.s_[0:0, 0:0],
                  np.s_[:2, :2]):
        mask = np.zeros((40, 50), np.float32)
        mask[where] = 1
        result, _ = run(blender, lay_of(background, pixels, mask))
        assert (result[mask == 0] == background[mask == 0]).all()
        assert np.isfinite(result).all()
