"""Draws what was found: boxes, points, masks."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from models.arrays import Pixels
from models.face import BROW_LEFT, BROW_RIGHT, EYE_LEFT, EYE_RIGHT, JAW, MOUTH_INNER, MOUTH_OUTER, NOSE, Face
from processors.base import Processor
from processors.batches import FrameView, Rect, Region, RegionBatch
from processors.context import Context
from processors.params import ProcessorParams, Switch
from processors.registry import processor

# BGR, the accents of the studio's palette; box, points and outline also differ in shape, not in colour alone.
_BOX = (255, 140, 91)
_POINT = (166, 195, 34)
_MASK = (74, 177, 240)
_LINES = ((JAW, False), (BROW_RIGHT, False), (BROW_LEFT, False), (NOSE, False), (EYE_RIGHT, True), (EYE_LEFT, True),
          (MOUTH_OUTER, True), (MOUTH_INNER, True))


@processor("inspect", title="Inspect", role="frame", version="1.0")
class Inspect(Processor):
    """Draws boxes, points and masks over the picture, to see what the studio sees."""

    class Params(ProcessorParams):
        boxes: bool = Switch(True, help="Draw a numbered box round every face.")
        points: bool = Switch(True, help="Draw the 68 points of every face.")
        masks: bool = Switch(True, help="Tint what the effects before this one changed, and outline it.")

    def is_identity(self, params: Params) -> bool:
        return not (params.boxes or params.points or params.masks)

    def process(self, batch: FrameView, params: Params, ctx: Context) -> RegionBatch:
        canvas = batch.pixels.copy()
        if params.masks:
            _draw_masks(canvas, batch.masks)
        for face in batch.faces:
            ctx.check()
            if params.points:
                _draw_points(canvas, face)
            if params.boxes:
                _draw_box(canvas, face)
        changed = (canvas != batch.pixels).any(axis=2)
        if not changed.any():
            return ()
        height, width = changed.shape
        return (Region(canvas, Rect(0, 0, width, height), changed.astype(np.float32)),)


def _pen(face: Face) -> int:
    """Width of a line in pixels: 1 up to an eye distance of 100 px, then in proportion."""
    return max(1, round(face.eye_distance / 100))


def _draw_box(canvas: Pixels, face: Face) -> None:
    pen = _pen(face)
    x0, y0, x1, y1 = (round(v) for v in face.box)
    cv2.rectangle(canvas, (x0, y0), (x1 - 1, y1 - 1), _BOX, pen, cv2.LINE_AA)
    if face.number:
        size = max(face.eye_distance / 90, 0.4)
        (width, height), _ = cv2.getTextSize(str(face.number), cv2.FONT_HERSHEY_SIMPLEX, size, pen)
        cv2.rectangle(canvas, (x0, y0), (x0 + width + 6 * pen, y0 + height + 6 * pen), _BOX, cv2.FILLED)
        cv2.putText(canvas, str(face.number), (x0 + 3 * pen, y0 + height + 3 * pen), cv2.FONT_HERSHEY_SIMPLEX, size,
                    (19, 15, 13), pen, cv2.LINE_AA)


def _draw_points(canvas: Pixels, face: Face) -> None:
    pen = _pen(face)
    fixed = np.rint(face.points * 16).astype(np.int32)  # four fractional bits
    for part, closed in _LINES:
        cv2.polylines(canvas, [fixed[part]], closed, _POINT, pen, cv2.LINE_AA, 4)
    for x, y in fixed:
        cv2.circle(canvas, (int(x), int(y)), (pen + 1) * 16, _POINT, cv2.FILLED, cv2.LINE_AA, 4)


def _draw_masks(canvas: Pixels, masks: Iterable[Region]) -> None:
    for region in masks:
        x0, y0, x1, y1 = region.rect
        window = canvas[y0:y1, x0:x1]
        tinted = window + (np.array(_MASK, np.float32) - window) * (0.35 * region.mask)[..., None]
        window[:] = np.rint(tinted) if canvas.dtype == np.uint8 else tinted
        outlines, _ = cv2.findContours((region.mask >= 0.5).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        part = np.ascontiguousarray(window)
        cv2.drawContours(part, outlines, -1, _MASK, 1, cv2.LINE_8)
        window[:] = part
