"""Small pictures of a clip for a timeline: the keyframe at or before a time, which costs one decoded frame."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from models.errors import MediaError
from pipeline.clips.clip import Clip
from pipeline.clips.reader import read_frames
from pipeline.pictures.preview import Encoded


def keyframe_picture(clip: Clip, seconds: Fraction, width: int) -> Encoded:
    """A JPEG `width` pixels wide of the keyframe at or before a time counted from the first picture.

    Raises MediaError where it cannot be decoded.
    """
    ticks = int(clip.pts[0]) + int(seconds / clip.time_base // 1)
    place = int(np.searchsorted(clip.keyframes, ticks, "right")) - 1
    key = int(clip.keyframes[place]) if place >= 0 else int(clip.pts[0])
    for frame in read_frames(clip, key, key + 1, threads=1):
        return Encoded(frame.picture(min(width, clip.width)), "image/jpeg")
    raise MediaError(f"{clip.name} has no picture at {float(seconds):.2f} seconds.", subject=clip.name,
                     remedy="Copy or download it again.")
