"""The names under which this studio answers. A foreign page can point a name of its own at this machine (DNS
rebinding); a browser then names that host, and is refused. It cannot do so with an address."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import urlsplit

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Hosts:
    """allowed: names that were named by the owner. wide: the studio listens beyond loopback, so that this machine's
    own names and all addresses count too."""

    def __init__(self, allowed: Iterable[str] = (), *, wide: bool = False) -> None:
        self._names = set(LOOPBACK) | {name.lower() for name in allowed}
        self._wide = wide
        if wide:
            own = socket.gethostname().lower()
            self._names |= {own, f"{own}.local", own.partition(".")[0]} - {""}
        self._tunnel: str | None = None

    def through(self, host: str | None) -> None:
        """The tunnel's host, for as long as it is open; None when it is closed."""
        self._tunnel = host.lower() if host else None

    def knows(self, host: str) -> bool:
        """host: as `host_of` gives it."""
        name = host.rstrip(".")
        return name in self._names or name == self._tunnel or (self._wide and _is_address(name))


def host_of(value: str) -> str:
    """The name in a Host header or an origin's authority, in small letters, without its port."""
    with suppress(ValueError):
        return (urlsplit(f"//{value}").hostname or "").lower()
    return ""


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
