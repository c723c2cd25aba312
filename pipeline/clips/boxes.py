"""Boxes of ISO base media files and QuickTime (ISO/IEC 14496-12): found by their lengths, which are never trusted."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

XMP_UUID = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")
"""Where MP4 keeps XMP: a box `uuid` with this name, at the top (XMP specification part 3)."""

_MOST_BOXES = 100_000
"""Boxes that are looked at in one list: a fragmented film of a day has about 40,000."""

MAX_XMP = 16 << 20
"""Bytes of XMP that are read; packets are some kilobytes."""


class BrokenBoxes(ValueError):
    """The file's boxes contradict each other."""


@dataclass(frozen=True, slots=True)
class Box:
    """kind: four bytes. start: where its header begins; body: where its content does; end: behind it."""

    kind: bytes
    start: int
    body: int
    end: int


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """The boxes between two places of a file, in order. Stops at a terminator of four zero bytes. Raises BrokenBoxes
    where a length leads outside or nowhere."""
    at = start
    for _ in range(_MOST_BOXES):
        if end - at < 8:
            return
        file.seek(at)
        header = file.read(16)
        if len(header) < 8:
            raise BrokenBoxes(f"the file ends in a box at {at}")
        size, kind = struct.unpack(">I4s", header[:8])
        body = at + 8
        if size == 1:
            if len(header) < 16:
                raise BrokenBoxes(f"the file ends in a box at {at}")
            size, body = struct.unpack(">Q", header[8:])[0], at + 16
        elif size == 0:
            if kind == b"\0\0\0\0":
                return
            size = end - at
        if at + size < body or at + size > end:
            raise BrokenBoxes(f"a box at {at} says that it is {size} bytes long")
        yield Box(kind, at, body, at + size)
        at += size
    raise BrokenBoxes("there are too many boxes")


def top_boxes(path: Path) -> list[Box]:
    """Raises BrokenBoxes, OSError."""
    with path.open("rb") as file:
        return list(boxes(file, 0, os.fstat(file.fileno()).st_size))


def find(file: BinaryIO, path: tuple[bytes, ...], start: int, end: int) -> Box | None:
    """The first box at a path of kinds (`(b"moov", b"udta")`)."""
    for box in boxes(file, start, end):
        if box.kind == path[0]:
            if len(path) == 1:
                return box
            found = find(file, path[1:], box.body, box.end)
            if found is not None:
                return found
    return None


def xmp_of(path: Path) -> bytes | None:
    """The XMP packet of an MP4 or MOV file, or None. Damaged files have none."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            for box in boxes(file, 0, size):
                if box.kind == b"uuid" and _read(file, box.body, 16) == XMP_UUID:
                    return _read(file, box.body + 16, box.end - box.body - 16)
            box_in_moov = find(file, (b"moov", b"udta", b"XMP_"), 0, size)
            return _read(file, box_in_moov.body, box_in_moov.end - box_in_moov.body) if box_in_moov else None
    except BrokenBoxes:
        return None


def _read(file: BinaryIO, at: int, length: int) -> bytes:
    if length > MAX_XMP:
        raise BrokenBoxes(f"{length} bytes of XMP")
    file.seek(at)
    return file.read(length)


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, kind) + content


def append_xmp(file: BinaryIO, packet: bytes) -> None:
    """Puts XMP behind an MP4 that is written, where it moves nothing."""
    file.seek(0, os.SEEK_END)
    file.write(box(b"uuid", XMP_UUID + packet))


def insert_xmp(file: BinaryIO, packet: bytes) -> None:
    """Puts XMP into a MOV's `moov` / `udta`. The `moov` must be the last box: nothing behind it may move.

    Raises BrokenBoxes.
    """
    size = file.seek(0, os.SEEK_END)
    top = list(boxes(file, 0, size))
    if not top or top[-1].kind != b"moov":
        raise BrokenBoxes("the moov box is not the last")
    moov = top[-1]
    if moov.body - moov.start != 8:
        raise BrokenBoxes("the moov box has a long header")
    file.seek(moov.body)
    content = file.read(moov.end - moov.body)
    file.seek(moov.start)
    file.write(box(b"moov", _with_xmp(io.BytesIO(content), content, packet)))
    file.truncate()


def _with_xmp(view: BinaryIO, content: bytes, packet: bytes) -> bytes:
    """A moov's content with the packet in its udta, in place of one that is there."""
    inside = list(boxes(view, 0, len(content)))
    udta = next((one for one in inside if one.kind == b"udta"), None)
    if udta is None:
        return content + box(b"udta", box(b"XMP_", packet))
    kept = b"".join(content[one.start:one.end] for one in boxes(view, udta.body, udta.end) if one.kind != b"XMP_")
    return content[:udta.start] + box(b"udta", kept + box(b"XMP_", packet)) + content[udta.end:]
