"""The picture formats: what tells each apart, what its files can hold, and which suffixes mean it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from models.errors import OutputError


@dataclass(frozen=True, slots=True)
class Format:
    """What a format's files can hold, as this program writes them.

    depth: most bits a sample. xmp: whether there is a place for XMP inside (else a sidecar is written). quality: what a
    lossy format is written with where nobody says (measured on scikit-image's astronaut, 512 x 512: a mean difference
    of 1.6 levels for JPEG, 1.8 WebP, 1.4 HEIC, 1.6 AVIF), None for formats that lose nothing.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    depth: int
    alpha: bool
    xmp: bool
    quality: int | None


FORMATS: dict[str, Format] = {
    one.name: one
    for one in (
        Format("jpeg", "JPEG", (".jpg", ".jpeg", ".jpe", ".jfif"), 8, alpha=False, xmp=True, quality=95),
        Format("png", "PNG", (".png",), 16, alpha=True, xmp=True, quality=None),
        Format("webp", "WebP", (".webp",), 8, alpha=True, xmp=True, quality=95),
        Format("tiff", "TIFF", (".tif", ".tiff"), 16, alpha=True, xmp=True, quality=None),
        Format("bmp", "BMP", (".bmp", ".dib"), 8, alpha=True, xmp=False, quality=None),
        Format("heic", "HEIC", (".heic", ".heif", ".hif"), 10, alpha=True, xmp=True, quality=90),
        Format("avif", "AVIF", (".avif",), 10, alpha=True, xmp=True, quality=90),
    )
}

_BY_SUFFIX = {suffix: one.name for one in FORMATS.values() for suffix in one.suffixes}

KNOWN = ", ".join(one.suffixes[0] for one in FORMATS.values())
"""The formats that can be written, for messages."""

CLIP = "clip"
"""What `sniff` answers for films of any kind."""

FOREIGN = "foreign"
"""What `sniff` answers for pictures and documents that are known by sight but not read."""

# First bytes of files, each from its format's specification: (offset, bytes, what it is). First match wins.
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"GIF87a", "gif"),
    (0, b"GIF89a", "gif"),
    (8, b"WEBP", "webp"),
    (0, b"BM", "bmp"),
    (8, b"CR\x02\x00", FOREIGN),  # Canon CR2, a TIFF in disguise
    (0, b"II*\x00", "tiff"),
    (0, b"MM\x00*", "tiff"),
    (0, b"II+\x00", "tiff"),  # BigTIFF
    (0, b"MM\x00+", "tiff"),
    (8, b"AVI ", CLIP),
    (0, b"\x1aE\xdf\xa3", CLIP),  # Matroska, WebM
    (4, b"moov", CLIP),  # QuickTime without a file type box
    (4, b"mdat", CLIP),
    (4, b"wide", CLIP),
    (0, b"\x00\x00\x01\xba", CLIP),  # MPEG programme stream
    (0, b"\x00\x00\x01\xb3", CLIP),  # MPEG video
    (0, b"FLV\x01", CLIP),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", CLIP),  # ASF, WMV
    (0, b"OggS", CLIP),
    (0, b"YUV4MPEG2", CLIP),
    (0, b"\x06\x0e\x2b\x34\x02\x05\x01\x01", CLIP),  # MXF
    (0, b".RMF", CLIP),
    (0, b"8BPS", FOREIGN),
    (0, b"%PDF", FOREIGN),
    (0, b"\xff\x0a", FOREIGN),  # JPEG XL
    (0, b"\x00\x00\x00\x0cJXL ", FOREIGN),
    (0, b"\x00\x00\x00\x0cjP  ", FOREIGN),  # JPEG 2000
    (0, b"FUJIFILM", FOREIGN),
    (0, b"IIRO", FOREIGN),  # Olympus raw
    (0, b"IIU\x00", FOREIGN),  # Panasonic raw
    (0, b"v/1\x01", FOREIGN),  # OpenEXR
    (0, b"#?RADIANCE", FOREIGN),
)

# Brands of ISO base media files that are pictures (ISO/IEC 23008-12, AV1 image file format 1.1).
_PICTURE_BRANDS: dict[bytes, str] = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2", b"heif"), "heic"),
    b"avif": "avif",
    **dict.fromkeys((b"avis", b"hevc", b"hevx", b"hevm", b"hevs", b"msf1"), CLIP),
    b"crx ": FOREIGN,  # Canon CR3
}


def _sniff_brands(head: bytes) -> str:
    """Major brand first, except that the general ones (mif1, msf1) say less than a compatible brand."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at:at + 4] for at in range(16, end - 3, 4))]
    if brands[0] in (b"mif1", b"msf1", b"miaf") and b"avif" in brands:
        return "avif"
    if brands[0] in (b"mif1", b"miaf") and not any(b in (b"heic", b"heix", b"mif1", b"mif2") for b in brands):
        return FOREIGN
    return _PICTURE_BRANDS.get(brands[0], CLIP)


def sniff(head: bytes) -> str | None:
    """What a file is, by its first bytes (512 are enough): a key of FORMATS, "gif", CLIP, FOREIGN, or None."""
    if head[4:8] == b"ftyp":
        return _sniff_brands(head)
    for offset, signature, kind in _SIGNATURES:
        if head.startswith(signature, offset) and (offset != 8 or kind == FOREIGN or head.startswith(b"RIFF")):
            return kind
    if len(head) > 376 and head[0] == head[188] == head[376] == 0x47:  # MPEG transport stream: packets of 188 bytes
        return CLIP
    return None


def suffix_format(path: Path) -> str:
    """The format that a file name's suffix asks for. Raises OutputError OUTPUT.FORMAT for an unknown suffix."""
    found = _BY_SUFFIX.get(path.suffix.lower())
    if found is None:
        why = (f"ends in {path.suffix}, which is not a picture format that can be written" if path.suffix
               else "has no ending that says which picture format to write")
        raise OutputError(f"{path} {why}.", subject=str(path),
                          code="OUTPUT.FORMAT", remedy=f"End its name in one of {KNOWN}.")
    return found


def named_format(path: Path) -> str | None:
    """What a file's suffix claims it to be, or None."""
    return "gif" if path.suffix.lower() == ".gif" else _BY_SUFFIX.get(path.suffix.lower())
