"""Fetches one large file: goes on where it stopped, asks the next address where one fails, and believes nothing before
its hash is the one that was expected."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.errors import Cancelled, ModelError, OutputError

if TYPE_CHECKING:
    import httpx

STALL = 30.0
"""Seconds without a byte after which a connection is given up and the file gone on with."""
TRIES = 5
"""At each address, as long as none brings anything; a try that brings something does not count."""
PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before the second try, doubled with each further one; and what a server may ask for at most."""
SPARE = 256 << 20
"""Bytes that stay free on the disk."""
BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})

Progress = Callable[[int, int | None], None]
"""Told bytes that are there and bytes in all, where the server says them."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """sha256: of the file, hexadecimal. told: the one that the server itself named beside it (Hugging Face does, for
    files in its large file store); None where it named none."""

    path: Path
    url: str
    bytes: int
    sha256: str
    told: str | None


@dataclass(slots=True)
class Download:
    """One file to be fetched. urls: where it is, the best first. expected: its sha256, None where nobody knows it yet:
    then what the server names has to fit. client: an httpx.Client; its proxies and certificates count. pause: waits
    seconds. stopped: asked at every chunk."""

    name: str
    urls: Sequence[str]
    path: Path
    expected: str | None = None
    client: httpx.Client | None = None
    progress: Progress = lambda _have, _all: None
    stopped: Callable[[], bool] = lambda: False
    pause: Callable[[float], object] = time.sleep

    @property
    def part(self) -> Path:
        return self.path.with_name(f"{self.path.name}.part")

    @property
    def mark(self) -> Path:
        """Beside the part: whose it is, so that the parts of two files never become one."""
        return self.path.with_name(f"{self.path.name}.part.json")

    def run(self) -> Fetched:
        """The file, whole, under its name; what was there before is replaced. What was fetched of it stays when this
        fails or is stopped, and the next run goes on with it.

        Raises ModelError: DOWNLOAD.FAILED (no address gave it), MODEL.CHECKSUM (every address gave something else);
        OutputError: DISK.FULL; Cancelled.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        client, own = (self.client, False) if self.client is not None else (make_client(), True)
        wrong: ModelError | None = None
        why: list[str] = []
        try:
            for url in self.urls:
                try:
                    return self._from(client, url)
                except ModelError as error:
                    wrong = error if error.code == "MODEL.CHECKSUM" else wrong
                    why.append(f"{url}: {error.message}")
        finally:
            if own:
                client.close()
        if wrong is not None:
            raise wrong
        raise ModelError(f"{self.name} could not be fetched. {' '.join(why)}", subject=self.name,
                         code="DOWNLOAD.FAILED",
                         remedy="See that this machine reaches the Internet (a proxy: HTTPS_PROXY), and try again: "
                                "what was fetched is kept.")

    def _from(self, client: httpx.Client, url: str) -> Fetched:
        import httpx

        tries = 0
        while True:
            before = self._have()
            try:
                told = self._ask(client, url)
                return self._checked(url, told)
            except _Later as later:
                wait = later.seconds
                reason = later.reason
            except httpx.HTTPError as error:
                wait, reason = None, str(error) or type(error).__name__
            tries = 0 if self._have() > before else tries + 1
            if tries >= TRIES:
                raise _failed(self.name, reason)
            self.pause(min(wait if wait is not None else PAUSE * 2 ** max(tries - 1, 0), LONGEST_PAUSE))

    def _ask(self, client: httpx.Client, url: str) -> str | None:
        """One answer, to its end. Returns what sha256 the server names. Raises _Later, ModelError, httpx's."""
        mark = self._read_mark(url)
        have = self._have() if mark else 0
        headers = {"accept-encoding": "identity"}
        if have and mark:
            headers |= {"range": f"bytes={have}-", "if-range": mark["tag"]}
        with client.stream("GET", url, headers=headers, follow_redirects=True) as answer:
            told = _named_hash(answer)
            if answer.status_code == 416:
                if mark and mark.get("all") == have:
                    return mark.get("told") or told
                self._drop()
                raise _Later(0.0, "the part that was there did not fit")
            if answer.status_code in BUSY:
                raise _Later(_asked_to_wait(answer), f"the server says {answer.status_code}")
            if answer.status_code not in (200, 206):
                raise _failed(self.name, f"the server says {answer.status_code}")
            start = have if answer.status_code == 206 and _begins_at(answer) == have else 0
            if answer.status_code == 206 and start == 0 and have:
                self._drop()
                raise _Later(0.0, "the server sent another part than was asked for")
            size = _size(answer, start)
            self._room(None if size is None else size - start)
            self._write_mark(url, answer, size, told or (mark or {}).get("told"))
            self._take(answer, start, size)
        if size is not None and self._have() < size:
            raise _Later(None, f"the connection ended at {self._have()} of {size} bytes")
        return told or (mark or {}).get("told")

    def _take(self, answer: httpx.Response, start: int, size: int | None) -> None:
        have = start
        try:
            with self.part.open("r+b" if start else "wb") as file:
                file.seek(start)
                file.truncate()
                for chunk in answer.iter_raw():  # as it comes: what is gathered first is lost with the connection
                    if self.stopped():
                        raise Cancelled("Stopped at your request.", remedy="What was fetched is kept.")
                    file.write(chunk)
                    have += len(chunk)
                    self.progress(have, size)
        except OSError as error:
            raise OutputError(f"{self.part} cannot be written: {error.strerror or error}.", subject=str(self.part),
                              code="DISK.FULL", remedy="Make room, and try again: what was fetched is kept.") from error

    def _checked(self, url: str, told: str | None) -> Fetched:
        with self.part.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
        expected = self.expected or told
        if expected is not None and found != expected:
            self._drop()
            raise ModelError(f"{self.name} is not the file that it should be: sha256 {expected} expected, {found} "
                             "found.", subject=self.name, code="MODEL.CHECKSUM",
                             remedy="Try again later; if it stays so, report it: the file at that address changed.")
        os.replace(self.part, self.path)
        self.mark.unlink(missing_ok=True)
        return Fetched(self.path, url, size, found, told)

    # What is there

    def _have(self) -> int:
        try:
            return self.part.stat().st_size
        except FileNotFoundError:
            return 0

    def _read_mark(self, url: str) -> dict[str, Any] | None:
        """Of the part that is there, where it is of this address and its server can tell that the file is the same."""
        try:
            mark = json.loads(self.mark.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return mark if isinstance(mark, dict) and mark.get("url") == url and mark.get("tag") else None

    def _write_mark(self, url: str, answer: httpx.Response, size: int | None, told: str | None) -> None:
        tag = answer.headers.get("etag", "")
        strong = tag if tag and not tag.startswith("W/") else answer.headers.get("last-modified", "")
        self.mark.write_text(json.dumps({"url": url, "tag": strong, "all": size, "told": told}), encoding="utf-8")

    def _drop(self) -> None:
        self.part.unlink(missing_ok=True)
        self.mark.unlink(missing_ok=True)

    def _room(self, more: int | None) -> None:
        free = shutil.disk_usage(self.path.parent).free - SPARE
        if more is not None and more > free:
            raise OutputError(f"{self.name} needs {more / 1e6:.0f} MB, and {max(free, 0) / 1e6:.0f} are free.",
                              subject=str(self.path.parent), code="DISK.FULL", remedy="Make room, or name another "
                                                                                      "folder with --models-dir.")


class _Later(Exception):
    """Not now. seconds: what the server asks for."""

    def __init__(self, seconds: float | None, reason: str) -> None:
        super().__init__(reason)
        self.seconds = seconds
        self.reason = reason


def make_client() -> httpx.Client:
    """Proxies and certificates as the environment says."""
    import httpx

    return httpx.Client(timeout=httpx.Timeout(STALL), headers={"user-agent": "likeness"})


def _failed(name: str, why: str) -> ModelError:
    return ModelError(f"{why}.", subject=name, code="DOWNLOAD.FAILED", remedy="Try again.")


def _named_hash(answer: httpx.Response) -> str | None:
    """The sha256 of the file as the server that redirected names it (X-Linked-Etag of Hugging Face)."""
    for one in (*answer.history, answer):
        tag = str(one.headers.get("x-linked-etag", "")).strip('"').lower()
        if len(tag) == 64 and set(tag) <= set("0123456789abcdef"):
            return tag
    return None


def _begins_at(answer: httpx.Response) -> int | None:
    unit, _, rest = str(answer.headers.get("content-range", "")).partition(" ")
    start = rest.partition("-")[0]
    return int(start) if unit == "bytes" and start.isdigit() else None


def _size(answer: httpx.Response, start: int) -> int | None:
    told = str(answer.headers.get("content-range", "")).rpartition("/")[2]
    if answer.status_code == 206 and told.isdigit():
        return int(told)
    length = str(answer.headers.get("content-length", ""))
    return start + int(length) if length.isdigit() else None


def _asked_to_wait(answer: httpx.Response) -> float | None:
    """Seconds, of a Retry-After in either of its forms (RFC 9110, 10.2.3)."""
    told = str(answer.headers.get("retry-after", "")).strip()
    if told.isdigit():
        return float(told)
    try:
        return max(parsedate_to_datetime(told).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError):
        return None
