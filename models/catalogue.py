"""The catalogue of model files, from the data file beside this one, and whether a file is the one that it should be."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from models.errors import ModelError
from models.families.dlib_faces import data_file

Commercial = Literal["yes", "no", "unclear"]


@dataclass(frozen=True, slots=True)
class CatalogueRow:
    """One model file.

    slot: the name that processors ask for. file: its name; package: the Python package that brings it. bytes, sha256:
    what it must be. needed: the main job fails without it. commercial, terms: may it be used for money, and why.
    """

    slot: str
    family: str
    title: str
    file: str
    package: str
    bytes: int
    sha256: str
    needed: bool
    licence: str
    commercial: Commercial
    terms: str
    source: str


def load_catalogue() -> tuple[CatalogueRow, ...]:
    """In the file's order."""
    data = tomllib.loads(files("models").joinpath("catalogue.toml").read_text(encoding="utf-8"))
    return tuple(CatalogueRow(**row) for row in data["model"])


def verify(row: CatalogueRow, find: Callable[[str], Path] = data_file) -> Path:
    """The row's file, read through once (0.1 s for 100 MB). Raises ModelError: MODEL.MISSING, MODEL.CHECKSUM,
    MODEL.UNREADABLE."""
    again = f"Install the package {row.package} again: `python3 -m uv sync --reinstall-package {row.package}`."
    path = find(row.file)
    try:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
            size = stream.tell()
    except OSError as error:
        raise ModelError(f"The model file {path} cannot be read: {error.strerror}.", subject=row.file, remedy=again,
                         code="MODEL.UNREADABLE") from error
    if size != row.bytes or found != row.sha256:
        raise ModelError(f"The model file {row.file} is not the one that it should be ({size} bytes, {row.bytes} "
                         "expected).", subject=row.file, remedy=again, code="MODEL.CHECKSUM")
    return path
