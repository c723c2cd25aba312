"""Multiband blending: every band of detail is mixed over its own width, so that no seam shows."""

from __future__ import annotations

import cv2
import numpy as np

from models.arrays import Mask, Pixels
from processors.base import Processor
from processors.batches import Lay, LayBatch, Region, RegionBatch
from processors.classical.filters import grown, shrunk, smoothstep
from processors.context import Context
from processors.params import ProcessorParams, Slider
from processors.registry import processor


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
    mixed = blend_bands(lay.background, lay.pixels, alpha, round(params.levels))
    # The bands reach a little further than alpha: outside it the picture is left bit for bit.
    pixels = lay.background + (mixed - lay.background) * np.minimum(alpha * 16, 1)[..., None]
    return Region(np.clip(pixels, 0, 255).astype(np.float32), lay.rect, alpha)


def feathered(mask: Mask, eye_distance: float, inset: float, feather: float) -> Mask:
    """Alpha that rises inwards from the mask's outline over `feather` eye distances.

    Holes thinner than .12 eye distances (the rims of glasses) are not outlines: they keep the mask's own softness, or
    nothing would be left between them.
    """
    size = max(eye_distance, 4.0)
    reach = 0.06 * size
    pad = int(reach) + 2
    solid = np.pad((mask > 0.5).astype(np.float32), pad)
    closed = (shrunk(grown(solid, reach), reach) > 0.5).astype(np.uint8)
    distance = cv2.distanceTransform(closed, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[pad:-pad, pad:-pad]
    soft = smoothstep((distance - np.float32(inset * size)) / np.float32(max(feather * size, 1.0)))
    return np.minimum(soft, mask).astype(np.float32)


def blend_bands(background: Pixels, pixels: Pixels, alpha: Mask, levels: int) -> Pixels:
    """(H, W, 3) float32. Where the pictures are equal the result equals them, whatever alpha is."""
    difference: Pixels = np.asarray(pixels, np.float32) - np.asarray(background, np.float32)
    # Blending Laplacian bands is linear, so it is done on the difference alone: half the work, and exact where 0.
    bands: list[Pixels] = []
    weights = [alpha]
    current = difference
    for _ in range(levels - 1):
        if min(current.shape[:2]) < 4:
            break
        down = np.asarray(cv2.pyrDown(current), np.float32)
        bands.append(current - cv2.pyrUp(down, dstsize=(current.shape[1], current.shape[0])))
        weights.append(np.asarray(cv2.pyrDown(weights[-1]), np.float32))
        current = down
    result: Pixels = current * weights[-1][..., None]
    for band, weight in zip(reversed(bands), reversed(weights[:-1]), strict=True):
        result = np.asarray(cv2.pyrUp(result, dstsize=(band.shape[1], band.shape[0]))) + band * weight[..., None]
    return np.asarray(background, np.float32) + result
