"""The System screen: what this machine has, and on what terms the data files may be used."""

from __future__ import annotations

from typing import Any

import gradio as gr

from models.catalogue import load_catalogue
from studio.access.request import visitor_of
from studio.options import FILE, shown
from studio.screens.image import MOUNT
from studio.settings import Settings


def build(settings: Settings) -> None:
    """Adds the screen to the open Blocks. The machine is examined when somebody looks, not at the start; guests are
    told the licences alone."""
    known: dict[str, Any] = {"licences": [
        {"name": row.title, "commercial": row.commercial, "licence": row.licence, "terms": row.terms, "file": row.file}
        for row in load_catalogue()]}
    own = {"data_dir": str(settings.data_dir), "settings": [
        {"name": name, "value": shown(value.value), "origin": value.origin, "where": value.where,
         "flag": value.option.flag, "variable": value.option.variable}
        for name, value in settings.options.items()], "file": str(settings.data_dir / FILE)}
    screen = gr.HTML(value=known, html_template='<div class="lk-system"></div>', js_on_load=MOUNT.format(name="system"),
                     apply_default_css=False, elem_id="system", elem_classes=["lk-part"])

    def examine(request: gr.Request) -> dict[str, Any]:
        if not visitor_of(request).owner:
            return {**known, "rows": []}
        return {**known, **own, "rows": [dict(row) for row in settings.checks()]}

    screen.submit(examine, None, screen, show_progress="hidden", api_visibility="private")
