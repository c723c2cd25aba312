"""What goes to stdout (the answer) and to stderr (progress, remarks, errors)."""

from __future__ import annotations

import io
import json
import os
import re
import sys
import time
from threading import Event
from typing import Any, TextIO

_BAR = 24
# Times are told after this share or these seconds, whichever is first: before that they are guesses.
_ETA_SHARE, _ETA_SECONDS = 0.03, 5.0


# An array of numbers as json.dumps indents it. Within a string a line break is written as \\n, so none can match there.
_NUMBERS = re.compile(r"\[\n\s*((?:-?[\d.eE+-]+,\n\s*)*-?[\d.eE+-]+)\n\s*\]")


def printable(text: str) -> str:
    """One line without control characters, so that a file's name can neither fake a line nor drive the terminal."""
    return "".join(c if c.isprintable() or c == " " else f"\\x{ord(c):02x}" for c in text)


def as_text(data: Any) -> str:
    """JSON with two spaces a level, and each array of plain numbers on one line: a face has 68 pairs of them."""
    return _NUMBERS.sub(lambda found: f"[{' '.join(found[1].split())}]", json.dumps(data, indent=2, ensure_ascii=False))


class Terminal:
    """The two streams of one run, and whether the user asked to stop it.

    as_json: the answer is JSON and stdout holds nothing else. Progress shows only where stderr is a terminal.
    """

    def __init__(self, *, as_json: bool = False, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.as_json = as_json
        self.stop = Event()
        self._out = _tolerant(out or sys.stdout or _nowhere())
        self._err = _tolerant(err or sys.stderr or _nowhere())
        self._live = self._err.isatty()
        self._shown = False
        self._began = time.monotonic()
        self._last = 0.0

    def answer(self, data: Any, words: str) -> None:
        """Prints `data` as JSON, or `words`, on stdout."""
        self.clear()
        text = as_text(data) if self.as_json else words
        print(text, file=self._out, flush=True)

    def note(self, words: str) -> None:
        """One line on stderr."""
        self.clear()
        print(printable(words), file=self._err, flush=True)

    def block(self, words: str) -> None:
        """Several lines, as they are, on stderr."""
        self.clear()
        print(words, file=self._err, flush=True)

    def progress(self, share: float, what: str, *, left: float | None = None) -> None:
        """share: 0..1 of the whole. left: seconds, where the work knows better than the share tells. Redrawn at most
        ten times a second; nothing in a pipe."""
        now = time.monotonic()
        if not self._live or (self._shown and now - self._last < 0.1):
            return
        self._last, self._shown = now, True
        share = min(max(share, 0.0), 1.0)
        full = round(share * _BAR)
        line = f"{'█' * full}{'░' * (_BAR - full)} {share:4.0%}  {printable(what)}{self._eta(share, now, left)}"
        self._err.write(f"\r\x1b[2K{line[:118]}")
        self._err.flush()

    def _eta(self, share: float, now: float, known: float | None) -> str:
        spent = now - self._began
        if known is None and (not 0 < share < 1 or (share < _ETA_SHARE and spent < _ETA_SECONDS)):
            return ""
        left = round(known if known is not None else spent * (1 - share) / share)
        return f", {left // 60} min {left % 60} s left" if left >= 60 else f", {left} s left"

    def clear(self) -> None:
        """Takes the progress line away."""
        if self._shown:
            self._err.write("\r\x1b[2K")
            self._err.flush()
            self._shown = False


def _nowhere() -> TextIO:
    """For a stream that the caller closed (`2>&-`), which Python shows as None."""
    return open(os.devnull, "w", encoding="utf-8")


def _tolerant(stream: TextIO) -> TextIO:
    """File names that the stream's encoding lacks are escaped, not fatal."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream
