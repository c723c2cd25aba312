"""A track's points made steady with what comes before and behind: nothing lags, because nothing looks one way only.

Two things are known of every point: where the landmarker reads it in each frame (no drift, much noise), and how far it
went from each frame to the next (Lucas-Kanade: little noise, but errors add up). The points that agree best with both
are the solution of one least-squares problem over all frames of the track's piece of a shot:

    sum of w * |x[t] - read[t]|^2  +  sum of v * |x[t + 1] - x[t] - step[t]|^2

No position is ever averaged with another frame's: only what is read is, brought there by the motion that was seen. So a
frame that repeats the one before stays as it was, and a turn is not cut short. Where a part of the face is read far
from where its motion brings it, and for longer than noise can, the reading is believed (a blink, a word), and the
step to it is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.face import BROW_LEFT, BROW_RIGHT, EYE_LEFT, EYE_RIGHT, JAW, MOUTH_INNER, MOUTH_OUTER, NOSE

Floats = NDArray[np.float64]

# All of this was measured on the moved astronaut and Grace Hopper (75 frames, 12 px, 4 degrees, 4 %, noise 2.5; the
# same turned by 25 degrees; 40 px and 10 degrees within 18 frames). In shares of the eye distance:
# - dlib's readings scatter by .0025 (astronaut) and .0074 (Hopper, spectacles); Lucas-Kanade's steps by .0005.
# - weight of a step against a reading that scatters by _NOISE: with 30 to 100 the first clip's error is least, with 300
#   and more the second's; it grows with the square of the readings' scatter, as in any least squares. With all of this
#   the errors are .11 and .10 % (the causal follower's .26 and .36), turned .39 and .57 (.47 and 1.33), fast .65 and
#   .82 (1.03 and 1.39).
_NOISE, _STEP = 0.0025, 50.0
_LEAST_NOISE, _MOST_NOISE = 0.001, 0.012
# - steps of a frame that goes by this share are half as sure (at .2 a frame their errors are ten times as large, and
#   all of one sign).
_FAR = 0.1
# - what a step does beside the affine motion of the whole face is noise below these: what lasts (mean of nine frames),
#   what does not. An affine motion has a fifth of the noise of a point's own; a head that turns, or speaks, shows more.
_LASTING, _SUDDEN, _REACH = 0.0008, 0.002, 4
# - a part of the face is somewhere else where its points lie so many times their scatter from where they were brought:
#   from the first to the second their readings come to count for everything (a closed eye lies twenty times as far).
_ELSEWHERE, _SURELY = 4.0, 7.0
# - a step that misses by so much, and by this share of how far the face goes, is a quarter believed, and soon no more.
_MISSED, _SLACK = 0.003, 0.05
_ROUNDS = 5
# A reading that is not to be believed still says where a face is that nothing else tells of.
_HELD = 1e-4
# Of a point that could not be followed: it was moved as the others are.
_LOST = 0.3
_USUAL = 0.75  # of the frames: the readings of some are far off, and are not what the others are judged by

_PARTS = (JAW, BROW_RIGHT, BROW_LEFT, NOSE, EYE_RIGHT, EYE_LEFT, slice(MOUTH_OUTER.start, MOUTH_INNER.stop))


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Consecutive frames of one face in one shot. read: (n, 68, 2), pixels; believed: (n,), whether it is to be.
    step: (n - 1, 68, 2), how far each point went to the next frame; start: (n - 1, 68, 2), from where. followed:
    (n - 1, 68), whether it was. size: (n,), eye distances."""

    read: Floats
    believed: NDArray[np.bool_]
    start: Floats
    step: Floats
    followed: NDArray[np.bool_]
    size: Floats


def steadied(run: Run) -> Floats:
    """(n, 68, 2): the run's points, in pixels."""
    frames = len(run.read)
    if frames == 1:
        return run.read.copy()
    size = run.size[:, None, None]
    step = _quiet(run)
    far = np.linalg.norm(step, axis=2).mean(axis=1) / run.size[1:]
    sure = np.where(run.followed, 1.0, _LOST) / (1 + (far / _FAR) ** 2)[:, None]
    trust = np.where(run.believed, 1.0, _HELD)[:, None] * np.ones((1, 68))
    points = _solved(trust, run.read, _STEP * sure, step)
    slack = _MISSED + _SLACK * far[:, None]
    for _ in range(_ROUNDS):
        off = (run.read - points) / size
        noise = _scatter(off[run.believed])
        firm = _STEP * sure * (noise / _NOISE) ** 2
        w = trust * (1 + firm.max() * _elsewhere(off, noise))
        missed = np.linalg.norm(np.diff(points, axis=0) - step, axis=2) / run.size[1:, None]
        points = _solved(w, run.read, firm / (1 + (missed / slack) ** 2) ** 2, step)
    return points


def _solved(w: Floats, read: Floats, v: Floats, step: Floats) -> Floats:
    """The points for which the sum above is least: a band of three for each point, solved from both ends. w: (n, 68);
    v: (n - 1, 68)."""
    middle = w.copy()
    middle[:-1] += v
    middle[1:] += v
    right = w[..., None] * read
    right[:-1] -= v[..., None] * step
    right[1:] += v[..., None] * step
    for t in range(1, len(w)):
        share = v[t - 1] / middle[t - 1]
        middle[t] -= share * v[t - 1]
        right[t] += share[:, None] * right[t - 1]
    points = right
    points[-1] /= middle[-1][:, None]
    for t in range(len(w) - 2, -1, -1):
        points[t] = (right[t] + v[t][:, None] * points[t + 1]) / middle[t][:, None]
    return points


def _quiet(run: Run) -> Floats:
    """The steps without most of their noise: the affine motion of the whole face, and what goes surely beyond it."""
    around = run.start - run.start.mean(axis=1, keepdims=True)
    base = np.concatenate([around, np.ones((*around.shape[:2], 1))], axis=2)
    across = base.transpose(0, 2, 1)
    # A face of one place has no affine motion but a shift.
    gram = across @ base + 1e-6 * np.eye(3)
    whole = base @ np.linalg.solve(gram, across @ run.step)
    size = run.size[1:, None, None]
    own = (run.step - whole) / size
    lasting = _mean(own, _REACH)
    return np.asarray(whole + size * (_above(lasting, _LASTING) + _above(own - lasting, _SUDDEN)), np.float64)


def _above(vectors: Floats, noise: float) -> Floats:
    """(…, 2) vectors, those near `noise` shortened and those below it nearly to nothing (Wiener's rule)."""
    power = (vectors**2).sum(axis=-1, keepdims=True)
    return np.asarray(vectors * power / (power + noise**2), np.float64)


def _mean(values: Floats, reach: int) -> Floats:
    """Mean over the frames up to `reach` before and behind, as many on either side: fewer near the ends."""
    frames = np.arange(len(values))
    half = np.minimum(np.minimum(frames, len(values) - 1 - frames), reach)
    sums = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
    return np.asarray((sums[frames + half + 1] - sums[frames - half]) / (2 * half + 1)[:, None, None], np.float64)


def _scatter(off: Floats) -> Floats:
    """(68,): how far readings of each part of the face scatter, as a share of the eye distance, in three frames of
    four. off: (n, 68, 2). Third differences: noise is 20 times as strong in them, a word that is spoken hardly
    shows."""
    scatter = np.full(68, _NOISE)
    if len(off) < 8:
        return scatter
    changes = (np.diff(off, 3, axis=0) ** 2).sum(axis=2)
    for part in _PARTS:
        scatter[part] = np.sqrt(np.quantile(changes[:, part].mean(axis=1), _USUAL) / 20)
    return np.asarray(np.clip(scatter, _LEAST_NOISE, _MOST_NOISE), np.float64)


def _elsewhere(off: Floats, noise: Floats) -> Floats:
    """(n, 68), 0..1: how surely a part of the face is not where it was brought. Three frames together: what is read
    wrongly in a single one is noise."""
    found = np.zeros(off.shape[:2])
    lasting = _mean(off, 1)
    for part in _PARTS:
        away = np.sqrt((lasting[:, part] ** 2).sum(axis=2).mean(axis=1)) / noise[part][0]
        found[:, part] = np.clip((away - _ELSEWHERE) / (_SURELY - _ELSEWHERE), 0, 1)[:, None]
    return found
