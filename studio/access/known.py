"""The addresses that there are. Gradio brings many more than the studio uses, some of which fetch pages from elsewhere,
write uploads of their own or tell of sessions: what is not named here is not there."""

from __future__ import annotations

import re

_OWN = r"healthz|studio\.js|studio\.css|(access|upload|clip|jobs|findings|mend|media)/.+"
# What Gradio's page asks for: its scripts and styles, its configuration, the queue, and `run/predict` for the first
# view, which does not go through the queue.
_GRADIO = (r"config/?|theme\.css|favicon\.ico|robots\.txt|(assets|static|svelte)/.+|"
           r"gradio_api/(queue/(join|data)|heartbeat/[^/]+|run/predict|cancel|reset|startup-events|theme\.css|info)/?")
_KNOWN = re.compile(rf"/({_OWN}|{_GRADIO})?")


def is_known(path: str) -> bool:
    """path: without the root path of a proxy."""
    return _KNOWN.fullmatch(path) is not None
