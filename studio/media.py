"""Routes beside Gradio's: health, the pictures of a tab, the studio's own scripts and words."""

from __future__ import annotations

import json
from pathlib import Path

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import FileResponse

from pipeline.version import VERSION
from studio.access.request import own_tab
from studio.tabs import Tabs
from studio.text import load_texts

WEB = Path(__file__).parent / "web"
# In this order: what comes first is used by what follows.
SCRIPTS = ("base", "fill", "icons", "menu", "moments", "upload", "open", "draw", "bar", "share", "who", "people",
           "sources", "compare", "viewer", "player", "lanes", "timeline", "clip", "jobs", "render", "result",
           "findings", "mend", "controls", "backdrop", "chain", "tray", "models", "system", "pulse", "keys")
STYLES = ("tokens", "frame", "parts", "viewer", "chain", "clip", "lanes", "jobs", "findings", "models", "share")

# A tab's pictures are nobody else's: no cache on disk keeps them. Their addresses change with their content.
PRIVATE = {"cache-control": "private, no-store"}
FRESH = {"cache-control": "no-cache"}


def make_router(tabs: Tabs, instance: str) -> APIRouter:
    """instance: tells this running studio from any other, for whoever looks through a tunnel whether it leads here."""
    router = APIRouter()
    own = [Depends(own_tab(tabs))]

    @router.get("/healthz")
    async def health(request: Request) -> dict[str, object]:
        """Anybody may ask; what runs here, and for how many, is told to those who were let in."""
        told: dict[str, object] = {"status": "ok", "instance": instance}
        known = request.scope.get("state", {}).get("visitor") is not None
        return {**told, "version": VERSION, "tabs": len(tabs)} if known else told

    @router.get("/media/{tab_id}/saved/{name}", dependencies=own)
    async def saved(tab_id: str, name: str) -> FileResponse:
        tab = tabs.get(tab_id)
        places = [project.saved / Path(name).name for project in (tab, tab.clip)] if tab else []
        path = next((one for one in places if one.is_file()), None)
        if path is None:
            raise HTTPException(404)
        return FileResponse(path, filename=path.name, headers=PRIVATE)

    @router.get("/media/{tab_id}/{picture}/{name}", dependencies=own)
    async def media(tab_id: str, picture: str, name: str) -> Response:
        tab = tabs.get(tab_id)
        key = f"{picture}/{name}"
        found = tab.media.get(key) or tab.clip.media.get(key) if tab else None
        if found is None:
            raise HTTPException(404)
        return Response(found.data, media_type=found.media_type, headers=PRIVATE)

    @router.get("/studio.js")
    async def script() -> Response:
        return Response(bundle_script(), media_type="text/javascript; charset=utf-8", headers=FRESH)

    @router.get("/studio.css")
    async def style() -> Response:
        return Response(bundle(STYLES, ".css"), media_type="text/css; charset=utf-8", headers=FRESH)

    return router


def bundle(names: tuple[str, ...], suffix: str) -> str:
    """Small files, one request: several script tags would run in whatever order they arrive."""
    return "\n".join((WEB / f"{name}{suffix}").read_text(encoding="utf-8") for name in names)


def bundle_script() -> str:
    words = json.dumps(load_texts(), ensure_ascii=False).replace("<", "\\u003c")
    return f"window.LikenessWords = {words};\n{bundle(SCRIPTS, '.js')}"
