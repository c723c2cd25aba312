"""Networks for one row that are made to take several, and those that must not be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.runtime import quiet_runtime
from models.sessions import CPU, SessionManager
from models.sessions.axis import with_free_axis
from models.twins import Graph, zero_recogniser, zero_swapper


def session(graph: bytes) -> Any:
    return quiet_runtime().InferenceSession(graph, providers=[CPU])


def convolution(shape: tuple[int, ...] = (1, 3, 8, 8)) -> Graph:
    graph = Graph()
    numbers = np.random.default_rng(3)
    made = graph.op("Conv", graph.input("input", shape), graph.constant(numbers.standard_normal((4, 3, 3, 3))),
                    pads=[1, 1, 1, 1])
    graph.output(made, "output", (1, 4, *shape[2:]))
    return graph


def reshaping(to: list[int]) -> bytes:
    graph = Graph()
    made = graph.op("Reshape", graph.input("input", (1, 3, 4, 4)), graph.constant(np.array(to, np.int64)))
    graph.output(graph.op("MatMul", made, graph.constant(np.eye(48, 5))), "output", (1, 5))
    return graph.serialised()


def mixing() -> bytes:
    """Subtracts the mean over everything: a row's answer depends on the others."""
    graph = Graph()
    given = graph.input("input", (1, 3, 4, 4))
    graph.output(graph.op("Sub", given, graph.op("ReduceMean", given, keepdims=1)), "output", (1, 3, 4, 4))
    return graph.serialised()


def telling(rows: int | str, told: int | str) -> bytes:
    """Takes so many rows, and says that it gives so many."""
    graph = Graph()
    flat = graph.op("Flatten", graph.input("input", (rows, 3, 4, 4)))
    graph.output(graph.op("MatMul", flat, graph.constant(np.eye(48, 5))), "output", (told, 5))
    return graph.serialised()


@pytest.mark.parametrize("graph", [convolution().serialised(), reshaping([1, 48]), reshaping([1, -1]), zero_swapper(),
                                   telling("None", 1)],
                         ids=["convolution", "reshape", "reshape, the rest", "swapper", "free, and says it is not"])
def test_several_rows_give_what_each_gives_alone(graph: bytes) -> None:
    freed = with_free_axis(graph, session)
    assert freed is not None
    one, several = session(graph), session(freed)
    numbers = np.random.default_rng(1)
    feeds = {port.name: numbers.uniform(-1, 1, (5, *port.shape[1:])).astype(np.float32) for port in one.get_inputs()}
    at_once = several.run(None, feeds)[0]
    assert len(at_once) == 5
    for row in range(5):
        alone = one.run(None, {name: array[row:row + 1] for name, array in feeds.items()})[0]
        assert np.allclose(at_once[row], alone[0], atol=1e-5)


def test_what_rows_share_stays_as_it_is() -> None:
    graph = Graph()
    made = graph.op("Mul", graph.input("input", (1, 3, 8, 8)), graph.input("weight", (1,)))
    graph.output(made, "output", (1, 3, 8, 8))
    freed = with_free_axis(graph.serialised(), session)
    assert freed is not None
    assert [tuple(port.shape) for port in session(freed).get_inputs()][1] == (1,)


@pytest.mark.parametrize("graph", [mixing(), zero_recogniser(), b"", reshaping([1, 48])[:-30], telling("N", "N")],
                         ids=["rows that mix", "free already", "nothing", "cut off", "free"])
def test_what_would_answer_otherwise_is_left_alone(graph: bytes) -> None:
    if graph in (b"", reshaping([1, 48])[:-30]):
        with pytest.raises(Exception, match=r"."):  # as loading it does
            with_free_axis(graph, session)
        return
    assert with_free_axis(graph, session) is None


def test_a_lease_may_ask_for_it_and_runs_many_rows_of_a_network_for_one(tmp_path: Path) -> None:
    path = tmp_path / "swapper.onnx"
    path.write_bytes(zero_swapper())
    manager = SessionManager()
    with manager.lease(path, name="swapper", rows=True) as lease:
        assert lease.packs
        faces = np.random.default_rng(2).uniform(0, 1, (6, 3, 128, 128)).astype(np.float32)
        made, = lease.run({"target": faces, "source": np.zeros((6, 512), np.float32)})
        assert np.allclose(made, faces * np.array([0.9, 0.9, 0.8], np.float32).reshape(3, 1, 1) + 0.05, atol=1e-6)
    assert manager.counts()[0].batches == {6: 1}
    with SessionManager().lease(mixing(), name="mixing", rows=True) as lease:
        assert not lease.packs
        assert lease.run({"input": np.ones((1, 3, 4, 4), np.float32)})[0].shape == (1, 3, 4, 4)
