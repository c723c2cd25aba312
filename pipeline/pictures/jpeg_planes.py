"""A JPEG's planes as its file stores them, and planes that come out of coding as they should."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from models.arrays import Pixels
from pipeline.pictures.picture import JpegCoding

SAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")
"""Ways of halving colour that Pillow writes, in the order of its numbers."""

Tables = tuple[list[int], ...]
"""Quantisation tables for brightness and colour, each 64 steps row by row."""

# Rows and columns of pixels that are coded together (ITU-T T.81, A.2.4).
_UNITS = {"4:4:4": (8, 8), "4:2:2": (8, 16), "4:2:0": (16, 16)}

_ROUNDS = 8
"""Grace Hopper, whose colour is halved both ways: samples that differ after 0, 1, 2, 4, 6 rounds: 0.94, 0.72, 0.43,
0.20 and 0.10 %."""

_WORTH_IT = 0.95
"""A round that leaves more than this share of the units differing ends it: with steps of 1 and 2 (quality 95 and above)
what is left is rounding, and more rounds change nothing."""


_BAND = 4_000_000
"""Pixels that are settled at once: about 100 MB of working memory, where 48 megapixels at once took 1.2 GB."""


def stored_planes(coding: JpegCoding) -> Pixels | None:
    """(H, W, 3) uint8 Y, Cb, Cr as the file stores them, before any smoothing between halved colour samples, or None
    where the decoder does not give them.

    Decoding at half size gives colour planes that are halved both ways whole: the decoder then uses all of a colour
    block's 8 x 8 values and has nothing to interpolate (libjpeg, jdmaster.c). Planes that are halved across only are
    found by undoing the interpolation. Each value is repeated over its pixels, and the encoder, which averages those,
    arrives at it again.
    """
    if coding.components != 3 or coding.subsampling not in SAMPLINGS:
        return None
    whole = draft(coding.data, 1)
    if whole is None or coding.subsampling == "4:4:4":
        return whole
    height, width = whole.shape[:2]
    if coding.subsampling == "4:2:2":
        if width < 6:  # too narrow for the decoder to interpolate
            return None
        for plane in (1, 2):
            whole[..., plane] = unsmoothed(whole[..., plane]).repeat(2, axis=1)[:, :width]
        return whole
    half = draft(coding.data, 2)
    if half is None:
        return None
    for plane in (1, 2):
        whole[..., plane] = half[..., plane].repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
    return whole


def unsmoothed(smooth: Pixels) -> Pixels:
    """(H, W) uint8 as a decoder doubles a row of n samples c (libjpeg, jdsample.c, "fancy": a pixel is 3 parts its own
    sample and 1 part the nearer neighbour; 2i: (3 c[i] + c[i-1] + 1) / 4, 2i+1: (3 c[i] + c[i+1] + 2) / 4, both rounded
    down; the first is c[0]) -> (H, n) c.

    From the left, each pair of pixels leaves one or two values for the next sample; where two, the pixel before
    decides, or, where it cannot, the lower is taken. An error of 1 is a third of one in the next sample, so that it
    dies out.
    """
    columns = np.ascontiguousarray(smooth.T).astype(np.int32)
    found = np.empty((-(-columns.shape[0] // 2), columns.shape[1]), np.int32)
    found[0] = columns[0]
    for i in range(1, found.shape[0]):
        before, own, left = columns[2 * i - 1], columns[2 * i], found[i - 1]
        low = -((1 + left - 4 * own) // 3)  # rounded up
        least = 4 * before - 2 - 3 * left
        two = low * 3 == 4 * own - 1 - left
        found[i] = np.where(two & (low < least), low + 1, low)
    return np.clip(found.T, 0, 255).astype(np.uint8)


def draft(data: bytes, scale: int) -> Pixels | None:
    image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
    size = tuple(max(v // scale, 1) for v in image.size)
    expected = tuple(-(-v // scale) for v in image.size)
    image.draft("YCbCr", (size[0], size[1]))
    if image.mode != "YCbCr" or image.size != expected:
        return None
    return np.array(image)


def settled(planes: Pixels, untouched: NDArray[np.bool_], tables: Tables, sampling: str) -> Pixels:
    """(H, W, 3) planes -> planes that, coded and decoded, come nearest to the given ones wherever a unit of blocks is
    untouched.

    Coding what was decoded does not always give the same again: the decoder cut black and white off at 0 and 255, and
    rounded. So each unit is coded alone; where it comes out different, the difference is added, and it is tried again;
    the best try is kept. Units do not influence each other, so that those that are right drop out, and the picture can
    be gone through in bands.
    """
    down, _ = _UNITS[sampling]
    step = max(_BAND // max(planes.shape[1], 1) // down, 1) * down
    result = planes.copy()
    for y in range(0, planes.shape[0], step):
        band = slice(y, y + step)
        result[band] = _settled(planes[band], untouched[band], tables, sampling)
    return result


def _settled(planes: Pixels, untouched: NDArray[np.bool_], tables: Tables, sampling: str) -> Pixels:
    down, across = _UNITS[sampling]
    rows, columns = planes.shape[0] // down, planes.shape[1] // across
    grid = planes[:rows * down, :columns * across].reshape(rows, down, columns, across, 3).swapaxes(1, 2)
    whole = untouched[:rows * down, :columns * across].reshape(rows, down, columns, across).all(axis=(1, 3))
    where = np.argwhere(whole)
    if not len(where):
        return planes
    done = grid.copy()
    goal = grid[whole]
    tried = goal
    least = np.full(len(goal), np.iinfo(np.int64).max)
    for _ in range(_ROUNDS):
        out = _coded_and_decoded(tried, tables, sampling)
        if out is None:
            return planes
        off = np.abs(goal.astype(np.int16) - out).sum(axis=(1, 2, 3), dtype=np.int64)
        better = off < least
        done[tuple(where[better].T)] = tried[better]
        least = np.minimum(off, least)
        left = least > 0
        if not left.any() or left.mean() > _WORTH_IT:
            break
        tried = np.clip(tried[left] + (goal[left].astype(np.int16) - out[left]), 0, 255).astype(np.uint8)
        where, goal, least = where[left], goal[left], least[left]
    result = planes.copy()
    result[:rows * down, :columns * across] = done.swapaxes(1, 2).reshape(rows * down, columns * across, 3)
    return result


def _coded_and_decoded(units: Pixels, tables: Tables, sampling: str) -> Pixels | None:
    """(N, down, across, 3) -> the same after a JPEG of them side by side."""
    count, down, across, _ = units.shape
    wide = min(count, 4096 // across)
    high = -(-count // wide)
    sheet = np.full((high * wide, down, across, 3), 128, np.uint8)
    sheet[:count] = units
    picture = sheet.reshape(high, wide, down, across, 3).swapaxes(1, 2).reshape(high * down, wide * across, 3)
    file = io.BytesIO()
    Image.fromarray(picture, "YCbCr").save(file, "JPEG", qtables=tables, subsampling=sampling)
    planes = stored_planes(JpegCoding(file.getvalue(), dict(enumerate(tables)), sampling, False, 3))
    if planes is None:
        return None
    return planes.reshape(high, down, wide, across, 3).swapaxes(1, 2).reshape(-1, down, across, 3)[:count]
