"""A real ssh to a real sshd on loopback: opened, used, cut off, refused."""

from __future__ import annotations

import http.server
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from studio.tunnels import keeper as keeping
from studio.tunnels.keeper import Keeper
from studio.tunnels.ways import SshWay
from tests.studio.tunnels.sshd import Server, make_key, sshd
from tests.studio.tunnels.test_keeper import Seen


@pytest.fixture
def behind() -> Iterator[int]:
    """What stands for the studio: its port."""
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"through " + self.path.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with sshd(tmp_path) as running:
        yield running


def way(server: Server, folder: Path) -> SshWay:
    return replace(SshWay.read(f"{server.who}:{server.port}"), options=server.options(folder))


def assert_gone(link: str | None) -> None:
    """The far end lets go of its port a moment after the near end hangs up: until then it resets what comes in."""
    assert link is not None
    until = time.monotonic() + 10
    while True:
        with pytest.raises(OSError, match=r"refused|reset") as caught:
            urllib.request.urlopen(f"{link}/healthz", timeout=3)
        if "refused" in str(caught.value):
            return
        assert time.monotonic() < until, caught.value
        time.sleep(0.05)


def test_what_is_asked_at_the_link_comes_from_the_studio(server: Server, behind: int, tmp_path: Path) -> None:
    seen = Seen()
    keeper = Keeper(behind, seen)
    try:
        keeper.open(way(server, tmp_path))
        shown = seen.wait(lambda one: one.state in ("open", "failed"))
        assert shown.state == "open", shown
        assert shown.link is not None
        assert urllib.request.urlopen(f"{shown.link}/healthz", timeout=10).read() == b"through /healthz"
    finally:
        keeper.close()
    assert_gone(shown.link)


def test_a_user_s_shared_connections_do_not_keep_the_tunnel_open(server: Server, behind: int, tmp_path: Path) -> None:
    """With ControlPersist in ~/.ssh/config, as many have it, the connection would outlive the program."""
    config = tmp_path / "user_config"
    config.write_text(f"Host *\n  ControlMaster auto\n  ControlPersist 10m\n  ControlPath {tmp_path}/master-%C\n")
    seen = Seen()
    keeper = Keeper(behind, seen)
    options = ("-F", str(config), *server.options(tmp_path)[2:])
    try:
        keeper.open(replace(way(server, tmp_path), options=options))
        shown = seen.wait(lambda one: one.state in ("open", "failed"))
        assert shown.state == "open", shown
        assert list(tmp_path.glob("master-*")) == []
    finally:
        keeper.close()
    assert_gone(shown.link)


def test_a_server_that_goes_away_is_seen_and_come_back_to(server: Server, behind: int, tmp_path: Path,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "PAUSES", (0.2,))
    seen = Seen()
    keeper = Keeper(behind, seen)
    try:
        keeper.open(way(server, tmp_path))
        opened = seen.wait(lambda one: one.state in ("open", "failed"))
        assert opened.state == "open", opened
        for child in Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split():
            import os
            import signal

            os.kill(int(child), signal.SIGKILL)
        lost = seen.wait(lambda one: one.state == "lost")
        again = seen.wait(lambda one: one.state == "open", seen.all.index(lost))
        assert urllib.request.urlopen(f"{again.link}/x", timeout=10).read() == b"through /x"
    finally:
        keeper.close()


def test_a_key_that_is_refused_is_named_with_the_remedy(server: Server, behind: int, tmp_path: Path) -> None:
    seen = Seen()
    keeper = Keeper(behind, seen)
    stranger = make_key(tmp_path / "stranger")
    try:
        keeper.open(replace(way(server, tmp_path), options=server.options(tmp_path, stranger)))
        failed = seen.wait(lambda one: one.state in ("open", "failed"))
        assert failed.error is not None
        assert failed.error.code == "SHARE.KEY_REFUSED"
        assert "ssh-copy-id" in failed.error.remedy
    finally:
        keeper.close()


def test_a_server_that_is_not_there_is_named(server: Server, behind: int, tmp_path: Path) -> None:
    seen = Seen()
    keeper = Keeper(behind, seen)
    server.process.terminate()
    server.process.wait(10)
    try:
        keeper.open(way(server, tmp_path))
        failed = seen.wait(lambda one: one.state in ("open", "failed"))
        assert failed.error is not None
        assert failed.error.code == "SHARE.NO_ROUTE"
    finally:
        keeper.close()


def test_a_server_that_forwards_nothing_is_named(behind: int, tmp_path: Path) -> None:
    seen = Seen()
    keeper = Keeper(behind, seen)
    with sshd(tmp_path, "AllowTcpForwarding no\nDisableForwarding yes") as server:
        try:
            keeper.open(way(server, tmp_path))
            failed = seen.wait(lambda one: one.state in ("open", "failed"))
            assert failed.error is not None
            assert failed.error.code == "SHARE.FAILED"
            assert "AllowTcpForwarding" in failed.error.remedy
        finally:
            keeper.close()
