"""Whether a file ends before its own header says so."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

_MOST_BOXES = 10_000
"""Boxes looked at: fragmented files of hours have some thousands."""

_FIRST = frozenset((b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid"))
"""Boxes that MP4 and QuickTime begin with; NUT and YUV4MPEG2 have letters in the same place too."""


def is_cut_off(path: Path) -> bool:
    """By the sizes that MP4's boxes, Matroska's segment and AVI's RIFF state; others do not say. Raises OSError."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        head = file.read(16)
        if head[:4] == b"RIFF":
            return 8 + int.from_bytes(head[4:8], "little") > size
        if head[:4] == b"\x1aE\xdf\xa3":
            return _segment_cut(file, size)
        if head[4:8] in _FIRST:
            return _boxes_cut(file, size)
    return False


def _boxes_cut(file: BinaryIO, size: int) -> bool:
    """ISO/IEC 14496-12, 4.2: boxes one after the other; no film can be read without `moov`."""
    at = 0
    seen: set[bytes] = set()
    for _ in range(_MOST_BOXES):
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            return bool(head) or not seen & {b"moov"}
        length = int.from_bytes(head[:4], "big")
        seen.add(head[4:8])
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length == 0:  # to the end of the file
            return b"moov" not in seen
        if length < 8:
            return False
        at += length
        if at > size:
            return True
    return False


def _segment_cut(file: BinaryIO, size: int) -> bool:
    """RFC 8794: EBML's head, then the segment with its length (all ones: unknown)."""
    file.seek(4)
    length = _number(file)
    if length is None:
        return True
    file.seek(length, os.SEEK_CUR)
    if file.read(4) != b"\x18\x53\x80\x67":
        return True
    length = _number(file)
    return length is not None and file.tell() + length > size


def _number(file: BinaryIO) -> int | None:
    """A variable-length number; None where it says that it is not known."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()
    value = int.from_bytes(bytes([first[0] & ((1 << (7 - more)) - 1)]) + file.read(more), "big")
    return None if value == (1 << (7 * (more + 1))) - 1 else value
