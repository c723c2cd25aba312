"""The content analyser on twins that flag what is red, green or blue."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.catalogue import whole_catalogue
from models.families.analyser import _FACTS, ContentAnalyser, _fitted
from models.sessions import SessionManager
from models.twins import Graph

BOXES: dict[str, Any] = {"size": 64, "rule": "boxes", "limit": 0.2}
TWO: dict[str, Any] = {"size": 32, "rule": "unsafe_less_safe", "limit": 0.25, "mean": (0.5,) * 3, "std": (0.5,) * 3}
FOUR: dict[str, Any] = {"size": 48, "rule": "upper_less_lower", "limit": 10.5}


def brightness(graph: Graph, size: int, plane: int) -> str:
    given = graph.input("input", (1, 3, size, size))
    one = graph.op("Slice", given, *(graph.constant([n]) for n in (plane, plane + 1, 1)))
    return graph.op("Reshape", graph.op("ReduceMax", one, keepdims=1), graph.constant(np.array([1, 1])))


def boxes() -> bytes:
    """Two classes in three boxes; one's score is how red the reddest pixel is. Its place is larger than any score."""
    graph = Graph()
    red = graph.op("Reshape", brightness(graph, 64, 0), graph.constant(np.array([1, 1, 1])))
    weights = np.zeros((1, 6, 3))
    weights[0, 5, 1] = 1
    offset = np.zeros((1, 6, 3))
    offset[0, :4] = 300
    graph.output(graph.op("Add", graph.op("Mul", red, graph.constant(weights)), graph.constant(offset)), "output",
                 (1, 6, 3))
    return graph.serialised()


def scores(size: int, plane: int, weights: list[float]) -> bytes:
    graph = Graph()
    graph.output(graph.op("Mul", brightness(graph, size, plane), graph.constant([weights])), "output",
                 (1, len(weights)))
    return graph.serialised()


@pytest.fixture
def analyser() -> ContentAnalyser:
    """Red counts for the first, green for the second, blue for the third."""
    manager = SessionManager()
    return ContentAnalyser([(manager.lease(boxes(), name="one"), BOXES),
                            (manager.lease(scores(32, 1, [1.0, 0.0]), name="two"), TWO),
                            (manager.lease(scores(48, 2, [0.0, -1.0, 10.0, 1.0]), name="three"), FOUR)])


@pytest.mark.parametrize(("colour", "votes"), [
    ((0, 0, 0), 0), ((0, 0, 255), 1), ((0, 255, 0), 1), ((255, 0, 0), 1), ((0, 255, 255), 2), ((255, 255, 0), 2),
    ((255, 0, 255), 2), ((255, 255, 255), 3)])
def test_two_of_three_decide(analyser: ContentAnalyser, colour: tuple[int, int, int], votes: int) -> None:
    picture = np.zeros((90, 160, 3), np.uint8)
    picture[20:60, 40:90] = colour
    found = analyser.look(picture)
    assert found.votes == votes
    assert found.refused is (votes >= 2)


def test_each_number_is_what_the_classifier_s_own_rule_makes_of_its_answer(analyser: ContentAnalyser) -> None:
    found = analyser.look(np.full((50, 50, 3), 255, np.uint8))
    assert np.allclose(found.scores, (1.0, 1.0, 12.0), atol=1e-5)


def test_a_picture_lies_in_the_middle_over_black_red_first() -> None:
    facts = _FACTS.validate_python(TWO)
    blob = _fitted(np.full((100, 200, 3), (0, 0, 255), np.uint8), facts)
    assert blob.shape == (1, 3, 32, 32)
    assert blob[0, :, 16, 5].tolist() == [1.0, -1.0, -1.0]
    assert blob[0, 0, 7].max() == -1, "black above"
    assert blob[0, 0, 8].min() == 1
    assert blob[0, 0, 24].max() == -1, "and below"


def test_the_catalogue_has_three_with_facts_that_are_valid() -> None:
    families = [family for family in whole_catalogue().family if family.role == "analyser"]
    assert sorted(_FACTS.validate_python(dict(one.facts)).size for one in families) == [384, 448, 640]
    with pytest.raises(ValueError, match="three"):
        ContentAnalyser([])


def test_a_hash_and_a_size_of_each_are_pinned() -> None:
    """They count by their hash alone: with a pinned one, a user's own copy can be taken in where nothing is fetched."""
    catalogue = whole_catalogue()
    rows = [row for row in catalogue.offered if catalogue.family_of(row).role == "analyser"]
    assert len(rows) == 3
    assert all(row.sha256 and row.bytes for row in rows)
