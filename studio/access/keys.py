"""The owner's password and the guests' links, kept in the data folder; and what browsers carry once they are in.

Nothing that opens the door is kept as it is: the password as an Argon2id hash, links as SHA-256 of 256 random bits.
What a browser carries is signed with a key that never leaves the folder; it names the link that it came by, so that it
ends with the link, and the password's number, so that a new password signs everybody out.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import argon2
from itsdangerous import BadSignature, URLSafeSerializer
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.errors import LikenessError
from studio.access.roles import Role, Visitor

NAME = "access.json"
STAY = 30 * 24 * 3600
"""Seconds that the owner stays signed in on a browser; guests for as long as their link lasts."""
REMEMBERED = 30 * 24 * 3600
"""Seconds after its end for which whoever comes by a link is told that it has expired."""
SKEW = 60.0
"""Seconds that this machine's clock may be behind the one that signed: it was set back a little meanwhile."""
SHORTEST = 8
"""Characters of a password that is given (NIST SP 800-63B, 5.1.1.2)."""
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""For passwords that are made: none that are taken for another."""


class Link(BaseModel):
    """A guest's way in. expires: seconds since 1970. token: SHA-256, hexadecimal."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str = Field(max_length=80)
    role: Role
    made: float
    expires: float
    token: str


class _Kept(BaseModel):
    """What the file holds. number: of the password, one more with each new one. left_open: a tunnel is open; where a
    start finds it so, the studio ended without closing it. ended: sign-ins that were ended, by id, and when."""

    key: str
    password: str | None = None
    number: int = 0
    links: tuple[Link, ...] = ()
    left_open: bool = False
    ended: Mapping[str, float] = {}


class Keys:
    """Safe to share between threads. clock: seconds since 1970. Every change is on the disk before the call returns.

    Raises LikenessError `ACCESS.STORE` where the file cannot be read or written.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = folder / NAME
        self._clock = clock
        self._lock = threading.Lock()
        self._hasher = argon2.PasswordHasher()
        self._seen = 0
        self._kept = self._load()
        self._left_open = self._kept.left_open
        self._serializer = URLSafeSerializer(self._kept.key, salt="likeness.visitor")

    # The password

    @property
    def number(self) -> int:
        """Of the password: another one, another number."""
        return self._kept.number

    @property
    def has_password(self) -> bool:
        return self._kept.password is not None

    def make_password(self) -> str:
        """A new password of 60 bits; it is told this once. Everybody who came in by the old one is signed out."""
        password = "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(3))
        self._put_password(password)
        return password

    def take_password(self, password: str) -> None:
        """The owner's own. The same as before changes nothing. Raises LikenessError `ACCESS.SHORT_PASSWORD`."""
        if len(password) < SHORTEST:
            raise LikenessError(f"The password has {len(password)} characters.", code="ACCESS.SHORT_PASSWORD",
                                subject="password", remedy=f"Choose one of at least {SHORTEST}.")
        if not self.is_password(password):
            self._put_password(password)

    def is_password(self, password: str) -> bool:
        """Takes about 50 ms and 64 MiB on purpose: never call it on an event loop."""
        kept = self._kept.password
        if kept is None:
            return False
        try:
            return self._hasher.verify(kept, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False

    def _put_password(self, password: str) -> None:
        hashed = self._hasher.hash(password)
        with self._lock:
            self._look_again()
            self._save(self._kept.model_copy(update={"password": hashed, "number": self._kept.number + 1}))

    # Tunnels

    @property
    def left_open(self) -> bool:
        """Whether the studio ended without closing its tunnel, the last time."""
        return self._left_open

    def tunnel(self, state: bool) -> None:
        """Keeps whether a tunnel is open, for the next start."""
        with self._lock:
            self._look_again()
            if self._kept.left_open != state:
                self._save(self._kept.model_copy(update={"left_open": state}))

    # Links

    def links(self) -> tuple[Link, ...]:
        """Those that still let somebody in, newest first."""
        now = self._clock()
        return tuple(sorted((link for link in self._kept.links if link.expires > now), key=lambda link: -link.made))

    def make_link(self, name: str, role: Role, seconds: float) -> tuple[Link, str]:
        """A link and its token, which is told this once."""
        token = secrets.token_urlsafe(32)
        now = self._clock()
        link = Link(id=secrets.token_hex(6), name=name, role=role, made=now, expires=now + seconds,
                    token=_digest(token))
        with self._lock:
            self._look_again()
            kept = (one for one in self._kept.links if one.expires > now - REMEMBERED)
            self._save(self._kept.model_copy(update={"links": (*kept, link)}))
        return link, token

    def revoke(self, id: str) -> Link | None:
        """The link that was ended; None where there is none."""
        with self._lock:
            self._look_again()
            found = next((link for link in self._kept.links if link.id == id), None)
            if found is not None:
                self._save(self._kept.model_copy(update={
                    "links": tuple(link for link in self._kept.links if link.id != id)}))
        return found

    def link_of(self, token: str) -> Link | None:
        """The link with this token, expired or not; None where there is none (or no more)."""
        digest = _digest(token)
        return next((link for link in self._kept.links if secrets.compare_digest(link.token, digest)), None)

    # What browsers carry

    def sign_in(self, link: Link | None = None) -> str:
        """What the browser of the owner, or of a guest with that link, carries from now on."""
        carried = [link.id if link else "", self._kept.number, secrets.token_hex(8), int(self._clock())]
        return str(self._serializer.dumps(carried))

    def end(self, id: str) -> None:
        """Whatever carries this sign-in lets nobody in any more."""
        now = self._clock()
        with self._lock:
            self._look_again()
            ended = {key: when for key, when in self._kept.ended.items() if when > now - STAY} | {id: now}
            self._save(self._kept.model_copy(update={"ended": ended}))

    def came_by(self, carried: str) -> str | None:
        """What tells this browser (for a guest: this link) from others, whether it is still let in or not; None for
        what was not signed here."""
        found = self._read(carried)
        return None if found is None else str(found[0] or found[2])

    def _read(self, carried: str) -> tuple[Any, Any, Any, Any] | None:
        try:
            by, number, id, signed = self._serializer.loads(carried)
        except (BadSignature, ValueError, TypeError):
            return None
        return by, number, id, signed

    def visitor(self, carried: str) -> Visitor | None:
        """Whose it is, at this moment; None where it lets nobody in any more."""
        found = self._read(carried)
        if found is None:
            return None
        by, number, id, signed = found
        now, kept = self._clock(), self._kept
        if signed > now + SKEW or id in kept.ended:
            return None
        if not by:
            fresh = number == kept.number and now - signed <= STAY
            return Visitor(str(id), "owner", "Owner") if fresh else None
        link = next((one for one in kept.links if one.id == by), None)
        if link is None or now >= link.expires:
            return None
        return Visitor(str(id), link.role, link.name, link.id)

    # The file

    def _look_again(self) -> None:
        """The lock is held. `webui.py password` may have written meanwhile; its word must not be undone."""
        try:
            changed = self._path.stat().st_mtime_ns != self._seen
        except OSError:  # not there yet, or gone: what is written next makes it
            return
        if changed:
            self._kept = self._load()

    def _load(self) -> _Kept:
        try:
            self._seen = self._path.stat().st_mtime_ns
            return _Kept.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return _Kept(key=secrets.token_urlsafe(32))
        except ValidationError as error:
            raise LikenessError(f"{self._path} is damaged.", subject=str(self._path), code="ACCESS.STORE",
                                remedy="Delete it: a new password is made, and guests need new links.") from error
        except OSError as error:
            raise self._trouble("read", error) from error

    def _save(self, kept: _Kept) -> None:
        """The lock is held."""
        data: dict[str, Any] = kept.model_dump(mode="json")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Made by mkstemp, nobody but its owner may read it.
            handle, staged = tempfile.mkstemp(prefix=".access-", dir=self._path.parent)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(data, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            os.replace(staged, self._path)
            self._seen = self._path.stat().st_mtime_ns
        except OSError as error:
            raise self._trouble("written", error) from error
        self._kept = kept

    def _trouble(self, what: str, error: OSError) -> LikenessError:
        return LikenessError(f"{self._path} cannot be {what}: {error.strerror or error}.", subject=str(self._path),
                             code="ACCESS.STORE", remedy="See that the data folder is yours and has room.")


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
