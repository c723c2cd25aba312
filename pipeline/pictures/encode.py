"""From a frame to the bytes of a file, with its metadata."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from models.arrays import Pixels
from pipeline.frame import Frame
from pipeline.pictures import jpeg, others, png, tiff
from pipeline.pictures.carry import carried
from pipeline.pictures.colour import GREY, space_of
from pipeline.pictures.exif import sized
from pipeline.pictures.formats import FORMATS, Format
from pipeline.pictures.picture import Edit, Metadata, Picture
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
    cleaned, its xmp with our statement. quality: what was asked for, or None; usual: the format's own."""

    samples: Pixels
    alpha: Pixels | None
    like: Picture
    icc: bytes | None
    metadata: Metadata
    quality: int | None
    usual: int


def _jpeg(job: Job) -> bytes:
    data = jpeg.encode(job.samples, quality=job.quality, usual=job.usual, coding=job.like.jpeg,
                       original=job.like.frame.samples, orientation=job.like.turned, icc=job.icc,
                       comment=job.metadata.comment, dpi=job.metadata.dpi)
    return jpeg.with_segments(data, job.metadata.exif, job.metadata.xmp, job.metadata.photoshop)


def _png(job: Job) -> bytes:
    return png.with_chunks(png.encode(job.samples, job.alpha), icc=job.icc, exif=job.metadata.exif,
                           xmp=job.metadata.xmp, dpi=job.metadata.dpi, comment=job.metadata.comment,
                           kept=job.metadata.chunks)


def _tiff(job: Job) -> bytes:
    return tiff.encode(job.samples, job.alpha, icc=job.icc, metadata=job.metadata,
                       premultiplied=job.like.premultiplied, compressed=job.like.compressed)


def _webp(job: Job) -> bytes:
    return others.encode_webp(job.samples, job.alpha, lossless=job.quality is None and job.like.lossless,
                              quality=job.quality or job.usual, icc=job.icc, metadata=job.metadata)


def _bmp(job: Job) -> bytes:
    return others.encode_bmp(job.samples, job.alpha, dpi=job.metadata.dpi)


def _heic(job: Job) -> bytes:
    return others.encode_heic(job.samples, job.alpha, quality=job.quality or job.usual, icc=job.icc,
                              metadata=job.metadata)


def _avif(job: Job) -> bytes:
    return others.encode_avif(job.samples, job.alpha, quality=job.quality or job.usual, icc=job.icc,
                              metadata=job.metadata)


ENCODERS: dict[str, Callable[[Job], bytes]] = {
    "jpeg": _jpeg,
    "png": _png,
    "webp": _webp,
    "tiff": _tiff,
    "bmp": _bmp,
    "heic": _heic,
    "avif": _avif,
}


_GREY_TOO = frozenset(("jpeg", "png", "tiff"))
"""Formats in which grey stays grey, so that a grey profile fits; the others store three equal colours."""


def encode(frame: Frame, like: Picture, format: str, *, edit: Edit, quality: int | None) -> Coded:
    """The frame as a file of this format, like the input in everything else that the format holds."""
    fitted, notes = _fitted(frame, like, FORMATS[format])
    metadata, icc, more = carried(like, format, edit)
    if metadata.exif is not None and (frame.width, frame.height) != (like.frame.width, like.frame.height):
        metadata = replace(metadata, exif=sized(metadata.exif, frame.width, frame.height))
    if fitted.grey and space_of(icc) == GREY and format not in _GREY_TOO:
        icc = None
        notes += (Remark("OUTPUT.PROFILE_DROPPED", f"{FORMATS[format].title} holds no grey pictures: the grey colour "
                         "profile was left out, and tones may look different."),)
    job = Job(fitted.samples, fitted.alpha, like, icc, metadata, quality, FORMATS[format].quality or 100)
    data = ENCODERS[format](job)
    sidecar = None if FORMATS[format].xmp else metadata.xmp
    return Coded(data, sidecar, (*notes, *more))


def _fitted(frame: Frame, like: Picture, holds: Format) -> tuple[Frame, tuple[Remark, ...]]:
    """The frame with what the format cannot hold taken out, and words about it."""
    notes: list[Remark] = []
    if frame.depth > holds.depth:
        notes.append(Remark("OUTPUT.DEPTH", f"{holds.title} is written with {holds.depth} bits a sample: the finer "
                            "steps were rounded off. PNG and TIFF keep 16.", {"bits": holds.depth}))
    if frame.depth > holds.depth == 8:
        alpha = None if frame.alpha is None else cv2.convertScaleAbs(frame.alpha, alpha=1 / 257)
        frame = replace(frame, samples=cv2.convertScaleAbs(frame.samples, alpha=1 / 257), alpha=alpha)
    if frame.alpha is not None and not holds.alpha:
        frame = replace(frame, samples=_on_white(frame, like.premultiplied), alpha=None)
        notes.append(Remark("OUTPUT.ALPHA", f"{holds.title} has no transparency: the picture was laid on white. PNG, "
                            "WebP and TIFF keep it."))
    elif frame.alpha is not None and like.premultiplied and holds.name != "tiff":
        frame = replace(frame, samples=_divided(frame))
    return frame, tuple(notes)


def _share(frame: Frame) -> Pixels:
    assert frame.alpha is not None
    alpha = frame.alpha.astype(np.float32) / np.float32(np.iinfo(frame.alpha.dtype).max)
    share: Pixels = alpha if frame.grey else alpha[..., None]
    return share


def _on_white(frame: Frame, premultiplied: bool) -> Pixels:
    share, white = _share(frame), np.iinfo(frame.samples.dtype).max
    colours = frame.samples.astype(np.float32) * (1 if premultiplied else share)
    done: Pixels = np.clip(np.rint(colours + white * (1 - share)), 0, white).astype(frame.samples.dtype)
    return done


def _divided(frame: Frame) -> Pixels:
    """Colours with alpha no longer in them, for formats that keep the two apart."""
    white = np.iinfo(frame.samples.dtype).max
    colours = frame.samples.astype(np.float32) / np.maximum(_share(frame), 1 / white)
    done: Pixels = np.clip(np.rint(colours), 0, white).astype(frame.samples.dtype)
    return done
