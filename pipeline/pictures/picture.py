"""A picture as it was read, what was done to it, and what was written."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pipeline.frame import Frame
from processors.batches import Remark

EditKind = Literal["swap", "edit", "enhance", "anonymise"]


@dataclass(frozen=True, slots=True)
class JpegCoding:
    """How a JPEG was coded, so that it can be coded the same way again.

    data: the whole file. tables: quantisation tables by number, each 64 steps row by row. subsampling: "4:4:4",
    "4:2:2", "4:2:0", or another that is read but not written. components: numbers of colour planes.
    """

    data: bytes = field(repr=False)
    tables: dict[int, list[int]]
    subsampling: str
    progressive: bool
    components: int


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a file says about its picture, besides the picture.

    exif: TIFF-structured block without the "Exif\\0\\0" in front. xmp: the packet. photoshop: image resource blocks,
    which hold IPTC. comment: a JPEG's. dpi: pixels per inch, across and down. chunks: a PNG's other chunks (type,
    bytes), in order.
    """

    exif: bytes | None = field(default=None, repr=False)
    xmp: bytes | None = field(default=None, repr=False)
    photoshop: bytes | None = field(default=None, repr=False)
    comment: bytes | None = None
    dpi: tuple[float, float] | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture, read.

    frame: upright (EXIF orientation applied), in the picture's own colour space. name: the user's file name, as shown
    in messages. id: `sha256:` and the digest of the file's bytes. format: a key of formats.FORMATS, or "gif" (one
    frame). icc: the colour profile, None means sRGB. lossless: whether its own coding loses nothing. turned: the EXIF
    orientation (1..8) that was applied. premultiplied: alpha is already in the colours (TIFF's associated alpha).
    compressed: whether a TIFF was. jpeg: a JPEG's coding. notes: what people should know, in words.
    """

    frame: Frame
    name: str
    path: Path | None
    id: str
    format: str
    icc: bytes | None = field(default=None, repr=False)
    metadata: Metadata = Metadata()
    lossless: bool = True
    turned: int = 1
    premultiplied: bool = False
    compressed: bool = True
    jpeg: JpegCoding | None = field(default=None, repr=False)
    notes: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class Edit:
    """What was done to a picture, for its provenance.

    effects: name and version of every processor that ran, in order. kind: what a viewer should be told: a face of
    somebody else (swap), the same person doing something else or of another age (edit), retouched (enhance), or hidden
    (anonymise). version: Likeness's own. analysed: a content analyser looked at it before and after, and let it pass;
    the chain without models has none. trained: a trained network made a face in it.
    """

    effects: tuple[tuple[str, str], ...]
    kind: EditKind
    version: str
    recipe_id: str | None = None
    analysed: bool = False
    trained: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """path: the picture; bytes: its size; sidecar: the XMP file beside it, for formats with no place for XMP."""

    path: Path
    bytes: int
    format: str
    sidecar: Path | None = None
    notes: tuple[Remark, ...] = ()
