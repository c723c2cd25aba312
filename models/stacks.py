"""The face stack that the models of a folder make: for each of its parts the best that is there, else dlib's, which
needs none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.catalogue import CatalogueRow
from models.errors import ModelError
from models.families.arcface import ArcfaceRecogniser
from models.families.dlib_faces import dlib_stack
from models.families.facemesh import FaceMesh
from models.families.fan import FanLandmarker, FiveToSixtyEight
from models.families.grids import DOUBTED
from models.families.landmarks106 import Landmarks106
from models.families.scrfd import ScrfdDetector
from models.families.yoloface import YolofaceDetector
from models.families.yunet import YunetDetector
from models.interfaces import Detector, FaceStack, Landmarker, Recogniser
from models.sessions import Lease, Priority, SessionManager
from models.store import Found, Store

OWNER = "faces"
"""Under which name the stack leases: what one of its networks makes, the next one finds on the same device."""
_GUESSING = "landmarker.fan_68_5"
_INSTEAD = {"landmarker": "dlib.points68", "recogniser": "dlib.descriptor"}
"""By role: the slot of what stands in where there is no model."""

_DETECTORS: dict[str, Callable[..., Detector]] = {
    "scrfd": ScrfdDetector, "yoloface": YolofaceDetector, "yunet": YunetDetector}


def everything(_row: CatalogueRow) -> bool:
    return True


def stack_of(store: Store | None, manager: SessionManager, *, preset: str = "natural",
             allowed: Callable[[CatalogueRow], bool] = everything, priority: Priority = Priority.RENDER,
             otherwise: Callable[[], FaceStack] = dlib_stack, recogniser: str = "") -> FaceStack:
    """The catalogue says which models a preset wants, and by rank which is the best of those that are there. Nothing is
    loaded before its first use, and the choice stays what it is: after models have come or gone, ask again.

    store: None where there is no folder of models. preset: natural, sharp or fast. allowed: which models may be taken
    at all (commercial-safe). otherwise: whose parts are taken where there is no model. recogniser: the name of the one
    that people are known by already, whose descriptors no other one can be compared with; empty: the best. Raises
    ModelError MODEL.MISSING where it is not there.
    """
    rest = otherwise()
    if store is None:
        if recogniser not in ("", rest.recogniser.name):
            raise _unknown(recogniser)
        return rest
    return _Maker(store, manager, preset, allowed, priority, rest).stack(recogniser)


@dataclass(frozen=True, slots=True)
class _Maker:
    store: Store
    manager: SessionManager
    preset: str
    allowed: Callable[[CatalogueRow], bool]
    priority: Priority
    otherwise: FaceStack

    def stack(self, recogniser: str) -> FaceStack:
        there = {slot: found for slot, found in self.store.found().items() if self.allowed(found.row)}
        best: dict[str, Found] = {}
        for row in self.store.catalogue.ranked:
            role = self.store.catalogue.family_of(row).role
            if row.slot in there and (self.preset in row.presets or self._barred(role)):
                best.setdefault(role, there[row.slot])
        if recogniser:
            best.pop("recogniser", None)
        if recogniser not in ("", self.otherwise.recogniser.name):
            best["recogniser"] = self._called(recogniser, there)
        return FaceStack(self._detector(best.get("detector")),
                         self._landmarker(best.get("landmarker"), there.get(_GUESSING)),
                         self._recogniser(best.get("recogniser")), _slots(best))

    def _barred(self, role: str) -> bool:
        """Whether what stands in without a model may not be taken: then any that may does better than none."""
        return any(row.slot == _INSTEAD.get(role) and not self.allowed(row) for row in self.store.catalogue.model)

    def _called(self, recogniser: str, there: Mapping[str, Found]) -> Found:
        for found in there.values():
            if self.store.catalogue.family_of(found.row).role == "recogniser" and _name(found) == recogniser:
                return found
        raise _unknown(recogniser)

    def _detector(self, found: Found | None) -> Detector:
        if found is None:
            return self.otherwise.detector
        return _DETECTORS[found.row.family](self._lease(found), name=_name(found), doubted=DOUBTED)

    def _landmarker(self, found: Found | None, guessing: Found | None) -> Landmarker:
        if found is None:
            return self.otherwise.landmarker
        if found.row.family == "2d106":
            return Landmarks106(self._lease(found), name=_name(found))
        if found.row.family.startswith("facemesh"):
            facts: Any = self.store.catalogue.family_of(found.row).facts
            return FaceMesh(self._lease(found), facts, name=_name(found))
        rough = None if guessing is None else FiveToSixtyEight(self._lease(guessing))
        return FanLandmarker(self._lease(found), name=_name(found), rough=rough)

    def _recogniser(self, found: Found | None) -> Recogniser:
        if found is None:
            return self.otherwise.recogniser
        facts: Any = self.store.catalogue.family_of(found.row).facts
        return ArcfaceRecogniser(self._lease(found), facts, name=_name(found))

    def _lease(self, found: Found) -> Lease:
        return self.manager.lease(found.path, name=found.row.slot, owner=OWNER, priority=self.priority, rows=True)


def _unknown(recogniser: str) -> ModelError:
    return ModelError(f"People are known here by {recogniser}, which is not there, or may not be used.",
                      subject=recogniser, remedy="Get that model again, or look for the people anew.")


def _slots(best: Mapping[str, Found]) -> tuple[str, ...]:
    """What the parts work with: dlib's detector needs no file."""
    return (*(found.row.slot for found in best.values()),
            *(slot for role, slot in _INSTEAD.items() if role not in best))


def _name(found: Found) -> str:
    """Of the catalogue's file, whatever the user's is called: descriptors that were kept are known again by it."""
    return Path(found.row.file).stem.replace("_", "-")
