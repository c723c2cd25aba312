"""Which pictures of an H.264 clip can be copied as they are: whole closed groups, from its packets alone.

A group begins at an IDR picture and ends before the next. It is closed: its pictures look at no others, so it can stand
between pictures that were encoded anew. Nothing here is guessed from keyframe marks, which open groups have as well.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.clips import avc


@dataclass(frozen=True, slots=True)
class Groups:
    """spans: (G, 2) int64, rising: the first picture of each group that can be copied, and the one behind its last, as
    places in `Clip.pts`. coded: (N,) int64, the ticks of every packet in the order of the file. sets: how their
    pictures are coded. why: where nothing can be copied, in words."""

    spans: NDArray[np.int64]
    coded: NDArray[np.int64] = field(repr=False)
    sets: avc.ParameterSets = field(repr=False)
    why: str = ""

    def runs(self, low: int, high: int, but: Sequence[tuple[int, int]] = ()) -> list[tuple[int, int]]:
        """Pictures low..high-1 as far as they can be copied: (first, behind the last) of every longest row of groups
        that lie in there whole. but: first and last pictures of spans of which none may be in them."""
        found: list[tuple[int, int]] = []
        for first, stop in self.spans[(self.spans[:, 0] >= low) & (self.spans[:, 1] <= high)].tolist():
            if any(begins < stop and first <= ends for begins, ends in but):
                continue
            if found and found[-1][1] == first:
                found[-1] = (found[-1][0], stop)
            else:
                found.append((first, stop))
        return found


class Survey:
    """Looks at every packet of an H.264 stream in the order of the file. header: the stream's, as the file has it."""

    def __init__(self, header: bytes | None) -> None:
        self._sets = avc.ParameterSets((), ())
        self._why = ""
        self._coded: list[int] = []
        self._begins: list[int] = []
        self._spoilt: list[int] = []
        try:
            self._sets = avc.read_header(header or b"")
            self._sets.pps_numbers()
            shapes = self._sets.shapes()
        except avc.BrokenUnits:
            self._why = "its header says in a way that is not read here how its pictures are coded"
            return
        if len({(one.chroma, one.depth, one.blocks, one.cropped, one.whole) for one in shapes}) != 1:
            self._why = "the way its pictures are coded changes"
        elif not shapes[0].whole:
            self._why = "its pictures may be coded as fields"

    def take(self, packet: Any) -> None:
        if self._why or not packet.size:
            return
        clean = packet.pts is not None and not packet.is_discard and not packet.is_corrupt \
            and not packet.has_sidedata("new_extradata")
        begins = False
        try:
            for unit in avc.units(memoryview(packet)):
                kind = avc.kind_of(unit)
                if kind in (avc.SPS, avc.PPS):
                    if bytes(unit) not in self._sets:
                        self._why = "the way its pictures are coded changes"
                        return
                elif kind == avc.IDR_SLICE:
                    begins = True
                clean &= kind in avc.PLAIN
        except avc.BrokenUnits:
            clean = False
        if begins and packet.is_keyframe:
            self._begins.append(len(self._coded))
        if not clean:
            self._spoilt.append(len(self._coded))
        self._coded.append(packet.pts if packet.pts is not None else -1)

    def groups(self, pts: NDArray[np.int64]) -> Groups:
        """pts: (N,) the clip's pictures, rising."""
        coded = np.array(self._coded, np.int64)
        bounds = [*self._begins, len(coded)]
        spoilt = np.diff(np.searchsorted(self._spoilt, bounds)) > 0  # where one of a group's packets is
        spans = []
        for (begin, end), bad in zip(itertools.pairwise(bounds), spoilt.tolist(), strict=True):
            inside = np.sort(coded[begin:end])
            first = int(np.searchsorted(pts, inside[0]))
            if not bad and coded[begin] == inside[0] and np.array_equal(pts[first:first + len(inside)], inside):
                spans.append((first, first + len(inside)))
        why = self._why or ("" if spans else "none of its groups of pictures is closed and whole")
        found = np.array([] if why else spans, np.int64).reshape(-1, 2)
        return Groups(found, coded, self._sets, why)
