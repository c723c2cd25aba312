"""Faces without a download: dlib's HOG detector, 68 points and 128-number descriptor.

dlib comes prebuilt (dlib-bin), its data files in the package face_recognition_models. That package cannot be imported
(it needs pkg_resources, which is gone), so its folder is found through its import spec.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from models.arrays import Embedding, Matrix, Pixels, Points
from models.errors import ModelError
from models.face import MOUTH_OUTER, Box, Face
from models.geometry import compose, invert, quarter_turn, similarity, transform
from models.interfaces import Detection, FaceStack, Search

FILES = {
    "points": "shape_predictor_68_face_landmarks.dat",
    "descriptor": "dlib_face_recognition_resnet_model_v1.dat",
}

# HOG wants faces of 80 px or more (dlib's detector was trained on 80 x 80 windows). A look at 1280 px sees faces of
# 1/16 of the longer side and takes about 0.1 s on one core; the second look goes to twice that.
WINDOW = 80
FIRST_LOOK = 1280
SECOND_LOOK = 2560
# Two boxes are the same face above this overlap (the usual figure for faces; FaceFusion and insightface use 0.4).
SAME_FACE = 0.4
# dlib's own threshold is 0. Turned looks see upright patterns upside down and find more that is none; measured on the
# pictures that scikit-image carries (no face in most of them).
TURNED_THRESHOLD = 0.25

# How far below dlib's own threshold faint finds reach. Measured on 48 pictures without a face at 1280 px: 1 find above
# 0, 7 above -.25, 13 above -.4, 28 above -.6. Faces that turn away stay above until they are not found at all.
FAINT = 0.4

# Boxes that the 68 points are averaged over: shift in x, shift in y, growth, as shares of the box (classical-swap
# study: with these the frame-to-frame jitter of dlib's points halves).
JITTER = ((0.0, 0.0, 0.0), (0.03, 0.0, 0.0), (-0.03, 0.0, 0.0), (0.0, 0.03, 0.02), (0.0, -0.03, -0.02))
# Side of the HOG box that the points are looked up in, in pixels of an upright, scaled crop: dlib answers in whole
# pixels, so at this size its answers are finer than a pixel of most pictures.
CANONICAL_BOX = 320


def data_file(name: str) -> Path:
    """Path of one of the data files. Raises ModelError where the package or the file is missing."""
    spec = find_spec("face_recognition_models")
    path = Path(spec.origin).parent / "models" / name if spec and spec.origin else None
    if path is None or not path.is_file():
        raise ModelError(f"The data file {name} is missing.", subject=name,
                         remedy="Install the package face-recognition-models again (`uv sync` does).")
    return path


def _grey(picture: Pixels) -> Pixels:
    """(H, W) uint8 of a BGR or grey picture; shares memory where it can."""
    return picture if picture.ndim == 2 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)


class DlibDetector:
    """Histogram-of-gradients detector for near-frontal faces. Safe to share between threads."""

    name = "dlib-hog"

    def __init__(self) -> None:
        self._lock = threading.Lock()  # dlib's scanner keeps scratch memory in the object

    def rest(self) -> None:
        """See `models.interfaces.Resting`."""
        self.__dict__.pop("_detector", None)

    @cached_property
    def _detector(self) -> Any:
        import dlib

        return dlib.get_frontal_face_detector()

    def side(self, search: Search) -> int | None:
        """See `models.interfaces.Detector`."""
        return None

    def detect(self, picture: Pixels, search: Search) -> list[Detection]:
        """See `models.interfaces.Detector`."""
        longer = max(picture.shape[:2])
        lower = -FAINT if search.faint else 0.0
        found = self._look(picture, min(1.0, FIRST_LOOK / longer), 0, lower)
        if search.small:
            found += self._look(picture, min(2.0, SECOND_LOOK / longer), 0, lower)
        if search.turned:
            for turn in (1, 2, 3):
                found += self._look(picture, min(1.0, FIRST_LOOK / longer), turn, TURNED_THRESHOLD)
        return sorted(_distinct(found), key=lambda d: -d.box.area)

    def _look(self, picture: Pixels, scale: float, turn: int, threshold: float) -> list[Detection]:
        grey = _grey(picture)
        if scale != 1.0:
            size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
            grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
        height, width = grey.shape
        if min(height, width) < WINDOW / 2:
            return []
        back = invert(quarter_turn(turn, width, height))
        with self._lock:
            rectangles, scores, _ = self._detector.run(np.ascontiguousarray(np.rot90(grey, -turn)), 0, threshold)
        found = []
        for rectangle, score in zip(rectangles, scores, strict=True):
            corners = np.array([[rectangle.left(), rectangle.top()], [rectangle.right(), rectangle.bottom()]], float)
            corners = transform(corners, back) * [picture.shape[1] / width, picture.shape[0] / height]
            (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
            found.append(Detection(Box(float(x0), float(y0), float(x1) + 1, float(y1) + 1), float(score), turn))
        return found


def _distinct(found: Sequence[Detection]) -> list[Detection]:
    """Without the weaker of every two that overlap."""
    kept: list[Detection] = []
    for detection in sorted(found, key=lambda d: -d.score):
        if all(detection.box.overlap(other.box) < SAME_FACE for other in kept):
            kept.append(detection)
    return kept


class DlibLandmarker:
    """68 points (iBUG 300-W scheme) by an ensemble of regression trees. Safe to share between threads."""

    name = "dlib-68"

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def rest(self) -> None:
        """See `models.interfaces.Resting`."""
        self.__dict__.pop("_predictor", None)

    @cached_property
    def _predictor(self) -> Any:
        import dlib

        with self._lock:
            return dlib.shape_predictor(str(data_file(FILES["points"])))

    def landmarks(self, picture: Pixels, detections: Sequence[Detection]) -> list[Face]:
        """See `models.interfaces.Landmarker`. Two passes: the first says how the face lies, the second reads the
        points in an upright crop of fixed size, five times."""
        return [self._face(picture, detection) for detection in detections]

    def follow(self, picture: Pixels, faces: Sequence[Face]) -> list[Face]:
        """See `models.interfaces.Landmarker`. One pass: how the face lies is known from the frame before."""
        return [replace(self._second(picture, Detection(face.box, face.score, face.turn), face.points),
                        embedding=face.embedding, number=face.number, memory=face.memory) for face in faces]

    def _face(self, picture: Pixels, detection: Detection) -> Face:
        first = self._read(picture, _first_crop(detection), (JITTER[0],))
        face = self._second(picture, detection, first[0])
        return replace(face, box=detection.box)

    def _second(self, picture: Pixels, detection: Detection, near: Points) -> Face:
        """Points read in an upright crop placed by points that are nearly right; the box as they imply it."""
        to_crop = _upright(detection, _roll(near), near)
        passes = self._read(picture, to_crop, JITTER)
        points = passes.mean(axis=0)
        away = passes[:, MOUTH_OUTER] - points[MOUTH_OUTER]
        face = Face(_box_in(to_crop), detection.score, points, turn=_turn_of(points))
        return replace(face, spread=float(np.sqrt((away ** 2).sum(axis=2).mean())) / max(face.eye_distance, 1e-6))

    def _read(self, picture: Pixels, to_crop: Matrix, boxes: Sequence[tuple[float, float, float]]) -> Points:
        """Points (len(boxes), 68, 2) in pixels of the picture, read in the crop that `to_crop` makes: a square of
        twice the canonical box, the box in its middle."""
        import dlib

        side = 2 * CANONICAL_BOX
        shrink = float(np.sqrt(abs(np.linalg.det(to_crop[:, :2])))) < 1
        crop = _grey(np.asarray(cv2.warpAffine(picture, to_crop, (side, side), borderMode=cv2.BORDER_REPLICATE,
                                               flags=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR)))
        back = invert(to_crop)
        found = []
        for dx, dy, growth in boxes:
            half = CANONICAL_BOX * (1 + growth) / 2
            x, y = side / 2 + dx * CANONICAL_BOX, side / 2 + dy * CANONICAL_BOX
            box = dlib.rectangle(round(x - half), round(y - half), round(x + half) - 1, round(y + half) - 1)
            shape = self._predictor(crop, box)
            points = np.array([(p.x, p.y) for p in shape.parts()], np.float64)
            found.append(transform(points, back))
        return np.stack(found)


# The HOG box as the 68 points imply it, in standard deviations of the points along the face's own vertical axis, which
# turning left or right does not shorten. Means over nine faces in pictures that installed packages carry (spread of
# the side .32, of the shift .16).
BOX_SIDE = 3.8
BOX_DOWN = -0.11


# Where five points lie in the box that dlib's detector draws, in sides of the box from its middle: means over the eight
# faces in pictures that installed packages carry, found by YuNet and by dlib, right and left made alike (spread .03 to
# .07). Other detectors' boxes mean other places, and dlib's points come from its own box alone. The eight faces at
# thirteen angles, -90 to 90 degrees: of 102 that YuNet finds, 94 are read to within 5 % of the eye distance by its five
# points, 81 by its box; of 92 that dlib finds, 86 by its own box.
FIVE_IN_BOX = np.array([(-0.207, -0.231), (0.207, -0.231), (0.0, 0.019), (-0.173, 0.202), (0.173, 0.202)])


def _first_crop(detection: Detection) -> Matrix:
    """Picture -> canonical crop: by the detection's five points where it has them, else by its box."""
    five = detection.points5
    if five is None or np.ptp(five, axis=0).max() < 1:
        return _upright(detection)
    return invert(similarity(FIVE_IN_BOX * CANONICAL_BOX + CANONICAL_BOX - 0.5, five))


def _box_in(to_crop: Matrix) -> Box:
    """The box that lies in the middle of the canonical crop: upright, of its size."""
    back = invert(to_crop)
    half = CANONICAL_BOX * float(np.sqrt(abs(np.linalg.det(back[:, :2])))) / 2
    x, y = transform(np.full((1, 2), CANONICAL_BOX - 0.5), back)[0] + 0.5
    return Box(float(x) - half, float(y) - half, float(x) + half, float(y) + half)


def _upright(detection: Detection, roll: float | None = None, points: Points | None = None) -> Matrix:
    """Picture -> canonical crop: from the detector's box and quarter turn alone, or with a roll (radians) and points
    of a first pass."""
    box = detection.box
    centre = np.array([(box.x0 + box.x1) / 2 - 0.5, (box.y0 + box.y1) / 2 - 0.5])
    size = max(box.width, box.height, 1.0)
    angle = -detection.turn * np.pi / 2
    if roll is not None and points is not None:
        angle = roll
        down = np.array([-np.sin(angle), np.cos(angle)])
        tall = max(float((points @ down).std()), size / (4 * BOX_SIDE))
        centre = points.mean(axis=0) + down * BOX_DOWN * tall
        size = BOX_SIDE * tall
    scale = CANONICAL_BOX / size
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    linear = np.array([[cos, sin], [-sin, cos]])
    middle = np.full(2, CANONICAL_BOX - 0.5)
    return np.column_stack([linear, middle - linear @ centre])


def _roll(points: Points) -> float:
    """Angle of the line of the eyes against the picture's rows, radians, -pi..pi; 0 is upright, clockwise is
    positive."""
    right, left = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    x, y = left - right
    return float(np.arctan2(y, x))


def _turn_of(points: Points) -> int:
    """Clockwise quarter turns that bring the face upright to within 45 degrees."""
    return round(-_roll(points) / (np.pi / 2)) % 4


class DlibRecogniser:
    """128 numbers from dlib's ResNet (dlib_face_recognition_resnet_model_v1). Safe to share between threads."""

    name = "dlib-resnet-v1"
    # The threshold that dlib's author gives for this network, with 99.38 % on LFW.
    same_person = 0.6

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def rest(self) -> None:
        """See `models.interfaces.Resting`."""
        self.__dict__.pop("_network", None)

    @cached_property
    def _network(self) -> Any:
        import dlib

        return dlib.face_recognition_model_v1(str(data_file(FILES["descriptor"])))

    def embed(self, picture: Pixels, faces: Sequence[Face]) -> list[Embedding]:
        """See `models.interfaces.Recogniser`."""
        return [self._embed(picture, face) for face in faces]

    def _embed(self, picture: Pixels, face: Face) -> Embedding:
        import dlib

        region, to_region = _upright_region(picture, face)
        points = transform(face.points, to_region)
        parts = [dlib.point(round(x), round(y)) for x, y in points]
        (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
        shape = dlib.full_object_detection(dlib.rectangle(int(x0), int(y0), int(x1), int(y1)), parts)
        with self._lock:
            return np.array(self._network.compute_face_descriptor(region, shape), np.float64)


def _upright_region(picture: Pixels, face: Face) -> tuple[Pixels, Matrix]:
    """RGB pixels round one face, turned upright by quarter turns, and the matrix picture -> region. dlib aligns from
    the points by itself; it needs no more than one face's width of margin."""
    margin = 0.75 * max(np.ptp(face.points[:, 0]), np.ptp(face.points[:, 1]))
    low = np.floor(face.points.min(axis=0) - margin).astype(int)
    high = np.ceil(face.points.max(axis=0) + margin).astype(int) + 1
    height, width = picture.shape[:2]
    x0, y0 = max(int(low[0]), 0), max(int(low[1]), 0)
    x1, y1 = min(max(int(high[0]), x0 + 1), width), min(max(int(high[1]), y0 + 1), height)
    region = picture[min(y0, height - 1):y1, min(x0, width - 1):x1]
    shift = np.array([[1.0, 0.0, -min(x0, width - 1)], [0.0, 1.0, -min(y0, height - 1)]])
    turned = np.rot90(region, -face.turn)
    matrix = compose(quarter_turn(face.turn, region.shape[1], region.shape[0]), shift)
    return cv2.cvtColor(np.ascontiguousarray(turned), cv2.COLOR_BGR2RGB), matrix


def dlib_stack() -> FaceStack:
    """The face stack that needs no download. Nothing is loaded before its first use."""
    return FaceStack(DlibDetector(), DlibLandmarker(), DlibRecogniser(), ("dlib.points68", "dlib.descriptor"))
