"""What every decoder gives back, and how it says no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from models.arrays import Pixels
from pipeline.pictures.picture import JpegCoding, Metadata
from processors.batches import Remark

MAX_PIXELS = 200_000_000
"""Most pixels of a picture: what the largest sensors of telephones give (16,320 x 12,240 = 199,756,800), and 600 MB
of memory at 8 bits a sample."""

MAX_BYTES = 2 * 1024**3
"""Largest file: MAX_PIXELS at 16 bits in four channels is 1.6 GB without any compression."""


class RefusedError(Exception):
    """A decoder will not read this. sentence: what follows the file's name ("is larger than …")."""

    def __init__(self, sentence: str, code: str, remedy: str) -> None:
        super().__init__(sentence)
        self.sentence, self.code, self.remedy = sentence, code, remedy


@dataclass(frozen=True, slots=True)
class Decoded:
    """Samples as stored, not yet upright. orientation: EXIF's, 1..8, still to be applied."""

    samples: Pixels
    alpha: Pixels | None = None
    icc: bytes | None = None
    metadata: Metadata = field(default_factory=Metadata)
    orientation: int = 1
    lossless: bool = True
    premultiplied: bool = False
    compressed: bool = True
    jpeg: JpegCoding | None = None
    notes: tuple[Remark, ...] = ()


Decoder = Callable[[bytes], Decoded]


def check_size(width: int, height: int) -> None:
    """Before decoding. Raises RefusedError for nothing and for too much."""
    if width < 1 or height < 1:
        raise RefusedError(f"is {width} x {height} pixels: there is no picture in it.", "MEDIA.EMPTY",
                           "Give a picture with at least one pixel.")
    if width * height > MAX_PIXELS:
        raise RefusedError(
            f"is {width:,} x {height:,} pixels, more than the {MAX_PIXELS // 1_000_000} million that Likeness opens: "
            "it would fill the memory, as files made to harm do.", "MEDIA.TOO_LARGE",
            "Make the picture smaller in another program first.")


def clip_refusal(what: str) -> RefusedError:
    return RefusedError(f"is {what}.", "INPUT.IS_CLIP",
                        "A picture is wanted here: JPEG, PNG, WebP, TIFF, BMP, HEIC or AVIF.")


def turn(array: Pixels, orientation: int) -> Pixels:
    """Stored rows and columns -> upright, for EXIF orientation 1..8 (CIPA DC-008, tag 274)."""
    turned = {1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud,
              5: lambda a: np.swapaxes(a, 0, 1), 6: lambda a: np.rot90(a, -1),
              7: lambda a: np.rot90(np.swapaxes(a, 0, 1), 2), 8: lambda a: np.rot90(a, 1)}[orientation](array)
    return np.ascontiguousarray(turned)


def from_array(array: Pixels) -> tuple[Pixels, Pixels | None]:
    """(samples, alpha) of an array in Pillow's channel order: (H, W), (H, W, 2), (H, W, 3) or (H, W, 4)."""
    if array.ndim == 2:
        return np.ascontiguousarray(array), None
    if array.shape[2] == 1:
        return np.ascontiguousarray(array[..., 0]), None
    if array.shape[2] == 2:
        return np.ascontiguousarray(array[..., 0]), np.ascontiguousarray(array[..., 1])
    alpha = np.ascontiguousarray(array[..., 3]) if array.shape[2] == 4 else None
    return np.ascontiguousarray(array[..., 2::-1]), alpha


def plain(image: Image.Image) -> Image.Image:
    """The image in L, LA, RGB or RGBA, 8 bits a sample, without loss: palettes, keys and single bits resolved."""
    if image.mode in ("L", "LA", "RGB", "RGBA") and "transparency" not in image.info:
        return image
    keyed = "transparency" in image.info
    if image.mode in ("1", "L", "LA"):
        return image.convert("LA" if keyed or image.mode == "LA" else "L")
    return image.convert("RGBA" if keyed or image.mode in ("PA", "RGBA", "RGBa") else "RGB")


def dpi_of(image: Image.Image) -> tuple[float, float] | None:
    """Pixels per inch, where the file states sensible ones."""
    stated = image.info.get("dpi")
    try:
        across, down = (float(v) for v in stated) if stated else (0.0, 0.0)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    # 1 x 1 is what writers put where they have to put something.
    return (across, down) if 1 < across <= 1e6 and 1 < down <= 1e6 else None
