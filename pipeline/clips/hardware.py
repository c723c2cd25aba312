"""Encoders of graphics cards: whether one works is known only when it has encoded something."""

from __future__ import annotations

from fractions import Fraction

import av

from pipeline.clips.containers import hardware_rows

_TRIAL_SIZE = (256, 144)
"""Above the smallest that NVENC takes (145 x 49 for H.264; NVIDIA's support matrix says 33 for AV1)."""

_TRIAL_FRAMES = 3


class Hardware:
    """Remembers which of this machine's hardware encoders passed a trial. Hand one object to everybody who asks."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], bool] = {}

    def encoder(self, kind: str, codec: str) -> str | None:
        """ffmpeg's name of the encoder, or None where this machine has none that works.

        kind: "nvenc", "qsv" or "videotoolbox". codec: "h264", "h265" or "av1".
        """
        row = hardware_rows().get(kind)
        name = row.encoders.get(codec) if row else None
        if row is None or name is None:
            return None
        if (kind, codec) not in self._known:
            self._known[kind, codec] = trial(name, row.formats[8])
        return name if self._known[kind, codec] else None


def trial(encoder: str, pix_fmt: str) -> bool:
    """Encodes a few grey frames. Without a driver the encoder opens and fails at the first of them."""
    try:
        context = av.CodecContext.create(encoder, "w")
        if not isinstance(context, av.VideoCodecContext):
            return False
        context.width, context.height = _TRIAL_SIZE
        context.pix_fmt = pix_fmt
        context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
        packets = []
        for index in range(_TRIAL_FRAMES):
            frame = av.VideoFrame(*_TRIAL_SIZE, pix_fmt)
            for plane in frame.planes:
                plane.update(bytes([128]) * plane.buffer_size)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            packets += context.encode(frame)
        packets += context.encode(None)
    except (av.FFmpegError, ValueError, OSError):  # unknown encoder, no driver, no device
        return False
    return sum(packet.size > 0 for packet in packets) == _TRIAL_FRAMES
