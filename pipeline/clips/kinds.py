"""What a path is, by its content: a clip, a still picture, or neither."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pipeline.clips import sequences
from pipeline.clips.opening import Kind
from pipeline.pictures.formats import CLIP, FOREIGN, sniff

_HEAD = 4096

# Clips that are never taken for pictures: (offset, first bytes).
_MORE: tuple[tuple[int, bytes], ...] = (
    (0, b"DKIF"),  # IVF
    (0, b"nut/multimedia container\0"),
    (4, b"free"), (4, b"skip"), (4, b"pnot"),  # QuickTime that begins with something else than its type
    (0, b"\0\0\0\x01\x67"), (0, b"\0\0\0\x01\x27"), (0, b"\0\0\0\x01\x09"),  # H.264 alone
    (0, b"\0\0\0\x01\x40\x01"), (0, b"\0\0\0\x01\x46\x01"),  # H.265 alone
    (0, b"\0\0\x01\xb0"),  # MPEG-4 part 2 alone
)


def kind_of(head: bytes) -> str | None:
    """"clip", "gif", "picture", or None for what is neither."""
    found = sniff(head)
    if found == CLIP or found == "gif":
        return found
    if found is not None and found != FOREIGN:
        return "picture"
    if any(head.startswith(said, at) for at, said in _MORE):
        return CLIP
    if len(head) > 392 and head[4] == head[196] == head[388] == 0x47:  # transport stream of discs: 192 bytes a packet
        return CLIP
    return None


def moving_picture(head: bytes) -> str | None:
    """What a picture that moves is called, None for a still one (PNG's chunk acTL, the flag in WebP's VP8X)."""
    if head.startswith(b"\x89PNG") and b"acTL" in head[:head.find(b"IDAT")]:
        return "an animated PNG"
    if head[8:16] == b"WEBPVP8X" and head[20] & 2:
        return "an animated WebP"
    return None


def head_of(path: Path) -> bytes:
    """Raises OSError."""
    with open(path, "rb") as file:
        return file.read(_HEAD)


def is_clip(path: Path) -> bool:
    """Whether a path is a clip by what it contains: a film of any kind (a broken one too, of which `open_clip` says
    what is wrong), a GIF of more than one picture, or a folder or pattern of numbered pictures. A still picture is
    none, nor is an animated PNG or WebP, which cannot be read as clips. Never raises, and never waits for a pipe."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return _is_pattern_of_pictures(path)
    try:
        if stat.S_ISDIR(mode):
            return bool(sequences.runs_in(path))
        if not stat.S_ISREG(mode):
            return False
        kind = kind_of(head_of(path))
        return kind == CLIP or (kind == "gif" and gif_pictures(path) > 1)
    except OSError:
        return False


def _is_pattern_of_pictures(path: Path) -> bool:
    try:
        return sequences.is_pattern(path) and sequences.run_of(path) is not None
    except (OSError, ValueError):
        return False


def gif_pictures(path: Path, most: int = 2) -> int:
    """How many pictures a GIF holds, counted up to `most` (GIF89a, 20 to 23). Raises OSError."""
    with open(path, "rb") as file:
        screen = file.read(13)
        if len(screen) < 13:
            return 0
        file.seek(_colours(screen[10]), os.SEEK_CUR)
        found = 0
        while found < most:
            block = file.read(1)
            if block == b",":
                found += 1
                rest = file.read(9)
                if len(rest) < 9:
                    break
                file.seek(_colours(rest[8]) + 1, os.SEEK_CUR)
            elif block == b"!":
                file.seek(1, os.SEEK_CUR)
            else:
                break
            while size := file.read(1):
                if size == b"\0":
                    break
                file.seek(size[0], os.SEEK_CUR)
        return found


def _colours(flags: int) -> int:
    """Bytes of a colour table that a descriptor's flags announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def suits(path: Path) -> Kind:
    """How a clip is opened, for a path that is a file or a pattern."""
    if not path.is_file():
        return "sequence"
    return "gif" if kind_of(head_of(path)) == "gif" else "file"
