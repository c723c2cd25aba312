"""H.264's own units (ITU-T H.264, 7.3) as MP4 and Matroska hold them: found by their lengths, read as far as copying
wants it.

A picture's packet is a row of units, each behind its length (ISO/IEC 14496-15). How pictures are coded stands in
parameter sets, which the file's header holds: those of a sequence (SPS) and those of pictures (PPS), each with a number
that pictures name.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

SLICE, IDR_SLICE, SPS, PPS = 1, 5, 7, 8
"""Kinds of units (table 7-1). An IDR picture begins anew: nothing behind it looks at what lies before it."""

PLAIN = frozenset((SLICE, IDR_SLICE, 6, SPS, PPS, 9, 12))
"""What is copied: slices, remarks for decoders (6), parameter sets, separators (9) and filling (12). Not: slices in
partitions (2 to 4), ends of a sequence (10, 11), and layers of scalable or stereo streams (14, 15, 20)."""

_HIGH = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))
"""Profiles whose SPS says chroma format and depth (7.3.2.1.1)."""

_SHORT = frozenset((66, 77, 88))
"""Profiles of eight bits and 4:2:0, whose file header does not say so (ISO/IEC 14496-15, 5.3.3.1.2)."""

MOST_SPS = 32
"""Numbers that an SPS can have (7.4.2.1.1)."""


class BrokenUnits(ValueError):
    """Units or parameter sets contradict themselves, or are of a kind that is not read here."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What an SPS says of its pictures. cropped: lines and columns that are cut off. whole: every picture is coded as a
    frame, none as fields."""

    profile: int
    level: int
    chroma: int
    depth: tuple[int, int]
    blocks: tuple[int, int]
    cropped: tuple[int, int, int, int]
    whole: bool


@dataclass(frozen=True, slots=True)
class ParameterSets:
    """A stream's parameter sets, each as its unit. Asking for their numbers or shapes raises BrokenUnits where they
    cannot be read."""

    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]

    def __contains__(self, unit: bytes) -> bool:
        return unit in self.sps or unit in self.pps

    def sps_numbers(self) -> frozenset[int]:
        return frozenset(sps_number(one) for one in self.sps)

    def pps_numbers(self) -> frozenset[int]:
        return frozenset(pps_number(one) for one in self.pps)

    def shapes(self) -> tuple[Shape, ...]:
        return tuple(shape_of(one) for one in self.sps)

    def free_number(self) -> int | None:
        """The smallest number above 0 that no set here has, for x264, which gives its SPS and PPS the same."""
        taken = self.sps_numbers() | self.pps_numbers()
        return next((number for number in range(1, MOST_SPS) if number not in taken), None)


def units(packet: bytes | memoryview) -> Iterator[memoryview]:
    """The units of a packet with lengths of four bytes. Raises BrokenUnits where they do not fill it exactly."""
    view = memoryview(packet)
    at, end = 0, len(view)
    while at < end:
        start = at + 4
        at = start + int.from_bytes(view[at:start], "big")
        if at > end or at <= start:
            raise BrokenUnits("a unit is longer than its packet, or empty")
        yield view[start:at]


def kind_of(unit: bytes | memoryview) -> int:
    return unit[0] & 31


def split(stream: bytes) -> list[bytes]:
    """The units of a byte stream (annex B), as encoders write it: without start codes and the zeros before them."""
    first, *rest = stream.split(b"\0\0\1")
    if first.strip(b"\0"):
        raise BrokenUnits("a byte stream does not begin with a start code")
    return [unit for unit in (one.rstrip(b"\0") for one in rest) if unit]


def with_lengths(stream: bytes) -> bytes:
    """A byte stream's units, each behind its length of four bytes."""
    return b"".join(struct.pack(">I", len(unit)) + unit for unit in split(stream))


def read_header(header: bytes) -> ParameterSets:
    """The sets of a file's header (AVCDecoderConfigurationRecord) whose lengths have four bytes. Raises BrokenUnits."""
    if len(header) < 7 or header[0] != 1 or header[4] & 3 != 3:
        raise BrokenUnits("not a header with lengths of four bytes")
    at, found = 5, []
    for mask in (31, 255):
        if at >= len(header):
            raise BrokenUnits("the header ends too early")
        count, at = header[at] & mask, at + 1
        sets = []
        for _ in range(count):
            size = int.from_bytes(header[at:at + 2], "big")
            sets.append(header[at + 2:at + 2 + size])
            at += 2 + size
        if at > len(header) or not all(sets):
            raise BrokenUnits("the header ends too early")
        found.append(tuple(sets))
    return ParameterSets(*found)


def sets_of(stream: bytes) -> ParameterSets:
    """The sets in an encoder's header, a byte stream."""
    found = split(stream)
    return ParameterSets(tuple(unit for unit in found if kind_of(unit) == SPS),
                         tuple(unit for unit in found if kind_of(unit) == PPS))


def merged(one: ParameterSets, other: ParameterSets) -> ParameterSets:
    """Both streams' sets, for pictures of both in one track. Raises BrokenUnits where two sets have one number."""
    sps, pps = (tuple(dict.fromkeys((*a, *b))) for a, b in ((one.sps, other.sps), (one.pps, other.pps)))
    both = ParameterSets(sps, pps)
    if len(both.sps_numbers()) < len(sps) or len(both.pps_numbers()) < len(pps):
        raise BrokenUnits("two parameter sets have the same number")
    return both


def write_header(sets: ParameterSets) -> bytes:
    """A file's header (ISO/IEC 14496-15, 5.3.3.1.2). Profile and level are those that all sets ask for at most."""
    shapes = sets.shapes()
    profile, level = max(shape.profile for shape in shapes), max(shape.level for shape in shapes)
    kept = 255
    for one in sets.sps:
        kept &= one[2]  # a constraint holds where every set says it
    head = bytes([1, profile, kept, level, 0xFF, 0xE0 | len(sets.sps)])
    body = b"".join(struct.pack(">H", len(one)) + one for one in sets.sps)
    body += bytes([len(sets.pps)]) + b"".join(struct.pack(">H", len(one)) + one for one in sets.pps)
    if profile not in _SHORT:
        first = shapes[0]
        body += bytes([0xFC | first.chroma, 0xF8 | (first.depth[0] - 8), 0xF8 | (first.depth[1] - 8), 0])
    return head + body


class _Bits:
    """Bits of a unit's content, without the bytes that only keep start codes out of it (7.4.1)."""

    def __init__(self, content: bytes) -> None:
        plain = content.replace(b"\0\0\3", b"\0\0")
        self._bits = int.from_bytes(plain, "big")
        self._left = 8 * len(plain)

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise BrokenUnits("a parameter set ends too early")
        return self._bits >> self._left & ((1 << count) - 1)

    def number(self) -> int:
        """Exp-Golomb, unsigned (9.1)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        value = self.number()
        return (value + 1) // 2 if value % 2 else -(value // 2)


def sps_number(unit: bytes) -> int:
    return _Bits(unit[4:40]).number()


def pps_number(unit: bytes) -> int:
    return _Bits(unit[1:40]).number()


def shape_of(unit: bytes) -> Shape:
    """Reads an SPS up to its crop (7.3.2.1.1). Raises BrokenUnits."""
    bits = _Bits(unit[1:])
    profile, _, level = bits.take(8), bits.take(8), bits.take(8)
    bits.number()
    chroma, depth = 1, (8, 8)
    if profile in _HIGH:
        chroma = bits.number()
        if chroma == 3:
            bits.take(1)
        depth = (8 + bits.number(), 8 + bits.number())
        bits.take(1)
        if bits.take(1):
            _skip_scaling(bits, 8 if chroma != 3 else 12)
    bits.number()
    order = bits.number()
    if order == 0:
        bits.number()
    elif order == 1:
        bits.take(1)
        bits.signed()
        bits.signed()
        for _ in range(bits.number()):
            bits.signed()
    bits.number()
    bits.take(1)
    blocks = (bits.number() + 1, bits.number() + 1)
    whole = bits.take(1) == 1
    if not whole:
        bits.take(1)
    bits.take(1)
    cropped = (bits.number(), bits.number(), bits.number(), bits.number()) if bits.take(1) else (0, 0, 0, 0)
    return Shape(profile, level, chroma, depth, blocks, cropped, whole)


def _skip_scaling(bits: _Bits, lists: int) -> None:
    """7.3.2.1.1.1: a list goes on until its next scale is 0."""
    for number in range(lists):
        if bits.take(1):
            scale = 8
            for _ in range(16 if number < 6 else 64):
                scale = (scale + bits.signed()) % 256
                if not scale:
                    break
