"""A device that fails in the middle of a clip: the part is done again on another, and the clip is the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from models.arrays import Pixels
from models.interfaces import Detection, FaceStack, Search
from models.networks import Networks
from models.runtime import quiet_runtime
from models.sessions import DeviceLost, DeviceSpec, SessionManager
from pipeline.engine import ClipRequest, Control, Engine
from pipeline.recipe import input_of
from processors.registry import Registry
from tests.conftest import HOPPER
from tests.door.making import face_clip, planes_of
from tests.pipeline.test_gate import FILES, recipe
from tests.pipeline.test_gate import registry as registry
from tests.twins.gate import networks


class Failing:
    """ONNX Runtime, whose n-th run fails as a card does that has gone; n is counted over all sessions."""

    def __init__(self, *failing: int) -> None:
        self.failing, self.runs = failing, 0
        self.real = quiet_runtime()

    def __call__(self) -> SimpleNamespace:
        return SimpleNamespace(**{**vars(self.real), "InferenceSession": self.session})

    def session(self, *given: Any, **named: Any) -> SimpleNamespace:
        made = self.real.InferenceSession(*given, **named)

        def run(*words: Any) -> Any:
            self.runs += 1
            if self.runs in self.failing:
                raise RuntimeError("CUDA failure 719: unspecified launch failure ; GPU=0")
            return made.run(*words)

        return SimpleNamespace(run=run, get_inputs=made.get_inputs, get_outputs=made.get_outputs,
                               get_providers=made.get_providers)


def rendered(registry: Registry, stack: FaceStack | None, folder: Path, runtime: Failing) -> tuple[Path, Engine]:
    folder.mkdir()
    path = face_clip(folder / "in.mp4", 30, gop=10, sound=False)
    manager = SessionManager([DeviceSpec("card 0"), DeviceSpec("card 1")], runtime=runtime)
    engine = Engine(registry=registry, faces=stack, networks=Networks(networks(folder, FILES).store, manager))
    clip = engine.open_clip(path)
    asked = recipe(registry, "toy_enhance").model_copy(update={"target": input_of(clip.id, path.name, path)})
    engine.render_clip(ClipRequest(recipe=asked, output=folder / "out.mp4"), Control(), sources={})
    return folder / "out.mp4", engine


def test_a_part_is_done_again_where_its_device_failed(registry: Registry, stack: FaceStack, tmp_path: Path) -> None:
    whole, _ = rendered(registry, stack, tmp_path / "one", Failing())
    again, engine = rendered(registry, stack, tmp_path / "two", Failing(12))
    assert sorted(device.lost for device in engine.networks.manager.devices()) == [False, True]
    assert [frame.tobytes() for frame in planes_of(again)] == [frame.tobytes() for frame in planes_of(whole)]


def test_where_all_devices_fail_that_is_said_and_finished_parts_stay(registry: Registry, stack: FaceStack,
                                                                     tmp_path: Path) -> None:
    with pytest.raises(DeviceLost):
        rendered(registry, stack, tmp_path / "three", Failing(5, 9))
    assert not (tmp_path / "three" / "out.mp4").exists()


def test_what_finds_faces_moves_too(registry: Registry, stack: FaceStack, tmp_path: Path,
                                    monkeypatch: pytest.MonkeyPatch) -> None:
    """Its networks were leased on the card that failed."""
    made: list[FaceStack] = []

    def stack_of(_store: object, manager: SessionManager, **_words: object) -> FaceStack:
        lease = manager.lease(FILES["recogniser.arcface"], name="looking", owner="faces")
        feeds = {"input": np.zeros((1, 3, 112, 112), np.float32)}

        class Looking:
            name = "looking"

            def side(self, search: Search) -> int | None:
                return None

            def detect(self, picture: Pixels, search: Search) -> list[Detection]:
                lease.run(feeds)
                return stack.detector.detect(picture, search)

        made.append(replace(stack, detector=Looking()))
        return made[-1]

    monkeypatch.setattr("pipeline.engine.stack_of", stack_of)
    _, engine = rendered(registry, None, tmp_path / "four", Failing(1))
    assert len(made) == 2
    assert sorted(device.lost for device in engine.networks.manager.devices()) == [False, True]


def test_a_picture_is_made_again_elsewhere(registry: Registry, stack: FaceStack, tmp_path: Path) -> None:
    manager = SessionManager([DeviceSpec("card 0"), DeviceSpec("card 1")], runtime=Failing(1))
    engine = Engine(registry=registry, faces=stack, networks=Networks(networks(tmp_path, FILES).store, manager))
    done = engine.render(recipe(registry, "toy_enhance"), engine.open(HOPPER))
    assert done.regions
    assert sorted(device.lost for device in manager.devices()) == [False, True]
