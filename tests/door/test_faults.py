"""What people see when something goes wrong, and progress."""

from __future__ import annotations

import errno
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import studio.commands.look
from models.errors import Cancelled, MediaError
from studio.commands.terminal import Terminal, as_text, printable
from tests.door.conftest import Call


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Makes `analyse` raise what is given."""

    def use(error: BaseException) -> None:
        def raise_it(*_: object) -> int:
            raise error

        monkeypatch.setattr(studio.commands.look, "analyse", raise_it)

    return use


def test_an_unexpected_fault_is_one_line_and_the_traceback_a_file_in_the_data_folder(
        call: Callable[..., Call], failing: Callable[[BaseException], None], tmp_path: Path) -> None:
    failing(ZeroDivisionError("one over none"))
    done = call("analyse", "x.png")
    assert done.code == 1
    assert done.out == ""
    assert done.err.count("\n") == 1
    assert done.err.startswith("INTERNAL.ERROR: ")
    assert "Traceback" not in done.err
    logs = list((tmp_path / "data" / "logs").iterdir())
    assert len(logs) == 1
    assert str(logs[0]) in done.err
    text = logs[0].read_text()
    assert "ZeroDivisionError: one over none" in text
    assert "raise_it" in text


def test_debug_shows_the_traceback(call: Callable[..., Call], failing: Callable[[BaseException], None]) -> None:
    failing(ZeroDivisionError("one over none"))
    done = call("--debug", "analyse", "x.png")
    assert done.code == 1
    assert "Traceback" in done.err
    assert done.last.startswith("INTERNAL.ERROR: ")


def test_a_fault_is_told_even_where_the_data_folder_cannot_be_written(
        call: Callable[..., Call], failing: Callable[[BaseException], None], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    failing(KeyError("x"))
    done = call("analyse", "x.png", "--data-dir", tmp_path / "file")
    assert done.code == 1
    assert done.last.startswith("INTERNAL.ERROR: ")
    where = Path(done.last.split("The details are in ")[1].split(";")[0])
    assert where.is_file()
    where.unlink()


@pytest.mark.parametrize(("error", "exit_code", "first"), [
    (MediaError("x.png is odd.", subject="x.png", remedy="Try another.", code="MEDIA.ODD"), 1,
     "MEDIA.ODD: x.png is odd. Try another."),
    (MemoryError(), 1, "MEMORY.OUT: "),
    (OSError(errno.ENOSPC, "No space left on device", "/tmp/x"), 1, "DISK.FULL: The disk is full (/tmp/x)."),
    (ModuleNotFoundError("No module named 'dlib'", name="dlib"), 1, "INSTALL.INCOMPLETE: The package dlib "),
    (KeyboardInterrupt(), 130, "Stopped."),
    (Cancelled("Stopped at your request."), 130, "Stopped."),
])
def test_each_kind_of_error_has_its_line_and_its_exit_code(
        call: Callable[..., Call], failing: Callable[[BaseException], None], error: BaseException, exit_code: int,
        first: str) -> None:
    failing(error)
    done = call("analyse", "x.png")
    assert done.code == exit_code
    assert done.err.startswith(first)
    assert done.err.count("\n") == 1


def test_a_file_name_cannot_fake_a_line_or_drive_the_terminal(call: Callable[..., Call]) -> None:
    done = call("analyse", "a\nINPUT.FINE: all well\x1b[31m\r.png")
    assert done.code == 1
    assert done.err.count("\n") == 1
    assert "\x1b" not in done.err
    assert "\r" not in done.err
    assert printable("tab\tand ünïcode 简") == "tab\\x09and ünïcode 简"


def test_names_that_the_terminals_encoding_lacks_are_escaped() -> None:
    raw = io.BytesIO()
    narrow = io.TextIOWrapper(raw, encoding="ascii")
    Terminal(as_json=True, out=narrow, err=io.StringIO()).answer({"file": "简\udc80.png"}, "")
    assert json.loads(raw.getvalue().decode("ascii")) == {"file": "简\udc80.png"}


def test_arrays_of_numbers_take_one_line_and_words_are_left_as_they_are() -> None:
    data = {"a": [[1, -2.5], [1e-07, 3]], "b": ["x", "y"], "c": "[\n  1,\n  2\n]", "d": [], "e": [{"f": [4]}]}
    text = as_text(data)
    assert json.loads(text) == data
    assert [line.strip() for line in text.splitlines()[1:5]] == ['"a": [', "[1, -2.5],", "[1e-07, 3]", "],"]
    assert '"f": [4]' in text


@pytest.mark.parametrize(("value", "words"), [(-0.4, "0°"), (0.4, "0°"), (-0.6, "-1°"), (12.3, "+12°")])
def test_nought_degrees_have_no_sign(value: float, words: str) -> None:
    assert studio.commands.look.degrees(value) == words


def test_closed_streams_do_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    deaf = Terminal()
    deaf.progress(0.5, "Looking for faces")
    deaf.note("to nobody")
    deaf.answer({}, "to nobody")


def test_progress_shows_on_a_terminal_with_the_time_left_and_is_wiped_before_words(
        monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.05, 4.0, 4.05, 8.0])
    monkeypatch.setattr("studio.commands.terminal.time.monotonic", lambda: next(clock))
    err = Screen()
    shown = Terminal(out=io.StringIO(), err=err)
    shown.progress(0.01, "Looking for faces")
    assert " 1%" in err.getvalue()
    assert "left" not in err.getvalue()
    shown.progress(0.5, "Changing faces")
    assert "50%  Changing faces, 4 s left" in err.getvalue()
    before = len(err.getvalue())
    shown.progress(0.51, "Changing faces")
    assert len(err.getvalue()) == before, "drawn more than ten times a second"
    shown.progress(0.06, "Slow")
    assert "2 min 5 s left" in err.getvalue()
    shown.note("done")
    assert err.getvalue().endswith("\r\x1b[2Kdone\n")


def test_progress_is_quiet_where_stderr_is_no_terminal() -> None:
    err = io.StringIO()
    quiet = Terminal(out=io.StringIO(), err=err)
    for share in (0.0, 0.5, 1.0):
        quiet.progress(share, "Looking for faces")
    assert err.getvalue() == ""


def test_the_program_calls_home_to_nobody(call: Callable[..., Call], monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.delenv("GRADIO_ANALYTICS_ENABLED")
    monkeypatch.delenv("HF_HUB_DISABLE_TELEMETRY")
    call("processors", "--json")
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"] == "1"
    assert os.environ["HF_HUB_OFFLINE"] == "1"


def test_onnx_runtime_is_only_used_with_its_telemetry_off(monkeypatch: pytest.MonkeyPatch) -> None:
    from models import runtime

    said: list[str] = []

    class Stand:
        def disable_telemetry_events(self) -> None:
            said.append("off")

        def __getattr__(self, name: str) -> Any:
            if not name.startswith("__"):
                said.append(name)
            return lambda *_, **__: None

    monkeypatch.setitem(sys.modules, "onnxruntime", Stand())
    runtime.quiet_runtime()
    assert said[0] == "off", "something was used before telemetry was switched off"
