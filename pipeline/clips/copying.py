"""Closed groups of a clip that go into its output as they are, beside parts that were encoded."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import av
import numpy as np
from av.stream import Discard
from numpy.typing import NDArray

from pipeline.clips import avc, faults
from pipeline.clips.clip import Clip
from pipeline.clips.encoding import Encoding
from pipeline.clips.opening import unseen
from pipeline.clips.parts import PartIndex, damaged


@dataclass(frozen=True, slots=True)
class Copied:
    """A span of a clip, start <= ticks < stop, that whole closed groups fill."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class CopiedIndex:
    """What `PartIndex` is to a part. pts: (N,) int64 ticks of the clip, in the order of coding."""

    clip: Clip
    pts: NDArray[np.int64] = field(repr=False)

    @property
    def name(self) -> str:
        return self.clip.name

    def __len__(self) -> int:
        return len(self.pts)

    def packets(self, encoding: Encoding) -> Generator[Any, None, None]:
        """The clip's own packets. Raises MediaError `MEDIA.GONE` where they are not there any more."""
        del encoding  # they are as they are
        first = int(self.pts[0])
        for sought in (True, False):  # an index may lead behind the place that is sought
            number = 0
            with closing(_read(self.clip, first if sought else None)) as packets:
                for packet in packets:
                    if number == 0 and packet.pts != first:
                        if sought and packet.is_keyframe and packet.pts is not None and packet.pts > first:
                            break
                        continue
                    if packet.pts != self.pts[number]:
                        raise faults.gone(self.clip.name)
                    yield packet
                    number += 1
                    if number == len(self.pts):
                        return
            if number:
                break
        raise faults.gone(self.clip.name)


def _read(clip: Clip, sought: int | None) -> Generator[Any, None, None]:
    """The packets of the clip's pictures, from a keyframe at or before these ticks on, or all."""
    with av.open(str(clip.path.absolute()), stream_options=unseen(clip.codec, clip.stream)) as container:
        stream = container.streams[clip.stream]
        for other in container.streams:
            if other.index != stream.index:
                other.discard = Discard.all
        if sought is not None:
            container.seek(sought, stream=stream)
        yield from (packet for packet in container.demux(stream) if packet.size)


def index_copied(clip: Clip, span: Copied) -> CopiedIndex:
    """Raises ValueError where the span is not made of groups that can be copied."""
    low, high = np.searchsorted(clip.pts, [span.start, span.stop]).tolist()
    if clip.groups is None or clip.groups.runs(low, high) != [(low, high)]:
        raise ValueError(f"{span} of {clip.name} is not made of closed groups")
    coded = clip.groups.coded
    return CopiedIndex(clip, coded[(coded >= clip.pts[low]) & (coded <= clip.pts[high - 1])])


Index = PartIndex | CopiedIndex


def common_header(indexes: Sequence[Index]) -> bytes | None:
    """The header of a track that holds encoded parts and copied groups side by side: the parameter sets of both, which
    have numbers of their own; None where nothing is copied. Raises MediaError `PART.DAMAGED`."""
    sets = [one.clip.groups.sets for one in indexes if isinstance(one, CopiedIndex) and one.clip.groups is not None]
    if not sets:
        return None
    encoded = [one for one in indexes if isinstance(one, PartIndex)]
    if not encoded:
        return avc.write_header(sets[0])
    try:
        return avc.write_header(avc.merged(sets[0], avc.sets_of(encoded[0].extradata)))
    except avc.BrokenUnits as error:
        raise damaged(encoded[0].path, str(error)) from error


def beside_copied(packet: Any) -> Any:
    """An encoder's packet as MP4 and Matroska hold it, with lengths in place of start codes."""
    new = av.Packet(avc.with_lengths(bytes(packet)))
    new.is_keyframe = packet.is_keyframe
    return new
