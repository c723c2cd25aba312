"""Frames in the order in which they are shown, exactly those that were asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from fractions import Fraction

import av
import numpy as np

from models.errors import LikenessError, MediaError
from pipeline.clips import faults, sequences
from pipeline.clips.clip import Clip
from pipeline.clips.decoding import BrokenError, GoesBackError, LateError, Numbered, TroubleError, decoded
from pipeline.clips.faults import MediaDamaged
from pipeline.clips.planes import ClipFrame, frame_of

__all__ = ["MediaDamaged", "read_frames"]


def read_frames(clip: Clip, start: int, stop: int | None, *, threads: int = 0,
                check: Callable[[], None] = lambda: None) -> Generator[ClipFrame, None, None]:
    """The frames with start <= ticks < stop (None: to the end), in the order in which they are shown, decoded from a
    keyframe before them. Every frame that the clip's index names comes, or an error.

    threads: of the decoder; 0 lets ffmpeg choose. check: called before each frame; what it raises ends the reading. The
    decoder is closed with the generator. Damage is what the decoder, the container or the index shows: with several
    threads H.264's decoder sometimes marks the picture after the first damaged one (at one of 19 places tried), and
    those of HEVC and VP9 mark nearly nothing.
    Raises MediaDamaged (with the first tick that is not good any more), MediaError (`MEDIA.GONE`,
    `MEDIA.SIZE_CHANGES`, `MEDIA.TIMESTAMPS`).
    """
    at = int(np.searchsorted(clip.pts, start))
    last = len(clip.pts) if stop is None else int(np.searchsorted(clip.pts, stop))
    back: int | None = 0
    while at < last:
        check()
        try:
            with closing(decoded(clip, at, last, back=back, threads=threads)) as frames:
                for one in frames:
                    check()
                    _compare(clip, one)
                    yield frame_of(one.frame, clip, one.index, int(clip.pts[one.index]))
                    at = one.index + 1
        except LateError as error:
            if back is None:
                raise _damaged(clip, at) from error
            back = 1 if back == 0 else None
        except BrokenError as error:
            # With several threads a decoder loses pictures before the damage too, and a pass that began behind its
            # keyframe gives none at all: only one thread, from a keyframe earlier, says where it is.
            if threads == 1 and back != 0:
                raise _damaged(clip, at) from error
            threads, back = 1, back if back is None else 1
        except GoesBackError as error:
            raise faults.back_in_time(clip.name, _seconds(clip, max(at - 1, 0))) from error
        except (av.FFmpegError, OSError) as error:
            if isinstance(error, LikenessError):
                raise
            raise _damaged(clip, at) from error


def _seconds(clip: Clip, index: int) -> Fraction:
    """From the clip's first picture."""
    place = min(index, len(clip.pts) - 1)
    return int(clip.pts[place] - clip.pts[0]) * clip.time_base


def _compare(clip: Clip, one: Numbered) -> None:
    """Raises MediaError `MEDIA.SIZE_CHANGES` for a picture of another size or kind than the first."""
    now, form = (one.frame.width, one.frame.height), one.frame.format.name
    if now != clip.stored:
        raise faults.changes(clip.name, _seconds(clip, one.index), _size(clip.stored), f"{_size(now)} pixels")
    if form != clip.pix_fmt:
        raise faults.changes(clip.name, _seconds(clip, one.index), clip.pix_fmt, form)


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _damaged(clip: Clip, index: int) -> MediaError:
    """Damage, or that the file is not there any more as it was."""
    if not _is_whole(clip):
        return faults.gone(clip.name)
    with suppress(TroubleError, av.FFmpegError, OSError), closing(_from_next_keyframe(clip, index)) as later:
        for one in later:
            _compare(clip, one)
            break
    return MediaDamaged(clip.name, int(clip.pts[index]), _seconds(clip, index))


def _from_next_keyframe(clip: Clip, index: int) -> Generator[Numbered, None, None]:
    """Where files were put one behind the other, their seam looks like damage, but what follows is another clip."""
    behind = clip.keyframes[clip.keyframes > clip.pts[index]]
    if len(behind):
        yield from decoded(clip, int(np.searchsorted(clip.pts, behind[0])), clip.frames, threads=1)


def _is_whole(clip: Clip) -> bool:
    """Whether the clip's files are there, as long as they were."""
    try:
        if clip.kind == "sequence":
            run = sequences.run_of(clip.path)
            return run is not None and run.missing is None and len(run.numbers) == len(clip.pts)
        return clip.bytes == 0 or os.stat(clip.path).st_size == clip.bytes
    except OSError:
        return False
