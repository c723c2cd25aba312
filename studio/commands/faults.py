"""From an exception to an exit code and one line that people can act on."""

from __future__ import annotations

import errno
import platform
import sys
import tempfile
import time
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.errors import Cancelled, LikenessError
from pipeline.data_folder import data_folder
from pipeline.refusals import Refused
from pipeline.rendering.doubts import Doubtful
from pipeline.version import VERSION
from studio.commands.terminal import Terminal

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


class UsageError(LikenessError, ValueError):
    """The flags were understood one by one and do not make sense together (exit 2).

    more: lines for people (the list of faces); data: the same for `--json`.
    """

    code = "USAGE.INVALID"

    def __init__(self, message: str, *, remedy: str = "", code: str | None = None, subject: str = "", more: str = "",
                 data: dict[str, Any] | None = None) -> None:
        super().__init__(message, subject=subject, remedy=remedy, code=code)
        self.more = more
        self.data = data or {}


def report(error: BaseException, terminal: Terminal, *, data_dir: Path | None, debug: bool) -> int:
    """Says what happened and gives the exit code. Never a traceback, unless `debug`."""
    if isinstance(error, (KeyboardInterrupt, Cancelled)):
        terminal.note("Stopped. Nothing half-written was left.")
        return INTERRUPTED
    if debug:
        terminal.block("".join(traceback.format_exception(error)).rstrip())
    known = _as_known(error)
    if known is None:
        known = _internal(error, data_dir)
    data: dict[str, Any] = {"code": known.code, "message": known.message, "subject": known.subject,
                            "remedy": known.remedy}
    if isinstance(known, UsageError):
        data |= known.data
        if known.more and not terminal.as_json:
            terminal.block(known.more)
    if isinstance(known, Doubtful):
        data["doubts"] = [asdict(doubt) for doubt in known.doubts]
    if isinstance(known, Refused):
        data["spans"] = [list(span) for span in known.spans]
    if terminal.as_json:
        terminal.answer({"error": data}, "")
    terminal.note(str(known))
    return USAGE if isinstance(known, UsageError) else FAILED


def _as_known(error: BaseException) -> LikenessError | None:
    if isinstance(error, LikenessError):
        return error
    if isinstance(error, MemoryError):
        return LikenessError("This machine has too little free memory for that picture.", code="MEMORY.OUT",
                             remedy="Close other programs, or use a smaller picture.")
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return LikenessError(f"The disk is full{f' ({error.filename})' if error.filename else ''}.", code="DISK.FULL",
                             subject=str(error.filename or ""), remedy="Free some space and try again.")
    if isinstance(error, ModuleNotFoundError):
        return LikenessError(f"The package {error.name} is not installed.", code="INSTALL.INCOMPLETE",
                             subject=str(error.name), remedy="Start Likeness with `python3 -m uv run webui.py`.")
    return None


def _internal(error: BaseException, data_dir: Path | None) -> LikenessError:
    log = _write_log(error, data_dir)
    where = f"The details are in {log}; report it with that file, after a look at the names in it." if log else \
        "Run it again with --debug and report what that shows."
    return LikenessError(f"Likeness failed in a way that it should not ({type(error).__name__}).",
                         code="INTERNAL.ERROR", subject=str(log or ""), remedy=where)


def _write_log(error: BaseException, data_dir: Path | None) -> Path | None:
    """The traceback as a file in the data folder, or else in the temporary one; None where neither can be written."""
    text = (f"Likeness {VERSION}, Python {platform.python_version()}, {platform.platform()}\n"
            f"{' '.join(sys.argv)}\n\n{''.join(traceback.format_exception(error))}")
    name = f"fault-{time.strftime('%Y%m%d-%H%M%S')}.txt"
    for folder in (data_folder(data_dir) / "logs", Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")
            return folder / name
        except OSError:
            continue  # the next place; the caller says so where there is none
    return None
