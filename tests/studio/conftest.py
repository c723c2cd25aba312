"""A studio and a browser for each module that needs them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.interfaces import FaceStack
from pipeline.engine import Engine
from studio.session import TabSession
from studio.tabs import Tabs
from tests.studio.clips import small_clip, tabs_of
from tests.studio.serving import Studio, serve


@pytest.fixture(scope="module")  # playwright keeps an event loop running; other modules run their own
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with serve(tmp_path_factory.mktemp("data")) as running:
        yield running


@pytest.fixture(scope="module")
def engine(stack: FaceStack) -> Iterator[Engine]:
    engine = Engine(faces=stack)
    yield engine
    engine.close()


@pytest.fixture
def tabs(engine: Engine, tmp_path: Path) -> Iterator[Tabs]:
    with tabs_of(engine, tmp_path) as opened:
        yield opened


@pytest.fixture
def tab(tabs: Tabs) -> TabSession:
    return tabs.open("one")


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people, one after the other; see tests/studio/clips.py."""
    return small_clip(tmp_path_factory.mktemp("clips"))


@pytest.fixture
def no_complaints(studio: Studio) -> Iterator[None]:
    """In no test may the page's own scripts report an error, or ask anybody but this server for anything."""
    studio.complaints.clear()
    yield
    assert studio.complaints == []
    assert studio.foreign_requests() == []
