"""Files and sequences opened for reading, and the decoder that gives the most of each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import av
from av.container import InputContainer
from av.stream import Disposition

from pipeline.clips import sequences

Kind = Literal["file", "sequence", "gif"]

# Native decoders know nothing of transparency in WebM; libvpx's do (measured with PyAV 18.1).
_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


@contextmanager
def opened(path: Path, kind: Kind) -> Iterator[InputContainer]:
    """The container. path: absolute or not; never taken for a protocol, whatever it is called.
    Raises av.FFmpegError, OSError."""
    if kind == "sequence":
        run = sequences.run_of(path)
        options = {"start_number": str(run.first if run else 0), "framerate": str(sequences.RATE),
                   "pattern_type": "sequence"}
        container = av.open(sequences.escaped(path.absolute()), format="image2", options=options,
                            metadata_errors="replace")
    else:
        container = av.open(str(path.absolute()), metadata_errors="replace")
    with container:
        yield container


def unseen(codec: str, stream: int) -> Any:  # PyAV's own types take such options for words
    """Options for `av.open` with which the stream of that number is not decoded to learn about it; None where it must
    be. ffmpeg goes through a dozen pictures for their pixel format and delay (130 to 160 ms of 4K's), and who only
    moves packets asks neither: H.264's and H.265's own headers tell muxers what they need."""
    return [{}] * stream + [{"skip_frame": "all"}] if codec in ("h264", "h265", "hevc") else None


def picture_streams(container: InputContainer) -> list[av.VideoStream]:
    """The streams with moving pictures, the best first: covers and thumbnails are none. The one that the file marks as
    its default goes before larger ones."""
    moving = [stream for stream in container.streams.video
              if not stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails)]
    return sorted(moving, key=lambda stream: (not stream.disposition & Disposition.default,
                                              -_pixels(stream), stream.index))


def _pixels(stream: av.VideoStream) -> int:
    context = stream.codec_context
    return context.width * context.height if context is not None else 0


def decoder_of(stream: av.VideoStream, threads: int = 0, *, marked: bool = False) -> av.VideoCodecContext:
    """threads: 0 lets ffmpeg choose. marked: each packet's `opaque` is found again at its picture, which wants one
    thread (see `pipeline.clips.decoding`)."""
    context: Any = stream.codec_context
    special = _WITH_ALPHA.get(context.name)
    if special is not None and stream.metadata.get("alpha_mode") == "1":
        context = av.CodecContext.create(special, "r")
        context.width, context.height = stream.codec_context.width, stream.codec_context.height
    context.thread_type = "AUTO"
    context.thread_count = threads
    context.copy_opaque = marked
    return context  # type: ignore[no-any-return]
