"""The session manager: one session a model, the options that a CPU wants, honest counts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from models.errors import ModelError
from models.runtime import quiet_runtime, tiny_network
from models.sessions import CPU, DeviceSpec, SessionManager, cores
from models.twins import zero_recogniser
from tests.door.conftest import ROOT

ONE = {"x": np.array([-1.0], np.float32)}


@dataclass
class Pretend:
    """Stands in for the onnxruntime module: makes sessions that run on `runs_on`, slowly, and notes their options."""

    runs_on: tuple[str, ...] = (CPU,)
    made: list[Any] = field(default_factory=list)
    entries: dict[str, str] = field(default_factory=dict)

    def module(self) -> SimpleNamespace:
        return SimpleNamespace(SessionOptions=self.options, InferenceSession=self.session,
                               GraphOptimizationLevel=SimpleNamespace(ORT_ENABLE_ALL="all"))

    def options(self) -> SimpleNamespace:
        return SimpleNamespace(add_session_config_entry=self.entries.__setitem__)

    def session(self, source: Any, options: Any, providers: list[str]) -> SimpleNamespace:
        time.sleep(0.02)
        self.made.append((source, options, providers))
        return SimpleNamespace(get_providers=lambda: list(self.runs_on), get_inputs=list, get_outputs=list,
                               run=lambda names, feeds: [np.zeros((2, 3), np.float32)])


def code_of(work: Callable[[], object]) -> str:
    with pytest.raises(ModelError) as raised:
        work()
    assert raised.value.remedy
    return raised.value.code


def test_a_model_is_loaded_at_its_first_use_and_once_for_all_threads(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"weights")
    pretend = Pretend()
    manager = SessionManager(runtime=pretend.module)
    leases = [manager.lease(path, name="m") for _ in range(8)]
    assert pretend.made == []
    threads = [threading.Thread(target=lease.run, args=(ONE,)) for lease in leases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [source for source, _, _ in pretend.made] == [str(path)]
    counts, = manager.counts()
    assert (counts.runs, counts.leases, counts.bytes, counts.batches) == (8, 8, 7, {1: 8})
    assert counts.moved == 8 * (4 + 24)
    assert counts.load_ms >= 20


def test_a_file_that_changed_is_another_model_and_equal_bytes_are_one(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    manager = SessionManager(runtime=Pretend().module)
    for content in (b"old", b"newer"):
        path.write_bytes(content)
        manager.lease(path, name="file")
    manager.lease(b"same", name="one")
    manager.lease(b"same", name="another")
    assert [counts.name for counts in manager.counts()] == ["file", "file", "one"]


@pytest.mark.parametrize(("asked", "given"), [(None, cores()), (1, 1), (64, cores())])
def test_sessions_get_the_options_of_a_cpu(asked: int | None, given: int) -> None:
    pretend = Pretend()
    SessionManager(threads=asked, runtime=pretend.module).lease(b"m", name="m").run(ONE)
    (_, options, providers), = pretend.made
    assert (options.intra_op_num_threads, options.graph_optimization_level, providers) == (given, "all", [CPU])
    assert pretend.entries == {"session.intra_op.allow_spinning": "0", "session.inter_op.allow_spinning": "0"}


def test_a_silent_fall_back_to_the_cpu_is_noticed() -> None:
    gpu = DeviceSpec("cuda:0", ("CUDAExecutionProvider", CPU))
    manager = SessionManager((gpu,), runtime=Pretend().module)
    manager.lease(b"m", name="m").run(ONE)
    counts, = manager.counts()
    assert (counts.providers, counts.missed) == ((CPU,), ("CUDAExecutionProvider",))


def test_a_real_network_runs_and_counts_its_batches() -> None:
    with SessionManager() as manager, manager.lease(zero_recogniser(), name="twin") as lease:
        before = manager.counts()
        assert (lease.inputs[0].name, lease.inputs[0].shape) == ("input", ("N", 3, 112, 112))
        assert (lease.outputs[0].name, lease.outputs[0].type) == ("embedding", "tensor(float)")
        for batch in (1, 4, 4):
            made, = lease.run({"input": np.zeros((batch, 3, 112, 112), np.float32)})
            assert made.shape == (batch, 512)
        counts, = manager.counts()
        assert (counts.batches, counts.runs, counts.providers, counts.missed) == ({1: 1, 4: 2}, 3, (CPU,), ())
        assert counts.ms > 0
        assert before[0].runs == 0  # a snapshot
    assert manager.counts()[0].leases == 0


def test_what_cannot_be_loaded_or_run_has_a_code(tmp_path: Path) -> None:
    manager = SessionManager()
    assert code_of(lambda: manager.lease(tmp_path / "none.onnx", name="n")) == "MODEL.MISSING"
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(tiny_network()[:40])
    assert code_of(lambda: manager.lease(broken, name="b").run(ONE)) == "MODEL.UNREADABLE"
    tiny = manager.lease(tiny_network(), name="t")
    assert code_of(lambda: tiny.run({"y": ONE["x"]})) == "MODEL.FAILED"
    assert tiny.run(ONE)[0].tolist() == [0.0]


def test_nothing_runs_once_it_was_given_back() -> None:
    manager = SessionManager()
    first, second = (manager.lease(tiny_network(), name="t") for _ in range(2))
    first.close()
    assert code_of(lambda: first.run(ONE)) == "MODEL.CLOSED"
    assert second.run(ONE)[0].tolist() == [0.0]
    manager.close()
    assert code_of(lambda: second.run(ONE)) == "MODEL.CLOSED"
    assert code_of(lambda: manager.lease(b"x", name="x")) == "MODEL.CLOSED"


def test_the_adapter_answers_as_a_session_does() -> None:
    manager = SessionManager()
    adapter = manager.lease(tiny_network(), name="t").adapter()
    session = quiet_runtime().InferenceSession(tiny_network(), providers=[CPU])
    for ours, theirs in ((adapter.get_inputs(), session.get_inputs()), (adapter.get_outputs(), session.get_outputs())):
        assert [(p.name, p.shape, p.type) for p in ours] == [(p.name, p.shape, p.type) for p in theirs]
    assert adapter.get_providers() == session.get_providers()
    assert adapter.run(["y"], ONE)[0].tolist() == [0.0]
    assert manager.counts()[0].runs == 1


def test_nobody_else_makes_sessions() -> None:
    """The doctor's trial of what a provider can do is the one exception."""
    makers = {path.relative_to(ROOT).as_posix() for room in ("studio", "pipeline", "processors", "models")
              for path in (ROOT / room).rglob("*.py") if "InferenceSession(" in path.read_text(encoding="utf-8")}
    assert makers == {"models/sessions/manager.py", "models/runtime.py"}
