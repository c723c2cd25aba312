"""What the studio is started with."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from studio.options import LOOPBACK, Value


def _nothing() -> Sequence[Mapping[str, Any]]:
    return ()


def _none() -> Mapping[str, Value]:
    return {}


@dataclass(frozen=True, slots=True)
class Settings:
    """data_dir: the data folder; a folder `tabs` in it holds what open tabs have uploaded and saved.

    listen: the address that is listened on. root_path: where a proxy shows the studio, without a slash at its end.
    allowed_hosts: names beside the machine's own. asks: everybody is asked for a credential, tunnel or not.
    resume_renders: interrupted renders go on at the start. offline: nothing is fetched from elsewhere. commercial_safe:
    the flag, variable or file that said so; empty where none did. jobs_command: what starts a job's process, for tests.
    options:
    all of it again with where it came from, to be shown. checks: called for the System screen; gives the doctor's rows
    (name, state, words, remedy). cores: how many CPU cores there are, for the top bar.
    """

    data_dir: Path
    port: int = 7860
    listen: str = LOOPBACK
    root_path: str = ""
    allowed_hosts: tuple[str, ...] = ()
    asks: bool = False
    resume_renders: bool = False
    offline: bool = False
    commercial_safe: str = ""
    jobs_command: Sequence[str] | None = None
    options: Mapping[str, Value] = field(default_factory=_none)
    checks: Callable[[], Sequence[Mapping[str, Any]]] = _nothing
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)

    @property
    def tabs_folder(self) -> Path:
        return self.data_dir / "tabs"

    @property
    def wide(self) -> bool:
        """Whether it listens beyond this machine."""
        return not ip_address(self.listen).is_loopback

    @property
    def reachable(self) -> bool:
        """Whether somebody elsewhere can reach the studio by what it was started with: over the network, or through a
        proxy that shows it under a name or a path of its own."""
        return self.wide or self.asks or bool(self.allowed_hosts) or bool(self.root_path)
