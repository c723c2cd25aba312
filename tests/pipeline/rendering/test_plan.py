"""The plan: parts from recipe and clip alone, whole, disjoint, and only those change whose frames do."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import RecipeError
from pipeline.clips.clip import Clip
from pipeline.clips.encoding import resolve
from pipeline.presets import preset
from pipeline.recipe import Anonymise, ClipOutput, Effect, Keep, Recipe, RunEffects, Segment, Span
from pipeline.rendering.plan import LONGEST, end_of, make_plan, ticks_of, words_on_copying
from processors.registry import load_registry
from tests.pipeline.rendering.clips import grouped_clip, paper_clip

CHAIN = preset("natural").chain(load_registry(()))


WHOLE = Span()
X264 = resolve(paper_clip(4), Path("out.mp4"), ClipOutput())
X265 = resolve(paper_clip(4), Path("out.mp4"), ClipOutput(codec="h265"))


def recipe(*segments: Segment, trim: Span = WHOLE) -> Recipe:
    return Recipe(everyone=RunEffects(), segments=segments or (Segment(effects=CHAIN),), trim=trim)


def with_strength(value: float) -> tuple[Effect, ...]:
    return (CHAIN[0].model_copy(update={"params": {"strength": value}}), *CHAIN[1:])


@st.composite
def clips(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    steps = draw(st.lists(st.integers(1, 40), min_size=1, max_size=900))
    pts = [int(v) for v in np.cumsum([draw(st.integers(-500, 500)), *steps])]
    keys = sorted({0, *draw(st.lists(st.integers(0, len(pts) - 1), max_size=12))})
    return pts, keys


@given(made=clips(), cuts=st.lists(st.integers(0, 30_000), max_size=3, unique=True),
       low=st.integers(0, 3000), length=st.integers(1, 30_000))
def test_every_frame_of_the_span_lies_in_exactly_one_part(made: tuple[list[int], list[int]], cuts: list[int],
                                                         low: int, length: int) -> None:
    pts, keys = made
    clip = paper_clip(len(pts), pts=pts, keyframes=keys, time_base=Fraction(1, 1000))
    bounds = [None, *(f"{cut}/1000" for cut in sorted(cuts)), None]
    segments = [Segment(start=a, stop=b, effects=CHAIN if n % 2 else ())
                for n, (a, b) in enumerate(itertools.pairwise(bounds))]
    asked = recipe(*segments, trim=Span(start=f"{low}/1000", stop=f"{low + length}/1000"))
    inside = [t for t in pts if low <= t - pts[0] < low + length]
    if not inside:
        with pytest.raises(RecipeError, match="no picture lies between"):
            make_plan(asked, clip, X264)
        return
    plan = make_plan(asked, clip, X264)
    met = [t for part in plan.parts for t in pts if part.start <= t < part.stop]
    assert met == inside
    assert plan.frames == len(inside)
    for part in plan.parts:
        mine = [t for t in pts if part.start <= t < part.stop]
        assert part.frames == len(mine) <= LONGEST
        assert pts[part.first] == mine[0]
    assert make_plan(asked, clip, X264) == plan


def test_parts_begin_at_keyframes_where_there_are_any() -> None:
    clip = paper_clip(1000, keyframes=range(0, 1000, 48))
    starts = [part.first for part in make_plan(recipe(), clip, X264).parts]
    assert all(first % 48 == 0 for first in starts)
    assert max(np.diff(starts)) <= LONGEST
    alone = [part.frames for part in make_plan(recipe(), paper_clip(1000), X264).parts]
    assert alone == [300, 300, 300, 100]


def test_a_change_to_one_segment_changes_only_its_parts() -> None:
    clip = paper_clip(1200)
    def plan_with(strength: float) -> list[str]:
        second = Segment(start="20", effects=with_strength(strength))
        return [p.key for p in make_plan(recipe(Segment(stop="20", effects=CHAIN), second), clip, X264).parts]

    one, other = plan_with(1.0), plan_with(0.4)
    assert len(one) == len(other) == 4
    assert [a == b for a, b in zip(one, other, strict=True)] == [True, True, False, False]


@pytest.mark.parametrize("changed", [
    {"everyone": Anonymise()}, {"cast": {1: Anonymise()}}, {"looking": {"small": True, "turned": False}},
])
def test_who_gets_what_changes_every_part(changed: dict[str, object]) -> None:
    clip = paper_clip(400)
    before = make_plan(recipe(), clip, X264)
    after = make_plan(Recipe.model_validate({**recipe().model_dump(), **changed}), clip, X264)
    assert {p.key for p in before.parts}.isdisjoint(p.key for p in after.parts)
    assert {p.key for p in before.parts}.isdisjoint(p.key for p in make_plan(recipe(), clip, X265).parts)


def test_what_was_accepted_and_where_files_lie_change_no_part() -> None:
    clip = paper_clip(400)
    accepted = recipe().model_copy(update={"accepted": (Span(start="1", stop="2"),), "made_with": "another day"})
    assert make_plan(accepted, clip, X264) == make_plan(recipe(), clip, X264)


def test_effects_that_are_off_or_have_nobody_leave_frames_untouched() -> None:
    clip = paper_clip(60)
    off = tuple(effect.model_copy(update={"on": False}) for effect in CHAIN)
    assert not make_plan(recipe(Segment(effects=off)), clip, X264).parts[0].touched
    nobody = recipe().model_copy(update={"everyone": Keep()})
    assert not make_plan(nobody, clip, X264).parts[0].touched
    hidden = nobody.model_copy(update={"cast": {2: Anonymise()}, "segments": (Segment(),)})
    assert make_plan(hidden, clip, X264).parts[0].touched


def test_what_no_segment_covers_passes_through() -> None:
    parts = make_plan(recipe(Segment(start="1", stop="2", effects=CHAIN)), paper_clip(90), X264).parts
    assert [(part.first, part.frames, part.touched) for part in parts] == [(0, 30, False), (30, 30, True),
                                                                          (60, 30, False)]


def test_segments_that_overlap_are_refused() -> None:
    both = recipe(Segment(start="0", stop="2", effects=CHAIN), Segment(start="1.5", stop="3"))
    with pytest.raises(RecipeError) as caught:
        make_plan(both, paper_clip(90), X264)
    assert caught.value.code == "RECIPE.SEGMENTS"
    assert "1.500 seconds" in caught.value.message


def test_times_count_from_the_first_picture_of_a_clip_that_begins_late() -> None:
    clip = paper_clip(10, first=1000, time_base=Fraction(1, 30))
    assert ticks_of(clip, "0") == 1000
    assert ticks_of(clip, "1/30") == 1001
    assert ticks_of(clip, "0.034") == 1002  # between two frames: the next
    assert end_of(clip) == 1010


def test_parts_of_another_rate_depend_on_the_span_that_they_count_from() -> None:
    clip = paper_clip(400)
    late = recipe(trim=Span(start="10"))
    other = resolve(clip, Path("out.mp4"), ClipOutput(fps="24"))
    shared = [{p.key for p in make_plan(one, clip, how).parts} for how in (X264, other) for one in (recipe(), late)]
    assert shared[0] & shared[1]
    assert not shared[2] & shared[3]


# What is copied


def smart_plan(clip: Clip, asked: Recipe) -> list[tuple[int, int, bool, bool]]:
    """(first picture, the one behind the last, touched, copied) of every part."""
    encoding = resolve(clip, Path("out.mp4"), ClipOutput())
    assert encoding.smart
    return [(part.first, part.first + part.frames, part.touched, part.copied)
            for part in make_plan(asked, clip, encoding).parts]


def test_whole_groups_that_no_effect_touches_are_copied() -> None:
    clip = grouped_clip(120, range(0, 120, 12))
    asked = recipe(Segment(start="1", stop="2", effects=CHAIN))  # pictures 30 to 59
    assert smart_plan(clip, asked) == [(0, 24, False, True), (24, 30, False, False), (30, 60, True, False),
                                       (60, 120, False, True)]
    late = recipe(Segment(start="1", stop="2", effects=CHAIN), trim=Span(start="0.5", stop="2.9"))  # 15 to 86
    assert smart_plan(clip, late) == [(15, 30, False, False), (30, 60, True, False), (60, 84, False, True),
                                      (84, 87, False, False)]
    assert [part[3] for part in smart_plan(clip, recipe())] == [False]


def test_a_copied_span_is_one_part_however_long() -> None:
    clip = grouped_clip(3000, range(0, 3000, 50))
    parts = smart_plan(clip, recipe(Segment(stop="1", effects=CHAIN)))
    assert parts == [(0, 30, True, False), (30, 50, False, False), (50, 3000, False, True)]


def test_what_is_encoded_is_the_same_however_much_is_copied_beside_it() -> None:
    clip = grouped_clip(300, range(0, 300, 30))
    encoding = resolve(clip, Path("out.mp4"), ClipOutput())
    keys = [{part.key for part in make_plan(recipe(Segment(start="2", stop="4", effects=CHAIN), trim=trim), clip,
                                            encoding).parts if part.touched} for trim in (WHOLE, Span(stop="4"))]
    assert keys[0] == keys[1] != set()


@given(lengths=st.lists(st.integers(1, 30), min_size=1, max_size=30), lost=st.sets(st.integers(0, 29)),
       cuts=st.lists(st.integers(0, 600), max_size=4, unique=True), low=st.integers(0, 200), length=st.integers(1, 600))
def test_of_any_groups_all_that_lie_whole_in_untouched_spans_are_copied_and_no_others(
        lengths: list[int], lost: set[int], cuts: list[int], low: int, length: int) -> None:
    begins = [0, *(int(at) for at in np.cumsum(lengths))]
    groups = [(a, b) for number, (a, b) in enumerate(itertools.pairwise(begins)) if number not in lost]
    clip = grouped_clip(begins[-1], begins[:-1], groups)
    if not groups or low >= clip.frames:
        return
    bounds = [None, *(f"{cut}/30" for cut in sorted(cuts)), None]
    segments = [Segment(start=a, stop=b, effects=CHAIN if n % 2 else ())
                for n, (a, b) in enumerate(itertools.pairwise(bounds))]
    parts = smart_plan(clip, recipe(*segments, trim=Span(start=f"{low}/30", stop=f"{low + length}/30")))
    touched = [sum(cut <= place for cut in cuts) % 2 == 1 for place in range(clip.frames)]
    segment = [sum(cut <= place for cut in cuts) for place in range(clip.frames)]
    end = min(low + length, clip.frames)
    assert [place for first, stop, _, _ in parts for place in range(first, stop)] == list(range(low, end))
    copied = {place for first, stop, _, own in parts if own for place in range(first, stop)}
    assert copied == {place for a, b in groups if low <= a and b <= end and segment[a] == segment[b - 1]
                      and not touched[a] for place in range(a, b)}
    for first, stop, was_touched, _ in parts:
        assert touched[first:stop] == [was_touched] * (stop - first)


def test_how_much_was_copied_is_said_or_why_nothing_was() -> None:
    clip = grouped_clip(600, range(0, 600, 60))

    def said(asked: Recipe, of: Clip, *, smart: bool = True) -> list[tuple[str, str, dict[str, float]]]:
        how = resolve(of, Path("out.mp4"), ClipOutput(smart=smart))
        return [(one.code, one.words, dict(one.values))
                for one in words_on_copying(of, how, make_plan(asked, of, how), smart=smart)]

    some, all_of_it = recipe(Segment(stop="8", effects=CHAIN)), recipe()
    assert said(some, clip) == [("OUTPUT.COPIED", "12.0 of 20.0 s were copied as they are: no effect touches them.",
                                 {"seconds": 12.0, "of": 20.0})]
    assert said(all_of_it, clip) == said(some, clip, smart=False) == said(some, paper_clip(600)) == []
    long = grouped_clip(600, [0])
    assert said(some, long) == [("OUTPUT.NOT_COPIED", "What no effect touches was encoded again, not copied: no closed "
                                 "group of pictures lies whole in there.", {})]
