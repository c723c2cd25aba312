"""The Models screen: one place that the page's script fills, and whatever it asks for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from studio.access.request import visitor_of
from studio.screens.image import part
from studio.shelf import Shelf


def build(shelf: Shelf) -> None:
    """Adds the screen to the open Blocks. The folder is looked through when somebody looks, not at the start."""
    screen = part("models")

    async def act(event: gr.EventData, request: gr.Request) -> AsyncIterator[Any]:
        async for view in shelf.perform(visitor_of(request), event._data):
            yield view
        yield gr.skip()  # see screens/image.py

    # One at a time: two downloads of one file would be asked for by a double click.
    screen.submit(act, None, screen, show_progress="hidden", trigger_mode="multiple", concurrency_limit=1,
                  api_visibility="private")
