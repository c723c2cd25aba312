"""WebP, BMP, GIF, HEIC and AVIF: what Pillow, pillow-heif and OpenCV read and write of them."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
import pillow_heif
from PIL import AvifImagePlugin, BmpImagePlugin, GifImagePlugin, Image, WebPImagePlugin

from models.arrays import Pixels
from pipeline.pictures.decoded import Decoded, check_size, clip_refusal, dpi_of, from_array, plain
from pipeline.pictures.exif import orientation_of
from pipeline.pictures.picture import Metadata
from processors.batches import Remark

_EXIF = b"Exif\x00\x00"


def decode_webp(data: bytes) -> Decoded:
    """See decoded.Decoded. Lossless where the picture's own chunk is VP8L (WebP container specification)."""
    if int.from_bytes(data[4:8], "little") + 8 > len(data):
        raise ValueError("the file is truncated")
    image = WebPImagePlugin.WebPImageFile(io.BytesIO(data))
    if image.is_animated:
        raise clip_refusal("an animated WebP")
    return _decoded(image, lossless=_webp_lossless(data))


def _webp_lossless(data: bytes) -> bool:
    at = 12
    while at + 8 <= len(data):
        if data[at:at + 4] in (b"VP8 ", b"VP8L"):
            return data[at:at + 4] == b"VP8L"
        length = int.from_bytes(data[at + 4:at + 8], "little")
        at += 8 + length + length % 2
    return False


def decode_bmp(data: bytes) -> Decoded:
    """See decoded.Decoded."""
    return _decoded(BmpImagePlugin.BmpImageFile(io.BytesIO(data)))


def decode_gif(data: bytes) -> Decoded:
    """See decoded.Decoded: one frame only."""
    image = GifImagePlugin.GifImageFile(io.BytesIO(data))
    if image.is_animated:
        raise clip_refusal("an animated GIF")
    return _decoded(image)


def _decoded(image: Image.Image, *, lossless: bool = True) -> Decoded:
    check_size(*image.size)
    icc, dpi = image.info.get("icc_profile"), dpi_of(image)
    exif, xmp = image.info.get("exif"), image.info.get("xmp")
    notes = (Remark("PICTURE.PALETTE", "A picture with a palette: it is worked on, and saved, in full colour."),)
    palette = image.mode in ("P", "PA")
    image.load()
    samples, alpha = from_array(np.asarray(plain(image)))
    block = exif.removeprefix(_EXIF) if exif else None
    return Decoded(samples, alpha, icc, Metadata(block, xmp, dpi=dpi), orientation_of(block), lossless=lossless,
                   notes=notes if palette else ())


def decode_heic(data: bytes) -> Decoded:
    """See decoded.Decoded. libheif applies the container's own turning; EXIF's orientation says it a second time and
    is not applied again (ISO/IEC 23008-12, A.2.2)."""
    file = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
    check_size(*file.size)
    info = file.info
    array = np.asarray(file)
    bits = int(info.get("bit_depth", 8))
    if array.dtype == np.uint16:
        # pillow-heif leaves the low bits empty; brought to the whole scale, so that white is 65535.
        array = ((array >> (16 - bits)).astype(np.uint32) * 65535 // (2**bits - 1)).astype(np.uint16)
    samples, alpha = from_array(array)
    exif = info.get("exif")
    notes: tuple[Remark, ...] = ()
    if len(file) > 1:
        notes = (Remark("PICTURE.FIRST_ONLY", f"The file holds {len(file)} pictures: the main one is taken, the others "
                        "are left out."),)
    if not info.get("icc_profile") and info.get("nclx_profile", {}).get("color_primaries", 1) not in (1, 2):
        notes += (Remark("PICTURE.PRIMARIES", "Its colours are stated without a profile and are wider than sRGB: they "
                         "are taken for sRGB and may look paler."),)
    block = _from_tiff_header(exif) if exif else None
    return Decoded(samples, alpha, info.get("icc_profile"), Metadata(block, info.get("xmp") or None), lossless=False,
                   notes=notes)


def _from_tiff_header(exif: bytes) -> bytes | None:
    starts = [at for at in (exif.find(b"II*\x00"), exif.find(b"MM\x00*")) if 0 <= at <= 16]
    return exif[min(starts):] if starts else None


def decode_avif(data: bytes) -> Decoded:
    """See decoded.Decoded. Above 8 bits OpenCV decodes; Pillow gives the rest, the turning included."""
    image = AvifImagePlugin.AvifImageFile(io.BytesIO(data))
    check_size(*image.size)
    if image.is_animated:
        raise clip_refusal("an animated AVIF")
    bits = _avif_bits(data)
    orientation = image.getexif().get(0x0112, 1)
    exif, xmp, icc = image.info.get("exif"), image.info.get("xmp"), image.info.get("icc_profile")
    notes: tuple[Remark, ...] = ()
    array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if bits > 8 else None
    if array is not None and array.dtype == np.uint16:
        array = (array.astype(np.uint32) * 65535 // (2**bits - 1)).astype(np.uint16)
        samples, alpha = from_array(array if array.ndim == 2 else array[..., [2, 1, 0, *range(3, array.shape[2])]])
    else:
        image.load()
        samples, alpha = from_array(np.asarray(plain(image)))
        if bits > 8:  # OpenCV 4.14 decodes none with both alpha and XMP
            notes = (Remark("PICTURE.EIGHT_BITS", f"This AVIF's {bits} bits a sample can be read as 8 only.",
                            {"bits": bits}),)
    block = exif.removeprefix(_EXIF) if exif else None
    return Decoded(samples, alpha, icc, Metadata(block, xmp), int(orientation) if 1 <= orientation <= 8 else 1,
                   lossless=False, notes=notes)


def _avif_bits(data: bytes) -> int:
    """From the first av1C property: high_bitdepth and twelve_bit (AV1 in ISOBMFF, 2.3.3)."""
    at = data.find(b"av1C")
    flags = data[at + 6] if 0 <= at < len(data) - 6 else 0
    return (12 if flags & 0x20 else 10) if flags & 0x40 else 8


def _pillow(samples: Pixels, alpha: Pixels | None) -> Image.Image:
    if alpha is None:
        return Image.fromarray(samples if samples.ndim == 2 else np.ascontiguousarray(samples[..., ::-1]))
    colour = np.repeat(samples[..., None], 3, axis=2) if samples.ndim == 2 else samples
    return Image.fromarray(np.ascontiguousarray(np.dstack((colour[..., ::-1], alpha))))


def _carried(icc: bytes | None, metadata: Metadata) -> dict[str, Any]:
    said = {"icc_profile": icc, "exif": _EXIF + metadata.exif if metadata.exif else None, "xmp": metadata.xmp}
    return {key: value for key, value in said.items() if value}


def encode_webp(samples: Pixels, alpha: Pixels | None, *, lossless: bool, quality: int, icc: bytes | None,
                metadata: Metadata) -> bytes:
    """exact: colours under full transparency are kept too."""
    file = io.BytesIO()
    _pillow(samples, alpha).save(file, "WEBP", lossless=lossless, quality=quality, exact=True,
                                 **_carried(icc, metadata))
    return file.getvalue()


def encode_bmp(samples: Pixels, alpha: Pixels | None, *, dpi: tuple[float, float] | None) -> bytes:
    """With alpha as a version 4 bitmap, which OpenCV writes and Pillow does not."""
    if alpha is not None:
        done, coded = cv2.imencode(".bmp", cv2.cvtColor(np.asarray(_pillow(samples, alpha)), cv2.COLOR_RGBA2BGRA))
        if not done:
            raise ValueError("the BMP could not be coded")
        return coded.tobytes()
    file = io.BytesIO()
    _pillow(samples, None).save(file, "BMP", **({"dpi": dpi} if dpi else {}))
    return file.getvalue()


def encode_heic(samples: Pixels, alpha: Pixels | None, *, quality: int, icc: bytes | None,
                metadata: Metadata) -> bytes:
    """8 bits a sample, or 10 where samples are uint16; colour at half size each way, as telephones write and show."""
    image = _sixteen(samples, alpha) if samples.dtype == np.uint16 else pillow_heif.from_pillow(_pillow(samples, alpha))
    file = io.BytesIO()
    image.save(file, quality=quality, **_carried(icc, metadata))
    return file.getvalue()


def _sixteen(samples: Pixels, alpha: Pixels | None) -> pillow_heif.HeifFile:
    colour = np.repeat(samples[..., None], 3, axis=2) if samples.ndim == 2 else samples
    array = colour[..., ::-1] if alpha is None else np.dstack((colour[..., ::-1], alpha))
    height, width = samples.shape[:2]
    return pillow_heif.from_bytes("RGB;16" if alpha is None else "RGBA;16", (width, height),
                                  np.ascontiguousarray(array).tobytes())


def encode_avif(samples: Pixels, alpha: Pixels | None, *, quality: int, icc: bytes | None,
                metadata: Metadata) -> bytes:
    """8 bits a sample through Pillow, or 10 through OpenCV where samples are uint16."""
    if samples.dtype == np.uint16:
        return _avif_ten(samples, alpha, quality, icc, metadata)
    file = io.BytesIO()
    _pillow(samples, alpha).save(file, "AVIF", quality=quality, subsampling="4:4:4", **_carried(icc, metadata))
    return file.getvalue()


def _avif_ten(samples: Pixels, alpha: Pixels | None, quality: int, icc: bytes | None, metadata: Metadata) -> bytes:
    colour = np.repeat(samples[..., None], 3, axis=2) if samples.ndim == 2 else samples
    array = colour if alpha is None else np.dstack((colour, alpha))
    ten = ((array.astype(np.uint32) * 1023 + 32767) // 65535).astype(np.uint16)
    said = [(kind, np.frombuffer(body, np.uint8)) for kind, body in (
        (cv2.IMAGE_METADATA_EXIF, metadata.exif), (cv2.IMAGE_METADATA_XMP, metadata.xmp),
        (cv2.IMAGE_METADATA_ICCP, icc)) if body]
    done, coded = cv2.imencodeWithMetadata(".avif", ten, [kind for kind, _ in said], [body for _, body in said],
                                           [cv2.IMWRITE_AVIF_DEPTH, 10, cv2.IMWRITE_AVIF_QUALITY, quality])
    if not done:
        raise ValueError("the AVIF could not be coded")
    return coded.tobytes()
