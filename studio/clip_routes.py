"""Routes of the Clip screen beside Gradio's: uploads, exact frames, thumbnails, videos by range, and the jobs' cards.

Every address carries a tab's secret, and files are asked for by keys that the tab was given: never by a path.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import secrets
import shutil
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from starlette.requests import ClientDisconnect

from models.errors import LikenessError
from pipeline.clips.clip import Clip
from pipeline.clips.strip import keyframe_picture
from pipeline.jobs.job import Job
from studio.access.request import own_tab
from studio.access.rights import may_see
from studio.clip_perform import proxy_key
from studio.clip_session import ClipSession
from studio.clip_times import time_of, times_table
from studio.job_views import card
from studio.media import PRIVATE
from studio.project import short_of
from studio.session import TabSession
from studio.tabs import Tabs

CHUNK = 1 << 20
"""Bytes that are written at once: the memory that an upload of any size takes."""
SPARE = 256 << 20
"""Bytes that an upload leaves free on its disk: the machine goes on working."""
WIDEST = 3840
THUMB = 160
"""Pixels: a thumbnail of the timeline on a screen with two pixels a point."""

# Browsers keep what cannot change for as long as the page lives; nothing of it goes to the disk.
KEPT = {"cache-control": "private, max-age=3600"}


def make_clip_router(tabs: Tabs) -> APIRouter:
    router = APIRouter(dependencies=[Depends(own_tab(tabs))])
    one_thumb = asyncio.Semaphore(1)  # they must not take the machine from a frame that somebody waits for

    @router.put("/upload/{tab_id}")
    async def upload(tab_id: str, request: Request, name: str = "") -> JSONResponse:
        tab = _tab(tabs, tab_id)
        if not tab.visitor.may_edit:
            raise HTTPException(403)
        folder = tab.uploads / secrets.token_hex(8)
        return await take_upload(request, folder, name)

    @router.get("/clip/{tab_id}/{key}/times")
    async def times(tab_id: str, key: str) -> Response:
        return Response(times_table(_clip(tabs, tab_id, key)), media_type="application/octet-stream", headers=PRIVATE)

    @router.get("/clip/{tab_id}/{key}/lanes")
    async def lanes(tab_id: str, key: str) -> JSONResponse:
        clip, found = _clip(tabs, tab_id, key), _tab(tabs, tab_id).lanes
        if found is None or found.clip is not clip:
            raise HTTPException(404)
        return JSONResponse({"rev": found.rev, **found.data}, headers=PRIVATE)

    @router.get("/clip/{tab_id}/{key}/frame/{index}")
    async def frame(tab_id: str, key: str, index: int, w: int | None = None) -> Response:
        tab, clip = _tab(tabs, tab_id), _clip(tabs, tab_id, key)
        if not 0 <= index < clip.frames:
            raise HTTPException(404)
        width = None if w is None else max(16, min(w, WIDEST, clip.width))
        found = await _asked(lambda: tab.engine.clip_picture(clip, time_of(clip, index), width=width, viewer=tab_id))
        if found is None:
            raise HTTPException(409, "Another frame was asked for since.")
        shown, _ticks, number = found
        return Response(shown.data, media_type=shown.media_type, headers={**PRIVATE, "x-frame": str(number)})

    @router.get("/clip/{tab_id}/{key}/thumb/{index}")
    async def thumb(tab_id: str, key: str, index: int) -> Response:
        tab, clip = _tab(tabs, tab_id), _clip(tabs, tab_id, key)
        if not 0 <= index < clip.frames:
            raise HTTPException(404)
        async with one_thumb:
            shown = await _asked(lambda: keyframe_picture(_quickest(tab, clip), time_of(clip, index), THUMB))
        return Response(shown.data, media_type=shown.media_type, headers=KEPT)

    @router.api_route("/clip/{tab_id}/file/{key}", methods=["GET", "HEAD"])
    async def video(tab_id: str, key: str) -> FileResponse:
        path = _tab(tabs, tab_id).files.get(key)
        if path is None or not path.is_file():
            raise HTTPException(404)
        return FileResponse(path, headers=PRIVATE)

    return router


def make_job_router(tabs: Tabs) -> APIRouter:
    router = APIRouter(dependencies=[Depends(own_tab(tabs))])

    @router.get("/jobs/{tab_id}")
    async def jobs(tab_id: str, since: int = -1) -> dict[str, Any]:
        tab = _open_tab(tabs, tab_id)
        queue, told = tab.machine.jobs, dict(tab.told)
        revision = await _asked(queue.revision)
        trouble = queue.trouble
        view: dict[str, Any] = {"revision": revision, "trouble": None if trouble is None else trouble.message,
                                "told": told}
        if revision == since:
            return view
        rows = await _asked(queue.list)
        return {**view, "jobs": [card(job, tab_id, tab.visitor) for job in rows]}

    @router.get("/jobs/{tab_id}/{job_id}/picture")
    async def picture(tab_id: str, job_id: str) -> Response:
        clip = _tab(tabs, tab_id)
        queue = clip.machine.jobs
        if not may_see(clip.visitor, await _asked(lambda: queue.get(job_id))):
            raise HTTPException(404)
        data = await _asked(lambda: queue.picture(job_id))
        if data is None:
            raise HTTPException(404)
        return Response(data, media_type="image/jpeg", headers=PRIVATE)

    @router.api_route("/jobs/{tab_id}/{job_id}/result", methods=["GET", "HEAD"])
    async def result(tab_id: str, job_id: str) -> FileResponse:
        clip = _tab(tabs, tab_id)
        job: Job = await _asked(lambda: clip.machine.jobs.get(job_id))
        seen = job.state == "done" and job.kind == "render" and may_see(clip.visitor, job)  # models are not passed on
        path = Path(job.result.output) if seen and job.result else None
        if path is None or not path.is_file():
            raise HTTPException(404)
        return FileResponse(path, filename=path.name, headers=PRIVATE)

    return router


async def take_upload(request: Request, folder: Path, name: str) -> JSONResponse:
    """Streams a request's body into a file of its own; what is not taken over whole is removed."""
    told = request.headers.get("content-length", "")
    room = shutil.disk_usage(folder.parent).free - SPARE
    if told.isdigit() and int(told) > room:
        raise HTTPException(507, "The disk has too little room.")
    folder.mkdir(parents=True)
    # The file's own name is the page's to say; on the disk only its ending counts.
    path = folder / f"upload{_ending(name)}"
    try:
        with path.open("wb") as file:
            waiting = bytearray()
            async for chunk in request.stream():
                waiting += chunk
                if len(waiting) >= CHUNK:
                    if shutil.disk_usage(folder).free < SPARE:
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                    await asyncio.to_thread(file.write, bytes(waiting))
                    waiting.clear()
            await asyncio.to_thread(file.write, bytes(waiting))
    except (ClientDisconnect, asyncio.CancelledError):
        shutil.rmtree(folder, ignore_errors=True)
        raise
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise HTTPException(507, "The disk has too little room.") from error
    return JSONResponse({"path": f"{folder.name}/{path.name}"})


def _ending(name: str) -> str:
    found = re.search(r"\.[A-Za-z0-9]{1,10}$", name)
    return found.group(0).lower() if found else ""


def _open_tab(tabs: Tabs, tab_id: str) -> TabSession:
    tab = tabs.get(tab_id)
    if tab is None:
        raise HTTPException(404)
    return tab


def _tab(tabs: Tabs, tab_id: str) -> ClipSession:
    return _open_tab(tabs, tab_id).clip


def _clip(tabs: Tabs, tab_id: str, key: str) -> Clip:
    """By the short form of its content's id, among those that this tab opened."""
    for clip in _tab(tabs, tab_id).clips.values():
        if short_of(clip.id) == key:
            return clip
    raise HTTPException(404)


def _quickest(tab: ClipSession, clip: Clip) -> Clip:
    """The stand-in, where it is there: its keyframes are near each other."""
    path = tab.files.get(proxy_key(clip))
    if path is None or path == clip.path:
        return clip
    key = f"{clip.id} small"
    if key not in tab.small:
        tab.small[key] = tab.engine.open_clip(path, name=clip.name)
    return tab.small[key]


async def _asked(work: Any) -> Any:
    """Runs work in a thread; what is wrong with a file or a job is no fault of the server."""
    try:
        return await asyncio.to_thread(work)
    except LikenessError as error:
        raise HTTPException(404 if error.code == "JOB.MISSING" else 422, error.code) from error
