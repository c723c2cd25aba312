"""The keyer on made pictures whose alpha is known: a head with hair, out of focus, before a screen that is unevenly lit
and noisy."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.arrays import Mask, Pixels
from models.errors import ProcessorError
from processors.classical.filters import Plane, f32
from processors.classical.keying import (
    _LUMA,
    blurred_behind,
    despilled,
    filling,
    key_out,
    laid_before,
    screen_colour,
)

Colour = tuple[int, int, int]
GREEN, BLUE, RED, PURPLE = (60, 180, 50), (190, 70, 40), (60, 40, 190), (190, 60, 190)
SKIN, GREYISH = (120, 150, 205), (95, 105, 110)
HEIGHT, WIDTH = 270, 360


@dataclass(frozen=True)
class Scene:
    """What was put together, and of what."""

    pixels: Pixels
    alpha: Mask
    front: Plane
    screen: Plane

    @property
    def edge(self) -> NDArray[np.bool_]:
        return (self.alpha > 0.02) & (self.alpha < 0.98)


def scene(screen: Colour = GREEN, skin: Colour = SKIN, noise: float = 2.0, spill: float = 0.0) -> Scene:
    numbers, times = np.random.default_rng(1), 4
    shape = np.zeros((HEIGHT * times, WIDTH * times), np.uint8)
    middle = (WIDTH * 2, HEIGHT * 2)
    cv2.ellipse(shape, middle, (WIDTH * times // 7, HEIGHT), 0, 0, 360, 255, -1)
    cv2.ellipse(shape, (WIDTH * 2, round(HEIGHT * 4.2)), (round(WIDTH * 1.3), round(HEIGHT * 1.3)), 0, 0, 360, 255, -1)
    for _ in range(60):
        turn = numbers.uniform(np.pi, 2 * np.pi)
        way = np.array([np.cos(turn), np.sin(turn)])
        root = np.array(middle) + way * (WIDTH * times / 7.4, HEIGHT * 0.96)
        tip = root + way * numbers.uniform(20, 90)
        cv2.line(shape, (round(root[0]), round(root[1])), (round(tip[0]), round(tip[1])), 255, 3, cv2.LINE_AA)
    small = cv2.resize(shape, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    alpha = cv2.GaussianBlur(f32(small) / np.float32(255), (0, 0), 1.2)
    down, across = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32) / np.array([HEIGHT, WIDTH], np.float32)[:, None, None]
    front = f32(np.broadcast_to(f32(skin), (HEIGHT, WIDTH, 3))) * (0.7 + 0.4 * across)[..., None]
    front[down > 0.74] = GREYISH
    front[down < 0.33] = (30, 45, 60)
    front = cv2.GaussianBlur(front, (0, 0), 1.5) + f32(screen) * np.float32(spill)
    light = 1 - 0.4 * ((across - 0.5) ** 2 + (down - 0.5) ** 2)
    behind = f32(screen) * light[..., None].astype(np.float32)
    mixed = front * alpha[..., None] + behind * (1 - alpha[..., None]) + numbers.normal(0, noise, front.shape)
    return Scene(np.clip(np.rint(mixed), 0, 255).astype(np.uint8), f32(alpha), f32(front), f32(behind))


@pytest.mark.parametrize("screen", [GREEN, BLUE, PURPLE])
def test_a_screen_s_colour_is_read_off_the_border(screen: Colour) -> None:
    made = scene(screen)
    border = np.concatenate([made.screen[:16].reshape(-1, 3), made.screen[:, :20].reshape(-1, 3)])
    assert np.abs(np.array(screen_colour(made.pixels)) - border.mean(axis=0)).max() < 4


def test_a_picture_without_a_screen_says_so() -> None:
    with pytest.raises(ProcessorError, match=r"PROCESSOR\.NO_SCREEN"):
        screen_colour(np.full((60, 80, 3), 128, np.uint8))
    spot = np.full((60, 80, 3), 128, np.uint8)
    spot[:3, :9] = GREEN
    with pytest.raises(ProcessorError, match=r"PROCESSOR\.NO_SCREEN"):
        screen_colour(spot)
    with pytest.raises(ProcessorError, match=r"PROCESSOR\.NO_SCREEN"):
        key_out(spot, (90, 90, 90))


@pytest.mark.parametrize(("screen", "skin", "whole", "edge"), [
    (GREEN, SKIN, 0.002, 0.035), (GREEN, (70, 90, 150), 0.002, 0.035), (BLUE, SKIN, 0.002, 0.035),
    (PURPLE, (140, 150, 150), 0.002, 0.035), (RED, (150, 150, 140), 0.002, 0.035)])
def test_alpha_is_what_it_was_made_with(screen: Colour, skin: Colour, whole: float, edge: float) -> None:
    """Bounds: mean absolute errors, over the picture and over the soft edges. By the colour difference alone, without
    what is measured of screen and skin, they are 0.012 and 0.08 for the first of these."""
    made = scene(screen, skin)
    found = key_out(made.pixels, screen_colour(made.pixels))
    wrong = np.abs(found.alpha - made.alpha)
    assert wrong.mean() < whole
    assert wrong[made.edge].mean() < edge
    assert found.alpha[:40, :60].max() == 0, "noise is no hair"
    assert found.alpha[150, 180] == 1
    assert np.abs(found.screen - made.screen).mean() < 1.5, "also where people stand before it"


def test_without_noise_edges_are_better_still() -> None:
    made = scene(noise=0)
    wrong = np.abs(key_out(made.pixels, screen_colour(made.pixels)).alpha - made.alpha)
    assert wrong.mean() < 0.001
    assert wrong[made.edge].mean() < 0.015


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_before_something_else_nothing_of_the_screen_is_left(kind: type) -> None:
    """The mean error of colour over the soft edges, in levels of 255, against what would have been put together so."""
    made = scene()
    pixels: Pixels = made.pixels.astype(kind)
    colour = screen_colour(pixels)
    other = f32(np.broadcast_to(f32((200, 120, 60)), made.front.shape))
    wanted = made.front * made.alpha[..., None] + other * (1 - made.alpha[..., None])
    found = laid_before(pixels, key_out(pixels, colour), other, colour)
    assert np.abs(found - wanted)[made.edge].mean() < 3
    assert np.abs(found - wanted).mean() < 1
    assert np.array_equal(found[:40, :60], other[:40, :60])


def test_a_screen_s_light_on_people_is_taken_away_and_they_stay_as_light() -> None:
    made = scene(spill=0.2, noise=0)
    colour = screen_colour(made.pixels)
    grey = f32(np.full((4, 4, 3), GREYISH))
    green = grey + f32(GREEN) * np.float32(0.3)
    clean = despilled(green, colour)
    assert np.abs(clean @ _LUMA - green @ _LUMA).max() < 0.01
    assert (clean[..., 1] <= np.maximum(clean[..., 0], clean[..., 2]) + 1.5).all(), "no greener than red or blue"
    half = despilled(green, colour, 0.5)
    assert np.allclose(half, (clean + green) / 2, atol=1e-3)
    assert np.allclose(despilled(f32(made.front[150:160, 170:180] * 0 + f32(SKIN)), colour), f32(SKIN), atol=1e-3)


@settings(max_examples=50, deadline=None)
@given(st.tuples(*[st.integers(0, 255)] * 3), st.sampled_from([GREEN, BLUE, RED, PURPLE, (40, 200, 200)]),
       st.floats(0.1, 1))
def test_spill_is_a_share_of_what_there_is(colour: Colour, screen: Colour, share: float) -> None:
    """So that it may be taken off what was multiplied by alpha; and twice is once."""
    pixel, key = f32(np.array([[colour]])), (float(screen[0]), float(screen[1]), float(screen[2]))
    clean = despilled(pixel, key)
    assert np.allclose(despilled(pixel * np.float32(share), key), clean * share, atol=1e-2)
    assert np.allclose(despilled(clean, key), clean, atol=1e-2)
    assert abs(float((clean @ _LUMA).item() - (pixel @ _LUMA).item())) < 0.02


def test_people_do_not_bleed_into_what_is_blurred_behind_them() -> None:
    pixels = np.full((120, 160, 3), 40, np.uint8)
    alpha = np.zeros((120, 160), np.float32)
    alpha[30:, 60:100] = 1
    pixels[alpha > 0] = 250
    assert np.abs(blurred_behind(pixels, alpha, 12) - 40).max() < 1


@pytest.mark.parametrize(("size", "cut"), [((60, 200), "sides"), ((200, 60), "ends"), ((90, 120), "nothing")])
def test_a_backdrop_fills_the_picture_and_is_cut_in_the_middle(size: tuple[int, int], cut: str) -> None:
    height, width = size
    backdrop = np.zeros((height, width, 3), np.float32)
    backdrop[..., 0] = np.linspace(0, 200, width)
    backdrop[..., 1] = np.linspace(0, 200, height)[:, None]
    found = filling(backdrop, (90, 120))
    assert found.shape == (90, 120, 3)
    across, down = np.ptp(found[45, :, 0]), np.ptp(found[:, 60, 1])
    assert (across < 150) == (cut == "sides")
    assert (down < 150) == (cut == "ends")
    assert np.abs(found[44:46, 59:61, :2].mean(axis=(0, 1)) - 100).max() < 2
