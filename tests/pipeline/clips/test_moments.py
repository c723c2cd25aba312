"""Times as people write them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InputError
from pipeline.clips.moments import clock_of, parse_moment, parse_span
from tests.pipeline.rendering.clips import paper_clip

CLIP = paper_clip(48, rate=Fraction(24000, 1001), first=7)


@pytest.mark.parametrize(("text", "seconds"), [
    ("0", 0), ("12.5", Fraction(25, 2)), ("1:02.5", Fraction(125, 2)), ("0:01:02.500", Fraction(125, 2)),
    ("90:00", 5400), (" 3 ", 3), ("0.033333333", Fraction(33333333, 10**9)),
    ("0f", 0), ("24f", Fraction(1001, 1000)), ("47f", Fraction(47 * 1001, 24000)),
])
def test_times_are_exact(text: str, seconds: Fraction) -> None:
    assert parse_moment(text).within(CLIP) == seconds


@pytest.mark.parametrize("text", ["", "-1", "1:2:3:4", "1e3", "12,5", "f", "1.f", "nan", "1:", ":1", "٣"])
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"12\.5"):
        parse_moment(text)


def test_frames_that_are_not_there_are_named() -> None:
    with pytest.raises(InputError) as caught:
        parse_moment("48f").within(CLIP)
    assert caught.value.code == "INPUT.NO_SUCH_FRAME"
    assert "from 0 to 47" in caught.value.message
    assert parse_moment("48f").within(CLIP, end=True) == CLIP.duration
    with pytest.raises(InputError):
        parse_moment("49f").within(CLIP, end=True)


def test_a_span_is_two_times() -> None:
    first, last = parse_span("3.2-1:04.5")
    assert (first.within(CLIP), last.within(CLIP)) == (Fraction(16, 5), Fraction(129, 2))
    with pytest.raises(ValueError, match="hyphen"):
        parse_span("3.2")


@given(st.integers(0, 10**7))
def test_a_clock_that_is_told_is_read_back(hundredths: int) -> None:
    assert parse_moment(clock_of(hundredths / 100)).within(CLIP) == Fraction(hundredths, 100)
