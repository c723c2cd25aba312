"""`models`: what there is, what is here, getting and removing it, and on what terms it may be used."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from models.catalogue import CatalogueRow
from models.download import Download, make_client
from models.errors import LikenessError, ModelError
from models.store import SUFFIXES, Found, Store, only_imported
from models.terms import obstacle
from pipeline.data_folder import data_folder
from studio.commands.engine import is_safe, store_of
from studio.commands.faults import DONE, FAILED
from studio.commands.terminal import Terminal
from studio.options import settle_one


def models(args: Namespace, terminal: Terminal) -> int:
    doing: dict[str, Callable[[Store, Namespace, Terminal], int]] = {
        "list": _list, "get": _get, "verify": _verify, "remove": _remove, "import": _import, "licences": _licences}
    return doing[args.what](store_of(args), args, terminal)


def _list(store: Store, args: Namespace, terminal: Terminal) -> int:
    found, safe = store.found(), is_safe(args, store)
    known = (*store.catalogue.offered, *(one.row for one in found.values() if one.row.own))
    rows = [_row(store, row, found.get(row.slot)) for row in known
            if not safe or obstacle(store.catalogue, row) is None]
    width = max((len(row["slot"]) for row in rows), default=0)
    lines = [f"Models in {store.folder}"]
    for row in rows:
        here = row["state"] or "-"
        lines.append(f"{row['slot']:<{width}}  {here:<10}  {_use(row['commercial']):<20}  {row['title']}"
                     f"{_remark(row)}")
    if safe:
        hidden = len(known) - len(rows)
        lines.append(f"commercial-safe: {hidden} models whose terms do not allow commercial use are left out")
    terminal.answer({"folder": str(store.folder), "commercial_safe": safe, "models": rows}, "\n".join(lines))
    return DONE


def _row(store: Store, row: CatalogueRow, found: Found | None) -> dict[str, Any]:
    return {"slot": row.slot, "family": row.family, "role": store.catalogue.family_of(row).role, "title": row.title,
            "file": row.file, "bytes": row.bytes, "sha256": row.sha256, "licence": row.licence,
            "commercial": row.commercial, "terms": row.terms, "source": row.source, "tried": row.tried,
            "needs": list(row.needs), "presets": list(row.presets), "own": row.own,
            "only_import": row.only_import, "agreed": store.agreed(row.slot),
            "state": found.state if found else None, "path": str(found.path) if found else None}


def _remark(row: dict[str, Any]) -> str:
    if row["own"]:
        return " (your own file)"
    if row["only_import"] and row["state"] is None:
        return f" (at no address: `models import` takes in {row['file']} if you have it)"
    return "" if row["tried"] == "real" else " (tried with a twin only)"


def _use(commercial: str) -> str:
    return {"yes": "commercial use yes", "no": "no commercial use"}.get(commercial, "commercial use ?")


def _get(store: Store, args: Namespace, terminal: Terminal) -> int:
    if settle_one("offline", args.offline, os.environ, data_folder(args.data_dir)).value:
        raise ModelError("Nothing is fetched with --offline.", subject=", ".join(args.slots), code="DOWNLOAD.OFFLINE",
                         remedy="Leave --offline away, or take in files that you have: `models import FILE`.")
    done = []
    wanted, safe = _wanted(store, args.slots), is_safe(args, store)
    for slot in args.slots:  # before anything is fetched
        store.allowed(slot, safe)
    for row in map(store.catalogue.row, wanted):
        if row.only_import:
            raise only_imported(row)
    with make_client() as client:
        for slot in wanted:
            if args.agree:
                store.agree(slot)

            def make(row: CatalogueRow, path: Path) -> Download:
                return Download(row.title, row.urls, path, row.sha256 or None, client,
                                lambda have, size: terminal.progress(have / size if size else 0.0, row.file),
                                terminal.stop.is_set, terminal.stop.wait)

            done.append(store.get(slot, make))
    return _told(done, terminal, "fetched")


def _wanted(store: Store, slots: Sequence[str]) -> list[str]:
    """The slots and what they need beside them, what is needed first; without those that are here."""
    found = store.found()
    return [row.slot for row in store.catalogue.with_needs(slots) if row.slot not in found]


def _verify(store: Store, args: Namespace, terminal: Terminal) -> int:
    """Every file that is here, or those that were named, read through again."""
    rows, code = [], DONE
    for slot in args.slots or list(store.found()):
        try:
            found = store.verify(slot)
            rows.append({"slot": slot, "state": found.state, "path": str(found.path), "sha256": found.sha256})
        except LikenessError as error:
            code = FAILED
            rows.append({"slot": slot, "state": None, "code": error.code, "words": error.message})
            terminal.note(str(error))
    terminal.answer({"models": rows}, "\n".join(f"{row['slot']}: {row['state'] or row['code']}" for row in rows)
                    or f"There are no models in {store.folder}.")
    return code


def _remove(store: Store, args: Namespace, terminal: Terminal) -> int:
    gone = {slot: store.remove(slot) for slot in args.slots}
    terminal.answer({"removed": {slot: str(path) if path else None for slot, path in gone.items()}},
                    "\n".join(f"{slot}: {path or 'was not there'}" for slot, path in gone.items()))
    return DONE


def _import(store: Store, args: Namespace, terminal: Terminal) -> int:
    files = [path for named in args.files for path in _files(named)]
    for path in files:
        if not path.is_file():
            raise ModelError(f"There is no file {path}.", subject=str(path), remedy="Check its name and folder.")
    done = []
    for path in files:
        try:
            done.append(store.take_in(path))
        except ModelError as error:
            if len(files) == 1:
                raise
            terminal.note(str(error))  # of a whole folder, some are not ours
    return _told(done, terminal, "taken in")


def _files(named: Path) -> list[Path]:
    if not named.is_dir():
        return [named]
    return sorted(path for path in named.iterdir() if path.suffix.lower() in SUFFIXES)


def _told(done: Sequence[Found], terminal: Terminal, what: str) -> int:
    terminal.answer({"models": [{"slot": one.row.slot, "path": str(one.path), "state": one.state, "sha256": one.sha256}
                                for one in done]},
                    "\n".join(f"{one.row.slot}: {what}, {one.state} ({one.path})" for one in done)
                    or "There is nothing to do: all of it is here.")
    return DONE


def _licences(store: Store, args: Namespace, terminal: Terminal) -> int:
    rows = [_row(store, row, None) for row in store.catalogue.offered]
    terminal.answer({"licences": [{key: row[key] for key in ("slot", "title", "licence", "commercial", "terms",
                                                            "source", "agreed")} for row in rows]},
                    "\n\n".join(f"{row['title']} ({row['slot']}){', agreed to' if row['agreed'] else ''}\n"
                                f"  {row['licence']}: {_use(row['commercial'])}. {row['terms']}\n  {row['source']}"
                                for row in rows))
    return DONE
