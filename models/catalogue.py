"""The catalogue of model files, from the data file beside this one, and whether a file is the one that it should be."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from models.errors import ModelError
from models.families.dlib_faces import data_file
from models.foreign import Inspected
from models.sessions.ports import Port

Commercial = Literal["yes", "no", "unclear"]
Role = Literal["detector", "landmarker", "recogniser", "converter", "swapper", "enhancer", "mask", "matte", "upscaler",
               "analyser", "attributes", "colouriser", "age", "portrait", "lips"]
OWN, OWN_SUFFIX = "dfm", ".dfm"
"""The family, and the ending, of models that imitate one person each: the catalogue lists none of them, users bring
their own files. `dfm.NAME` is the slot of NAME.dfm."""
_STRICT = ConfigDict(extra="forbid")

DOUBLE = "tensor(double)"


@dataclass(frozen=True, slots=True, config=_STRICT)
class Contract:
    """What a network of a family takes and gives. inputs: shapes by name; optional: of inputs that only some have;
    outputs: shapes of the first ones, in their order (some give more than anybody needs). N: any size; ["*"]: any
    shape.
    Numbers are float32 unless `halves` says that both ends are float16; inputs named in `doubles` are float64."""

    inputs: Mapping[str, tuple[int | str, ...]]
    outputs: tuple[tuple[int | str, ...], ...]
    optional: Mapping[str, tuple[int | str, ...]] = field(default_factory=dict)
    halves: bool = False
    doubles: tuple[str, ...] = ()

    def fits(self, found: Inspected) -> bool:
        return self.difference(found) is None

    def difference(self, found: Inspected) -> str | None:
        """What does not fit, in words; None where everything does."""
        names = {port.name for port in found.inputs}
        wanted = dict(self.inputs) | {name: shape for name, shape in self.optional.items() if name in names}
        if len(wanted) == len(found.inputs) == 1 and not self.optional:
            # Of one input the name says nothing: publishers differ.
            wanted = {found.inputs[0].name: next(iter(wanted.values()))}
        if names != set(wanted):
            return f"inputs {_words(wanted)} expected, {_words(names)} found"
        kind = "tensor(float16)" if self.halves else "tensor(float)"
        for port in found.inputs:
            if not _same(wanted[port.name], port) or port.type != (DOUBLE if port.name in self.doubles else kind):
                return f"{port.name} of {wanted[port.name]} expected, {port.type} {port.shape} found"
        if len(found.outputs) < len(self.outputs):
            return f"{len(self.outputs)} outputs expected, {len(found.outputs)} found"
        for shape, port in zip(self.outputs, found.outputs, strict=False):
            if not _same(shape, port):
                return f"an output of {shape} expected, {port.shape} found"
        return None


def _words(names: Any) -> str:
    return ", ".join(sorted(names)) or "none"


def _same(shape: tuple[int | str, ...], port: Port) -> bool:
    """Sizes that are fixed on both sides are equal; a first axis of 1 may have been made free."""
    return shape == ("*",) or (len(shape) == len(port.shape) and all(
        wanted == found or not isinstance(wanted, int) or not isinstance(found, int)
        for wanted, found in zip(shape, port.shape, strict=True)))


@dataclass(frozen=True, slots=True, config=_STRICT)
class CatalogueRow:
    """One model file.

    slot: the name that processors ask for. family: whose contract it has. file: its name; others: names under which
    people have it. package: the Python package that brings it, or urls: where it is, the origin first. bytes, sha256:
    what it must be; None where nobody has measured it yet, never guessed. also: sha256 of other publishers' files of
    the same network, which take and give what the family says. only_import: it is at no address that could be named;
    people take in the file that they have. needed: the main job fails without it. rank: of those that find and know
    faces and that a preset wants, 1 is taken before 2 where both are there; None is never taken by itself.
    commercial, terms: may it be used for money, and why. role: of what a package brings, whose family has no contract
    to say it. tried: whether the family's code ever ran a published network of this kind, or only a twin with its
    contract. needs: slots beside which alone it is of use. presets: those that want it. half: it may run in half
    precision, on devices that are made for it and after a comparison (see `models.sessions.halves`). own: a file that
    the user brought, of which the catalogue knows the family alone: never in the data file.
    """

    slot: str
    family: str
    title: str
    file: str
    licence: str
    commercial: Commercial
    terms: str
    source: str
    tried: Literal["real", "twin"]
    package: str = ""
    urls: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    bytes: int | None = None
    sha256: str | None = None
    also: tuple[str, ...] = ()
    only_import: bool = False
    needed: bool = False
    rank: int | None = None
    role: Role | None = None
    needs: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()
    half: bool = False
    own: bool = False

    def __post_init__(self) -> None:
        if not self.own and [bool(self.package), bool(self.urls), self.only_import].count(True) != 1:
            raise ValueError(f"{self.slot}: either a package brings it, or it has addresses, or it is only imported")
        for one in self.hashes:
            if len(one) != 64 or set(one) - set("0123456789abcdef"):
                raise ValueError(f"{self.slot}: {one!r} is no sha256")

    @property
    def hashes(self) -> tuple[str, ...]:
        """Every sha256 that is known of it, the one of its own file first."""
        return self.also if self.sha256 is None else (self.sha256, *self.also)


@dataclass(frozen=True, slots=True, config=_STRICT)
class Family:
    """What all models of one kind have in common. facts: numbers of its preparation, read by its own code."""

    name: str
    role: Role
    contract: Contract
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, config=_STRICT)
class Catalogue:
    """rows, families: in the file's order."""

    model: tuple[CatalogueRow, ...]
    family: tuple[Family, ...] = ()

    def __post_init__(self) -> None:
        slots = [row.slot for row in self.model]
        if len(set(slots)) != len(slots):
            raise ValueError("a slot is there twice")
        hashes = [one for row in self.model for one in row.hashes]
        if len(set(hashes)) != len(hashes):
            raise ValueError("a sha256 is there twice")
        for row in self.model:
            if row.own:
                raise ValueError(f"{row.slot} is said to be a user's own")
            if missing := set(row.needs) - set(slots):
                raise ValueError(f"{row.slot} needs {', '.join(sorted(missing))}, which there is not")
            if not row.package and row.family not in {one.name for one in self.family}:
                raise ValueError(f"{row.slot} is of a family without a contract: {row.family}")
            if bool(row.role) != bool(row.package):
                raise ValueError(f"{row.slot}: a family says its role, or else, where a package brings it, the row")
        ranks = [(self.family_of(row).role, row.rank) for row in self.model if row.rank is not None]
        if len(set(ranks)) != len(ranks):
            raise ValueError("two models of a role have one rank")

    @property
    def ranked(self) -> tuple[CatalogueRow, ...]:
        """Those that may be taken by themselves to find and know faces, the best of each role first."""
        return tuple(sorted((row for row in self.model if row.rank is not None), key=lambda row: row.rank or 0))

    @property
    def offered(self) -> tuple[CatalogueRow, ...]:
        """Those whose files are in the folder of models: fetched, or taken in."""
        return tuple(row for row in self.model if not row.package)

    def row(self, slot: str) -> CatalogueRow:
        """Of a slot, also of a user's own file, whether that is there or not. Raises ModelError MODEL.UNKNOWN."""
        family, _, name = slot.partition(".")
        if family == OWN and name and any(one.name == OWN for one in self.family):
            return own_row(name)
        for row in self.model:
            if row.slot == slot:
                return row
        if family == OWN and not name:
            raise ModelError(f"No {OWN_SUFFIX} file was chosen.", subject=OWN_SUFFIX, code="MODEL.UNKNOWN",
                             remedy="`models list` names those that are here; `models import` takes more in.")
        raise ModelError(f"There is no model called {slot}.", subject=slot, code="MODEL.UNKNOWN",
                         remedy="`models list` names all that there are.")

    def family_of(self, row: CatalogueRow) -> Family:
        return next(family for family in self.family if family.name == row.family)

    def role_of(self, row: CatalogueRow) -> Role:
        return row.role or self.family_of(row).role

    def with_needs(self, slots: Iterable[str]) -> tuple[CatalogueRow, ...]:
        """The rows and what they need beside them, each once, what is needed first. Raises ModelError MODEL.UNKNOWN."""
        wanted: list[CatalogueRow] = []

        def add(slot: str) -> None:
            row = self.row(slot)
            for needed in row.needs:
                add(needed)
            if row not in wanted:
                wanted.append(row)

        for slot in slots:
            add(slot)
        return tuple(wanted)


def own_row(name: str, file: str = "") -> CatalogueRow:
    """What is said of a user's own file. name: without its ending."""
    return CatalogueRow(
        slot=f"{OWN}.{name}", family=OWN, title=name, file=file or name + OWN_SUFFIX, licence="Your own file",
        commercial="unclear", source="", tried="twin", own=True,
        terms="Its terms are those of whoever made it. It imitates one person: use it with their consent only.")


_CATALOGUE: TypeAdapter[Catalogue] = TypeAdapter(Catalogue)


def read_catalogue(text: str) -> Catalogue:
    """From TOML. Raises ModelError CATALOGUE.INVALID with the place."""
    try:
        return _CATALOGUE.validate_python(tomllib.loads(text))
    except (ValidationError, tomllib.TOMLDecodeError) as error:
        raise ModelError(f"The catalogue of models is not valid: {error}", subject="catalogue.toml",
                         code="CATALOGUE.INVALID", remedy="Install Likeness again.") from error


def whole_catalogue() -> Catalogue:
    return read_catalogue(files("models").joinpath("catalogue.toml").read_text(encoding="utf-8"))


def load_catalogue() -> tuple[CatalogueRow, ...]:
    """The rows of what packages bring, in the file's order."""
    return tuple(row for row in whole_catalogue().model if row.package)


def digest(path: Path) -> tuple[str, int]:
    """sha256 (hexadecimal) and bytes of a file, read through once (0.1 s for 100 MB). Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest(), stream.tell()


def verify(row: CatalogueRow, find: Callable[[str], Path] = data_file) -> Path:
    """The file of a row that a package brings. Raises ModelError: MODEL.MISSING, MODEL.CHECKSUM, MODEL.UNREADABLE."""
    again = f"Install the package {row.package} again: `python3 -m uv sync --reinstall-package {row.package}`."
    path = find(row.file)
    try:
        found, size = digest(path)
    except OSError as error:
        raise ModelError(f"The model file {path} cannot be read: {error.strerror}.", subject=row.file, remedy=again,
                         code="MODEL.UNREADABLE") from error
    if size != row.bytes or found != row.sha256:
        raise ModelError(f"The model file {row.file} is not the one that it should be ({size} bytes, {row.bytes} "
                         "expected).", subject=row.file, remedy=again, code="MODEL.CHECKSUM")
    return path
