"""Who is where in made clips: nobody is missed, nobody is taken for somebody else, and a flash is no cut."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest

from models.arrays import Pixels
from models.interfaces import FaceStack, Search
from pipeline.analysis.found import FILLED, Found, Piece
from pipeline.analysis.looking import AdaptiveLook
from pipeline.analysis.people import Cluster, clusters_of, tracks_of
from pipeline.analysis.shots import FLASH, Shots, is_still
from pipeline.clips.example import Light, Warp, moving_still, placed, wander
from pipeline.tracking.cuts import small
from tests.pipeline.analysis.making import looked, only
from tests.pipeline.tracking.making import Made, heads

SIZE = (480, 270)
ANN, GRACE = (224.0, 140.0), (252.0, 246.0)


def people_in(found: Found, stack: FaceStack) -> tuple[Cluster, ...]:
    return clusters_of(tracks_of([found]), stack.recogniser.same_person)


def share_known(piece: Piece, frames: int) -> float:
    return len(piece.points) / frames


def faces_in(found: Found) -> list[int]:
    """How many in each frame."""
    return [sum(piece.first <= frame <= piece.last for piece in found.pieces)
            for frame in range(found.first, found.last + 1)]


def clip_of(still: Pixels, motion: Callable[[int], Warp], frames: int,
            light: Callable[[int], Light] = lambda _: Light()) -> list[Pixels]:
    return [picture for picture, _ in moving_still(still, frames, motion, size=SIZE, noise=2, light=light)]


@pytest.mark.parametrize("what", ["turning", *(pytest.param(what, marks=pytest.mark.long)
                                               for what in ("growing", "lit", "turned at first"))])
def test_a_face_is_known_in_every_frame(what: str, astronaut: Pixels, stack: FaceStack) -> None:
    """The box of a face is 80 px wide and more, and it is seen from the front at some moment."""
    middle, frames = (240.0, 135.0), 36
    ways: dict[str, tuple[Callable[[int], Warp], Callable[[int], Light]]] = {
        # To the side by 50 degrees, where the detector sees nothing, and back.
        "turning": (lambda i: placed(ANN, middle, scale=1.3, yaw=50 * math.sin(math.pi * i / frames)**2),
                    lambda _: Light()),
        "growing": (lambda i: placed(ANN, middle, scale=1.0 * 1.025**i, roll=i / 2), lambda _: Light()),
        "lit": (lambda i: wander(i, ANN, middle, shift=15, roll=5, yaw=12, scale=1.2),
                lambda i: Light(i / 5, 0.4, 1 + 0.2 * math.sin(i / 7))),
        # Found only when it looks into the camera, and followed back.
        "turned at first": (lambda i: placed(ANN, middle, scale=1.3, yaw=max(48 - 3 * i, 0)), lambda _: Light()),
    }
    motion, light = ways[what]
    found = looked(clip_of(astronaut, motion, frames, light), stack)
    assert share_known(only(found), frames) > 0.99
    assert not (only(found).flags & FILLED).any()
    assert len(people_in(found, stack)) == 1


def test_two_who_cross_keep_their_names(astronaut: Pixels, hopper: Pixels, stack: FaceStack) -> None:
    def place(index: int) -> tuple[float, float]:
        x = 90 + 300 * index / 35
        return 480 - x, x

    pictures = []
    for index in range(36):
        left, right = place(index)
        pictures.append(heads(SIZE, (astronaut, ANN, 0.95, (left, 135)), (hopper, GRACE, 0.47, (right, 140))))
    found = looked(pictures, stack)
    people = people_in(found, stack)
    assert len(people) == 2
    # Who begins on the left is Grace Hopper, in front; the astronaut goes behind her and comes out on the other side.
    switches = 0
    for cluster, way in zip(people, (1, 0), strict=True):
        for track in cluster.tracks:
            for span, number in track.pieces:
                assert span == 0
                piece = found.pieces[number]
                for frame in range(piece.first, piece.last + 1):
                    x = float(piece.points[frame - piece.first, :, 0].mean())
                    own, other = place(frame)[way], place(frame)[1 - way]
                    switches += abs(own - other) > 60 and abs(x - own) > abs(x - other)
    assert switches == 0
    known = faces_in(found)
    assert all(count == 2 for index, count in enumerate(known) if abs(place(index)[0] - place(index)[1]) > 120)


@pytest.mark.long
def test_whoever_leaves_and_comes_back_is_the_same_person(astronaut: Pixels, hopper: Pixels, stack: FaceStack) -> None:
    def at(index: int) -> float:
        """Out over the right edge, and in again on the left."""
        return 300 + 16 * index if index < 20 else -100 + 12 * (index - 28)

    pictures = [heads(SIZE, (hopper, GRACE, 0.4, (110 if index < 28 else 390, 140)),
                      (astronaut, ANN, 0.95, (at(index), 135))) for index in range(50)]
    # A cut to the other side in between: her face alone says who she is.
    found = looked(pictures, stack)
    people = people_in(found, stack)
    assert len(people) == 2
    there = {index for index in range(50) if 70 < at(index) < SIZE[0] - 70}
    for cluster in people:
        frames = {frame for track in cluster.tracks for frame in range(track.first, track.last + 1)}
        if len(cluster.tracks) > 1 and frames != set(range(50)):
            assert len(there - frames) <= 0.01 * len(there)
            assert min(frames) == 0
            assert max(frames) == 49
            break
    else:
        raise AssertionError("nobody left and came back")


@pytest.mark.long
def test_behind_something_that_passes_a_face_goes_on(astronaut: Pixels, stack: FaceStack) -> None:
    pictures = []
    for index in range(40):
        picture = heads(SIZE, (astronaut, ANN, 0.95, (240, 135)))
        x = -120 + 20 * index
        picture[:, max(x, 0):max(x + 60, 0)] = (60, 70, 80)
        pictures.append(picture)
    found = looked(pictures, stack)
    track, = (track for cluster in people_in(found, stack) for track in cluster.tracks)
    assert (track.first, track.last, track.frames) == (0, 39, 40)
    middle = only(found).points.mean(axis=1)
    assert np.abs(middle - middle[0]).max() < 8  # it stays where the face is


def test_a_clip_that_is_cut_together(astronaut: Pixels, hopper: Pixels, stack: FaceStack) -> None:
    """Two people in turns, and a flash: cuts are cuts, the flash is none, and there are two people."""
    ann = clip_of(astronaut, lambda i: wander(i, ANN, (240, 135), shift=8, scale=1.2), 26)
    grace = clip_of(hopper, lambda i: wander(i, GRACE, (240, 135), shift=8, scale=0.6), 10)
    white = np.full_like(ann[0], 255)
    pictures = [*ann[:8], white, white, *ann[10:16], *grace, *ann[16:]]
    found = looked(pictures, stack)
    assert found.cuts == (16, 26)
    assert found.flashes == (8, 9)
    people = people_in(found, stack)
    assert [[(track.first, track.last) for track in one.tracks] for one in people] == [[(0, 15), (26, 35)], [(16, 25)]]
    first = found.pieces[0]
    assert [bool(flag & FILLED) for flag in first.flags] == [8 <= frame <= 9 for frame in range(16)]


def cuts_and_flashes(pictures: Sequence[Pixels]) -> tuple[list[int], list[int]]:
    shots: Shots[Made] = Shots()
    told = [one for index, picture in enumerate(pictures) for one in shots.step(Made(picture, index))]
    told += list(shots.end())
    assert [one.frame.index for one in told] == list(range(len(pictures)))
    return ([one.frame.index for one in told if one.cut], [one.frame.index for one in told if one.flash])


def test_flashes_and_cuts_are_told_apart(astronaut: Pixels, hopper: Pixels) -> None:
    one, other = (np.asarray(cv2.resize(still[100:388], SIZE), np.uint8) for still in (astronaut, hopper))
    white, black = np.full_like(one, 255), np.zeros_like(one)
    assert cuts_and_flashes([one, one, other, other]) == ([2], [])
    assert cuts_and_flashes([one, one, white, one, one]) == ([], [2])
    assert cuts_and_flashes([one, one, other, other, one, one]) == ([], [2, 3])  # an insert that short is a flash
    long = [one, one, *[other] * (FLASH + 1), one, one]
    assert cuts_and_flashes(long) == ([2, 2 + FLASH + 1], [])
    assert cuts_and_flashes([one, white, white, other, other]) == ([3], [])
    assert cuts_and_flashes([one, one, *[black] * 8, one]) == ([], [])
    assert cuts_and_flashes([one, white]) == ([], [])


def test_the_detector_looks_as_often_as_there_is_motion(astronaut: Pixels) -> None:
    grey = cv2.cvtColor(np.asarray(cv2.resize(astronaut, (1280, 720)), np.uint8), cv2.COLOR_BGR2GRAY)
    noise = np.random.default_rng(4).normal(0, 4, (2, *grey.shape))
    one, same = (small(np.asarray(np.clip(grey + grain, 0, 255), np.uint8)) for grain in noise)
    moved = small(np.roll(grey, 6, axis=1))
    assert is_still(one, same)
    assert not is_still(one, moved)
    look = AdaptiveLook(Search(), 30.0)
    looks = []
    for moved_by, still in ((0.01, False), (0.1, False), (0.0, True)):
        look.note(moved_by, still)
        looks.append([index for index in range(1, 15) if look.due(index, False)])
    assert looks == [[5, 10], [2, 4, 6, 8, 10, 12, 14], [10]]
    assert look.due(15, False) == "full"
