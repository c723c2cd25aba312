"""Numbered pictures that make a clip: `shot_0001.png`, `shot_0002.png`, …"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

RATE = 25
"""Pictures a second where nothing says it: what ffmpeg takes for numbered pictures."""

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".dpx", ".exr", ".tga"))

_PATTERN = re.compile(r"%(?:0(?P<digits>[1-9]))?d")
_NUMBER = re.compile(r"(?P<before>(?:.*\D)?)(?P<number>\d+)(?P<after>\D*)", re.DOTALL)
_FEWEST = 2


@dataclass(frozen=True, slots=True)
class Run:
    """Numbered pictures of one name. pattern: as ffmpeg writes it. numbers: those that are there, rising."""

    pattern: Path
    numbers: tuple[int, ...]

    @property
    def first(self) -> int:
        return self.numbers[0]

    @property
    def missing(self) -> int | None:
        """The first number that is not there though higher ones are, or None."""
        for at, number in enumerate(self.numbers):
            if number != self.first + at:
                return self.first + at
        return None

    def files(self) -> list[Path]:
        return [self.pattern.with_name(named(self.pattern.name, number)) for number in self.numbers]


def is_pattern(path: Path) -> bool:
    """Whether a name holds one number to be filled in (`%d`, `%04d`)."""
    return path.name.count("%") == 1 and _PATTERN.search(path.name) is not None


def named(pattern: str, number: int) -> str:
    return _PATTERN.sub(lambda found: f"{number:0{found['digits'] or 1}d}", pattern)


def escaped(path: Path) -> str:
    """A pattern as ffmpeg wants it: a percent sign in the folders' names is none of the pattern."""
    head, tail = os.path.split(str(path))
    return os.path.join(head.replace("%", "%%"), tail)


def run_of(pattern: Path) -> Run | None:
    """The pictures of a pattern, or None where there is none. Raises OSError."""
    found = _PATTERN.search(pattern.name)
    if found is None or not pattern.parent.is_dir():
        return None
    before, after = pattern.name[:found.start()], pattern.name[found.end():]
    numbers = []
    for name in os.listdir(pattern.parent):
        digits = name[len(before):len(name) - len(after)]
        if (name.startswith(before) and name.endswith(after) and digits.isascii() and digits.isdecimal()
                and named(pattern.name, int(digits)) == name):
            numbers.append(int(digits))
    return Run(pattern, tuple(sorted(numbers))) if numbers else None


def runs_in(folder: Path) -> list[Run]:
    """Every run of two numbered pictures or more in a folder, the longest first. Raises OSError."""
    found: dict[tuple[str, str, int], list[int]] = defaultdict(list)
    for name in os.listdir(folder):
        parts = _NUMBER.fullmatch(name)
        if parts is None or Path(name).suffix.lower() not in SUFFIXES or name.startswith("."):
            continue
        before, digits, after = parts["before"], parts["number"], parts["after"]
        if "%" in before + after or not digits.isascii() or len(digits) > 9:
            continue
        width = len(digits) if digits.startswith("0") and len(digits) > 1 else 0
        found[before, after, width].append(int(digits))
    runs = [Run(folder / f"{before}{f'%0{width}d' if width else '%d'}{after}", tuple(sorted(numbers)))
            for (before, after, width), numbers in _joined(found).items()]
    return sorted((run for run in runs if len(run.numbers) >= _FEWEST),
                  key=lambda run: (-len(run.numbers), run.pattern))


def _joined(found: dict[tuple[str, str, int], list[int]]) -> dict[tuple[str, str, int], list[int]]:
    """`shot_0999` has a leading nought and `shot_1000` none: both are of the pattern with four digits."""
    joined = {key: list(numbers) for key, numbers in found.items() if key[2]}
    for (before, after, _), numbers in ((key, n) for key, n in found.items() if not key[2]):
        widths = [width for b, a, width in joined if width and (b, a) == (before, after)]
        rest: list[int] = []
        for number in numbers:
            width = max((width for width in widths if width <= len(str(number))), default=None)
            (rest if width is None else joined[before, after, width]).append(number)
        if rest:
            joined[before, after, 0] = rest
    return joined
