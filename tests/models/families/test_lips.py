"""Lips to a voice, on twins whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from models.arrays import Pixels
from models.catalogue import whole_catalogue
from models.families.lips import LipSync
from models.sessions import SessionManager
from models.twins import Graph

FACTS = {family.name: family.facts for family in whole_catalogue().family if family.role == "lips"}


def wav2lip(rows: int | str = "N") -> bytes:
    """The half-black face plus a quarter of the whole one, plus a tenth of the sound's mean."""
    graph = Graph()
    faces, sound = graph.input("target", (rows, 6, 96, 96)), graph.input("source", (rows, 1, 80, 16))
    weights = np.concatenate([np.eye(3), np.eye(3) * 0.25], axis=1).reshape(3, 6, 1, 1)
    loud = graph.op("Mul", graph.op("ReduceMean", sound, axes=[2, 3], keepdims=1), graph.constant(0.1))
    made = graph.op("Add", graph.op("Conv", faces, graph.constant(weights)), loud)
    graph.output(made, "output", (rows, 3, 96, 96))
    return graph.serialised()


def edtalk() -> bytes:
    """The face, plus the weight on red, plus a tenth of the sound's mean."""
    graph = Graph()
    face, sound = graph.input("target", (1, 3, 256, 256)), graph.input("source", (1, 1, 80, 16))
    red = graph.op("Mul", graph.input("weight", (1,)), graph.constant(np.array([1.0, 0, 0]).reshape(1, 3, 1, 1)))
    loud = graph.op("Mul", graph.op("ReduceMean", sound, axes=[2, 3], keepdims=1), graph.constant(0.1))
    graph.output(graph.op("Add", graph.op("Add", face, red), loud), "output", (1, 3, 256, 256))
    return graph.serialised()


HEARD = [np.full((80, 16), level, np.float32) for level in (1.0, -0.5)]


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize("rows", [1, "N"])
def test_wav2lip_sees_the_upper_half_and_the_whole_face_in_blue_green_red(kind: type, rows: int | str) -> None:
    manager = SessionManager()
    twin = LipSync(manager.lease(wav2lip(rows), name="twin"), FACTS["wav2lip"])
    crops: list[Pixels] = [np.full((96, 96, 3), colour, kind) for colour in ((20, 40, 80), (60, 30, 90))]
    for weight in (0.5, 1.0, 0.0):
        made = twin.speak(crops, HEARD, weight)
        for face, crop, heard in zip(made, crops, HEARD, strict=True):
            assert face.dtype == kind
            loud = 0.1 * heard[0, 0] * 2 * weight * 255
            lower, upper = crop[0, 0] * 0.25 + loud, crop[0, 0] * 1.25 + loud
            assert np.abs(face[:48] - np.clip(upper, 0, 255)).max() < 0.51
            assert np.abs(face[48:] - np.clip(lower, 0, 255)).max() < 0.51
    assert twin.halves
    assert twin.speak([], []) == []


def test_edtalk_sees_red_first_and_a_weight() -> None:
    twin = LipSync(SessionManager().lease(edtalk(), name="twin"), FACTS["edtalk"])
    made = twin.speak([np.full((256, 256, 3), (20, 40, 80), np.uint8)] * 2, HEARD, 0.25)
    for face, loud in zip(made, (25.5, -12.75), strict=True):
        assert np.abs(face[9, 9] - np.array([20 + loud, 40 + loud, 80 + 63.75 + loud])).max() < 0.51
    assert not twin.halves
