"""What each kind of tunnel is started with, what it reads the link from, and what it says when nothing comes of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from models.errors import LikenessError
from studio.tunnels.ways import CommandWay, GradioWay, SshWay, way_of


@pytest.mark.parametrize(("text", "title"), [
    ("gradio", "gradio"), ("ssh:me@example.org", "ssh:me@example.org"),
    ("ssh:me@example.org:2222", "ssh:me@example.org:2222"), ("ssh:home", "ssh:home"), ("cmd:cloudflared tunnel --url http://127.0.0.1:{port}",
                               "cmd:cloudflared tunnel --url http://127.0.0.1:{port}")])
def test_a_way_is_named_as_the_flag_names_it(text: str, title: str) -> None:
    assert way_of(text).title == title


@pytest.mark.parametrize("text", ["", "ssh", "ssh:", "cmd:", "cmd:  ", "ftp:x", "ssh:-oProxyCommand=x", "ssh:a b@c",
                                  "ssh:me@-oProxyCommand=x", "ssh:me@host:port", "ssh:me@host:123456", "gradio:x"])
def test_what_is_no_way_is_refused_and_no_word_of_it_becomes_an_option_of_ssh(text: str) -> None:
    with pytest.raises(LikenessError, match=r"SHARE\.UNKNOWN"):
        way_of(text)


def test_ssh_asks_nobody_and_forwards_one_port() -> None:
    command = list(SshWay.read("me@example.org:2222").command(7860))
    assert command[0] == "ssh"
    assert "BatchMode=yes" in command
    assert "ExitOnForwardFailure=yes" in command
    assert command[command.index("-p") + 1] == "2222"
    assert command[command.index("-R") + 1] == "0:127.0.0.1:7860"
    assert command[-2:] == ["--", "me@example.org"]


@pytest.mark.parametrize(("who", "line", "link"), [
    ("me@example.org", "Allocated port 40123 for remote forward to 127.0.0.1:7860", "http://example.org:40123"),
    ("nokey@localhost.run", "tunneled with tls termination, https://abc123.localhost.run", "https://abc123.localhost.run"),
    ("x@serveo.net", "Forwarding HTTP traffic from https://a.serveo.net", "https://a.serveo.net"),
    ("me@example.org", "Welcome to Debian, see https://www.debian.org/", None),
    ("me@example.org", "Warning: Permanently added 'example.org'", None),
])
def test_ssh_s_link_is_the_port_that_was_given_or_the_service_s_own_address(who: str, line: str,
                                                                            link: str | None) -> None:
    assert SshWay.read(who).link_in(line) == link


@pytest.mark.parametrize(("line", "link"), [
    ("|  https://quiet-cat.trycloudflare.com  |", "https://quiet-cat.trycloudflare.com"),
    ('t=1 lvl=info msg="started tunnel" url=https://a1.ngrok.app', "https://a1.ngrok.app"),
    ("your url is: http://x.loca.lt.", "http://x.loca.lt"), ("(see http://127.0.0.1:4040/)", "http://127.0.0.1:4040"),
    ("no link here", None)])
def test_a_program_s_link_is_the_first_address_that_it_prints(line: str, link: str | None) -> None:
    assert CommandWay("x").link_in(line) == link


def test_a_program_gets_the_port_and_quotes_as_a_shell_has_them() -> None:
    assert list(CommandWay("prog --to 'http://127.0.0.1:{port}' 'a b'").command(81)) == [
        "prog", "--to", "http://127.0.0.1:81", "a b"]
    with pytest.raises(LikenessError, match="Close its quotes"):
        CommandWay("prog 'a").prepare()


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(LikenessError, match=r"SHARE\.NO_PROGRAM: The program no-such-program"):
        CommandWay("no-such-program --x").prepare()


@pytest.mark.parametrize(("said", "code"), [
    ("me@example.org: Permission denied (publickey).", "SHARE.KEY_REFUSED"),
    ("ssh: Could not resolve hostname nowhere: Name or service not known", "SHARE.NO_ROUTE"),
    ("ssh: connect to host example.org port 22: Connection refused", "SHARE.NO_ROUTE"),
    ("ssh: connect to host example.org port 22: No route to host", "SHARE.NO_ROUTE"),
    ("ssh: connect to host example.org port 22: Network is unreachable", "SHARE.NO_ROUTE"),
    ("Host key verification failed.", "SHARE.HOST_KEY"),
    ("Error: remote port forwarding failed for listen port 0", "SHARE.FAILED"), ("", "SHARE.FAILED")])
def test_what_ssh_says_becomes_words_with_a_remedy(said: str, code: str) -> None:
    error = SshWay.read("me@example.org").failure([said])
    assert error.code == code
    assert error.remedy


def test_gradio_s_program_is_started_as_gradio_starts_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Word for word but for what differs by design: the process is ours to watch and to end."""
    from gradio import tunneling

    started: list[list[str]] = []

    class Stopped(Exception):
        pass

    def popen(command: list[str], **_: object) -> None:
        started.append(command)
        raise Stopped

    monkeypatch.setattr(subprocess, "Popen", popen)
    theirs = tunneling.Tunnel("share.example", 7000, "127.0.0.1", 7860, "token", "/cert.pem")
    with pytest.raises(Stopped):
        theirs._start_tunnel("/frpc")
    ours = GradioWay(Path("/frpc"), "share.example:7000", Path("/cert.pem"), "token")
    assert list(ours.command(7860)) == started[0]
    assert ours.link_in("2026/01/01 [I] [proxy.go] start proxy success: https://0a1b.gradio.live") \
        == "https://0a1b.gradio.live"
    assert ours.link_in("login to server success") is None
