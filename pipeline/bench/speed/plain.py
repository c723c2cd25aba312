"""The plain loop that people write: OpenCV reads, insightface swaps, imageio-ffmpeg writes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np

from models.arrays import Pixels
from models.face import five_points
from models.families.insightface_library import PlainSwap
from pipeline.bench.speed.floor import WRITTEN, Loop
from pipeline.bench.speed.moving import RATE, astronaut
from pipeline.bench.speed.twins import Twins


def insightface_loop(clip: Path, output: Path, twins: Twins, last: Callable[[], None]) -> Loop:
    """Ready to run. last: called when the last frame was handed over, while the encoder's process is still there."""
    swap = PlainSwap(twins.detector, twins.recogniser, twins.swapper)
    picture, face = astronaut()
    source = swap.descriptor(picture, five_points(face.points))
    swap.swap(picture, source)  # loads the models
    return lambda: _plain(clip, output, lambda frame: swap.swap(frame, source), last)


def _plain(clip: Path, output: Path, change: Callable[[Pixels], Pixels], last: Callable[[], None]) -> None:
    capture = cv2.VideoCapture(str(clip))
    size = (int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    writer = imageio_ffmpeg.write_frames(
        str(output), size, pix_fmt_in="bgr24", pix_fmt_out="yuv420p", fps=RATE, codec="libx264", quality=None,
        macro_block_size=1, ffmpeg_log_level="error",
        output_params=["-crf", str(WRITTEN.crf), "-preset", str(WRITTEN.speed)])
    with contextlib.closing(writer):
        writer.send(None)
        while True:
            there, frame = capture.read()
            if not there:
                break
            writer.send(np.ascontiguousarray(change(frame)))
        last()
    capture.release()
