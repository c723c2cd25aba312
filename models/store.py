"""The model files of a folder: which of the catalogue they are, whether that is sure, and what was agreed to."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from models.catalogue import OWN, OWN_SUFFIX, Catalogue, CatalogueRow, digest, own_row
from models.download import Download, Fetched
from models.errors import ModelError
from models.foreign import Inspected, inspect
from models.terms import check_commercial

SUFFIXES = frozenset({".onnx", ".dfm"})
State = Literal["verified", "recorded", "unverified"]
"""verified: its hash is the catalogue's. recorded: it is the one that was fetched here and fitted what the server named
beside it. unverified: it takes and gives what its family does, and that is all that is known."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file in the place of a model."""

    row: CatalogueRow
    path: Path
    state: State
    sha256: str


class _Seen(BaseModel):
    """What is known of one file, as long as its size and time stay."""

    model_config = ConfigDict(frozen=True)

    bytes: int
    mtime_ns: int
    sha256: str
    ports: dict[str, Any] | None = None
    fault: str | None = None


class _Kept(BaseModel):
    """seen: by path. recorded: sha256 by slot, of what was fetched here. agreed: when, by slot and licence.
    commercial_safe: nothing is used whose terms do not allow commercial use."""

    seen: dict[str, _Seen] = {}
    recorded: dict[str, str] = {}
    agreed: dict[str, str] = {}
    commercial_safe: bool = False


@dataclass
class Store:
    """Safe to share between threads. folder: where the files are. record: a JSON file in the data folder, of what was
    learnt about them; several processes may have it: what one wrote, the others see. Tests hand in a catalogue and a
    look of their own."""

    catalogue: Catalogue
    folder: Path
    record: Path
    inspect: Callable[[Path], Inspected] = inspect
    clock: Callable[[], float] = time.time
    _lock: threading.RLock = field(default_factory=threading.RLock, init=False)
    _kept: _Kept = field(init=False)
    _written: tuple[int, int] = field(default=(0, 0), init=False)
    _text: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self._kept = _Kept()
        self._load()

    def _load(self) -> None:
        """What another process wrote since (a download is one) joins what is known here; of files that both saw, its
        word counts: it is the later one."""
        try:
            status = self.record.stat()
            if (status.st_mtime_ns, status.st_ino) == self._written:
                return
            kept = _Kept.model_validate_json(self.record.read_bytes())
        except (FileNotFoundError, ValidationError):  # what was learnt can be learnt again
            return
        self._written = (status.st_mtime_ns, status.st_ino)
        self._kept = kept.model_copy(update={name: {**getattr(self._kept, name), **getattr(kept, name)}
                                             for name in ("seen", "recorded", "agreed")})

    # What is there

    def found(self) -> dict[str, Found]:
        """By slot: every model whose file is in the folder. Files that are new or changed are read through and, where
        no hash knows them, looked at in a process of their own."""
        with self._lock:
            self._load()
            files = self._files()
            taken: dict[str, Found] = {}
            for match in (self._by_hash, self._by_also, self._by_name, self._by_contract):
                for path in files:
                    if path not in {one.path for one in taken.values()} and (one := match(path, taken)) is not None:
                        taken[one.row.slot] = one
            known = {row.slot: taken[row.slot] for row in self.catalogue.offered if row.slot in taken}
            for path in files:
                if path not in {one.path for one in taken.values()} and (mine := self._own(path)) is not None:
                    known.setdefault(mine.row.slot, mine)
            self._save()
            return known

    def path(self, slot: str) -> Path:
        """The file in the place of a model. Raises ModelError MODEL.MISSING; MODEL.CONTRACT, MODEL.CHECKSUM,
        MODEL.UNREADABLE where a file of its name is there and is not it."""
        row = self.catalogue.row(slot)
        found = self.found().get(slot)
        if found is not None:
            return found.path
        for path in self._files():
            if path.name in (row.file, *row.others):
                raise self._not_it(row, path)
        raise ModelError(f"The model {row.title} ({slot}) is not there.", subject=slot,
                         remedy=f"{_again(row)}, or put {row.file} into {self.folder}.")

    def faults(self) -> dict[str, ModelError]:
        """By slot: the models a file of whose name is there that is not them, and why; as `path` raises."""
        with self._lock:
            found = self.found()
            return {row.slot: self._not_it(row, path) for row in self.catalogue.offered if row.slot not in found
                    for path in self._files() if path.name in (row.file, *row.others)}

    def _files(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return sorted(path for path in self.folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())

    def _by_hash(self, path: Path, taken: dict[str, Found]) -> Found | None:
        seen = self._seen(path)
        for row in self.catalogue.offered:
            if self._expected(row) == seen.sha256 and row.slot not in taken:
                return Found(row, path, "verified" if row.sha256 else "recorded", seen.sha256)
        return None

    def _by_also(self, path: Path, taken: dict[str, Found]) -> Found | None:
        """Another publisher's file whose hash is known; where a row's own file is there, that comes first."""
        seen = self._seen(path)
        for row in self.catalogue.offered:
            if seen.sha256 in row.also and row.slot not in taken:
                return Found(row, path, "verified", seen.sha256)
        return None

    def _expected(self, row: CatalogueRow) -> str | None:
        """The sha256 that a file under the row's own name must have, where one is known."""
        return row.sha256 or self._kept.recorded.get(row.slot)

    def _by_name(self, path: Path, taken: dict[str, Found]) -> Found | None:
        return self._fitting(path, self._called(path, taken))

    def _called(self, path: Path, taken: dict[str, Found]) -> list[CatalogueRow]:
        """The rows whose file has this name. Under a row's own name a file with another hash than the known one is a
        damaged one, or not what it says; under one of the other names it is another publisher's."""
        return [row for row in self._open(taken) if path.name in row.others
                or (path.name == row.file and self._expected(row) is None)]

    def _by_contract(self, path: Path, taken: dict[str, Found]) -> Found | None:
        """By what it takes and gives alone: only where that is one model's."""
        if self._named(path):
            return None
        ports = self._ports(path)
        rows = [row for row in self._open(taken)
                if ports is not None and self.catalogue.family_of(row).contract.fits(ports)]
        return self._fitting(path, rows) if len(rows) == 1 else None

    def _open(self, taken: dict[str, Found]) -> Iterable[CatalogueRow]:
        """Whose place may be taken by a file whose hash nobody knows: not the analyser's, whose word has to count."""
        return (row for row in self.catalogue.offered
                if row.slot not in taken and self.catalogue.family_of(row).role != "analyser")

    def _own(self, path: Path) -> Found | None:
        """A user's own file, by its ending and by what it takes and gives."""
        if path.suffix.lower() != OWN_SUFFIX or OWN not in {family.name for family in self.catalogue.family}:
            return None
        return self._fitting(path, [own_row(path.stem, path.name)])

    def _named(self, path: Path) -> bool:
        return any(path.name in (row.file, *row.others) for row in self.catalogue.offered)

    def _fitting(self, path: Path, rows: list[CatalogueRow]) -> Found | None:
        ports = self._ports(path) if rows else None
        for row in rows:
            if ports is not None and self.catalogue.family_of(row).contract.fits(ports):
                return Found(row, path, "unverified", self._seen(path).sha256)
        return None

    def _not_it(self, row: CatalogueRow, path: Path, name: str = "") -> ModelError:
        """name: the file's, where it lies under another for the moment."""
        name, seen = name or path.name, self._seen(path)
        expected, family = self._expected(row), self.catalogue.family_of(row)
        if expected is not None and (name not in row.others or family.role == "analyser"):
            return ModelError(f"{name} is not {row.title}: sha256 {expected} expected, {seen.sha256} found.",
                              subject=name, code="MODEL.CHECKSUM", remedy=f"Remove it; {_again(row)}.")
        if family.role == "analyser":
            return ModelError(f"{name} has no known hash, and the content analyser is known by its hash alone.",
                              subject=name, code="MODEL.CHECKSUM", remedy=f"`models get {row.slot}` fetches it.")
        ports = self._ports(path)
        if ports is None:
            return ModelError(f"{name} is no model that can be used: {self._seen(path).fault}.",
                              subject=name, code="MODEL.UNREADABLE", remedy=f"{_again(row)}.")
        return ModelError(f"{name} is not of the family {row.family}: {family.contract.difference(ports)}.",
                          subject=name, code="MODEL.CONTRACT", remedy=f"Remove it; {_again(row)}.")

    # What is known of files

    def _seen(self, path: Path) -> _Seen:
        status = path.stat()
        known = self._kept.seen.get(str(path))
        if known is not None and (known.bytes, known.mtime_ns) == (status.st_size, status.st_mtime_ns):
            return known
        sha256, size = digest(path)
        seen = _Seen(bytes=size, mtime_ns=status.st_mtime_ns, sha256=sha256)
        self._kept.seen[str(path)] = seen
        return seen

    def _ports(self, path: Path) -> Inspected | None:
        """What a file takes and gives; None for one that is no use."""
        seen = self._seen(path)
        if seen.ports is None and seen.fault is None:
            try:
                seen = seen.model_copy(update={"ports": self.inspect(path).to_data()})
            except ModelError as error:
                seen = seen.model_copy(update={"fault": error.message.partition(": ")[2].rstrip(".")})
            self._kept.seen[str(path)] = seen
        return None if seen.ports is None else Inspected.from_data(seen.ports)

    def _save(self) -> None:
        self._kept.seen = {path: seen for path, seen in self._kept.seen.items() if Path(path).exists()}
        text = self._kept.model_dump_json(indent=1)
        if text == self._text:
            return
        self.record.parent.mkdir(parents=True, exist_ok=True)
        staged = self.record.with_name(f".{self.record.name}.{os.getpid()}")
        staged.write_text(text, encoding="utf-8")
        os.replace(staged, self.record)
        status = self.record.stat()
        self._written, self._text = (status.st_mtime_ns, status.st_ino), text

    # What is done

    def agree(self, slot: str) -> None:
        """The user read this model's licence and keeps to it."""
        row = self.catalogue.row(slot)
        with self._lock:
            self._load()
            when = datetime.fromtimestamp(self.clock(), UTC).isoformat(timespec="seconds")
            self._kept.agreed[f"{slot}: {row.licence}"] = when
            self._save()

    @property
    def commercial_safe(self) -> bool:
        """Whether somebody switched on, for this data folder, that only models are used whose terms allow it."""
        with self._lock:
            self._load()
            return self._kept.commercial_safe

    def switch_safe(self, on: bool) -> None:
        with self._lock:
            self._load()
            self._kept.commercial_safe = on
            self._save()

    def allowed(self, slot: str, safe: bool) -> None:
        """Raises ModelError LICENCE.COMMERCIAL where `safe` and the terms of this model, or of one that it needs beside
        it, do not allow commercial use or are unclear; see `models.terms`."""
        if safe:
            check_commercial(self.catalogue, slot)

    def agreed(self, slot: str) -> bool:
        """Whether the licence that the catalogue names now was agreed to."""
        with self._lock:
            self._load()
        return f"{slot}: {self.catalogue.row(slot).licence}" in self._kept.agreed

    def get(self, slot: str, make: Callable[[CatalogueRow, Path], Download]) -> Found:
        """Fetches a model. make: the download of a row into a path. Raises ModelError LICENCE.NOT_AGREED,
        MODEL.NO_ADDRESS, MODEL.PACKAGED, and whatever the download raises."""
        row = self.catalogue.row(slot)
        if row.own:
            raise ModelError(f"{row.file} is a file of your own, which is at no address.", subject=slot,
                             remedy=f"{_again(row)}.")
        if row.only_import:
            raise only_imported(row)
        if not row.urls:
            raise ModelError(f"{row.title} comes with the package {row.package}.", subject=slot, code="MODEL.PACKAGED",
                             remedy="There is nothing to fetch.")
        if not self.agreed(slot):
            raise ModelError(f"The licence of {row.title} was not agreed to yet: {row.licence}. {row.terms}",
                             subject=slot, code="LICENCE.NOT_AGREED",
                             remedy=f"Read it ({row.source}); if you keep to it: --agree.")
        fetched = make(row, self.folder / row.file).run()
        return self._take(row, fetched)

    def _take(self, row: CatalogueRow, fetched: Fetched) -> Found:
        if row.sha256 is None and fetched.told is not None:
            with self._lock:
                self._load()
                self._kept.recorded[row.slot] = fetched.sha256
        found = self.found().get(row.slot)
        if found is None or found.path != fetched.path:
            raise self._not_it(row, fetched.path)
        return found

    def take_in(self, path: Path, name: str = "") -> Found:
        """Copies a file that the user has into the folder, under its catalogue name; a .dfm, and another publisher's
        file of a model whose hash is known, under the name that it has. name: its own, where it lies under another.
        Raises ModelError MODEL.UNKNOWN where it is none of the catalogue's, MODEL.CHECKSUM, MODEL.CONTRACT,
        MODEL.UNREADABLE, MODEL.NAME_TAKEN where another file of that name is there."""
        path, there = path.with_name(Path(name).name) if name else path, path
        trial = self.folder / f".{path.name}.taking{path.suffix}"
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(there, trial)
            with self._lock:
                self._load()
                found = (self._by_hash(trial, {}) or self._by_also(trial, {})
                         or self._fitting(trial, self._called(path, {}))
                         or (None if self._named(path) else self._by_contract(trial, {})))
                if found is None and path.suffix.lower() == OWN_SUFFIX:
                    return self._take_own(path, trial)
                if found is None:
                    for row in self.catalogue.offered:
                        if path.name in (row.file, *row.others):
                            raise self._not_it(row, trial, path.name)
                    raise ModelError(f"{path.name} is none of the models that the catalogue knows.", subject=path.name,
                                     code="MODEL.UNKNOWN", remedy="`models list` names them and their files.")
                if found.state != "unverified" or self._expected(found.row) is None:
                    return self._moved(found, trial, self.folder / found.row.file)
                # Under the row's own name it would count as damaged.
                kept = path.name if path.suffix.lower() in SUFFIXES else path.name + Path(found.row.file).suffix
                return self._moved(found, trial, self._free(self.folder / kept, found))
        finally:
            trial.unlink(missing_ok=True)

    def _take_own(self, path: Path, trial: Path) -> Found:
        row = own_row(path.stem, path.name)
        found = self._own(trial)
        if found is None:
            raise self._not_it(row, trial, path.name)
        found = Found(row, trial, found.state, found.sha256)
        return self._moved(found, trial, self._free(self.folder / path.name, found))

    def _free(self, target: Path, found: Found) -> Path:
        """The place, where no other file has it."""
        if target.exists() and self._seen(target).sha256 != found.sha256:
            raise ModelError(f"There is another file called {target.name} already.", code="MODEL.NAME_TAKEN",
                             subject=target.name, remedy=f"Rename one of them, or `models remove {found.row.slot}`.")
        return target

    def _moved(self, found: Found, trial: Path, target: Path) -> Found:
        os.replace(trial, target)
        self._kept.seen[str(target)] = self._kept.seen.pop(str(trial))
        self._save()
        return Found(found.row, target, found.state, found.sha256)

    def remove(self, slot: str) -> Path | None:
        """Deletes a model's file; which it was, None where there was none."""
        found = self.found().get(slot)
        if found is None:
            return None
        found.path.unlink()
        self.found()
        return found.path

    def verify(self, slot: str) -> Found:
        """Reads the file through again, whatever is remembered of it. Raises as `path`."""
        with self._lock:
            self._load()
            self._kept.seen.clear()
        self.path(slot)
        return self.found()[slot]


def only_imported(row: CatalogueRow) -> ModelError:
    """What is said where somebody wants to fetch a model that is at no address."""
    return ModelError(f"No address is known where {row.title} can be fetched.", subject=row.slot,
                      code="MODEL.NO_ADDRESS", remedy=f"Get {row.file} from where you trust it ({row.source} says what "
                                                      f"it is), then take it in: {_again(row)}.")


def _again(row: CatalogueRow) -> str:
    return f"`models import {row.file}`" if row.own or row.only_import else f"`models get {row.slot}`"
