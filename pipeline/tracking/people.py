"""Who is in a clip: faces of a few dozen frames, grouped by descriptor; and the frames that show somebody best."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import cv2
import numpy as np

from models.arrays import Embedding, Pixels
from models.errors import NoFace
from models.face import Face
from models.interfaces import FaceStack, Search
from pipeline.clips.clip import Clip
from pipeline.clips.planes import ClipFrame
from pipeline.clips.reader import MediaDamaged, read_frames
from pipeline.frame import Frame
from pipeline.pictures.picture import Picture
from pipeline.recipe import Looking, Person
from pipeline.tracking.identity import descriptor_of
from pipeline.tracking.looks import Look, look_for
from processors.batches import Rect
from processors.classical.pose import fit_pose

Progress = Callable[[float], None]

# A find that no other frame repeats counts only above this score and below this spread: dlib's false finds score below
# (one above 0 in 48 pictures without faces), and on no face do the mouth's points agree.
_ONCE, _SPREAD = 0.25, 0.02
# Largest eye distance that makes a portrait clearer, and the deviation of the Laplacian, at 60 px between the eyes, of
# a sharp face (astronaut 21, Hopper 17, the six people 9 to 16).
_LARGE, _SHARP = 160.0, 12.0
# Poses of one source that are worth having both: the study chooses and mirrors by differences of 8 degrees and more.
_ANOTHER_POSE = 12.0
# What is cut out round a source's face, in eye distances: hair and forehead, and as little of others as possible.
_PORTRAIT = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Find:
    """A face in one frame. clear: how well it shows who it is, 0..1. yaw, pitch: degrees."""

    face: Face
    ticks: int
    clear: float
    yaw: float
    pitch: float


@dataclass(frozen=True, slots=True, eq=False)
class PersonFound:
    """person: as recipes name them. face: in the clearest frame, which lies at `ticks`. frames: of those looked at, in
    how many the person was seen."""

    person: Person
    face: Face
    ticks: int
    frames: int


def _nothing(_share: float) -> None:
    return None


def _go_on() -> None:
    return None


def look_through(clip: Clip, stack: FaceStack, looking: Looking = Looking(), *, start: int, stop: int | None,
                 samples: int = 48, progress: Progress = _nothing, check: Callable[[], None] = _go_on,
                 ) -> tuple[PersonFound, ...]:
    """Everybody seen in frames with start <= ticks < stop, numbered by first appearance and from left to right.

    samples: how many frames are looked at, spread evenly, on keyframes where there are enough. progress: told a share,
    0..1. check: called before each frame; it raises to stop.
    """
    finds = _finds(clip, stack, looking, start, stop, samples, progress, check)
    groups = [group for group in grouped(finds, stack.recogniser.same_person) if _real(group)]
    groups.sort(key=lambda group: min((find.ticks, find.face.centre[0]) for find in group))
    return tuple(_person(group, number, clip, stack.recogniser.name) for number, group in enumerate(groups, 1))


def best_face(clip: Clip, stack: FaceStack, looking: Looking = Looking(), *, start: int | None = None,
              stop: int | None = None, most: int = 3, samples: int = 48, check: Callable[[], None] = _go_on,
              ) -> tuple[Picture, ...]:
    """The person of a clip who is seen most, for use as a source: one to `most` pictures, clearest first, each of
    another pose, cut out round the face.

    Raises NoFace where no face can be found.
    """
    first = int(clip.pts[0]) if start is None else start
    finds = _finds(clip, stack, looking, first, stop, samples, _nothing, check)
    groups = [group for group in grouped(finds, stack.recogniser.same_person) if _real(group)]
    if not groups:
        raise NoFace(f"No face can be found in {clip.name}.", subject=clip.name,
                     remedy="Choose a clip in which one face looks into the camera, at least 80 pixels wide.")
    who = max(groups, key=lambda group: sum(find.clear for find in group))
    chosen: list[Find] = []
    for find in sorted(who, key=lambda find: (-find.clear, find.ticks)):
        if all(np.hypot(find.yaw - one.yaw, find.pitch - one.pitch) > _ANOTHER_POSE for one in chosen) \
                and (not chosen or find.clear > 0.5 * chosen[0].clear) and len(chosen) < most:
            chosen.append(find)
    return tuple(_picture_of(clip, find, check) for find in chosen)


def sample_ticks(clip: Clip, start: int, stop: int | None, samples: int) -> list[int]:
    """Ticks of at most `samples` frames, spread evenly over the span; a keyframe where one is near."""
    low = int(np.searchsorted(clip.pts, start))
    high = len(clip.pts) if stop is None else int(np.searchsorted(clip.pts, stop))
    if high <= low:
        return []
    count = min(samples, high - low)
    # The middle of each of so many equal stretches, the first and last frame of a short clip included.
    wanted = clip.pts[low + ((np.arange(count) + 0.5) * (high - low) / count).astype(int)]
    keys = clip.keyframes[(clip.keyframes >= clip.pts[low]) & (clip.keyframes <= clip.pts[high - 1])]
    reach = 0.5 * float(clip.pts[high - 1] - clip.pts[low]) / count
    ticks = set()
    for at in wanted.tolist():
        nearest = int(keys[np.abs(keys - at).argmin()]) if len(keys) else at
        ticks.add(nearest if abs(nearest - at) <= reach else int(at))
    return sorted(ticks)


def _sampled(clip: Clip, ticks: Sequence[int], check: Callable[[], None]) -> Iterator[ClipFrame]:
    """The frames at these ticks. What lies between two keyframes is decoded once. What is damaged cannot be looked at,
    which matters only to whoever renders it. Raises MediaDamaged where not one is good."""
    runs: list[list[int]] = []
    for at in ticks:
        if runs and not ((clip.keyframes > runs[-1][-1]) & (clip.keyframes <= at)).any():
            runs[-1].append(at)
        else:
            runs.append([at])
    seen, damage = False, None
    for run in runs:
        wanted = set(run)
        try:
            for frame in read_frames(clip, run[0], run[-1] + 1, check=check):
                if frame.ticks in wanted:
                    seen = True
                    yield frame
        except MediaDamaged as error:
            damage = damage or error
    if damage is not None and not seen:
        raise damage


def _finds(clip: Clip, stack: FaceStack, looking: Looking, start: int, stop: int | None, samples: int,
           progress: Progress, check: Callable[[], None]) -> list[Find]:
    ticks = sample_ticks(clip, start, stop, samples)
    look = Look(Search(small=looking.small, turned=looking.turned), float(clip.rate))
    found: list[Find] = []
    for done, frame in enumerate(_sampled(clip, ticks, check)):
        check()
        grey = frame.grey8()
        for sighting in look_for(stack, grey, look, "full"):
            face = sighting.read(stack, grey)
            if face.eye_distance >= 4:
                known = replace(face, embedding=descriptor_of(stack, frame, face))
                found.append(_find(known, grey, frame.ticks))
        progress((done + 1) / len(ticks))
    return found


def _find(face: Face, grey: Pixels, ticks: int) -> Find:
    pose = fit_pose(face.points)
    return Find(face, ticks, clearness(face, grey), pose.yaw, pose.pitch)


def clearness(face: Face, grey: Pixels) -> float:
    """How well a face shows who it is, 0..1. grey: the picture that it is in."""
    pose = fit_pose(face.points)
    large = min(face.eye_distance, _LARGE) / _LARGE
    frontal = max(np.cos(np.radians(pose.yaw)) * np.cos(np.radians(pose.pitch)), 0.0) ** 2
    sure = 1 / (1 + (face.spread / _SPREAD) ** 2)
    return float(large * frontal * sure * _sharpness(grey, face))


def _sharpness(grey: Pixels, face: Face) -> float:
    """0..1: 1 for a face as sharp as its size allows."""
    low = np.maximum(face.points.min(axis=0), 0).astype(int)
    high = np.ceil(face.points.max(axis=0)).astype(int) + 1
    part = grey[low[1]:high[1], low[0]:high[0]]
    if min(part.shape) < 8:
        return 0.05
    scale = min(60 / max(face.eye_distance, 1.0), 1.0)
    part = np.asarray(cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    return float(np.clip(cv2.Laplacian(part, cv2.CV_32F).std() / _SHARP, 0.05, 1))


def grouped(finds: Sequence[Find], same: float) -> list[list[Find]]:
    """Finds of one person together: the two groups whose mean descriptors are nearest are joined while they are nearer
    than `same`; two faces of one frame are never the same person."""
    groups = [[find] for find in finds]
    means: list[Embedding] = [_mean([find]) for find in finds]
    while len(groups) > 1:
        table = np.stack(means)
        lengths = (table**2).sum(axis=1)
        away = np.sqrt(np.maximum(lengths[:, None] + lengths[None] - 2 * table @ table.T, 0))
        away[np.tril_indices(len(groups))] = np.inf
        ticks = [{find.ticks for find in group} for group in groups]
        for place in np.argsort(away, axis=None, kind="stable"):
            one, other = divmod(int(place), len(groups))
            if away[one, other] >= same:
                return groups
            if not ticks[one] & ticks[other]:
                groups[one] += groups.pop(other)
                means.pop(other)
                means[one] = _mean(groups[one])
                break
        else:
            return groups
    return groups


def _mean(finds: Sequence[Find]) -> Embedding:
    known = [find.face.embedding for find in finds if find.face.embedding is not None]
    return np.asarray(np.mean(known, axis=0), np.float64)


def _real(group: Sequence[Find]) -> bool:
    return len(group) > 1 or (group[0].face.score >= _ONCE and group[0].face.spread <= _SPREAD)


def _person(group: Sequence[Find], number: int, clip: Clip, recogniser: str) -> PersonFound:
    best = max(group, key=lambda find: (find.clear, -find.ticks))
    mean = _mean(group)
    seen = (best.ticks - int(clip.pts[0])) * clip.time_base
    person = Person(number=number, recogniser=recogniser, descriptor=tuple(round(float(v), 6) for v in mean),
                    seen=str(Fraction(seen)))
    face = replace(best.face, number=number, embedding=mean)
    return PersonFound(person, face, best.ticks, len({find.ticks for find in group}))


def _picture_of(clip: Clip, find: Find, check: Callable[[], None]) -> Picture:
    frame, = read_frames(clip, find.ticks, find.ticks + 1, check=check)
    margin = _PORTRAIT * find.face.eye_distance
    low = np.maximum(np.floor(find.face.points.min(axis=0) - margin), 0).astype(int)
    high = np.ceil(find.face.points.max(axis=0) + margin).astype(int) + 1
    rect = Rect(int(low[0]), int(low[1]), min(int(high[0]), frame.width), min(int(high[1]), frame.height))
    pixels = frame.region(rect)
    if pixels.dtype != np.uint8:
        pixels = np.asarray(np.clip(np.rint(pixels), 0, 255), np.uint8)
    at = float((find.ticks - int(clip.pts[0])) * clip.time_base)
    digest = hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
    return Picture(Frame(np.ascontiguousarray(pixels)), f"{clip.name} at {at:.2f} s", None, f"sha256:{digest}", "png")
