"""Who goes next, what goes together, what makes room for what: with a runtime that stands in for a device."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.errors import ModelError
from models.sessions import CPU, DeviceLost, DeviceSpec, OutOfMemory, Priority, SessionManager
from models.sessions.model import Model
from models.sessions.requests import MOST, Request, Turns, apart, pack, together
from models.sessions.tensors import on_host


@dataclass
class Card:
    """A device of the tests' own. A model is a text of bytes; its output is its input doubled, row by row.

    memory: rows that fit into one run, less one for every hundred bytes of loaded models. gate: runs wait for it.
    """

    memory: int = 10**9
    free: bool = True
    gate: threading.Event = field(default_factory=threading.Event)
    started: threading.Event = field(default_factory=threading.Event)
    runs: list[tuple[str, NDArray[Any]]] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    fault: Callable[[str, NDArray[Any]], None] = lambda _name, _rows: None

    def __post_init__(self) -> None:
        self.gate.set()

    def module(self) -> SimpleNamespace:
        return SimpleNamespace(SessionOptions=lambda: SimpleNamespace(add_session_config_entry=lambda *_: None),
                               InferenceSession=self.session,
                               GraphOptimizationLevel=SimpleNamespace(ORT_ENABLE_ALL="all"))

    def session(self, source: bytes, _options: Any, providers: list[Any]) -> SimpleNamespace:
        name = source.decode().partition(":")[0]
        self.loads.append(name)
        shape = ("N", 2) if self.free else (1, 2)
        port = SimpleNamespace(name="x", shape=shape, type="tensor(float)")
        out = SimpleNamespace(name="y", shape=shape, type="tensor(float)")

        def run(_names: Any, feeds: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
            self.started.set()
            assert self.gate.wait(20)
            rows = feeds["x"]
            self.fault(name, rows)
            if len(rows) > self.memory:
                raise RuntimeError("Failed to allocate memory for requested buffer of size 1048576")
            self.runs.append((name, rows))
            return [rows * 2]

        return SimpleNamespace(get_providers=lambda: [CPU], get_inputs=lambda: [port], get_outputs=lambda: [out],
                               run=run)


def rows(*values: float) -> dict[str, NDArray[Any]]:
    return {"x": np.array([[value, value] for value in values], np.float32)}


def manager(card: Card, *, streams: int = 1, budget: int | None = None) -> SessionManager:
    return SessionManager((DeviceSpec("card", streams=streams, budget=budget),), runtime=card.module)


def warm(made: SessionManager, name: str = "m") -> None:
    """Loaded, so that it is known what it takes."""
    made.lease(name.encode(), name=name).run(rows(0))


@pytest.fixture
def card() -> Card:
    return Card()


def held_up(card: Card, made: SessionManager, ask: Callable[[], list[Future[Any]]]) -> list[Future[Any]]:
    """What is asked for while a run is under way, once all of it is there."""
    card.gate.clear()
    card.started.clear()
    blocking = made.lease(b"blocker", name="blocker").submit(rows(-1))
    assert card.started.wait(10)
    asked = ask()
    card.gate.set()
    _, late = wait([blocking, *asked], 20)
    assert not late
    return asked


def test_what_waits_for_one_model_goes_in_one_run_and_everybody_gets_their_own_rows(card: Card) -> None:
    made = manager(card)
    warm(made)
    lease = made.lease(b"m", name="m")
    answers = held_up(card, made, lambda: [lease.submit(rows(*range(n, 2 * n))) for n in (1, 2, 3)])
    assert [len(one) for name, one in card.runs if name == "m"] == [1, 6]
    assert [answer.result()[0][:, 0].tolist() for answer in answers] == [[2], [4, 6], [6, 8, 10]]
    counts = made.counts()[0]
    assert (counts.requests, counts.runs, counts.batches) == (4, 2, {1: 1, 6: 1})


def test_a_network_for_one_row_runs_once_for_each(card: Card) -> None:
    card.free = False
    made = manager(card)
    warm(made)
    lease = made.lease(b"m", name="m")
    held_up(card, made, lambda: [lease.submit(rows(n)) for n in range(3)])
    assert [len(one) for name, one in card.runs if name == "m"] == [1, 1, 1, 1]


def test_a_preview_goes_before_renders_that_wait_longer(card: Card) -> None:
    made = manager(card)
    for name in ("render", "preview", "ahead"):
        warm(made, name)
    card.runs.clear()
    leases = {name: made.lease(name.encode(), name=name, owner=name, priority=priority) for name, priority in (
        ("ahead", Priority.AHEAD), ("render", Priority.RENDER), ("preview", Priority.PREVIEW))}
    held_up(card, made, lambda: [lease.submit(rows(1)) for lease in leases.values()])
    assert [name for name, _ in card.runs] == ["blocker", "preview", "render", "ahead"]


def test_two_renders_take_turns_however_much_one_of_them_asks_for(card: Card) -> None:
    card.free = False
    made = manager(card)
    greedy = made.lease(b"greedy", name="greedy", owner="one")
    modest = made.lease(b"modest", name="modest", owner="two")
    held_up(card, made, lambda: [*(greedy.submit(rows(n)) for n in range(8)), *(modest.submit(rows(n))
                                                                             for n in range(3))])
    order = [name for name, _ in card.runs if name != "blocker"]
    assert order[:6].count("modest") == 3, order


def test_one_that_is_cancelled_while_it_waits_never_runs(card: Card) -> None:
    made = manager(card)
    lease = made.lease(b"m", name="m")

    def ask() -> list[Future[Any]]:
        first, second = lease.submit(rows(1)), lease.submit(rows(2))
        assert first.cancel()
        return [second]

    held_up(card, made, ask)
    assert [one[0, 0] for name, one in card.runs if name == "m"] == [2]


def test_only_the_request_that_is_at_fault_fails(card: Card) -> None:
    def fault(_name: str, given: NDArray[Any]) -> None:
        if (given == 13).any():
            raise RuntimeError("Non-zero status code returned: a bad number")

    card.fault = fault
    made = manager(card)
    warm(made)
    lease = made.lease(b"m", name="m")
    good, bad = held_up(card, made, lambda: [lease.submit(rows(1)), lease.submit(rows(13))])
    assert good.result()[0].tolist() == [[2, 2]]
    with pytest.raises(ModelError, match=r"MODEL\.FAILED.*a bad number"):
        bad.result()


@pytest.mark.parametrize("memory", [1, 2, 5, 7])
def test_where_memory_is_short_the_rows_go_in_pieces_and_come_back_whole(card: Card, memory: int) -> None:
    card.memory = memory
    made = manager(card)
    lease = made.lease(b"m", name="m")
    given = rows(*range(12))
    for _ in range(2):
        assert np.array_equal(lease.run(given)[0], given["x"] * 2)
    sizes = [len(one) for _, one in card.runs]
    assert max(sizes) <= memory
    first = sum(1 for one in np.cumsum(sizes) if one <= 12)
    assert len(sizes) - first <= first, "what did not fit once is not tried again"


def test_where_not_even_one_row_fits_others_make_room_first_and_then_it_is_said(card: Card) -> None:
    made = manager(card)
    warm(made, "other")
    card.memory = 0
    with pytest.raises(OutOfMemory, match=r"DEVICE\.OUT_OF_MEMORY.*Close other programs") as raised:
        made.lease(b"m", name="m").run(rows(1))
    assert isinstance(raised.value, MemoryError)
    assert [one.loaded for one in made.counts()] == [False, True]
    card.memory = 10
    assert made.lease(b"m", name="m").run(rows(1))[0].tolist() == [[2, 2]], "it works again"


def test_models_that_were_used_longest_ago_make_room(card: Card) -> None:
    made = manager(card, budget=25)
    leases = {name: made.lease(f"{name}:{'.' * 8}".encode(), name=name) for name in ("a", "b", "c")}  # ten bytes each
    for name in ("a", "b", "a", "c"):
        leases[name].run(rows(1))
    assert [one.name for one in made.counts() if one.loaded] == ["a", "c"]
    device, = made.devices()
    assert (device.bytes, device.budget, device.unloads) == (20, 25, 1)
    leases["b"].run(rows(1))
    assert [one.name for one in made.counts() if one.loaded] == ["b", "c"]
    assert card.loads == ["a", "b", "c", "b"]


def test_a_model_that_is_larger_than_the_budget_is_loaded_alone(card: Card) -> None:
    made = manager(card, budget=5)
    warm(made, "small")
    warm(made, "larger than that")
    assert [one.name for one in made.counts() if one.loaded] == ["larger than that"]


def test_a_model_that_runs_is_not_taken_away(card: Card) -> None:
    made = manager(card, streams=2, budget=1)
    warm(made, "other")
    held_up(card, made, lambda: [made.lease(b"other", name="other").submit(rows(1))])
    assert all(answer is not None for answer in card.runs)
    assert {one.name for one in made.counts()} == {"other", "blocker"}


def test_what_rests_is_loaded_again_when_it_is_needed(card: Card) -> None:
    made = manager(card)
    warm(made)
    made.rest(3600)
    assert made.counts()[0].loaded
    made.rest()
    assert not made.counts()[0].loaded
    warm(made)
    assert made.counts()[0].loads == 2


def test_owners_are_spread_over_devices_and_stay_where_they_are() -> None:
    card = Card()
    made = SessionManager([DeviceSpec(f"card {n}") for n in range(2)], runtime=card.module)
    places = [[made.lease(name.encode(), name=name, owner=owner).device for name in ("detect", "swap")]
              for owner in ("one", "two", "three")]
    assert all(len(set(chain)) == 1 for chain in places), "a chain stays together"
    assert Counter(chain[0] for chain in places) == {"card 0": 2, "card 1": 1}
    made.done("one")
    assert made.lease(b"swap", name="swap", owner="four").device in ("card 0", "card 1")
    assert sorted(device.owners for device in made.devices()) == [1, 2]


def test_a_device_that_fails_is_not_used_any_more_and_its_work_goes_elsewhere() -> None:
    card = Card()
    broken = ["card 0"]
    made = SessionManager([DeviceSpec(f"card {n}") for n in range(2)], runtime=card.module)
    lease = made.lease(b"m", name="m", owner="render")
    assert lease.device == "card 0"

    def fault(_name: str, _rows: NDArray[Any]) -> None:
        if broken:
            broken.pop()
            raise RuntimeError("CUDA failure 719: unspecified launch failure ; GPU=0")

    card.fault = fault
    with pytest.raises(DeviceLost, match=r"DEVICE\.LOST: card 0"):
        lease.run(rows(1))
    assert [device.lost for device in made.devices()] == [True, False]
    again = made.lease(b"m", name="m", owner="render")
    assert again.device == "card 1"
    assert again.run(rows(1))[0].tolist() == [[2, 2]]


def test_where_no_device_is_left_that_is_said(card: Card) -> None:
    def fault(_name: str, _rows: NDArray[Any]) -> None:
        raise RuntimeError("CUDA failure 700: an illegal memory access was encountered")

    card.fault = fault
    made = manager(card)
    with pytest.raises(DeviceLost):
        made.lease(b"m", name="m").run(rows(1))
    with pytest.raises(ModelError, match=r"DEVICE\.LOST: No device works any more"):
        made.lease(b"m", name="m")


def test_what_waits_when_the_manager_is_closed_is_refused(card: Card) -> None:
    made = manager(card)
    lease = made.lease(b"m", name="m")
    card.gate.clear()
    running = lease.submit(rows(1))
    assert card.started.wait(10)
    waiting = lease.submit(rows(2))
    closing = threading.Thread(target=made.close)
    closing.start()
    with pytest.raises(ModelError, match=r"MODEL\.CLOSED"):
        waiting.result(10)
    card.gate.set()
    closing.join(10)
    assert running.result(1)[0].tolist() == [[2, 2]], "what ran was let end"


def test_many_threads_get_their_own_answers(card: Card) -> None:
    made = manager(card, streams=2, budget=30)
    wrong = []

    def work(number: int) -> None:
        for turn in range(40):
            name = f"m{(number + turn) % 4}"
            lease = made.lease(name.encode() + b":" + b"." * 9, name=name, owner=str(number % 3))
            value = number * 100 + turn
            if lease.run(rows(value))[0][0, 0] != 2 * value:
                wrong.append((number, turn))
            lease.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    assert sum(one.leases for one in made.counts()) == 0
    assert sum(len(one) for _, one in card.runs) == 8 * 40


# The queue alone

def model(most: int = MOST, *, free: bool = True) -> Model:
    card = Card(free=free)
    made = Model(b"m", "m", "card", lambda source: card.session(bytes(source), None, []),
                 (CPU,))
    made.session()
    made.most = most
    return made


requests = st.lists(st.tuples(st.sampled_from(list(Priority)), st.sampled_from("abc"), st.integers(1, 5)), min_size=1,
                    max_size=12)


@given(requests, st.integers(1, 12))
def test_packing_loses_nothing_and_keeps_to_the_bound(asked: list[tuple[Priority, str, int]], most: int) -> None:
    network = model(most)
    waiting = [Request(network, rows(*([number] * count)), None, priority, owner, number)
               for number, (priority, owner, count) in enumerate(asked)]
    turns = Turns()
    left, served = list(waiting), []
    while left:
        due = turns.next(left)
        assert due[0].priority == min(one.priority for one in left)
        chosen = pack(due)
        assert chosen[0] is due[0]
        assert len(chosen) == 1 or sum(one.rows for one in chosen) <= most
        feeds = together(chosen)
        for one, part in zip(chosen, apart([on_host(feeds["x"])], chosen), strict=True):
            assert np.array_equal(part[0], on_host(one.feeds["x"]))
        turns.took(chosen)
        left = [one for one in left if one not in chosen]
        served += chosen
    assert sorted(one.number for one in served) == list(range(len(asked)))


def test_rows_of_other_shapes_or_wanting_other_outputs_go_alone() -> None:
    network = model()
    other = Request(network, {"x": np.zeros((1, 3), np.float32)}, None)
    half = Request(network, {"x": np.zeros((1, 2), np.float16)}, None)
    named = Request(network, rows(1), ("y",))
    assert pack([Request(network, rows(1), None), other, half, named])[1:] == []


def test_an_input_that_all_rows_share_must_be_equal() -> None:
    network = model()
    strong, weak = ({**rows(1), "weight": np.array([value])} for value in (1.0, 0.5))
    assert len(pack([Request(network, strong, None), Request(network, weak, None)])) == 1
    assert len(pack([Request(network, strong, None), Request(network, dict(strong), None)])) == 2


def test_a_thousand_loads_leave_nothing_behind(card: Card) -> None:
    made = manager(card, budget=15)
    began = time.monotonic()
    for number in range(1000):
        lease = made.lease(b"ab"[number % 2:number % 2 + 1] + b":" + b"." * 8, name="m")
        lease.run(rows(1))
        lease.close()
    assert time.monotonic() - began < 60
    assert made.devices()[0].bytes == 10
    assert len(made.counts()) == 2
    assert sum(one.leases for one in made.counts()) == 0
    assert threading.active_count() < 20
