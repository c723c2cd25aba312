"""A result that effects made larger, looked at in its original's pixels."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field

import cv2
import numpy as np

from models.arrays import Pixels
from models.shrinking import shrunk
from pipeline.clips.clip import Clip
from pipeline.clips.planes import ClipFrame
from processors.batches import Rect


def is_larger(before: Clip, after: Clip) -> bool:
    """Whether one shows what the other does, in more pixels. Sizes are made even when a clip is written."""
    return after.width > before.width and after.height > before.height \
        and abs(after.height * before.width / after.width - before.height) <= 1


def matched(frames: Generator[ClipFrame, None, None], size: tuple[int, int],
            ) -> Generator[ClipFrame | Matched, None, None]:
    """The frames, in a picture of that size (width, height) where theirs is larger."""
    try:
        for frame in frames:
            yield frame if (frame.width, frame.height) == size else Matched(frame.index, shrunk(frame.bgr8(), size))
    finally:
        frames.close()


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """A frame as scoring looks at it. pixels: (H, W, 3) BGR uint8."""

    index: int
    pixels: Pixels
    _grey: list[Pixels] = field(default_factory=list, repr=False)

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    def grey8(self) -> Pixels:
        if not self._grey:
            self._grey.append(np.asarray(cv2.cvtColor(self.pixels, cv2.COLOR_BGR2GRAY)))
        return self._grey[0]

    def region(self, rect: Rect) -> Pixels:
        return self.pixels[rect.y0:rect.y1, rect.x0:rect.x1]

    def glimpse(self, rect: Rect, by: int) -> Pixels:
        """See `ClipFrame.glimpse`."""
        size = (rect.x1 - rect.x0) // by, (rect.y1 - rect.y0) // by
        return shrunk(np.ascontiguousarray(self.region(rect)), size)
