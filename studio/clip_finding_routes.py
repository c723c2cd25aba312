"""Routes for what was found in a finished render: the list, thumbnails, frames of both clips side by side; and the
enlarged face that fixes are made on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Response

from models.errors import LikenessError
from studio.access.request import own_tab
from studio.clip_faces import Asked, enlarged
from studio.clip_findings import listed
from studio.clip_routes import KEPT
from studio.clip_session import ClipSession
from studio.judged import Judged, Side
from studio.project import short_of
from studio.tabs import Tabs

SMALLEST, LARGEST, WIDEST = 48, 480, 1920
"""Pixels of a face's square; and of a whole frame's width."""


def make_finding_router(tabs: Tabs) -> APIRouter:
    router = APIRouter(dependencies=[Depends(own_tab(tabs))])

    @router.get("/findings/{tab_id}/{key}")
    async def found(tab_id: str, key: str) -> list[dict[str, Any]]:
        return listed(_judged(tabs, tab_id, key))

    @router.get("/findings/{tab_id}/{key}/thumb/{place}/{side}")
    async def thumb(tab_id: str, key: str, place: int, side: Literal["before", "after"]) -> Response:
        judged = _judged(tabs, tab_id, key)
        return await _picture(judged, place, lambda: judged.thumbnail(place, side))

    @router.get("/findings/{tab_id}/{key}/face/{place}/{frame}/{side}")
    async def face(tab_id: str, key: str, place: int, frame: int, side: Literal["before", "after"],
                   s: int = 240) -> Response:
        judged = _judged(tabs, tab_id, key)
        return await _picture(judged, place, lambda: judged.face(place, frame, side, max(SMALLEST, min(s, LARGEST))))

    @router.get("/findings/{tab_id}/{key}/whole/{frame}/{side}")
    async def whole(tab_id: str, key: str, frame: int, side: Side, w: int = 960) -> Response:
        judged = _judged(tabs, tab_id, key)
        return await _picture(judged, None, lambda: judged.whole(frame, side, max(SMALLEST, min(w, WIDEST))))

    @router.get("/mend/{tab_id}/{key}/face/{frame}")
    async def mended(tab_id: str, key: str, frame: int, first: int, last: int, person: int | None = None,
                     ) -> dict[str, Any]:
        c = _clip(tabs, tab_id)
        clip = c.clip
        if clip is None or short_of(clip.id) != key or not 0 <= frame < clip.frames or not c.visitor.may_edit:
            raise HTTPException(404)
        try:
            return await enlarged(c, clip, Asked(frame, first, last, person))
        except LikenessError as error:
            raise HTTPException(422, error.code) from error

    return router


def _clip(tabs: Tabs, tab_id: str) -> ClipSession:
    tab = tabs.get(tab_id)
    if tab is None:
        raise HTTPException(404)
    return tab.clip


def _judged(tabs: Tabs, tab_id: str, key: str) -> Judged:
    judged = _clip(tabs, tab_id).judged
    if judged is None or short_of(judged.version.output) != key:
        raise HTTPException(404)
    return judged


async def _picture(judged: Judged, place: int | None, make: Callable[[], bytes | None]) -> Response:
    """In a thread, one after the other for each tab. place: of the finding that it is of."""
    if place is not None and not 0 <= place < len(judged.findings):
        raise HTTPException(404)
    try:
        data = await asyncio.to_thread(make)
    except LikenessError as error:
        raise HTTPException(422, error.code) from error
    if data is None:
        raise HTTPException(404)
    return Response(data, media_type="image/jpeg", headers=KEPT)
