"""Which tabs are open. One of these belongs to one server; a tab finds nothing of another's in its own session."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

from pipeline.engine import Engine
from studio.access.roles import HOST, Visitor
from studio.machine import Machine
from studio.session import TabSession
from studio.work import Worker


class Tabs:
    """Sessions by their secret id (which their pictures' addresses carry) and by the browser connection they serve."""

    def __init__(self, engine: Engine, worker: Worker, folder: Path, machine: Machine | None = None) -> None:
        self._engine = engine
        self._worker = worker
        self._folder = folder
        self.machine = machine or Machine(folder.parent)
        self._by_id: dict[str, TabSession] = {}
        self._by_connection: dict[str, str] = {}

    def all(self) -> list[TabSession]:
        """The open ones, in the order of their opening."""
        return list(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    @property
    def uploads(self) -> Path:
        return self._folder / "uploads"

    def open(self, connection: str, visitor: Visitor = HOST) -> TabSession:
        """A new session; one that this connection had is closed, unless it is somebody else's."""
        if not self._may(connection, visitor):
            return self.ended(visitor)
        self._close(connection)
        id = secrets.token_urlsafe(18)
        tab = TabSession(self._engine, self._worker, self._folder / id, visitor, id, machine=self.machine)
        self._by_id[tab.id] = tab
        self._by_connection[connection] = tab.id
        return tab

    def get(self, tab_id: str) -> TabSession | None:
        return self._by_id.get(tab_id)

    def _may(self, connection: str, visitor: Visitor) -> bool:
        tab = self._by_id.get(self._by_connection.get(connection, ""))
        return tab is None or visitor.may_use(tab.visitor)

    def close(self, connection: str, visitor: Visitor = HOST) -> None:
        """Frees what the connection's tab held; nothing where it has none, or one of somebody else's."""
        if self._may(connection, visitor):
            self._close(connection)

    def _close(self, connection: str) -> None:
        tab = self._by_id.pop(self._by_connection.pop(connection, ""), None)
        if tab is not None:
            tab.close()

    def close_link(self, link: str) -> None:
        """Lets go of everything that guests with this link have open."""
        gone = {tab.id for tab in self.all() if tab.visitor.link == link}
        for connection in [key for key, id in self._by_connection.items() if id in gone]:
            self._close(connection)

    def ended(self, visitor: Visitor = HOST) -> TabSession:
        """A session that is over, for pages that have none: it can only say so."""
        tab = TabSession(self._engine, self._worker, self._folder / "ended", visitor, machine=self.machine)
        tab.closed = True
        return tab

    def close_all(self) -> None:
        for connection in list(self._by_connection):
            self._close(connection)
        shutil.rmtree(self._folder, ignore_errors=True)
