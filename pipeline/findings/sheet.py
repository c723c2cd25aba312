"""The scores of a clip's frames, as columns: what is written with each part, and with the finished version."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

VERSION = 1
"""Of what the columns mean: sheets of another one are not read."""

ROW = np.dtype([
    ("frame", "i4"),      # number of the picture in the clip
    ("track", "i4"),      # the follower's; anew in every part
    ("number", "i2"),     # the person's; 0: nobody known
    ("flags", "u1"),      # see below
    ("score", "f4"),      # the detector's, as last seen
    ("known", "f4"),      # the track's distance to its person, inf where nobody asked
    ("yaw", "f4"), ("pitch", "f4"), ("size", "f4"),  # degrees; outer-eye distance in pixels
    ("points", "f4", (5, 2)),  # pixels: what the result was drawn with, or what is read in it
    ("base", "f4", (5, 2)),    # pixels: where they belong (a smoothed track, the clip before); nan: nobody knows
    ("area", "f4"),       # of the mask, in squared outer-eye distances
    ("change", "f4"), ("noise", "f4"),  # mean difference to the clip before, levels of luma: in the mask, round it
    ("colour", "f4", (3,)), ("was", "f4", (3,)),     # CIE Lab of the face in the result, and before
    ("sharp", "f4"),      # fine detail of the face against its surroundings, over the same before; 1 = fits
    ("seam", "f4"),       # edges that the mask's rim brought in, as `measure.formulas.seam`
    ("flicker", "f4"),    # levels that the result changes by from frame to frame, beyond what the clip does by itself
    ("to_source", "f4"), ("to_target", "f4"),        # descriptor distances of the result; nan where not taken
])
"""About 180 bytes a face and frame, a third of it on disk. Figures that cannot be told are nan."""

HELD, UNSURE, LOOSE, SEEN, DRAWN, MEANT, CHANGED = 1, 2, 4, 8, 16, 32, 64
"""Flags. HELD: the points are carried on; UNSURE: not sure; LOOSE: not confirmed in this frame; SEEN: by the detector
in this very frame; DRAWN: pixels were changed; MEANT: they should have been (somebody is to get something).
CHANGED: so much is unlike the frame before that the result was looked at by the recogniser."""

_FAR = 0.75
"""Of a face's outer-eye distances that its middle may move from a part's last frame to the next part's first."""


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """rows: one a face and frame, in order of frames. cuts: frames that begin a shot. first, last: the frames that were
    looked at. recogniser, same_person: whose descriptors the distances are of, and its threshold. starts: frames at
    which parts begin, whose tracks are numbered anew."""

    rows: NDArray[np.void]
    cuts: tuple[int, ...] = ()
    first: int = 0
    last: int = -1
    recogniser: str = ""
    same_person: float = float("nan")
    starts: tuple[int, ...] = ()

    def bytes(self) -> bytes:
        """As a file."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, version=VERSION, rows=self.rows, cuts=np.array(self.cuts, np.int64),
                            span=np.array([self.first, self.last]), recogniser=np.array(self.recogniser),
                            same_person=np.array(self.same_person), starts=np.array(self.starts, np.int64))
        return buffer.getvalue()

    def write(self, path: Path) -> None:
        """Whole or not at all. Raises OSError."""
        waiting = path.with_name(f".{path.name}.{os.getpid()}")
        waiting.write_bytes(self.bytes())
        os.replace(waiting, path)

    def strands(self) -> NDArray[np.int64]:
        """(N,) for each row the strand that it belongs to, from 1: a track, and what carries it on where another part
        begins, so that one face in one shot is one strand however the clip was cut into parts."""
        frames = self.rows["frame"]
        parts = np.searchsorted(np.array(self.starts), frames, side="right")
        made = np.zeros(len(self.rows), np.int64)
        known: dict[tuple[int, int], int] = {}
        for place, (frame, part) in enumerate(zip(frames, parts, strict=True)):
            key = int(part), int(self.rows["track"][place])
            if key not in known:
                begins = bool(part) and frame == self.starts[part - 1] and frame not in self.cuts
                near = self._near(place, made, set(known.values()) - _before(known, int(part))) if begins else 0
                known[key] = near or max(known.values(), default=0) + 1
            made[place] = known[key]
        return made

    def _near(self, place: int, made: NDArray[np.int64], taken: set[int]) -> int:
        """The strand whose face in the frame before is where this one is; 0 for none."""
        row = self.rows[place]
        best, found = _FAR * float(row["size"]), 0
        for other in np.flatnonzero(self.rows["frame"] == row["frame"] - 1):
            away = float(np.hypot(*(row["points"].mean(axis=0) - self.rows["points"][other].mean(axis=0))))
            if int(made[other]) not in taken and away < best:
                best, found = away, int(made[other])
        return found


def _before(known: dict[tuple[int, int], int], part: int) -> set[int]:
    """Strands that nobody of this part carries on yet."""
    return set(known.values()) - {strand for (of, _), strand in known.items() if of == part}


def joined(sheets: Iterable[Sheet]) -> Sheet | None:
    """One sheet of several parts', in their order; None for none."""
    parts = sorted((sheet for sheet in sheets if sheet.last >= sheet.first), key=lambda sheet: sheet.first)
    if not parts:
        return None
    rows = np.concatenate([part.rows for part in parts])
    return Sheet(rows, tuple(cut for part in parts for cut in part.cuts), parts[0].first, parts[-1].last,
                 parts[0].recogniser, parts[0].same_person,
                 tuple(sorted({start for part in parts for start in (*part.starts, part.first)})))


def read_sheet(path: Path) -> Sheet | None:
    """None where there is no such file, or one that cannot be used: then there are no scores, and nothing else."""
    try:
        return sheet_of(path.read_bytes())
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError):
        return None


def sheet_of(data: bytes) -> Sheet:
    """From `Sheet.bytes`. Raises ValueError, KeyError or BadZipFile for anything else."""
    with np.load(io.BytesIO(data), allow_pickle=False) as found:
        if int(found["version"]) != VERSION or found["rows"].dtype != ROW:
            raise ValueError("a sheet of another version")
        first, last = (int(v) for v in found["span"])
        return Sheet(found["rows"], tuple(int(v) for v in found["cuts"]), first, last, str(found["recogniser"]),
                     float(found["same_person"]), tuple(int(v) for v in found["starts"]))


def rows_of(rows: Sequence[NDArray[np.void]]) -> NDArray[np.void]:
    """Single rows as one array."""
    return np.array([row[()] for row in rows], ROW) if rows else np.zeros(0, ROW)


def empty_row() -> NDArray[np.void]:
    """(): every figure nan."""
    row = np.zeros((), ROW)
    for name in ROW.names or ():
        if row[name].dtype.kind == "f":
            row[name] = np.nan
    return row
