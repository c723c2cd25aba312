"""Clips that exist as numbers only, for what needs no frames."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from pipeline.clips.avc import ParameterSets
from pipeline.clips.clip import Clip
from pipeline.clips.groups import Groups


def paper_clip(frames: int, *, rate: Fraction = Fraction(30), keyframes: Sequence[int] = (0,), first: int = 0,
               pts: Sequence[int] | None = None, time_base: Fraction | None = None) -> Clip:
    """A clip of so many frames. keyframes: indices. first: ticks at which it begins. pts: ticks of every frame, where
    they are not evenly spaced."""
    base = time_base or 1 / rate
    ticks = np.array(pts if pts is not None else range(first, first + frames), np.int64)
    return Clip(path=Path("paper.mp4"), name="paper.mp4", id="sha256:" + "0" * 64, format="mp4", codec="h264",
                pix_fmt="yuv420p", width=320, height=180, stored=(320, 180), turn=0, sar=Fraction(1), rate=rate,
                time_base=base, pts=ticks, keyframes=ticks[list(keyframes)],
                duration=(int(ticks[-1]) - int(ticks[0]) + 1) * base)


def grouped_clip(frames: int, begins: Sequence[int], spans: Sequence[tuple[int, int]] | None = None) -> Clip:
    """A clip of so many frames, 30 a second, of closed groups that begin at these. spans: first frame and the one
    behind the last of those that can be copied, where not all can."""
    clip = paper_clip(frames, keyframes=begins)
    whole = list(itertools.pairwise([*begins, frames]))
    sets = ParameterSets((bytes([0x67, 66, 0, 10, 0xFF]),), (bytes([0x68, 0xFF]),))
    return replace(clip, groups=Groups(np.array(whole if spans is None else spans, np.int64).reshape(-1, 2), clip.pts,
                                       sets))
