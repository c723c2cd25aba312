"""Pictures for looking at on a screen: the whole frame, and portraits of its faces."""

from __future__ import annotations

import io
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from models.arrays import Pixels
from models.face import Box
from pipeline.frame import Frame

# Visually lossless at 200 % on screen, and a third of the bytes of quality 100.
QUALITY = 92
# Browsers refuse or blur canvases and images far above this; 64 megapixels are shown as they are.
LONGEST_SIDE = 8000
PORTRAIT_QUALITY = 88


@dataclass(frozen=True, slots=True)
class Encoded:
    """A file in memory for a browser."""

    data: bytes
    media_type: str


def encode_frame(frame: Frame, icc: bytes | None = None) -> Encoded:
    """The whole frame as JPEG, or as PNG where it has alpha, with its colour profile, so that the browser shows the
    colours that the file will have."""
    pixels = cv2.cvtColor(frame.bgr8(), cv2.COLOR_BGR2RGB)
    if frame.alpha is not None:
        alpha = frame.alpha if frame.depth == 8 else cv2.convertScaleAbs(frame.alpha, alpha=1 / 257)
        pixels = np.dstack([pixels, alpha])
    longest = max(pixels.shape[:2])
    if longest > LONGEST_SIDE:
        pixels = cv2.resize(pixels, None, fx=LONGEST_SIDE / longest, fy=LONGEST_SIDE / longest,
                            interpolation=cv2.INTER_AREA)
    # A grey picture's profile does not fit the three channels that are shown.
    profile = None if frame.grey else icc
    buffer = io.BytesIO()
    if frame.alpha is not None:
        Image.fromarray(pixels).save(buffer, "PNG", compress_level=1, icc_profile=profile)
        return Encoded(buffer.getvalue(), "image/png")
    Image.fromarray(pixels).save(buffer, "JPEG", quality=QUALITY, subsampling=0, icc_profile=profile)
    return Encoded(buffer.getvalue(), "image/jpeg")


def encode_portrait(frame: Frame, box: Box, turn: int = 0, side: int = 112, icc: bytes | None = None) -> Encoded:
    """A square round a face's box, `side` pixels wide, upright. turn: the face's clockwise quarter turns."""
    half = 0.72 * max(box.width, box.height)  # hair and chin in, neighbours out
    x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2 - 0.08 * box.height
    matrix = np.array([[side / (2 * half), 0, side / 2 - x * side / (2 * half)],
                       [0, side / (2 * half), side / 2 - y * side / (2 * half)]])
    cut: Pixels = _shrunk(frame.bgr8(), matrix, side)
    cut = np.rot90(cut, -turn)
    buffer = io.BytesIO()
    profile = None if frame.grey else icc
    Image.fromarray(np.ascontiguousarray(cut[..., ::-1])).save(buffer, "JPEG", quality=PORTRAIT_QUALITY,
                                                               icc_profile=profile)
    return Encoded(buffer.getvalue(), "image/jpeg")


def _shrunk(picture: Pixels, matrix: np.ndarray, side: int) -> Pixels:
    """The square that `matrix` maps to side x side; averaged where it shrinks, edge pixels repeated."""
    scale = float(matrix[0, 0])
    if scale >= 1:
        return cv2.warpAffine(picture, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    size = max(1, round(side / scale))
    whole = cv2.warpAffine(picture, matrix / scale, (size, size), flags=cv2.INTER_LINEAR,
                           borderMode=cv2.BORDER_REPLICATE)
    return cv2.resize(whole, (side, side), interpolation=cv2.INTER_AREA)
