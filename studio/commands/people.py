"""Sources and people as words: `--source [NAME=]FILE[#N]` and `--map 1=Ann,2=keep,others=blur`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from pipeline.recipe import Anonymise, AnonymiseStyle, Choice, Keep, RunEffects, UseSource, spelt
from studio.commands.faults import UsageError

WORDS = ("keep", "effects", *get_args(AnonymiseStyle))
OTHERS = "others"
_ENTRY = re.compile(rf"\s*(\d+|{OTHERS})\s*=(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SourceWords:
    """One --source: whose photo, which file, and which face in it (None: the largest)."""

    name: str
    path: Path
    face: int | None = None


def parse_source(text: str) -> SourceWords:
    """A text that is a file's name as it stands is that file, whatever signs it holds; else NAME= and #N are read."""
    if _is_file(text):
        return SourceWords(spelt(Path(text).stem), Path(text))
    name, equals, rest = text.partition("=")
    # A sign after a folder's name belongs to the path: `a=b/ann.jpg` is a file in the folder `a=b`.
    named = bool(equals) and "/" not in name and "\\" not in name
    file = rest if named else text
    path, face = _with_face(file)
    found = spelt(name.strip() if named else path.stem)
    if not file or not found:  # `/` is a path, and names nothing
        raise UsageError(f"--source {text!r} is not [NAME=]FILE.", subject=text,
                         remedy="Write for example --source Ann=ann.jpg.")
    if len(found) > 80:
        raise UsageError(f"The name {found[:20]!r}… is longer than 80 characters.", subject=found,
                         remedy="Give a shorter one: --source NAME=FILE.")
    return SourceWords(found, path, face)


def _with_face(file: str) -> tuple[Path, int | None]:
    found = re.fullmatch(r"(.+)#([1-9]\d{0,3})", file, re.DOTALL)
    if found is None or _is_file(file):
        return Path(file), None
    return Path(found[1]), int(found[2])


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long a name, or a null character: no file is called that
        return False


def by_name(sources: Sequence[SourceWords]) -> dict[str, list[SourceWords]]:
    """Photos of each identity, in the order given."""
    found: dict[str, list[SourceWords]] = {}
    for source in sources:
        found.setdefault(source.name, []).append(source)
    return found


def parse_map(text: str, names: Sequence[str]) -> tuple[dict[int, Choice], Choice | None]:
    """Who gets what by number, and what everyone else gets (None: not said). Raises UsageError in words."""
    text = spelt(text)  # as the names are
    people: dict[int, Choice] = {}
    others: Choice | None = None
    # Commas separate only where a number or `others` follows, so that a name may hold one.
    for entry in re.split(rf",(?=\s*(?:\d+|{OTHERS})\s*=)", text):
        found = _ENTRY.fullmatch(entry)
        if found is None:
            raise UsageError(f"--map: {entry.strip()!r} is not NUMBER=WHAT.", subject=entry,
                             remedy="Write for example --map 1=Ann,2=keep,3=blur.")
        who, what = found[1], _choice(found[2].strip(), names)
        if who == OTHERS:
            if others is not None:
                raise UsageError("--map says twice what others get.", subject=text, remedy="Say it once.")
            others = what
            continue
        number = int(who)
        if number < 1:
            raise UsageError("--map: people are numbered from 1.", subject=entry, remedy="See `webui.py analyse`.")
        if number in people:
            raise UsageError(f"--map names person {number} twice.", subject=text, remedy="Name each person once.")
        people[number] = what
    return people, others


def _choice(word: str, names: Sequence[str]) -> Choice:
    if word in names:
        if word in WORDS:
            raise UsageError(f"--map: {word!r} is both a source and a word of its own.", subject=word,
                             remedy="Call the source something else: --source NAME=FILE.")
        return UseSource(source=word)
    if word == "keep":
        return Keep()
    if word == "effects":
        return RunEffects()
    if word in WORDS:
        return Anonymise(style=cast(AnonymiseStyle, word))
    alike = [name for name in names if name.casefold() == word.casefold()]
    if len(alike) == 1:
        return UseSource(source=alike[0])
    raise UsageError(f"--map: there is no source called {word!r}.", subject=word, code="RECIPE.UNKNOWN_SOURCE",
                     remedy=f"Choose from {', '.join([*names, *WORDS])}.")
