"""The studio as an application: a FastAPI app with Gradio's Blocks mounted in it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from pipeline.engine import Engine
from studio.guard import LoopbackOnly
from studio.machine import Machine
from studio.settings import Settings
from studio.tabs import Tabs
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
    machine = Machine(settings.data_dir)
    tabs = Tabs(engine, Worker(executor), folder, machine)
    tabs.uploads.mkdir()
    quiet_gradio(tabs.uploads)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await machine.start()
        yield
        tabs.close_all()
        await asyncio.to_thread(machine.close)
        executor.shutdown(wait=False, cancel_futures=True)
        shutil.rmtree(folder, ignore_errors=True)

    app = FastAPI(title="Likeness", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.tabs = tabs
    from studio.clip_routes import make_clip_router, make_job_router
    from studio.media import make_router
    from studio.screens.frame import mount

    for router in (make_router(tabs), make_clip_router(tabs), make_job_router(tabs)):
        app.include_router(router)
    mount(app, tabs, settings, LARGEST_UPLOAD)
    app.add_middleware(LoopbackOnly)
    return app


def serve(engine: Engine, listening: socket.socket, ready: Callable[[], None], data_dir: Path, **settings: Any) -> None:
    """Serves the studio on a socket that is bound to this machine alone, until it is interrupted.

    ready: called once, from another thread, when the server answers.
    """
    import uvicorn

    app = create_app(engine, Settings(data_dir=data_dir, port=listening.getsockname()[1], **settings))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=2))
    logging.getLogger("uvicorn.error").addFilter(lambda record: not (server.should_exit and _is_of_the_end(record)))
    threading.Thread(target=_tell_when_up, args=(server, ready), daemon=True).start()
    server.run(sockets=[listening])


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
