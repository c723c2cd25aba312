"""Gradients of the face, colours of its surroundings: Perez, Gangnet, Blake, "Poisson image editing", SIGGRAPH 2003."""

from __future__ import annotations

import cv2
import numpy as np

from models.arrays import Mask, Pixels
from processors.base import Processor
from processors.batches import Lay, LayBatch, Region, RegionBatch
from processors.blenders.edges import alpha_of, mix
from processors.context import Context
from processors.params import ProcessorParams, Slider
from processors.registry import processor

# cv2.seamlessClone wants the mask clear of its picture's edge, and at least this many pixels to solve on.
_PAD = 3
_LEAST = 4


@processor("poisson", title="Seamless blend", role="blender", version="1.0")
class Poisson(Processor):
    """Lets the colours around the face flow into it, so that no edge shows."""

    class Params(ProcessorParams):
        adapt: float = Slider(1.0, ge=0, le=1, help="How much of the surrounding colour flows in.")
        softness: float = Slider(0.06, ge=0, le=0.5, help="Width of the soft edge, as a share of the distance between "
                                                          "the outer eye corners.")

    def process(self, batch: LayBatch, params: Params, ctx: Context) -> RegionBatch:
        done = []
        for lay in batch:
            ctx.check()
            alpha = alpha_of(lay, params.softness)
            done.append(Region(mix(lay.background, _adapted(lay, params.adapt), alpha), lay.rect, alpha))
        return tuple(done)


def _adapted(lay: Lay, adapt: float) -> Pixels:
    """The patch plus `adapt` times the smooth membrane that makes it meet the background along the mask's edge."""
    inside = (lay.mask > 0.02).astype(np.uint8)
    width, height = cv2.boundingRect(inside)[2:]
    if adapt <= 0 or min(width, height) < _LEAST:
        return lay.pixels
    background, patch = _eight_bit(lay.background), _eight_bit(lay.pixels)
    membrane = clone(background, patch, inside).astype(np.float32) - patch
    if lay.pixels.dtype != np.uint8:
        # cv2 solves in 8 bits. The membrane is smooth, so averaging a few pixels takes the rounding away.
        membrane = _average(membrane, inside.astype(np.float32), max(0.02 * lay.eye_distance, 1.0))
    return np.asarray(np.clip(lay.pixels + np.float32(adapt) * membrane, 0, 255))


def _eight_bit(pixels: Pixels) -> Pixels:
    return pixels if pixels.dtype == np.uint8 else np.asarray(np.clip(np.rint(pixels), 0, 255), np.uint8)


def _average(plane: Pixels, inside: Mask, sigma: float) -> Pixels:
    """Gaussian mean over `inside` alone."""
    total = cv2.GaussianBlur(plane * inside[..., None], (0, 0), sigma)
    weight = cv2.GaussianBlur(inside, (0, 0), sigma)
    return np.asarray(total / np.maximum(weight, np.float32(1e-4))[..., None], np.float32)


def clone(background: Pixels, patch: Pixels, inside: Pixels) -> Pixels:
    """cv2.seamlessClone of equally large BGR uint8 pictures, in place. inside: uint8, above 0 where patch belongs.

    The pictures are padded, so that faces may touch the edge: there the background's outermost pixels hold the patch.
    """
    pads = (_PAD, _PAD, _PAD, _PAD)
    target, source = (cv2.copyMakeBorder(p, *pads, cv2.BORDER_REPLICATE) for p in (background, patch))
    mask = cv2.copyMakeBorder((inside > 0).astype(np.uint8) * 255, *pads, cv2.BORDER_CONSTANT, value=0)
    x, y, width, height = cv2.boundingRect(mask)
    # cv2 puts the mask's bounding rectangle at centre - size // 2: with this centre it stays where it is.
    cloned = cv2.seamlessClone(source, target, mask, (x + width // 2, y + height // 2), cv2.NORMAL_CLONE)
    return np.asarray(cloned[_PAD:-_PAD, _PAD:-_PAD])
