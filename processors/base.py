"""The class that every frame processor is, and what it declares of itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from processors.batches import Native, Template
from processors.context import Context
from processors.params import ProcessorParams

Role = Literal["swapper", "editor", "enhancer", "mask", "blender", "frame"]
"""swapper: puts another face in. editor: changes what a face does or how old it is. enhancer: how it is seen."""
ROLES: tuple[Role, ...] = ("swapper", "editor", "enhancer", "mask", "blender", "frame")
PATCHING: frozenset[Role] = frozenset({"swapper", "editor", "enhancer"})
"""Roles that make new pixels of a face, for a blender to lay."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What the `processor` decorator records: a name, a title, a role, a version and one line of help."""

    name: str
    title: str
    role: Role
    version: str
    help: str


NATIVE = Native()


@dataclass(frozen=True, slots=True)
class Needs:
    """What a processor asks of the engine before it runs.

    models: slots of the catalogue. crop: a Template for an aligned square, Native for the frame's own pixels.
    neighbours: frames before and after. sound: seconds of sound around the frame. state: kept per shot or track.
    pre_roll: frames to run before a part's first, to settle state. source: it brings an identity's photos. backdrop:
    the picture or clip that was named to lie behind people. faces: of a frame effect, whether it asks who is in the
    frame: where nothing does, nobody is looked for in a preview.
    """

    models: tuple[str, ...] = ()
    crop: Template | Native = NATIVE
    neighbours: tuple[int, int] = (0, 0)
    sound: float = 0.0
    state: Literal["none", "shot", "track"] = "none"
    pre_roll: int = 0
    source: bool = False
    backdrop: bool = False
    faces: bool = True


@dataclass(frozen=True, slots=True)
class Stream:
    """Size, alpha and depth of the pictures that go in, or that come out."""

    width: int
    height: int
    alpha: bool = False
    depth: int = 8


class Processor(ABC):
    """One frame processor. Subclasses carry the `processor` decorator, a nested `Params` and the verb `process`.

    An instance holds no state: everything comes with the call.
    """

    spec: ClassVar[Spec]

    class Params(ProcessorParams):
        """No parameters unless a subclass says so."""

    def needs(self, params: Any) -> Needs:
        return Needs()

    def describe(self, stream: Stream, params: Any) -> Stream:
        """What comes out when `stream` goes in; most change neither size, alpha nor depth."""
        return stream

    def is_identity(self, params: Any) -> bool:
        """True where these parameters change nothing, so that the engine may leave the processor out."""
        return False

    @abstractmethod
    def process(self, batch: Any, params: Any, ctx: Context) -> Any:
        """swapper, editor, enhancer, mask: PatchBatch -> PatchBatch; blender: LayBatch -> RegionBatch;
        frame: FrameView -> RegionBatch.
        """
