"""One face of the frame at the playhead, enlarged: what points are moved on by hand, and masks painted over."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from models.arrays import Pixels
from models.errors import NoFace
from models.face import Face
from models.geometry import transform
from pipeline.clips.clip import Clip
from pipeline.findings.square import SIDE, UNIT, square_of
from pipeline.recipe import MovePoints, PaintMask
from pipeline.rendering.desk import stopper
from studio.clip_fixes import frames_of
from studio.clip_session import ClipSession
from studio.clip_times import time_of
from studio.work import Ticket

SHOWN = 512
"""Pixels of the enlarged square: what a hand can aim at, and as many as a painted mask may have."""


@dataclass(frozen=True, slots=True)
class Asked:
    """first, last, person: of the fix that is being made; one of these that is there already is not counted, because
    it will give way."""

    frame: int
    first: int
    last: int
    person: int | None


async def enlarged(c: ClipSession, clip: Clip, asked: Asked) -> dict[str, Any]:
    """points: (68, 2) shares of the square, before they are moved by this fix. reach: the square's side in outer-eye
    distances, in which moves are told. before, after: JPEGs as data addresses; after: as it is drawn now, None until
    the frame at the playhead is. png: what was painted already.

    Raises NoFace where there is no such face; what reading the clip raises.
    """
    recipe = c.for_engine(c.recipe)
    bare = recipe.model_copy(update={"fixes": tuple(fix for fix in recipe.fixes if not (
        isinstance(fix, MovePoints) and _is_this(fix, clip, asked)))})
    sources = c.learned()

    def look(ticket: Ticket[Any]) -> tuple[Face, Pixels]:
        at = time_of(clip, asked.frame)
        faces = c.engine.desk.faces_drawn(bare, clip, sources, at, stopper(ticket.cancelled))
        face = _meant(faces, asked.person)
        if face is None:
            raise NoFace(f"There is no such face in frame {asked.frame} of {clip.name}.", subject=clip.name,
                         remedy="Go to a frame in which it is found.")
        return face, _square(c.engine.desk.frame(clip, at).bgr8(), square_of(face))

    face, before = await asyncio.wrap_future(c.worker.start("finding", look).future)
    matrix = square_of(face)
    points = transform(face.points, matrix) / (SIDE - 1)
    per_unit = 1 / float(np.hypot(*matrix[0, :2]))  # frame pixels to a pixel of the square
    still = c.still
    after = None
    if still is not None and still.frame == asked.frame:
        after = await asyncio.to_thread(_drawn, c.media[still.key].data, clip, face)
    return {
        "number": face.number, "points": np.round(points, 5).tolist(),
        "reach": round((SIDE - 1) * per_unit / max(face.eye_distance, 1e-6), 5), "unit": round(UNIT / (SIDE - 1), 5),
        "before": _address(before), "after": None if after is None else _address(after),
        "png": next((fix.png for fix in recipe.fixes if isinstance(fix, PaintMask) and _is_this(fix, clip, asked)),
                    None),
    }


def _is_this(fix: MovePoints | PaintMask, clip: Clip, asked: Asked) -> bool:
    return frames_of(fix, clip) == (asked.first, asked.last) and fix.person == asked.person


def _meant(faces: tuple[Face, ...], person: int | None) -> Face | None:
    """The largest of those that a fix would be about."""
    return max((face for face in faces if person in (None, face.number)), key=lambda face: face.eye_distance,
               default=None)


def _square(pixels: Pixels, matrix: np.ndarray[Any, Any]) -> Pixels:
    """The square enlarged. Its outermost pixels' middles stay where they are."""
    grown = np.diag([(SHOWN - 1) / (SIDE - 1)] * 2) @ matrix
    return np.asarray(cv2.warpAffine(pixels, grown, (SHOWN, SHOWN), flags=cv2.INTER_CUBIC,
                                     borderMode=cv2.BORDER_REPLICATE))


def _drawn(jpeg: bytes, clip: Clip, face: Face) -> Pixels:
    """From the frame as the screen shows it, which may be smaller."""
    pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    grown = np.diag([clip.width / pixels.shape[1], clip.height / pixels.shape[0]])
    matrix = square_of(face)
    return _square(np.asarray(pixels, np.uint8), np.column_stack([matrix[:, :2] @ grown, matrix[:, 2]]))


def _address(pixels: Pixels) -> str:
    made = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 92])[1]
    return f"data:image/jpeg;base64,{base64.b64encode(made.tobytes()).decode()}"
