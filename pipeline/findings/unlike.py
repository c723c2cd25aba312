"""Who is wrong from the first frame to the last: faces that the recogniser still takes for the one that was there.

All other figures are compared with the frames around; what is wrong everywhere stands out nowhere, and is told by what
the recogniser's own threshold says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.findings.sheet import Sheet

ENOUGH = 4
"""Descriptors without which nothing is said: a track's mean hardly moves after as many (`Identity.ENOUGH`). A face that
is nearer to its target is asked about in every fifth frame, so they are there after a second."""


@dataclass(frozen=True, slots=True)
class Unlike:
    """person, strand: whose it is; of a person with several strands the longest. first, last: frames. at: the frame
    that is farthest from its source. distance: from the source, the middle of all its frames, in the recogniser's
    units."""

    person: int
    strand: int
    first: int
    last: int
    at: int
    distance: float


def unlike_of(sheet: Sheet, strands: NDArray[np.int64], people: Sequence[tuple[int, int]]) -> Iterator[Unlike]:
    """strands: of `Sheet.strands`. people: each strand with the number of its person; nobody known (0) counts each
    strand for itself.

    A face is unlike where, over the middle of all its frames, the recogniser says "the same person" of it and the face
    that was there, and not of it and its source.
    """
    groups: dict[tuple[int, int], list[int]] = {}
    for strand, person in people:
        groups.setdefault((person, 0 if person else strand), []).append(strand)
    for (person, _), mine in groups.items():
        rows = sheet.rows[np.isin(strands, mine)]
        whose = strands[np.isin(strands, mine)]
        told = np.isfinite(rows["to_source"]) & np.isfinite(rows["to_target"])
        if told.sum() < ENOUGH:
            continue
        source, target = (np.concatenate([_spread_out(rows[whose == strand], name) for strand in mine])
                          for name in ("to_source", "to_target"))
        if not float(np.median(target)) < sheet.same_person <= float(np.median(source)):
            continue
        worst = rows["frame"][told][(rows["to_source"] - rows["to_target"])[told].argmax()]
        longest = max(mine, key=lambda strand: int((whose == strand).sum()))
        yield Unlike(person, longest, int(rows["frame"].min()), int(rows["frame"].max()), int(worst),
                     float(np.median(source)))


def _spread_out(rows: NDArray[np.void], name: str) -> NDArray[np.float64]:
    """(N,) each frame's value: that of the nearest frame in which it was taken, because odd faces are asked about ten
    times as often as others; (0,) where it never was."""
    told = np.flatnonzero(np.isfinite(rows["to_source"]) & np.isfinite(rows["to_target"]))
    if not len(told):
        return np.zeros(0)
    frames = rows["frame"].astype(np.int64)
    nearest = np.searchsorted((frames[told][1:] + frames[told][:-1]) / 2, frames)
    return np.asarray(rows[name][told][nearest], np.float64)
