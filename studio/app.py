"""The studio as an application: a FastAPI app with Gradio's Blocks mounted in it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from models.errors import LikenessError
from pipeline.engine import Engine
from pipeline.models_folder import open_store
from studio.access.door import Door
from studio.access.gate import Gate
from studio.access.hosts import Hosts
from studio.idle import Idle
from studio.machine import Machine
from studio.pace import Pace
from studio.settings import Settings
from studio.sharing import Sharing
from studio.shelf import Shelf
from studio.tabs import Tabs
from studio.tunnels.ways import way_of
from studio.work import Worker

LARGEST_UPLOAD = 2 << 30
"""Bytes. A 16-bit TIFF of 200 megapixels is 1.2 GB; what is larger is opened from the machine's own disk."""


def quiet_gradio(uploads: Path) -> None:
    """Gradio reads these when it is imported: no analytics, no version check, no fonts, uploads in our own folder."""
    os.environ.update(GRADIO_ANALYTICS_ENABLED="False", HF_HUB_DISABLE_TELEMETRY="1", HF_HUB_OFFLINE="1",
                      GRADIO_TEMP_DIR=str(uploads))


def clear_left_behind(tabs_folder: Path) -> None:
    """Removes what servers left that were killed: uploads of pictures must not lie about."""
    for folder in tabs_folder.glob("run-*-*"):
        number = folder.name.split("-")[1]
        if number.isdigit() and not _runs(int(number), folder):
            shutil.rmtree(folder, ignore_errors=True)


def _runs(process: int, folder: Path) -> bool:
    if os.name == "nt":  # there, os.kill would end the process; a week is longer than anybody's server runs unseen
        return time.time() - folder.stat().st_mtime < 7 * 24 * 3600
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def create_app(engine: Engine, settings: Settings) -> FastAPI:
    """The whole application, not yet served. It makes a folder for its tabs in the data folder, and removes it when it
    is shut down."""
    settings.tabs_folder.mkdir(parents=True, exist_ok=True)
    clear_left_behind(settings.tabs_folder)
    folder = Path(tempfile.mkdtemp(prefix=f"run-{os.getpid()}-", dir=settings.tabs_folder))
    executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="device")
    if engine.networks.store is None:
        engine.networks.store = open_store(None, settings.data_dir)
    engine.networks.safe = bool(settings.commercial_safe)
    machine = Machine(settings.data_dir, offline=settings.offline, safe=lambda: shelf.safe,
                      command=settings.jobs_command)
    shelf = Shelf(engine.networks, machine, folder / "uploads", settings.commercial_safe)
    worker = Worker(executor)
    tabs = Tabs(engine, worker, folder, machine)
    door = Door(settings.data_dir, Hosts(settings.allowed_hosts, wide=settings.wide), port=settings.port,
                listening=settings.reachable)
    instance = secrets.token_urlsafe(12)
    sharing = Sharing(door, tabs, settings.port, instance)
    tabs.uploads.mkdir()
    quiet_gradio(tabs.uploads)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await machine.start(resume=settings.resume_renders)
        watching = asyncio.create_task(Idle(engine, (worker, machine.aside, machine.analysing.worker)).watch())
        yield
        watching.cancel()
        await asyncio.to_thread(sharing.keeper.close)
        tabs.close_all()
        await asyncio.to_thread(machine.close)
        executor.shutdown(wait=False, cancel_futures=True)
        shutil.rmtree(folder, ignore_errors=True)

    app = FastAPI(title="Likeness", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.tabs, app.state.door, app.state.sharing = tabs, door, sharing
    app.add_exception_handler(LikenessError, _as_json)
    from studio.access.routes import make_access_router
    from studio.clip_finding_routes import make_finding_router
    from studio.clip_routes import make_clip_router, make_job_router
    from studio.media import make_router
    from studio.screens.frame import mount

    for router in (make_router(tabs, instance), make_clip_router(tabs), make_job_router(tabs),
                   make_finding_router(tabs), make_access_router(door, sharing)):
        app.include_router(router)
    app.add_middleware(Pace, queue=mount(app, tabs, shelf, settings, LARGEST_UPLOAD))
    app.add_middleware(Gate, door=door, root_path=settings.root_path)
    return app


async def _as_json(_request: Request, error: Exception) -> JSONResponse:
    """What a route could not do, in the words that it has: a full disk, a store that cannot be written."""
    from studio.access.routes import refusal

    assert isinstance(error, LikenessError)
    return refusal(error, 422)


@dataclass(frozen=True, slots=True)
class Start:
    """What is told once at the start. password: the owner's, where it was made just now. left_open: the studio ended
    without closing its tunnel, the last time; hence everybody is asked."""

    password: str | None = None
    left_open: bool = False


def serve(engine: Engine, listening: socket.socket, ready: Callable[[Start], None], note: Callable[[str], None], *,
          password: str | None = None, share: str | None = None, **settings: Any) -> None:
    """Serves the studio on a bound socket until it is interrupted.

    ready: called once, from another thread, when the server answers. note: tells a line in the terminal. password: the
    owner's, where it was given. share: the tunnel to open at the start. settings: of `Settings`, without the port.
    Raises LikenessError for a password that is too short, a way to share that there is none of.
    """
    import uvicorn

    app = create_app(engine, Settings(port=listening.getsockname()[1], **settings))
    made = _owner_in(app.state.door, password, share)
    # Without proxy_headers: who asks is whoever is connected; anybody can write an X-Forwarded-For.
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=2,
                                           proxy_headers=False))
    logging.getLogger("uvicorn.error").addFilter(lambda record: not (server.should_exit and _is_of_the_end(record)))

    door: Door = app.state.door
    if share is not None:
        door.tunnel(True)  # from the first moment on
    door.tell = note

    def up() -> None:
        ready(Start(made, door.keys.left_open))
        if share is not None:
            app.state.sharing.tell(note)
            asyncio.run(app.state.sharing.open(share))

    threading.Thread(target=_tell_when_up, args=(server, up), daemon=True).start()
    try:
        server.run(sockets=[listening])
    finally:  # a second Ctrl+C goes past the lifespan
        app.state.sharing.keeper.close()


def _owner_in(door: Door, password: str | None, share: str | None) -> str | None:
    """Sees to it that the owner has a password where one is asked for; returns one that had to be made."""
    if share is not None:
        way_of(share, door.folder).prepare()
    if password is not None:
        door.keys.take_password(password)
        return None
    if (door.asks or share is not None) and not door.keys.has_password:
        return door.keys.make_password()
    return None


def _is_of_the_end(record: logging.LogRecord) -> bool:
    """Open pages hold a connection each; that these are cut when the server is ended is no error, nor worth a word."""
    cut = record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError)
    return bool(cut) or str(record.msg).startswith("Cancel %s running task")


def _tell_when_up(server: Any, ready: Callable[[], None]) -> None:
    """So that nobody's browser sees an error page first."""
    pause = threading.Event()
    while not server.started and not server.should_exit:
        pause.wait(0.1)
    if server.started:
        ready()
