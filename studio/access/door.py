"""One object that knows whether anybody is asked at all, and who comes by what: the gate and the screens ask it."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from models.errors import LikenessError
from studio.access.audit import Audit
from studio.access.hosts import Hosts
from studio.access.keys import Keys, Link
from studio.access.lockout import Lockout
from studio.access.roles import HOST, Role, Visitor

COOKIE = "likeness"
NOTED = 100
"""Names under which a foreign request is noted."""
AT_ONCE = 60.0
"""Seconds within which the browser that the program opens itself has to come."""


class Refused(LikenessError):
    """Nobody was let in. code: `ACCESS.PASSWORD`, `ACCESS.LINK`, `ACCESS.EXPIRED`, `ACCESS.TOO_MANY`."""


@dataclass
class Door:
    """listening: the studio listens beyond loopback. tunnelled: a tunnel is open, or being opened. port: of the studio;
    it is part of the cookie's name, because browsers keep one jar for all ports of a host. pause: waits seconds.
    tell: says a line in the terminal, for whoever set a proxy up."""

    folder: Path
    hosts: Hosts
    port: int = 7860
    listening: bool = False
    tunnelled: bool = False
    clock: Callable[[], float] = time.time
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    keys: Keys = field(init=False)
    audit: Audit = field(init=False)
    lockout: Lockout = field(default_factory=Lockout)
    tell: Callable[[str], None] | None = None
    _once: tuple[str, float] | None = field(default=None, init=False)
    _told: set[tuple[str, str]] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        self.keys = Keys(self.folder, self.clock)
        self.audit = Audit(self.folder, self.clock)

    @property
    def cookie(self) -> str:
        return f"{COOKIE}-{self.port}"

    @property
    def asks(self) -> bool:
        """Whether everybody has to show a credential: as soon as the studio can be reached from elsewhere."""
        return self.listening or self.tunnelled

    def visitor(self, carried: str | None) -> Visitor | None:
        """carried: the cookie's value."""
        if not self.asks:
            return HOST
        return self.keys.visitor(carried) if carried else None

    def still(self, visitor: Visitor, carried: str | None) -> bool:
        """Whether somebody who was let in may stay: a revoked or expired link ends streams that are under way. Those of
        whoever sat at the machine before a tunnel was opened go on; with them ended, Gradio would close their tabs."""
        return visitor is HOST or self.visitor(carried) is not None

    async def by_password(self, password: str, place: str) -> str:
        """What the owner's browser carries from now on. place: where the try comes from. Raises Refused."""
        await self._wait(place)
        if not await asyncio.to_thread(self.keys.is_password, password):
            self._failed(place, "password")
            raise Refused("That is not the password.", code="ACCESS.PASSWORD", subject="password",
                          remedy="Try again. It was printed in the terminal when it was made; `webui.py password` "
                                 "makes another.")
        self._passed(place, "Owner")
        return self.keys.sign_in()

    def refused(self, refusal: Mapping[str, str]) -> None:
        """Notes once for each name what a proxy or a foreign page asked for; anybody could fill the disk else."""
        key = (refusal["code"], refusal.get("subject", ""))
        if key in self._told or len(self._told) >= NOTED:
            return
        self._told.add(key)
        self.audit.note("?", "request.refused", code=key[0], name=key[1])
        if self.tell is not None:
            self.tell(f"{refusal['code']}: {refusal['message']} {refusal['remedy']}")

    def once(self) -> str:
        """A token by which the owner comes in a single time: for the page that the program opens on the own machine."""
        token = secrets.token_urlsafe(32)
        self._once = (token, self.clock() + AT_ONCE)
        return token

    def _is_once(self, token: str) -> bool:
        if self._once is None or not secrets.compare_digest(self._once[0].encode(), token.encode()):
            return False
        until, self._once = self._once[1], None
        return self.clock() < until

    async def by_link(self, token: str, place: str) -> str:
        """What a guest's browser carries from now on; the owner's, by what `once` gave. Raises Refused."""
        await self._wait(place)
        if self._is_once(token):
            self._passed(place, "Owner")
            return self.keys.sign_in()
        link = self.keys.link_of(token)
        if link is None:
            self._failed(place, "link")
            raise Refused("This link lets nobody in: it was ended, or is not complete.", code="ACCESS.LINK",
                          subject="link", remedy="Ask whoever sent it for a new one.")
        if self.clock() >= link.expires:
            self.audit.note(link.name, "enter.expired", place=place)
            raise Refused("This link has expired.", code="ACCESS.EXPIRED", subject=link.name,
                          remedy="Ask whoever sent it for a new one. (If it is new, the clock of the machine that runs "
                                 "the studio is wrong.)")
        self._passed(place, link.name)
        return self.keys.sign_in(link)

    async def _wait(self, place: str) -> None:
        seconds = self.lockout.wait_for(place)
        if not seconds:
            return
        if not self.lockout.enter(place):
            self.audit.note(place, "enter.too_many")
            raise Refused("Too many tries at once.", code="ACCESS.TOO_MANY", subject=place,
                          remedy=f"Wait for {seconds:.0f} seconds.")
        try:
            await self.pause(seconds)
        finally:
            self.lockout.leave(place)

    def _failed(self, place: str, by: str) -> None:
        self.lockout.failed(place)
        self.audit.note(place, "enter.refused", by=by)

    def _passed(self, place: str, who: str) -> None:
        self.lockout.passed(place)
        self.audit.note(who, "enter", place=place)

    def make_link(self, name: str, role: Role, days: int) -> tuple[Link, str]:
        link, token = self.keys.make_link(name, role, days * 24 * 3600.0)
        self.audit.note("Owner", "link.made", name=name, role=role, days=days)
        return link, token

    def revoke(self, id: str) -> bool:
        link = self.keys.revoke(id)
        if link is not None:
            self.audit.note("Owner", "link.ended", name=link.name)
        return link is not None
