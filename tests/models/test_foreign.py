"""Model files of others: what is told of good ones, and how bad ones are refused without harm."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models import foreign
from models.errors import ModelError
from models.foreign import inspect
from models.runtime import tiny_network
from models.sessions.ports import Port
from models.twins import zero_recogniser


def changed(change: Callable[[Any], None]) -> bytes:
    import onnx

    network = onnx.load_model_from_string(tiny_network())
    change(network)
    return bytes(network.SerializeToString())


def outside(network: Any) -> None:
    """Weights in a file of their own, which could be any file of the machine."""
    import numpy as np
    from onnx import TensorProto, numpy_helper

    tensor = numpy_helper.from_array(np.zeros(1, np.float32), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    network.graph.initializer.append(tensor)


def operator(network: Any) -> None:
    network.graph.node[0].domain = "evil.example"


def in_a_branch(network: Any) -> None:
    from onnx import helper

    inner = helper.make_graph([helper.make_node("X", ["x"], ["z"], domain="evil.example")], "g", [], [])
    network.graph.node.append(helper.make_node("If", ["x"], ["b"], then_branch=inner, else_branch=inner))


def test_a_good_file_tells_what_it_takes_and_gives(tmp_path: Path) -> None:
    path = tmp_path / "带 空格.onnx"
    path.write_bytes(zero_recogniser())
    found = inspect(path)
    assert found.inputs == (Port("input", ("N", 3, 112, 112), "tensor(float)"),)
    assert found.outputs == (Port("embedding", ("N", 512), "tensor(float)"),)
    assert foreign.Inspected.from_data(found.to_data()) == found


@pytest.mark.parametrize(("data", "why"), [
    (b"", "0 bytes"), (b"not a network at all", ""), (tiny_network()[:30], ""),
    (changed(outside), "weights lie in other files"), (changed(operator), "operators of evil.example"),
    (changed(in_a_branch), "operators of evil.example")],
    ids=["empty", "no network", "cut off", "weights elsewhere", "code", "code in a branch"])
def test_a_bad_file_is_refused_with_the_reason(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=rf"MODEL\.UNREADABLE: bad\.onnx.*{why}"):
        inspect(path)


def test_a_file_that_kills_whoever_loads_it_is_only_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(tiny_network())
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nkill -s SEGV $$\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(ModelError, match=r"it ended the process that looked at it \(-11\)"):
        inspect(path)
    python.write_text("#!/bin/sh\nsleep 60\n")
    with pytest.raises(ModelError, match="took more than 0 seconds"):
        inspect(path, patience=0.2)


def test_a_file_that_is_too_large_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.onnx"
    with path.open("wb") as file:
        file.truncate(foreign.LARGEST + 1)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("it was opened"))
    with pytest.raises(ModelError, match=str(foreign.LARGEST + 1)):
        inspect(path)
