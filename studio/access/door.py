"""One object that knows whether anybody is asked at all, and who comes by what: the gate and the screens ask it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
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
SELDOM = 60.0
"""Seconds between two notes of the same kind about somebody who was refused."""
CHECKS = 2
"""Passwords that are checked at the same time: each takes 64 MiB."""
LONGEST_NAME = 255


class Refused(LikenessError):
    """Nobody was let in. code: `ACCESS.PASSWORD`, `ACCESS.LINK`, `ACCESS.EXPIRED`, `ACCESS.TOO_MANY`."""


@dataclass
class Door:
    """listening: the studio listens beyond loopback. tunnelled: a tunnel is open, or being opened;
    was_tunnelled: or one was. port: of the studio;
    it is part of the cookie's name, because browsers keep one jar for all ports of a host. pause: waits seconds.
    tell: says a line in the terminal, for whoever set a proxy up."""

    folder: Path
    hosts: Hosts
    port: int = 7860
    listening: bool = False
    tunnelled: bool = False
    was_tunnelled: bool = False
    clock: Callable[[], float] = time.time
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    keys: Keys = field(init=False)
    audit: Audit = field(init=False)
    lockout: Lockout = field(default_factory=Lockout)
    tell: Callable[[str], None] | None = None
    _noted: dict[tuple[str, str], tuple[float | None, int]] = field(default_factory=dict, init=False)
    _checking: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(CHECKS, thread_name_prefix="password"), init=False)
    _told: set[tuple[str, str]] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        self.keys = Keys(self.folder, self.clock)
        self.audit = Audit(self.folder, self.clock)

    @property
    def cookie(self) -> str:
        return f"{COOKIE}-{self.port}"

    @property
    def asks(self) -> bool:
        """Whether everybody has to show a credential: as soon as the studio can be reached from elsewhere. It stays so
        when a tunnel is closed: whatever is left of it on another machine then finds a closed door."""
        return self.listening or self.was_tunnelled or self.keys.left_open

    def tunnel(self, state: bool) -> None:
        """A tunnel is open, or being opened; or none is any more."""
        self.tunnelled = state
        self.was_tunnelled = self.was_tunnelled or state

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
        if not self.lockout.enter(place):
            self._seldom(place, "enter.too_many")
            raise Refused("Too many tries at once.", code="ACCESS.TOO_MANY", subject=place, remedy="Wait for a minute.")
        try:
            # Counted as wrong before it is looked at: a hundred at once are a hundred.
            await self.pause(self.lockout.begin(place))
            number = self.keys.number
            right = await asyncio.get_running_loop().run_in_executor(self._checking, self.keys.is_password, password)
        finally:
            self.lockout.leave(place)
        if not right or number != self.keys.number:
            self._seldom(place, "enter.refused", by="password")
            raise Refused("That is not the password.", code="ACCESS.PASSWORD", subject="password",
                          remedy="Try again. It was printed in the terminal when it was made; `webui.py password` "
                                 "makes another.")
        self.lockout.passed(place)
        self.audit.note("Owner", "enter", place=place)
        return self.keys.sign_in()

    def refused(self, refusal: Mapping[str, str]) -> None:
        """Notes once for each name what a proxy or a foreign page asked for; anybody could fill the disk else."""
        key = (refusal["code"], refusal.get("subject", "")[:LONGEST_NAME])
        if key in self._told or len(self._told) >= NOTED:
            return
        self._told.add(key)
        self.audit.note("?", "request.refused", code=key[0], name=key[1])
        if self.tell is not None:
            self.tell(f"{refusal['code']}: {refusal['message']} {refusal['remedy']}")

    async def by_link(self, token: str, place: str) -> str:
        """What a guest's browser carries from now on. Nobody waits: 256 random bits are not guessed. Raises Refused."""
        link = self.keys.link_of(token)
        if link is None:
            self._seldom(place, "enter.refused", by="link")
            raise Refused("This link lets nobody in: it was ended, or is not complete.", code="ACCESS.LINK",
                          subject="link", remedy="Ask whoever sent it for a new one.")
        if self.clock() >= link.expires:
            self._seldom(link.name, "enter.expired", place=place)
            raise Refused("This link has expired.", code="ACCESS.EXPIRED", subject=link.name,
                          remedy="Ask whoever sent it for a new one. (If it is new, the clock of the machine that runs "
                                 "the studio is wrong.)")
        self.audit.note(link.name, "enter", place=place)
        return self.keys.sign_in(link)

    def _seldom(self, who: str, what: str, **more: str) -> None:
        """Notes what strangers can bring about as often as they like: once in a while for each, with how often."""
        now, key = self.clock(), (who, what)
        last, missed = self._noted.pop(key, (None, 0))
        if last is not None and now - last < SELDOM:
            self._noted[key] = (last, missed + 1)
            return
        self._noted[key] = (now, 0)
        while len(self._noted) > NOTED:
            del self._noted[next(iter(self._noted))]
        self.audit.note(who, what, **more, **({"times": missed + 1} if missed else {}))

    def make_link(self, name: str, role: Role, days: int) -> tuple[Link, str]:
        link, token = self.keys.make_link(name, role, days * 24 * 3600.0)
        self.audit.note("Owner", "link.made", name=name, role=role, days=days)
        return link, token

    def revoke(self, id: str) -> bool:
        link = self.keys.revoke(id)
        if link is not None:
            self.audit.note("Owner", "link.ended", name=link.name)
        return link is not None
