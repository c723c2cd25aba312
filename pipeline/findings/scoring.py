"""Scores one frame after another: what was drawn on each face, against what was there and against the frame before.

All pictures are looked at in a small square round each face, which goes along with it: its size does not depend on the
face's, and neither does what a score costs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Embedding, Mask, Matrix, Pixels, Points
from models.face import Face, five_points
from models.geometry import compose, invert, scale_of, transform
from models.interfaces import FaceStack
from pipeline.findings import sheet as flags
from pipeline.findings.sheet import Sheet, empty_row, rows_of
from pipeline.findings.square import SIDE, UNIT, square_of
from pipeline.measure import formulas
from pipeline.measure.areas import polygon
from pipeline.measure.flicker import EXPLAINED
from pipeline.tracking.follow import FollowedFace
from pipeline.tracking.frames import Looked
from pipeline.tracking.identity import descriptor_of
from processors.batches import Rect, Region
from processors.classical.pose import mean_shape

EVERY = 50
"""Frames between two descriptors of a face that nothing is odd about. dlib's takes 130 ms of one core, a frame
of the preset Natural 170 (640 x 360, one face): at 50 it is a sixtieth of the render, all other scores a fiftieth."""
_AGAIN = 5  # frames between two while the last one was nearer to the target than to the source
_DESCRIPTORS = 1  # of the target, a track: the limits are wider than what its frames differ by
# What makes a frame odd, from one frame to the next: steps of colour (CIE76; twice what is just noticed), of the mask's
# area (share), flicker in levels, and points off their own course in outer-eye distances.
_STEP, _GROWTH, _FLICKER, _OFF = 4.0, 0.2, 4.0, 0.06
_RING_FROM, _RING_TO = 3, 9  # pixels of the square round the mask that count as surroundings: .1 to .3 of the distance


class Shown(Looked, Protocol):
    """A frame that can be looked at in small."""

    def glimpse(self, rect: Rect, by: int) -> Pixels:
        """See `ClipFrame.glimpse`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """A face to be scored. target: what identity it is to have, None where no source is put on it. meant: whether
    anything is to be changed. base: (68, 2) where its points belong, None where nobody knows. shown: (68, 2) where they
    are in the result, None: where the face was drawn."""

    followed: FollowedFace
    source: Embedding | None = None
    meant: bool = True
    base: Points | None = None
    shown: Points | None = None


class _Seen(NamedTuple):
    """A face's square of both clips, (SIDE, SIDE, 3) uint8, and their luma; the row that it gave; its five points."""

    before: Pixels
    after: Pixels
    row: NDArray[np.void]


@dataclass(slots=True, eq=False)
class _Known:
    """What is remembered of a track."""

    seen: _Seen | None = None
    frame: int = -2
    earlier: Points | None = None
    targets: list[Embedding] = field(default_factory=list)
    asked: int = -1
    off: bool = False
    odd: bool = False


class Scorer:
    """Scores the frames of one part, in order. One for one thread."""

    def __init__(self, stack: FaceStack, every: int = EVERY) -> None:
        """every: see `EVERY`; 0: no descriptors at all."""
        self._stack, self._every = stack, every
        self._finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._tracks: dict[int, _Known] = {}
        self._rows: list[NDArray[np.void]] = []
        self._cuts: list[int] = []
        self._span: tuple[int, int] | None = None

    def look(self, before: Shown, after: Shown, faces: Sequence[Scored], regions: Sequence[Region] | None, *,
             cut: bool = False, keep: bool = True) -> None:
        """The next frame. regions: what was written, None where nobody tells: then the faces' outlines count. cut: it
        begins a shot. keep: False for a frame in front of the part."""
        frame = before.index
        if cut:
            self._tracks = {}
            self._cuts += [frame] if keep else []
        for one in faces:
            row = self._row(before, after, one, regions)
            if keep:
                self._rows.append(row)
        if keep:
            self._span = (frame if self._span is None else self._span[0], frame)
        gone = [number for number, known in self._tracks.items() if known.frame < frame - self._every - 1]
        for number in gone:
            del self._tracks[number]

    def sheet(self) -> Sheet:
        first, last = self._span or (0, -1)
        recogniser = self._stack.recogniser
        return Sheet(rows_of(self._rows), tuple(self._cuts), first, last, recogniser.name, recogniser.same_person,
                     (first,) if last >= first else ())

    def _row(self, before: Shown, after: Shown, one: Scored, regions: Sequence[Region] | None) -> NDArray[np.void]:
        followed, face = one.followed, one.followed.face
        row = empty_row()
        row["frame"], row["track"], row["number"] = before.index, followed.track, face.number
        row["score"], row["known"] = face.score, followed.known
        row["yaw"], row["pitch"] = pose_of(face.points)
        row["size"] = face.eye_distance
        row["points"] = five_points(face.points if one.shown is None else one.shown)
        if one.base is not None:
            row["base"] = five_points(one.base)
        mask_here = [r for r in regions if _overlaps(r.rect, face)] if regions is not None else None
        drawn = bool(mask_here) if mask_here is not None else one.meant
        row["flags"] = (flags.HELD * followed.held | flags.UNSURE * (not followed.sure)
                        | flags.LOOSE * (not followed.firm) | flags.SEEN * followed.seen
                        | flags.DRAWN * drawn | flags.MEANT * one.meant)
        known = self._tracks.setdefault(followed.track, _Known())
        last = known.seen if known.frame == before.index - 1 else None
        seen = None
        if drawn and face.eye_distance >= 4:
            seen = self._pixels(before, after, face, mask_here, row, last)
        if one.source is not None and drawn and self._every:
            known.odd = known.odd if seen is None else _is_odd(row, last, known.earlier)
            self._ask(known, before, after, one, row)
        known.earlier = np.array(last.row["points"]) if last is not None else None
        known.seen, known.frame = seen, before.index
        return row

    def _pixels(self, before: Shown, after: Shown, face: Face, regions: Sequence[Region] | None,
                row: NDArray[np.void], last: _Seen | None) -> _Seen:
        """Fills in what the pixels tell."""
        place = _Square(before, face)
        was, now = place.of(before), place.of(after)
        hull = polygon(transform(face.points, place.matrix), (SIDE, SIDE))
        mask = hull.astype(np.float32) if regions is None else place.mask(regions)
        mask /= max(float(mask.max()), 0.1)  # where it is, and not how strong
        inside = np.asarray((mask >= 0.5) & place.inside, np.uint8)
        touched = np.asarray(mask > 0.02, np.uint8)
        ring = np.asarray((cv2.dilate(touched, _disc(_RING_TO)) > cv2.dilate(touched, _disc(_RING_FROM)))
                          & place.inside, np.uint8)
        row["area"] = float(mask.sum()) / UNIT**2
        if not inside.any():
            return _Seen(was, now, row)
        grey_was, grey_now = (cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY) for pixels in (was, now))
        away = cv2.absdiff(grey_was, grey_now)
        row["change"] = _mean(away, inside)
        row["noise"] = _mean(away, ring)
        row["colour"], row["was"] = _labs(inside, now, was)
        row["sharp"] = _sharpness(place.detail(before), place.detail(after), inside, ring)
        row["seam"] = _seam(grey_was, grey_now, mask)
        seen = _Seen(grey_was, grey_now, row)
        if last is not None and last.before.ndim == 2:
            row["flicker"] = self._flicker(last, seen, inside, ring)
        return seen

    def _flicker(self, last: _Seen, now: _Seen, inside: NDArray[np.uint8], ring: NDArray[np.uint8]) -> float:
        """Levels by which the result changes more than the clip before, along the clip's own motion; what it changes by
        in the surroundings, where nothing was drawn, is the encoder's."""
        flow = self._finder.calc(now.before, last.before, None)  # type: ignore[call-overload]
        where = np.asarray(flow + _grid(), np.float32)
        own, result = (cv2.absdiff(a, cv2.remap(b, where, np.empty(0), cv2.INTER_LINEAR,
                                                borderMode=cv2.BORDER_REPLICATE))
                       for a, b in ((now.before, last.before), (now.after, last.after)))
        told = np.asarray(cv2.blur(own, (5, 5)) <= EXPLAINED, np.uint8)
        within, around = inside & told, ring & told
        if cv2.countNonZero(within) < 0.25 * cv2.countNonZero(inside):
            return float("nan")  # the clip's own motion cannot be told here
        excess = _mean(result, within) - _mean(own, within)
        beside = _mean(result, around) - _mean(own, around) if around.any() else 0.0
        return float(excess - max(beside, 0.0))

    def _ask(self, known: _Known, before: Shown, after: Shown, one: Scored, row: NDArray[np.void]) -> None:
        """The result's descriptor, where one is due."""
        frame = before.index
        every = _AGAIN if known.off else self._every
        # By the frame's own number, so that parts ask at the same frames wherever they begin.
        if not known.odd and known.asked >= 0 and frame % every:
            return
        assert one.source is not None
        face = one.followed.face
        embedding = face.embedding
        if embedding is None:
            if len(known.targets) < _DESCRIPTORS:
                known.targets.append(descriptor_of(self._stack, before, face))
            embedding = np.mean(known.targets, axis=0)
        found = descriptor_of(self._stack, after, face)
        row["flags"] |= flags.CHANGED * known.odd
        row["to_source"] = formulas.identity_distance(found, one.source)
        row["to_target"] = formulas.identity_distance(found, embedding)
        known.asked, known.off = frame, bool(row["to_target"] < row["to_source"])


class _Square:
    """The square round a face: upright in it, the middle of its points in the middle. matrix: frame -> square."""

    def __init__(self, frame: Looked, face: Face) -> None:
        self.matrix: Matrix = square_of(face)
        scale = scale_of(self.matrix)
        corners = transform(np.array([[0, 0], [SIDE, 0], [0, SIDE], [SIDE, SIDE]]), invert(self.matrix))
        (x0, y0), (x1, y1) = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0)) + 1
        self.by = 1 << max(int(np.log2(max(1 / scale, 1))), 0)
        # In whole steps of it, which cv2 makes smaller many times faster than any others.
        left, right = _whole(x0, x1, frame.width, 2 * self.by)
        top, bottom = _whole(y0, y1, frame.height, 2 * self.by)
        self.rect = Rect(left, top, right, bottom)
        grid = transform(np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), axis=-1).reshape(-1, 2),
                         invert(self.matrix)).reshape(SIDE, SIDE, 2) if _beyond(corners, frame) else None
        self.inside: NDArray[np.bool_] = np.ones((SIDE, SIDE), np.bool_) if grid is None else np.asarray(
            ((grid >= 0) & (grid <= [frame.width - 1, frame.height - 1])).all(axis=2))

    def of(self, frame: Shown) -> Pixels:
        """(SIDE, SIDE, 3) BGR uint8."""
        pixels = frame.glimpse(self.rect, self.by)
        return self._brought(pixels, self.by, self.by)

    def mask(self, regions: Sequence[Region]) -> Mask:
        """The strongest of some regions' masks."""
        whole = np.zeros((SIDE, SIDE), np.float32)
        for region in regions:
            shift = np.array([[1.0, 0, region.rect.x0], [0, 1.0, region.rect.y0]])
            mask = np.asarray(region.mask, np.float32)
            warped = cv2.warpAffine(mask, compose(self.matrix, shift), (SIDE, SIDE), flags=cv2.INTER_LINEAR)
            whole = np.maximum(whole, warped)
        return whole

    def detail(self, frame: Looked) -> Pixels:
        """(SIDE, SIDE) uint8: four times how much neighbouring pixels of a row differ from their middle, in the frame's
        own pixels, so that no fineness is lost; as many rows as the square has will do."""
        rect, by = self.rect, self.by
        step = 2 * by if by > 1 else 1
        luma = np.ascontiguousarray(frame.grey8()[rect.y0 + step // 2:rect.y1:step, rect.x0:rect.x1])
        edges = cv2.convertScaleAbs(cv2.filter2D(luma, cv2.CV_16S, np.array([[-1, 2, -1]], np.float32)), alpha=4)
        if by > 1:
            edges = cv2.resize(edges, (edges.shape[1] // by, edges.shape[0]), interpolation=cv2.INTER_AREA)
        return self._brought(edges, by, step)

    def _brought(self, pixels: Pixels, across: float, down: float) -> Pixels:
        """across, down: frame pixels to one of these."""
        to_frame = np.array([[across, 0, self.rect.x0 + (across - 1) / 2], [0, down, self.rect.y0 + (down - 1) / 2]])
        return np.asarray(cv2.warpAffine(pixels, compose(self.matrix, to_frame), (SIDE, SIDE), flags=cv2.INTER_LINEAR,
                                         borderMode=cv2.BORDER_REPLICATE))


def _whole(low: float, high: float, end: int, step: int) -> tuple[int, int]:
    """The part of low..high that lies in 0..end, in whole steps; at least one."""
    start = min(max(int(low), 0), max(end - step, 0)) // step * step
    return start, start + max((min(int(high), end) - start) // step, 1) * step


def _beyond(corners: Points, frame: Looked) -> bool:
    low, high = corners.min(axis=0), corners.max(axis=0)
    return bool((low < 0).any() or high[0] > frame.width - 1 or high[1] > frame.height - 1)


def _overlaps(rect: Rect, face: Face) -> bool:
    """Whether a region is this face's: the middle of its points lies in it."""
    x, y = face.centre
    return rect.x0 <= x < rect.x1 and rect.y0 <= y < rect.y1


def _is_odd(row: NDArray[np.void], last: _Seen | None, earlier: Points | None) -> bool:
    """Whether anything about this frame makes it worth a descriptor."""
    if last is None:
        return True
    step = np.linalg.norm((row["colour"] - row["was"]) - (last.row["colour"] - last.row["was"]))
    growth = abs(float(np.log(max(float(row["area"]), 1e-3) / max(float(last.row["area"]), 1e-3))))
    growth = max(growth, abs(float(row["change"] - last.row["change"])) / _FLICKER * _GROWTH)
    off = 0.0
    if earlier is not None:
        ahead = 2 * last.row["points"] - earlier
        off = float(np.median(np.hypot(*(row["points"] - ahead).T))) / max(float(row["size"]), 1.0)
    return bool(step > _STEP or growth > _GROWTH or off > _OFF or row["flicker"] > _FLICKER)


def _mean(values: Pixels, where: NDArray[np.uint8]) -> float:
    return float(cv2.mean(values, where)[0])


def _labs(where: NDArray[np.uint8], *pictures: Pixels) -> Pixels:
    """(N, 3) CIE Lab of the mean colours."""
    return formulas.lab_of(np.array([cv2.mean(pixels, where)[:3] for pixels in pictures]))


def _seam(was: Pixels, now: Pixels, mask: Mask) -> float:
    """As `measure.formulas.seam`, in the square."""
    band = band_of(mask)
    if not band.any():
        return float("nan")
    edges_was, edges_now = (_edges(grey)[band] for grey in (was, now))
    there = float(edges_was.mean())
    return float(np.maximum(edges_now - edges_was, 0).mean()) / there if there > 1e-6 else float("nan")


def band_of(mask: Mask) -> formulas.Flags:
    """As `measure.formulas.contour_band`, in the square, where the width is known beforehand: a pixel is in the band
    that has one on the other side of the line near it. Distances take five times as long."""
    inside = np.asarray(mask >= 0.5, np.uint8)
    return np.asarray(cv2.dilate(inside, _near()) != cv2.erode(inside, _near()))


def _edges(grey: Pixels) -> Pixels:
    """Levels a pixel; Sobel's weights smooth a little, as `measure` does before it."""
    across, down = (cv2.Sobel(grey, cv2.CV_32F, *way, ksize=3, scale=1 / 8) for way in ((1, 0), (0, 1)))
    return np.asarray(cv2.magnitude(across, down), np.float32)


def _sharpness(was: Pixels, now: Pixels, inside: NDArray[np.uint8], ring: NDArray[np.uint8]) -> float:
    """Detail of the face over the same before, and where the surroundings lost some too (an encoder), over theirs."""
    skin = formulas.ratio(_mean(now, inside), _mean(was, inside))
    around = formulas.ratio(_mean(now, ring), _mean(was, ring)) if ring.any() else None
    return float("nan") if skin is None else float(skin / (around or 1.0))


@cache
def _disc(radius: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)


@cache
def _near() -> NDArray[np.uint8]:
    """What is near: half a pixel lies between the line and the middles of the pixels beside it."""
    reach = max(formulas.SEAM_BAND * UNIT, 1.0) + 0.5
    away = np.arange(-int(reach), int(reach) + 1)
    return np.asarray(np.hypot(*np.meshgrid(away, away)) <= reach, np.uint8)


@cache
def _grid() -> NDArray[np.float32]:
    return np.asarray(np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), axis=-1), np.float32)


@cache
def _solver() -> NDArray[np.float64]:
    """(4, 68): points -> affine camera, of the mean face."""
    model = mean_shape()
    return np.linalg.pinv(np.column_stack([model, np.ones(len(model))]))


def pose_of(points: Points) -> tuple[float, float]:
    """Yaw and pitch in degrees, from the affine camera that fits best: some degrees from `fit_pose`, at a fiftieth of
    its time."""
    camera = (_solver() @ points)[:3].T
    if not np.isfinite(camera).all():
        return float("nan"), float("nan")
    (a, b, c), (d, e, f) = camera.tolist()
    # Both rows' lengths are the scale; their cross product is where the face looks.
    x, y, z = b * f - c * e, c * d - a * f, a * e - b * d
    length = math.hypot(x, y, z)
    if length == 0:
        return float("nan"), float("nan")
    return math.degrees(math.atan2(x, z)), -math.degrees(math.asin(y / length))
