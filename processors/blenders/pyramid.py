"""Multiband blending: every band of detail is mixed over its own width, so that no seam shows."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Mask, Pixels
from processors.base import Processor
from processors.batches import Lay, LayBatch, Region, RegionBatch
from processors.classical.filters import f32, grown, reduced, resize, rounded, shrunk, smoothstep, times
from processors.context import Context
from processors.params import ProcessorParams, Slider
from processors.registry import processor

_WORK = 160.0  # eye distance in pixels at which the outline is found: the soft edge is 22 pixels wide there


@processor("pyramid", title="Multiband blend", role="blender", version="1.0")
class Pyramid(Processor):
    """Blends broad tones widely and fine detail narrowly (Burt and Adelson, 1983)."""

    class Params(ProcessorParams):
        feather: float = Slider(0.14, ge=0.02, le=0.4, help="Width of the soft edge, as a share of the distance "
                                                            "between the eyes.")
        inset: float = Slider(0.03, ge=0, le=0.2, help="How far inside the outline the edge begins, as a share of the "
                                                       "distance between the eyes.", depth="expert")
        levels: float = Slider(4, ge=1, le=6, step=1, help="Bands of detail that are blended apart.", depth="expert")

    def process(self, batch: LayBatch, params: Params, ctx: Context) -> RegionBatch:
        return tuple(_lay(lay, params) for lay in batch)


def _lay(lay: Lay, params: Pyramid.Params) -> Region:
    alpha = feathered(lay.mask, lay.eye_distance, params.inset, params.feather)
    levels = round(params.levels)
    pixels = lay.background.copy()
    place = _around(alpha > 0, 4 << levels, 1 << levels)
    if place is not None:
        under, over = f32(lay.background[place]), f32(lay.pixels[place])
        change = f32(cv2.subtract(blend_bands(under, over, alpha[place], levels), under))
        # The bands reach a little further than alpha: outside it the picture is left bit for bit.
        times(change, np.minimum(alpha[place] * 16, 1), into=change)
        pixels[place] = rounded(f32(cv2.add(under, change, dst=under)), pixels.dtype)
    return Region(pixels, lay.rect, alpha)


def _around(flags: NDArray[np.bool_], margin: int, grid: int) -> tuple[slice, slice] | None:
    """Rows and columns of what is set and `margin` pixels more, beginning on whole steps of `grid`, so that a pyramid's
    levels lie as they would in the whole picture; None where nothing is set."""
    sides = []
    for axis in (1, 0):
        found = np.flatnonzero(flags.any(axis=axis))
        if not found.size:
            return None
        low = max(int(found[0]) - margin, 0) // grid * grid
        sides.append(slice(low, min(int(found[-1]) + 1 + margin, flags.shape[1 - axis])))
    return sides[0], sides[1]


def feathered(mask: Mask, eye_distance: float, inset: float, feather: float) -> Mask:
    """Alpha that rises inwards from the mask's outline over `feather` eye distances.

    Holes thinner than .12 eye distances (the rims of glasses) are not outlines: they keep the mask's own softness, or
    nothing would be left between them. The outline of large faces is taken at reduced size: alpha is smooth.
    """
    size = max(eye_distance, 4.0)
    reach = 0.06 * size
    place = _around(mask > 0.5, int(reach) + 2, 1)
    alpha = np.zeros(mask.shape, np.float32)
    if place is None:
        return alpha
    part = mask[place]
    scale = min(_WORK / size, 1.0)
    pad = int(reach * scale) + 2
    # Beyond the picture's own edge, what is there counts as not covered.
    solid = np.pad(resize((part > 0.5).astype(np.float32), reduced(part.shape, scale)), pad)
    closed = (shrunk(grown(solid, reach * scale), reach * scale) > 0.5).astype(np.uint8)
    distance = cv2.distanceTransform(closed, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[pad:-pad, pad:-pad]
    distance = resize(f32(distance), part.shape)
    soft = smoothstep((distance - np.float32(inset * size * scale)) / np.float32(max(feather * size, 1.0) * scale))
    alpha[place] = np.minimum(soft, part)
    return alpha


def blend_bands(background: Pixels, pixels: Pixels, alpha: Mask, levels: int) -> Pixels:
    """(H, W, 3) float32. Where the pictures are equal the result equals them, whatever alpha is."""
    # Blending Laplacian bands is linear, so it is done on the difference alone: half the work, and exact where 0.
    bands: list[Pixels] = []
    weights = [alpha]
    current = f32(cv2.subtract(f32(pixels), f32(background)))
    for _ in range(levels - 1):
        if min(current.shape[:2]) < 4:
            break
        down = f32(cv2.pyrDown(current))
        wide = cv2.pyrUp(down, dstsize=(current.shape[1], current.shape[0]))
        bands.append(f32(cv2.subtract(current, wide, dst=wide)))
        weights.append(f32(cv2.pyrDown(weights[-1])))
        current = down
    result = times(current, weights[-1])
    for band, weight in zip(reversed(bands), reversed(weights[:-1]), strict=True):
        wide = cv2.pyrUp(result, dstsize=(band.shape[1], band.shape[0]))
        result = f32(cv2.add(wide, times(band, weight, into=band), dst=wide))
    return cv2.add(f32(background), result, dst=result)
