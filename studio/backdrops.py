"""The picture or clip that lies behind people, as the screens show it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.backdrop import Backdrop, read_backdrop
from pipeline.frame import Frame
from pipeline.pictures.preview import Encoded, encode_frame
from studio.project import short_of

THUMB = (192, 108)
"""Pixels: a thumbnail of 96 x 54 on a screen with two pixels a point."""


def look(path: Path, name: str) -> tuple[str, Encoded]:
    """A file's id, and a thumbnail of it: of a clip, of its first picture. Raises MissingInput, MediaError."""
    content, shown = read_backdrop(path, name)
    pixels = Backdrop(shown).at()(THUMB[1], THUMB[0])
    return content, encode_frame(Frame(np.clip(np.rint(pixels), 0, 255).astype(np.uint8)))


def thumb_key(content: str) -> str:
    """Under which the page fetches the thumbnail."""
    return f"{short_of(content)}/backdrop"
