"""Guesses of age and sex on twins; genderage against insightface is in test_insightface_oracle."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.arrays import Pixels
from models.catalogue import whole_catalogue
from models.errors import ModelError
from models.face import Box, Face, five_points
from models.families.attributes import SPANS, FairFace, GenderAge
from models.families.landmarks106 import crop_of
from models.geometry import similarity
from models.sessions import SessionManager
from models.templates import ARCFACE_112
from models.twins import Graph, zero_recogniser

FACTS = next(family for family in whole_catalogue().family if family.name == "fairface").facts


def guessing(*answers: int) -> bytes:
    """A FairFace that always says this: origin, sex, span of age."""
    import onnx
    from onnx import TensorProto, helper

    graph = Graph()
    pixel = graph.pixel(graph.input("input", (1, 3, 224, 224)))
    for name, answer in zip(("race_id", "gender_id", "age_id"), answers, strict=True):
        made = graph.op("Cast", graph.op("Add", pixel, graph.constant(float(answer))), to=TensorProto.INT64)
        graph.output(made, name, (1,))
    network = onnx.load_model_from_string(graph.serialised())
    del network.graph.output[:]
    network.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.INT64, [1])
                                for name in ("race_id", "gender_id", "age_id"))
    return bytes(network.SerializeToString())


@pytest.mark.parametrize(("sex", "span"), [(0, 0), (1, 4), (1, 8)])
def test_fairface_s_numbers_are_a_sex_and_a_span_of_years(sex: int, span: int, astronaut: Pixels,
                                                         astronaut_face: Face) -> None:
    found, = FairFace(SessionManager().lease(guessing(6, sex, span), name="twin"), FACTS).read(
        astronaut, [astronaut_face])
    assert found.sex == ("female" if sex else "male")
    assert found.age == SPANS[span]


def test_fairface_sees_the_aligned_face_red_first(astronaut: Pixels, astronaut_face: Face) -> None:
    seen: list[np.ndarray] = []
    twin = FairFace(SessionManager().lease(guessing(0, 0, 0), name="twin"), FACTS)
    submit = twin._lease.submit

    def noting(feeds: Any, outputs: Any = None) -> Any:
        seen.extend(feeds.values())
        return submit(feeds, outputs)

    twin._lease.submit = noting  # type: ignore[method-assign]
    twin.read(astronaut, [astronaut_face, replace(astronaut_face, points=astronaut_face.points + 9)])
    assert len(seen) == 2
    crop = crop_of(astronaut, similarity(five_points(astronaut_face.points), ARCFACE_112 * 224), 224)
    for channel, (mean, std) in enumerate(((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))):
        wanted = (crop[:, :, 2 - channel] / 255 - mean) / std
        assert np.allclose(seen[0][0, channel], wanted, atol=1e-5)


def test_genderage_looks_at_a_lying_face_upright() -> None:
    graph = Graph()
    given = graph.input("data", (1, 3, 96, 96))
    upper = graph.op("Slice", given, *(graph.constant([n]) for n in (0, 40, 2)))
    level = graph.op("Mul", graph.op("ReduceMean", upper, axes=[1, 2, 3], keepdims=0), graph.constant(1 / 255))
    level = graph.op("Reshape", level, graph.constant([1, 1]))
    graph.output(graph.op("Concat", level, graph.op("Mul", level, graph.constant(0.0)), level, axis=1), "fc1", (1, 3))
    twin = GenderAge(SessionManager().lease(graph.serialised(), name="twin"))
    picture = np.zeros((200, 200, 3), np.uint8)
    picture[:, :100] = 255  # what is left in the picture is up on a face that wants one clockwise turn
    face = Face(Box(40, 40, 160, 160), 1.0, np.zeros((68, 2)))
    ages = [twin.read(picture, [replace(face, turn=turn)])[0].age[0] for turn in range(4)]
    assert ages == pytest.approx([50, 100, 50, 0], abs=3)


def test_another_kind_of_model_is_refused_and_nobody_is_nobody(astronaut: Pixels, astronaut_face: Face) -> None:
    lease = SessionManager().lease(zero_recogniser(), name="w600k_r50")
    for reader, example in ((GenderAge(lease), "genderage"), (FairFace(lease, FACTS), "fairface")):
        with pytest.raises(ModelError, match=rf"w600k_r50.*{example}\.onnx") as raised:
            reader.read(astronaut, [astronaut_face])
        assert raised.value.code == "MODEL.CONTRACT"
    assert GenderAge(lease).read(astronaut, []) == []
