"""Time and sharpness of one face at several sizes, on enlarged pictures with fine texture."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np

from models.arrays import Mask, Pixels
from models.errors import NoFace
from models.face import Box, Face
from models.interfaces import Detection, FaceStack
from pipeline.bench.naive import naive_swap
from pipeline.bench.pictures import enlarged
from pipeline.bench.report import METHODS, Method, SizeResult
from pipeline.chain import FaceJob, Step, run_chain
from pipeline.crops import cut
from pipeline.engine import SOURCE_MARGIN
from pipeline.frame import Frame
from pipeline.measure.areas import areas, window
from pipeline.measure.formulas import sharpness
from pipeline.measure.pair import find_faces
from processors.batches import Native, SourceFace
from processors.context import Context

T = TypeVar("T")

SIZES = (60, 90, 160, 400)
REPEATS = 7


@dataclass(frozen=True, slots=True)
class Sized:
    """A picture whose one face has the wanted size."""

    frame: Frame
    face: Face


@dataclass(frozen=True, slots=True)
class SizeRun:
    """One row of the report, with the pictures for a sheet."""

    result: SizeResult
    before: Sized
    after: Frame


def at_size(picture: Pixels, stack: FaceStack, size: float, seed: int) -> Sized:
    """The picture so that its largest face has `size` pixels between the outer eye corners, with texture.

    The face is looked for in the picture as it is; in the enlarged one only its points are read again.
    """
    before = _largest(picture, stack)
    scale = size / before.eye_distance
    frame = Frame(enlarged(picture, scale, seed))
    place = Detection(Box(*(side * scale for side in before.box)), before.score, before.turn)
    (face,) = stack.landmarker.landmarks(frame.samples, [place])
    return Sized(frame, face.numbered(1))


def _largest(picture: Pixels, stack: FaceStack) -> Face:
    faces = find_faces(Frame(picture), stack)
    if not faces:
        raise NoFace("No face can be found in a picture of the bench.", subject="bench",
                     remedy="Install the packages again (`uv sync`).")
    return max(faces, key=lambda f: f.box.area).numbered(1)


def measure_size(pair: str, source: Pixels, target: Pixels, size: int, stack: FaceStack, steps: tuple[Step, ...],
                 ) -> list[SizeRun]:
    """Both methods on one pair at one size. The source has the same size, so that it has all the detail it needs."""
    own, other = at_size(source, stack, size, 1), at_size(target, stack, size, 2)
    photo = SourceFace(cut(own.frame, own.face, Native(SOURCE_MARGIN)))

    def natural() -> tuple[Frame, Mask]:
        done = run_chain(other.frame, [FaceJob(other.face, (photo,))], steps, Context())
        mask = np.zeros((other.frame.height, other.frame.width), np.float32)
        for region in done.regions:
            x0, y0, x1, y1 = region.rect
            mask[y0:y1, x0:x1] = np.maximum(mask[y0:y1, x0:x1], region.mask)
        return done.frame, mask

    def naive() -> tuple[Frame, Mask]:
        done = naive_swap(own.frame.samples, own.face.points, other.frame, other.face)
        return done.frame, done.mask

    runs = []
    for method, swap in zip(METHODS, (naive, natural), strict=True):
        (after, mask), cpu, wall = timed(swap, REPEATS if size < 300 else 3)
        against_before, against_ring = _sharpness(other, after, mask)
        runs.append(SizeRun(_row(method, size, pair, cpu, wall, against_before, against_ring), other, after))
    return runs


def _row(method: Method, size: int, pair: str, cpu: float, wall: float, against_before: float | None,
         against_ring: float | None) -> SizeResult:
    return SizeResult(method=method, size=size, pair=pair, milliseconds=1000 * cpu, wall=1000 * wall,
                      sharpness=against_before, sharpness_ring=against_ring)


def _sharpness(before: Sized, after: Frame, mask: Mask) -> tuple[float | None, float | None]:
    face = before.face
    rect = window(face, mask, after.width, after.height)
    a, b = (f.region(rect).astype(np.float32) for f in (before.frame, after))
    where = areas(face.points - (rect.x0, rect.y0), mask[rect.y0:rect.y1, rect.x0:rect.x1], a.shape[:2],
                  face.eye_distance)
    return sharpness(a, b, where.skin, where.ring)


def timed(work: Callable[[], T], repeats: int) -> tuple[T, float, float]:
    """Result, CPU seconds of the process (all its threads together) and seconds by the clock: the least of the repeats
    after one run to warm up, since whatever else a machine does only adds. cv2 uses one thread."""
    with one_thread():
        made = work()
        cpu, wall = [], []
        for _ in range(repeats):
            start, clock = time.process_time(), time.perf_counter()
            made = work()
            cpu.append(time.process_time() - start)
            wall.append(time.perf_counter() - clock)
    return made, min(cpu), min(wall)


@contextmanager
def one_thread() -> Iterator[None]:
    """cv2 on one thread, and as it was afterwards."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
