"""Which metadata an output carries: what its input said, as far as it is still true and safe, and our statement."""

from __future__ import annotations

from dataclasses import replace

from pipeline.pictures import jpeg
from pipeline.pictures.colour import nameless
from pipeline.pictures.exif import BrokenExif, tidied
from pipeline.pictures.formats import FORMATS
from pipeline.pictures.picture import Edit, Metadata, Picture
from pipeline.pictures.png import COLOUR_CHUNKS, TEXT_CHUNKS
from pipeline.pictures.xmp import BrokenXmp, stated
from processors.batches import Remark

Notes = tuple[Remark, ...]


def carried(like: Picture, format: str, edit: Edit) -> tuple[Metadata, bytes | None, Notes]:
    """(metadata with our statement in its xmp, colour profile, what was left out, in words)."""
    return _nothing_personal(like, edit) if edit.kind == "anonymise" else _all_that_holds(like, format, edit)


def _nothing_personal(like: Picture, edit: Edit) -> tuple[Metadata, bytes | None, Notes]:
    """Fails closed: only what is named here is kept, which is resolution and what colours mean. Not even words about
    colours: a profile can name the screen of the person who owned it."""
    kept = tuple(part for part in like.metadata.chunks if part[0] in COLOUR_CHUNKS)
    icc = nameless(like.icc)
    notes: Notes = (Remark("OUTPUT.STRIPPED", "Thumbnail, place, names, times, camera, comments and history were left "
                           "out."),)
    if icc is None and like.icc is not None:
        notes += (Remark("OUTPUT.PROFILE_DROPPED", "The colour profile could not be made nameless and was left out: "
                         "colours may look different."),)
    return Metadata(xmp=stated(edit, None), dpi=like.metadata.dpi, chunks=kept), icc, notes


def _all_that_holds(like: Picture, format: str, edit: Edit) -> tuple[Metadata, bytes | None, Notes]:
    exif, notes = _exif(like, format)
    xmp, more = _xmp(like, format, edit)
    return replace(like.metadata, exif=exif, xmp=xmp), like.icc, (*notes, *more, *_no_place(like, format))


def _exif(like: Picture, format: str) -> tuple[bytes | None, Notes]:
    exif = like.metadata.exif
    if exif is None:
        return None, ()
    try:
        done = tidied(exif, sides_swapped=like.turned >= 5)
    except BrokenExif:
        return None, (Remark("OUTPUT.EXIF_DROPPED", "The input's EXIF is damaged, or holds a picture of its "
                              "own, and was left out."),)
    if format == "jpeg" and not jpeg.fits(jpeg.EXIF, done):
        return None, (Remark("OUTPUT.EXIF_DROPPED", "The input's EXIF is larger than a JPEG holds and was left out."),)
    return done, ()


def _xmp(like: Picture, format: str, edit: Edit) -> tuple[bytes, Notes]:
    try:
        done = stated(edit, like.metadata.xmp)
    except BrokenXmp:
        return stated(edit, None), (Remark("OUTPUT.XMP_DROPPED", "The input's XMP is damaged and was left out."),)
    if format == "jpeg" and not jpeg.fits(jpeg.XMP, done):
        return stated(edit, None), (Remark("OUTPUT.XMP_DROPPED",
                                           "The input's XMP is larger than a JPEG holds and was left out."),)
    return done, ()


# What besides EXIF, XMP and profile each format has a place for, as this program writes it.
_PLACES: dict[str, frozenset[str]] = {
    "jpeg": frozenset(("iptc", "comment", "dpi")),
    "png": frozenset(("text", "comment", "dpi")),
    "tiff": frozenset(("iptc", "dpi")),
    "bmp": frozenset(("dpi",)),
}


def _no_place(like: Picture, format: str) -> Notes:
    said = like.metadata
    there = {"IPTC": ("iptc", said.photoshop), "comment": ("comment", said.comment),
             "text": ("text", any(kind in TEXT_CHUNKS for kind, _ in said.chunks))}
    if format == "bmp":
        there |= {"EXIF": ("exif", said.exif), "colour profile": ("icc", like.icc)}
    lost = [words for words, (place, value) in there.items() if value and place not in _PLACES.get(format, ())]
    if not lost:
        return ()
    return (Remark("OUTPUT.NO_PLACE", f"{FORMATS[format].title} has no place for the input's {', '.join(lost)}: left "
                   "out."),)
