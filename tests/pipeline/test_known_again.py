"""People who were known before a better recogniser came."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.catalogue import whole_catalogue
from models.errors import ModelError
from models.foreign import Inspected
from models.interfaces import FaceStack
from models.networks import Networks
from models.sessions import Port
from models.store import Store
from pipeline.engine import Engine
from pipeline.recipe import Person
from processors.registry import Registry


def arcface(_path: Path) -> Inspected:
    kind = "tensor(float)"
    return Inspected((Port("input.1", ("None", 3, 112, 112), kind),), (Port("683", (1, 512), kind),))


def person(recogniser: str) -> Person:
    return Person(number=1, recogniser=recogniser, descriptor=(0.1, 0.2))


@pytest.fixture
def engine(tmp_path: Path, stack: FaceStack, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """With w600k_r50 beside dlib's own."""
    monkeypatch.setattr("pipeline.engine.dlib_stack", lambda: stack)
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "w600k_r50.onnx").write_bytes(b"never opened")
    store = Store(whole_catalogue(), folder, tmp_path / "models.json", inspect=arcface)
    return Engine(registry=Registry(), networks=Networks(store))


def test_people_are_known_again_by_the_recogniser_that_knew_them_first(engine: Engine) -> None:
    best, before = engine.faces, engine.faces_for([person("dlib-resnet-v1")])
    assert best.recogniser.name == "arcface-w600k-r50"
    assert before.recogniser.name == "dlib-resnet-v1"
    assert before.name != best.name, "nothing that one stack has found is taken for the other's"
    assert engine.faces_for([]) is best
    assert engine.faces_for([person("arcface-w600k-r50")]) is best
    assert engine.faces_for([person("dlib-resnet-v1")]) is before


def test_people_of_a_recogniser_that_is_gone_are_not_nobody(engine: Engine) -> None:
    with pytest.raises(ModelError, match=r"MODEL\.MISSING.*w600k-mbf.*anew"):
        engine.faces_for([person("w600k-mbf")])
