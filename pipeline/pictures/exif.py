"""EXIF blocks: what has to change in them, changed in place, so that every other byte (maker notes with their absolute
offsets included) stays as the camera wrote it. Structure: TIFF 6.0, section 2; tags: CIPA DC-008."""

from __future__ import annotations

import struct
from typing import NamedTuple

ORIENTATION, EXIF_IFD, GPS_IFD, MAKER_NOTE = 0x0112, 0x8769, 0x8825, 0x927C
_THUMB_OFFSET, _THUMB_LENGTH, _STRIP_OFFSETS, _STRIP_LENGTHS = 0x0201, 0x0202, 0x0111, 0x0117
_PIXEL_SIZES = (0xA002, 0xA003)
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}


class BrokenExif(ValueError):
    """The block is not EXIF."""


class Entry(NamedTuple):
    """at: where the 12-byte entry begins; value_at, length: where its value's bytes lie in the block."""

    tag: int
    kind: int
    number: int
    at: int
    value_at: int
    length: int


class Directory(NamedTuple):
    entries: dict[int, Entry]
    next_at: int  # where the pointer to the next directory is
    next: int
    whole: bool  # whether every value lies inside the block


def order_of(block: bytes) -> str:
    """struct's byte order sign. Raises BrokenExif."""
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(bytes(block[:4]))
    if order is None:
        raise BrokenExif("no TIFF header")
    return order


def read_directory(block: bytes, offset: int) -> Directory:
    """Raises BrokenExif where anything lies outside the block."""
    order = order_of(block)
    try:
        (count,) = struct.unpack_from(order + "H", block, offset)
        found = [_entry(block, order, at) for at in range(offset + 2, offset + 2 + 12 * count, 12)]
        entries = {entry.tag: entry for entry in found if entry.value_at + entry.length <= len(block)}
        whole = all(entry.value_at + entry.length <= len(block) for entry in found)
        next_at = offset + 2 + 12 * count
        following = struct.unpack_from(order + "I", block, next_at)[0] if next_at + 4 <= len(block) else 0
    except struct.error as error:
        raise BrokenExif("a directory lies outside the block") from error
    return Directory(entries, next_at, following, whole)


def _entry(block: bytes, order: str, at: int) -> Entry:
    tag, kind, number = struct.unpack_from(order + "HHI", block, at)
    length = _TYPE_BYTES.get(kind, 1) * number
    value_at = at + 8 if length <= 4 else struct.unpack_from(order + "I", block, at + 8)[0]
    return Entry(tag, kind, number, at, value_at, length)


def first_directory(block: bytes) -> Directory:
    order = order_of(block)
    if len(block) < 8:
        raise BrokenExif("it ends after its header")
    return read_directory(block, struct.unpack_from(order + "I", block, 4)[0])


def _number(block: bytes, entry: Entry | None) -> int | None:
    if entry is None or entry.number < 1 or entry.kind not in (3, 4):
        return None
    return int(struct.unpack_from(order_of(block) + ("H" if entry.kind == 3 else "I"), block, entry.value_at)[0])


def orientation_of(block: bytes | None) -> int:
    """1..8; 1 where the block says nothing sensible."""
    try:
        found = _number(block, first_directory(block).entries.get(ORIENTATION)) if block else None
    except BrokenExif:
        return 1
    return found if found is not None and 1 <= found <= 8 else 1


def tidied(block: bytes, *, sides_swapped: bool = False) -> bytes:
    """The block as it must stand beside edited, upright pixels: orientation 1, no picture of the picture as it was
    (thumbnail, previews inside the maker note), and width and height exchanged where the sides were.

    Raises BrokenExif.
    """
    first = first_directory(block)
    out = bytearray(block)
    if (entry := first.entries.get(ORIENTATION)) is not None and entry.kind == 3:
        struct.pack_into(order_of(block) + "H", out, entry.value_at, 1)
    cut = _remove_thumbnail(block, out, first)
    sub = _number(block, first.entries.get(EXIF_IFD))
    if sub is not None:
        shooting = read_directory(block, sub).entries
        if sides_swapped:
            _swap_sides(block, out, shooting)
        note = shooting.get(MAKER_NOTE)
        if note is not None and b"\xff\xd8\xff" in out[note.value_at:note.value_at + note.length]:
            _blank(out, note.value_at, note.length)
    if b"\xff\xd8\xff" in out:
        raise BrokenExif("a picture is hidden in it")
    return bytes(out[:cut])


def sized(block: bytes, width: int, height: int) -> bytes:
    """The block beside pixels of another size than it was made for. Raises BrokenExif."""
    out, order = bytearray(block), order_of(block)
    sub = _number(block, first_directory(block).entries.get(EXIF_IFD))
    entries = read_directory(block, sub).entries if sub is not None else {}
    for tag, side in zip(_PIXEL_SIZES, (width, height), strict=True):
        entry = entries.get(tag)
        if entry is not None and entry.number == 1 and entry.kind in (3, 4):
            struct.pack_into(order + ("H" if entry.kind == 3 else "I"), out, entry.value_at,
                             side if entry.kind == 4 or side < 1 << 16 else 0)
    return bytes(out)


def _remove_thumbnail(block: bytes, out: bytearray, first: Directory) -> int:
    """Blanks the second directory and the pictures that directories point to. Returns where the block may end: before
    the thumbnail, where that is the last thing in it."""
    cut, needed = len(block), _end_of(block, first)
    if first.next:
        struct.pack_into("<I", out, first.next_at, 0)
        second = read_directory(block, first.next)
        for offset_tag, length_tag in ((_THUMB_OFFSET, _THUMB_LENGTH), (_STRIP_OFFSETS, _STRIP_LENGTHS)):
            start, length = (_number(block, second.entries.get(tag)) for tag in (offset_tag, length_tag))
            if start is not None and length is not None:
                _blank(out, start, length)
                cut = start if needed <= start and start + length >= len(block) - 1 else cut
        for entry in second.entries.values():
            _blank(out, entry.value_at, entry.length)
        _blank(out, first.next, 2 + 12 * len(second.entries) + 4)
    # Some programs put the thumbnail's tags into the first directory.
    start, length = (_number(block, first.entries.get(tag)) for tag in (_THUMB_OFFSET, _THUMB_LENGTH))
    if start is not None and length is not None:
        _blank(out, start, length)
    return cut


def _end_of(block: bytes, first: Directory) -> int:
    """Where the last value of the first directory, and of those under it, ends."""
    ends = [first.next_at + 4]
    for directory in (first, *(read_directory(block, at) for tag in (EXIF_IFD, GPS_IFD)
                               if (at := _number(block, first.entries.get(tag))) is not None)):
        ends += [directory.next_at + 4, *(entry.value_at + entry.length for entry in directory.entries.values())]
    return max(ends)


def _swap_sides(block: bytes, out: bytearray, entries: dict[int, Entry]) -> None:
    across, down = (entries.get(tag) for tag in _PIXEL_SIZES)
    if across is not None and down is not None and across.length == down.length:
        for into, of in ((across, down), (down, across)):
            out[into.value_at:into.value_at + into.length] = block[of.value_at:of.value_at + of.length]


def _blank(out: bytearray, start: int, length: int) -> None:
    stop = min(start + length, len(out))
    if start < stop:
        out[start:stop] = bytes(stop - start)
