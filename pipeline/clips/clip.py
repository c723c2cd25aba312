"""What is known of a clip before its first frame is drawn."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.clips.groups import Groups
from processors.batches import Remark

Matrix = Literal["bt601", "bt709", "bt2020", "rgb"]
Transfer = Literal["sdr", "pq", "hlg"]
Fields = Literal["progressive", "top", "bottom"]


@dataclass(frozen=True, slots=True)
class Colour:
    """How samples are meant.

    matrix, transfer, full: what is worked with, guessed where nothing is said (see `pipeline.clips.colour`).
    space, primaries, trc, range: the tags as the file has them (ITU-T H.273 numbers as ffmpeg counts them; 2, and 0 for
    range, mean that nothing is said): they go out as they came in.
    """

    matrix: Matrix = "bt709"
    transfer: Transfer = "sdr"
    full: bool = False
    space: int = 2
    primaries: int = 2
    trc: int = 2
    range: int = 0


@dataclass(frozen=True, slots=True)
class Track:
    """A track that is carried over: sound, subtitles, data, attachments. index: the stream's number in the file."""

    index: int
    kind: Literal["audio", "subtitle", "data", "attachment"]
    codec: str
    language: str = ""
    title: str = ""
    channels: int = 0
    rate: int = 0


@dataclass(frozen=True, slots=True)
class Mastering:
    """Static HDR metadata: master_display as x265 writes it (`G(…)B(…)R(…)WP(…)L(…)`), light: (MaxCLL, MaxFALL)."""

    master_display: str | None = None
    light: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip, probed.

    path: the file; for an image sequence the pattern (`shot_%04d.png`). name: as the user calls it. id: `sha256:` and
    the digest of its bytes, or `sampled:` and a digest over its length and 64 places for files above 256 MiB.
    width, height: the upright picture in square pixels, as people see it. stored: width and height as coded.
    turn: clockwise quarter turns (0..3) from the stored picture to the upright one. sar: sample aspect ratio of the
    stored picture. rate: usual frames a second, on average where none is usual. time_base: seconds a tick of `pts`.
    pts: (N,) int64, every picture's presentation time in ticks, rising, from the packets (the decoder has the last word
    on how many there are).
    keyframes: those of them at which decoding can begin. duration: seconds from the first picture's start to the last
    one's end. variable: pictures are not evenly spaced. depth: bits a sample. fields: progressive, or which field of
    an interlaced picture comes first. kind: a file, an image sequence or an animated GIF. groups: which pictures can be
    copied as they are, of H.264 in MP4, MOV and Matroska. notes: what people should know, in words.
    """

    path: Path
    name: str
    id: str
    format: str
    codec: str
    pix_fmt: str
    width: int
    height: int
    stored: tuple[int, int]
    turn: int
    sar: Fraction
    rate: Fraction
    time_base: Fraction
    pts: NDArray[np.int64] = field(repr=False)
    keyframes: NDArray[np.int64] = field(repr=False)
    duration: Fraction
    stream: int = 0
    variable: bool = False
    depth: int = 8
    alpha: bool = False
    fields: Fields = "progressive"
    colour: Colour = Colour()
    mastering: Mastering = Mastering()
    dolby_vision: bool = False
    kind: Literal["file", "sequence", "gif"] = "file"
    tracks: tuple[Track, ...] = ()
    chapters: int = 0
    metadata: dict[str, str] = field(default_factory=dict, repr=False)
    bytes: int = 0
    groups: Groups | None = None
    notes: tuple[Remark, ...] = ()

    @property
    def frames(self) -> int:
        return len(self.pts)

    def seconds(self, pts: int) -> Fraction:
        """Presentation time in seconds, from the file's own zero."""
        return pts * self.time_base

    def sounds(self) -> tuple[Track, ...]:
        return tuple(track for track in self.tracks if track.kind == "audio")
