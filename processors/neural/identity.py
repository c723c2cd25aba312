"""Who a source is to a network: a descriptor of several photos, or the photo that fits best."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Embedding, Pixels
from models.face import Face, five_points
from models.families.arcface import ArcfaceRecogniser, aligned
from models.geometry import scale_of, similarity
from models.sessions import Lease
from processors.batches import Crop, Remark, SourceFace, Template
from processors.classical.notes import once
from processors.classical.sources import pose_of

ARCFACE = "recogniser.arcface"
_NEAR = 15.0
"""Degrees between a photo's pose and a face's at which the photo counts 60 % of what it would (a bell's width): half
of what the classical-swap study found to be visible, 20 of yaw and 15 of pitch, between two photos of one person."""
PITCH = 0.75
"""Degrees of pitch that count as one of yaw (the same study)."""


class Known(NamedTuple):
    """A descriptor, (512,), as long as ArcFace's are; and what is to be said of the photos that it comes from."""

    descriptor: Embedding
    remarks: tuple[Remark, ...]


class Describer:
    """ArcFace on a leased model, and what it saw in each source photo for as long as somebody holds that photo. Safe to
    share between threads."""

    def __init__(self, lease: Lease, facts: Mapping[str, Any]) -> None:
        self._network = ArcfaceRecogniser(lease, facts)
        self._kept: WeakKeyDictionary[SourceFace, Embedding] = WeakKeyDictionary()
        self._lock = threading.Lock()

    @property
    def same_person(self) -> float:
        """Between unit vectors: see `models.interfaces.Recogniser`."""
        return self._network.same_person

    def crops(self, crops: Sequence[Crop]) -> NDArray[np.float64]:
        """(N, 512), as they came, of the faces in these crops: all in one run."""
        return self._network.describe([aligned(crop.pixels, _face_in(crop)) for crop in crops])

    def photos(self, sources: Sequence[SourceFace]) -> NDArray[np.float64]:
        """(N, 512), as they came. Those that were not seen before are looked at in one run."""
        with self._lock:
            new = [source for source in sources if source not in self._kept]
        found = self.crops([source.crop for source in new]) if new else ()
        with self._lock:
            self._kept.update(zip(new, found, strict=True))
            return np.stack([self._kept[source] for source in sources])


def _face_in(crop: Crop) -> Face:
    return replace(crop.face, points=crop.points)


def known(sources: Sequence[SourceFace], describer: Describer, target: Crop | None = None) -> Known:
    """The mean of the photos' directions, as long as they are on average. Those that show somebody else are left out.
    target: photos count the more, the nearer their pose is to this face's; without it all count the same."""
    raw = describer.photos(sources)
    units = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    kept = outliers(units, describer.same_person)
    weights = kept.astype(np.float64)
    if target is not None:
        weights *= _nearness(sources, target, kept)
    mean = weights @ units
    lengths = np.linalg.norm(raw, axis=1)
    descriptor = mean / np.linalg.norm(mean) * (weights @ lengths) / weights.sum()
    return Known(descriptor, _remarks_on(units, kept, describer.same_person))


def outliers(units: NDArray[np.float64], same_person: float) -> NDArray[np.bool_]:
    """(N,) whether each photo stays. units: (N, 512) of length 1. One goes where it is further from the others' mean
    than the recogniser lets photos of one person be, the furthest first, as long as three are there: of two nobody can
    tell which one is wrong."""
    kept = np.ones(len(units), np.bool_)
    while kept.sum() > 2:
        places = np.flatnonzero(kept)
        others = units[places].sum(axis=0) - units[places]
        others /= np.maximum(np.linalg.norm(others, axis=1, keepdims=True), 1e-12)
        away = np.linalg.norm(units[places] - others, axis=1)
        if away.max() <= same_person:
            break
        kept[places[int(away.argmax())]] = False
    return kept


def _remarks_on(units: NDArray[np.float64], kept: NDArray[np.bool_], same_person: float) -> tuple[Remark, ...]:
    left_out = len(kept) - int(kept.sum())
    found = []
    if left_out:
        found.append(Remark("SOURCE.OUTLIERS", f"{left_out} of the source's {len(kept)} photos show somebody else, by "
                            "the descriptor, and are left out.", {"left_out": left_out, "photos": len(kept)}))
    rest = units[kept]
    if len(rest) == 2 and np.linalg.norm(rest[0] - rest[1]) > same_person:
        found.append(Remark("SOURCE.DIFFERS", "Two of the source's photos may show two different people, by the "
                            "descriptor, and both are used; a third would tell which one is meant."))
    return tuple(found)


def _angle(source: SourceFace, target: Crop) -> float:
    """Degrees between two poses. Left and right count the same: a face is known by either side."""
    one, other = pose_of(source.crop), pose_of(target)
    return float(np.hypot(abs(one.yaw) - abs(other.yaw), (one.pitch - other.pitch) / PITCH))


def _nearness(sources: Sequence[SourceFace], target: Crop, kept: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(N,) weights, 1 for the nearest that is kept; smooth, so that nobody changes abruptly in a clip."""
    angles = np.array([_angle(source, target) for source in sources])
    least = angles[kept].min()
    return np.asarray(np.exp(-np.maximum(angles**2 - least**2, 0) / (2 * _NEAR**2)))


def nearest(sources: Sequence[SourceFace], target: Crop) -> SourceFace:
    """The photo whose pose is nearest to this face's."""
    return min(sources, key=lambda source: _angle(source, target))


def picture_of(source: SourceFace, template: Template) -> Pixels:
    """The photo's face, (S, S, 3) BGR, aligned to a template, averaged where it is made smaller."""
    crop = source.crop
    return once(crop, f"aligned {template.name} {template.size}", lambda: _aligned(crop, template))


def _aligned(crop: Crop, template: Template) -> Pixels:
    pixels, points = crop.pixels, five_points(crop.points)
    aim = np.array(template.points) * template.size
    scale = scale_of(similarity(points, aim))
    if scale < 0.5:  # a warp looks at four pixels only: of fine hair it would make noise
        shape = pixels.shape
        pixels = cv2.resize(pixels, None, fx=2 * scale, fy=2 * scale, interpolation=cv2.INTER_AREA)
        points = (points + 0.5) * [pixels.shape[1] / shape[1], pixels.shape[0] / shape[0]] - 0.5
    return np.asarray(cv2.warpAffine(pixels, similarity(points, aim), (template.size, template.size),
                                     flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
