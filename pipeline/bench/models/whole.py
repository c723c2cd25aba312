"""A clip through all five networks: several frames at a time, in order, between decoder and encoder."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import av
import cv2
import numpy as np

from models.arrays import Mask, Matrix, Pixels
from models.catalogue import whole_catalogue
from models.face import Box, Face, five_points
from models.families.arcface import ArcfaceRecogniser
from models.families.crops import CropFacts
from models.families.enhancers import CropEnhancer
from models.families.fan import FanLandmarker
from models.families.scrfd import SIZE, ScrfdDetector
from models.families.swappers import CropSwapper, Identity
from models.geometry import invert, similarity
from models.interfaces import Detection, Search
from models.sessions import Lease
from models.templates import TEMPLATES
from pipeline.bench.models.plain import swapper_facts
from pipeline.bench.models.working import NAMES, numbers_for
from pipeline.bench.speed.floor import WRITTEN
from pipeline.clips.encoding import resolve
from pipeline.clips.planes import ClipFrame
from pipeline.clips.probe import open_clip
from pipeline.clips.reader import read_frames
from pipeline.rendering.stages import ahead
from processors.batches import Rect

T = TypeVar("T")
S = TypeVar("S")

MARGIN = 0.5
"""Of the face's box, round it: what warps to the networks' crops look at."""
_SOFT = 0.1  # of a crop's side, over which it fades out


class Chain:
    """Detector, 68 points, recogniser, swapper and enhancer on their leases; a face of a frame at a time. Safe to share
    between threads."""

    def __init__(self, leases: dict[str, Lease], picture: Pixels, face: Face) -> None:
        catalogue = whole_catalogue()
        enhancer = catalogue.family_of(catalogue.row("enhancer.gfpgan_1_4")).facts
        self._detector = ScrfdDetector(leases["detector"])
        self._landmarker = FanLandmarker(leases["landmarker"])
        self._recogniser = ArcfaceRecogniser(leases["recogniser"])
        self._swapper = CropSwapper(leases["swapper"], swapper_facts())
        self._enhancer = CropEnhancer(leases["enhancer"], enhancer)
        self._source = self._swapper.sources([Identity(self._recogniser.embed(picture, [face])[0])])

    def frame(self, frame: ClipFrame) -> ClipFrame:
        """With every face changed."""
        scale = max(frame.width, frame.height) / SIZE
        draft = frame.edit()
        for found in self._detector.detect(frame.small(round(frame.width / scale)), Search()):
            rect, inside = _around(found, scale)
            pixels = frame.region(rect)
            changed, mask = self._changed(pixels, inside)
            draft.write(rect, changed, mask)
        return draft.frame

    def _changed(self, pixels: Pixels, found: Detection) -> tuple[Pixels, Mask]:
        face, = self._landmarker.landmarks(pixels, [found])
        self._recogniser.embed(pixels, [face])
        five = five_points(face.points)
        mask = np.zeros(pixels.shape[:2], np.float32)
        steps: tuple[tuple[CropFacts, Callable[[list[Pixels]], list[Pixels]]], ...] = (
            (self._swapper.crop, lambda crops: self._swapper.swap(crops, self._source)),
            (self._enhancer.crop, self._enhancer.enhance))
        for crop, change in steps:
            matrix = similarity(five, TEMPLATES[crop.template] * crop.size)
            aligned = np.asarray(cv2.warpAffine(pixels, matrix, (crop.size, crop.size)))
            pixels, laid = _laid(pixels, change([aligned])[0], matrix)
            mask = np.maximum(mask, laid)
        return pixels, mask


def _around(found: Detection, scale: float) -> tuple[Rect, Detection]:
    """The rectangle of the frame round a face, and the face in it."""
    box = Box(*(side * scale for side in found.box))
    x, y = box.width * MARGIN, box.height * MARGIN
    rect = Rect(round(box.x0 - x), round(box.y0 - y), round(box.x1 + x), round(box.y1 + y))
    away = np.array([rect.x0, rect.y0])
    points = None if found.points5 is None else found.points5 * scale - away
    moved = Box(box.x0 - rect.x0, box.y0 - rect.y0, box.x1 - rect.x0, box.y1 - rect.y0)
    return rect, Detection(moved, found.score, found.turn, points)


def _laid(pixels: Pixels, crop: Pixels, matrix: Matrix) -> tuple[Pixels, Mask]:
    size = (pixels.shape[1], pixels.shape[0])
    back = invert(matrix)
    mask = np.asarray(cv2.warpAffine(_soft(crop.shape[0]), back, size), np.float32)
    laid = cv2.warpAffine(crop, back, size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.blendLinear(laid, np.ascontiguousarray(pixels), mask, 1 - mask)), mask


def _soft(side: int) -> Mask:
    """1 in the middle, 0 at the edge."""
    ramp = np.clip(np.minimum(np.arange(side), np.arange(side)[::-1]) / (_SOFT * side), 0, 1).astype(np.float32)
    return np.asarray(np.outer(ramp, ramp), np.float32)


def chain_loop(clip: Path, output: Path, chain: Chain, workers: int) -> Callable[[], None]:
    """The clip through the chain, ready to run: decoder and encoder as in the floor (see `speed.floor`)."""
    found = open_clip(clip)
    encoding = resolve(found, output, WRITTEN)

    def run() -> None:
        tick = 1 / encoding.rate
        with av.open(str(output), "w") as out, ThreadPoolExecutor(workers, thread_name_prefix="frame") as pool, \
                contextlib.closing(ahead(read_frames(found, int(found.pts[0]), None))) as frames:
            stream = out.add_stream(encoding.encoder, Fraction(encoding.rate), dict(encoding.options))
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height, stream.pix_fmt = encoding.width, encoding.height, encoding.pix_fmt
            for number, made in enumerate(in_order(pool, chain.frame, frames, 2 * workers)):
                frame = made.video_frame()
                frame.pts, frame.time_base, frame.pict_type = number, tick, 0
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))

    return run


def networks_loop(leases: dict[str, Lease], frames: int, workers: int) -> Callable[[], None]:
    """The networks' runs of so many frames alone, as many at a time as in the chain."""
    feeds = {name: numbers_for(leases[name].inputs, 1) for name in NAMES}

    def one(_number: int) -> None:
        for name in NAMES:
            leases[name].run(feeds[name])

    def run() -> None:
        with ThreadPoolExecutor(workers, thread_name_prefix="frame") as pool:
            for _ in in_order(pool, one, range(frames), 2 * workers):
                pass

    return run


def in_order(pool: ThreadPoolExecutor, work: Callable[[T], S], items: Iterable[T], most: int) -> Iterator[S]:
    """Each item's outcome, in the items' order, at most so many of them begun at a time."""
    waiting: deque[Future[S]] = deque()
    for item in items:
        waiting.append(pool.submit(work, item))
        if len(waiting) >= most:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
