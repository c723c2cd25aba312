"""Zero twins in a folder, and a face stack and a swapper on them that cost nothing but what is round them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.arrays import Pixels, Points
from models.catalogue import whole_catalogue
from models.face import Box, Face, five_points
from models.families.arcface import ArcfaceRecogniser
from models.families.inswapper import SIDE
from models.families.scrfd import SIZE, ScrfdDetector
from models.families.swappers import CropSwapper, Identity
from models.geometry import similarity, transform
from models.interfaces import Detection, FaceStack
from models.sessions import SessionManager
from models.templates import ARCFACE_128
from models.twins import zero_detector, zero_recogniser, zero_swapper
from pipeline.bench.speed.moving import FOREHEAD, Moving
from processors.base import Needs, Processor
from processors.batches import PatchBatch, Template
from processors.classical.pose import mean_shape
from processors.context import Context
from processors.params import ProcessorParams
from processors.registry import processor

SWAPPER = "twin_swap"


@dataclass(frozen=True, slots=True)
class Twins:
    """Files of three zero twins."""

    detector: Path
    recogniser: Path
    swapper: Path


def make_twins(folder: Path, moving: Moving) -> Twins:
    """Writes them. The detector finds the clip's face where it is on average."""
    twins = Twins(folder / f"detector_{moving.height}.onnx", folder / "recogniser.onnx", folder / "swapper.onnx")
    scale = SIZE / max(moving.width, moving.height)
    box = Box(*(side * scale for side in moving.box))
    twins.detector.write_bytes(zero_detector(box, moving.points * scale, SIZE))
    twins.recogniser.write_bytes(zero_recogniser())
    twins.swapper.write_bytes(zero_swapper())
    return twins


class MeanLandmarker:
    """68 points at no cost: the mean face, brought onto the detector's five points, or else into its box. In between
    a follower's own points do."""

    name = "mean-68"

    def __init__(self) -> None:
        self._mean = mean_shape()[:, :2]
        self._five = five_points(self._mean)
        self._corners = np.array([self._mean.min(axis=0), self._mean.max(axis=0)])

    def landmarks(self, picture: Pixels, detections: Sequence[Detection]) -> list[Face]:
        """See `models.interfaces.Landmarker`."""
        return [Face(found.box, found.score, self._points(found), turn=found.turn) for found in detections]

    def follow(self, picture: Pixels, faces: Sequence[Face]) -> list[Face]:
        """See `models.interfaces.Landmarker`: as they are."""
        return list(faces)

    def _points(self, found: Detection) -> Points:
        if found.points5 is not None:
            return transform(self._mean, similarity(self._five, found.points5))
        # The points end at the brows, boxes at the hairline.
        box = found.box
        inside = np.array([[box.x0, box.y1 - box.height / (1 + FOREHEAD)], [box.x1, box.y1]])
        return transform(self._mean, similarity(self._corners, inside))


def twin_stack(sessions: SessionManager, twins: Twins) -> FaceStack:
    return FaceStack(ScrfdDetector(sessions.lease(twins.detector, name="twin of det_10g")), MeanLandmarker(),
                     ArcfaceRecogniser(sessions.lease(twins.recogniser, name="twin of w600k_r50")))


def twin_swapper(sessions: SessionManager, twins: Twins, identity: NDArray[np.float64]) -> type[Processor]:
    """A swapper on the twin of inswapper_128, for a registry of the bench's own. identity: a descriptor."""
    catalogue = whole_catalogue()
    facts = catalogue.family_of(catalogue.row("swapper.inswapper")).facts
    network = CropSwapper(sessions.lease(twins.swapper, name="twin of inswapper_128"), facts)
    source = network.sources([Identity(identity)])
    points = tuple((float(x), float(y)) for x, y in ARCFACE_128)

    @processor(SWAPPER, title="Twin of a swapper", role="swapper", version="1.0")
    class TwinSwap(Processor):
        """Runs a network that does nothing."""

        def needs(self, params: ProcessorParams) -> Needs:
            return Needs(crop=Template("arcface_128", points, SIDE))

        def process(self, batch: PatchBatch, params: ProcessorParams, ctx: Context) -> PatchBatch:
            ctx.check()
            made = network.swap([patch.pixels for patch in batch], np.repeat(source, len(batch), axis=0))
            return tuple(replace(patch, pixels=pixels) for patch, pixels in zip(batch, made, strict=True))

    return TwinSwap
