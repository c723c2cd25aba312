"""One still frame: the decoder's own samples, and the way from and to the rectangles that processors work on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Protocol, Self, TypeVar

import cv2
import numpy as np

from models.arrays import Mask, Pixels
from processors.batches import Rect

C_co = TypeVar("C_co", covariant=True)


class Canvas(Protocol):
    """What the chain needs of a frame, be it a picture's samples or a clip's planes: upright, in square pixels."""

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...

    def region(self, rect: Rect) -> Pixels:
        """Working colour (BGR uint8, or float32 0..255 above 8 bits) of a rectangle that may reach over the edge, where
        the outermost pixels are repeated. Always a copy."""
        ...

    def edit(self) -> Sketch[Self]: ...


class Sketch(Protocol[C_co]):
    """A canvas being changed. frame: as it is now."""

    @property
    def frame(self) -> C_co: ...

    def write(self, rect: Rect, pixels: Pixels, mask: Mask) -> None:
        """Replaces the rectangle's pixels where mask > 0, and nothing else."""
        ...

    def enlarge(self, pixels: Pixels) -> None:
        """Replaces the whole frame by one of another size."""
        ...


@dataclass(frozen=True, slots=True)
class Frame:
    """Immutable; upright.

    samples: (H, W, 3) BGR or (H, W) grey, uint8 or uint16, as decoded. alpha: (H, W) of the same dtype, or None.
    index: 0-based number; pts: presentation time in exact seconds (0 for pictures).
    """

    samples: Pixels
    alpha: Pixels | None = None
    index: int = 0
    pts: Fraction = Fraction(0)

    @property
    def width(self) -> int:
        return int(self.samples.shape[1])

    @property
    def height(self) -> int:
        return int(self.samples.shape[0])

    @property
    def depth(self) -> int:
        """Bits a sample: 8 or 16."""
        return 16 if self.samples.dtype == np.uint16 else 8

    @property
    def grey(self) -> bool:
        return self.samples.ndim == 2

    def bgr8(self) -> Pixels:
        """(H, W, 3) BGR uint8 of the whole frame, for looking at and for detectors. Shares memory where it can."""
        samples = self.samples
        if self.depth == 16:
            samples = cv2.convertScaleAbs(samples, alpha=1 / 257)
        return cv2.cvtColor(samples, cv2.COLOR_GRAY2BGR) if self.grey else samples

    def region(self, rect: Rect) -> Pixels:
        """Pixels of a rectangle in working colour (BGR uint8, or float32 0..255 above 8 bits).

        The rectangle may reach over the edge; the frame's last pixels are replicated there. Always a copy.
        """
        x0, y0 = min(max(rect.x0, 0), self.width - 1), min(max(rect.y0, 0), self.height - 1)
        x1, y1 = min(max(rect.x1, x0 + 1), self.width), min(max(rect.y1, y0 + 1), self.height)
        cut = np.array(self.samples[y0:y1, x0:x1])
        if self.depth == 16:
            cut = cut.astype(np.float32) / np.float32(257)
        if self.grey:
            cut = np.repeat(cut[..., None], 3, axis=2)
        pads = (max(y0 - rect.y0, 0), max(rect.y1 - y1, 0), max(x0 - rect.x0, 0), max(rect.x1 - x1, 0))
        if any(pads):
            cut = np.pad(cut, ((pads[0], pads[1]), (pads[2], pads[3]), (0, 0)), mode="edge")
        return cut[:rect.y1 - rect.y0, :rect.x1 - rect.x0]

    def edit(self) -> Draft:
        return Draft(self)


class Draft:
    """A frame being changed. The first write copies the samples; every sample that is not written keeps its bits."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self._own = False

    def write(self, rect: Rect, pixels: Pixels, mask: Mask) -> None:
        """Replaces the rectangle's samples where mask > 0. Parts over the edge are dropped.

        pixels: working colour (uint8 or float32, BGR, 0..255), the rectangle's size; mask: (H, W).
        """
        frame = self.frame
        x0, y0 = max(rect.x0, 0), max(rect.y0, 0)
        x1, y1 = min(rect.x1, frame.width), min(rect.y1, frame.height)
        if x1 <= x0 or y1 <= y0:
            return
        inner = np.s_[y0 - rect.y0:y1 - rect.y0, x0 - rect.x0:x1 - rect.x0]
        touched = mask[inner] > 0
        if not touched.any():
            return
        if not self._own:
            self.frame = frame = replace(frame, samples=frame.samples.copy())
            self._own = True
        new = _to_samples(pixels[inner], frame)
        # cv2's masked copy writes into the view in place, 200 times faster than numpy's boolean indexing.
        cv2.copyTo(np.ascontiguousarray(new), touched.astype(np.uint8), frame.samples[y0:y1, x0:x1])

    def enlarge(self, pixels: Pixels) -> None:
        """See `Sketch`. What is transparent stays so, drawn out smoothly."""
        size = pixels.shape[1], pixels.shape[0]
        alpha = self.frame.alpha
        larger = None if alpha is None else np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_LINEAR))
        self.frame = replace(self.frame, samples=np.ascontiguousarray(_to_samples(pixels, self.frame)), alpha=larger)
        self._own = True


def _to_samples(pixels: Pixels, like: Frame) -> Pixels:
    """Working colour to the frame's own kind of samples."""
    if like.grey:
        # Luma of BT.601, the weights of JPEG and of cv2: exact for pixels that are grey already.
        pixels = np.asarray(cv2.transform(pixels.astype(np.float32), np.array([[0.114, 0.587, 0.299]], np.float32)))
    if like.depth == 16:
        deep = np.clip(np.rint(pixels.astype(np.float32) * np.float32(257)), 0, 65535)
        return np.asarray(deep, np.uint16)
    if pixels.dtype == np.uint8:
        return pixels
    return np.asarray(np.clip(np.rint(pixels), 0, 255), np.uint8)
