"""A real server on a port of its own, and a real browser in front of it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from pipeline.doctor import check_disk, check_duplicates
from pipeline.engine import Engine
from studio.access.door import Door
from studio.app import create_app
from studio.options import settle
from studio.settings import Settings
from studio.tabs import Tabs

OURS = re.compile(r"/(studio|pipeline|models|processors)/")
PATIENCE = 30_000
expect.set_options(timeout=PATIENCE)
"""Milliseconds that a condition may take on a busy machine; a free one needs a tenth."""


def chromium() -> str | None:
    named = os.environ.get("LIKENESS_CHROMIUM")
    found = named or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    return found if found and Path(found).exists() else None


@dataclass
class Studio:
    """address: of the running studio. app: itself. tabs: its open tabs. requests: every address that any page asked
    for. links: other places under which a page was told to open it."""

    address: str
    app: FastAPI
    tabs: Tabs
    browser: Browser
    requests: list[str] = field(default_factory=list)
    links: set[str] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def page(self, *, width: int = 1440, height: int = 900, locale: str = "en-GB", address: str | None = None,
             ready: str = "#state", **options: Any) -> Iterator[Page]:
        """A tab in a profile of its own, ready to be used. address: another than the studio's own. ready: what shows
        that it is."""
        context = self.browser.new_context(viewport={"width": width, "height": height}, locale=locale,
                                           accept_downloads=True, **options)
        context.on("request", self._note)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        self.links |= {urlsplit(address).netloc} if address else set()
        try:
            page.goto(address or self.address)
            expect(page.locator(ready)).to_be_visible(timeout=PATIENCE)
            yield page
        except Exception:
            print(f"{page.url} showed:\n{_shown(page)}\n"
                  f"The studio: {self._told()}\nWhat works:\n{_threads()}")  # where a test failed
            raise
        finally:
            context.close()

    def _told(self) -> list[object]:
        return [(tab.screen, tab.told, tab.clip.looked, tab.clip.job and tab.clip.job.stage, list(tab.clip.running))
                for tab in list(self.tabs._by_id.values())]

    @property
    def door(self) -> Door:
        found: Door = self.app.state.door
        return found

    def _note(self, request: Request) -> None:
        self.requests.append(request.url)

    def foreign_requests(self) -> list[str]:
        mine = {urlsplit(self.address).netloc, *self.links}
        return [url for url in self.requests
                if not url.startswith(("data:", "blob:")) and urlsplit(url).netloc not in mine]


def _shown(page: Page) -> str:
    """What the page's parts say, and which views it has seen."""
    words = page.evaluate("[...document.querySelectorAll('#frame .lk-part')].map((e) => e.innerText).join(' | ')")
    revs = page.evaluate("window.Likeness && JSON.stringify([Likeness.screen, Likeness.lost, Likeness.revs, "
                         "Likeness.views.clip?.busy])")
    return f"{' '.join(words.split())[:1500]}\nviews: {revs}"


def _threads() -> str:
    """Where the threads of this process are that run our own code, innermost line last."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    lines = []
    for ident, frame in sys._current_frames().items():
        ours = [f"{entry.filename.rpartition('/')[2]}:{entry.lineno} {entry.name}"
                for entry in traceback.extract_stack(frame) if OURS.search(entry.filename)]
        if ours:
            lines.append(f"{names.get(ident)}: {' > '.join(ours[-4:])}")
    return "\n".join(lines)


@contextlib.contextmanager
def running_server(config: uvicorn.Config, listening: socket.socket | None = None) -> Iterator[None]:
    """In a thread of this process, until it has ended. listening: a bound socket; None to bind what `config` says."""
    server = uvicorn.Server(config)
    sockets = None if listening is None else [listening]
    thread = threading.Thread(target=server.run, kwargs={"sockets": sockets}, daemon=True)
    thread.start()
    try:
        end = time.monotonic() + 30
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            assert time.monotonic() < end
            time.sleep(0.02)
        yield
    finally:
        server.should_exit = True
        thread.join(15)


@contextlib.contextmanager
def serve(folder: Path, *chromium_flags: str, engine: Engine | None = None, **more: Any) -> Iterator[Studio]:
    """engine: with models of the test's own. more: of Settings."""
    executable = chromium()
    if executable is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    engine = engine or Engine()
    settings = Settings(data_dir=folder, port=port, options=settle({}, {}, folder), **more,
                        checks=lambda: [row.to_data() for row in (check_disk(folder), check_duplicates())])
    app = create_app(engine, settings)
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1)
    with running_server(config, listening), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=[
            "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
            "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", *chromium_flags])
        try:
            yield Studio(f"http://127.0.0.1:{port}", app, app.state.tabs, browser)
        finally:
            browser.close()
