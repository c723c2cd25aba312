"""Files for the tests, made with other people's writers, and what is planted in them."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pillow_heif
import tifffile
from PIL import Image, ImageCms

from models.arrays import Pixels
from pipeline.pictures import Edit
from tests.conftest import ASTRONAUT, read_bgr

SWAP = Edit((("geometric", "1.0"), ("pyramid", "2.1")), "swap", "9.8.7", "recipe-42")
HIDE = Edit((("anonymise", "1.0"),), "anonymise", "9.8.7", "recipe-42")

SECRETS = ("Ada Secretname", "SERIAL-0815", "Hidden Valley", "Ann's own screen", "secret-history")
"""Strings that stand for names, devices and places."""

XMP = """<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="uuid:7"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/" xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
 xmp:CreatorTool="Darkroom 3" xmp:Rating="4" xmp:ModifyDate="2001-01-01"><dc:title><rdf:Alt>
 <rdf:li xml:lang="x-default">Ada Secretname 与猫</rdf:li></rdf:Alt></dc:title>
 <xmpMM:History><rdf:Seq><rdf:li stEvt:action="secret-history"/></rdf:Seq></xmpMM:History>
 </rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>""".encode()


def exif(orientation: int = 1, thumbnail: bytes | None = None) -> bytes:
    """A TIFF-structured block, with names, a serial number, a place and, if given, a thumbnail."""
    stated = Image.Exif()
    stated[0x010F], stated[0x013B], stated[0x0112] = "Makers", SECRETS[0], orientation
    shooting = stated.get_ifd(0x8769)
    shooting[0xA431], shooting[0x9003] = SECRETS[1], "2020:02:02 02:02:02"
    shooting[0xA002], shooting[0xA003] = 48, 32
    shooting[0x927C] = b"maker's own bytes, " + bytes(range(32))
    stated.get_ifd(0x8825)[0x001D] = SECRETS[2]
    block = bytearray(stated.tobytes().removeprefix(b"Exif\x00\x00"))
    if thumbnail is not None:
        order = "<" if block[:2] == b"II" else ">"
        first = struct.unpack_from(order + "I", block, 4)[0]
        (count,) = struct.unpack_from(order + "H", block, first)
        block += bytes(len(block) % 2)
        second = len(block)
        struct.pack_into(order + "I", block, first + 2 + 12 * count, second)
        block += struct.pack(order + "HHHIIHHIII", 2, 0x0201, 4, 1, second + 30, 0x0202, 4, 1, len(thumbnail), 0)
        block += thumbnail
    return bytes(block)


def matrix_profile(primaries: tuple[tuple[float, float, float], ...], gamma: float, words: str = "made") -> bytes:
    """A version 2 RGB profile: columns of the matrix to XYZ (D50), one gamma."""
    def fixed(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    def text(body: str) -> bytes:
        ascii_body = body.encode() + b"\x00"
        return b"desc" + bytes(4) + struct.pack(">I", len(ascii_body)) + ascii_body + bytes(78)

    bodies = {b"desc": text(words), b"cprt": b"text" + bytes(4) + words.encode() + b"\x00",
              b"wtpt": b"XYZ " + bytes(4) + fixed(0.9642) + fixed(1.0) + fixed(0.8249)}
    for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True):
        bodies[name] = b"XYZ " + bytes(4) + b"".join(fixed(v) for v in column)
    for name in (b"rTRC", b"gTRC", b"bTRC"):
        bodies[name] = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))
    table, data, at = struct.pack(">I", len(bodies)), b"", 132 + 12 * len(bodies)
    for name, body in bodies.items():
        padded = body + bytes(-len(body) % 4)
        table += name + struct.pack(">II", at + len(data), len(body))
        data += padded
    header = struct.pack(">I4sI4s4s4s12s4s", 132 + 12 * len(bodies) + len(data), b"lcms", 0x02100000, b"mntr", b"RGB ",
                         b"XYZ ", bytes(12), b"acsp") + bytes(28) + fixed(0.9642) + fixed(1.0) + fixed(0.8249)
    return header + bytes(128 - len(header)) + table + data


# Adobe RGB (1998) and Display P3, adapted to D50: the columns that their published profiles hold.
ADOBE_RGB = matrix_profile(((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)),
                           563 / 256, SECRETS[3])
DISPLAY_P3 = matrix_profile(((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)),
                            2.2, "P3 with a plain gamma")


def small(width: int = 96, height: int = 64) -> Pixels:
    """(H, W, 3) BGR uint8: a part of the astronaut with face and suit."""
    return np.ascontiguousarray(read_bgr(ASTRONAUT)[80:80 + height, 180:180 + width])


def sixteen(array: Pixels) -> Pixels:
    """8 bits spread over 16, the lower byte other than the upper one."""
    wide = array.astype(np.uint16) * 256
    return wide + (np.arange(wide.size, dtype=np.uint16) % 251).reshape(wide.shape)


def slope(height: int, width: int) -> Pixels:
    """(H, W) uint8 alpha, 0 at the left, 255 at the right."""
    return np.tile(np.linspace(0, 255, width).astype(np.uint8), (height, 1))


def save(path: Path, array: Pixels, **options: Any) -> Path:
    """Pillow saves (H, W), (H, W, 2: grey and alpha), (H, W, 3) BGR or (H, W, 4) BGRA, by the suffix."""
    rgb = array if array.ndim == 2 or array.shape[2] == 2 else array[..., [2, 1, 0, *range(3, array.shape[2])]]
    image = Image.fromarray(np.ascontiguousarray(rgb))
    if path.suffix in (".heic", ".heif"):
        pillow_heif.from_pillow(image).save(path, **options)
    else:
        image.save(path, **options)
    return path


def coded(format: str, array: Pixels | None = None, **options: Any) -> bytes:
    """A small file's bytes."""
    array = small(48, 32) if array is None else array
    if format == "heic":
        file = io.BytesIO()
        pillow_heif.from_pillow(Image.fromarray(array[..., ::-1].copy())).save(file, **options)
        return file.getvalue()
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(array[..., ::-1])).save(file, format, **options)
    return file.getvalue()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_png_chunks(data: bytes, *chunks: bytes) -> bytes:
    """Chunks put behind the header."""
    return data[:33] + b"".join(chunks) + data[33:]


def iptc_blocks() -> bytes:
    """Photoshop resources: an IPTC by-line with a name, and a thumbnail of the picture as it was."""
    byline = b"\x1c\x02\x50" + struct.pack(">H", len(SECRETS[0])) + SECRETS[0].encode()
    byline += b"\x00" * (len(byline) % 2)
    thumbnail = b"\x00" * 28 + b"\xff\xd8\xffthumb"
    thumbnail += b"\x00" * (len(thumbnail) % 2)
    return b"".join(b"8BIM" + struct.pack(">HHI", number, 0, len(body)) + body
                    for number, body in ((0x0404, byline), (0x040C, thumbnail)))


def srgb_bytes() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def tiff_sixteen(path: Path, array: Pixels, **options: Any) -> Path:
    tifffile.imwrite(path, array, metadata=None, **options)
    return path


def png_sixteen(path: Path, array: Pixels) -> Path:
    assert cv2.imwrite(str(path), array)
    return path


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter; pytest's own ones are closed to all but the user that runs the tests."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextlib.contextmanager
def without_privileges() -> Iterator[None]:
    """As an ordinary user: root may read and write everything, so it becomes nobody for a while."""
    if os.geteuid() != 0:
        yield
        return
    nobody = 65534
    os.setresuid(nobody, nobody, 0)  # the saved 0 is the way back
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
