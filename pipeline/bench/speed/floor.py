"""The least that is possible: the decoder's frames straight to the encoder that the product uses."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from fractions import Fraction
from pathlib import Path

import av

from pipeline.clips.encoding import Encoding, resolve
from pipeline.clips.probe import open_clip
from pipeline.recipe import ClipOutput
from pipeline.rendering.stages import ahead

WRITTEN = ClipOutput(container="mp4", codec="h264", crf=18, speed="veryfast")
"""What every row writes."""

Loop = Callable[[], None]
"""One way from file to file, ready to run: models are loaded, no frame is read yet."""


def floor_loop(clip: Path, output: Path) -> Loop:
    """Decoding beside encoding, as the product does it."""
    found = open_clip(clip)
    encoding = resolve(found, output, WRITTEN)
    return lambda: _copied(clip, output, encoding)


def _copied(clip: Path, output: Path, encoding: Encoding) -> None:
    tick = 1 / encoding.rate
    with av.open(str(output), "w") as out:
        stream = out.add_stream(encoding.encoder, Fraction(encoding.rate), dict(encoding.options))
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = encoding.width, encoding.height, encoding.pix_fmt
        with contextlib.closing(ahead(_decoded(clip))) as frames:
            for number, frame in enumerate(frames):
                frame.pts, frame.time_base, frame.pict_type = number, tick, 0
                out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def _decoded(clip: Path) -> Generator[av.VideoFrame, None, None]:
    with av.open(str(clip)) as source:
        stream = source.streams.video[0]
        stream.thread_type = "AUTO"
        yield from source.decode(stream)
