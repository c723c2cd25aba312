"""Sharpness and grain of the face matched to the picture round it; denoising and sharpening on request."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from models.arrays import Mask, Pixels
from processors.base import Needs, Processor
from processors.batches import Native, Patch, PatchBatch
from processors.classical import MARGIN
from processors.classical import points as parts
from processors.classical.filters import Plane, guided_coefficients, luminance
from processors.classical.skin import features
from processors.context import Context
from processors.params import ProcessorParams, Slider
from processors.registry import processor


@processor("detail", title="Detail", role="enhancer", version="1.0")
class Detail(Processor):
    """Matches the face's blur and grain to the picture, and sharpens or calms it."""

    class Params(ProcessorParams):
        match: float = Slider(1.0, ge=0, le=1, help="How far blur and sharpness follow the picture round the face.")
        grain: float = Slider(1.0, ge=0, le=1, help="How much of the picture's grain is laid over the face.")
        sharpen: float = Slider(0.0, ge=0, le=1, help="Brings out edges and pores without halos.")
        smooth: float = Slider(0.0, ge=0, le=1, help="Calms noise and pores; edges stay.")

    def needs(self, params: Params) -> Needs:
        return Needs(crop=Native(MARGIN))

    def is_identity(self, params: Params) -> bool:
        return params.match == params.grain == params.sharpen == params.smooth == 0

    def process(self, batch: PatchBatch, params: Params, ctx: Context) -> PatchBatch:
        return tuple(_refine(patch, params, ctx.random) for patch in batch)


def _refine(patch: Patch, params: Detail.Params, random: np.random.Generator) -> Patch:
    crop, size = patch.crop, patch.crop.eye_distance
    pixels, original = np.asarray(patch.pixels, np.float32), np.asarray(crop.pixels, np.float32)
    face = _face(patch)
    skin = _skin(patch)
    if params.match > 0:
        pixels = _match_sharpness(pixels, original, skin, size, params.match)
    if params.smooth > 0:
        pixels = _smooth(pixels, size, params.smooth)
    if params.sharpen > 0:
        pixels = _sharpen(pixels, size, params.sharpen)
    if params.grain > 0:
        pixels = _add_grain(pixels, original, skin, params.grain, random)
    result = np.clip(patch.pixels + (pixels - patch.pixels) * face[..., None], 0, 255)
    return replace(patch, pixels=np.rint(result).astype(np.uint8) if patch.pixels.dtype == np.uint8
                   else result.astype(patch.pixels.dtype))


def _face(patch: Patch) -> Mask:
    """Where there is anything to refine: the changed pixels, or the face where nothing was changed yet."""
    if patch.source_clean is None:
        return parts.fill(patch.pixels.shape[:2], parts.grown(patch.crop.points, 1.2))
    changed = (patch.pixels != patch.crop.pixels).any(axis=2).astype(np.uint8)
    return cv2.morphologyEx(changed, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)).astype(np.float32)


def _skin(patch: Patch) -> Mask:
    """Flags of cheeks, nose and chin without eyes, brows and lips: plain skin in both faces."""
    crop, size = patch.crop, patch.crop.eye_distance
    shape = patch.pixels.shape[:2]
    inner = parts.fill(shape, np.vstack([crop.points[1:16] * 0.85 + crop.points[30] * 0.15, crop.points[17:27]]))
    inner = inner * (1 - features(crop.points, shape, size, 0.10))
    if patch.source_clean is not None:
        inner = inner * (patch.source_clean > 0.5)
    if crop.inside is not None:
        inner = inner * crop.inside
    return (inner > 0.5).astype(np.float32)


def _bands(y: Plane, skin: Mask, size: float) -> tuple[float, float]:
    return 0.0, 0.0


def _match_sharpness(pixels: Pixels, original: Pixels, skin: Mask, size: float, amount: float) -> Pixels:
    return pixels


def _smooth(pixels: Pixels, size: float, amount: float) -> Pixels:
    """Edge-preserving: the guided filter of each picture by its own luminance."""
    guide = luminance(pixels) * np.float32(1 / 255)
    radius = max(round(0.02 * size), 1)
    planes = []
    for c in range(3):
        a, b = guided_coefficients(pixels[..., c] * np.float32(1 / 255), guide, radius, 1e-3 * amount)
        planes.append((a * guide + b) * 255)
    return pixels + np.float32(amount) * (np.stack(planes, axis=-1) - pixels)


def _sharpen(pixels: Pixels, size: float, amount: float) -> Pixels:
    """Detail under strong edges is raised, the edges themselves are not, so that no halos come."""
    guide = luminance(pixels) * np.float32(1 / 255)
    a, b = guided_coefficients(guide, guide, max(round(0.02 * size), 1), 2e-3)
    fine = (guide - (a * guide + b)) * 255
    return pixels + np.clip(np.float32(1.5 * amount) * fine, -12, 12)[..., None]


def _add_grain(pixels: Pixels, original: Pixels, skin: Mask, amount: float, random: np.random.Generator) -> Pixels:
    return pixels
