"""An analysis as one file: blocks that are appended, span by span, each with a checksum of its own.

A block is four letters, the length and the CRC-32 of its payload (two big-endian uint32), and the payload. `HEAD` is
first: JSON that says whose analysis it is. Each `SPAN` holds what was found in a run of frames: what all of the clip is
told from (zip of numpy arrays, small), and behind it the points (another, read when their frames are drawn). `DONE` is
last. A block that a crash left torn ends the file; what is before it counts.
"""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from models.face import Box
from pipeline.analysis.found import Found, Glimpse, Piece

MAGIC = b"likeness analysis 1\n"
_BLOCK = struct.Struct(">4sII")

STEPS = 64
"""Points are kept to so many parts of a pixel: a quarter of what is left of their noise on a face of 60 pixels between
the eyes."""

_INDEX = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a span's points lie in the file."""

    offset: int
    length: int


def begin(file: BinaryIO, head: Mapping[str, Any]) -> None:
    file.write(MAGIC)
    _put(file, b"HEAD", json.dumps(head, sort_keys=True).encode())


def put_span(file: BinaryIO, found: Found) -> None:
    index, points = _packed(_index_of(found)), _packed(_points_of(found))
    _put(file, b"SPAN", _INDEX.pack(len(index)) + index + points)


def put_end(file: BinaryIO, data: Mapping[str, Any]) -> None:
    _put(file, b"DONE", json.dumps(data, sort_keys=True).encode())


def _put(file: BinaryIO, kind: bytes, payload: bytes) -> None:
    file.write(_BLOCK.pack(kind, len(payload), zlib.crc32(payload)) + payload)


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """What stands in a file. head: None where it is no analysis. spans: without their points, which lie at `places`.
    end: what `DONE` says, None while it goes on. length: bytes that count; what is behind was torn."""

    head: dict[str, Any] | None
    spans: tuple[Found, ...]
    places: tuple[Place, ...]
    end: dict[str, Any] | None
    length: int


def read(path: Path) -> Read:
    """Everything but the points. Raises OSError."""
    head: dict[str, Any] | None = None
    end: dict[str, Any] | None = None
    spans: list[Found] = []
    places: list[Place] = []
    with open(path, "rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return Read(None, (), (), None, 0)
        length = file.tell()
        for kind, payload, at in _blocks(file):
            try:
                if kind == b"HEAD":
                    head = json.loads(payload)
                elif kind == b"DONE":
                    end = json.loads(payload)
                elif kind == b"SPAN":
                    size, = _INDEX.unpack_from(payload)
                    spans.append(_found_of(_unpacked(payload[_INDEX.size:_INDEX.size + size])))
                    skip = _INDEX.size + size
                    places.append(Place(at + skip, len(payload) - skip))
            except (ValueError, KeyError, OSError, struct.error, zlib.error):
                break  # a file of another make: what cannot be read is looked for again
            length = at + len(payload)
    return Read(head, tuple(spans), tuple(places), end, length)


def read_points(path: Path, place: Place, found: Found) -> Found:
    """The span with its points. Raises OSError, ValueError."""
    with open(path, "rb") as file:
        file.seek(place.offset)
        data = _unpacked(file.read(place.length))
    return Found(found.first, found.last, found.cuts, found.flashes,
                 tuple(_with_points(piece, data, number) for number, piece in enumerate(found.pieces)))


def _blocks(file: BinaryIO) -> Iterator[tuple[bytes, bytes, int]]:
    """Kind, payload and the payload's place of every whole block."""
    while len(start := file.read(_BLOCK.size)) == _BLOCK.size:
        kind, length, crc = _BLOCK.unpack(start)
        at = file.tell()
        payload = file.read(length)
        if len(payload) != length or zlib.crc32(payload) != crc:
            return
        yield kind, payload, at


def _packed(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _unpacked(data: bytes) -> dict[str, NDArray[Any]]:
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _index_of(found: Found) -> dict[str, NDArray[Any]]:
    """What the whole clip is told from: where pieces begin and end, and whom they show."""
    pieces = found.pieces
    glimpses = [(number, glimpse) for number, piece in enumerate(pieces) for glimpse in piece.glimpses]
    dims = len(glimpses[0][1].descriptor) if glimpses else 0
    return {
        "span": np.array([found.first, found.last], np.int64), "cuts": np.array(found.cuts, np.int64),
        "flashes": np.array(found.flashes, np.int64),
        "pieces": np.array([[p.first, len(p.flags)] for p in pieces], np.int64).reshape(-1, 2),
        "ends": np.array([[p.boxes[0], p.boxes[-1]] for p in pieces], np.float32).reshape(-1, 2, 4),
        "scores": np.array([p.score for p in pieces], np.float32),
        "seen": np.array([int((p.flags & 1).sum()) for p in pieces], np.int64),
        "of": np.array([number for number, _ in glimpses], np.int64),
        "frames": np.array([glimpse.frame for _, glimpse in glimpses], np.int64),
        "clear": np.array([glimpse.clear for _, glimpse in glimpses], np.float32),
        "boxes": np.array([glimpse.box for _, glimpse in glimpses], np.float32).reshape(-1, 4),
        "descriptors": np.array([g.descriptor for _, g in glimpses], np.float32).reshape(len(glimpses), dims),
    }


def _found_of(data: Mapping[str, NDArray[Any]]) -> Found:
    pieces = []
    for number, (first, count) in enumerate(data["pieces"].tolist()):
        glimpses = tuple(
            Glimpse(int(data["frames"][i]), float(data["clear"][i]), Box(*map(float, data["boxes"][i])),
                    data["descriptors"][i].astype(np.float64))
            for i in np.flatnonzero(data["of"] == number))
        boxes = np.repeat(data["ends"][number][:1].astype(np.float64), count, axis=0)
        boxes[-1] = data["ends"][number][1]
        nothing = np.zeros((count, 0, 2))
        pieces.append(Piece(first, nothing, boxes, np.zeros(count), np.zeros(count, np.uint8),
                            np.zeros(count, np.uint8), float(data["scores"][number]), glimpses))
    first, last = data["span"].tolist()
    return Found(first, last, tuple(data["cuts"].tolist()), tuple(data["flashes"].tolist()), tuple(pieces))


def _points_of(found: Found) -> dict[str, NDArray[Any]]:
    """Points as steps from frame to frame in parts of a pixel, one byte of each after the other: most of the upper ones
    are nought. Boxes by the points, in eye distances."""
    arrays: dict[str, NDArray[Any]] = {}
    for number, piece in enumerate(found.pieces):
        whole = np.rint(piece.points.reshape(len(piece.points), -1) * STEPS).astype(np.int64)
        steps = np.diff(whole, axis=0, prepend=np.zeros((1, whole.shape[1]), np.int64))
        folded = np.where(steps < 0, -2 * steps - 1, 2 * steps).astype(np.uint32)  # small either way
        arrays[f"p{number}"] = np.stack([(folded >> (8 * place)).astype(np.uint8) for place in range(4)])
        middle, size = _frame_of(whole / STEPS)
        box = np.column_stack([(piece.boxes[:, :2] + piece.boxes[:, 2:]) / 2 - middle,
                               piece.boxes[:, 2:] - piece.boxes[:, :2]]) / size
        arrays[f"b{number}"] = box.astype(np.float16)
        arrays[f"s{number}"] = piece.spread.astype(np.float16)
        arrays[f"f{number}"] = np.stack([piece.flags, piece.turns])
    return arrays


def _with_points(piece: Piece, data: Mapping[str, NDArray[Any]], number: int) -> Piece:
    folded = sum(data[f"p{number}"][place].astype(np.int64) << (8 * place) for place in range(4))
    steps = np.where(folded & 1, -((folded + 1) >> 1), folded >> 1)
    flat = np.cumsum(steps, axis=0) / STEPS
    middle, size = _frame_of(flat)
    box = data[f"b{number}"].astype(np.float64) * size
    centre = box[:, :2] + middle
    boxes = np.column_stack([centre - box[:, 2:] / 2, centre + box[:, 2:] / 2])
    flags, turns = data[f"f{number}"]
    return Piece(piece.first, flat.reshape(len(flat), 68, 2), boxes, data[f"s{number}"].astype(np.float64), flags,
                 turns, piece.score, piece.glimpses)


def _frame_of(flat: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n, 2) middles and (n, 1) sizes of points (n, 136), that boxes are told by."""
    points = flat.reshape(len(flat), -1, 2)
    return points.mean(axis=1), np.maximum(points.std(axis=1).sum(axis=1, keepdims=True), 1.0)
