"""What the studio is started with."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


def _nothing() -> Sequence[Mapping[str, Any]]:
    return ()


@dataclass(frozen=True, slots=True)
class Settings:
    """data_dir: the data folder; a folder `tabs` in it holds what open tabs have uploaded and saved.

    checks: called for the System screen; gives the doctor's rows (name, state, words, remedy).
    cores: how many CPU cores there are, for the top bar.
    """

    data_dir: Path
    port: int = 7860
    checks: Callable[[], Sequence[Mapping[str, Any]]] = _nothing
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)

    @property
    def tabs_folder(self) -> Path:
        return self.data_dir / "tabs"
