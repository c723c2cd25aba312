"""Who is in a picture: faces with numbers, pose, size, and what may go wrong with each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from models.arrays import Pixels
from models.face import Face
from models.interfaces import Detection, FaceStack, Search
from pipeline.frame import Frame
from processors.batches import Remark
from processors.classical.pose import fit_pose

# Thresholds of the remarks: the failure catalogue of the classical-swap study (60 pairs judged by one observer).
TURNED_FAR = 35.0  # degrees of yaw after which half of the face cannot be seen
TILTED_FAR = 25.0  # degrees of pitch
TINY = 40.0  # pixels between the outer eye corners
UNSURE = 0.012  # spread of the mouth's points between boxes, in eye distances
EDGE_SHARE = 0.02  # share of the points that lie outside of the frame
GLARE_SHARE = 0.05  # share of the face's pixels above 250


@dataclass(frozen=True, slots=True)
class FaceReport:
    """yaw, pitch, roll in degrees (yaw above 0 looks to the picture's right, pitch above 0 looks up, roll above 0 is
    turned clockwise); size: outer-eye distance in pixels."""

    face: Face
    yaw: float
    pitch: float
    roll: float
    size: float
    remarks: tuple[Remark, ...] = ()

    @property
    def number(self) -> int:
        return self.face.number


AS_USUAL = Search()


@dataclass(frozen=True, slots=True)
class Analysis:
    """faces: numbered from 1, from left to right. remarks: about the picture as a whole."""

    faces: tuple[FaceReport, ...]
    remarks: tuple[Remark, ...] = ()
    search: Search = AS_USUAL

    def face(self, number: int) -> FaceReport | None:
        return next((report for report in self.faces if report.number == number), None)


def analyse_frame(frame: Frame, stack: FaceStack, search: Search, progress: Callable[[float], None],
                  check: Callable[[], None]) -> Analysis:
    """Finds faces; where an ordinary look finds none, looks harder by itself and says so.

    progress: told a share, 0..1. check: called between steps; it raises where the user asked to stop.
    """
    picture = frame.bgr8()
    detections = stack.detector.detect(picture, search)
    progress(0.4)
    if not search.turned and any(one.turn for one in detections):
        # Networks find one or the other lying face in an upright look: where there is one, the others lie as well.
        search = replace(search, turned=True)
        detections = stack.detector.detect(picture, search)
    remarks: tuple[Remark, ...] = ()
    if not detections and not (search.small and search.turned):
        check()
        search = Search(small=True, turned=True)
        detections = stack.detector.detect(picture, search)
        if detections:
            remarks = (Remark("FACES.LOOKED_HARDER", "No face at first sight; found by looking for small and turned "
                                                     "faces."),)
    progress(0.7)
    check()
    return Analysis(_reports(picture, stack, detections), remarks, search)


def _reports(picture: Pixels, stack: FaceStack, detections: list[Detection]) -> tuple[FaceReport, ...]:
    faces = sorted(stack.landmarker.landmarks(picture, detections), key=lambda face: (face.centre[0], face.centre[1]))
    known = stack.recogniser.embed(picture, faces)
    return tuple(_report(picture, replace(face, embedding=embedding, number=number))
                 for number, (face, embedding) in enumerate(zip(faces, known, strict=True), 1))


def _report(picture: Pixels, face: Face) -> FaceReport:
    pose = fit_pose(face.points)
    return FaceReport(face, pose.yaw, pose.pitch, pose.roll, face.eye_distance,
                      tuple(_remarks(picture, face, pose.yaw, pose.pitch)))


def _remarks(picture: Pixels, face: Face, yaw: float, pitch: float) -> list[Remark]:
    found = []
    if abs(yaw) > TURNED_FAR:
        found.append(Remark("FACE.TURNED", f"Turned {abs(yaw):.0f}° to the side: half of the face is hidden.",
                            {"degrees": abs(yaw)}))
    if abs(pitch) > TILTED_FAR:
        found.append(Remark("FACE.TILTED", f"Looks {'up' if pitch > 0 else 'down'} by {abs(pitch):.0f}°.",
                            {"degrees": abs(pitch)}))
    if face.eye_distance < TINY:
        found.append(Remark("FACE.TINY", f"Small: {face.eye_distance:.0f} pixels between the eyes' outer corners.",
                            {"pixels": face.eye_distance}))
    if face.spread > UNSURE:
        found.append(Remark("FACE.UNSURE", "The points round the mouth are unsure (blurred, covered or unusual).",
                            {"spread": face.spread}))
    height, width = picture.shape[:2]
    outside = ((face.points < 0) | (face.points > [width - 1, height - 1])).any(axis=1).mean()
    if outside > EDGE_SHARE:
        found.append(Remark("FACE.EDGE", "The picture's edge cuts this face."))
    glare = _glare(picture, face)
    if glare > GLARE_SHARE:
        found.append(Remark("FACE.GLARE", f"Overexposed: {glare:.0%} of the face is white.", {"share": glare}))
    return found


def _glare(picture: Pixels, face: Face) -> float:
    """Share of the pixels in the points' bounding box that are nearly white."""
    height, width = picture.shape[:2]
    low = np.clip(np.floor(face.points.min(axis=0)), 0, [width - 1, height - 1]).astype(int)
    high = np.clip(np.ceil(face.points.max(axis=0)), 1, [width, height]).astype(int)
    box = picture[low[1]:max(high[1], low[1] + 1), low[0]:max(high[0], low[0] + 1)]
    return float((box.min(axis=2) > 250).mean())
