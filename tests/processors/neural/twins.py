"""Networks of known functions in the places of real ones, a face, and a chain over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from models.arrays import Pixels, Points
from models.face import Box, Face
from models.networks import Build, T, missing
from models.sessions import SessionManager
from models.twins import Graph
from pipeline.chain import Admission, Done, FaceJob, make_steps, run_chain
from pipeline.crops import cut
from pipeline.frame import Frame
from pipeline.recipe import make_effects
from processors.batches import Native, SourceFace
from processors.classical.pose import mean_shape
from processors.context import Context
from processors.neural.rows import facts_of
from processors.registry import Registry, built_in

REGISTRY = Registry(built_in())
SHARE = 0.2
"""Of a source's numbers that the twins of swappers add to each colour."""


class Twins:
    """Models whose graphs are given, with the catalogue's facts."""

    def __init__(self, graphs: Mapping[str, bytes]) -> None:
        self.manager = SessionManager()
        self._graphs = dict(graphs)
        self._made: dict[Any, Any] = {}

    def has(self, slot: str) -> bool:
        return slot in self._graphs

    def get(self, slot: str, build: Build[T]) -> T:
        if slot not in self._graphs:
            raise missing(slot)
        if (slot, build) not in self._made:
            lease = self.manager.lease(self._graphs[slot], name=slot, rows=True)
            self._made[slot, build] = build(lease, facts_of(slot))
        made: T = self._made[slot, build]
        return made

    def batches(self, slot: str) -> dict[int, int]:
        """Runs by their number of rows."""
        return next((dict(c.batches) for c in self.manager.counts() if c.name == slot), {})


def swapper_twin(slot: str) -> bytes:
    """Gives the target back, a fifth of the source's first three numbers (of a picture's mean colour, less a half)
    added to red, green and blue: in and out in the numbers that the catalogue says."""
    facts = facts_of(slot)
    graph, size = Graph(), facts["size"]
    colours = _levels(graph, graph.input("target", (1, 3, size, size)), facts)
    own = facts["source"].get("picture")
    if own is not None:
        given = _levels(graph, graph.input("source", (1, 3, own["size"], own["size"])), own)
        added = graph.op("Sub", graph.op("ReduceMean", given, axes=[2, 3], keepdims=1), graph.constant(0.5))
    else:
        first = graph.op("Slice", graph.input("source", (1, 512)), *(graph.constant([n]) for n in (0, 3, 1, 1)))
        added = graph.op("Reshape", first, graph.constant([0, 3, 1, 1]))
    made = graph.op("Add", colours, graph.op("Mul", added, graph.constant(SHARE)))
    made = graph.op("Sub", made, graph.constant(facts.get("out_mean", 0.0)))
    made = graph.op("Div", made, graph.constant(facts.get("out_std", 1.0)))
    graph.output(made, "output", (1, 3, size, size))
    if facts["source"]["kind"] == "mapped":
        graph.constant(np.eye(512) * 3, "emap")
    return graph.serialised()


def _levels(graph: Graph, given: str, facts: Mapping[str, Any]) -> str:
    """What went in, as 0..1."""
    mean, std = (np.reshape(facts.get(name, (fill,) * 3), (1, 3, 1, 1)) for name, fill in (("mean", 0.0), ("std", 1.0)))
    return graph.op("Add", graph.op("Mul", given, graph.constant(std)), graph.constant(mean))


def colour_recogniser() -> bytes:
    """A descriptor of the crop's mean colour, red first, -1..1, times twenty; nothing else."""
    graph = Graph()
    colour = graph.op("ReduceMean", graph.input("input", ("N", 3, 112, 112)), axes=[2, 3], keepdims=0)
    spread = np.zeros((3, 512))
    spread[:, :3] = np.eye(3) * 20
    graph.output(graph.op("MatMul", colour, graph.constant(spread)), "embedding", ("N", 512))
    return graph.serialised()


def tenfold_converter() -> bytes:
    """A tenth of a descriptor."""
    graph = Graph()
    graph.output(graph.op("Mul", graph.input("input", (1, 512)), graph.constant(0.1)), "output", (1, 512))
    return graph.serialised()


def twins_for(slots: Sequence[str]) -> Twins:
    """Of swappers, and of all that any of them needs."""
    graphs = {slot: swapper_twin(slot) for slot in slots}
    graphs |= {"recogniser.arcface": colour_recogniser()}
    graphs |= {f"converter.{name}": tenfold_converter() for name in ("ghost", "simswap", "hififace")}
    return Twins(graphs)


def face_points(x: float, y: float, size: float, roll: float = 0.0, yaw: float = 0.0, pitch: float = 0.0) -> Points:
    """The mean face, turned by degrees. size: pixels of its outer-eye distance when seen from the front."""
    turns = []
    for angle, (one, other) in zip(np.radians([roll, yaw, pitch]), ((0, 1), (2, 0), (1, 2)), strict=True):
        turn = np.eye(3)
        turn[one, one] = turn[other, other] = np.cos(angle)
        turn[one, other], turn[other, one] = -np.sin(angle), np.sin(angle)
        turns.append(turn)
    turned = mean_shape() @ (turns[0] @ turns[1] @ turns[2]).T
    return np.asarray(turned[:, :2] / 0.764 * size + [x, y])


def face_of(points: Points, number: int = 1) -> Face:
    return Face(Box(*points.min(axis=0), *points.max(axis=0)), 1.0, points, number=number)


def photo(colour: Sequence[int], yaw: float = 0.0, pitch: float = 0.0) -> SourceFace:
    """A face in a picture of one colour, BGR."""
    frame = Frame(np.full((300, 300, 3), colour, np.uint8))
    return SourceFace(cut(frame, face_of(face_points(150, 150, 80, 0, yaw, pitch)), Native(1.2)))


def scene(deep: bool = False, side: int = 400) -> Frame:
    """Smooth colours, so that warping there and back keeps them."""
    x, y = np.meshgrid(np.linspace(60, 160, side), np.linspace(80, 140, side))
    picture = np.stack([x, y, (x + y) / 2], axis=-1)
    return Frame(np.rint(picture * 257).astype(np.uint16) if deep else np.rint(picture).astype(np.uint8))


def run(frame: Frame, jobs: Sequence[FaceJob], models: Twins, names: Sequence[str], **values: Mapping[str, Any],
        ) -> Done[Frame]:
    """A chain by processors' names, values by name, on twins."""
    effects = make_effects(names, REGISTRY, values)
    slots = frozenset(slot for effect in effects for slot in _needs(effect.processor, effect.params))
    steps = make_steps(effects, REGISTRY, Admission(slots, looked_at=True))
    return run_chain(frame, jobs, steps, Context(models=models), 7, [job.face for job in jobs])


def _needs(name: str, params: Mapping[str, Any]) -> tuple[str, ...]:
    cls = REGISTRY.get(name)
    return cls().needs(cls.Params.model_validate(params)).models


def whole_mask(done: Done[Frame]) -> np.ndarray:
    mask = np.zeros((done.frame.height, done.frame.width), np.float32)
    for region in done.regions:
        part = mask[region.rect.y0:region.rect.y1, region.rect.x0:region.rect.x1]
        np.maximum(part, region.mask, out=part)
    return mask


def levels(frame: Frame) -> Pixels:
    """(H, W, 3) float64, 0..255."""
    return frame.samples.astype(np.float64) / (257 if frame.depth == 16 else 1)
