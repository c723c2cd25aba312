"""What was found in a picture, where a frame effect has made the picture larger."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from models.arrays import Points
from models.errors import ProcessorError
from models.face import Box, Face
from processors.base import Processor, Stream
from processors.batches import Rect, Region

MOST = 200_000_000
"""Pixels of the largest picture that is made: as many as one may have that is opened."""
Scale = tuple[float, float]
"""How many times as wide, and as high."""
SAME: Scale = (1.0, 1.0)


def scale_of(processor: Processor, params: object, width: int, height: int) -> Scale:
    """What a frame effect makes of a picture's size. Raises ProcessorError PROCESSOR.TOO_LARGE."""
    made = processor.describe(Stream(width, height), params)
    if made.width * made.height > MOST:
        raise ProcessorError(f"{processor.spec.title} would make a picture of {made.width:,} x {made.height:,} pixels, "
                             f"more than the {MOST // 1_000_000} million that Likeness makes.",
                             subject=processor.spec.name, code="PROCESSOR.TOO_LARGE",
                             remedy="Choose a smaller size, or a smaller picture.")
    return made.width / width, made.height / height


def enlarged_points(points: Points, scale: Scale) -> Points:
    """Pixels' centres are whole numbers: a pixel's corner stays a pixel's corner."""
    return np.asarray((points + 0.5) * np.array(scale) - 0.5)


def enlarged_face(face: Face, scale: Scale) -> Face:
    if scale == SAME:
        return face
    x, y = scale
    box = Box(face.box.x0 * x, face.box.y0 * y, face.box.x1 * x, face.box.y1 * y)
    return replace(face, box=box, points=enlarged_points(face.points, scale))


def enlarged_region(region: Region, scale: Scale) -> Region:
    """A region of the picture as it was. Its rectangle's corners become whole pixels."""
    x, y = scale
    old = region.rect
    rect = Rect(round(old.x0 * x), round(old.y0 * y), round(old.x1 * x), round(old.y1 * y))
    size = rect.x1 - rect.x0, rect.y1 - rect.y0
    if not region.mask.size or min(size) < 1:
        return replace(region, rect=Rect(rect.x0, rect.y0, rect.x0, rect.y0), pixels=region.pixels[:0, :0],
                       mask=region.mask[:0, :0])
    return Region(np.asarray(cv2.resize(region.pixels, size, interpolation=cv2.INTER_LINEAR)), rect,
                  np.asarray(cv2.resize(region.mask, size, interpolation=cv2.INTER_LINEAR), np.float32))
