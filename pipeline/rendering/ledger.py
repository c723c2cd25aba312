"""Which parts are done: a folder beside the output with the parts and one small file that says so.

The folder `.NAME.likeness` is there from the first frame until the output is whole. Its ledger is written anew after
each part, under another name and then renamed, so that a crash leaves the old one or the new one, never a half.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from models.errors import LikenessError, OutputError
from pipeline.rendering.doubts import Doubt
from pipeline.rendering.plan import PlannedPart
from processors.batches import Remark

VERSION = 1
LEDGER, LOCK = "ledger.json", "lock"


@dataclass(frozen=True, slots=True)
class DonePart:
    """What is known of a finished part. file: its name in the folder. frames: pictures in it. changed: of which any
    pixel was touched. people: frames in which each number's face was changed. remarks: by number. seconds: it took.
    damaged: the tick up to which the clip could be read, where it is damaged in this part. empty: nothing of it is
    shown, because the output has fewer pictures a second. scored: the scores of its frames lie beside it. (What is
    copied from the clip is in no ledger.)"""

    key: str
    file: str
    frames: int
    seconds: float
    changed: int = 0
    people: dict[int, int] = field(default_factory=dict)
    remarks: dict[int, tuple[Remark, ...]] = field(default_factory=dict)
    doubts: tuple[Doubt, ...] = ()
    ran: tuple[tuple[str, str], ...] = ()
    damaged: int | None = None
    empty: bool = False
    scored: bool = False

    @property
    def scores(self) -> str:
        """The name of the file with its scores."""
        return scores_of(self.file)


def scores_of(file: str) -> str:
    return f"{Path(file).stem}.scores"


def parts_folder(output: Path) -> Path:
    """Where the parts of a render to this output lie until it is whole."""
    return output.parent / f".{output.name}.likeness"


class Ledger:
    """The finished parts of one output, by their keys. One process at a time: see `held`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._done: dict[str, DonePart] = {}

    @classmethod
    @contextlib.contextmanager
    def held(cls, output: Path) -> Iterator[Ledger]:
        """The ledger, for this process alone. Raises OutputError `OUTPUT.BUSY` where another renders to this output."""
        ledger = cls(parts_folder(output))
        with in_words(output):
            ledger.folder.mkdir(exist_ok=True)
            lock = lock_of(ledger.folder / LOCK)
        if lock is None:
            raise OutputError(f"{output} is being rendered by another process.", subject=str(output),
                              code="OUTPUT.BUSY", remedy="Wait for it, or choose another name.")
        try:
            ledger._read()
            yield ledger
        finally:
            os.close(lock)
            with contextlib.suppress(OSError):
                if not ledger._done:  # nothing to go on with: leave nothing behind
                    shutil.rmtree(ledger.folder)

    def get(self, part: PlannedPart) -> DonePart | None:
        """A finished part, if its file is there as well."""
        done = self._done.get(part.key)
        return done if done is not None and self.path(done).is_file() else None

    def path(self, done: DonePart) -> Path:
        return self.folder / done.file

    def file_for(self, part: PlannedPart) -> str:
        return f"{part.key}.nut"

    def __len__(self) -> int:
        return len(self._done)

    def add(self, done: DonePart) -> None:
        self._done[done.key] = done
        self._write()

    def keep_only(self, keys: set[str]) -> None:
        """Forgets the parts of other recipes and removes their files, and whatever a crash left half-written."""
        self._done = {key: done for key, done in self._done.items() if key in keys}
        files = {name for done in self._done.values() for name in (done.file, done.scores)} | {LEDGER, LOCK}
        for path in self.folder.iterdir():
            if path.name not in files and path.is_file():
                path.unlink(missing_ok=True)
        self._write()

    def discard(self) -> None:
        """Removes the folder with everything in it."""
        self._done = {}
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self) -> None:
        try:
            data = json.loads((self.folder / LEDGER).read_text(encoding="utf-8"))
            if data["version"] == VERSION:
                self._done = {row["key"]: part_of_row(row) for row in data["parts"]}
        except (OSError, ValueError, KeyError, TypeError):
            self._done = {}  # none yet, or one that cannot be trusted: its parts are rendered again

    def _write(self) -> None:
        text = json.dumps({"version": VERSION, "parts": [row_of(done) for done in self._done.values()]}, indent=1)
        waiting = self.folder / f"{LEDGER}.{os.getpid()}"
        with in_words(self.folder):
            with waiting.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(waiting, self.folder / LEDGER)


def finished_parts(output: Path) -> int:
    """How many parts an earlier render of this output has left."""
    ledger = Ledger(parts_folder(output))
    ledger._read()
    return len(ledger)


_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextlib.contextmanager
def in_words(path: Path) -> Iterator[None]:
    """What the system says of a path as an OutputError: DISK.FULL, or that it cannot be written."""
    try:
        yield
    except LikenessError:
        raise
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise OutputError(f"The disk that {path} goes to is full, or a limit on files is reached.",
                              subject=str(path), code="DISK.FULL",
                              remedy="Free some space, then go on (--resume): finished parts are kept.") from error
        raise OutputError(f"{path} cannot be written: {error.strerror or error}.", subject=str(path),
                          remedy="Save to a folder that you may write to.") from error


def lock_of(path: Path) -> int | None:
    """A lock that the system lets go of when the process ends, however it ends; None where somebody has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def row_of(done: DonePart) -> dict[str, Any]:
    """A finished part as JSON data."""
    row = {name: getattr(done, name) for name in DonePart.__slots__}
    row["doubts"] = [asdict(doubt) for doubt in done.doubts]
    row["remarks"] = {number: [[r.code, r.words, dict(r.values)] for r in found]
                      for number, found in done.remarks.items()}
    return row


def part_of_row(row: dict[str, Any]) -> DonePart:
    """A finished part from JSON data. Raises KeyError, TypeError or ValueError where that is something else."""
    return DonePart(
        key=row["key"], file=row["file"], frames=row["frames"], seconds=row["seconds"], changed=row["changed"],
        people={int(number): count for number, count in row["people"].items()},
        remarks={int(number): tuple(Remark(code, words, values) for code, words, values in found)
                 for number, found in row["remarks"].items()},
        doubts=tuple(Doubt(**one) for one in row["doubts"]), ran=tuple((n, v) for n, v in row["ran"]),
        damaged=row["damaged"], empty=row.get("empty", False), scored=row.get("scored", False))
