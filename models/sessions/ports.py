"""What is told of models and devices: their inputs and outputs, and what they have done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

CPU = "CPUExecutionProvider"


class Priority(IntEnum):
    """Who goes first: somebody waits for a preview; nobody waits for what is looked at ahead of time."""

    PREVIEW = 0
    RENDER = 1
    AHEAD = 2


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a network. shape: a text or None where the size is free. type: as `tensor(float)`."""

    name: str
    shape: tuple[int | str | None, ...]
    type: str

    @property
    def free(self) -> bool:
        """Whether it takes any number of rows."""
        return bool(self.shape) and not isinstance(self.shape[0], int)


@dataclass(frozen=True, slots=True)
class Counts:
    """What one model has done so far.

    device: where it is. providers: what it really runs on, in order; empty until it is loaded. missed: providers that
    were asked for and are not among them: a fall-back that ONNX Runtime itself does not report. modes: what it is run
    with on a CUDA device (`graph`, `half`, `tensorrt`); said: what was tried there and is not so, and why. bytes: the
    model's size; loads, load_ms: how often it was loaded, and how long the last time took. leases: how many hold it.
    requests: what was asked for. runs, ms: calls of the network and their milliseconds by the clock. moved: bytes of
    the arrays that went in and out, without those that stayed on the device. batches: runs by the size of the first
    input's first axis.
    """

    name: str
    device: str = ""
    providers: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    bytes: int = 0
    loaded: bool = False
    loads: int = 0
    load_ms: float = 0.0
    leases: int = 0
    requests: int = 0
    runs: int = 0
    ms: float = 0.0
    moved: int = 0
    batches: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeviceCounts:
    """budget: bytes of models that may be loaded at once, None for no bound. bytes: of those that are. owners: whose
    work is placed here. unloads: models that had to make room. lost: it failed, and is not used any more."""

    name: str
    budget: int | None
    bytes: int
    owners: int
    unloads: int
    lost: bool
