from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.clips.retime import Retiming, slots
from pipeline.recipe import ClipOutput
from tests.pipeline.clips.footage import Footage, describe, look, make, packets, planes, render

FPS = st.sampled_from([Fraction(10), Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(60)])
STEPS = st.lists(st.integers(1, 400), min_size=1, max_size=30)  # milliseconds


def timed(steps: list[int]) -> tuple[list[Fraction], Fraction]:
    times = [Fraction(0)]
    for step in steps[:-1]:
        times.append(times[-1] + Fraction(step, 1000))
    return times, times[-1] + Fraction(steps[-1], 1000)


def shown(times: list[Fraction], end: Fraction, fps: Fraction) -> list[int]:
    """Which picture each output frame shows."""
    found: list[int] = []
    for at, here in enumerate(times):
        before = times[at - 1] if at else None
        after = times[at + 1] if at + 1 < len(times) else None
        numbers = slots(before, here, after, end, fps)
        assert not numbers or numbers.start == len(found), "no output frame is left out or made twice"
        found += [at] * len(numbers)
    return found


@given(STEPS, FPS)
def test_every_output_frame_shows_a_picture_at_its_time(steps: list[int], fps: Fraction) -> None:
    times, end = timed(steps)
    pictures = shown(times, end, fps)
    assert pictures == sorted(pictures)
    for number, picture in enumerate(pictures):
        instant = number / fps
        # Never more than half an output frame before its time, and never when the next one's time has come.
        assert times[picture] - instant <= 1 / (2 * fps)
        if picture + 1 < len(times):
            assert times[picture + 1] > instant or times[picture + 1] - times[picture] == 0


@example([400, 1, 1], Fraction(10))  # the last pictures are shorter than half an output frame
@given(STEPS, FPS)
def test_the_span_stays_what_it_is(steps: list[int], fps: Fraction) -> None:
    times, end = timed(steps)
    length = len(shown(times, end, fps)) / fps
    assert abs(length - end) <= 1 / (2 * fps) or length == 1 / fps


@given(STEPS, FPS)
def test_dense_pictures_are_the_nearest_ones(steps: list[int], fps: Fraction) -> None:
    times, end = timed([min(step, int(500 / fps)) for step in steps])  # gaps of at most half an output frame
    for number, picture in enumerate(shown(times, end, fps)):
        best = min(abs(time - number / fps) for time in times)
        assert abs(times[picture] - number / fps) == best


def test_the_same_rate_keeps_every_frame_of_rounded_times() -> None:
    fps = Fraction(24000, 1001)
    times = [Fraction(round(number / fps * 1000), 1000) for number in range(200)]
    assert shown(times, 200 / fps, fps) == list(range(200))


@pytest.mark.parametrize(("fps", "count"), [("15", 7), ("60", 28), ("30000/1001", 14), ("24000/1001", 11)])
def test_frames_are_dropped_or_repeated_and_sound_stays(fps: str, count: int, tmp_path: Path) -> None:
    footage = Footage(sounds=("eng",))
    source = make(tmp_path / "in.mp4", footage)
    clip, before = describe(source, footage)
    encoding, written = render(clip, before.frames, tmp_path / "out.mp4", ClipOutput(fps=fps, speed="ultrafast"))
    after = look(tmp_path / "out.mp4")
    assert (len(after.frames), written.frames) == (count, count)
    assert after.times == [number / Fraction(fps) for number in range(count)]
    assert packets(tmp_path / "out.mp4", "audio") == packets(source, "audio")
    for time, frame in zip(after.times, after.frames, strict=True):
        nearest = min(range(len(before.times)), key=lambda at: abs(before.times[at] - time))
        differences = [np.abs(planes(frame)[0] - planes(one)[0]).mean() for one in before.frames]
        assert abs(int(np.argmin(differences)) - nearest) <= 1
    assert encoding.fps == (None if fps == "30000/1001" else Fraction(fps))


def test_parts_fit_together_whatever_their_number(tmp_path: Path) -> None:
    footage = Footage(ticks=(0, 1000, 2000, 4500, 4530, 12000, 30000))
    clip, before = describe(make(tmp_path / "in.mp4", footage), footage)
    for parts in (1, 2, 5, 7):
        output = tmp_path / f"out{parts}.mkv"
        render(clip, before.frames, output, ClipOutput(fps="25", codec="ffv1"), parts=parts)
    one, *others = (look(tmp_path / f"out{parts}.mkv") for parts in (1, 2, 5, 7))
    for other in others:
        assert other.times == one.times
        for a, b in zip(one.frames, other.frames, strict=True):
            np.testing.assert_array_equal(planes(a)[0], planes(b)[0])


def test_a_trimmed_span_counts_from_its_own_first_picture(tmp_path: Path) -> None:
    footage = Footage()
    clip, before = describe(make(tmp_path / "in.mp4", footage), footage)
    retiming = Retiming(clip, Fraction(10), 5005, 12012)
    assert [list(retiming.slots_of(ticks)) for ticks in (5005, 6006, 7007, 8008)] == [[0], [], [], [1]]
    assert retiming.total() == 2
    render(clip, before.frames, tmp_path / "out.mp4", ClipOutput(fps="10", speed="ultrafast"), start=5005, stop=12012)
    assert look(tmp_path / "out.mp4").times == [Fraction(0), Fraction(1, 10)]
