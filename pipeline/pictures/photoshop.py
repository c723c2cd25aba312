"""Photoshop image resource blocks, in which JPEG and TIFF carry IPTC (Photoshop File Formats Specification)."""

from __future__ import annotations

from collections.abc import Iterator

IPTC = 0x0404
# Thumbnails (1033, 1036), which show the picture as it was; EXIF (1058, 1059), XMP (1060) and the digest of the IPTC
# (1061), copies that no longer agree with what is written beside them; layers' names and states come without use.
_OUT = frozenset({1033, 1036, 1058, 1059, 1060, 1061})


def _resources(blocks: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(id, name with its length, body) of each; stops at the first thing that is no resource."""
    at = 0
    while blocks[at:at + 4] == b"8BIM" and at + 12 <= len(blocks):
        number = int.from_bytes(blocks[at + 4:at + 6], "big")
        name_bytes = 1 + blocks[at + 6]
        name_bytes += name_bytes % 2
        name = blocks[at + 6:at + 6 + name_bytes]
        start = at + 6 + name_bytes + 4
        length = int.from_bytes(blocks[start - 4:start], "big")
        if start + length > len(blocks):
            return
        yield number, name, blocks[start:start + length]
        at = start + length + length % 2


def _block(number: int, name: bytes, body: bytes) -> bytes:
    return b"8BIM" + number.to_bytes(2, "big") + name + len(body).to_bytes(4, "big") + body + b"\x00" * (len(body) % 2)


def harmless(blocks: bytes | None) -> bytes | None:
    """The blocks without pictures of the picture as it was, and without stale copies; None where nothing is left."""
    kept = [_block(*one) for one in _resources(blocks or b"")
            if one[0] not in _OUT and b"\xff\xd8\xff" not in one[2]]
    return b"".join(kept) or None


def iptc_of(blocks: bytes | None) -> bytes | None:
    """The IPTC record inside, or None."""
    return next((body for number, _, body in _resources(blocks or b"") if number == IPTC), None)


def with_iptc(blocks: bytes | None, record: bytes | None) -> bytes | None:
    """The blocks, with an IPTC record that stood elsewhere (TIFF's own tag) where they have none."""
    if record is None or iptc_of(blocks) is not None:
        return blocks
    return (blocks or b"") + _block(IPTC, b"\x00\x00", record)
