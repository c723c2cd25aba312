"""Analyses in a folder, one file each, made span by span and gone on with wherever they were left."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from models.errors import OutputError
from models.interfaces import FaceStack, Search
from pipeline.analysis import file as blocks
from pipeline.analysis.found import Found
from pipeline.analysis.known import Known
from pipeline.analysis.looking import BEFORE, BEHIND, Pass
from pipeline.analysis.shots import FLASH
from pipeline.clips.clip import Clip
from pipeline.clips.reader import MediaDamaged, read_frames
from pipeline.recipe import Looking
from pipeline.rendering.ledger import in_words, lock_of
from pipeline.rendering.plan import end_of, pieces_of
from pipeline.rendering.stages import ahead, depth_for

ANALYSER = 1
"""Version of what finds and steadies faces: analyses of another one are made anew."""

BUDGET = 2 << 30
"""Bytes. An hour of two faces is about 40 MB; what was used longest ago goes first."""

_OPEN = 8
"""Analyses that are kept read: of an hour's clip a few megabytes each."""

_WAIT = 0.2  # seconds between two looks whether another process has let go of an analysis

Tell = Callable[[int, int], None]
"""Told how many frames are known, of how many that are wanted."""


def _silent(_done: int, _total: int) -> None:
    return None


def _go_on() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Wanted:
    """first, last: frames that are needed; None for the clip's ends. around: a frame that is looked at first."""

    first: int | None = None
    last: int | None = None
    around: int | None = None


EVERYTHING = Wanted()


class Analyses:
    """A folder of analyses: a cache that can be made again, but took long to make. Safe to share between processes."""

    def __init__(self, folder: Path, budget: int = BUDGET) -> None:
        self._folder, self._budget = folder, budget
        self._read: OrderedDict[Path, tuple[tuple[int, int], Known]] = OrderedDict()
        self._lock = threading.Lock()

    def path(self, clip: Clip, stack: FaceStack, looking: Looking) -> Path:
        """Where it is, or would be."""
        return self._folder / f"{key_of(clip, stack, looking)}.faces"

    def known(self, clip: Clip, stack: FaceStack, looking: Looking) -> Known | None:
        """What there is of it, whole or not; None where nothing is."""
        path = self.path(clip, stack, looking)
        for there in (path, _going(path)):
            with contextlib.suppress(OSError):
                known = self._opened(there, clip, stack)
                if known.file.head == _head(clip, stack, looking) and known.spans:
                    os.utime(there)
                    return known
        return None

    def _opened(self, path: Path, clip: Clip, stack: FaceStack) -> Known:
        """Read once, for as long as nothing is added."""
        status = os.stat(path)
        signature = status.st_ino, status.st_size
        with self._lock:
            had = self._read.get(path)
        if had is not None and had[0] == signature:
            return had[1]
        known = Known(path, clip, stack.recogniser)
        with self._lock:
            self._read[path] = signature, known
            self._read.move_to_end(path)
            while len(self._read) > _OPEN:
                self._read.popitem(last=False)
        return known

    def analyse(self, clip: Clip, stack: FaceStack, looking: Looking, wanted: Wanted = EVERYTHING, *,
                tell: Tell = _silent, check: Callable[[], None] = _go_on) -> Known:
        """The analysis, with what was wanted of it. check: called before each frame; it raises to stop, and what is
        known by then is kept. Where the clip is damaged, it is known up to there.

        Raises OutputError where the folder cannot be written to (DISK.FULL among it), what reading the clip raises.
        """
        path = self.path(clip, stack, looking)
        numbers = _order(spans_of(clip), wanted)
        with in_words(path):
            self._folder.mkdir(parents=True, exist_ok=True)
            with _alone(path, check):
                known = self.known(clip, stack, looking)
                if known is None or not (known.is_whole or _has(known, clip, numbers)):
                    self._go_on(path, clip, stack, looking, numbers, tell, check)
                    self._make_room(path)
        known = self.known(clip, stack, looking)
        if known is None:
            raise OutputError(f"{path} is gone.", subject=str(path), remedy="Start again.")
        return known

    def _go_on(self, path: Path, clip: Clip, stack: FaceStack, looking: Looking, numbers: Sequence[int], tell: Tell,
               check: Callable[[], None]) -> None:
        spans, going = spans_of(clip), _going(path)
        had = _continued(going, clip, stack, looking)
        done = {span.first for span in had}
        total = sum(spans[n][1] - spans[n][0] + 1 for n in numbers)
        known = sum(spans[n][1] - spans[n][0] + 1 for n in numbers if spans[n][0] in done)
        tell(known, total)
        damaged: int | None = None
        with going.open("ab") as file:
            if not file.tell():
                blocks.begin(file, _head(clip, stack, looking))
            for run in _runs([n for n in numbers if spans[n][0] not in done]):
                count = _Count(tell, known, total)
                try:
                    for found in _looked(clip, stack, looking, [spans[n] for n in run], count, check):
                        blocks.put_span(file, found)
                        _settle(file)
                        done.add(found.first)
                        known += found.last - found.first + 1
                except MediaDamaged as error:
                    if not done:
                        raise
                    damaged = error.ticks
            if damaged is not None or all(first in done for first, _ in spans):
                blocks.put_end(file, {"damaged": damaged})
                _settle(file)
        if damaged is not None or all(first in done for first, _ in spans):
            os.replace(going, path)

    def _make_room(self, kept: Path) -> None:
        """Throws away what was used longest ago, above the budget."""
        files = sorted((p for p in self._folder.iterdir() if p.suffix in (".faces", ".going")),
                       key=lambda p: -p.stat().st_mtime)
        total = 0
        for one in files:
            with contextlib.suppress(OSError):
                total += one.stat().st_size
                if total > self._budget and one.stem != kept.stem:
                    one.unlink()


@dataclass(frozen=True, slots=True)
class _Count:
    """Tells how many frames are known, from how many were before this run."""

    tell: Tell
    before: int
    total: int

    def __call__(self, done: int) -> None:
        self.tell(min(self.before + max(done, 0), self.total), self.total)


def key_of(clip: Clip, stack: FaceStack, looking: Looking) -> str:
    """Of everything that decides an analysis."""
    return hashlib.sha256(json.dumps(_head(clip, stack, looking), sort_keys=True).encode()).hexdigest()[:32]


def spans_of(clip: Clip) -> list[tuple[int, int]]:
    """First and last frames of what is looked at as a whole, by the clip alone."""
    ticks = pieces_of(clip, int(clip.pts[0]), end_of(clip))
    return [(int(np.searchsorted(clip.pts, start)), int(np.searchsorted(clip.pts, stop)) - 1) for start, stop in ticks]


def _head(clip: Clip, stack: FaceStack, looking: Looking) -> dict[str, object]:
    return {"analyser": ANALYSER, "clip": clip.id, "frames": clip.frames, "stack": stack.name,
            "looking": looking.model_dump()}


def _going(path: Path) -> Path:
    return path.with_suffix(".going")


def _continued(going: Path, clip: Clip, stack: FaceStack, looking: Looking) -> tuple[Found, ...]:
    """What an earlier run left; what it left torn is cut off."""
    try:
        had = blocks.read(going)
    except FileNotFoundError:
        return ()
    whole = had.head == _head(clip, stack, looking)
    os.truncate(going, had.length if whole else 0)
    return had.spans if whole else ()


def _settle(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


@contextlib.contextmanager
def _alone(path: Path, check: Callable[[], None]) -> Iterator[None]:
    """While this lasts, no other process works on the analysis: it is waited for."""
    while (lock := lock_of(path.with_suffix(".lock"))) is None:
        check()
        time.sleep(_WAIT)
    try:
        yield
    finally:
        os.close(lock)


def _has(known: Known, clip: Clip, numbers: Sequence[int]) -> bool:
    spans = spans_of(clip)
    return all(known.holds(*spans[n]) for n in numbers)


def _order(spans: Sequence[tuple[int, int]], wanted: Wanted) -> list[int]:
    """Numbers of the spans that are wanted, in the order in which they are looked at: round the playhead first."""
    low = 0 if wanted.first is None else wanted.first
    high = spans[-1][1] if wanted.last is None else wanted.last
    numbers = [n for n, (first, last) in enumerate(spans) if first <= high and last >= low]
    if wanted.around is None:
        return numbers
    there = next((n for n in numbers if spans[n][0] <= wanted.around <= spans[n][1]), numbers[0])
    near = [n for n in (there, there + 1, there - 1) if n in numbers]
    return near + [n for n in numbers if n not in near]


def _runs(numbers: Sequence[int]) -> list[list[int]]:
    """Spans that follow each other together: they are looked at in one pass."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] + 1 == number:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs


def _looked(clip: Clip, stack: FaceStack, looking: Looking, spans: Sequence[tuple[int, int]],
            count: _Count, check: Callable[[], None]) -> Generator[Found, None, None]:
    """What is found in consecutive spans, each as soon as it is known. Raises MediaDamaged after the last good frame's
    span was given."""
    first, last = max(spans[0][0] - BEFORE, 0), min(spans[-1][1] + BEHIND + FLASH, len(clip.pts) - 1)
    stop = int(clip.pts[last]) + 1
    looking_for = Pass(stack, Search(small=looking.small, turned=looking.turned), clip.rate)
    waiting = list(spans)
    depth = depth_for(clip.stored[0] * clip.stored[1] * 3 // 2 * (1 if clip.depth <= 8 else 2))
    damage: MediaDamaged | None = None
    with contextlib.closing(ahead(read_frames(clip, int(clip.pts[first]), stop), depth)) as frames:
        try:
            for frame in frames:
                check()
                looking_for.step(frame)
                count(frame.index + 1 - spans[0][0])
                while waiting and looking_for.reached >= waiting[0][1] + BEHIND:
                    yield looking_for.found(*waiting.pop(0))
        except MediaDamaged as error:
            damage = error
    looking_for.end()
    while waiting and waiting[0][0] <= looking_for.reached:
        begun, ended = waiting.pop(0)
        yield looking_for.found(begun, min(ended, looking_for.reached))
    if damage is not None:
        raise damage


__all__ = ["ANALYSER", "Analyses", "Known", "Wanted", "key_of", "spans_of"]
