"""Points with both sides known: steadier than the follower's by half, without lag, and nothing that is quick is
smeared."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from models.arrays import Pixels
from models.face import Face
from models.interfaces import FaceStack
from pipeline.analysis.smoothing import Run, steadied
from pipeline.clips.example import project, wander
from pipeline.measure.jitter import jitter
from tests.pipeline.analysis.making import Winking, errors, followed, lag, looked, moved, only, openness
from tests.pipeline.tracking.test_follow import CENTRES, SCALES, SIZE

MIDDLE = (SIZE[0] / 2, SIZE[1] / 2)


@pytest.mark.parametrize(("name", "frames"), [("astronaut", 36), pytest.param("astronaut", 75, marks=pytest.mark.long),
                                              pytest.param("hopper", 75, marks=pytest.mark.long)])
def test_the_points_error_is_at_most_half_of_the_followers(name: str, frames: int, stack: FaceStack,
                                                           request: pytest.FixtureRequest) -> None:
    """The study's motion: 12 px, 4 degrees, 4 %, noise of 2.5 levels."""
    picture = request.getfixturevalue(name)
    pictures, warps = moved(lambda _: picture, lambda i: wander(i, CENTRES[name], MIDDLE, shift=12, roll=4, grow=0.04,
                                                                scale=SCALES[name]), frames, size=SIZE)
    causal = [result.faces[0].face.points for result in followed(pictures, stack)]
    points = list(only(looked(pictures, stack)).points)
    before, now = jitter(causal, warps), jitter(points, warps)
    assert now.rms < 0.5 * before.rms
    assert now.frame_to_frame < 0.5 * before.frame_to_frame
    assert abs(lag(points, warps)) < 0.1


@pytest.mark.parametrize("name", ["astronaut", pytest.param("hopper", marks=pytest.mark.long)])
def test_fast_turns_are_not_cut_short(name: str, stack: FaceStack, request: pytest.FixtureRequest) -> None:
    """40 px, 10 degrees and 8 % within 18 frames: a face goes by a fifth of itself in one."""
    picture = request.getfixturevalue(name)
    pictures, warps = moved(lambda _: picture, lambda i: wander(i, CENTRES[name], MIDDLE, shift=40, roll=10, grow=0.08,
                                                                yaw=20, scale=0.8 * SCALES[name], period=18), 24,
                            size=SIZE)
    causal = [result.faces[0].face.points for result in followed(pictures, stack)]
    points = list(only(looked(pictures, stack)).points)
    assert jitter(points, warps).rms < jitter(causal, warps).rms
    now, before = (np.linalg.norm(errors(found, warps), axis=2).mean(axis=1) for found in (points, causal))
    assert np.quantile(now, 0.9) < np.quantile(before, 0.9)  # of the frames that go furthest
    assert abs(lag(points, warps)) < 0.1


def test_a_blink_is_as_deep_and_as_short_as_it_was(astronaut: Pixels, astronaut_face: Face, stack: FaceStack) -> None:
    wink = Winking(astronaut, astronaut_face.points)
    closed = {13: 0.5, 14: 1.0, 15: 1.0, 16: 1.0, 17: 0.5}
    pictures, warps = moved(lambda i: wink.still(closed.get(i, 0.0)), lambda i: wander(
        i, CENTRES["astronaut"], MIDDLE, shift=6, roll=2, scale=SCALES["astronaut"]), 32, size=SIZE)
    points = only(looked(pictures, stack)).points
    found = np.array([openness(there) for there in points])
    true = np.array([openness(project(warp, wink.points(closed.get(i, 0.0)))) for i, warp in enumerate(warps)])
    assert true[15] < 0.65 * true[0]  # it is a blink
    assert np.abs(found - true).max() < 0.15 * true[0]
    assert np.abs(found - true)[13:18].mean() < 0.08 * true[0]
    causal = np.array([openness(result.faces[0].face.points) for result in followed(pictures, stack)])
    assert np.abs(found - true)[13:24].mean() < 0.5 * np.abs(causal - true)[13:24].mean()


def test_frames_that_repeat_the_one_before_stay_as_they_were(astronaut: Pixels, stack: FaceStack) -> None:
    """Telecine: of five frames one is shown twice. Smoothing of places alone would make a face glide through it."""
    source = [index - index // 5 for index in range(30)]
    pictures, warps = moved(lambda _: astronaut, lambda i: wander(
        source[i], CENTRES["astronaut"], MIDDLE, shift=40, roll=3, scale=SCALES["astronaut"], period=40), 30, size=SIZE,
        noise=1.0)
    piece = only(looked(pictures, stack))
    points = list(piece.points)
    steps = np.array([np.hypot(*(b - a).T).mean() for a, b in pairwise(points)])
    repeated = np.array([a == b for a, b in pairwise(source)])
    assert steps[~repeated].mean() > 3  # pixels
    assert steps[repeated].max() < 0.1 * steps[~repeated].mean()
    assert jitter(points, warps).rms < 0.25


def made_run(read: Pixels, step: Pixels | None = None) -> Run:
    frames = len(read)
    steps = np.zeros((frames - 1, 68, 2)) if step is None else step
    return Run(read, np.ones(frames, np.bool_), read[:-1], steps, np.ones((frames - 1, 68), np.bool_),
               np.full(frames, 100.0))


def test_a_run_and_the_same_backwards_come_to_the_same_points() -> None:
    """Zero phase, in so many words."""
    random = np.random.default_rng(3)
    shape = random.uniform(0, 100, (68, 2))
    step = random.normal(0, 2, (39, 1, 2)) + random.normal(0, 0.05, (39, 68, 2))
    path = np.concatenate([np.zeros((1, 68, 2)), np.cumsum(step, axis=0)])
    read = shape + path + random.normal(0, 0.3, (40, 68, 2))
    there = steadied(made_run(read, step))
    back = steadied(Run(read[::-1], np.ones(40, np.bool_), read[::-1][:-1], -step[::-1], np.ones((39, 68), np.bool_),
                        np.full(40, 100.0)))[::-1]
    assert np.abs(there - back).max() < 0.05  # an affine motion is told from the one side's places, or the other's
    assert np.sqrt(((there - shape - path) ** 2).mean()) < 0.4 * 0.3


def test_a_reading_that_is_not_believed_moves_nothing() -> None:
    read = np.zeros((20, 68, 2)) + np.random.default_rng(2).uniform(0, 100, (68, 2))
    off = read.copy()
    off[9] += 30
    run = made_run(off)
    run.believed[9] = False
    assert np.abs(steadied(run) - read).max() < 0.05
    alone = made_run(read[:1], np.zeros((0, 68, 2)))
    assert np.array_equal(steadied(alone), read[:1])
