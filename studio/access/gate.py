"""What stands before every request, Gradio's own included: the name it was asked under, the page that sent it, who it
is; and the headers on what goes out."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from studio.access.door import Door
from studio.access.hosts import host_of
from studio.access.known import is_known
from studio.access.pages import refusal_page, sign_in_page
from studio.access.roles import Visitor

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Everything from this server alone. Gradio builds its templates with Function() and inlines styles and its
# configuration, hence the two "unsafe" words; blob: and data: are what the page itself makes (webcam, icons).
POLICY = ("default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
          "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; connect-src 'self' data: blob:; "
          "frame-ancestors 'none'; form-action 'self'; base-uri 'self'; object-src 'none'")

HEADERS = ((b"content-security-policy", POLICY.encode()), (b"referrer-policy", b"no-referrer"),
           (b"x-content-type-options", b"nosniff"), (b"x-frame-options", b"DENY"),
           (b"cross-origin-opener-policy", b"same-origin"), (b"cross-origin-resource-policy", b"same-origin"),
           (b"permissions-policy", b"camera=(self), clipboard-read=(self), clipboard-write=(self), geolocation=(), "
                                   b"microphone=(), payment=(), usb=()"))

OPEN = frozenset({"/healthz", "/access/enter"})
"""What is answered to anybody."""
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
LARGEST_OF_STRANGERS = 8 << 10
"""Bytes of what is asked before somebody is known: a password, or a token."""
LARGEST_ASKED = 4 << 20
"""Bytes of what a page asks: edits, with masks and notes at most. Files are uploads."""


class _TooLarge(Exception):
    pass


class Gate:
    """ASGI middleware; the only one, and the outermost. Puts the visitor into `scope["state"]["visitor"]`."""

    def __init__(self, app: App, door: Door, root_path: str = "") -> None:
        self._app = app
        self._door = door
        self._root = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # the studio has none
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        path = self._path(scope)
        if self._root:
            scope["root_path"] = self._root
            if scope["path"] == self._root:  # every address on the page counts from its own
                await _redirect(send, self._root + "/")
                return
        refusal = self._foreign(headers, scope["method"], path)
        if refusal is not None:
            self._door.refused(refusal)
            if _wants_page(headers, scope["method"]):
                await answer_page(send, 403, refusal_page(refusal, headers.get("accept-language", "")))
            else:
                await answer(send, 403, refusal)
            return
        carried = _cookie(headers.get("cookie", ""), self._door.cookie)
        visitor = self._door.visitor(carried)
        if visitor is None and path not in OPEN:
            await self._ask(send, headers, scope["method"])
            return
        if not is_known(path):
            await answer(send, 404, {"code": "STUDIO.NO_PAGE", "message": "There is nothing at this address.",
                                     "remedy": "Open the studio's first page."})
            return
        try:
            receive = await self._bounded(receive, scope["method"], path, visitor, carried)
        except _TooLarge:
            await answer(send, 413, {"code": "STUDIO.TOO_LARGE", "message": "That is more than is asked for here.",
                                     "remedy": "Files go by the page's own ways to open them."})
            return
        scope.setdefault("state", {})["visitor"] = visitor
        await self._app(scope, receive, self._guarded(send, visitor, carried))

    async def _bounded(self, receive: Receive, method: str, path: str, visitor: Visitor | None,
                       carried: str | None) -> Receive:
        """A body that is read here, whole and small, before anything else holds it; uploads alone are handed on as they
        come, for as long as their sender may. Raises _TooLarge."""
        if method in SAFE:
            return receive
        if visitor is not None and path.startswith("/upload/"):
            return self._while_allowed(receive, visitor, carried)
        most = LARGEST_ASKED if visitor is not None else LARGEST_OF_STRANGERS
        messages: list[Message] = []
        size = 0
        while True:
            message = await receive()
            messages.append(message)
            size += len(message.get("body", b""))
            if size > most:
                raise _TooLarge
            if not message.get("more_body"):
                break
        messages.reverse()

        async def again() -> Message:
            return messages.pop() if messages else await receive()

        return again

    def _while_allowed(self, receive: Receive, visitor: Visitor, carried: str | None) -> Receive:
        async def guarded() -> Message:
            message = await receive()
            return message if self._door.still(visitor, carried) else {"type": "http.disconnect"}

        return guarded

    def _path(self, scope: Scope) -> str:
        """The route's path: proxies keep the prefix under which they show the studio, or take it off."""
        path = str(scope["path"])
        return path[len(self._root):] or "/" if self._root and path.startswith(self._root + "/") else path

    def _foreign(self, headers: dict[str, str], method: str, path: str) -> dict[str, str] | None:
        host = headers.get("host", "")
        if not self._door.hosts.knows(host_of(host)):
            name = host_of(host) or "(none)"
            return {"code": "ACCESS.UNKNOWN_HOST", "subject": name,
                    "message": f"This studio does not answer to the name {name}.",
                    "remedy": "If the name is yours, start the studio with --allowed-host NAME."}
        if not self._door.asks and not _FORWARDED.isdisjoint(headers):
            return {"code": "ACCESS.PROXY_OPEN", "subject": host_of(host),
                    "message": "This request came through a proxy, and nobody is asked for a password.",
                    "remedy": "Start the studio with --allowed-host NAME, the name under which the proxy shows it: "
                              "everybody is asked then."}
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            if _same_site(headers):
                return {"code": "ACCESS.PROXY", "subject": host_of(host),
                        "message": f"The browser is at {origin}, but the request says {host}: a proxy between them "
                                   "does not hand on the Host header.",
                        "remedy": "Let the proxy keep Host (nginx: proxy_set_header Host $http_host), see "
                                  "docs/home-server.md."}
            return _FOREIGN
        if headers.get("sec-fetch-site", "none") in ("cross-site", "same-site") and not (
                headers.get("sec-fetch-mode") == "navigate" and method == "GET" and path == "/"):
            return _FOREIGN  # another page may open the first page, and nothing else
        if method not in SAFE and origin is None and headers.get("sec-fetch-site") != "same-origin" \
                and "cookie" in headers:
            return _FOREIGN  # every browser says where a page's POST comes from; what says nothing carries no cookie
        return None

    async def _ask(self, send: Send, headers: dict[str, str], method: str) -> None:
        if _wants_page(headers, method):
            await answer_page(send, 401, sign_in_page(headers.get("accept-language", "")))
        else:
            await answer(send, 401, {"code": "ACCESS.SIGN_IN", "message": "Nobody is signed in here.",
                                     "remedy": "Open the studio's first page and sign in."})

    def _guarded(self, send: Send, visitor: Visitor | None, carried: str | None) -> Send:
        ended = False

        async def guarded(message: Message) -> None:
            nonlocal ended
            if ended:
                return
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *HEADERS]
            elif visitor is not None and message.get("more_body") and not self._door.still(visitor, carried):
                ended = True
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)

        return guarded


_FORWARDED = frozenset({"forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip"})
_FOREIGN = {"code": "STUDIO.FOREIGN_REQUEST", "message": "Another page sent this request.",
            "remedy": "Open the studio by its own address."}


def _wants_page(headers: dict[str, str], method: str) -> bool:
    """A browser that opens an address, rather than a script or a program."""
    return method == "GET" and "text/html" in headers.get("accept", "")


def _same_site(headers: dict[str, str]) -> bool:
    """The browser itself says that page and address are one."""
    return headers.get("sec-fetch-site") == "same-origin"


def _cookie(header: str, name: str) -> str | None:
    try:
        found = SimpleCookie(header).get(name)
    except CookieError:
        return None
    return found.value if found else None


async def answer(send: Send, status: int, words: dict[str, str]) -> None:
    await _answer(send, status, b"application/json", json.dumps(words, ensure_ascii=False).encode())


async def answer_page(send: Send, status: int, page: str) -> None:
    await _answer(send, status, b"text/html; charset=utf-8", page.encode())


async def _redirect(send: Send, where: str) -> None:
    await send({"type": "http.response.start", "status": 308, "headers": [(b"location", where.encode()), *HEADERS]})
    await send({"type": "http.response.body", "body": b""})


async def _answer(send: Send, status: int, kind: bytes, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [
        (b"content-type", kind), (b"cache-control", b"no-store"), *HEADERS]})
    await send({"type": "http.response.body", "body": body})
