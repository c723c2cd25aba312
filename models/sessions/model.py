"""One model on one device: its session while it is loaded, and its counts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from models.sessions.binding import BoundSession
from models.sessions.ports import Counts, Port
from models.sessions.requests import MOST, Feeds, Made
from models.sessions.tensors import DeviceArray, all_on_host, on_host
from models.sessions.trouble import closed, is_memory, unreadable


class Model:
    """Safe to share between threads. make: a session of the source. asked: the providers that were asked for."""

    def __init__(self, source: Path | bytes, name: str, device: str, make: Callable[[Path | bytes], Any],
                 asked: Sequence[str]) -> None:
        self.source = source
        self.name = name
        self.counts = Counts(name, device)
        self.inputs: tuple[Port, ...] = ()
        self.outputs: tuple[Port, ...] = ()
        self.most = MOST
        """Rows that one run may have; less once memory was short."""
        self.used = time.monotonic()
        self.running = 0
        self._make = make
        self._asked = asked
        self._session: Any = None
        self._closed = False
        self._stale = False
        self._loading = threading.Lock()
        self._counting = threading.Lock()

    @property
    def free(self) -> frozenset[str]:
        """Inputs that take any number of rows; known once it was loaded."""
        return frozenset(port.name for port in self.inputs if port.free)

    @property
    def packs(self) -> bool:
        """Whether rows of several requests may go into one run: every output then has their rows, in their order."""
        return bool(self.free) and all(port.free for port in self.outputs)

    @property
    def loaded(self) -> bool:
        return self._session is not None

    @property
    def size(self) -> int:
        """Bytes of the file, or of the graph."""
        return len(self.source) if isinstance(self.source, bytes) else self.source.stat().st_size

    def hold(self, more: int) -> None:
        with self._counting:
            self.counts = replace(self.counts, leases=self.counts.leases + more)

    def asked_for(self) -> None:
        with self._counting:
            self.counts = replace(self.counts, requests=self.counts.requests + 1)

    def begin(self, more: int) -> None:
        """One run more, or one less, for which the session has to stay."""
        with self._counting:
            self.running += more
            self.used = time.monotonic()

    def session(self, room: Callable[[Model], None] = lambda _: None) -> Any:
        """Loaded at the first use, once for all threads. room: makes room for it first. Raises ModelError."""
        with self._loading:
            if self._closed:
                raise closed(self.name)
            if self._session is None or self._stale:
                room(self)
                self._session, self._stale = self._load(), False
            return self._session

    def renew(self) -> None:
        """The next use makes the session again: there is a better one now. Runs that are under way keep theirs."""
        self._stale = True

    def _load(self) -> Any:
        began = time.perf_counter()
        try:
            size = self.size
            session = self._make(self.source)
            inputs, outputs = (tuple(_port(port) for port in ports)
                               for ports in (session.get_inputs(), session.get_outputs()))
        except Exception as error:  # ONNX Runtime raises many kinds of its own; all mean that this file is no use
            if is_memory(error):
                raise
            raise unreadable(self.name, error) from error
        self.inputs, self.outputs = inputs, outputs
        found = tuple(session.get_providers())
        with self._counting:
            self.counts = replace(self.counts, bytes=size, providers=found, loaded=True, loads=self.counts.loads + 1,
                                  missed=tuple(name for name in self._asked if name not in found),
                                  modes=_said(session)[0], said=_said(session)[1],
                                  load_ms=1000 * (time.perf_counter() - began))
        return session

    def unload(self) -> bool:
        """Lets go of the session, unless it runs. Whether it did."""
        with self._counting:
            if self.running or self._session is None:
                return False
            session, self._session = self._session, None
            self.counts = replace(self.counts, loaded=False)
        if isinstance(session, BoundSession):
            session.close()
        return True

    def run(self, session: Any, feeds: Feeds, outputs: Sequence[str] | None) -> Made:
        """One call of the network; errors are the runtime's own."""
        began = time.perf_counter()
        given = feeds if isinstance(session, BoundSession) else all_on_host(feeds)
        made: Made = session.run(None if outputs is None else list(outputs), given)
        self._count(session, 1000 * (time.perf_counter() - began), feeds, made)
        return made

    def run_kept(self, session: Any, feeds: Feeds, outputs: Sequence[str] | None, more_room: Callable[[], bool],
                 ) -> list[DeviceArray]:
        """The same in one run, whose answers stay where they are. Where it does not fit, it goes in pieces after all,
        whose answers have to come back."""
        if not isinstance(session, BoundSession):
            made = self.run_in_pieces(session, feeds, outputs, more_room)
            return [DeviceArray(array, self.counts.device) for array in made]
        began = time.perf_counter()
        try:
            kept = session.run_kept(outputs, feeds)
        except Exception as error:
            if not is_memory(error):
                raise
            made = self.run_in_pieces(session, all_on_host(feeds), outputs, more_room)
            return [DeviceArray(array, self.counts.device) for array in made]
        self._count(session, 1000 * (time.perf_counter() - began), feeds, [])
        return kept

    def run_in_pieces(self, session: Any, feeds: Feeds, outputs: Sequence[str] | None, more_room: Callable[[], bool],
                      ) -> Made:
        """All rows, in as few runs as `most` allows; where memory is short, in runs of half as many, down to one row.

        more_room: lets go of something else; whether there was anything. Raises the runtime's own error where one row
        does not fit.
        """
        rows = max((len(feeds[name]) for name in self.free), default=1)
        pieces: list[Made] = []
        at = 0
        while at < rows:
            step = min(self.most, rows - at) if self.packs else rows
            try:
                pieces.append(self.run(session, self._rows(feeds, at, at + step) if step < rows else feeds, outputs))
                at += step
            except Exception as error:
                if not is_memory(error):
                    raise
                if not more_room():
                    if step == 1 or not self.packs:
                        raise
                    self.most = max(step // 2, 1)
        return pieces[0] if len(pieces) == 1 else [np.concatenate(parts) for parts in zip(*pieces, strict=True)]

    def _rows(self, feeds: Feeds, start: int, stop: int) -> Feeds:
        return {name: on_host(array)[start:stop] if name in self.free else array for name, array in feeds.items()}

    def _count(self, session: Any, ms: float, feeds: Feeds, made: Made) -> None:
        first = next(iter(feeds.values()), None)
        batch = int(first.shape[0]) if first is not None and first.ndim else 1
        modes, said = _said(session)
        moved = sum(array.nbytes for array in (*feeds.values(), *made) if not isinstance(array, DeviceArray))
        with self._counting:
            old = self.counts
            batches = {**old.batches, batch: old.batches.get(batch, 0) + 1}
            self.counts = replace(old, runs=old.runs + 1, ms=old.ms + ms, moved=old.moved + moved, batches=batches,
                                  modes=modes, said=said)

    def close(self) -> None:
        with self._loading:
            self._closed = True
            self._session = None


def _said(session: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a session on a CUDA device has to say of itself: modes and said of `Counts`."""
    if not isinstance(session, BoundSession):
        return (), ()
    return tuple(session.said.modes), tuple(session.said.words)


def _port(port: Any) -> Port:
    return Port(port.name, tuple(port.shape), port.type)
