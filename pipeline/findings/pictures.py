"""Small pictures of findings: the worst frame, before and after, cut round the face."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.clips.clip import Clip
from pipeline.clips.planes import QUALITY, ClipFrame
from pipeline.clips.reader import read_frames
from pipeline.findings.finding import Finding
from pipeline.findings.sheet import Sheet
from processors.batches import Rect

SIDE = 160
"""Pixels: twice what the page shows them at."""
MOST = 60
"""Findings that have pictures: a page with more is too heavy to send to anybody."""
_REACH = 1.6  # outer-eye distances from the middle of the face to each side
_RANK = {"high": 0, "middle": 1, "low": 2}


def thumbnails(before: Clip, after: Clip, sheet: Sheet, findings: Sequence[Finding], offset: int,
               ) -> dict[Finding, tuple[bytes, bytes]]:
    """offset: see `ClipMeasures`. The worst findings come first where there are more than `MOST`."""
    chosen = sorted(findings, key=lambda finding: _RANK[finding.severity])[:MOST]
    strands = sheet.strands()
    made = {}
    for finding in chosen:
        place = place_of(sheet, strands, finding.strand, finding.worst)
        if place is not None:
            one, other = _frame(before, finding.worst), _frame(after, finding.worst - offset)
            grown = after.width / before.width  # the result may have been enlarged
            made[finding] = (cut_face(one, place), cut_face(other, Rect(*(round(edge * grown) for edge in place))))
    return made


def place_of(sheet: Sheet, strands: NDArray[np.int64], strand: int, frame: int) -> Rect | None:
    """The square round a strand's face in a frame, or, where it is missing there, in the nearest one. strands: of
    `Sheet.strands`."""
    rows = sheet.rows[strands == strand]
    if not len(rows):
        return None
    row = rows[np.abs(rows["frame"] - frame).argmin()]
    (x, y), reach = row["points"].mean(axis=0), _REACH * max(float(row["size"]), 8.0)
    return Rect(round(x - reach), round(y - 1.15 * reach), round(x + reach), round(y + 0.85 * reach))


def _frame(clip: Clip, index: int) -> ClipFrame:
    stop = int(clip.pts[index + 1]) if index + 1 < clip.frames else None
    return next(iter(read_frames(clip, int(clip.pts[index]), stop)))


def cut_face(frame: ClipFrame, rect: Rect, side: int = SIDE) -> bytes:
    """The square as a JPEG of so many pixels a side."""
    pixels = frame.on_screen(frame.region(rect))
    way = cv2.INTER_AREA if pixels.shape[0] > side else cv2.INTER_CUBIC
    small = cv2.resize(pixels, (side, side), interpolation=way)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
