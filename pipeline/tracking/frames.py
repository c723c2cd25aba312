"""What tracking needs of a frame."""

from __future__ import annotations

from typing import Protocol

from models.arrays import Pixels
from processors.batches import Rect


class Looked(Protocol):
    """A frame of a clip, upright (`pipeline.clips.planes.ClipFrame` is one)."""

    @property
    def index(self) -> int: ...

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...

    def grey8(self) -> Pixels:
        """(H, W) uint8; it is not written to."""
        ...

    def region(self, rect: Rect) -> Pixels:
        """(h, w, 3) BGR, uint8 or float32 0..255, of a rectangle."""
        ...
