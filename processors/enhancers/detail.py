"""Sharpness, texture and grain of the face matched to the picture round it; smoothing and sharpening on request."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Mask, Pixels
from processors.base import Needs, Processor
from processors.batches import Native, Patch, PatchBatch
from processors.classical import MARGIN
from processors.classical import points as parts
from processors.classical.filters import Plane, blur, guided_coefficients, luminance
from processors.classical.skin import features
from processors.context import Context
from processors.params import ProcessorParams, Slider
from processors.registry import processor

_FINEST = 0.04  # texture is what is finer than this share of the eye distance; what is coarser is the face itself
_GAIN = (0.1, 1.6)  # more than this would bring out JPEG blocks, less is no detail at all


@processor("detail", title="Detail", role="enhancer", version="1.0")
class Detail(Processor):
    """Matches the face's sharpness, texture and grain to the picture, and sharpens or calms it."""

    class Params(ProcessorParams):
        match: float = Slider(1.0, ge=0, le=1, help="How far sharpness follows the face that was there.")
        grain: float = Slider(1.0, ge=0, le=1, help="How much of the picture's own grain and pores is laid over a "
                                                    "face that lacks them.")
        sharpen: float = Slider(0.0, ge=0, le=1, help="Brings out edges and pores without halos.")
        smooth: float = Slider(0.0, ge=0, le=1, help="Calms noise and pores; edges stay.")

    def needs(self, params: Params) -> Needs:
        return Needs(crop=Native(MARGIN))

    def is_identity(self, params: Params) -> bool:
        return params.match == params.grain == params.sharpen == params.smooth == 0

    def process(self, batch: PatchBatch, params: Params, ctx: Context) -> PatchBatch:
        return tuple(_refine(patch, params, ctx.random) for patch in batch)


@dataclass(frozen=True, slots=True)
class _Area:
    """The part of the crop to refine. face: where, soft; skin: flags of plain skin; feature: eyes, brows and lips,
    soft."""

    place: tuple[slice, slice]
    face: Mask
    skin: NDArray[np.bool_]
    feature: Mask


def _refine(patch: Patch, params: Detail.Params, random: np.random.Generator) -> Patch:
    area = _area(patch)
    if area is None:
        return patch
    size = patch.crop.eye_distance
    given = np.asarray(patch.pixels[area.place], np.float32)
    pixels = given
    changed = patch.source_clean is not None
    if changed and (params.match > 0 or params.grain > 0):
        original = np.asarray(patch.crop.pixels[area.place], np.float32)
        pixels = match_texture(pixels, original, area.skin, area.feature, size, params.match, params.grain, random)
    if params.smooth > 0:
        pixels = smoothed(pixels, size, params.smooth)
    if params.sharpen > 0:
        pixels = sharpened(pixels, size, params.sharpen)
    mixed = np.clip(given + (pixels - given) * area.face[..., None], 0, 255)
    result = patch.pixels.copy()
    result[area.place] = np.rint(mixed) if result.dtype == np.uint8 else mixed
    return replace(patch, pixels=result)


def _area(patch: Patch) -> _Area | None:
    crop, size, shape = patch.crop, patch.crop.eye_distance, patch.pixels.shape[:2]
    low = np.maximum(np.floor(crop.points.min(axis=0) - (0.2 * size, 0.7 * size)), 0).astype(int)
    high = np.minimum(np.ceil(crop.points.max(axis=0) + 0.2 * size) + 1, (shape[1], shape[0])).astype(int)
    if (high - low < 8).any():
        return None
    place = (slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0])))
    window = (int(high[1] - low[1]), int(high[0] - low[0]))
    points = crop.points - low
    inner = parts.fill(window, np.vstack([points[1:16] * 0.85 + points[30] * 0.15, points[17:27]]))
    feature = features(points, window, size)
    skin = inner * (1 - features(points, window, size, 0.08)) > 0.5
    if patch.source_clean is None:
        face = parts.fill(window, parts.grown(points, 1.1))
    else:
        face = np.ones(window, np.float32)  # the masks decide later; here every changed pixel is treated alike
        skin &= patch.source_clean[place] > 0.5
    if crop.inside is not None:
        skin &= crop.inside[place] > 0.5
    sigma = max(0.03 * size, 0.5)
    return _Area(place, blur(face, sigma), skin, blur(feature, sigma))


def _energy(band: Plane, chosen: NDArray[np.bool_]) -> float:
    """1.4826 times the median size (a normal distribution's deviation): single hairs and edges do not decide."""
    values = band[chosen]
    return float(1.4826 * np.median(np.abs(values))) if values.size >= 16 else 0.0


def match_texture(
    pixels: Pixels, original: Pixels, skin: NDArray[np.bool_], feature: Mask, size: float, match: float, grain: float,
    random: np.random.Generator,
) -> Pixels:
    """Each octave finer than .04 eye distances gets the energy that the face had before.

    Skin that is too smooth gets noise of the picture's own strength, octave by octave, and colour. Octaves: Gaussians
    of 1, 2, 4, 8 pixels.
    """
    if int(skin.sum()) < 32:
        return pixels
    lips_eyes = feature > 0.5
    new, old = pixels, original
    change = np.zeros_like(pixels)
    sigma = 1.0
    while sigma <= max(_FINEST * size, 1.0) and sigma <= 8:
        step = sigma if sigma == 1 else sigma * 0.866  # from the Gaussian of half the width to this one
        new_low, old_low = (cv2.GaussianBlur(p, (0, 0), step, borderType=cv2.BORDER_REFLECT_101) for p in (new, old))
        band, own = new - new_low, old - old_low
        y, own_y = luminance(band), luminance(own)
        energies = [(_energy(y, where), _energy(own_y, where)) for where in (skin, lips_eyes)]
        change += _matched(band, own, energies[0], energies[1], feature, match, grain, sigma, skin, random) - band
        new, old, sigma = new_low, old_low, sigma * 2
    return pixels + change


def _matched(band: Pixels, own: Pixels, on_skin: tuple[float, float], on_features: tuple[float, float], feature: Mask,
             match: float, grain: float, sigma: float, skin: NDArray[np.bool_], random: np.random.Generator) -> Pixels:
    """One octave, (H, W, 3). on_skin, on_features: energies of the new face and of the old one there."""
    is_, was = on_skin
    gain = float(np.clip(was / max(is_, 1e-3), *_GAIN)) ** match
    # Features are the source's; only a picture that is blurred there as well may blur them, and sharpening is mild.
    feature_gain = float(np.clip(on_features[1] / max(on_features[0], 1e-3), 0.15, 1.25)) ** match
    feature_gain = max(feature_gain, min(gain, 1.0)) if feature_gain < 1 else feature_gain
    result = band * (gain + (feature_gain - gain) * feature)[..., None].astype(np.float32)
    lacking = was**2 - (gain * is_) ** 2
    if grain > 0 and lacking > 0 and was > 0.05:  # less than rounding leaves is no grain
        weight = 0.8 * grain * np.sqrt(lacking) / was
        result += np.float32(weight) * _grain(own, skin, was, sigma, random) * (1 - 0.5 * feature)[..., None]
    return np.asarray(result, np.float32)


def _grain(own: Pixels, skin: NDArray[np.bool_], usual: float, sigma: float, random: np.random.Generator) -> Pixels:
    """Noise of the octave whose colours vary together as the picture's do, and whose luminance has energy `usual`.

    The old face's own texture would bring its wrinkles along.
    """
    values = own[skin]
    low, high = np.percentile(values, (5, 95), axis=0)
    covariance = np.cov(np.clip(values, low, high).T) + 1e-4 * np.eye(3)
    noise = random.standard_normal(own.shape, dtype=np.float32) @ np.linalg.cholesky(covariance).T.astype(np.float32)
    fine = noise if sigma == 1 else cv2.GaussianBlur(noise, (0, 0), sigma / 2)
    band = fine - cv2.GaussianBlur(fine, (0, 0), sigma)
    return np.asarray(band * (usual / max(_energy(luminance(band), skin), 1e-3)), np.float32)


def smoothed(pixels: Pixels, size: float, amount: float) -> Pixels:
    """Edge-preserving: the guided filter of each picture by its own luminance."""
    guide = luminance(pixels) * np.float32(1 / 255)
    radius = max(round(0.02 * size), 1)
    planes = []
    for c in range(3):
        a, b = guided_coefficients(pixels[..., c] * np.float32(1 / 255), guide, radius, 1e-3 * amount)
        planes.append((a * guide + b) * 255)
    return np.asarray(pixels + np.float32(amount) * (np.stack(planes, axis=-1) - pixels), np.float32)


def sharpened(pixels: Pixels, size: float, amount: float) -> Pixels:
    """Detail under strong edges is raised, the edges themselves are not, so that no halos come."""
    guide = luminance(pixels) * np.float32(1 / 255)
    a, b = guided_coefficients(guide, guide, max(round(0.02 * size), 1), 2e-3)
    fine = (guide - (a * guide + b)) * 255
    return np.asarray(pixels + np.clip(np.float32(1.5 * amount) * fine, -12, 12)[..., None], np.float32)
