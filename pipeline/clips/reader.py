"""PROVISIONAL (until A's version lands)."""

from __future__ import annotations

from collections.abc import Callable, Generator

import av
import numpy as np

from models.errors import MediaError
from pipeline.clips.clip import Clip
from pipeline.clips.planes import ClipFrame, frame_of


class MediaDamaged(MediaError):
    code = "MEDIA.DAMAGED"
    ticks = 0


def read_frames(clip: Clip, start: int, stop: int | None, *, threads: int = 0,
                check: Callable[[], None] = lambda: None) -> Generator[ClipFrame, None, None]:
    with av.open(str(clip.path)) as c:
        v = c.streams.video[0]
        v.thread_type = "AUTO"
        v.codec_context.thread_count = threads
        keys = clip.keyframes[clip.keyframes <= start]
        if keys.size and keys[-1] > clip.pts[0]:
            c.seek(int(keys[-1]), stream=v)
        for frame in c.decode(v):
            if frame.pts is None or frame.pts < start:
                continue
            if stop is not None and frame.pts >= stop:
                return
            check()
            yield frame_of(frame, clip, int(np.searchsorted(clip.pts, frame.pts)), int(frame.pts))
