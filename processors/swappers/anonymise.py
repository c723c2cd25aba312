"""Makes a person unrecognisable: the head is covered by something that holds too little to know anybody by."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import cv2
import numpy as np

from models.arrays import Mask, Pixels, Points
from processors.base import Needs, Processor
from processors.batches import Crop, Native, Patch, PatchBatch
from processors.context import Context
from processors.params import Choice, Colour, ProcessorParams, Slider
from processors.registry import processor

# Sides of a cell at strength 0 and 1, in head units (below). At 0 a face is about four cells wide and five high: on
# nine faces in pictures that installed packages carry the detector then finds none, and with the points known
# beforehand dlib's descriptors are .66 and more away (the same person: .6). There is no setting below.
_CELL = (0.36, 0.70)
# The head, in multiples of brow-to-chin height. The canon that drawing teaches puts the eyes half-way between chin and
# crown, so that the crown lies two thirds of brow-to-chin over the brows; hair adds the rest. Sides: a third wider than
# the jaw's points, for ears and hair. Both looked at on nine heads, six of them turned.
_CROWN = 0.95
_WIDER = 1.32
# How far the skull's middle lies behind the line of the ears, over how far the nose's tip lies before it (by eye, on
# the turned heads among those).
_BEHIND = 0.5
# Safety margin on every side, in head units: wrong points, hair, and the soft edge of a blender, all outside the face.
_MARGIN = 0.30
# Head unit: the outer-eye distance, or what it would be from the front (0.68 of brow to chin).
_FRONTAL = 0.68


@processor("anonymise", title="Anonymise", role="swapper", version="1.0")
class AnonymiseSwapper(Processor):
    """Covers the whole head so that nobody can tell who it is."""

    class Params(ProcessorParams):
        style: Literal["blur", "pixelate", "solid"] = Choice(
            "blur", help="A soft blur, coarse squares, or one plain colour. Plain colour keeps nothing at all.")
        strength: float = Slider(0.5, ge=0, le=1, help="How coarse the blur or the squares are. Even the lowest "
                                                       "setting hides who it is.")
        size: float = Slider(1.0, ge=1, le=1.6, help="How much around the head is covered.")
        colour: str = Colour("#2b313c", help="The plain colour.")

    def needs(self, params: Params) -> Needs:
        # Crown and margin over the brows, in the units of the crop's own margin, and a little to spare.
        return Needs(crop=Native(margin=1.9 * params.size + 0.2))

    def process(self, batch: PatchBatch, params: Params, ctx: Context) -> PatchBatch:
        done = []
        for patch in batch:
            ctx.check()
            done.append(_cover(patch, params))
        return tuple(done)


def _cover(patch: Patch, params: AnonymiseSwapper.Params) -> Patch:
    crop = patch.crop
    cell = head_unit(crop.points) * (_CELL[0] + (_CELL[1] - _CELL[0]) * params.strength)
    if params.style == "solid":
        covered = _solid(crop.pixels, params.colour)
    else:
        covered = _coarse(crop.pixels, cell, smooth=params.style == "blur")
    return replace(patch, pixels=covered, mask=head_mask(crop, params.size), exact=True)


def head_unit(points: Points) -> float:
    """Outer-eye distance in pixels as it would be seen from the front."""
    brow, chin = points[17:27].mean(axis=0), points[8]
    seen = float(np.hypot(*(points[45] - points[36])))
    return max(seen, _FRONTAL * float(np.hypot(*(chin - brow))), 1.0)


def head_outline(points: Points) -> Points:
    """(116, 2) points round the whole head, and in it: the 68 themselves, and an ellipse for skull and hair."""
    brow, chin = points[17:27].mean(axis=0), points[8]
    up = brow - chin
    height = float(np.hypot(*up))
    up = up / height if height > 1e-6 else np.array([0.0, -1.0])
    across = np.array([-up[1], up[0]])
    half = np.abs((points - points.mean(axis=0)) @ across).max() * _WIDER
    # An ellipse for skull and hair, its lower half over the face; the points' own hull keeps jaws that stand out.
    # In a turned head the skull lies behind the ears, away from where the nose points.
    ears = (points[0] + points[16]) / 2
    behind = (ears - _BEHIND * (points[30] - ears)) @ across
    middle = brow + up * (height * (_CROWN - 1) / 2)
    middle = middle + across * (behind - middle @ across)
    axes = (half, height * (1 + _CROWN) / 2)
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    head = middle + np.outer(np.cos(angle) * axes[0], across) + np.outer(np.sin(angle) * axes[1], up)
    return np.vstack([points, head])


def head_mask(crop: Crop, size: float) -> Mask:
    """(H, W) 0 or 1: face, forehead, ears and hair, with a margin. size: 1 = as measured, more = that much larger."""
    unit, outline = head_unit(crop.points), head_outline(crop.points)
    centre = outline.mean(axis=0)
    outline = centre + (outline - centre) * size
    flags = np.zeros(crop.pixels.shape[:2], np.uint8)
    corners = cv2.convexHull(np.clip(outline, -1e5, 1e5).astype(np.float32))
    cv2.fillConvexPoly(flags, np.rint(corners * 16).astype(np.int32), 1, shift=4)
    if not flags.any():
        return flags.astype(np.float32)
    away = cv2.distanceTransform(1 - flags, cv2.DIST_L2, 5)
    return (away <= _MARGIN * unit * size).astype(np.float32)


def _coarse(pixels: Pixels, cell: float, *, smooth: bool) -> Pixels:
    """Means of square cells, shown as squares or smoothly; both hold the same few numbers, so that no sharpening
    brings anything back. A plain blur would not do: on a clean picture it can be undone."""
    height, width = pixels.shape[:2]
    columns, rows = max(1, round(width / cell)), max(1, round(height / cell))
    means = cv2.resize(pixels.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    if pixels.dtype == np.uint8:
        means = np.rint(means)
    if not smooth:
        coarse = cv2.resize(means, (width, height), interpolation=cv2.INTER_NEAREST)
    else:
        coarse = cv2.resize(means, (width, height), interpolation=cv2.INTER_LINEAR)
        # On a smaller picture, as wide blurs should be: half a cell takes the creases of the interpolation away.
        small = cv2.resize(coarse, (columns * 6, rows * 6), interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), 3.0, borderType=cv2.BORDER_REPLICATE)
        coarse = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    coarse = np.clip(coarse, 0, 255)
    return (np.rint(coarse) if pixels.dtype == np.uint8 else coarse).astype(pixels.dtype)


def _solid(pixels: Pixels, colour: str) -> Pixels:
    red, green, blue = (int(colour[i:i + 2], 16) for i in (1, 3, 5))
    return np.full_like(pixels, (blue, green, red))
