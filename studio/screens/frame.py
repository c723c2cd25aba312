"""The frame that all screens share, and Gradio's place in the application."""

from __future__ import annotations

import gradio as gr
from fastapi import FastAPI

from pipeline.version import VERSION
from studio.media import WEB
from studio.pace import Queue
from studio.screens import image, models, system
from studio.settings import Settings
from studio.shelf import Shelf
from studio.tabs import Tabs

SYSTEM_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "Noto Sans CJK SC",
                "PingFang SC", "Microsoft YaHei", "sans-serif")
MONO_FONTS = ("ui-monospace", "SF Mono", "Menlo", "Consolas", "monospace")


GROUND, TEXT = "#0d0f13", "#eef1f6"

# Gradio adds these to the page by script; the parts wait for them (see screens/image.py).
# Addresses everywhere count from the page's own, so that a proxy may show the studio under any path.
HEAD = (f'<link rel="stylesheet" href="studio.css?v={VERSION}">'
        f'<script src="studio.js?v={VERSION}"></script>')


def mount(app: FastAPI, tabs: Tabs, shelf: Shelf, settings: Settings, largest_upload: int) -> Queue:
    """Builds the Blocks and mounts them at the root, with everything off that Gradio would add of its own.

    Returns their queue."""
    # The ground's colour before the studio's own style sheet arrives: no white flash in the dark.
    theme = gr.themes.Base(font=SYSTEM_FONTS, font_mono=MONO_FONTS).set(
        body_background_fill=GROUND, body_background_fill_dark=GROUND, body_text_color=TEXT, body_text_color_dark=TEXT)
    with gr.Blocks(title="Likeness", analytics_enabled=False, fill_width=True) as blocks, \
            gr.Column(elem_id="frame"):
        image.build(tabs, settings)
        models.build(shelf)
        system.build(settings)
    blocks.queue(default_concurrency_limit=None)
    gr.mount_gradio_app(
        app, blocks, path="/", root_path=settings.root_path, server_name="127.0.0.1", server_port=settings.port,
        footer_links=[], run_history=False, ssr_mode=False, enable_monitoring=False, pwa=False, mcp_server=False,
        show_error=False,
        max_file_size=largest_upload, theme=theme, head=HEAD, favicon_path=str(WEB / "mark.svg"),
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None})
    queue: Queue = blocks._queue
    return queue
