"""Enhancers on twins whose answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.arrays import Pixels
from models.families.enhancers import CropEnhancer
from models.sessions import SessionManager
from models.twins import Graph

FACTS: dict[str, Any] = {"size": 64, "template": "ffhq_512", "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5),
                         "out_mean": 0.5, "out_std": 0.5}


def darker(weighs: bool, rows: int | str = 1) -> bytes:
    """Takes a quarter off, or the weight: in -1..1, as the real ones answer."""
    from onnx import TensorProto, helper

    graph = Graph()
    shape = (rows, 3, 64, 64)
    given = graph.input("input", shape)
    if weighs:
        graph.inputs.append(helper.make_tensor_value_info("weight", TensorProto.DOUBLE, [1]))
        less = graph.op("Cast", "weight", to=TensorProto.FLOAT)
    else:
        less = graph.constant(0.25)
    graph.output(graph.op("Sub", given, less), "output", shape)
    return graph.serialised()


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize("rows", [1, "N"])
def test_a_crop_comes_back_as_the_network_answers(kind: type, rows: int | str) -> None:
    manager = SessionManager()
    twin = CropEnhancer(manager.lease(darker(False, rows), name="twin"), FACTS)
    crops: list[Pixels] = [np.full((64, 64, 3), level, kind) for level in (100, 10)]
    made = twin.enhance(crops)
    assert [one.dtype for one in made] == [kind] * 2
    assert np.allclose(made[0], 100 - 0.125 * 255, atol=0.51)
    assert made[1].max() == 0, "nothing is below black"
    assert manager.counts()[0].batches == ({2: 1} if rows == "N" else {1: 2})
    assert not twin.weighs


def test_a_weight_goes_in_as_a_double_where_the_network_takes_one() -> None:
    twin = CropEnhancer(SessionManager().lease(darker(True), name="twin"), FACTS)
    assert twin.weighs
    made, = twin.enhance([np.full((64, 64, 3), 200, np.uint8)], weight=0.4)
    assert np.unique(made).tolist() == [round(200 - 0.2 * 255)]
