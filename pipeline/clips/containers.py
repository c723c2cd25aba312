"""What containers hold and codecs can: the rows of encodings.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

_TABLE = Path(__file__).with_name("encodings.toml")


@dataclass(frozen=True, slots=True)
class ContainerRow:
    """One kind of output; the fields are explained in encodings.toml. tick: the time base that every time is rounded
    to, or None where any is kept."""

    name: str
    title: str
    suffixes: tuple[str, ...]
    muxer: str
    codecs: tuple[str, ...]
    deep: str
    alpha: str
    sounds: tuple[str, ...]
    sound: str
    subtitles: tuple[str, ...]
    subtitle: str
    turns: bool
    negative: bool
    variable: bool
    covers: bool = False
    tick: Fraction | None = None


@dataclass(frozen=True, slots=True)
class CodecRow:
    """One way to code pictures; the fields are explained in encodings.toml."""

    name: str
    title: str
    encoder: str
    decoder: str
    formats: tuple[str, ...]
    odd: bool
    part: str
    crf: int | None = None


@dataclass(frozen=True, slots=True)
class HardwareRow:
    """A graphics card's encoders by our codecs' names, and the pixel formats that they take by depth."""

    name: str
    title: str
    encoders: Mapping[str, str]
    formats: Mapping[int, str]


@cache
def _table() -> dict[str, Any]:
    with _TABLE.open("rb") as file:
        return tomllib.load(file)


def _tuples(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}


@cache
def containers() -> Mapping[str, ContainerRow]:
    rows = {}
    for name, row in _table()["containers"].items():
        fields = _tuples(row)
        tick = fields.pop("tick", None)
        rows[name] = ContainerRow(name=name, tick=Fraction(tick) if tick else None, **fields)
    return MappingProxyType(rows)


@cache
def codecs() -> Mapping[str, CodecRow]:
    return MappingProxyType({name: CodecRow(name=name, **_tuples(row)) for name, row in _table()["codecs"].items()})


@cache
def hardware_rows() -> Mapping[str, HardwareRow]:
    rows = {}
    for name, row in _table()["hardware"].items():
        encoders = {key: value for key, value in row.items() if key in codecs()}
        formats = {int(depth): value for depth, value in row["formats"].items()}
        rows[name] = HardwareRow(name, row["title"], MappingProxyType(encoders), MappingProxyType(formats))
    return MappingProxyType(rows)


def speed_of(word: str, family: str) -> str:
    """x264's word for speed in the encoder family's own terms ("x264", "av1", "vp9", "nvenc", "qsv"). Raises KeyError
    for a word that x264 does not have."""
    speeds = _table()["speeds"]
    if word not in speeds["words"]:
        raise KeyError(word)
    words: list[str] = speeds["words"] if family == "x264" else speeds[family]
    own: str = words[speeds["words"].index(word)]
    return own


def speed_words() -> tuple[str, ...]:
    return tuple(_table()["speeds"]["words"])


def container_by_suffix(suffix: str) -> str | None:
    """The container that a file name's ending asks for, or None. Endings of pictures ask for a sequence."""
    suffix = suffix.lower()
    if suffix in PICTURE_CODECS:
        return "sequence"
    return next((row.name for row in containers().values() if suffix in row.suffixes), None)


PICTURE_CODECS: Mapping[str, str] = MappingProxyType(
    {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".tif": "tiff", ".tiff": "tiff"})
"""Endings of a sequence's pictures."""

PICTURE_SUFFIX: Mapping[str, str] = MappingProxyType({"png": ".png", "jpeg": ".jpg", "tiff": ".tif"})
