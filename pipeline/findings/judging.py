"""Findings from scores: frames that stand out from their neighbours, merged into spans with a reason.

A frame stands out where a figure is away from the middle of its neighbours by more than both a fixed limit, which says
from where on people see it, and eight robust deviations of the very same face, which says what is usual in this clip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.findings import sheet as flags
from pipeline.findings.finding import Finding, Lost, Severity
from pipeline.findings.sheet import Sheet
from pipeline.findings.unlike import unlike_of

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

DEVIATIONS = 8.0
"""Of normal noise not one value in 10^14 lies so far out; scores have longer tails (200 frames of the moving astronaut:
the farthest of its figures lay 3.3 deviations out, of the flicker 7.7, and that far below its limit)."""
_AROUND = 12  # neighbours on each side that the middle is taken of: half a second
_SIDE = 6  # frames on each side that a lasting step is told by
_MAD = 1.4826  # from the median of absolute deviations to a deviation

# Chosen between what clean frames and planted defects show. Colour: CIE76, of which 2.3 is just noticed side by side
# (Mahy and others, 1994). Points: shares of the outer-eye distance. Area of the mask, sharpness: natural logarithms,
# .15 is a sixth and .5 two thirds more. Flicker: levels of luma. Seam: share of the edges that are there. The farthest
# of 200 clean frames (moving astronaut, lit from changing sides, noise 2): .7, .003, .009, .08, .8, .015; a face 25
# levels too bright for some frames: colour 8.9; points .15 beside it for two frames: .07, and a flicker of 14.
COLOUR, JUMP, AREA, SHARP, FLICKER, SEAM = 4.0, 0.04, 0.15, 0.5, 3.0, 0.3
# Of the recogniser's threshold, by which a descriptor may be farther from the source, against its distance to the
# target, than is usual for this person in this clip. Neighbouring frames of one face differ by a fourth of it.
IDENTITY = 0.4
YAW, PITCH = 35.0, 25.0
"""Degrees: see `pipeline.analysis`: beyond them half of a face cannot be seen."""
_CHANGED = 1.0  # levels below which a face counts as not drawn, where it usually is by three times as much
_GAP = 2.0  # seconds that a face may be away and still count as missed, not as gone
_MERGE = 0.4  # seconds between two findings of a kind that are one
_LASTS = 4.0  # seconds between a step and the step back that are one finding
_LATE = 0.5  # seconds from a shot's begin or to its end in which a face is missed rather than not there
_STILL = 0.03  # outer-eye distances a frame: a head that is moved while it speaks; who walks in moves by a tenth
_TURNED = 3  # frames in a row that a head is turned far, until it is worth a word
# Seconds that points are carried on, until it is: what the motion carries is as good for a moment (measured: a head in
# a hat, shaken three times a second, loses its points for 3 of 350 frames in a row, and shows nothing).
_HELD = 0.25


@dataclass(frozen=True, slots=True)
class _Kind:
    code: str
    words: str
    value: str
    digits: int = 2


MISSED = _Kind("FINDING.MISSED", "The face is missing in {frames} frames, and there around them.", "frames", 0)
REVERTED = _Kind("FINDING.REVERTED", "The face is left as it was in {frames} frames, and changed before and after.",
                 "frames", 0)
MISTAKEN = _Kind("FINDING.MISTAKEN", "In {frames} frames the face is taken for somebody else than before and after.",
                 "frames", 0)
LOST = _Kind("FINDING.LOST", "The face is lost for {frames} frames in which it is still to be seen, and is left as it "
                             "was.", "frames", 0)
UNLIKE = _Kind("FINDING.UNLIKE", "From first to last the face is taken for the one that was there, not for its source "
                                 "(away from it by {distance} in descriptor distance).", "distance")
IDENTITY_KIND = _Kind("FINDING.IDENTITY", "The face looks less like its source than elsewhere (by {distance} in "
                                          "descriptor distance).", "distance")
JUMP_KIND = _Kind("FINDING.JUMP", "The face's points jump by {share} of the distance between the eyes.", "share", 3)
MASK = _Kind("FINDING.MASK", "The changed area grows or shrinks by a factor of {factor} for a moment.", "factor")
EXPOSURE = _Kind("FINDING.EXPOSURE", "The face's colour steps by {step} (CIE76) against its surroundings.", "step", 1)
FLICKERS = _Kind("FINDING.FLICKER", "The face flickers by {levels} levels more than the clip does by itself.", "levels",
                 1)
SOFT = _Kind("FINDING.SHARPNESS", "The face is sharper or softer than in the frames around by a factor of {factor}.",
             "factor")
RIM = _Kind("FINDING.SEAM", "An edge shows along the outline ({share} more than in the frames around).", "share")
POSE = _Kind("FINDING.POSE", "The head is turned or tilted far ({degrees}°).", "degrees", 0)
COVERED = _Kind("FINDING.COVERED", "The points are not to be trusted for {frames} frames (blur, turn, or something in "
                                   "front).", "frames", 0)
FAINT = _Kind("FINDING.SCORE", "The detector is far less sure of this face than elsewhere in the clip ({score}).",
              "score")

KINDS = (MISSED, REVERTED, MISTAKEN, LOST, UNLIKE, IDENTITY_KIND, JUMP_KIND, MASK, EXPOSURE, FLICKERS, SOFT, RIM,
         POSE, COVERED, FAINT)


@dataclass(frozen=True, slots=True)
class _Odd:
    """A span of odd frames of one strand. value: the largest; at: the frame that has it. times: how often the limit."""

    kind: _Kind
    strand: int
    person: int
    first: int
    last: int
    at: int
    value: float
    times: float


@dataclass(frozen=True, slots=True, eq=False)
class _Strand:
    """One face through one shot, a value a frame from first to last; rows: places in the sheet, -1 where there is
    none."""

    number: int
    person: int
    first: int
    rows: NDArray[np.int64]
    sheet: Sheet

    def column(self, name: str) -> Floats:
        values = np.asarray(self.sheet.rows[name], np.float64)
        taken = values[self.rows]
        taken[self.rows < 0] = np.nan
        return taken

    def flag(self, flag: int) -> Flags:
        return np.asarray((self.sheet.rows["flags"][self.rows] & flag > 0) & (self.rows >= 0))

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1


def findings_of(sheet: Sheet, rate: float, seconds: Callable[[int], float] | None = None,
                settled: Iterable[tuple[int, int, int]] = (), lost: Iterable[Lost] = ()) -> tuple[Finding, ...]:
    """What stands out, in order of time. rate: frames a second. seconds: the time at which a frame begins; without it,
    all frames last equally long. settled: spans (first, last, person; 0 everybody) in which the user keeps the
    original or has otherwise had the last word on whether anything is there: nothing is missed in them. lost: what
    `losing.lost_of` saw of those who are not found any more."""
    strands = list(_strands(sheet))
    done = list(settled)
    away = list(lost)
    # What is known of the frames behind says more than that the scores end there.
    odd = [one for one in _missed(sheet, strands, rate) if not any(
        (one.strand, one.first) == (other.strand, other.first) and one.last < other.last for other in away)]
    for strand in strands:
        odd += [*_reverted(strand, rate), *_mistaken(strand, rate), *_strand_odd(strand, rate)]
    odd += _identities(sheet, strands)
    odd += [_Odd(UNLIKE, one.strand, one.person, one.first, one.last, one.at, one.distance, 1.5)
            for one in unlike_of(sheet, sheet.strands(), [(strand.number, strand.person) for strand in strands])]
    odd += [_Odd(LOST, one.strand, one.person, one.first, one.last, one.at, float(one.last - one.first + 1), 3.0)
            for one in away]
    plain = [one for one in _plain(odd) if one.kind not in (MISSED, REVERTED, LOST)
             or not _is_settled(one.person, one.first, one.last, done)]
    merged = _merged(plain, rate)
    at = seconds or (lambda frame: frame / rate)
    return tuple(_finding(one, at) for one in sorted(merged, key=lambda o: (o.first, o.kind.code, o.strand)))


# From cause to effect: a face that is missing, or somebody else's, changes its colour as well; a jump makes it flicker.
_ORDER = ((MISSED, REVERTED, MISTAKEN), (LOST, IDENTITY_KIND, JUMP_KIND), (EXPOSURE,),
          (MASK, FLICKERS, SOFT, RIM, FAINT))
_BESIDE = 2  # frames round a cause in which its effects may lie


def _plain(odd: Sequence[_Odd]) -> list[_Odd]:
    """Without what another one explains."""
    ranks = {kind: rank for rank, kinds in enumerate(_ORDER) for kind in kinds}

    def explained(one: _Odd) -> bool:
        return any(ranks.get(other.kind, 99) < ranks.get(one.kind, 0) and other.person == one.person
                   and (other.first <= one.at <= other.last if one.kind is IDENTITY_KIND else
                        other.first - _BESIDE <= one.first and one.last <= other.last + _BESIDE) for other in odd)

    return [one for one in odd if not explained(one)]


def _strands(sheet: Sheet) -> Iterator[_Strand]:
    numbers = sheet.strands()
    for number in np.unique(numbers):
        places = np.flatnonzero(numbers == number)
        frames = sheet.rows["frame"][places]
        rows = np.full(int(frames[-1] - frames[0]) + 1, -1, np.int64)
        rows[frames - frames[0]] = places
        people, counts = np.unique(sheet.rows["number"][places], return_counts=True)
        yield _Strand(int(number), int(people[counts.argmax()]), int(frames[0]), rows, sheet)


# Missing ------------------------------------------------------------------------------------------------------------

def _missed(sheet: Sheet, strands: Sequence[_Strand], rate: float) -> Iterator[_Odd]:
    """Gaps inside strands, and between one that ends and one that begins where it was."""
    for strand in strands:
        for low, high in _runs(strand.rows < 0):
            if _counts(sheet, strands, strand, strand.first + low, strand.first + high, rate):
                yield _gap(strand, strand.first + low, strand.first + high)
    for strand in strands:
        after = [other for other in strands if other.first > strand.last and _continues(strand, other, rate)]
        follower = min(after, key=lambda other: other.first, default=None)
        if follower is not None and follower.first > strand.last + 1:
            low, high = strand.last + 1, follower.first - 1
            if _counts(sheet, strands, strand, low, high, rate):
                yield _gap(strand, low, high)


    for strand in strands:
        for low, high in _late_or_early(sheet, strand, rate):
            if not any(other.first <= high and other.last >= low and other.person == strand.person
                       for other in strands if other is not strand) and \
                    _counts(sheet, strands, strand, low, high, rate):
                yield _gap(strand, low, high)


def _late_or_early(sheet: Sheet, strand: _Strand, rate: float) -> Iterator[tuple[int, int]]:
    """Frames at either end of a shot in which a face is not found yet, or not any more, that stands still there: those
    who come and go move."""
    cuts = [sheet.first, *sheet.cuts, sheet.last + 1]
    begins = max((cut for cut in cuts if cut <= strand.first), default=strand.first)
    ends = min((cut for cut in cuts if cut > strand.last), default=strand.last + 1)
    middles = sheet.rows["points"][strand.rows[strand.rows >= 0]].mean(axis=1)
    if len(middles) <= _SIDE:
        return
    still = _STILL * float(np.median(strand.column("size")[strand.rows >= 0])) * _SIDE
    if 0 < strand.first - begins <= _LATE * rate and np.hypot(*(middles[_SIDE] - middles[0])) < still:
        yield begins, strand.first - 1
    if 0 < ends - 1 - strand.last <= _LATE * rate and np.hypot(*(middles[-1] - middles[-1 - _SIDE])) < still:
        yield strand.last + 1, ends - 1


def _gap(strand: _Strand, low: int, high: int) -> _Odd:
    return _Odd(MISSED, strand.number, strand.person, low, high, (low + high) // 2, float(high - low + 1), 3.0)


def _continues(one: _Strand, other: _Strand, rate: float) -> bool:
    """Whether a strand begins near to where another ended, with a face of about its size, and as the same person."""
    gap = other.first - one.last
    if gap > _GAP * rate + 1 or (one.person != other.person and one.person and other.person):
        return False
    before, after = one.sheet.rows[one.rows[-1]], other.sheet.rows[other.rows[0]]
    size = float(before["size"])
    away = float(np.hypot(*(after["points"].mean(axis=0) - before["points"].mean(axis=0))))
    # A head that walks covers about a tenth of its eye distance a frame.
    return away < size * (0.75 + 0.1 * gap) and 0.67 < float(after["size"]) / size < 1.5


def _counts(sheet: Sheet, strands: Sequence[_Strand], strand: _Strand, low: int, high: int, rate: float,
            ) -> bool:
    before, after = low > strand.first, high < strand.last  # on which sides the face is there
    if high - low + 1 > _GAP * rate or any(low + (not before) <= cut <= high + after for cut in sheet.cuts):
        return False
    was = sheet.rows[strand.rows[strand.rows >= 0]]
    if not (was["flags"] & flags.MEANT).any():
        return False
    # Behind another face there is none to be drawn.
    last = sheet.rows[strand.rows[max(low - strand.first - 1, 0)]] if low <= strand.last else \
        sheet.rows[strand.rows[-1]]
    middle, size = last["points"].mean(axis=0), float(last["size"])
    for other in strands:
        if other.number != strand.number and other.first <= low and other.last >= high:
            place = other.rows[low - other.first]
            if place >= 0 and np.hypot(*(sheet.rows["points"][place].mean(axis=0) - middle)) < 1.5 * size:
                return False
    return True


def _is_settled(person: int, low: int, high: int, settled: Sequence[tuple[int, int, int]]) -> bool:
    return any(first <= low and high <= last and of in (0, person) for first, last, of in settled)


def _reverted(strand: _Strand, rate: float) -> Iterator[_Odd]:
    """Frames in the middle of a strand whose face was left as it is."""
    change, noise = strand.column("change"), strand.column("noise")
    drawn = strand.flag(flags.DRAWN)
    usual = float(np.nanmedian(change[drawn])) if (drawn & np.isfinite(change)).any() else 0.0
    there = strand.rows >= 0
    bare = np.asarray(there & ~drawn)
    if usual > 3 * _CHANGED:
        bare |= there & (change < np.maximum(_CHANGED, 1.3 * np.nan_to_num(noise)) ) & (change < usual / 3)
    for low, high in _runs(bare):
        if low == 0 or high == len(bare) - 1 or high - low + 1 > _GAP * rate:
            continue
        first, last = strand.first + low, strand.first + high
        yield _Odd(REVERTED, strand.number, strand.person, first, last, (first + last) // 2, float(high - low + 1), 3.0)


def _mistaken(strand: _Strand, rate: float) -> Iterator[_Odd]:
    """Frames in the middle of a strand that belong to another person than the frames on both sides."""
    numbers = np.where(strand.rows >= 0, strand.column("number"), strand.person)
    for low, high in _runs(np.asarray((numbers != strand.person) & (numbers > 0))):
        if low and high < len(numbers) - 1 and high - low + 1 <= _GAP * rate:
            yield _Odd(MISTAKEN, strand.number, strand.person, strand.first + low, strand.first + high,
                       strand.first + (low + high) // 2, float(high - low + 1), 3.0)


# Standing out -------------------------------------------------------------------------------------------------------

def _strand_odd(strand: _Strand, rate: float) -> Iterator[_Odd]:
    shift = strand.column("colour") - strand.column("was")
    yield from _colour(strand, shift, rate)
    yield from _spikes(strand, JUMP_KIND, _jumps(strand), JUMP, both=False)
    yield from _spikes(strand, MASK, np.log(np.maximum(strand.column("area"), 1e-3)), AREA, say=np.exp)
    yield from _spikes(strand, SOFT, np.log(np.maximum(strand.column("sharp"), 1e-2)), SHARP, say=np.exp)
    yield from _spikes(strand, FLICKERS, strand.column("flicker"), FLICKER, both=False)
    yield from _spikes(strand, RIM, strand.column("seam"), SEAM, both=False)
    turned = np.maximum(np.abs(strand.column("yaw")) / YAW, np.abs(strand.column("pitch")) / PITCH)
    drawn = strand.flag(flags.DRAWN)
    for low, high in _runs(drawn & (np.nan_to_num(turned) > 1)):
        if high - low + 1 >= _TURNED:
            at = low + int(np.nanargmax(turned[low:high + 1]))
            degrees = max(abs(float(strand.column(name)[at])) for name in ("yaw", "pitch"))
            yield _Odd(POSE, strand.number, strand.person, strand.first + low, strand.first + high, strand.first + at,
                       degrees, 1.0)
    for low, high in _runs(drawn & (strand.flag(flags.HELD) | strand.flag(flags.LOOSE))):
        if high - low + 1 >= _HELD * rate:
            yield _Odd(COVERED, strand.number, strand.person, strand.first + low, strand.first + high,
                       strand.first + (low + high) // 2, float(high - low + 1), 1.0)
    yield from _faint(strand)


def _colour(strand: _Strand, shift: Floats, rate: float) -> Iterator[_Odd]:
    """Colour that what was drawn has and the clip before has not: single frames, and steps that last."""
    centre = np.stack([_middle(shift[:, c]) for c in range(3)], axis=1)
    away = np.linalg.norm(shift - centre, axis=1)
    limit = _limit(away, COLOUR)
    odd = np.nan_to_num(away) > limit
    steps: list[tuple[int, Floats]] = []
    jump = np.linalg.norm(np.diff(shift, axis=0), axis=1)
    usual = _limit(jump, COLOUR)
    for t in map(int, np.flatnonzero(np.nan_to_num(jump) > usual) + 1):
        before, after = shift[max(t - _SIDE, 0):t], shift[t:t + _SIDE]
        move = np.nanmedian(after, axis=0) - np.nanmedian(before, axis=0)
        if np.linalg.norm(move) > usual:
            steps.append((t, move))
    size = np.nan_to_num(away)
    while steps:
        t, move = steps.pop(0)
        back = next((u for u, other in steps if u - t <= _LASTS * rate and float(move @ other) < 0), None)
        stop = t + 1 if back is None else back
        steps = [(u, other) for u, other in steps if u > stop]
        odd[t:stop] = True
        size[t:stop] = np.maximum(size[t:stop], np.linalg.norm(move))
    yield from _spans(strand, EXPOSURE, odd, size, limit)


def _jumps(strand: _Strand) -> Floats:
    """How far each frame's points lie from their course, in outer-eye distances: from where they belong, less what
    that difference is around; or else from a cubic through two frames on either side. The second farthest point."""
    points, base = strand.column("points"), strand.column("base")
    size = np.maximum(strand.column("size"), 1.0)
    away = points - base
    if np.isfinite(away).all(axis=(1, 2)).mean() > 0.5:
        steady = np.stack([_middle(away[:, i, j]) for i in range(5) for j in range(2)], axis=1).reshape(-1, 5, 2)
        off = away - steady
    else:
        off = np.full_like(points, np.nan)
        if len(points) >= 5:
            course = (4 * (points[1:-3] + points[3:-1]) - (points[:-4] + points[4:])) / 6
            off[2:-2] = points[2:-2] - course
    return np.asarray(np.sort(np.hypot(off[..., 0], off[..., 1]), axis=1)[:, -2] / size)


def jumps_by_strand(sheet: Sheet) -> Floats:
    """(N,) for each row how far its points lie from their course, in outer-eye distances; nan at a strand's ends."""
    made = np.full(len(sheet.rows), np.nan)
    for strand in _strands(sheet):
        there = strand.rows >= 0
        made[strand.rows[there]] = _jumps(strand)[there]
    return made


def _spikes(strand: _Strand, kind: _Kind, values: Floats, least: float, *, both: bool = True,
            say: Callable[[float], float] = float) -> Iterator[_Odd]:
    """Frames away from the middle of their neighbours; both: below it as well."""
    away = values - _middle(values)
    away = np.abs(away) if both else away
    limit = _limit(away, least)
    for one in _spans(strand, kind, np.nan_to_num(away) > limit, np.nan_to_num(away), limit):
        yield _Odd(kind, one.strand, one.person, one.first, one.last, one.at, float(say(one.value)), one.times)


def _faint(strand: _Strand) -> Iterator[_Odd]:
    """Looks at which the detector was far less sure than it is of this face otherwise."""
    score = strand.column("score")
    seen = strand.flag(flags.SEEN) & np.isfinite(score)
    if seen.sum() < 8:
        return
    middle = float(np.median(score[seen]))
    spread = _MAD * float(np.median(np.abs(score[seen] - middle)))
    limit = middle - max(DEVIATIONS * spread, 0.5 * abs(middle))
    odd = seen & (score < limit)
    below = np.where(odd, middle - score, 0.0)
    for one in _spans(strand, FAINT, odd, below, max(middle - limit, 1e-6)):
        yield _Odd(FAINT, one.strand, one.person, one.first, one.last, one.at, middle - one.value, 1.0)


def _identities(sheet: Sheet, strands: Sequence[_Strand]) -> Iterator[_Odd]:
    """Descriptors that are farther from the source, against the target, than is usual for the person in this clip."""
    margins = np.asarray(sheet.rows["to_source"] - sheet.rows["to_target"], np.float64)
    for person in {strand.person for strand in strands}:
        mine = [strand for strand in strands if strand.person == person]
        taken = np.concatenate([margins[strand.rows[strand.rows >= 0]] for strand in mine])
        taken = taken[np.isfinite(taken)]
        if len(taken) < 4:
            continue
        usual = float(np.median(taken))
        limit = max(IDENTITY * sheet.same_person, DEVIATIONS * _MAD * float(np.median(np.abs(taken - usual))))
        for strand in mine:
            yield from _identity(strand, strand.column("to_source") - strand.column("to_target") - usual, limit)


def _identity(strand: _Strand, margin: Floats, limit: float) -> Iterator[_Odd]:
    """Between two descriptors of which one is odd, half of the way is; unless the later one was taken because something
    changed in that very frame."""
    asked = np.flatnonzero(np.isfinite(margin))
    changed = strand.flag(flags.CHANGED)
    odd = np.zeros(len(margin), np.bool_)
    for place, at in enumerate(asked):
        if margin[at] > limit:
            low = at if changed[at] else (asked[place - 1] + at) // 2 + 1 if place else 0
            after = asked[place + 1] if place + 1 < len(asked) else len(margin)
            high = after - 1 if after == len(margin) or changed[after] else (at + after) // 2
            odd[low:max(high, at) + 1] = True
    return _spans(strand, IDENTITY_KIND, odd, np.nan_to_num(margin), limit)


# Robust statistics --------------------------------------------------------------------------------------------------

def _middle(values: Floats) -> Floats:
    """The median of each value's neighbours on both sides, itself included."""
    if not np.isfinite(values).any():
        return np.full_like(values, np.nan)
    padded = np.pad(values, _AROUND, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _AROUND + 1)
    told = np.isfinite(windows).any(axis=1)
    found = np.full_like(values, np.nan)
    found[told] = np.nanmedian(windows[told], axis=1)
    return found


def _limit(away: Floats, least: float) -> float:
    """From where on a distance from the middle is odd."""
    told = away[np.isfinite(away)]
    if not len(told):
        return np.inf
    return max(least, DEVIATIONS * _MAD * float(np.median(np.abs(told))))


def _runs(where: Flags) -> list[tuple[int, int]]:
    """First and last place of each run of truths."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(where, np.int8), [0]])))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _spans(strand: _Strand, kind: _Kind, odd: Flags, size: Floats, limit: float) -> Iterator[_Odd]:
    for low, high in _runs(odd):
        at = low + int(np.argmax(size[low:high + 1]))
        yield _Odd(kind, strand.number, strand.person, strand.first + low, strand.first + high, strand.first + at,
                   float(size[at]), float(size[at] / limit))


def _merged(odd: Iterable[_Odd], rate: float) -> list[_Odd]:
    """Neighbours of one kind and one strand as one."""
    made: list[_Odd] = []
    for one in sorted(odd, key=lambda o: (o.kind.code, o.strand, o.first)):
        before = made[-1] if made else None
        if before is not None and (before.kind, before.strand) == (one.kind, one.strand) and \
                one.first - before.last - 1 <= _MERGE * rate:
            worse = max(before, one, key=lambda o: o.times)
            made[-1] = _Odd(one.kind, one.strand, one.person, before.first, max(before.last, one.last), worse.at,
                            worse.value, worse.times)
        else:
            made.append(one)
    return made


def _finding(one: _Odd, at: Callable[[int], float]) -> Finding:
    kind = one.kind
    value = round(one.value, kind.digits)
    low = kind in (POSE, COVERED, FAINT, SOFT)
    severity: Severity = "low" if low or one.times < 1.5 else "middle" if one.times < 3 else "high"
    if kind is IDENTITY_KIND:
        severity = "high"
    return Finding(kind.code, severity, one.first, one.last, one.at, round(at(one.first), 4),
                   round(at(one.last + 1), 4), one.person, one.strand,
                   kind.words.format(**{kind.value: f"{value:.{kind.digits}f}"}), {kind.value: value})
