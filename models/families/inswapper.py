"""InSwapper's own map: ArcFace's descriptors to the ones that the network was trained with. All else it shares with the
other swappers (see `models.families.swappers`).

The file carries the map as its last initializer. It is read by itself, because the file is 550 MB and the map one.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.sessions import Lease

SIDE = 128
"""Pixels of its crop's side."""

# Fields of ONNX's messages (onnx.proto): a model's graph, a graph's initializers.
_GRAPH, _INITIALIZER = 7, 5
# Protocol Buffers' ways to write a value; a group (3, 4) is in no ONNX file.
_VARINT, _EIGHT, _LENGTH, _FOUR = 0, 1, 2, 5


def own_map(lease: Lease) -> NDArray[np.float32]:
    """(512, 512). Raises ModelError MODEL.CONTRACT where the model's last initializer is none."""
    import onnx
    from onnx import numpy_helper

    last = _last_initializer(lease.source)
    tensor = onnx.TensorProto.FromString(last) if last is not None else None
    if tensor is None or list(tensor.dims) != [512, 512]:
        raise ModelError(f"The model {lease.name} is no InSwapper: its last initializer is not 512 x 512.",
                         subject=lease.name, code="MODEL.CONTRACT", remedy="Choose inswapper_128.onnx.")
    return np.asarray(numpy_helper.to_array(tensor), np.float32)


def _last_initializer(source: Path | bytes) -> bytes | None:
    if isinstance(source, bytes):
        return _last_in(memoryview(source))
    with source.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped, \
            memoryview(mapped) as view:
        return _last_in(view)


def _last_in(model: memoryview) -> bytes | None:
    found: bytes | None = None
    for start, stop in _values(model, 0, len(model), _GRAPH):
        place: tuple[int, int] | None = None
        for place in _values(model, start, stop, _INITIALIZER):  # noqa: B007 - the last one is wanted
            pass
        found = bytes(model[place[0]:place[1]]) if place is not None else None
    return found


def _values(data: memoryview, at: int, stop: int, wanted: int) -> Iterator[tuple[int, int]]:
    """Where the values of one field begin and end, in their order; all others are stepped over, not read."""
    while at < stop:
        key, at = _number(data, at)
        kind, end = key & 7, at
        if kind == _LENGTH:
            length, at = _number(data, at)
            end = at + length
        elif kind == _VARINT:
            _, end = _number(data, at)
        elif kind in (_EIGHT, _FOUR):
            end = at + (8 if kind == _EIGHT else 4)
        else:
            return
        if end > stop:  # the file breaks off
            return
        if key >> 3 == wanted and kind == _LENGTH:
            yield at, end
        at = end


def _number(data: memoryview, at: int) -> tuple[int, int]:
    """A whole number, seven bits a byte, the lowest first; and where it ends."""
    value, shift = 0, 0
    while at < len(data):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return value, at
