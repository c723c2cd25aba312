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
from processors.classical.filters import Plane, blur, f32, guided_coefficients, luminance, rounded, times
from processors.classical.grain import Anchor, noise_on
from processors.classical.skin import features
from processors.context import Context
from processors.params import ProcessorParams, Slider
from processors.registry import processor

Grain = np.random.Generator | Anchor
"""Where noise comes from: random numbers, or a place on a face that moves."""

_FINEST = 0.04  # texture is what is finer than this share of the eye distance; what is coarser is the face itself
_GAIN = (0.1, 1.6)  # more than this would bring out JPEG blocks, less is no detail at all
_SPOTS = 8_000  # pixels that a statistic is taken from: of so many, a deviation is known to one in seventy
_TILES = ((101, 109), (113, 97))  # rows and columns of the noise's tiles: primes
_LUMA = np.array([0.114, 0.587, 0.299], np.float32)


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
        return tuple(_refine(patch, params, ctx) for patch in batch)


@dataclass(frozen=True, slots=True)
class _Area:
    """The part of the crop to refine. face: where, soft, None for all of it; skin: flags of plain skin; feature: eyes,
    brows and lips, soft."""

    place: tuple[slice, slice]
    face: Mask | None
    skin: NDArray[np.bool_]
    feature: Mask


def _refine(patch: Patch, params: Detail.Params, ctx: Context) -> Patch:
    area = _area(patch)
    if area is None:
        return patch
    size = patch.crop.eye_distance
    given = f32(patch.pixels[area.place])
    pixels = given
    if patch.source_clean is not None and (params.match > 0 or params.grain > 0):
        original = f32(patch.crop.pixels[area.place])
        grain: Grain = ctx.random
        if ctx.moving:
            corner = (area.place[1].start, area.place[0].start)
            grain = Anchor.on(patch.crop.points - corner, int(ctx.random.integers(2**31)))
        pixels = match_texture(pixels, original, area.skin, area.feature, size, params.match, params.grain, grain)
    if params.smooth > 0:
        pixels = smoothed(pixels, size, params.smooth)
    if params.sharpen > 0:
        pixels = sharpened(pixels, size, params.sharpen)
    if area.face is not None:
        pixels = given + times(pixels - given, area.face)
    result = patch.pixels.copy()
    result[area.place] = rounded(pixels, result.dtype)
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
    sigma = max(0.03 * size, 0.5)
    face: Mask | None = None
    if patch.source_clean is None:
        face = blur(parts.fill(window, parts.grown(points, 1.1)), sigma)
    else:  # the masks decide later; here every changed pixel is treated alike
        skin &= patch.source_clean[place] > 0.5
    if crop.inside is not None:
        skin &= crop.inside[place] > 0.5
    return _Area(place, face, skin, blur(feature, sigma))


def _energy(luma: Plane) -> float:
    """1.4826 times the median size (a normal distribution's deviation): single hairs and edges do not decide."""
    return float(1.4826 * np.median(np.abs(luma))) if luma.size >= 16 else 0.0


def _spots(where: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Flat numbers of some of the pixels, spread evenly; enough of them for any statistic."""
    every = np.flatnonzero(where)
    return every[::max(len(every) // _SPOTS, 1)]


def match_texture(
    pixels: Pixels, original: Pixels, skin: NDArray[np.bool_], feature: Mask, size: float, match: float, grain: float,
    random: Grain,
) -> Pixels:
    """Each octave finer than .04 eye distances gets the energy that the face had before.

    Skin that is too smooth gets noise of the picture's own strength, octave by octave, and colour. Octaves are those
    of a pyramid: what a Gaussian of one pixel takes away at full size, at half of it, and so on, four at most.
    """
    change = _change(f32(pixels), f32(original), feature, skin, _octaves(size), match, grain, random)
    return f32(pixels) if change is None else f32(cv2.add(f32(pixels), change, dst=change))


def _octaves(size: float) -> int:
    return int(np.clip(np.floor(np.log2(max(_FINEST * size, 1.0))) + 1, 1, 4))


def _change(new: Pixels, old: Pixels, feature: Mask, skin: NDArray[np.bool_], octaves: int, match: float, grain: float,
            random: Grain) -> Pixels | None:
    """What this octave and the coarser ones need: (H, W, 3), or None for nothing."""
    on_skin, on_features = _spots(skin), _spots(feature > 0.5)
    if len(on_skin) < 32:
        return None
    new_low, old_low = _low(new), _low(old)
    wide: Pixels | None = None
    if octaves > 1 and min(new.shape[:2]) >= 8:
        height, width = new.shape[0] // 2, new.shape[1] // 2
        less = [f32(cv2.resize(p, (width, height), interpolation=cv2.INTER_LINEAR))
                for p in (new_low, old_low, feature)]
        plain = cv2.resize(skin.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
        below = random.halved() if isinstance(random, Anchor) else random
        coarse = _change(less[0], less[1], less[2], plain, octaves - 1, match, grain, below)
        if coarse is not None:
            # Coarser octaves first: octaves overlap, and what those changed counts in this one.
            wide = cv2.resize(coarse, (new.shape[1], new.shape[0]), interpolation=cv2.INTER_CUBIC)
            new = cv2.add(new, wide)
            new_low = _low(new)
    band, own = f32(cv2.subtract(new, new_low, dst=new_low)), f32(cv2.subtract(old, old_low, dst=old_low))
    seen = [(band.reshape(-1, 3)[spots], own.reshape(-1, 3)[spots]) for spots in (on_skin, on_features)]
    energies = [(_energy(f32(one @ _LUMA)), _energy(f32(other @ _LUMA))) for one, other in seen]
    change = _matched(band, f32(seen[0][1]), energies[0], energies[1], feature, match, grain, _kept(band, on_skin),
                      random)
    return change if wide is None else cv2.add(change, wide, dst=change)


def _kept(band: Pixels, spots: NDArray[np.intp]) -> float:
    """How much of an octave is found again when it is looked for in itself: octaves have no sharp edges, so a change
    of it must be larger by as much."""
    luma = luminance(band)
    once, again = luma.ravel()[spots], (luma - _low(luma)).ravel()[spots]
    return float(np.clip(once @ again / max(float(once @ once), 1e-6), 0.5, 1))


def _low(pixels: Pixels) -> Pixels:
    """A Gaussian of one pixel."""
    return cv2.GaussianBlur(pixels, (5, 5), 0, borderType=cv2.BORDER_REFLECT_101)


def _matched(band: Pixels, own: NDArray[np.float32], on_skin: tuple[float, float], on_features: tuple[float, float],
             feature: Mask, match: float, grain: float, kept: float, random: Grain) -> Pixels:
    """The change of one octave, (H, W, 3), written over `band`. own: (N, 3) spots of the old face's octave on skin.
    on_skin, on_features: energies of the new face and of the old one there."""
    is_, was = on_skin
    gain = float(np.clip(was / max(is_, 1e-3), *_GAIN)) ** match
    # Features are the source's; only a picture that is blurred there as well may blur them, and sharpening is mild.
    feature_gain = float(np.clip(on_features[1] / max(on_features[0], 1e-3), 0.15, 1.25)) ** match
    feature_gain = max(feature_gain, min(gain, 1.0)) if feature_gain < 1 else feature_gain
    on, off = (max((g - 1) / kept, -1.0) for g in (feature_gain, gain))
    change = times(band, f32(feature * np.float32(on - off) + np.float32(off)), into=band)
    lacking = was**2 - (gain * is_) ** 2
    if grain > 0 and lacking > 0 and was > 0.05:  # less than rounding leaves is no grain
        weight = np.float32(grain * np.sqrt(lacking))
        noise = _grain(own, (band.shape[0], band.shape[1]), random)
        cv2.add(change, times(noise, f32(weight - feature * (weight * np.float32(0.5))), into=noise), dst=change)
    return change


def _grain(own: NDArray[np.float32], shape: tuple[int, int], random: Grain) -> Pixels:
    """Noise of one octave whose colours vary together as the picture's do, and whose luminance has energy 1.

    The old face's own texture would bring its wrinkles along. Two tiles of noise whose sides have no common multiple
    within a picture are added: no repetition shows, and few random numbers are drawn.
    """
    own = own[::4]
    low, high = np.percentile(own, (5, 95), axis=0)
    covariance = np.cov(np.clip(own, low, high).T) + 1e-4 * np.eye(3)
    colours = np.linalg.cholesky(covariance).T.astype(np.float32)
    if isinstance(random, Anchor):
        band = noise_on(random, shape) @ colours
        return f32(band / np.float32(max(float((band @ _LUMA).std()), 1e-3)))
    total: Pixels = np.zeros((*shape, 3), np.float32)
    for height, width in _TILES:
        # No larger than what is asked for, with a rim of two pixels for the Gaussian.
        tall, wide = min(height, shape[0]), min(width, shape[1])
        white = np.pad(random.standard_normal((tall, wide, 3), dtype=np.float32), ((2, 2), (2, 2), (0, 0)), mode="wrap")
        band = (white - cv2.GaussianBlur(white, (5, 5), 0))[2:-2, 2:-2] @ colours
        band *= np.float32(np.sqrt(0.5) / max(float((band @ _LUMA).std()), 1e-3))
        across = np.tile(band, (1, -(-shape[1] // wide), 1))[:, :shape[1]]
        for top in range(0, shape[0], tall):
            total[top:top + tall] += across[:shape[0] - top]
    return total


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
