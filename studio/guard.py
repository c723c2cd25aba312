"""What stands before every request: only this machine may ask, and pages may fetch only from here."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "testserver"})

# Everything from this server alone. Gradio builds its templates with Function() and inlines styles and its
# configuration, hence the two "unsafe" words; blob: and data: are what the page itself makes (webcam, icons).
POLICY = ("default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
          "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; connect-src 'self' data: blob:; "
          "frame-ancestors 'none'; form-action 'self'; base-uri 'self'; object-src 'none'")


class LoopbackOnly:
    """Refuses requests that name another host (a foreign page that points its own name at 127.0.0.1) or that another
    page sends, and adds the content policy to what goes out."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if _host(headers.get("host", "")) not in LOOPBACK or not _same_place(headers):
            await _refuse(send)
            return

        async def guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", POLICY.encode()),
                                      (b"referrer-policy", b"no-referrer"), (b"x-content-type-options", b"nosniff")]
            await send(message)

        await self._app(scope, receive, guarded)


def _host(value: str) -> str:
    """The name in a Host header or an origin's authority, without its port."""
    try:
        return urlsplit(f"//{value}").hostname or ""
    except ValueError:
        return ""


def _same_place(headers: dict[str, str]) -> bool:
    """An Origin, where the browser sends one, must be the very address that the request went to."""
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host", "")


async def _refuse(send: Send) -> None:
    body = json.dumps({"code": "STUDIO.FOREIGN_REQUEST", "message": "This studio answers only its own machine."})
    await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body.encode()})
