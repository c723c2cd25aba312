"""The Image and Clip screens: six parts in one frame, one way for them to ask, one way to be told. What is left and
right of the centre is the same on both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from studio import views
from studio.access.request import visitor_of
from studio.perform import perform
from studio.session import TabSession
from studio.settings import Settings
from studio.tabs import Tabs

PARTS = ("bar", "people", "viewer", "clip", "chain", "tray")

# Each part is drawn by the script of its name in studio/web; all that happens here is handing it its place, as soon
# as the page has loaded that script.
MOUNT = """const place = {{element, props, trigger, upload, watch}};
const begin = () => window.LikenessReady ? window.Likeness.mount('{name}', place) : setTimeout(begin, 15);
begin(); /* sends 'submit' */"""


def part(name: str) -> gr.HTML:
    """An empty place that the page's script fills from the value it is given."""
    return gr.HTML(value={}, html_template=f'<div class="lk-{name}"></div>', js_on_load=MOUNT.format(name=name),
                   apply_default_css=False, elem_id=name, elem_classes=["lk-part"])


def build(tabs: Tabs, settings: Settings) -> None:
    """Adds the screens to the open Blocks."""
    parts = {name: part(name) for name in PARTS}
    session = gr.State(None)

    def show(tab: TabSession, names: tuple[str, ...]) -> dict[Any, Any]:
        makers = {"bar": lambda: views.bar(tab, settings), "people": lambda: views.people(tab),
                  "viewer": lambda: views.viewer(tab), "chain": lambda: views.chain(tab),
                  "clip": lambda: views.clip(tab), "tray": lambda: views.tray(tab)}
        number = tab.next_view(names)
        return {parts[name]: {"rev": number, **makers[name]()} for name in names}

    def begin(request: gr.Request) -> dict[Any, Any]:
        tab = tabs.open(str(request.session_hash), visitor_of(request))
        return {session: tab, **show(tab, PARTS)}

    async def act(found: TabSession | None, event: gr.EventData, request: gr.Request) -> AsyncIterator[dict[Any, Any]]:
        # Else the page is older than this server, or somebody names another's connection.
        visitor = visitor_of(request)
        tab = found if found is not None and visitor.may_use(found.visitor) else tabs.ended(visitor)
        async for names in perform(tab, event._data):
            yield show(tab, names)
        # Gradio sends an event's last answer once more when the event ends. By then another event may have told more,
        # and the page would see the old view only, where both come in one go.
        yield {part: gr.skip() for part in parts.values()}

    def end(request: gr.Request) -> None:
        tabs.close(str(request.session_hash), visitor_of(request))

    everything = list(parts.values())
    blocks = gr.context.Context.root_block
    assert blocks is not None
    blocks.load(begin, None, [session, *everything], show_progress="hidden", api_visibility="private", queue=False)
    # Edits are quick and must all arrive, in order; what takes long runs on the tab's own worker, where the newest
    # preview cancels the one before. So no edit waits for another's end.
    gr.on([p.submit for p in everything], act, [session], everything, show_progress="hidden", trigger_mode="multiple",
          concurrency_limit=None, api_visibility="private")
    blocks.unload(end)
