"""Opened, watched, opened again, closed: with programs that do what tunnel programs do."""

from __future__ import annotations

import http.server
import os
import shlex
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from studio.tunnels import keeper as keeping
from studio.tunnels.keeper import Keeper, Shown
from studio.tunnels.ways import CommandWay, GradioWay
from tests.door.conftest import ROOT

STAND_IN = Path(__file__).with_name("stand_in.py")
PATIENCE = 20.0


class Seen:
    """Everything that the keeper told."""

    def __init__(self) -> None:
        self.all: list[Shown] = []
        self._changed = threading.Condition()

    def __call__(self, shown: Shown) -> None:
        with self._changed:
            self.all.append(shown)
            self._changed.notify_all()

    def wait(self, wanted: Callable[[Shown], bool], after: int = 0) -> Shown:
        """The first one from there on that is wanted."""
        with self._changed:
            end = time.monotonic() + PATIENCE
            while not (found := [one for one in self.all[after:] if wanted(one)]):
                assert time.monotonic() < end, self.all
                self._changed.wait(0.2)
            return found[0]

    @property
    def states(self) -> list[str]:
        return [one.state for one in self.all]


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def keeper(seen: Seen) -> Iterator[Keeper]:
    keeper = Keeper(9, seen)
    yield keeper
    keeper.close()


def stand_in(words: str = "") -> CommandWay:
    return CommandWay(f"{shlex.join([sys.executable, str(STAND_IN)])} {{port}} {words}")


def runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{process}/status").read_text().split("State:")[1].split()[0] != "Z"


def test_a_tunnel_opens_shows_its_link_and_closes_with_its_program(keeper: Keeper, seen: Seen, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    script = tmp_path / "program.py"
    script.write_text(f"import os, pathlib, time\npathlib.Path({str(mark)!r}).write_text(str(os.getpid()))\n"
                      "print('at https://a.example/x', flush=True)\ntime.sleep(600)\n")
    keeper.open(CommandWay(shlex.join([sys.executable, str(script)])))
    assert keeper.shown.state in ("opening", "open")
    shown = seen.wait(lambda one: one.state == "open")
    assert shown.link == "https://a.example/x"
    process = int(mark.read_text())
    assert runs(process)
    began = time.monotonic()
    keeper.close()
    assert time.monotonic() - began < 5
    assert not runs(process)
    assert keeper.shown == Shown()
    assert seen.states == ["opening", "open", "closed"]


def test_a_program_that_ends_without_a_link_has_failed_in_its_own_words(keeper: Keeper, seen: Seen) -> None:
    keeper.open(CommandWay("sh -c 'echo no account here >&2; exit 1'"))
    shown = seen.wait(lambda one: one.state == "failed")
    assert shown.error is not None
    assert shown.error.code == "SHARE.FAILED"
    assert "no account here" in shown.error.message


def test_a_program_that_says_nothing_has_failed_after_a_while(keeper: Keeper, seen: Seen,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "PATIENCE", 0.3)
    keeper.open(CommandWay("sleep 600"))
    shown = seen.wait(lambda one: one.state == "failed")
    assert shown.error is not None
    assert "no link came" in shown.error.message


def test_a_program_that_is_not_there_has_failed_at_once(keeper: Keeper, seen: Seen) -> None:
    keeper.open(CommandWay("no-such-program"))
    shown = seen.wait(lambda one: one.state == "failed")
    assert shown.error is not None
    assert shown.error.code == "SHARE.NO_PROGRAM"


def test_a_tunnel_that_dies_is_seen_within_five_seconds_and_opened_again(keeper: Keeper, seen: Seen,
                                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "PAUSES", (0.1,))
    keeper.open(stand_in("--then die:0.3"))
    first = seen.wait(lambda one: one.state == "open")
    lost = seen.wait(lambda one: one.state == "lost")
    assert lost.since is not None
    assert first.since is not None
    assert lost.since - first.since < 0.3 + 5
    assert lost.error is not None
    assert lost.error.code == "SHARE.LOST"
    again = seen.wait(lambda one: one.state == "open", seen.all.index(lost))
    assert again.link != first.link, "it is another link now"


def test_a_tunnel_that_goes_deaf_is_seen_within_five_seconds(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its program runs on and hands on nothing: only asking through it tells."""
    answers = {"at": True}
    asked: list[float] = []

    def look(_link: str) -> bool:
        asked.append(time.monotonic())
        return answers["at"]

    monkeypatch.setattr(keeping, "DEAF", 6.0)
    keeper = Keeper(9, seen, look)
    try:
        keeper.open(stand_in())
        seen.wait(lambda one: one.state == "open")
        while not asked:
            time.sleep(0.02)
        answers["at"] = False
        began = time.monotonic()
        lost = seen.wait(lambda one: one.state == "lost")
        assert time.monotonic() - began < 5
        again = seen.wait(lambda one: one.state == "open", seen.all.index(lost))
        assert again.link != lost.link, "it was given up and opened anew"
    finally:
        keeper.close()


def test_a_real_look_through_a_tunnel_that_hands_on_nothing_takes_no_longer(seen: Seen) -> None:
    """Connections are taken and stay silent, the worst case: every look waits for as long as it may."""
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    def look(link: str) -> bool:
        try:
            with urllib.request.urlopen(f"{link}/healthz", timeout=keeping.LOOK):
                return True
        except OSError:
            return False

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        keeper = Keeper(server.server_port, seen, look)
        try:
            keeper.open(stand_in("--then deaf:2"))
            opened = seen.wait(lambda one: one.state == "open")
            lost = seen.wait(lambda one: one.state == "lost")
            assert opened.since is not None
            assert lost.since is not None
            assert 2 < lost.since - opened.since < 2 + 5
        finally:
            keeper.close()
            server.shutdown()


def test_a_line_that_is_silent_for_a_moment_is_not_cut(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "LOOK", 0.05)
    answers = iter([True, False, False, False])
    keeper = Keeper(9, seen, lambda _link: next(answers, True))
    try:
        keeper.open(stand_in())
        first = seen.wait(lambda one: one.state == "open")
        lost = seen.wait(lambda one: one.state == "lost")
        again = seen.wait(lambda one: one.state == "open", seen.all.index(lost))
        assert again.link == first.link, "the same program still runs"
    finally:
        keeper.close()


def test_a_link_that_cannot_be_reached_from_here_is_left_alone(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "LOOK", 0.05)
    asked = []

    def look(link: str) -> bool:
        asked.append(link)
        return False

    keeper = Keeper(9, seen, look)
    try:
        keeper.open(stand_in())
        seen.wait(lambda one: one.state == "open")
        while len(asked) < 5:
            time.sleep(0.02)
        assert keeper.shown.state == "open"
    finally:
        keeper.close()


def test_gradio_s_way_opens_by_a_program_that_is_started_as_its_is_and_speaks_as_it_does(
        keeper: Keeper, seen: Seen, tmp_path: Path) -> None:
    """Its servers cannot be asked from here; the arguments are those that Gradio gives (test_ways)."""
    program = tmp_path / "frpc"
    program.write_text('#!/bin/sh\nwhile [ "$1" != -l ]; do shift; done\n'
                       f"exec {shlex.join([sys.executable, str(STAND_IN)])} \"$2\" --say "
                       "'2026/01/01 [I] [proxy.go] start proxy success: {link}'\n")
    program.chmod(0o700)
    keeper.open(GradioWay(program, "share.example:7000", tmp_path / "certificate.pem"))
    shown = seen.wait(lambda one: one.state in ("open", "failed"))
    assert shown.state == "open", shown
    assert shown.way == "gradio"
    assert str(shown.link).startswith("http://127.0.0.1:")


def test_closing_and_opening_at_once_leaves_what_is_shown_and_what_runs_the_same(keeper: Keeper, seen: Seen) -> None:
    keeper.open(stand_in())
    seen.wait(lambda one: one.state == "open")
    threads = [threading.Thread(target=keeper.close), threading.Thread(target=keeper.open, args=(stand_in(),)),
               threading.Thread(target=keeper.open, args=(stand_in(),))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    tunnels = [thread for thread in threading.enumerate() if thread.name == "tunnel" and thread.is_alive()]
    assert len(tunnels) == (0 if keeper.shown.state == "closed" else 1)
    keeper.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "tunnel" and thread.is_alive()]


def test_a_program_s_own_children_end_with_the_tunnel(keeper: Keeper, seen: Seen, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    keeper.open(CommandWay(f"sh -c 'sleep 600 & echo $! > {shlex.quote(str(mark))}; echo https://a.example; wait'"))
    seen.wait(lambda one: one.state == "open")
    child = int(mark.read_text())
    assert runs(child)
    keeper.close()
    end = time.monotonic() + PATIENCE  # the signal was sent; a busy machine takes a moment to hand it over
    while runs(child) and time.monotonic() < end:
        time.sleep(0.02)
    assert not runs(child)


@pytest.mark.skipif(os.name != "posix", reason="there are no process groups to be ended by")
def test_a_tunnel_ends_with_a_studio_that_is_killed(tmp_path: Path) -> None:
    """Else it would lead to the next start, which asks nobody."""
    mark = tmp_path / "pid"
    way = f"sh -c 'echo $$ > {shlex.quote(str(mark))}; echo https://a.example; exec sleep 600'"
    script = (f"import time\nfrom studio.tunnels.keeper import Keeper\nfrom studio.tunnels.ways import CommandWay\n"
              f"Keeper(9, print).open(CommandWay({way!r}))\ntime.sleep(600)\n")
    studio = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE)
    try:
        end = time.monotonic() + PATIENCE
        while not (mark.exists() and mark.read_text().strip()):
            assert time.monotonic() < end
            time.sleep(0.05)
        tunnel = int(mark.read_text())
        time.sleep(0.5)  # its guard is there a moment later
        assert runs(tunnel)
    finally:
        studio.kill()
        studio.communicate()
    end = time.monotonic() + PATIENCE
    while runs(tunnel):
        assert time.monotonic() < end, "it is still there"
        time.sleep(0.05)


def test_opening_another_closes_the_one_before(keeper: Keeper, seen: Seen) -> None:
    keeper.open(stand_in())
    seen.wait(lambda one: one.state == "open")
    before = len(seen.all)
    keeper.open(stand_in())
    seen.wait(lambda one: one.state == "open", before)
    assert seen.states == ["opening", "open", "closed", "opening", "open"]


def test_closing_while_it_waits_to_try_again_takes_no_time(keeper: Keeper, seen: Seen) -> None:
    keeper.open(stand_in("--then die:0"))
    seen.wait(lambda one: one.state == "lost")
    began = time.monotonic()
    keeper.close()
    assert time.monotonic() - began < 2
    assert keeper.shown.state == "closed"
