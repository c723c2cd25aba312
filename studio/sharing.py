"""What the Share dialog shows and does: the tunnel, the guests' links, who is connected."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from studio.access.door import Door
from studio.access.hosts import host_of
from studio.tabs import Tabs
from studio.tunnels.keeper import LOOK, Keeper, Shown
from studio.tunnels.ways import way_of

LARGEST_ANSWER = 4096
"""Bytes that are read of what answers at a link."""


class Sharing:
    """One for a server. instance: what its /healthz says of itself."""

    def __init__(self, door: Door, tabs: Tabs, port: int, instance: str) -> None:
        self.tabs = tabs
        self._door = door
        self._instance = instance
        self._note: Callable[[str], None] | None = None
        self.keeper = Keeper(port, self._changed, self._answers)

    async def open(self, how: str) -> str | None:
        """Begins to open a tunnel. Returns the owner's password where one had to be made for it. Raises LikenessError.
        """
        way = way_of(how, self._door.folder)
        made = None if self._door.keys.has_password else await self.new_password()
        self._door.tunnel(True)  # before there is a link: nobody gets in between
        self._door.audit.note("Owner", "tunnel.open", how=way.title)
        await asyncio.to_thread(self.keeper.open, way)
        return made

    def tell(self, note: Callable[[str], None]) -> None:
        """From now on the terminal is told too what becomes of the tunnel."""
        self._note = note

    async def close(self) -> None:
        await asyncio.to_thread(self.keeper.close)
        self._door.audit.note("Owner", "tunnel.close")

    async def new_password(self) -> str:
        password = await asyncio.to_thread(self._door.keys.make_password)
        self._door.audit.note("Owner", "password.new")
        return password

    def view(self) -> dict[str, Any]:
        shown, door = self.keeper.shown, self._door
        return {
            "tunnel": {"state": shown.state, "how": shown.way, "link": shown.link, "since": shown.since,
                       "error": None if shown.error is None else {
                           "code": shown.error.code, "words": shown.error.message, "subject": shown.error.subject,
                           "remedy": shown.error.remedy}},
            "qr": _qr(shown.link) if shown.link and shown.state == "open" else None,
            "asks": door.asks, "listening": door.listening, "has_password": door.keys.has_password,
            "links": [{"id": link.id, "name": link.name, "role": link.role, "expires": link.expires}
                      for link in door.keys.links()],
            "connected": [{"name": tab.visitor.name, "role": tab.visitor.role, "since": tab.opened}
                          for tab in self.tabs.all()],
        }

    def _changed(self, shown: Shown) -> None:
        """In the keeper's thread."""
        self._door.hosts.through(host_of(urlsplit(shown.link).netloc) if shown.link else None)
        self._door.tunnel(shown.state in ("opening", "open", "lost"))
        self._door.keys.tunnel(self._door.tunnelled)
        if shown.state in ("open", "lost", "failed"):
            self._door.audit.note("studio", f"tunnel.{shown.state}", link=shown.link,
                                  code=shown.error.code if shown.error else None)
        if self._note is not None and shown.state != "opening":
            self._note(_words(shown))

    def _answers(self, link: str) -> bool:
        """Whether it is this very studio that answers through the link."""
        try:
            with urllib.request.urlopen(f"{link}/healthz", timeout=LOOK) as answer:  # the owner's own link
                told = json.loads(answer.read(LARGEST_ANSWER))
        except (OSError, ValueError, HTTPException):  # whatever else answers there, it is not this studio
            return False
        return isinstance(told, dict) and told.get("instance") == self._instance


def _words(shown: Shown) -> str:
    if shown.error is not None:
        return f"{shown.error.code}: {shown.error.message} {shown.error.remedy}"
    return f"The studio can be reached at {shown.link}" if shown.state == "open" else "The tunnel is closed."


def _qr(link: str) -> str:
    """As an SVG image in a data: address."""
    import segno

    return str(segno.make(link, error="m").svg_data_uri(scale=4, border=2, dark="#0d0f13", light="#eef1f6"))
