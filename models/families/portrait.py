"""LivePortrait (Guo et al., 2024): a face moves as 21 points in space do.

Networks, all of float32: features: (N, 3, 256, 256) RGB, x / 255, to (N, 32, 16, 64, 64); motion: the same to pitch,
yaw, roll (degrees), scale, shift (3), expression (N, 21, 3) and the points of the face at rest (N, 21, 3); eyes and
lips: the points and how open they are and shall be, in one row, to what is to be added to the points; stitcher:
`source` (moved points) and `target` (the points as they were) to moved points that keep shoulders and rim in place;
generator: features, `source` and `target` to a picture (N, 3, 512, 512), RGB, 0..1.
A point comes to lie at scale * (R point + expression) + shift.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass as strict

from models.arrays import Pixels, Points
from models.families.crops import CropFacts
from models.sessions import Lease
from models.templates import TEMPLATES, drawn_in

POINTS = 21
Space = NDArray[np.float64]
"""(21, 3): points, or what is added to them."""


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """What the motion network says of a face. Angles in degrees; shift: (3,); expression, rest: (21, 3)."""

    pitch: float
    yaw: float
    roll: float
    scale: float
    shift: NDArray[np.float64]
    expression: Space
    rest: Space

    @property
    def placed(self) -> Space:
        """(21, 3): where its points lie."""
        turned = self.rest @ rotation(self.pitch, self.yaw, self.roll).T
        return np.asarray(self.scale * (turned + self.expression) + self.shift)


def rotation(pitch: float, yaw: float, roll: float) -> NDArray[np.float64]:
    """(3, 3), of degrees: first round x by pitch, then round y by yaw, then round z by roll."""
    x, y, z = np.radians([pitch, yaw, roll])
    (sx, sy, sz), (cx, cy, cz) = np.sin([x, y, z]), np.cos([x, y, z])
    round_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    round_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    round_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.asarray(round_z @ round_y @ round_x)


@strict(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Shape:
    """How a crop is cut: the template, drawn in by `drawn`."""

    template: str
    drawn: float

    @property
    def points(self) -> Points:
        return drawn_in(TEMPLATES[self.template], self.drawn)


@strict(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Steps:
    """What a slider adds above 0 and below: (point, axis, amount at 1) each."""

    up: tuple[tuple[int, int, float], ...]
    down: tuple[tuple[int, int, float], ...]


@strict(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Angles:
    pitch: float
    yaw: float
    roll: float


@strict(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class PortraitFacts:
    """See the catalogue, beside the family portrait_generator."""

    size: int
    made: int
    restore: Shape
    edit: Shape
    upper: tuple[int, ...]
    lower: tuple[int, ...]
    eyes: float
    lips: float
    head: Angles
    most: Angles
    edits: Mapping[str, Steps]


_FACTS: TypeAdapter[PortraitFacts] = TypeAdapter(PortraitFacts)


@dataclass(frozen=True, slots=True)
class Look:
    """How a face shall look: each -1..1, 0 as it is. eyes, lips: shut .. wide open. sliders: by the names of the
    catalogue's edits (smile, gaze_x, …)."""

    pitch: float = 0.0
    yaw: float = 0.0
    roll: float = 0.0
    eyes: float = 0.0
    lips: float = 0.0
    sliders: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Networks:
    """Leased. stitcher, eyes and lips: `Portrait.edit` needs them."""

    features: Lease
    motion: Lease
    generator: Lease
    stitcher: Lease | None = None
    eyes: Lease | None = None
    lips: Lease | None = None


class Portrait:
    """Safe to share between threads. facts: the catalogue's, of portrait_generator."""

    def __init__(self, networks: Networks, facts: Mapping[str, Any]) -> None:
        self._networks = networks
        self.facts = _FACTS.validate_python(dict(facts))
        self._in, self._out = CropFacts(self.facts.size), CropFacts(self.facts.made)

    def motions(self, crops: Sequence[Pixels]) -> list[Motion]:
        """Of (S, S, 3) BGR crops. Raises ModelError."""
        waiting = [self._networks.motion.submit({self._networks.motion.inputs[0].name: self._numbers([crop])})
                   for crop in crops]
        return [_motion(one.result()) for one in waiting]

    def restore(self, crops: Sequence[Pixels], originals: Sequence[Pixels], share: float, *, upper: bool = True,
                lower: bool = True) -> list[Pixels]:
        """Each crop with the expression of the original, aligned alike (`facts.restore`). share: 0 as it is .. 1;
        upper, lower: of which part of the face. Crops of `facts.made` pixels a side, in their dtype. Raises
        ModelError."""
        facts = self.facts
        points = [*(facts.upper if upper else ()), *(facts.lower if lower else ())]
        now, wanted = self.motions(crops), self.motions(originals)
        moved = []
        for motion, original in zip(now, wanted, strict=True):
            expression = motion.expression.copy()
            expression[points] += share * (original.expression[points] - expression[points])
            moved.append(replace(motion, expression=expression).placed)
        return self._draw(crops, moved, [motion.placed for motion in now])

    def edit(self, crops: Sequence[Pixels], points: Sequence[Points], look: Look) -> list[Pixels]:
        """Each crop with another look, aligned as `facts.edit` says. points: (68, 2) of each, at any scale. Crops of
        `facts.made` pixels a side, in their dtype. Raises ModelError, KeyError for a slider that there is not."""
        now = self.motions(crops)
        before = [motion.placed for motion in now]
        moved = [self._moved(motion, look) + self._opened(placed, face, look)
                 for motion, placed, face in zip(now, before, points, strict=True)]
        return self._draw(crops, self._stitched(moved, before), before)

    def _moved(self, motion: Motion, look: Look) -> Space:
        facts = self.facts
        expression = motion.expression.copy()
        for name, value in look.sliders:
            steps = facts.edits[name].up if value > 0 else facts.edits[name].down
            for point, axis, step in steps:
                expression[point, axis] += value * step
        return replace(motion, expression=expression,
                       pitch=_turned(motion.pitch, look.pitch * facts.head.pitch, facts.most.pitch),
                       yaw=_turned(motion.yaw, look.yaw * facts.head.yaw, facts.most.yaw),
                       roll=_turned(motion.roll, look.roll * facts.head.roll, facts.most.roll)).placed

    def _opened(self, placed: Space, face: Points, look: Look) -> Space:
        """What is to be added to the points for eyes and lips."""
        added = np.zeros((POINTS, 3))
        for lease, value, open_now, wide in (
                (self._networks.eyes, look.eyes, eyes_open(face), self.facts.eyes),
                (self._networks.lips, look.lips, (lips_open(face),), self.facts.lips)):
            if value == 0:
                continue
            if lease is None:
                raise ValueError("eyes and lips need networks of their own")
            row = np.concatenate([placed.ravel(), open_now, [wide if value > 0 else 0.0]])
            made = lease.run({lease.inputs[0].name: row[None].astype(np.float32)})[0]
            added += abs(value) * np.asarray(made, np.float64).reshape(POINTS, 3)
        return added

    def _stitched(self, moved: Sequence[Space], before: Sequence[Space]) -> list[Space]:
        if self._networks.stitcher is None:
            return list(moved)
        if not moved:
            return []
        return list(self._networks.stitcher.run_rows({"source": _rows(moved), "target": _rows(before)}))

    def _draw(self, crops: Sequence[Pixels], moved: Sequence[Space], before: Sequence[Space]) -> list[Pixels]:
        if not crops:
            return []
        networks = self._networks
        volumes = networks.features.run_rows({networks.features.inputs[0].name: self._numbers(crops)})
        made = networks.generator.run_rows({"feature_volume": volumes, "source": _rows(moved),
                                            "target": _rows(before)})
        return self._out.decode(made, crops[0].dtype)

    def _numbers(self, crops: Sequence[Pixels]) -> NDArray[np.float32]:
        side = (self.facts.size, self.facts.size)
        return self._in.encode([np.asarray(cv2.resize(crop, side, interpolation=cv2.INTER_AREA)) for crop in crops])


def eyes_open(points: Points) -> tuple[float, float]:
    """How open the two eyes of 68 points are, over how wide they are: the one on the picture's left first."""
    right, left = (_open(points[at + 1:at + 3], points[at + 4:at + 6], points[at], points[at + 3]) for at in (36, 42))
    return right, left


def lips_open(points: Points) -> float:
    """How far apart the lips of 68 points are, over how wide the mouth is."""
    return _open(points[62:63], points[66:67], points[48], points[54])


def _open(upper: Points, lower: Points, corner: Points, other: Points) -> float:
    height = np.linalg.norm(upper.mean(axis=0) - lower.mean(axis=0))
    return float(height / max(float(np.linalg.norm(corner - other)), 1e-6))


def _turned(angle: float, by: float, most: float) -> float:
    """Degrees: turned, but not beyond `most` to either side, or beyond where the head is already."""
    return float(np.clip(angle + by, min(angle, -most), max(angle, most)))


def _motion(made: Sequence[NDArray[Any]]) -> Motion:
    pitch, yaw, roll, scale = (float(np.ravel(one)[0]) for one in made[:4])
    shift, expression, rest = (np.asarray(one, np.float64) for one in made[4:7])
    return Motion(pitch, yaw, roll, scale, shift.reshape(3), expression.reshape(POINTS, 3), rest.reshape(POINTS, 3))


def _rows(points: Sequence[Space]) -> NDArray[np.float32]:
    return np.stack([np.asarray(one, np.float32).reshape(POINTS, 3) for one in points])
