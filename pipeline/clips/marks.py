"""What a clip says about its last edit, written where its container has a place, and read back."""

from __future__ import annotations

from pathlib import Path

import av

from pipeline.clips.boxes import xmp_of
from pipeline.pictures.picture import Edit
from pipeline.pictures.xmp import BrokenXmp, Provenance, provenance_of, sidecar_of, stated
from processors.batches import Remark

TAG = "XMP"
"""Matroska's and WebM's tag that holds the packet."""

SENTENCE_TAG = "EDITED_WITH"
"""Matroska's and WebM's tag that says it in a sentence."""


def packet_of(path: Path) -> bytes | None:
    """The XMP that a clip carries, in itself or in a sidecar, or None. Raises OSError."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        head = file.read(12)
    found = None
    if head[4:8] in (b"ftyp", b"moov", b"wide", b"mdat", b"free", b"skip"):
        found = xmp_of(path)
    elif head.startswith(b"\x1a\x45\xdf\xa3"):
        found = _tag_of(path)
    beside = sidecar_of(path)
    return beside.read_bytes() if found is None and beside.is_file() else found


def _tag_of(path: Path) -> bytes | None:
    try:
        with av.open(path) as container:
            tags = {key.upper(): said for key, said in container.metadata.items()}
    except (av.FFmpegError, UnicodeDecodeError):
        return None
    return tags[TAG].encode() if TAG in tags else None


def statement(edit: Edit, path: Path) -> tuple[bytes, tuple[Remark, ...]]:
    """(the packet for the output: the input's with our statement; what was left out). path: the input. Anonymised
    clips carry the statement alone."""
    if edit.kind == "anonymise":
        return stated(edit, None), ()
    packet = packet_of(path)
    try:
        return stated(edit, packet), ()
    except BrokenXmp:
        return stated(edit, None), (Remark("OUTPUT.XMP_DROPPED", "The input's XMP is damaged and was left out."),)


def sentence(edit: Edit) -> str:
    return f"Likeness {edit.version}: {edit.kind}"


def read_clip_provenance(path: Path) -> Provenance | None:
    """What a clip (or the sidecar beside it) says about its last edit by this program, or None. Raises OSError."""
    packet = packet_of(path)
    try:
        return provenance_of(packet) if packet else None
    except BrokenXmp:
        return None
