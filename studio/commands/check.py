"""`doctor`: what works on this machine, and the remedy for what does not."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from models.families.dlib_faces import dlib_stack
from models.interfaces import FaceStack
from pipeline.data_folder import data_folder
from pipeline.doctor import Row, examine, works
from pipeline.engine import Engine
from studio.commands.engine import is_safe, make_engine
from studio.commands.faults import DONE, FAILED
from studio.commands.terminal import Terminal, printable

_MARKS = {"ok": "ok     ", "remark": "remark ", "failure": "FAILURE"}


def doctor(args: Namespace, terminal: Terminal) -> int:
    engine = make_engine(args)
    try:
        rows = examine(data_folder(args.data_dir), engine.registry.problems, engine.networks.manager,
                       lambda: _faces(engine, args))
    finally:
        engine.close()
    terminal.answer(_data(rows), _words(rows))
    return DONE if works(rows) else FAILED


def _faces(engine: Engine, args: Namespace) -> FaceStack:
    """What a render would find faces with. Where there is no folder of models, none is looked for: looking must leave
    no trace."""
    store = engine.networks.store
    if store is None or not store.folder.is_dir():
        return dlib_stack()
    engine.networks.safe = is_safe(args, store)
    return engine.faces


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
