"""The Models screen: what there is and what is here, and doing what it asks for."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.catalogue import CatalogueRow, Role
from models.errors import InputError, LikenessError, ModelError
from models.networks import Networks
from models.store import SUFFIXES, Found, Store, only_imported
from models.terms import obstacle
from pipeline.jobs.fetching import FetchRequest
from pipeline.jobs.job import Job
from studio import actions
from studio.access import rights
from studio.access.roles import Visitor
from studio.machine import Machine

logger = logging.getLogger(__name__)

View = dict[str, Any]

ROLES: tuple[Role, ...] = ("swapper", "enhancer", "analyser", "detector", "landmarker", "recogniser", "converter",
                           "mask", "matte", "upscaler")
"""In the order of the screen: what people come for, then what that needs, then the rest; later ones follow."""
UNFINISHED = frozenset({"queued", "running", "interrupted", "failed", "cancelled"})


@dataclass
class Shelf:
    """One for the whole studio. networks: whose store has the files. uploads: where uploaded files lie. forced: the
    flag, variable or file that said commercial-safe at the start: then it is not the screen's to switch; else empty.
    """

    networks: Networks
    machine: Machine
    uploads: Path
    forced: str = ""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1), repr=False)

    @property
    def store(self) -> Store:
        assert self.networks.store is not None
        return self.networks.store

    @property
    def safe(self) -> bool:
        return bool(self.forced) or self.store.commercial_safe

    async def perform(self, visitor: Visitor, data: object) -> AsyncIterator[View]:
        """Does what the screen asks for; the view after it. What goes wrong is in the view."""
        told: list[View] | None = None
        try:
            action = actions.parse_model_action(data)
            rights.check(visitor, action)
            if not isinstance(action, actions.LookAtModels):
                told = await asyncio.to_thread(self._do, visitor, action)
        except LikenessError as error:
            told = [notice_of(error)]
        except Exception as error:  # a fault of the program: said on the screen, and in full on the terminal
            logger.exception("The Models screen failed to %s.", data)
            told = [notice_of(LikenessError(
                f"Likeness failed unexpectedly ({type(error).__name__}).", code="INTERNAL.ERROR",
                remedy="Try it again; if it stays, report what the terminal says."))]
        yield await asyncio.to_thread(self.view, visitor, told)

    def _do(self, visitor: Visitor, action: Any) -> list[View]:
        self.networks.forget()
        if isinstance(action, actions.FetchModels):
            self.fetch(action.slots, action.agreed, visitor)
        elif isinstance(action, actions.TakeInModels):
            return self.take_in(action.files)
        elif isinstance(action, actions.RemoveModel):
            self.store.remove(action.slot)
        elif isinstance(action, actions.VerifyModels):
            return self.verify(action.slot)
        elif isinstance(action, actions.CommercialSafe):
            if self.forced:
                raise InputError(f"Commercial-safe was said at the start ({self.forced}).", code="STUDIO.SAID_AT_START",
                                 subject=self.forced, remedy="Change it there, and start the studio again.")
            self.store.switch_safe(action.on)
        return []

    # What is asked for

    def fetch(self, slots: Sequence[str], agreed: Iterable[str], visitor: Visitor) -> None:
        """Queues downloads of the models and of what they need beside them, unless they are here or under way. Raises
        ModelError: DOWNLOAD.OFFLINE, LICENCE.COMMERCIAL, LICENCE.NOT_AGREED (nothing is queued then), MODEL.NO_ADDRESS,
        MODEL.UNKNOWN."""
        found = self.store.found()
        wanted = [row for row in self.store.catalogue.with_needs(slots) if not row.package and row.slot not in found]
        for row in wanted:
            if row.only_import:
                raise only_imported(row)
        self.machine.check_online(", ".join(row.title for row in wanted))
        said = set(agreed)
        for slot in slots:
            self.store.allowed(slot, self.safe)
        for row in wanted:
            if row.slot not in said and not self.store.agreed(row.slot):
                raise ModelError(f"The licence of {row.title} was not agreed to yet: {row.licence}. {row.terms}",
                                 subject=row.title, code="LICENCE.NOT_AGREED", remedy=f"Read it ({row.source}), and "
                                                                                      "say that you keep to it.")
        for row in wanted:
            if row.slot in said:
                self.store.agree(row.slot)
            self._queue(row, visitor)

    def _queue(self, row: CatalogueRow, visitor: Visitor) -> None:
        output = self.store.folder.absolute() / row.file
        before = self._job_of(output)
        if before is None:
            request = FetchRequest(slot=row.slot, folder=self.store.folder.absolute(), output=output,
                                   record=self.store.record.absolute())
            self.machine.jobs.submit(row.title, request, submitter=visitor.link)
        elif "retry" in before.wishes:
            self.machine.jobs.ask(before.id, "retry")

    def _job_of(self, output: Path) -> Job | None:
        """The download of this file that is under way, or that ended without it and can go on."""
        return next((job for job in reversed(self.machine.jobs.list())
                     if job.kind == "download" and job.state in UNFINISHED and job.output == str(output)), None)

    def take_in(self, files: Iterable[actions.Mine]) -> list[View]:
        """Copies the user's files into the folder. Says of each what it is; an uploaded one is deleted."""
        took: list[Found] = []
        refused: list[tuple[str, ModelError]] = []
        for mine in files:
            for path, name in self._files_of(mine):
                try:
                    took.append(self.store.take_in(path, name))
                except ModelError as error:
                    refused.append((name, error))
                finally:
                    if mine.how == "upload":
                        path.unlink(missing_ok=True)
        unknown = [name for name, error in refused if error.code == "MODEL.UNKNOWN"]
        told: list[View] = [{"kind": "taken", "models": [one.row.title for one in took], "unknown": unknown}]
        return told + [notice_of(error) for _, error in refused if error.code != "MODEL.UNKNOWN"]

    def _files_of(self, mine: actions.Mine) -> Iterator[tuple[Path, str]]:
        """Files with their own names. Raises InputError where there are none."""
        if mine.how == "upload":
            path = (self.uploads / mine.at).resolve()
            if not path.is_relative_to(self.uploads.resolve()) or not path.is_file():
                raise InputError("That file was not uploaded by this page.", subject=Path(mine.at).name,
                                 code="STUDIO.NOT_UPLOADED", remedy="Drop the file on the page again.")
            yield path, mine.name or path.name
            return
        path = Path(mine.at).expanduser()
        found = sorted(one for one in path.rglob("*") if one.suffix.lower() in SUFFIXES) if path.is_dir() else [path]
        files = [one for one in found if one.is_file()]
        if not files:
            raise InputError(f"There are no models in {path} (.onnx or .dfm).", subject=str(path),
                             code="INPUT.NO_MODELS", remedy="Name the folder that holds the files, or one of them.")
        yield from ((one, one.name) for one in files)

    def verify(self, slot: str | None) -> list[View]:
        """Reads files through again; what is wrong with them."""
        checked: list[str] = []
        wrong: list[View] = []
        for one in [slot] if slot is not None else list(self.store.found()):
            try:
                checked.append(self.store.verify(one).row.title)
            except ModelError as error:
                wrong.append(notice_of(error))
        return wrong or [{"kind": "verified", "models": checked}]

    # What is shown

    def view(self, visitor: Visitor, told: Iterable[View] | None = None) -> View:
        """Plain data; words are chosen by the page. Paths of the machine are the owner's alone. told: in answer to what
        was asked for; None where somebody only looks, so that earlier answers stay."""
        catalogue, found, faults = self.store.catalogue, self.store.found(), self.store.faults()
        safe = self.safe
        rows = [self._row(row, found.get(row.slot), faults.get(row.slot), safe, visitor)
                for row in (*catalogue.model, *(one.row for one in found.values() if one.row.own))
                if not row.package or row.needed]
        roles = [*ROLES, *dict.fromkeys(row["role"] for row in rows if row["role"] not in ROLES)]
        return {
            "rev": next(self._numbers), "folder": str(self.store.folder) if visitor.owner else "",
            "offline": self.machine.offline, "safe": safe, "forced": self.forced,
            "roles": [{"role": role, "rows": some} for role in roles
                      if (some := [row for row in rows if row["role"] == role])],
            "told": None if told is None else list(told), "may": {"fetch": visitor.may_edit, "change": visitor.owner},
        }

    def _row(self, row: CatalogueRow, found: Found | None, fault: ModelError | None, safe: bool, visitor: Visitor,
             ) -> View:
        catalogue = self.store.catalogue
        state = "packaged" if row.package else found.state if found else "damaged" if fault else "missing"
        size = row.bytes
        with contextlib.suppress(OSError):  # it was deleted just now
            size = found.path.stat().st_size if found else size
        return {
            "slot": row.slot, "role": catalogue.role_of(row), "title": row.title, "bytes": size, "licence": row.licence,
            "commercial": row.commercial, "terms": row.terms, "source": row.source, "tried": row.tried,
            "needs": [{"slot": one.slot, "title": one.title} for one in map(catalogue.row, row.needs)],
            "presets": list(row.presets), "agreed": self.store.agreed(row.slot), "state": state,
            "fault": notice_of(fault) if fault else None, "file": row.file, "own": row.own,
            "only_import": row.only_import,
            "path": str(found.path) if found and visitor.owner else "",
            "barred": safe and obstacle(catalogue, row) is not None,
        }


def notice_of(error: LikenessError) -> View:
    return {"kind": "error", "code": error.code, "words": error.message, "subject": error.subject,
            "remedy": error.remedy}
