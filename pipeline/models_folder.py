"""Where the model files are: one rule for every command, the studio and the processes that it starts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from models.catalogue import Catalogue, whole_catalogue
from models.networks import Networks
from models.sessions import SessionManager
from models.sessions.cards import find_devices
from models.store import Store

VARIABLE = "LIKENESS_MODELS_DIR"
"""The studio sets it for the processes that it starts."""
RECORD = "models.json"
"""In the data folder: what was learnt of the files, and which licences were agreed to."""


def models_folder(named: Path | None, data: Path, variables: Mapping[str, str] = os.environ) -> Path:
    """named: by a flag; else the variable; else `models` in the data folder."""
    return named or (Path(variables[VARIABLE]) if variables.get(VARIABLE) else data / "models")


def open_store(named: Path | None, data: Path, catalogue: Catalogue | None = None) -> Store:
    """catalogue: the program's own unless a test says otherwise."""
    return Store(catalogue or whole_catalogue(), models_folder(named, data), data / RECORD)


def open_networks(named: Path | None, data: Path) -> Networks:
    """On whatever devices this machine has. What is made for one of them (engines, networks in half precision) is kept
    in the data folder."""
    return Networks(open_store(named, data), SessionManager(find_devices(data / "devices")))
