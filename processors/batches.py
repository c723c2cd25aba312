"""What processors are handed and give back: crops, patches, regions, and batches of them.

All pixels are BGR, uint8 or (above 8 bits) float32, on the 0..255 scale. Arrays that come in are read-only by
agreement: a processor makes new ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from models.arrays import Embedding, Mask, Matrix, Pixels, Points
from models.face import OUTER_EYE_CORNERS, Face


class Rect(NamedTuple):
    """Whole pixels of a frame; x1 and y1 are exclusive."""

    x0: int
    y0: int
    x1: int
    y1: int


@dataclass(frozen=True, slots=True)
class Template:
    """Where five points (the rows of `models.face.five_points`) come to lie in an aligned square crop.

    points: (5, 2), each 0..1 of the crop's side. size: the side in pixels.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    size: int


@dataclass(frozen=True, slots=True)
class Native:
    """A crop at the frame's own pixels: only shifted and turned by quarter turns until the face is upright, so that
    nothing is resampled. margin: how far it reaches beyond the 68 points on every side, in outer-eye distances."""

    margin: float = 0.6


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """Part of a picture round one face, upright to within 45 degrees.

    pixels: (H, W, 3). matrix: frame pixels -> crop pixels. points: (68, 2) in crop pixels.
    inside: (H, W) float32, 0 where the crop reaches over the frame's edge (pixels are replicated there), or None where
    it does not. notes: what processors worked out from these pixels and points alone (skin, pose), by name,
    so that neighbours in the chain, and a source's every use, need not do it again; see processors.classical.notes.
    """

    pixels: Pixels
    matrix: Matrix
    points: Points
    face: Face
    inside: Mask | None = None
    notes: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def eye_distance(self) -> float:
        """Outer-eye distance in crop pixels."""
        right, left = self.points[OUTER_EYE_CORNERS[0]], self.points[OUTER_EYE_CORNERS[1]]
        return float(((left - right) ** 2).sum() ** 0.5)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class SourceFace:
    """One photo of an identity: a native crop of the face, and the identity's descriptor (mean over its photos).

    Compared and hashed as an object, and weakly referable: the engine hands the same object for the same photo, so
    that a swapper can keep what it learned of it (in a `weakref.WeakKeyDictionary`).
    """

    crop: Crop
    embedding: Embedding | None = None


class Remark(NamedTuple):
    """Something that people should know about one face: a stable code (`POSE.YAW`), words in English, and the numbers
    that the words hold, so that other languages can say it too."""

    code: str
    words: str
    values: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """A crop on its way through the chain.

    crop: the untouched crop. pixels: the changed pixels, same shape and dtype as crop.pixels. mask: how much of them
    counts, or None for "everywhere" until the first mask. sources: the photos to choose from (swappers).
    source_clean: (H, W) 0..1, set by swappers: 1 where the pixels they brought are skin or features, 0 where they are
    hair, glasses or hands of the source, or None where the swapper cannot tell.
    exact: the mask is final (anonymise covers more than a face's skin): masks must leave it alone.
    """

    crop: Crop
    pixels: Pixels
    mask: Mask | None = None
    sources: tuple[SourceFace, ...] = ()
    source_clean: Mask | None = None
    exact: bool = False
    remarks: tuple[Remark, ...] = ()


PatchBatch = tuple[Patch, ...]
"""Faces of one frame (of neighbouring frames only for stateless processors)."""


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A rectangle of a frame. mask: where its pixels differ on purpose; the engine writes nothing where it is 0."""

    pixels: Pixels
    rect: Rect
    mask: Mask


@dataclass(frozen=True, slots=True, eq=False)
class Lay:
    """A patch brought back to the frame's pixels, to be blended by a blender.

    background: the frame's own pixels in rect. pixels, mask: the patch there. eye_distance: in frame pixels, for
    widths. points: (68, 2) in pixels of rect.
    """

    background: Pixels
    pixels: Pixels
    mask: Mask
    rect: Rect
    points: Points
    eye_distance: float


LayBatch = tuple[Lay, ...]
RegionBatch = tuple[Region, ...]


@dataclass(frozen=True, slots=True, eq=False)
class FrameView:
    """A whole frame for frame processors. masks: what each earlier layer changed, over the whole frame."""

    pixels: Pixels
    faces: tuple[Face, ...]
    masks: tuple[Region, ...] = field(default=())
