"""JPEG: read with how it was coded, and coded again so that blocks nobody touched come out as they were."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import cv2
import numpy as np
from PIL import Image, JpegImagePlugin

from models.arrays import Pixels
from pipeline.pictures.colour import cmyk_to_rgb
from pipeline.pictures.decoded import Decoded, check_size, dpi_of, from_array, turn
from pipeline.pictures.exif import orientation_of
from pipeline.pictures.jpeg_planes import SAMPLINGS, Tables, draft, settled, stored_planes
from pipeline.pictures.photoshop import harmless
from pipeline.pictures.picture import JpegCoding, Metadata
from processors.batches import Remark

EXIF, XMP, PHOTOSHOP = b"Exif\x00\x00", b"http://ns.adobe.com/xap/1.0/\x00", b"Photoshop 3.0\x00"
_EXTENDED = b"http://ns.adobe.com/xmp/extension/\x00"
_SOS, _COM, _APP1, _APP2, _APP11, _APP13 = 0xDA, 0xFE, 0xE1, 0xE2, 0xEB, 0xED
_MOST = 65533
"""Most bytes of one segment: its length is 16 bits and counts itself."""

_SAMPLINGS = dict(enumerate(SAMPLINGS))


def segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(marker, payload) up to the first scan. Raises ValueError where the file ends before that."""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            raise ValueError("a marker is missing")
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        length = int.from_bytes(data[at + 2:at + 4], "big")
        yield marker, data[at + 4:at + 2 + length]
        if marker == _SOS:
            return
        at += 2 + length
    raise ValueError("the file is truncated")


def _ends(data: bytes) -> bool:
    """Whether an end marker follows the first scan: a file that was cut, or cut and filled up with zeros, has none,
    and decoders paint what is missing grey without a word."""
    scan = data.find(b"\xff\xda")
    return scan >= 0 and re.search(rb"\xff\xd9", data[scan:]) is not None


def decode(data: bytes) -> Decoded:
    """See decoded.Decoded. Raises RefusedError, or what Pillow raises."""
    parts = list(segments(data))
    if not _ends(data):
        raise ValueError("the file is truncated")
    opened = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
    check_size(*opened.size)
    metadata = _metadata(parts, opened)
    icc = opened.info.get("icc_profile")
    notes: tuple[Remark, ...] = _left_out(parts)
    coding: JpegCoding | None = _coding(data, opened)
    opened.load()
    image: Image.Image = opened
    if image.mode == "CMYK":
        image, icc, note = cmyk_to_rgb(image, icc)
        notes, coding = (*notes, note), None
    samples, _ = from_array(np.asarray(image))
    return Decoded(samples, None, icc, metadata, orientation_of(metadata.exif), lossless=False, jpeg=coding,
                   notes=notes)


def _metadata(parts: list[tuple[int, bytes]], image: Image.Image) -> Metadata:
    def first(marker: int, sign: bytes) -> bytes | None:
        return next((body[len(sign):] for m, body in parts if m == marker and body.startswith(sign)), None)

    blocks = b"".join(body[len(PHOTOSHOP):] for m, body in parts if m == _APP13 and body.startswith(PHOTOSHOP))
    comment = next((body for m, body in parts if m == _COM), None)
    return Metadata(first(_APP1, EXIF), first(_APP1, XMP), harmless(blocks), comment, dpi_of(image))


def _left_out(parts: list[tuple[int, bytes]]) -> tuple[Remark, ...]:
    notes = []
    if any(m == _APP2 and body.startswith(b"MPF\x00") for m, body in parts):
        notes.append(Remark("PICTURE.FIRST_ONLY", "The file holds further pictures (previews, depth or a gain map): "
                            "the main one is taken, the others are left out."))
    if any(m == _APP1 and body.startswith(_EXTENDED) for m, body in parts):
        notes.append(Remark("PICTURE.EXTENDED_XMP", "Its XMP goes on in further segments (often depth or previews): "
                            "these are left out."))
    if any(m == _APP11 and b"c2pa" in body for m, body in parts):
        notes.append(Remark("PICTURE.CREDENTIALS", "Its Content Credentials are left out: they vouch for the picture "
                            "as it was."))
    return tuple(notes)


def _coding(data: bytes, image: JpegImagePlugin.JpegImageFile) -> JpegCoding:
    layers = image.layer
    tables = {number: image.quantization[layer[3]] for number, layer in enumerate(layers[:2])}
    sampling = _SAMPLINGS.get(JpegImagePlugin.get_sampling(image), "other") if len(layers) == 3 else "4:4:4"
    return JpegCoding(data, tables, sampling, bool(image.info.get("progressive")), len(layers))


def encode(samples: Pixels, *, quality: int | None, usual: int, coding: JpegCoding | None, original: Pixels | None,
           orientation: int, icc: bytes | None, comment: bytes | None, dpi: tuple[float, float] | None) -> bytes:
    """A JPEG of (H, W) or (H, W, 3) BGR uint8.

    coding: the input's, or None where it was no JPEG. original: the input's samples, upright; where samples equal
    them, the planes that the file stores are coded again rather than planes converted to RGB and back.
    """
    options: dict[str, object] = {"icc_profile": icc, "comment": comment or b"", "optimize": True}
    if dpi is not None:
        options["dpi"] = tuple(round(v) for v in dpi)
    if quality is not None or coding is None:
        # 4:4:4: red lips against skin are where halved colour shows first.
        options |= {"quality": quality or usual, "subsampling": "4:4:4"}
        image = _pillow(samples)
    else:
        turned = orientation >= 5
        tables = tuple(_table(t, turned) for t in coding.tables.values())
        stays = coding.subsampling in SAMPLINGS and not (turned and coding.subsampling == "4:2:2")
        sampling = coding.subsampling if stays else "4:4:4"
        # Whether pairs of pixels that shared halved colour will share it again.
        same = stays and (orientation == 1 or not any(v % 2 for v in samples.shape[:2]))
        options |= {"qtables": tables, "subsampling": sampling, "progressive": coding.progressive}
        image = _as_coded(samples, coding, original, orientation, tables if same else None)
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def _table(steps: list[int], turned: bool) -> list[int]:
    """A block on its side has its frequencies on their side."""
    return [steps[x * 8 + y] for y in range(8) for x in range(8)] if turned else list(steps)


def _pillow(samples: Pixels) -> Image.Image:
    return Image.fromarray(samples if samples.ndim == 2 else np.ascontiguousarray(samples[..., ::-1]))


def _as_coded(samples: Pixels, coding: JpegCoding, original: Pixels | None, orientation: int,
              tables: Tables | None) -> Image.Image:
    """tables: what will be coded with, or None where colour is halved in another way than it was: then the decoder's
    smoothed colour is nearest."""
    if samples.ndim == 2 or original is None or original.shape != samples.shape:
        return _pillow(samples)
    planes = stored_planes(coding) if tables is not None else draft(coding.data, 1)
    if planes is None:
        return _pillow(samples)
    planes = turn(planes, orientation)
    changed = (samples != original).any(axis=2)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    if rows.size:
        box = np.s_[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
        new = cv2.cvtColor(np.ascontiguousarray(samples[box]), cv2.COLOR_BGR2YCrCb)[..., [0, 2, 1]]
        planes[box][changed[box]] = new[changed[box]]
    if tables is not None:
        planes = settled(planes, ~changed, tables, coding.subsampling)
    return Image.fromarray(planes, "YCbCr")


def with_segments(data: bytes, exif: bytes | None, xmp: bytes | None, photoshop: bytes | None) -> bytes:
    """The JPEG with blocks put in after its JFIF header. Each of exif and xmp must fit (see `fits`); Photoshop's are
    spread over several segments where they are larger, as Photoshop does."""
    after_jfif = 4 + int.from_bytes(data[4:6], "big") if data[2:4] == b"\xff\xe0" else 2
    step = _MOST - len(PHOTOSHOP)
    spread = [photoshop[at:at + step] for at in range(0, len(photoshop), step)] if photoshop else []
    bodies = [(_APP1, EXIF, exif), (_APP1, XMP, xmp), *((_APP13, PHOTOSHOP, part) for part in spread)]
    blocks = [bytes((0xFF, marker)) + (len(sign) + len(body) + 2).to_bytes(2, "big") + sign + body
              for marker, sign, body in bodies if body is not None]
    return b"".join((data[:after_jfif], *blocks, data[after_jfif:]))


def fits(sign: bytes, body: bytes) -> bool:
    """Whether a block and the sign in front of it go into one segment."""
    return len(sign) + len(body) <= _MOST
