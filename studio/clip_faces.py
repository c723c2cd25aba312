"""One face of the frame at the playhead, enlarged: what points are moved on by hand, and masks painted over."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.errors import NoFace
from models.face import Face
from models.geometry import transform
from pipeline.clips.clip import Clip
from pipeline.findings.square import SIDE, UNIT, large_square, large_square_of_shown, square_of
from pipeline.recipe import MovePoints, PaintMask
from pipeline.rendering.desk import stopper
from studio.clip_fixes import frames_of
from studio.clip_session import ClipSession
from studio.clip_times import time_of
from studio.work import Ticket


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

    def look(ticket: Ticket[Any]) -> tuple[Face, bytes]:
        at = time_of(clip, asked.frame)
        faces = c.engine.desk.faces_drawn(bare, clip, sources, at, stopper(ticket.cancelled))
        face = _meant(faces, asked.person)
        if face is None:
            raise NoFace(f"There is no such face in frame {asked.frame} of {clip.name}.", subject=clip.name,
                         remedy="Go to a frame in which it is found.")
        shown = c.engine.desk.frame(clip, at)
        return face, large_square(shown.on_screen(shown.bgr8()), face)

    face, before = await asyncio.wrap_future(c.worker.start("finding", look).future)
    matrix = square_of(face)
    points = transform(face.points, matrix) / (SIDE - 1)
    per_unit = 1 / float(np.hypot(*matrix[0, :2]))  # frame pixels to a pixel of the square
    still = c.still
    after = None
    if still is not None and still.frame == asked.frame:
        after = await asyncio.to_thread(large_square_of_shown, c.media[still.key].data, clip.width, clip.height, face)
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


def _address(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
