"""The models of a folder, ready to run: what the rooms above ask for by slot."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from models.catalogue import CatalogueRow
from models.errors import ModelError
from models.sessions import Lease, Priority, SessionManager
from models.store import Store
from models.terms import obstacle

T = TypeVar("T")
Build = Callable[[Lease, Mapping[str, Any]], T]
"""Makes what a family does with a network. Given: a lease on it, and the family's facts in the catalogue."""


FRESH = 2.0
"""Seconds for which a look into the folder is taken for true."""


class Models(Protocol):
    """What a processor is handed: networks by the slots that its `needs` names."""

    def has(self, slot: str) -> bool:
        """Whether a file is in the place of this model."""
        ...

    def get(self, slot: str, build: Build[T]) -> T:
        """What `build` makes of a network, made once and kept. build: a function or class of a module, the same at
        each call, since it is part of what is kept by. Raises ModelError MODEL.MISSING and what building raises."""
        ...


class NoModels:
    """Where nothing was asked for."""

    def has(self, slot: str) -> bool:
        return False

    def get(self, slot: str, build: Build[T]) -> T:
        raise missing(slot)


def missing(slot: str) -> ModelError:
    return ModelError(f"The model {slot} is not there.", subject=slot,
                      remedy=f"`models get {slot}` fetches it, or name the folder that it is in with --models-dir.")


@dataclass
class Networks:
    """The files of a store, run by one session manager. Safe to share between threads; one of them serves a process.

    store: None where there is no folder of models. safe: only models may be taken whose terms allow commercial use; a
    switch of the store says so too. clock: seconds that only go forward.
    """

    store: Store | None = None
    manager: SessionManager = field(default_factory=SessionManager)
    safe: bool = False
    clock: Callable[[], float] = time.monotonic
    _paths: dict[str, Path] = field(default_factory=dict, init=False)
    _there: tuple[float, frozenset[str]] | None = field(default=None, init=False)
    _changes: int = field(default=0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def has(self, slot: str) -> bool:
        """Whether it is there, as of a moment ago; `path` looks anew."""
        return slot in self.there()

    def there(self) -> frozenset[str]:
        """The slots of all models that are there, as of a moment ago: screens and presets ask often."""
        with self._lock:
            known = self._there
        now = self.clock()
        if known is not None and now - known[0] < FRESH:
            return known[1]
        found = frozenset(self.store.found()) if self.store is not None else frozenset[str]()
        with self._lock:
            if known is not None and known[1] != found:
                self._changes += 1
                self._paths.clear()
            self._there = now, found
        return found

    @property
    def is_safe(self) -> bool:
        return self.safe or (self.store is not None and self.store.commercial_safe)

    def may_take(self, row: CatalogueRow) -> bool:
        """Whether this model may be taken where nobody asked for it by name."""
        return not self.is_safe or self.store is None or obstacle(self.store.catalogue, row) is None

    @property
    def changes(self) -> int:
        """How often models came or went so far, as far as anybody looked."""
        with self._lock:
            return self._changes

    def path(self, slot: str) -> Path:
        """The file in the place of a model. Raises ModelError: MODEL.MISSING, MODEL.CHECKSUM, MODEL.CONTRACT,
        MODEL.UNREADABLE."""
        if self.store is None:
            raise missing(slot)
        with self._lock:
            known = self._paths.get(slot)
        if known is not None and known.is_file():
            return known
        found = self.store.path(slot)
        with self._lock:
            self._paths[slot] = found
        return found

    def check(self, slots: Iterable[str]) -> None:
        """Raises for the first that is not there, before any is opened."""
        for slot in slots:
            self.path(slot)

    def digest(self, slots: Iterable[str]) -> str:
        """Of the files in these places: what was made with other ones is not the same. Empty for none."""
        wanted = sorted(slots)
        if not wanted or self.store is None:
            return ""
        found = self.store.found()
        return hashlib.sha256(repr([(slot, found[slot].sha256) for slot in wanted]).encode()).hexdigest()

    def forget(self) -> None:
        """Files were added or taken away: the folder is looked through again."""
        with self._lock:
            self._paths.clear()
            self._there = None
            self._changes += 1

    def for_owner(self, owner: str, priority: Priority = Priority.RENDER) -> OwnedModels:
        """For one render or preview: all that it asks for is on one device."""
        return OwnedModels(self, owner, priority)

    def lease(self, slot: str, owner: str, priority: Priority) -> Lease:
        """Raises as `path`, and as `SessionManager.lease`."""
        row = self.store.catalogue.row(slot) if self.store is not None else None
        return self.manager.lease(self.path(slot), name=slot, owner=owner, priority=priority, rows=True,
                                  half=row is not None and row.half)

    def facts(self, slot: str) -> Mapping[str, Any]:
        """The numbers of a model's family in the catalogue."""
        if self.store is None:
            raise missing(slot)
        catalogue = self.store.catalogue
        return catalogue.family_of(catalogue.row(slot)).facts

    def rest(self, seconds: float = 0.0) -> None:
        """Lets go of models that were not used for so long."""
        self.manager.rest(seconds)

    def close(self) -> None:
        self.manager.close()


class OwnedModels:
    """See `Models`. Safe to share between threads; close it when its owner is done."""

    def __init__(self, networks: Networks, owner: str, priority: Priority) -> None:
        self._networks = networks
        self._owner = owner
        self._priority = priority
        self._made: dict[tuple[str, Path, Any], tuple[Lease, Any]] = {}
        self._lock = threading.Lock()

    def has(self, slot: str) -> bool:
        return self._networks.has(slot)

    def get(self, slot: str, build: Build[T]) -> T:
        key = (slot, self._networks.path(slot), build)
        with self._lock:
            if key in self._made:
                made: T = self._made[key][1]
                return made
        lease = self._networks.lease(slot, self._owner, self._priority)
        try:
            made = build(lease, self._networks.facts(slot))
        except BaseException:
            lease.close()
            raise
        with self._lock:
            # Two threads may have made it at once: all of them use the first one's.
            first = self._made.setdefault(key, (lease, made))
        if first[0] is not lease:
            lease.close()
        kept: T = first[1]
        return kept

    def close(self) -> None:
        """Lets go of the leases; the models themselves stay loaded until they have rested long enough."""
        with self._lock:
            made, self._made = self._made, {}
        for lease, _ in made.values():
            lease.close()
        self._networks.manager.done(self._owner)

    def elsewhere(self) -> bool:
        """Lets go of everything, so that what is asked for from now on is on a device that works. Whether there is one.
        """
        self.close()
        return any(not device.lost for device in self._networks.manager.devices())

    def __enter__(self) -> OwnedModels:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
