"""Older and younger, on twins whose answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.arrays import Pixels
from models.catalogue import whole_catalogue
from models.families.ages import AgeChanger
from models.sessions import SessionManager
from models.templates import TEMPLATES
from models.twins import Graph

FACTS = {family.name: dict(family.facts) for family in whole_catalogue().family if family.role == "age"}


def fran(size: int = 64) -> bytes:
    """Red becomes the age that was, green the age that shall be, blue stays."""
    graph = Graph()
    given = graph.input("target", (1, 3, size, size))
    ages = graph.op("Concat", graph.input("direction", (2,)), graph.constant([0.0]), axis=0)
    kept = graph.op("Mul", given, graph.constant(np.array([0.0, 0, 1]).reshape(1, 3, 1, 1)))
    made = graph.op("Add", kept, graph.op("Reshape", ages, graph.constant([1, 3, 1, 1])))
    graph.output(made, "output", (1, 3, size, size))
    return graph.serialised()


def styleganex() -> bytes:
    """The wide crop, a tenth of the direction darker, with the narrow one's mean blue for its blue."""
    graph = Graph()
    narrow = graph.input("target", (1, 3, 256, 256))
    wide = graph.input("target_with_background", (1, 3, 384, 384))
    less = graph.op("Mul", graph.input("direction", ()), graph.constant(0.1))
    blue = graph.constant(np.array([0.0, 0, 1]).reshape(1, 3, 1, 1))
    mean = graph.op("Mul", graph.op("ReduceMean", narrow, axes=[2, 3], keepdims=1), blue)
    others = graph.op("Mul", graph.op("Sub", wide, less), graph.constant(np.array([1.0, 1, 0]).reshape(1, 3, 1, 1)))
    graph.output(graph.op("Add", others, mean), "output", (1, 3, 384, 384))
    return graph.serialised()


def changer(graph: bytes, name: str, **more: Any) -> AgeChanger:
    return AgeChanger(SessionManager().lease(graph, name="twin"), {**FACTS[name], **more})


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_fran_is_told_both_ages_of_each_face(kind: type) -> None:
    twin = changer(fran(), "fran", size=64)
    crops: list[Pixels] = [np.full((64, 64, 3), (51, 0, 200), kind)] * 2
    made = twin.change(crops, [20, 90], 30)
    assert [one.dtype for one in made] == [kind] * 2
    assert np.abs(made[0][5, 9] - np.array([51, 0.5 * 255, 0.2 * 255])).max() <= 0.51
    assert np.abs(made[1][5, 9] - np.array([51, 255, 0.9 * 255])).max() <= 0.51, "nobody is older than a hundred"
    assert np.allclose(twin.points, TEMPLATES["ffhq_512"])


def test_a_crop_of_another_size_comes_back_in_its_own() -> None:
    made, = changer(fran(), "fran", size=64).change([np.full((96, 96, 3), 51, np.uint8)], [40], -10)
    assert made.shape == (96, 96, 3)
    assert made[50, 50].tolist() == [51, round(0.3 * 255), round(0.4 * 255)]


@pytest.mark.parametrize(("years", "direction"), [(100, -2.5), (-40, 1.0), (0, 0.0)])
def test_styleganex_is_told_a_step(years: float, direction: float) -> None:
    made, = changer(styleganex(), "styleganex_age").change([np.full((384, 384, 3), 102, np.uint8)], [30], years)
    level = 102 / 255 - direction * 0.1 * 0.5
    assert made.shape == (384, 384, 3)
    assert np.unique(made[:, :, 1:]).tolist() == [round(level * 255)]


def test_styleganex_s_narrow_crop_is_cut_out_of_the_wide_one_in_the_same_place() -> None:
    twin = changer(styleganex(), "styleganex_age")
    side = 768
    eye = twin.points[0] * side
    wide = np.zeros((side, side, 3), np.uint8)
    for at, value in zip(twin.points, (40, 80, 120, 160, 200), strict=True):
        x, y = np.rint(at * side).astype(int)
        wide[y - 12:y + 13, x - 12:x + 13] = value
    narrow = twin._narrow(wide)
    assert narrow.shape == (256, 256, 3)
    for at, value in zip(TEMPLATES["ffhq_512"], (40, 80, 120, 160, 200), strict=True):
        x, y = np.rint(at * 256).astype(int)
        assert abs(int(narrow[y, x, 0]) - value) <= 1
    middle = TEMPLATES["styleganex_384"][2]
    assert np.allclose(eye, (middle + (TEMPLATES["styleganex_384"][0] - middle) / 0.875) * side)
