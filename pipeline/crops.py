"""Crops cut from frames, and patches laid back: the only place that warps for processors."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from models.arrays import Mask, Matrix, Pixels
from models.face import Face, five_points
from models.geometry import compose, invert, quarter_turn, scale_of, similarity, transform
from pipeline.frame import Canvas
from processors.batches import Crop, Lay, Native, Patch, Rect, Template


def cut(frame: Canvas, face: Face, shape: Native | Template) -> Crop:
    """The crop of one face that a processor asked for."""
    return _cut_native(frame, face, shape.margin) if isinstance(shape, Native) else _cut_aligned(frame, face, shape)


def native_rect(face: Face, margin: float) -> Rect:
    """The 68 points' bounding rectangle, grown by `margin` outer-eye distances on every side. The distance is taken as
    at least 0.45 of the face's height, since turning left or right shortens it (the ratio of a frontal face is .75,
    at 55 degrees of yaw .45)."""
    (x0, y0), (x1, y1) = face.points.min(axis=0), face.points.max(axis=0)
    grow = margin * max(face.eye_distance, 0.45 * max(x1 - x0, y1 - y0))
    return Rect(int(np.floor(x0 - grow)), int(np.floor(y0 - grow)), int(np.ceil(x1 + grow)) + 1,
                int(np.ceil(y1 + grow)) + 1)


def _cut_native(frame: Canvas, face: Face, margin: float) -> Crop:
    rect = native_rect(face, margin)
    pixels = np.ascontiguousarray(np.rot90(frame.region(rect), -face.turn))
    matrix = compose(quarter_turn(face.turn, rect.x1 - rect.x0, rect.y1 - rect.y0),
                     np.array([[1.0, 0.0, -rect.x0], [0.0, 1.0, -rect.y0]]))
    over = rect.x0 < 0 or rect.y0 < 0 or rect.x1 > frame.width or rect.y1 > frame.height
    inside = _inside(frame, matrix, pixels.shape[1], pixels.shape[0]) if over else None
    return Crop(pixels, matrix, transform(face.points, matrix), face, inside)


def _cut_aligned(frame: Canvas, face: Face, template: Template) -> Crop:
    matrix = similarity(five_points(face.points), np.array(template.points) * template.size)
    # Only the rectangle that the crop shows is read, so that a face in a large picture costs what the face costs.
    rect = _covering(matrix, Rect(0, 0, template.size, template.size))
    back = compose(matrix, np.array([[1.0, 0.0, rect.x0], [0.0, 1.0, rect.y0]]))
    flags = cv2.INTER_AREA if scale_of(matrix) < 1 else cv2.INTER_CUBIC
    pixels = np.asarray(cv2.warpAffine(frame.region(rect), back, (template.size, template.size), flags=flags,
                                       borderMode=cv2.BORDER_REPLICATE))
    over = rect.x0 < 0 or rect.y0 < 0 or rect.x1 > frame.width or rect.y1 > frame.height
    inside = _inside(frame, matrix, template.size, template.size) if over else None
    return Crop(pixels, matrix, transform(face.points, matrix), face, inside)


def _covering(matrix: Matrix, part: Rect) -> Rect:
    """Whole frame pixels that a part of a crop touches, with a margin of one crop pixel (without it the edge of
    large faces is wrong: the crop's outer pixels reach half a crop pixel over its outer centres)."""
    low, high = (part.x0 - 1.0, part.y0 - 1.0), (float(part.x1), float(part.y1))
    corners = np.array([low, [high[0], low[1]], high, [low[0], high[1]]])
    corners = transform(corners, invert(matrix))
    (x0, y0), (x1, y1) = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0))
    return Rect(int(x0), int(y0), int(x1) + 1, int(y1) + 1)


def _inside(frame: Canvas, matrix: Matrix, width: int, height: int) -> Mask:
    """1 where a crop pixel's centre lies in the frame."""
    grid = np.stack(np.meshgrid(np.arange(width, dtype=float), np.arange(height, dtype=float)), axis=-1).reshape(-1, 2)
    x, y = np.round(transform(grid, invert(matrix)), 6).T
    inside = (x >= -0.5) & (y >= -0.5) & (x <= frame.width - 0.5) & (y <= frame.height - 0.5)
    return np.asarray(inside, np.float32).reshape(height, width)


def recut(frame: Canvas, patch: Patch, shape: Native | Template) -> Patch:
    """The same patch in another crop, for a processor that wants another template than its neighbour: its change is
    warped over, where it has one, onto fresh pixels of the frame; towards the old crop's border it fades, so that what
    comes next is shown no edge. What was not changed comes fresh from the frame."""
    crop = cut(frame, patch.crop.face, shape)
    if patch.pixels is patch.crop.pixels:
        return Patch(crop, crop.pixels, sources=patch.sources, exact=patch.exact, remarks=patch.remarks,
                     mask=None if patch.mask is None else move_mask(patch.mask, patch.crop, crop))
    height, width = crop.pixels.shape[:2]
    over = compose(crop.matrix, invert(patch.crop.matrix))
    flags = cv2.INTER_AREA if scale_of(over) < 1 else cv2.INTER_CUBIC
    pixels = cv2.warpAffine(patch.pixels, over, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    covers = _warp_mask(_fading(patch.crop.pixels.shape[:2]), over, width, height)[..., None]
    mixed = crop.pixels + (np.asarray(pixels, np.float32) - crop.pixels) * covers
    if crop.pixels.dtype == np.uint8:
        mixed = np.clip(np.rint(mixed), 0, 255)
    return replace(
        patch, crop=crop, pixels=mixed.astype(crop.pixels.dtype),
        mask=None if patch.mask is None else move_mask(patch.mask, patch.crop, crop),
        source_clean=None if patch.source_clean is None else _warp_mask(patch.source_clean, over, width, height),
    )


_BORDER = 1 / 16
"""Share of a crop's side over which a change fades towards its border when it is brought into another crop: about what
blenders take for a soft edge."""


def _fading(shape: tuple[int, ...]) -> Mask:
    """(H, W): 0 at the border, 1 from a sixteenth of the side on."""
    down, across = (np.minimum(np.arange(side) + 0.5, side - 0.5 - np.arange(side)) / (side * _BORDER)
                    for side in shape[:2])
    return np.asarray(np.minimum(np.clip(down, 0, 1)[:, None], np.clip(across, 0, 1)[None]), np.float32)


def move_mask(mask: Mask, old: Crop, new: Crop) -> Mask:
    """A mask of one crop, at another's pixels; 0 where the old crop does not reach."""
    height, width = new.pixels.shape[:2]
    return _warp_mask(mask, compose(new.matrix, invert(old.matrix)), width, height)


# Steps between two pixels of a crop at which a cubic curve through them is as good as straight lines (measured: a warp
# by them is .2 levels from a cubic warp on average, 2 at most, and takes a fifth of its time).
_STEPS = 4


def _warp_larger(pixels: Pixels, matrix: Matrix, size: tuple[int, int]) -> Pixels:
    """A cubic warp. Where it enlarges, the pixels are first enlarged along their own rows and columns, by a whole
    number, which cv2 does much faster than a cubic warp; then a linear warp is enough."""
    steps = min(int(np.ceil(scale_of(matrix))), _STEPS)
    if steps <= 1:
        return np.asarray(cv2.warpAffine(pixels, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))
    finer = cv2.resize(pixels, None, fx=steps, fy=steps, interpolation=cv2.INTER_CUBIC)
    half = 0.5 / steps - 0.5
    from_finer = compose(matrix, np.array([[1 / steps, 0.0, half], [0.0, 1 / steps, half]]))
    return np.asarray(cv2.warpAffine(finer, from_finer, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _warp_mask(mask: Mask, matrix: Matrix, width: int, height: int) -> Mask:
    warped = np.asarray(cv2.warpAffine(mask, matrix, (width, height), flags=cv2.INTER_LINEAR), np.float32)
    return np.clip(warped, 0, 1, out=warped)


def lay(frame: Canvas, patch: Patch, native: bool, tight: bool = False) -> Lay:
    """A patch brought back to the frame's pixels. native: its crop is only shifted and turned, so that its pixels come
    back bit for bit. tight: no further than its mask reaches; blenders may want to see what is round it."""
    mask = _default_mask(patch) if patch.mask is None else patch.mask
    matrix = patch.crop.matrix
    height, width = patch.pixels.shape[:2]
    if native:
        rect = _native_rect_of(patch.crop)
        turn = patch.crop.face.turn
        pixels, mask = np.rot90(patch.pixels, turn), np.rot90(mask, turn)
        if tight:
            reach = _reach(mask)
            inner = np.s_[reach.y0:reach.y1, reach.x0:reach.x1]
            pixels, mask = pixels[inner], mask[inner]
            rect = Rect(rect.x0 + reach.x0, rect.y0 + reach.y0, rect.x0 + reach.x1, rect.y0 + reach.y1)
    else:
        part = _grown(_reach(mask), _SPARE, width, height) if tight else Rect(0, 0, width, height)
        rect = _covering(matrix, _reach(mask) if tight else part)
        size = (rect.x1 - rect.x0, rect.y1 - rect.y0)
        back = compose(np.array([[1.0, 0.0, -rect.x0], [0.0, 1.0, -rect.y0]]),
                       compose(invert(matrix), np.array([[1.0, 0.0, part.x0], [0.0, 1.0, part.y0]])))
        inner = np.s_[part.y0:part.y1, part.x0:part.x1]
        pixels = _warp_larger(patch.pixels[inner], back, size)
        mask = _warp_mask(mask[inner], back, *size)
    clipped = Rect(max(rect.x0, 0), max(rect.y0, 0), max(min(rect.x1, frame.width), max(rect.x0, 0)),
                   max(min(rect.y1, frame.height), max(rect.y0, 0)))
    inner = np.s_[clipped.y0 - rect.y0:clipped.y1 - rect.y0, clipped.x0 - rect.x0:clipped.x1 - rect.x0]
    return Lay(frame.region(clipped) if _area(clipped) else pixels[:0, :0], np.ascontiguousarray(pixels[inner]),
               np.ascontiguousarray(mask[inner], np.float32), clipped,
               patch.crop.face.points - [clipped.x0, clipped.y0], patch.crop.face.eye_distance)


_SPARE = 3
"""Crop pixels round the mask's reach that a cubic curve through its outermost ones looks at, and one more."""


def _grown(rect: Rect, by: int, width: int, height: int) -> Rect:
    return Rect(max(rect.x0 - by, 0), max(rect.y0 - by, 0), min(rect.x1 + by, width), min(rect.y1 + by, height))


def _reach(mask: Mask) -> Rect:
    """The smallest rectangle that holds all of the mask that is above 0."""
    x, y, width, height = cv2.boundingRect(np.asarray(mask > 0, np.uint8))
    return Rect(x, y, x + width, y + height)


def _area(rect: Rect) -> int:
    return max(rect.x1 - rect.x0, 0) * max(rect.y1 - rect.y0, 0)


def _native_rect_of(crop: Crop) -> Rect:
    """The frame's rectangle that a native crop shows."""
    height, width = crop.pixels.shape[:2]
    corners = np.rint(transform(np.array([[0.0, 0.0], [width - 1.0, height - 1.0]]), invert(crop.matrix))).astype(int)
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    return Rect(int(x0), int(y0), int(x1) + 1, int(y1) + 1)


def _default_mask(patch: Patch) -> Mask:
    """Everything but the outermost pixels, so that blenders find an edge to soften."""
    mask = np.zeros(patch.pixels.shape[:2], np.float32)
    mask[1:-1, 1:-1] = 1
    return mask
