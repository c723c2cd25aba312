"""Colour for black and white, on twins whose answer is known."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from models.arrays import Pixels
from models.catalogue import whole_catalogue
from models.families.colour import Colouriser
from models.sessions import SessionManager
from models.twins import Graph

FACTS = {family.name: family.facts for family in whole_catalogue().family if family.role == "colouriser"}
SIDE = 64


def ddcolor(size: int | str = SIDE) -> bytes:
    """a is 40 times the red that goes in, b -20 times the blue."""
    graph = Graph()
    given = graph.input("input", (1, 3, size, size))
    weights = np.zeros((2, 3, 1, 1))
    weights[0, 0], weights[1, 2] = 40, -20
    graph.output(graph.op("Conv", given, graph.constant(weights)), "output", (1, 2, size, size))
    return graph.serialised()


def deoldify() -> bytes:
    """Red half as strong, of 0..255."""
    graph = Graph()
    given = graph.input("input", (1, 3, SIDE, SIDE))
    scale = graph.constant(np.array([0.5, 1, 1]).reshape(1, 3, 1, 1))
    graph.output(graph.op("Mul", given, scale), "output", (1, 3, SIDE, SIDE))
    return graph.serialised()


def colouriser(graph: bytes, name: str) -> Colouriser:
    return Colouriser(SessionManager().lease(graph, name="twin"), FACTS[name])


def grey(kind: Any = np.uint8) -> Pixels:
    """Six bars, 90 x 150, so that the network sees another shape."""
    levels = np.repeat([20, 60, 100, 140, 180, 220], 25)
    return np.ascontiguousarray(np.broadcast_to(levels[None, :, None], (90, 150, 3)), kind)


def lab(picture: Pixels) -> Any:
    return cv2.cvtColor(picture.astype(np.float32) / np.float32(255), cv2.COLOR_BGR2LAB)


# OpenCV's own way to L*a*b* and back is off by so much, of 255.
APART = 0.5
MIDDLES = (45, slice(12, None, 25))


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_ddcolor_s_a_and_b_go_on_the_picture_s_own_lightness(kind: type) -> None:
    picture = grey(kind)
    made = colouriser(ddcolor(), "ddcolor").colour(picture)
    assert made.shape == picture.shape
    assert made.dtype == kind
    level = picture[MIDDLES][:, 0].astype(np.float32) / 255
    wanted = np.dstack([lab(picture)[MIDDLES][None, :, 0], 40 * level[None], -20 * level[None]]).astype(np.float32)
    bars = np.clip(cv2.cvtColor(wanted, cv2.COLOR_LAB2BGR), 0, 1)[0] * 255
    assert np.abs(made[MIDDLES].astype(float) - bars).max() < 0.51 + APART


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_deoldify_s_colour_goes_on_the_picture_s_own_lightness(kind: type) -> None:
    picture = grey(kind)
    made = colouriser(deoldify(), "deoldify").colour(picture)
    answer = picture.astype(np.float32) * np.array([1, 1, 0.5], np.float32)
    wanted = np.dstack([lab(picture)[:, :, 0], lab(answer)[:, :, 1:]])
    bars = np.clip(cv2.cvtColor(wanted, cv2.COLOR_LAB2BGR), 0, 1)[MIDDLES] * 255
    assert np.abs(made[MIDDLES].astype(float) - bars).max() < 0.51 + APART
    assert bars[3, 0] > bars[3, 2] + 40, "less red: the bars are bluish"


def test_what_a_network_sees_is_grey_and_of_the_size_that_it_takes() -> None:
    picture = grey()
    picture[:, :, 1] = 255 - picture[:, :, 1]
    twin = colouriser(ddcolor("S"), "ddcolor")
    made = twin.colour(picture)
    assert np.abs(lab(made)[MIDDLES][:, 0] - lab(picture)[MIDDLES][:, 0]).max() < 1.5, "lightness stays"
    fixed, free = (colouriser(ddcolor(size), "ddcolor") for size in (SIDE, "S"))
    assert (fixed._side(), free._side()) == (SIDE, 512)


def test_a_strength_in_between_is_in_between() -> None:
    twin, picture = colouriser(ddcolor(), "ddcolor"), grey(np.float32)
    whole = lab(twin.colour(picture))[MIDDLES][:, 1:]
    half = lab(twin.colour(picture, 0.5))[MIDDLES][:, 1:]
    assert np.abs(half - whole / 2)[:-1].max() < 0.4, "but for the last bar, which is too light for so much colour"
    assert np.array_equal(twin.colour(picture, 0.0), picture)
    assert np.abs(whole).max() > 20
