"""How often Gradio's queue looks whether somebody asked for something. Of its own it looks a thousand times a second,
which costs 4.9 % of a core for as long as the studio runs (measured). Here: often while it is used, seldom else."""

from __future__ import annotations

import asyncio
from typing import Protocol

from studio.access.gate import App, Receive, Scope, Send

QUICK = 0.004
"""Seconds between two looks while somebody works: nobody notices these, and they cost a hundredth of a core."""
SLOW = 0.1
"""And while nobody does: what the first click after a pause waits at most."""
QUIET = 5.0
"""Seconds after the last question until it is slow again."""


PROGRESS = 1.0
"""Seconds between its looks for gr.Progress, which the studio has none of: its own stages come with the views."""


class Queue(Protocol):
    """What of Gradio's queue is used here: seconds, read anew before every sleep."""

    sleep_when_free: float
    progress_update_sleep_when_free: float


class Pace:
    """ASGI middleware: a question that joins the queue makes it quick."""

    def __init__(self, app: App, queue: Queue) -> None:
        self._app = app
        self._queue = queue
        self._queue.sleep_when_free = SLOW
        self._queue.progress_update_sleep_when_free = PROGRESS
        self._rest: asyncio.TimerHandle | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].endswith("/queue/join"):
            self._hurry()
        await self._app(scope, receive, send)

    def _hurry(self) -> None:
        self._queue.sleep_when_free = QUICK
        if self._rest is not None:
            self._rest.cancel()
        self._rest = asyncio.get_running_loop().call_later(QUIET, self._slow_down)

    def _slow_down(self) -> None:
        self._queue.sleep_when_free = SLOW
