"""The one thing that PyAV cannot tell Matroska's muxer: how wide a pixel is (RFC 9559, DisplayWidth and DisplayHeight).

The header is changed in place after the file is written. What the track list grows by comes out of the empty space that
the muxer leaves behind its table of contents, and of spaces behind the writing program's name, so that nothing behind
the track list moves.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

_EBML, _SEGMENT, _SEEK_HEAD, _VOID = 0x1A45DFA3, 0x18538067, 0x114D9B74, 0xEC
_INFO, _TRACKS, _ENTRY, _VIDEO = 0x1549A966, 0x1654AE6B, 0xAE, 0xE0
_SEEK, _SEEK_ID, _SEEK_POSITION, _CRC = 0x4DBB, 0x53AB, 0x53AC, 0xBF
_PIXEL_WIDTH, _PIXEL_HEIGHT, _DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = 0xB0, 0xBA, 0x54B0, 0x54BA, 0x54B2
_WRITER = 0x5741
ROOM = " " * 64
"""To be put behind the writing program's name: room for what is written later."""

_MOST = 1 << 20
"""Bytes of header that are looked at: track lists have some hundred."""


class BrokenEbml(ValueError):
    """The file is not laid out as this program's muxer does."""


@dataclass(frozen=True, slots=True)
class Element:
    """name: the id with its length bits. start, body, end: places in the bytes that were parsed."""

    name: int
    start: int
    body: int
    end: int


def elements(data: bytes, start: int, end: int) -> list[Element]:
    """The elements between two places. The last may reach over the end. Raises BrokenEbml."""
    found = []
    at = start
    while at < end:
        name, at_size = _number(data, at, keep=True)
        size, body = _number(data, at_size, keep=False)
        unknown = size == (1 << (7 * (body - at_size))) - 1
        stop = end if unknown else body + size
        found.append(Element(name, at, body, stop))
        at = stop
    return found


def _number(data: bytes, at: int, *, keep: bool) -> tuple[int, int]:
    """A variable-length number and where it ends. keep: with the bits that say its length (ids)."""
    if at >= len(data) or data[at] == 0:
        raise BrokenEbml(f"no number at {at}")
    length = 9 - data[at].bit_length()
    if at + length > len(data):
        raise BrokenEbml(f"the data end in a number at {at}")
    number = int.from_bytes(data[at:at + length], "big")
    return number if keep else number & ((1 << (7 * length)) - 1), at + length


def element(name: int, content: bytes) -> bytes:
    length = next(n for n in range(1, 9) if len(content) < (1 << (7 * n)) - 1)
    size = (len(content) | 1 << (7 * length)).to_bytes(length, "big")
    return name.to_bytes((name.bit_length() + 7) // 8, "big") + size + content


def unsigned(name: int, number: int) -> bytes:
    return element(name, number.to_bytes(max((number.bit_length() + 7) // 8, 1), "big"))


def set_pixel_shape(file: io.FileIO, sar: Fraction) -> None:
    """Writes the display size of the pictures into a Matroska file that has just been written. sar: width of a pixel
    by its height. Raises BrokenEbml, with the file as it was."""
    file.seek(0)
    data = file.read(_MOST)
    top = elements(data, 0, len(data))
    if [one.name for one in top[:2]] != [_EBML, _SEGMENT]:
        raise BrokenEbml("no segment")
    segment = top[1]
    heads = _upto(data, segment, _TRACKS)
    if [one.name for one in heads] != [_SEEK_HEAD, _VOID, _INFO, _TRACKS]:
        raise BrokenEbml("the header is laid out otherwise")
    seek, _, info, tracks = heads
    new_tracks = _tracks(data, tracks, sar)
    if new_tracks == data[tracks.start:tracks.end]:
        return
    for spare in (0, 1):  # an empty space of a single byte cannot be written
        new_info = _info(data, info, spare)
        left = tracks.end - seek.end - len(new_info) - len(new_tracks)
        if left == 0 or left >= 2:
            break
    else:
        raise BrokenEbml("there is no room")
    void = _void(left)
    at_info = seek.end + len(void) - segment.body
    new_seek = _seek_head(data, seek, {_INFO: at_info, _TRACKS: at_info + len(new_info)})
    file.seek(seek.start)
    file.write(new_seek + void + new_info + new_tracks)


def _void(length: int) -> bytes:
    if length == 0:
        return b""
    if length < 2 + 127:
        return bytes([_VOID, 0x80 | (length - 2)]) + bytes(length - 2)
    return bytes([_VOID]) + struct.pack(">Q", (length - 9) | 1 << 56) + bytes(length - 9)


def _info(data: bytes, info: Element, spare: int) -> bytes:
    """What the file says about itself, without the spaces behind the writing program's name but `spare` of them."""
    def change(one: Element) -> bytes:
        if one.name != _WRITER:
            return data[one.start:one.end]
        return element(_WRITER, data[one.body:one.end].rstrip(b" ") + b" " * spare)

    return _rebuilt(data, info, change)


def _upto(data: bytes, parent: Element, name: int) -> list[Element]:
    """The parent's elements up to the first of that name."""
    found = []
    at = parent.body
    while True:
        one_name, at_size = _number(data, at, keep=True)
        size, body = _number(data, at_size, keep=False)
        one = Element(one_name, at, body, body + size)
        if one.end > len(data):
            raise BrokenEbml(f"an element at {at} reaches too far")
        found.append(one)
        if one_name == name:
            return found
        at = one.end


def _rebuilt(data: bytes, parent: Element, change: Callable[[Element], bytes]) -> bytes:
    """The parent with its children changed, its checksum (which is the first child) anew."""
    children = elements(data, parent.body, parent.end)
    if children and children[-1].end != parent.end:
        raise BrokenEbml(f"the element at {parent.start} is longer than it says")
    checked = bool(children) and children[0].name == _CRC
    content = b"".join(change(one) for one in children[int(checked):])
    if checked:
        content = element(_CRC, struct.pack("<I", zlib.crc32(content))) + content
    return element(parent.name, content)


def _tracks(data: bytes, tracks: Element, sar: Fraction) -> bytes:
    def of_video(one: Element) -> bytes:
        inside = elements(data, one.body, one.end)
        sizes = {child.name: int.from_bytes(data[child.body:child.end], "big") for child in inside}
        if _DISPLAY_WIDTH in sizes or _PIXEL_WIDTH not in sizes or _PIXEL_HEIGHT not in sizes:
            return data[one.start:one.end]
        width, height = sizes[_PIXEL_WIDTH], sizes[_PIXEL_HEIGHT]
        # Whole numbers with the exact ratio.
        shown = unsigned(_DISPLAY_WIDTH, width * sar.numerator) + unsigned(_DISPLAY_HEIGHT, height * sar.denominator)
        kept = b"".join(data[child.start:child.end] for child in inside if child.name != _DISPLAY_UNIT)
        return element(_VIDEO, kept + shown)  # without a unit the numbers are pixels

    def of_entry(one: Element) -> bytes:
        if one.name != _ENTRY:
            return data[one.start:one.end]
        return _rebuilt(data, one, lambda child: of_video(child) if child.name == _VIDEO else (
            data[child.start:child.end]))

    return _rebuilt(data, tracks, of_entry)


def _seek_head(data: bytes, seek: Element, moved: dict[int, int]) -> bytes:
    """The table of contents with new places, in as many bytes as before."""
    def of_entry(one: Element) -> bytes:
        if one.name != _SEEK:
            return data[one.start:one.end]
        inside = {child.name: child for child in elements(data, one.body, one.end)}
        if _SEEK_ID not in inside or _SEEK_POSITION not in inside:
            return data[one.start:one.end]
        name = int.from_bytes(data[inside[_SEEK_ID].body:inside[_SEEK_ID].end], "big")
        place = inside[_SEEK_POSITION]
        if name not in moved:
            return data[one.start:one.end]
        new = moved[name].to_bytes(place.end - place.body, "big")
        return data[one.start:place.body] + new + data[place.end:one.end]

    new = _rebuilt(data, seek, of_entry)
    if len(new) != seek.end - seek.start:
        raise BrokenEbml("the table of contents would change its length")
    return new
