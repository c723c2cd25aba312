"""The classical swapper: warp, relight, recolour. It needs no model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Mask, Pixels, Points
from processors.base import Needs, Processor
from processors.batches import Crop, Native, Patch, PatchBatch
from processors.classical import MARGIN
from processors.classical import points as parts
from processors.classical.colour import match_colour, settle
from processors.classical.filters import (
    blur,
    f32,
    from_lab,
    grown,
    reduced,
    resize,
    rounded,
    shrunk,
    smoothstep,
    spread,
    times,
)
from processors.classical.glasses import rims_of
from processors.classical.identity import destination, identity_offset
from processors.classical.pose import forehead
from processors.classical.skin import face_mask, features, inner_features
from processors.classical.sources import (
    Chosen,
    choose,
    faded,
    gentleness,
    looks_of,
    pose_of,
    remarks_on,
)
from processors.classical.tone import Areas, relight
from processors.classical.warp import area_factor, backward_map, pull
from processors.context import Context
from processors.params import ProcessorParams, Slider
from processors.registry import processor

_FEATURE_MARGIN = 0.04  # eye distances round eyes, brows and lips that light and colour are not read from
_SETTLE = (0.10, 0.9)  # width in eye distances and share of the last correction (measured: dE 3.3 -> 2.0)
_WORK = 60.0  # eye distance in pixels at which light and colour are worked out: the low-passes are a seventh of it
_ONE_SIDED = 20.0  # degrees of yaw between photo and face beyond which a side of it is hidden
_PRE_SHRINK = 1.15  # a source much larger than the target is averaged down to this first, or it would glitter


@processor("geometric", title="Classical swap", role="swapper", version="1.0")
class Geometric(Processor):
    """Puts the source's face on by a smooth warp, in the target's light and colour; needs no model."""

    class Params(ProcessorParams):
        strength: float = Slider(1.0, ge=0, le=1, help="How far this face becomes the source's: 0 leaves it alone.")
        shape: float = Slider(0.9, ge=0, le=1, help="How much of the source's proportions come along; more looks "
                                                    "more like the source, less sits more calmly.")
        light: float = Slider(1.0, ge=0, le=1, help="How far the face takes on the light of the picture it goes into.")
        colour: float = Slider(1.0, ge=0, le=1, help="How far the skin takes on this face's colour.")

    def needs(self, params: Params) -> Needs:
        return Needs(crop=Native(MARGIN), source=True)

    def is_identity(self, params: Params) -> bool:
        return params.strength == 0

    def process(self, batch: PatchBatch, params: Params, ctx: Context) -> PatchBatch:
        done = []
        for number, patch in enumerate(batch):
            ctx.check()
            done.append(_swap(patch, params) if patch.sources and params.strength > 0 else patch)
            ctx.progress((number + 1) / len(batch))
        return tuple(done)


@dataclass(frozen=True, slots=True)
class _Window:
    """The part of the crop that can change. rows, columns: its place."""

    rows: slice
    columns: slice

    @property
    def origin(self) -> tuple[float, float]:
        return float(self.columns.start), float(self.rows.start)

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    def of(self, plane: NDArray[Any]) -> NDArray[Any]:
        return plane[self.rows, self.columns]


def _window_round(points: Points, margin: float, shape: tuple[int, ...]) -> _Window | None:
    """Round the points, with `margin` pixels to spare; None where nothing of it is in the picture."""
    low = np.maximum(np.floor(points.min(axis=0) - margin), 0).astype(int)
    high = np.minimum(np.ceil(points.max(axis=0) + margin) + 1, (shape[1], shape[0])).astype(int)
    if (high - low < 4).any():
        return None
    return _Window(slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0])))


def _swap(patch: Patch, params: Geometric.Params) -> Patch:
    crop = patch.crop
    chosen, looks, pose = choose(patch.sources, crop), looks_of(crop), pose_of(crop)
    size = pose.size(crop.points)
    shape = params.shape * params.strength * (1 - gentleness(chosen.looks, looks))
    offset = shape * identity_offset(chosen.points, chosen.pose, crop.points, pose)
    moved, group_maps = destination(crop.points, offset)
    over = forehead(crop.points, pose)
    aims = np.vstack([moved, over])
    window = _window_round(aims, 0.15 * size, crop.pixels.shape)
    if window is None:
        return patch
    # Spectacles come along with the face, unless this face wears its own.
    drawn, clean = _bring_both_sides(chosen, aims, window, size, looks.yaw, rims_of(crop) is not None)
    target = np.asarray(window.of(crop.pixels), np.float32)
    areas = _areas(crop, moved - window.origin, aims - window.origin, clean, window, size)
    small = areas.skin.shape
    aim = resize(target, small)
    lit = relight(drawn, target, resize(drawn, small), aim, areas, 0.20, params.light)
    lab = match_colour(lit, resize(lit, small), aim, areas, params.colour)
    if params.light > 0 and params.colour > 0:
        lab = settle(lab, aim, areas, _SETTLE[0], _SETTLE[1] * min(params.light, params.colour))
    lit = from_lab(lab)
    lit, clean = _fill_gaps(lit, clean, aim, areas, size)
    lit = _keep_target_parts(lit, crop, chosen, group_maps, window, size)
    strength = params.strength * faded(chosen.looks, looks)
    if strength < 1:
        # The target's own pixels go the whole way to the new proportions, so that no feature is seen twice.
        own = pull(target, backward_map(window.shape, (0.0, 0.0), aims - window.origin,
                                        np.vstack([crop.points, over]) - window.origin, size))
        lit = own + np.float32(strength) * (lit - own)
    pixels = crop.pixels.copy()
    pixels[window.rows, window.columns] = rounded(f32(lit), pixels.dtype)
    source_clean = np.zeros(pixels.shape[:2], np.float32)
    source_clean[window.rows, window.columns] = clean
    return replace(patch, pixels=pixels, source_clean=source_clean,
                   remarks=(*patch.remarks, *remarks_on(chosen.looks, looks, crop.face.spread)))


def _bring(chosen: Chosen, aims: Points, window: _Window, size: float, without_rims: bool,
           ) -> tuple[Pixels, Mask, Mask]:
    """The source warped into the window, (H, W, 3) float32; its skin and features there, (H, W) 0..1; and how many of
    its pixels go into each."""
    scale = size / chosen.looks.size * _PRE_SHRINK
    pixels, mask = chosen.pixels, chosen.turned(face_mask(chosen.crop, without_rims))
    if chosen.crop.inside is not None:
        mask = mask * chosen.turned(chosen.crop.inside)
    points = np.vstack([chosen.points, forehead(chosen.points, chosen.pose)])
    if scale < 0.85 * _PRE_SHRINK:
        shape = reduced(pixels.shape[:2], scale)
        grow = np.array([shape[1] / pixels.shape[1], shape[0] / pixels.shape[0]])
        pixels, mask = resize(pixels, shape), resize(mask, shape)
        points = (points + 0.5) * grow - 0.5
    where = backward_map(window.shape, window.origin, aims, points, size)
    drawn = np.asarray(pull(np.asarray(pixels, np.float32), where), np.float32)
    clean = cv2.remap(mask, where, np.empty(0), cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    clean = _without_rim(f32(np.clip(clean, 0, 1)), aims - window.origin, size)
    return np.clip(drawn, 0, 255, out=drawn), clean, where


def _bring_both_sides(chosen: Chosen, aims: Points, window: _Window, size: float, yaw: float, without_rims: bool,
                      ) -> tuple[Pixels, Mask]:
    """The source warped into the window; where the photo is turned away from this face, its hidden side is taken from
    its mirror image: a warp can only smear what it does not see."""
    drawn, clean, where = _bring(chosen, aims, window, size, without_rims)
    if abs(chosen.looks.yaw - yaw) <= _ONE_SIDED:
        return drawn, clean
    other, other_clean, other_where = _bring(chosen.other_way_round(), aims, window, size, without_rims)
    # Octaves by which this view shows a place larger than the mirrored one. A little smaller is still better: the
    # light and the two halves of a face differ. A sixth of the size is a smear.
    seen, other_seen = (np.maximum(area_factor(w), 0.02) for w in (where, other_where))
    share = blur(smoothstep(f32(1 + np.log2(seen / other_seen) / 2.5)), 0.05 * size)
    return f32(cv2.add(times(drawn, share), times(other, 1 - share))), clean * share + other_clean * (1 - share)


def _without_rim(clean: Mask, points: Points, size: float) -> Mask:
    """The outermost .06 eye distances of clear skin lie in the shadow of the hair, or are strands; brows and eyes
    stay."""
    inner = shrunk(clean, 0.06 * size)
    kept = inner_features(points, clean.shape, size, 0.0)
    return np.maximum(inner, np.minimum(kept, clean)).astype(np.float32)


def _areas(crop: Crop, moved: Points, aims: Points, clean: Mask, window: _Window, size: float) -> Areas:
    scale = min(_WORK / size, 1.0)
    shape = reduced(window.shape, scale)
    unit = size * scale
    outline = parts.fill(shape, aims * scale)
    own = resize(np.ascontiguousarray(window.of(face_mask(crop))), shape)
    skin = outline * own * resize(clean, shape)
    here, there = (crop.points - window.origin) * scale, moved * scale
    # Features of both: where the target has its own, and where the source's will lie.
    both = np.maximum(features(here, shape, unit, _FEATURE_MARGIN), features(there, shape, unit, _FEATURE_MARGIN))
    groups = tuple(zip(_groups(there, shape), _groups(here, shape), strict=True))
    soft = parts.fill(shape, *(parts.grown(p, 1.25) for p in parts.eyes(there)), parts.lips(there))
    own_skin = (outline * own * (own > 0.5) * (1 - both)).astype(np.float32)
    common = (skin * (skin > 0.5) * (1 - both)).astype(np.float32)
    return Areas(unit, common, own_skin, blur(soft, 0.04 * unit), groups)


def _groups(points: Points, shape: tuple[int, int]) -> list[Mask]:
    """Each eye, the lips, what shows between the lips."""
    between = parts.fill(shape, parts.inner_mouth(points))
    lips = np.clip(parts.fill(shape, parts.lips(points)) - between, 0, 1)
    return [*(parts.fill(shape, eye) for eye in parts.eyes(points)), lips, between]


def _fill_gaps(lit: Pixels, clean: Mask, aim: Pixels, areas: Areas, size: float) -> tuple[Pixels, Mask]:
    """Where the source has a fringe, spectacles or no pixels, plain skin of the target's broad colour stands in, and
    counts as clean up to .22 eye distances away: or the soft edge would take brows that lie under a fringe."""
    gap = 1 - blur(clean, 0.015 * size)
    if float(gap.max()) < 0.02:
        return lit, clean
    plain = resize(spread(aim, areas.own_skin, 0.08 * areas.unit), lit.shape[:2])
    near = grown(resize(clean, areas.skin.shape), 0.22 * areas.unit)
    return _towards(lit, plain, gap), np.maximum(clean, resize(near, clean.shape))


def _towards(pixels: Pixels, others: Pixels, share: Mask) -> Pixels:
    """pixels + (others - pixels) * share; both must be of the same type."""
    away = times(f32(cv2.subtract(others, pixels)), share)
    return cv2.add(pixels, away, dst=away)


def _keep_target_parts(lit: Pixels, crop: Crop, chosen: Chosen, maps: list[NDArray[np.float64]], window: _Window,
                       size: float) -> Pixels:
    """The target's own mouth interior or eyes, moved with the source's proportions, where they look better."""
    looks = looks_of(crop)
    regions: list[tuple[NDArray[np.float64], Points]] = []
    if looks.gap > 0.06 and (chosen.looks.gap < 0.05 or looks.gap > 2.2 * chosen.looks.gap):
        regions.append((maps[2], parts.inner_mouth(crop.points)))
    if looks.eyes < 0.17 <= chosen.looks.eyes:  # a blink stays a blink
        regions += [(maps[i], parts.grown(eye, 1.15)) for i, eye in enumerate(parts.eyes(crop.points))]
    for matrix, polygon in regions:
        place = matrix.copy()
        place[:, 2] -= window.origin
        outline = polygon @ place[:, :2].T + place[:, 2]
        # Only what the outline's soft edge reaches.
        edge = 0.02 * size
        part = _window_round(outline, 4 * edge, window.shape)
        if part is None:
            continue
        place[:, 2] -= part.origin
        own = cv2.warpAffine(crop.pixels, place, part.shape[::-1], flags=cv2.INTER_CUBIC,
                             borderMode=cv2.BORDER_REPLICATE)
        alpha = blur(parts.fill(part.shape, outline - part.origin), edge)
        part.of(lit)[:] = _towards(np.ascontiguousarray(part.of(lit)), f32(own), alpha)
    return lit
