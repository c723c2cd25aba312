"""Arrays that stay on the device where a network made them, for the network that comes next."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

_KINDS = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64,
          "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(uint8)": np.uint8, "tensor(bool)": np.bool_}


class Hold:
    """What keeps a buffer from being written over: gives it back when nobody has an array in it any more."""

    __slots__ = ("__weakref__",)

    def __init__(self, give_back: Callable[[], None]) -> None:
        weakref.finalize(self, give_back)


class DeviceArray:
    """One answer of a network, where it was made. Feed it to another lease, or fetch it with `numpy()`.

    value: an OrtValue; where the device is a CPU, a numpy array, so that both are written the same way. device: the
    name of its place (`DeviceSpec.name`). rows: how many of its rows are meant, where a run was filled up to a size
    that the device knows; None for all. hold: for buffers that are used again; None where it has its memory to itself.
    copying: what a copy has to go through (see `models.sessions.binding.Gate`).
    """

    __slots__ = ("copying", "device", "hold", "rows", "value")

    def __init__(self, value: Any, device: str, rows: int | None = None, hold: Hold | None = None,
                 copying: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        self.copying = copying
        self.value = value
        self.device = device
        self.rows = rows
        self.hold = hold

    @property
    def whole(self) -> tuple[int, ...]:
        """Its shape with the rows that only fill it up."""
        shape = self.value.shape
        return tuple(shape() if callable(shape) else shape)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.whole if self.rows is None else (self.rows, *self.whole[1:])

    @property
    def ndim(self) -> int:
        return len(self.whole)

    @property
    def dtype(self) -> np.dtype[Any]:
        if isinstance(self.value, np.ndarray):
            return np.dtype(self.value.dtype)
        return np.dtype(_KINDS[self.value.data_type()])

    @property
    def nbytes(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def numpy(self) -> NDArray[Any]:
        """A copy in the machine's own memory; on a CPU the array itself."""
        with self.copying():
            array = self.value if isinstance(self.value, np.ndarray) else self.value.numpy()
        return np.asarray(array if self.rows is None else array[:self.rows])


Array = NDArray[Any] | DeviceArray
"""What a run takes: from the machine's memory, or from the device's."""


def on_host(array: Array) -> NDArray[Any]:
    return array.numpy() if isinstance(array, DeviceArray) else array


def all_on_host(feeds: Mapping[str, Array]) -> dict[str, NDArray[Any]]:
    return {name: on_host(array) for name, array in feeds.items()}
