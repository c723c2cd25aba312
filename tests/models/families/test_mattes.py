"""Mattes on twins whose answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.errors import ModelError
from models.families.mattes import ClipMatte, Matte, MatteMemory
from models.sessions import SessionManager
from models.twins import Graph, zero_recogniser

HALF = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}


def red(planes: int = 1) -> bytes:
    """The matte is the red that goes in; with several planes the last one wins where red is above the mean."""
    graph = Graph()
    given = graph.input("input", (1, 3, 64, 64))
    first = graph.op("Slice", given, *(graph.constant([n]) for n in (0, 1, 1)))
    weights = np.zeros((1, planes, 1, 1))
    weights[0, -1] = 1
    graph.output(graph.op("Mul", first, graph.constant(weights)), "output", (1, planes, 64, 64))
    return graph.serialised()


def two_halves(kind: type = np.uint8) -> Any:
    picture: Any = np.zeros((90, 160, 3), kind)
    picture[:, 80:, 2] = 255
    return picture


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize("numbers", [{}, HALF], ids=["0..1", "-1..1"])
def test_a_matte_has_the_picture_s_size_and_lies_where_red_is(kind: type, numbers: dict[str, Any]) -> None:
    found = Matte(SessionManager().lease(red(), name="twin"), {"size": 64, **numbers}).of(two_halves(kind))
    assert found.shape == (90, 160)
    assert found.dtype == np.float32
    assert found[:, :70].max() == 0
    assert found[:, 90:].min() > 0.99


def test_of_several_classes_those_count_that_the_catalogue_names() -> None:
    lease = SessionManager().lease(red(3), name="twin")
    assert Matte(lease, {"size": 64, "classes": [2], **HALF}).of(two_halves())[:, 90:].min() > 0.99
    assert Matte(lease, {"size": 64, "classes": [1], **HALF}).of(two_halves()).max() == 0


def remembering() -> bytes:
    """The matte is green plus what is kept of the frames before: half of it is forgotten from frame to frame."""
    graph = Graph()
    src = graph.input("src", (1, 3, "height", "width"))
    states = [graph.input(f"r{n}i", ("a", f"c{n}", f"h{n}", f"w{n}")) for n in range(1, 5)]
    ratio = graph.input("downsample_ratio", (1,))
    green = graph.op("Slice", src, *(graph.constant([n]) for n in (1, 2, 1)))
    kept = graph.op("Add", graph.op("Mul", states[0], graph.constant(0.5)), graph.constant(0.1))
    graph.output(src, "fgr", (1, 3, "height", "width"))
    graph.output(graph.op("Add", green, kept), "pha", (1, 1, "height", "width"))
    graph.output(kept, "r1o", ("a", "c1", "h1", "w1"))
    for number in (2, 3):
        graph.output(states[number - 1], f"r{number}o", ("a", f"c{number}", f"h{number}", f"w{number}"))
    told = graph.op("Reshape", ratio, graph.constant(np.array([1, 1, 1, 1])))
    graph.output(graph.op("Add", graph.op("Mul", states[3], graph.constant(0.0)), told), "r4o", ("a", "c4", "h4", "w4"))
    return graph.serialised()


def test_a_shot_s_memory_goes_from_frame_to_frame_and_a_new_shot_has_none() -> None:
    matte = ClipMatte(SessionManager().lease(remembering(), name="twin"))
    frame = np.zeros((300, 1024, 3), np.uint8)
    memory: MatteMemory | None = None
    means = []
    for _ in range(3):
        found, memory = matte.next(frame, memory)
        assert found.shape == (300, 1024)
        means.append(float(found.mean()))
    assert np.allclose(means, [0.1, 0.15, 0.175], atol=1e-6)
    assert memory is not None
    assert memory.states[3].item() == pytest.approx(0.5), "the longer side is looked at in 512 pixels"
    assert float(matte.next(frame, None)[0].mean()) == pytest.approx(0.1)
    again = matte.next(np.full((8, 8, 3), (0, 51, 0), np.uint8), None)
    assert float(again[0].mean()) == pytest.approx(0.3)
    assert again[1].states[3].item() == 1.0, "never enlarged"


def test_another_kind_of_model_is_refused() -> None:
    with pytest.raises(ModelError, match=r"MODEL\.CONTRACT.*no Robust Video Matting"):
        ClipMatte(SessionManager().lease(zero_recogniser(), name="twin")).next(np.zeros((8, 8, 3), np.uint8), None)
