"""What each step brings on a CUDA device, by itself and all together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.runtime import plain_session, quiet_runtime
from models.sessions import Cuda, DeviceSpec, SessionManager
from models.sessions.halves import off
from pipeline.bench.models.plain import Told
from pipeline.bench.models.report import FULL, Best, Gain, Step
from pipeline.bench.models.timing import in_turns, times
from pipeline.bench.models.working import Network, Networks, numbers_for

Feeds = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class _Way:
    """One set of what is on. cuda, half: as the manager takes them. one: the step that one row is; many: the one that
    batches are; None: not measured."""

    cuda: Cuda
    half: bool
    one: Step | None
    many: Step | None


def _ways(cuda: Cuda) -> tuple[_Way, ...]:
    bare = replace(cuda, graphs=False, halves=True, channels_last=False, tensorrt=False)
    graph, last = replace(bare, graphs=True), replace(bare, channels_last=True)
    whole = replace(last, graphs=True)
    return (_Way(bare, False, "binding", None), _Way(last, False, "channels last", None),
            _Way(graph, False, "graph", "batch"), _Way(bare, True, "half", None),
            _Way(last, True, "half, channels last", None), _Way(whole, False, None, "batch, channels last"),
            _Way(graph, True, None, "all"), _Way(whole, True, None, "all, channels last"))


def measured(networks: Networks, device: DeviceSpec, batches: Sequence[int], rounds: int, progress: Told,
             runtime: Callable[[], Any] = quiet_runtime) -> tuple[tuple[Gain, ...], Best]:
    """Every step of every network, and all five together. device: a CUDA device. runtime: for tests."""
    assert device.cuda is not None
    gains: list[Gain] = []
    for number, one in enumerate(networks.all()):
        progress(number / len(networks.all()), f"measuring what helps {one.name}")
        gains += _network(one, device, device.cuda, batches, rounds, runtime)
    return tuple(gains), best_of(gains)


def _network(one: Network, device: DeviceSpec, cuda: Cuda, batches: Sequence[int], rounds: int,
             runtime: Callable[[], Any]) -> list[Gain]:
    name = one.path.stem
    session = plain_session(one.path, device.providers, runtime)
    single: Feeds = numbers_for(session.get_inputs(), 1)
    wanted = session.run(None, single)
    runs: dict[str, Callable[[], object]] = {"loop": lambda: session.run(None, single)}
    places: dict[str, tuple[Step, int]] = {"loop": ("loop", 1)}
    offs: dict[str, tuple[float, float]] = {"loop": (0.0, 0.0)}
    lost: list[Gain] = []
    with ExitStack() as stack:
        for way in _ways(cuda):
            manager = stack.enter_context(SessionManager((replace(device, cuda=way.cuda),), runtime=runtime))
            lease = manager.lease(one.path, name=name, half=way.half)
            made = lease.run(single)
            counts, = manager.counts()
            missing = _missing(way, counts.modes)
            for step, sizes in ((way.one, batches[:1]), (way.many, batches if lease.packs else batches[:1])):
                if step is None:
                    continue
                if missing:
                    lost.append(Gain(model=name, step=step, said="; ".join(counts.said) or f"no {missing} here"))
                    continue
                for rows in sizes:
                    key = f"{step} {rows}"
                    runs[key], places[key] = partial(lease.run, numbers_for(lease.inputs, rows)), (step, rows)
                    offs[key] = worst_of(made, wanted)
        taken = in_turns(runs, rounds, 0.0)
    found = [_gain(name, *places[key], taken[key], taken["loop"], offs[key]) for key in runs]
    tensorrt = "TensorRT is not here" if not cuda.tensorrt else "an engine is built in the background, not in the bench"
    return [*found, *lost, Gain(model=name, step="tensorrt", said=tensorrt)]


def _missing(way: _Way, modes: Sequence[str]) -> str:
    """What this step is about, where the manager could not do it."""
    wanted = [*(["graph"] if way.cuda.graphs else []), *(["half"] if way.half else []),
              *(["channels last"] if way.cuda.channels_last else [])]
    return ", ".join(mode for mode in wanted if mode not in modes)


def worst_of(made: Sequence[NDArray[Any]], wanted: Sequence[NDArray[Any]]) -> tuple[float, float]:
    """Over all outputs; see `models.sessions.halves.off`."""
    pairs = [off(one, other) for one, other in zip(made, wanted, strict=True)]
    return max(usual for usual, _ in pairs), max(worst for _, worst in pairs)


def _gain(model: str, step: Step, rows: int, taken: Sequence[float], loop: Sequence[float],
          away: tuple[float, float]) -> Gain:
    each = [ms / rows for ms in taken]
    return Gain(model=model, step=step, rows=rows, ms=round(median(each), 4), times=times(loop, each),
                spread=round(max(each) / max(min(each), 1e-9), 2), usual=away[0], worst=away[1])


def best_of(gains: Sequence[Gain]) -> Best:
    """One row of each network: the loop's, the best in full precision, the best of all."""
    loop = full = half = 0.0
    for model in dict.fromkeys(gain.model for gain in gains):
        mine = [gain for gain in gains if gain.model == model]

        loop += min(gain.ms for gain in mine if gain.step == "loop" and gain.ms is not None)
        full += min(gain.ms for gain in mine if gain.step in FULL and gain.ms is not None)
        half += min(gain.ms for gain in mine if gain.ms is not None)
    return Best(loop=round(loop, 3), full=round(full, 3), full_times=round(loop / full, 3), half=round(half, 3),
                half_times=round(loop / half, 3))
