"""Masks on twins whose answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.families.masks import REGIONS, Occluder, Parser, region_mask, seen_by_all, softened
from models.sessions import SessionManager
from models.twins import Graph

XSEG: dict[str, Any] = {"size": 64, "template": "dfl_whole_face", "layout": "nhwc", "colour": "bgr"}
BISENET: dict[str, Any] = {"size": 64, "template": "ffhq_512", "mean": (0.485, 0.456, 0.406),
                           "std": (0.229, 0.224, 0.225)}


def blue_is_face(rows: int | str = 1, times: float = 1.0) -> bytes:
    """An occluder whose mask is the first channel of what it is fed, times something."""
    graph = Graph()
    given = graph.input("input", (rows, 64, 64, 3))
    first = graph.op("Slice", given, *(graph.constant([n]) for n in (0, 1, 3)))
    graph.output(graph.op("Mul", first, graph.constant(times)), "output", (rows, 64, 64, 1))
    return graph.serialised()


def planes(count: int = 19) -> bytes:
    """A parser that takes class 1 where red is above the mean that it was trained with, class 10 else."""
    graph = Graph()
    given = graph.input("input", (1, 3, 64, 64))
    red = graph.op("Slice", given, *(graph.constant([n]) for n in (0, 1, 1)))
    weights = np.zeros((1, count, 1, 1))
    weights[0, 1], weights[0, 10] = 1, -1
    graph.output(graph.op("Mul", red, graph.constant(weights)), "output", (1, count, 64, 64))
    return graph.serialised()


def half_blue() -> np.ndarray:
    crop = np.zeros((64, 64, 3), np.uint8)
    crop[:, 32:, 0] = 255
    return crop


@pytest.mark.parametrize("rows", [1, "N"])
def test_blue_goes_in_first_as_rows_of_pixels_and_the_mask_has_a_soft_inner_edge(rows: int | str) -> None:
    occluder = Occluder(SessionManager().lease(blue_is_face(rows), name="twin"), XSEG)
    plain, empty = occluder.masks([half_blue(), np.zeros((64, 64, 3), np.uint8)])
    assert empty.max() == 0
    assert plain.dtype == np.float32
    assert plain[:, 32:].min() == 1
    mask = seen_by_all([plain])
    assert mask[:, :31].max() == 0, "nothing outside"
    assert mask[32, 60] == pytest.approx(1, abs=1e-3)
    assert 0 < mask[32, 33] < mask[32, 38] < 1


def test_several_vote_and_one_that_sees_something_before_the_face_counts() -> None:
    manager = SessionManager()
    sure, blind, loud = (Occluder(manager.lease(blue_is_face(times=times), name=f"x{times}"), XSEG)
                         .masks([half_blue()])[0] for times in (1.0, 0.0, 9.0))
    assert seen_by_all([sure, sure]).max() == pytest.approx(1, abs=1e-3)
    assert seen_by_all([sure, blind]).max() == 0
    assert loud.max() == 1


def test_a_parser_tells_regions_from_red_planes_round_the_mean() -> None:
    parser = Parser(SessionManager().lease(planes(), name="twin"), BISENET)
    crop = np.zeros((64, 64, 3), np.uint8)
    crop[:32, :, 2] = 255
    labels, = parser.labels([crop])
    assert labels.shape == (64, 64)
    assert set(np.unique(labels[:32])) == {REGIONS["skin"]}
    assert set(np.unique(labels[32:])) == {REGIONS["nose"]}
    assert region_mask(labels, ["skin"])[5, 30] == pytest.approx(1, abs=1e-3)
    assert region_mask(labels, ["skin"])[40, 30] == 0
    assert region_mask(labels, ["skin", "nose"]).min() > 0.99
    assert region_mask(labels, []).max() == 0
    with pytest.raises(KeyError):
        region_mask(labels, ["ear"])


def test_softening_keeps_what_is_far_inside_and_adds_nothing_outside() -> None:
    mask = np.zeros((80, 80), np.float32)
    mask[20:60, 20:60] = 1
    soft = softened(mask)
    assert soft[mask == 0].max() < 0.02
    assert soft[40, 40] == pytest.approx(1, abs=1e-3)
