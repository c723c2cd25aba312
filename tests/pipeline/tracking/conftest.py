"""People that tracking knows, and the clips they are in."""

from __future__ import annotations

import pytest

from models.arrays import Pixels
from models.interfaces import FaceStack, Search
from pipeline.recipe import Person


@pytest.fixture(scope="session")
def cast_of_two(astronaut: Pixels, hopper: Pixels, stack: FaceStack) -> tuple[Person, Person]:
    """1 is the astronaut, 2 is Grace Hopper."""
    people = []
    for number, picture in ((1, astronaut), (2, hopper)):
        faces = stack.landmarker.landmarks(picture, stack.detector.detect(picture, Search()))
        known, = stack.recogniser.embed(picture, faces[:1])
        people.append(Person(number=number, recogniser=stack.recogniser.name, descriptor=tuple(known)))
    return people[0], people[1]
