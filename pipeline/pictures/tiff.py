"""TIFF: 8 and 16 bits a sample, with its profile, XMP, IPTC, EXIF and resolution (TIFF 6.0)."""

from __future__ import annotations

import io
import struct
from typing import Any

import cv2
import numpy as np
import tifffile
from PIL import Image, TiffImagePlugin

from models.arrays import Pixels
from pipeline.pictures.colour import cmyk_to_rgb, lab_to_rgb
from pipeline.pictures.decoded import Decoded, RefusedError, check_size, dpi_of, from_array, plain
from pipeline.pictures.exif import first_directory
from pipeline.pictures.photoshop import harmless, iptc_of, with_iptc
from pipeline.pictures.picture import Metadata
from processors.batches import Remark

_XMP, _IPTC, _PHOTOSHOP, _ICC, _DNG, _ORIENTATION, _KIND = 700, 33723, 34377, 34675, 50706, 274, 254
_EXIF_IFD, _GPS_IFD = 34665, 34853
# What people and cameras say in the first directory, as against how the samples lie.
_WORDS = {270: "ImageDescription", 271: "Make", 272: "Model", 305: "Software", 306: "DateTime", 315: "Artist",
          33432: "Copyright"}
_PLAIN = {0, 1, 2}  # WhiteIsZero, BlackIsZero, RGB
_REDUCED = 1
_ASSOCIATED = 1


def decode(data: bytes) -> Decoded:
    """See decoded.Decoded. Raises RefusedError, or what tifffile, OpenCV and Pillow raise."""
    classic = data[:4] in (b"II*\x00", b"MM\x00*")  # as against BigTIFF, which is laid out in another way
    if classic and not first_directory(data).whole:
        raise ValueError("the file is truncated")
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        number, page = _main_page(file)
        check_size(page.imagewidth, page.imagelength)
        _check_whole(page, len(data))
        notes = _notes(file)
        depth = int(np.max(page.bitspersample))
        if page.sampleformat not in (1, None) or depth > 16:
            raise RefusedError(f"stores its samples as {page.dtype}, which is not read.", "MEDIA.UNSUPPORTED",
                               "Save it with 8 or 16 bits a sample.")
        tags = {tag.code: tag.value for tag in page.tags if tag.code in (_XMP, _IPTC, _PHOTOSHOP, _ICC, _ORIENTATION)}
        found = _direct(page)
        premultiplied = bool(page.extrasamples) and page.extrasamples[0] == _ASSOCIATED
        compressed = page.compression != 1
    icc = _raw(tags.get(_ICC))
    if found is None:
        samples, alpha, icc, more = _through_others(data, number, depth, icc)
        notes, premultiplied = (*notes, *more), False
    else:
        samples, alpha = found
    photoshop = with_iptc(harmless(_raw(tags.get(_PHOTOSHOP))), _raw(tags.get(_IPTC)))
    metadata = Metadata(_exif(data, number), _raw(tags.get(_XMP)), photoshop, None, _resolution(data, number))
    orientation = tags.get(_ORIENTATION, 1)
    orientation = int(orientation) if isinstance(orientation, int) and 1 <= orientation <= 8 else 1
    return Decoded(samples, alpha, icc, metadata, orientation, premultiplied=premultiplied, compressed=compressed,
                   notes=notes)


def _main_page(file: tifffile.TiffFile) -> tuple[int, tifffile.TiffPage]:
    """The first page that is not a small copy of another."""
    first = file.pages.first
    if _DNG in first.tags:
        raise RefusedError("is a camera's raw file.", "MEDIA.UNKNOWN_FORMAT",
                           "Develop it into TIFF or JPEG in another program, and give that.")
    for number in range(min(len(file.pages), 16)):
        page = file.pages[number]
        if isinstance(page, tifffile.TiffPage) and not int(page.subfiletype) & _REDUCED:
            return number, page
    return 0, first


def _notes(file: tifffile.TiffFile) -> tuple[Remark, ...]:
    pages = len(file.pages)
    if pages == 1:
        return ()
    return (Remark("PICTURE.FIRST_ONLY", f"The file holds {pages} pages: the first is taken, the others are left out.",
                   {"pages": pages}),)


def _check_whole(page: tifffile.TiffPage, size: int) -> None:
    """tifffile paints strips that are missing black without a word."""
    offsets, lengths = page.dataoffsets, page.databytecounts
    if not lengths or len(offsets) != len(lengths) or not all(lengths) \
            or any(at + length > size for at, length in zip(offsets, lengths, strict=True)):
        raise ValueError("the file is truncated")
    if page.compression == 1 and sum(lengths) * 8 < int(np.sum(page.bitspersample)) * page.imagewidth * (
            page.imagelength // max(page.samplesperpixel if page.planarconfig == 2 else 1, 1)):
        raise ValueError("the file is truncated")


def _direct(page: tifffile.TiffPage) -> tuple[Pixels, Pixels | None] | None:
    """The page's own samples, or None where tifffile has no codec for them or they are no plain grey or RGB."""
    if page.photometric not in _PLAIN or page.dtype not in (np.uint8, np.uint16) or page.samplesperpixel > 4 \
            or int(np.min(page.bitspersample)) not in (8, 16):
        return None
    try:
        array = page.asarray(maxworkers=1)
    except (KeyError, ImportError):
        return None
    except ValueError as error:
        if "imagecodecs" in str(error) or "compression" in str(error).lower():
            return None
        raise
    array = np.moveaxis(array, 0, -1) if page.axes == "SYX" else array
    if array.ndim not in (2, 3):
        raise ValueError("the samples do not make a picture")
    samples, alpha = from_array(array)
    return (np.iinfo(samples.dtype).max - samples if page.photometric == 0 else samples), alpha


def _through_others(data: bytes, number: int, depth: int, icc: bytes | None,
                    ) -> tuple[Pixels, Pixels | None, bytes | None, tuple[Remark, ...]]:
    """LZW, JPEG and other codings, palettes, CMYK, Lab and single bits: OpenCV above 8 bits, else Pillow."""
    if depth > 8:
        if number:
            raise RefusedError("is a TIFF whose main page is not the first and packed in a way that is not read.",
                               "MEDIA.UNSUPPORTED", "Save it without compression.")
        array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if array is None or array.dtype not in (np.uint8, np.uint16):
            raise ValueError("the samples cannot be decoded")
        rgb = array if array.ndim == 2 else array[..., [2, 1, 0, *range(3, array.shape[2])]]
        return *from_array(rgb), icc, ()
    image = _open(data, number)
    image.load()
    if image.mode == "CMYK":
        rgb_image, icc, note = cmyk_to_rgb(image, icc)
        return *from_array(np.asarray(rgb_image)), icc, (note,)
    if image.mode == "LAB":
        rgb_image, icc, note = lab_to_rgb(image)
        return *from_array(np.asarray(rgb_image)), icc, (note,)
    notes = (Remark("PICTURE.PALETTE", "A picture with a palette: it is worked on, and saved, in full colour."),)
    return *from_array(np.asarray(plain(image))), icc, notes if image.mode == "P" else ()


def _open(data: bytes, number: int) -> TiffImagePlugin.TiffImageFile:
    image = TiffImagePlugin.TiffImageFile(io.BytesIO(data))
    if number:
        image.seek(number)
    return image


def _raw(value: Any) -> bytes | None:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (tuple, list, np.ndarray)):
        return np.asarray(value).tobytes()
    return bytes(value) if isinstance(value, (bytes, bytearray)) and value else None


def _resolution(data: bytes, number: int) -> tuple[float, float] | None:
    try:
        return dpi_of(_open(data, number))
    except Exception:  # kinds of TIFF that only tifffile opens; their resolution is not worth failing for
        return None


def _exif(data: bytes, number: int) -> bytes | None:
    """What the directories say about the picture, as a block of its own."""
    try:
        stated = _open(data, number).getexif()
        own = Image.Exif()
        for tag in (*_WORDS, 274):
            if tag in stated:
                own[tag] = stated[tag]
        for tag in (_EXIF_IFD, _GPS_IFD):
            if found := stated.get_ifd(tag):
                own.get_ifd(tag).update(found)
        return own.tobytes().removeprefix(b"Exif\x00\x00") if len(own) or own.get_ifd(_EXIF_IFD) else None
    except Exception:  # damaged or foreign directories: the samples do not depend on them
        return None


def encode(samples: Pixels, alpha: Pixels | None, *, icc: bytes | None, metadata: Metadata, premultiplied: bool,
           compressed: bool) -> bytes:
    """A TIFF of (H, W) or (H, W, 3) BGR, uint8 or uint16; little-endian, deflated unless the input was not packed."""
    colour = samples if samples.ndim == 2 else samples[..., ::-1]
    array = colour if alpha is None else np.dstack((colour, alpha))
    exif = Image.Exif()
    if metadata.exif is not None:
        exif.load(b"Exif\x00\x00" + metadata.exif)
    below = [(tag, found) for tag in (_EXIF_IFD, _GPS_IFD) if (found := exif.get_ifd(tag))]
    extras: list[Any] = [(tag, "s", 0, _text(exif[tag]), True) for tag in _WORDS if tag in exif]
    extras += [(tag - 1, "I", 1, 0, True) for tag, _ in below]
    for tag, body in ((_XMP, metadata.xmp), (_PHOTOSHOP, metadata.photoshop), (_IPTC, iptc_of(metadata.photoshop))):
        if body is not None:
            extras.append((tag, "B", len(body), body, True))
    file = io.BytesIO()
    tifffile.imwrite(file, np.ascontiguousarray(array), byteorder="<",
                     photometric="minisblack" if samples.ndim == 2 else "rgb", planarconfig="contig",
                     extrasamples=None if alpha is None else ["assocalpha" if premultiplied else "unassalpha"],
                     compression="deflate" if compressed else None, predictor=compressed or None, iccprofile=icc,
                     resolution=metadata.dpi, resolutionunit="inch" if metadata.dpi else None,
                     metadata=None, software=False, extratags=extras)
    return _with_directories(file.getvalue(), below)


def _text(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _with_directories(data: bytes, below: list[tuple[int, dict[int, Any]]]) -> bytes:
    """The TIFF with EXIF and GPS directories behind it, and its first directory's pointers set to them. tifffile
    writes no such pointers, so that the tags before them, which nobody uses there, have kept their places."""
    out = bytearray(data)
    for tag, values in below:
        out += b"\x00" * (len(out) % 2)
        directory = TiffImagePlugin.ImageFileDirectory_v2(ifh=b"II*\x00\x00\x00\x00\x00")
        for key, value in values.items():
            if not isinstance(value, dict):
                directory[key] = value
        at = first_directory(data).entries[tag - 1].at
        struct.pack_into("<H", out, at, tag)
        struct.pack_into("<I", out, at + 8, len(out))
        out += directory.tobytes(len(out))
    return bytes(out)
