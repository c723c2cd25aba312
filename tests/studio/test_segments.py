"""Segments of a clip: whatever is done to them, they cover it without gaps."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import RecipeError
from pipeline.recipe import Effect, Segment
from studio import segments as s

LENGTH = Fraction(24024, 1000)
TIMES = st.integers(0, 720).map(lambda frame: Fraction(frame * 1001, 30000))


def named(name: str, start: Fraction | None = None, stop: Fraction | None = None) -> Segment:
    return Segment(start=None if start is None else str(start), stop=None if stop is None else str(stop),
                   effects=(Effect(id="swapper", processor=name, version="1.0"),))


def names(found: tuple[Segment, ...]) -> list[str]:
    return [segment.effects[0].processor if segment.effects else "" for segment in found]


STEPS = st.lists(st.tuples(st.sampled_from(["split", "join", "move"]), TIMES, st.integers(0, 12)), max_size=25)


@given(STEPS)
def test_edits_keep_the_cover_and_move_the_effects_only_where_they_say(steps: list[tuple[str, Fraction, int]]) -> None:
    now: tuple[Segment, ...] = (named("one"),)
    for what, when, place in steps:
        before = len(now)
        if what == "split":
            now = s.split(now, when, LENGTH)
            assert len(now) - before in (0, 1)
        elif 1 <= place < len(now):
            now = s.join(now, place) if what == "join" else s.move(now, place, when, LENGTH)
            assert len(now) == before - (what == "join")
        assert s.covers_all(now, LENGTH)
        assert now[0].start is None
        assert now[-1].stop is None
        assert set(names(now)) == {"one"}


@given(TIMES, TIMES)
def test_a_split_and_its_removal_leave_what_was(one: Fraction, other: Fraction) -> None:
    before = s.split((named("a"),), one, LENGTH)
    after = s.split(before, other, LENGTH)
    if len(after) > len(before):
        place = [edge[0] for edge in s.edges(after, LENGTH)].index(other)
        assert s.join(after, place) == before
    else:
        assert after == before


@given(st.lists(st.tuples(TIMES, TIMES, st.sampled_from("abc")), min_size=1, max_size=6), TIMES)
def test_recipes_from_elsewhere_are_made_whole_and_render_as_they_did(found: list[tuple[Fraction, Fraction, str]],
                                                                      when: Fraction) -> None:
    wild = [named(name, min(one, other), max(one, other)) for one, other, name in found]
    tame = s.whole(wild, LENGTH)
    assert s.covers_all(tame, LENGTH)
    if when < LENGTH:
        first = next((w for w in wild if Fraction(w.start or 0) <= when < Fraction(w.stop or 0)), None)
        assert names((tame[s.at(tame, when, LENGTH)],)) == names((first,) if first else (Segment(),))


def test_one_segment_of_a_picture_is_whole_already() -> None:
    assert s.whole((named("a"),), LENGTH) == (named("a"),)
    assert s.whole((Segment(),), LENGTH) == (Segment(),)


def test_a_split_at_an_edge_or_outside_changes_nothing() -> None:
    two = s.split((named("a"),), Fraction(5), LENGTH)
    for when in (Fraction(0), Fraction(5), LENGTH, LENGTH + 1, Fraction(-1)):
        assert s.split(two, when, LENGTH) == two


def test_the_edge_between_two_stays_between_their_other_edges() -> None:
    two = s.split((named("a"),), Fraction(5), LENGTH)
    assert s.edges(s.move(two, 1, Fraction(7), LENGTH), LENGTH) == [(Fraction(0), Fraction(7)), (Fraction(7), LENGTH)]
    for when in (Fraction(0), LENGTH, Fraction(-3)):
        assert s.move(two, 1, when, LENGTH) == two


@pytest.mark.parametrize("place", [0, 2, -1])
def test_a_split_that_is_not_there_cannot_be_removed(place: int) -> None:
    two = s.split((named("a"),), Fraction(5), LENGTH)
    with pytest.raises(RecipeError) as caught:
        s.join(two, place)
    assert caught.value.code == "RECIPE.NO_SUCH_SPLIT"
