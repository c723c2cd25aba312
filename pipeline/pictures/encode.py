"""From a frame to the bytes of a file, with its metadata."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from models.arrays import Pixels
from pipeline.frame import Frame
from pipeline.pictures import jpeg, png
from pipeline.pictures.exif import BrokenExif, tidied
from pipeline.pictures.formats import FORMATS
from pipeline.pictures.picture import Edit, Metadata, Picture
from pipeline.pictures.xmp import BrokenXmp, stated
from processors.batches import Remark


@dataclass(frozen=True, slots=True)
class Coded:
    """A file's bytes; sidecar: the XMP to put beside it, where the format has no place for it."""

    data: bytes
    sidecar: bytes | None
    notes: tuple[Remark, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """All that an encoder needs. samples, alpha: already of a depth and kind that the format holds. metadata: already
    cleaned, its xmp with our statement."""

    samples: Pixels
    alpha: Pixels | None
    like: Picture
    icc: bytes | None
    metadata: Metadata
    quality: int | None

    @property
    def xmp(self) -> bytes:
        return self.metadata.xmp or b""


def _jpeg(job: Job) -> bytes:
    data = jpeg.encode(job.samples, quality=job.quality, coding=job.like.jpeg, original=job.like.frame.samples,
                       orientation=job.like.turned, icc=job.icc, comment=job.metadata.comment, dpi=job.metadata.dpi)
    return jpeg.with_segments(data, job.metadata.exif, job.metadata.xmp, job.metadata.photoshop)


def _png(job: Job) -> bytes:
    return png.with_chunks(png.encode(job.samples, job.alpha), icc=job.icc, exif=job.metadata.exif,
                           xmp=job.metadata.xmp, dpi=job.metadata.dpi, kept=job.metadata.chunks)


ENCODERS: dict[str, Callable[[Job], bytes]] = {
    "jpeg": _jpeg,
    "png": _png,
}


def encode(frame: Frame, like: Picture, format: str, *, edit: Edit, quality: int | None) -> Coded:
    """The frame as a file of this format, like the input in everything else that the format holds."""
    fitted, notes = _fitted(frame, format)
    metadata, more = _metadata(like, edit)
    job = Job(fitted.samples, fitted.alpha, like, like.icc, metadata, quality)
    data = ENCODERS[format](job)
    sidecar = None if FORMATS[format].xmp else metadata.xmp
    return Coded(data, sidecar, (*notes, *more))


def _fitted(frame: Frame, format: str) -> tuple[Frame, tuple[Remark, ...]]:
    """The frame with what the format cannot hold taken out, and words about it."""
    holds, notes = FORMATS[format], []
    if frame.depth > holds.depth:
        alpha = None if frame.alpha is None else cv2.convertScaleAbs(frame.alpha, alpha=1 / 257)
        frame = replace(frame, samples=cv2.convertScaleAbs(frame.samples, alpha=1 / 257), alpha=alpha)
        notes.append(Remark("OUTPUT.DEPTH", f"{holds.title} holds 8 bits a sample: the others were rounded off. PNG "
                            "and TIFF keep them."))
    if frame.alpha is not None and not holds.alpha:
        frame = replace(frame, samples=_on_white(frame), alpha=None)
        notes.append(Remark("OUTPUT.ALPHA", f"{holds.title} has no transparency: the picture was laid on white. PNG, "
                            "WebP and TIFF keep it."))
    return frame, tuple(notes)


def _on_white(frame: Frame) -> Pixels:
    assert frame.alpha is not None
    alpha = frame.alpha if frame.grey else frame.alpha[..., None]
    share = alpha.astype(np.float32) / 255
    return np.rint(frame.samples * share + 255 * (1 - share)).astype(np.uint8)


def _metadata(like: Picture, edit: Edit) -> tuple[Metadata, tuple[Remark, ...]]:
    if edit.kind == "anonymise":
        return Metadata(xmp=stated(edit, None), dpi=like.metadata.dpi), ()
    notes: list[Remark] = []
    exif = like.metadata.exif
    try:
        exif = tidied(exif, sides_swapped=like.turned >= 5) if exif else None
    except BrokenExif:
        exif = None
        notes.append(Remark("OUTPUT.EXIF_DROPPED", "The input's EXIF is damaged and was left out."))
    try:
        xmp = stated(edit, like.metadata.xmp)
    except BrokenXmp:
        xmp = stated(edit, None)
        notes.append(Remark("OUTPUT.XMP_DROPPED", "The input's XMP is damaged and was left out."))
    return replace(like.metadata, exif=exif, xmp=xmp), tuple(notes)
