"""`serve` for others to reach, as a process of its own: what the terminal says, and what the door does."""

from __future__ import annotations

import contextlib
import json
import queue
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.door.conftest import WEBUI, webui

STAND_IN = Path(__file__).parents[1] / "studio" / "tunnels" / "stand_in.py"


class Terminal:
    """What a running program says, line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: list[str] = []
        self._lines: queue.Queue[str] = queue.Queue()
        for stream in (process.stdout, process.stderr):
            threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream: Iterator[str]) -> None:
        for line in stream:
            self._lines.put(line.rstrip())

    def wait(self, pattern: str) -> re.Match[str]:
        """The next line with this in it."""
        while True:
            try:
                line = self._lines.get(timeout=60)
            except queue.Empty:
                raise AssertionError(f"no {pattern!r} in {self.said}") from None
            self.said.append(line)
            if found := re.search(pattern, line):
                return found


@contextlib.contextmanager
def serving(folder: Path, *words: str) -> Iterator[Terminal]:
    process = subprocess.Popen([sys.executable, str(WEBUI), "serve", "--no-browser", "--data-dir", str(folder), *words],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield Terminal(process)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        assert process.returncode == 130


def status(address: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_tunnel_from_the_start_tells_the_password_once_and_then_the_link(tmp_path: Path) -> None:
    way = f"cmd:{shlex.join([sys.executable, str(STAND_IN)])} {{port}}"
    with serving(tmp_path, "--share", way) as terminal:
        address = terminal.wait(r"Likeness is at (\S+)")[1]
        password = terminal.wait(r"password, told this once: (\S+)")[1]
        assert status(address) == 401, "asked from the first moment on"
        link = terminal.wait(r"can be reached at (\S+)")[1]
        assert status(f"{link}/healthz") == 200
        assert status(f"{link}/") == 401
        host = link.removeprefix("http://")
        request = urllib.request.Request(f"{link}/access/enter", json.dumps({"password": password}).encode(),
                                         {"Content-Type": "application/json", "Origin": f"http://{host}"})
        assert urllib.request.urlopen(request, timeout=20).status == 200
    assert password not in (tmp_path / "access.json").read_text()
    assert (tmp_path / "access.json").stat().st_mode & 0o077 == 0
    entries = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert {"tunnel.open", "enter"} <= {entry["what"] for entry in entries}
    assert all(entry["time"] and entry["who"] for entry in entries)


@pytest.mark.long
def test_a_tunnel_that_does_not_open_is_said_in_the_terminal_and_the_studio_goes_on(tmp_path: Path) -> None:
    with serving(tmp_path, "--share", "cmd:sh -c 'echo who are you; exit 1'") as terminal:
        address = terminal.wait(r"Likeness is at (\S+)")[1]
        assert "who are you" in terminal.wait(r"^SHARE\.FAILED: .*")[0]
        assert status(f"{address}/healthz") == 200


@pytest.mark.parametrize(("words", "code", "remedy"), [
    (("--share", "cmd:no-such-program"), "SHARE.NO_PROGRAM", "Install it"),
    (("--password-file", "/no/such/file"), "ACCESS.PASSWORD_FILE", "may read it"),
    (("--listen", "192.0.2.77"), "SERVE.NO_ADDRESS", "0.0.0.0"),
])
def test_what_cannot_be_is_said_before_anything_starts(words: tuple[str, ...], code: str, remedy: str,
                                                       tmp_path: Path) -> None:
    done = webui("serve", "--no-browser", "--data-dir", tmp_path, *words)
    assert done.code == 1
    assert done.last.startswith(f"{code}: ")
    assert remedy in done.last


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = webui("serve", "--no-browser", "--data-dir", tmp_path, "--port", port)
    assert done.last.startswith(f"SERVE.PORT_TAKEN: Port {port}")
