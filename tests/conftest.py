"""Pictures that installed packages carry, and what is learned of them once a run."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import cv2
import pytest

from models.arrays import Pixels
from models.face import Face
from models.families.dlib_faces import dlib_stack
from models.interfaces import FaceStack, Search

pytest_plugins = ["tests.pipeline.findings.fixtures"]

LONG_TIMEOUT = 1500
"""Seconds that a test of the long tier may take on a busy machine, where it names no other time; see pyproject.toml for
the quick ones."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("long") is not None and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(LONG_TIMEOUT))


def package_file(package: str, name: str) -> Path:
    """A file of an installed package, found without importing it."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / name


ASTRONAUT = package_file("skimage", "data/astronaut.png")
HOPPER = package_file("matplotlib", "mpl-data/sample_data/grace_hopper.jpg")
SIX_PEOPLE = package_file("insightface", "data/images/t1.jpg")


def read_bgr(path: Path) -> Pixels:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


@pytest.fixture(scope="session")
def astronaut() -> Pixels:
    """512 x 512, one face of about 60 px between the outer eye corners."""
    return read_bgr(ASTRONAUT)


@pytest.fixture(scope="session")
def hopper() -> Pixels:
    """512 x 600, one face with glasses, 122 px between the outer eye corners."""
    return read_bgr(HOPPER)


@pytest.fixture(scope="session")
def six_people() -> Pixels:
    """1280 x 886, six faces of 45 to 68 px between the outer eye corners."""
    return read_bgr(SIX_PEOPLE)


@pytest.fixture(scope="session")
def stack() -> FaceStack:
    return dlib_stack()


@pytest.fixture(scope="session")
def astronaut_face(astronaut: Pixels, stack: FaceStack) -> Face:
    found = stack.landmarker.landmarks(astronaut, stack.detector.detect(astronaut, Search()))
    assert len(found) == 1
    return found[0]
