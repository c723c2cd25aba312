"""Ports and the data folder of `serve`; the screens have tests of their own."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from models.errors import LikenessError
from studio.app import Start
from studio.commands import serve as serving
from studio.commands.serve import listen
from studio.options import LOOPBACK as HOST
from tests.door.conftest import Call


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        yield other.getsockname()[1]


def test_only_this_machine_can_reach_the_port() -> None:
    with listen(None) as found:
        assert found.getsockname()[0] == "127.0.0.1"


def test_a_port_that_was_named_and_is_taken_is_refused_with_the_remedy(taken: int) -> None:
    with pytest.raises(LikenessError) as raised:
        listen(taken)
    assert raised.value.code == "SERVE.PORT_TAKEN"
    assert str(taken) in raised.value.message
    assert "--port" in raised.value.remedy


def test_without_a_named_port_the_next_free_one_is_taken(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "PORT", taken)
    with listen(None) as found:
        assert taken < found.getsockname()[1] < taken + serving.TRIES


def test_where_all_are_taken_that_is_said(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "PORT", taken)
    monkeypatch.setattr(serving, "TRIES", 1)
    with pytest.raises(LikenessError, match="all in use"):
        listen(None)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the application was started with; it answers at once and ends by Ctrl+C."""
    seen: list[dict[str, Any]] = []

    def serve_app(engine: object, listening: socket.socket, ready: Callable[[Start], None],
                  note: Callable[[str], None], **settings: Any) -> None:
        seen.append({"port": listening.getsockname()[1], **settings})
        ready(Start("made-up-once") if settings["listen"] != "127.0.0.1" else Start())
        listening.close()
        raise KeyboardInterrupt

    import studio.app

    monkeypatch.setattr(studio.app, "serve", serve_app)
    return seen


def test_the_address_is_told_the_browser_opened_and_the_end_is_quiet(
        call: Callable[..., Call], served: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
        taken: int) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr(serving, "PORT", taken)
    done = call("--data-dir", tmp_path / "mine")
    port = served[0]["port"]
    assert done.code == 130
    assert done.out == f"Likeness is at http://127.0.0.1:{port} (Ctrl+C ends it)\n"
    assert done.err == f"Port {taken} is in use; taking {port}.\n"
    assert opened == [f"http://127.0.0.1:{port}"]
    assert served[0]["data_dir"] == tmp_path / "mine"
    names = {row["name"] for row in served[0]["checks"]()}
    assert {"faces", "providers", "disk"} <= names
    call("serve", "--no-browser")
    assert len(opened) == 1


def test_what_listens_to_the_network_tells_addresses_and_the_password_once(
        call: Callable[..., Call], served: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr(serving, "own_addresses", lambda _host: ["192.168.1.5"])
    done = call("--data-dir", tmp_path, "serve", "--listen", "--root-path", "/faces")
    port = served[0]["port"]
    assert done.out.splitlines() == [
        f"Likeness is at http://127.0.0.1:{port}/faces (Ctrl+C ends it)",
        f"From elsewhere on the network: http://192.168.1.5:{port}",
        "The owner's password, told this once: made-up-once"]
    assert opened == [f"http://127.0.0.1:{port}/faces"]
    assert (served[0]["listen"], served[0]["root_path"]) == ("0.0.0.0", "/faces")


def test_an_address_that_is_not_this_machine_s_is_said(call: Callable[..., Call], served: list[dict[str, Any]]) -> None:
    done = call("serve", "--no-browser", "--listen", "192.0.2.77")
    assert done.code == 1
    assert done.last.startswith("SERVE.NO_ADDRESS: 192.0.2.77")
    assert served == []


def test_a_data_folder_that_cannot_be_written_is_said_before_anything_starts(
        call: Callable[..., Call], served: list[dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = call("serve", "--no-browser", "--data-dir", tmp_path / "file")
    assert done.code == 1
    assert done.last.startswith("DATA.UNWRITABLE: ")
    assert "--data-dir" in done.last
    assert served == []


def test_the_data_folder_is_the_flags_then_the_variables_then_the_platforms(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.data_folder import data_folder

    monkeypatch.setenv("LIKENESS_DATA_DIR", str(tmp_path / "variable"))
    assert data_folder(tmp_path / "flag") == tmp_path / "flag"
    assert data_folder() == tmp_path / "variable"
    monkeypatch.setenv("LIKENESS_DATA_DIR", "")
    assert data_folder().name == "likeness"
    monkeypatch.chdir(tmp_path)
    assert data_folder(Path("here")) == tmp_path / "here"
