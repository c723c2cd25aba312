"""PNG: 8 and 16 bits a sample, with every chunk that still holds true after an edit (PNG specification, third
edition, section 11)."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from PIL import PngImagePlugin

from models.arrays import Pixels
from pipeline.pictures.decoded import Decoded, check_size, clip_refusal, from_array, plain
from pipeline.pictures.exif import orientation_of
from pipeline.pictures.picture import Metadata
from processors.batches import Remark

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP_KEY = b"XML:com.adobe.xmp\x00"
COLOUR_CHUNKS = (b"cICP", b"gAMA", b"cHRM", b"sRGB", b"mDCV", b"cLLI")
TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")
_SIZE = b"pHYs"


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, body) of every chunk. Raises ValueError for a truncated file and for a wrong checksum."""
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at:at + 4], "big")
        kind, body = data[at + 4:at + 8], data[at + 8:at + 8 + length]
        if at + 12 + length > len(data):
            break
        if zlib.crc32(body, zlib.crc32(kind)) != int.from_bytes(data[at + 8 + length:at + 12 + length], "big"):
            raise ValueError(f"the checksum of {kind!r} is wrong")
        yield kind, body
        if kind == b"IEND":
            return
        at += 12 + length
    raise ValueError("the file is truncated")


def decode(data: bytes) -> Decoded:
    """See decoded.Decoded. Raises RefusedError, ValueError, or what Pillow raises."""
    if data[12:16] == b"IHDR" and len(data) >= 29:
        check_size(*struct.unpack(">II", data[16:24]))
    parts = list(chunks(data))
    if any(kind == b"acTL" and int.from_bytes(body[:4], "big") > 1 for kind, body in parts):
        raise clip_refusal("an animated PNG")
    # Decoders get the samples alone: what else is in the file is read here, with a limit on what it may grow to.
    bare = join((kind, body) for kind, body in parts if kind in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))
    if data[24] == 16:
        samples, alpha = _sixteen(data, parts, data[25])
    else:
        image = PngImagePlugin.PngImageFile(io.BytesIO(bare))
        image.load()
        samples, alpha = from_array(np.asarray(plain(image)))
    exif = next((body for kind, body in parts if kind == b"eXIf"), None) or _raw_exif(parts)
    xmp = next((packet for kind, body in parts if kind == b"iTXt" and (packet := _xmp_in(body)) is not None), None)
    kept = tuple((kind, body) for kind, body in parts
                 if kind in (*COLOUR_CHUNKS, _SIZE) or (kind in TEXT_CHUNKS and not _is_profile(body)))
    metadata = Metadata(exif, xmp, None, None, _dpi(parts), kept)
    return Decoded(samples, alpha, _icc(parts), metadata, orientation_of(exif), notes=_notes(parts))


def _notes(parts: list[tuple[bytes, bytes]]) -> tuple[Remark, ...]:
    notes = []
    if any(kind == b"PLTE" for kind, _ in parts):
        notes.append(Remark("PICTURE.PALETTE", "A picture with a palette: it is worked on, and saved, in full colour."))
    if any(kind == b"caBX" for kind, _ in parts):
        notes.append(Remark("PICTURE.CREDENTIALS", "Its Content Credentials are left out: they vouch for the picture "
                            "as it was."))
    return tuple(notes)


def _sixteen(data: bytes, parts: list[tuple[bytes, bytes]], colour: int) -> tuple[Pixels, Pixels | None]:
    """OpenCV reads 16 bits, which Pillow would cut to 8. It does not tell when rows are missing, so count them."""
    width, height = struct.unpack(">II", data[16:24])
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    stream = zlib.decompressobj()
    wanted = height * (1 + width * channels * 2) if data[28] == 0 else height * width * channels * 2
    if len(stream.decompress(b"".join(body for kind, body in parts if kind == b"IDAT"), wanted)) < wanted:
        raise ValueError("the file is truncated")
    bare = join((kind, body) for kind, body in parts if kind in (b"IHDR", b"IDAT", b"IEND"))  # the key is applied below
    array = cv2.imdecode(np.frombuffer(bare, np.uint8), cv2.IMREAD_UNCHANGED)
    if array is None or array.dtype != np.uint16:
        raise ValueError("the samples cannot be decoded")
    alpha = np.ascontiguousarray(array[..., 3]) if array.ndim == 3 and array.shape[2] == 4 else None
    samples = array if array.ndim == 2 else np.ascontiguousarray(array[..., 0 if colour == 4 else slice(0, 3)])
    key = next((body for kind, body in parts if kind == b"tRNS"), None)
    if key is not None and alpha is None:
        wanted_key = np.frombuffer(key, ">u2")[::-1].astype(np.uint16)
        same = samples == (wanted_key[0] if samples.ndim == 2 else wanted_key)
        alpha = np.where(same if samples.ndim == 2 else same.all(axis=2), 0, 65535).astype(np.uint16)
    return samples, alpha


def _xmp_in(body: bytes) -> bytes | None:
    if not body.startswith(_XMP_KEY):
        return None
    compressed, rest = body[len(_XMP_KEY)] == 1, body[len(_XMP_KEY) + 2:]
    text = rest.split(b"\x00", 2)[2]
    return _inflated(text) if compressed else text


def _inflated(body: bytes) -> bytes:
    """16 MB at most: larger than any sensible profile or packet (tables for print take 1 to 3 MB); more is a bomb."""
    return zlib.decompressobj().decompress(body, 16 * 1024**2)


def _icc(parts: list[tuple[bytes, bytes]]) -> bytes | None:
    """From iCCP: a name, a zero, a method (0), the packed profile (section 11.3.2.3)."""
    body = next((body for kind, body in parts if kind == b"iCCP"), None)
    return _inflated(body.partition(b"\x00")[2][1:]) or None if body is not None else None


def _dpi(parts: list[tuple[bytes, bytes]]) -> tuple[float, float] | None:
    """From pHYs: pixels a metre across and down, and 1 for "a metre" (section 11.3.4.3)."""
    body = next((body for kind, body in parts if kind == _SIZE and len(body) == 9 and body[8] == 1), None)
    if body is None:
        return None
    across, down = (value * 0.0254 for value in struct.unpack(">II", body[:8]))
    return (across, down) if across > 1 and down > 1 else None


def _is_profile(body: bytes) -> bool:
    """XMP (written anew) and ImageMagick's wrapped EXIF, IPTC and 8BIM blocks (they can hold thumbnails)."""
    return body.startswith((_XMP_KEY, b"Raw profile type"))


def _raw_exif(parts: list[tuple[bytes, bytes]]) -> bytes | None:
    """EXIF as ImageMagick wrote it before PNG had a place for it: a line break, "exif", the length, hexadecimals."""
    for kind, body in parts:
        if kind in (b"tEXt", b"zTXt") and body.startswith((b"Raw profile type exif\x00", b"Raw profile type APP1\x00")):
            text = body.partition(b"\x00")[2]
            words = (_inflated(text[1:]) if kind == b"zTXt" else text).split()
            found = bytes.fromhex(b"".join(words[2:]).decode("ascii"))
            return found.removeprefix(b"Exif\x00\x00") if found[:4] != b"http" else None
    return None


def join(parts: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A PNG of these chunks."""
    out = [SIGNATURE]
    for kind, body in parts:
        checksum = zlib.crc32(body, zlib.crc32(kind)).to_bytes(4, "big")
        out += (len(body).to_bytes(4, "big"), kind, body, checksum)
    return b"".join(out)


def encode(samples: Pixels, alpha: Pixels | None) -> bytes:
    """A PNG of (H, W) or (H, W, 3) BGR, uint8 or uint16, nothing else in it."""
    if alpha is not None and samples.ndim == 2:
        return _encode_grey_alpha(samples, alpha)
    done, coded = cv2.imencode(".png", samples if alpha is None else np.dstack((samples, alpha)),
                               [cv2.IMWRITE_PNG_COMPRESSION, 4])
    if not done:
        raise ValueError("the PNG could not be coded")
    return coded.tobytes()


def _encode_grey_alpha(samples: Pixels, alpha: Pixels) -> bytes:
    """OpenCV writes no grey with alpha, and Pillow none of 16 bits. Every row is filtered by the one above (filter
    type 2, section 9.2)."""
    bits = 16 if samples.dtype == np.uint16 else 8
    height, width = samples.shape
    rows = np.dstack((samples, alpha)).astype(">u2" if bits == 16 else np.uint8).reshape(height, -1).view(np.uint8)
    lines = np.empty((height, rows.shape[1] + 1), np.uint8)
    lines[:, 0] = 2
    lines[0, 1:] = rows[0]
    lines[1:, 1:] = rows[1:] - rows[:-1]
    header = struct.pack(">IIBBBBB", width, height, bits, 4, 0, 0, 0)
    return join(((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 4)), (b"IEND", b"")))


def _comment(comment: bytes) -> tuple[bytes, bytes]:
    """A JPEG's comment under PNG's own keyword for one (section 11.3.3.1): UTF-8 where it is that, else Latin-1, in
    which every byte means something. Without zeros, which end a text (section 11.3.3.2)."""
    try:
        text = comment.decode("utf-8")
    except UnicodeDecodeError:
        text = comment.decode("latin-1")
    return b"iTXt", b"Comment\x00\x00\x00\x00\x00" + text.replace("\x00", "").encode("utf-8")


def with_chunks(data: bytes, *, icc: bytes | None, exif: bytes | None, xmp: bytes | None,
                dpi: tuple[float, float] | None, comment: bytes | None, kept: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """The PNG with metadata in front of its samples, in the order that the specification asks for."""
    head, *rest = ((kind, body) for kind, body in chunks(data) if kind not in (*TEXT_CHUNKS, _SIZE))
    colour: list[tuple[bytes, bytes]] = [part for part in kept if part[0] in COLOUR_CHUNKS]
    if icc is not None:
        # An ICC profile and sRGB exclude each other (section 11.3.2).
        colour = [part for part in colour if part[0] != b"sRGB"]
        colour.append((b"iCCP", b"ICC profile\x00\x00" + zlib.compress(icc)))
    size = [part for part in kept if part[0] == _SIZE][:1]
    if not size and dpi is not None:
        size = [(_SIZE, struct.pack(">IIB", *(round(v / 0.0254) for v in dpi), 1))]
    words = [part for part in kept if part[0] in TEXT_CHUNKS]
    if comment:
        words.append(_comment(comment))
    if xmp is not None:
        words.append((b"iTXt", _XMP_KEY + b"\x00\x00\x00\x00" + xmp))
    if exif is not None:
        words.append((b"eXIf", exif))
    return join((head, *colour, *size, *words, *rest))
