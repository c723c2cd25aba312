"""`doctor`: what works on this machine, and the remedy for what does not."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from pipeline.data_folder import data_folder
from pipeline.doctor import Row, examine, works
from processors.registry import load_registry
from studio.commands.faults import DONE, FAILED
from studio.commands.terminal import Terminal, printable

_MARKS = {"ok": "ok     ", "remark": "remark ", "failure": "FAILURE"}


def doctor(args: Namespace, terminal: Terminal) -> int:
    rows = examine(data_folder(args.data_dir), load_registry().problems)
    terminal.answer(_data(rows), _words(rows))
    return DONE if works(rows) else FAILED


def _data(rows: Sequence[Row]) -> dict[str, Any]:
    return {"works": works(rows), "rows": [row.to_data() for row in rows]}


def _words(rows: Sequence[Row]) -> str:
    lines = []
    width = max(len(row.name) for row in rows)
    for row in rows:
        lines.append(f"{_MARKS[row.state]}  {row.name:<{width}}  {printable(row.words)}")
        if row.remedy:
            lines.append(f"{'':{len(_MARKS['ok'])}}  {'':{width}}  → {printable(row.remedy)}")
    lines.append("")
    lines.append("The main job works: a face can be swapped in a picture." if works(rows) else
                 "The main job does not work yet; the lines marked FAILURE say what to do.")
    return "\n".join(lines)
