"""Edits of a clip's segments: pure functions. Segments lie one behind the other and cover the clip without gaps.

Times are exact seconds from the clip's first picture; `length` is the clip's.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from models.errors import RecipeError
from pipeline.recipe import Effect, Recipe, Segment

Segments = tuple[Segment, ...]
Edge = tuple[Fraction, Fraction]


def edges(segments: Sequence[Segment], length: Fraction) -> list[Edge]:
    """Where each begins and ends; open ends are the clip's."""
    return [(Fraction(s.start) if s.start is not None else Fraction(0),
             Fraction(s.stop) if s.stop is not None else length) for s in segments]


def covers_all(segments: Sequence[Segment], length: Fraction) -> bool:
    """Whether they lie one behind the other from the clip's beginning to its end."""
    ends = edges(segments, length)
    follows = all(one[1] == other[0] for one, other in pairwise(ends))
    return bool(ends) and follows and ends[0][0] <= 0 and ends[-1][1] >= length and all(a < b for a, b in ends)


def whole(segments: Sequence[Segment], length: Fraction) -> Segments:
    """The same, put in order, overlaps cut off (the earlier in the list wins, as in a render), gaps filled with
    segments without effects: as recipes from elsewhere may need."""
    if covers_all(segments, length):
        return tuple(segments)
    spans = list(zip(edges(segments, length), segments, strict=True))
    cuts = sorted({Fraction(0), *(min(max(t, Fraction(0)), length) for span, _ in spans for t in span)})
    pieces: list[tuple[Fraction, Fraction, Segment | None]] = []
    for low, high in zip(cuts, [*cuts[1:], length], strict=True):
        if low >= high:
            continue
        owner = next((segment for (start, stop), segment in spans if start <= low and high <= stop), None)
        if pieces and pieces[-1][2] is owner and owner is not None:
            pieces[-1] = (pieces[-1][0], high, owner)
        else:
            pieces.append((low, high, owner))
    made = [Segment(start=str(low), stop=str(high), effects=owner.effects if owner else ()) for low, high, owner in
            pieces]
    return _open_ended(made) if made else (Segment(),)


def at(segments: Sequence[Segment], when: Fraction, length: Fraction) -> int:
    """Which segment a time lies in; the first or last for times outside."""
    for place, (_, stop) in enumerate(edges(segments, length)):
        if when < stop:
            return place
    return len(segments) - 1


def split(segments: Sequence[Segment], when: Fraction, length: Fraction) -> Segments:
    """Two where one was, each with its effects. Nothing happens at an edge, and outside of the clip."""
    if not 0 < when < length:
        return tuple(segments)
    place = at(segments, when, length)
    if edges(segments, length)[place][0] == when:
        return tuple(segments)
    one = segments[place]
    halves = (one.model_copy(update={"stop": str(when)}), one.model_copy(update={"start": str(when)}))
    return (*segments[:place], *halves, *segments[place + 1:])


def join(segments: Sequence[Segment], place: int) -> Segments:
    """One of a segment and the one before it, with the effects of the one before."""
    _check(segments, place)
    before = segments[place - 1].model_copy(update={"stop": segments[place].stop})
    return (*segments[:place - 1], before, *segments[place + 1:])


def move(segments: Sequence[Segment], place: int, when: Fraction, length: Fraction) -> Segments:
    """Puts the edge between a segment and the one before it somewhere else between their other edges; where that leaves
    nothing of one of them, nothing happens."""
    _check(segments, place)
    ends = edges(segments, length)
    if not ends[place - 1][0] < when < ends[place][1]:
        return tuple(segments)
    return (*segments[:place - 1], segments[place - 1].model_copy(update={"stop": str(when)}),
            segments[place].model_copy(update={"start": str(when)}), *segments[place + 1:])


def with_effects(recipe: Recipe, place: int, effects: Sequence[Effect]) -> Recipe:
    """The recipe with another chain in one of its segments."""
    changed = recipe.segments[place].model_copy(update={"effects": tuple(effects)})
    return recipe.model_copy(update={"segments": (*recipe.segments[:place], changed, *recipe.segments[place + 1:])})


def _check(segments: Sequence[Segment], place: int) -> None:
    if not 1 <= place < len(segments):
        raise RecipeError(f"There is no split before segment {place + 1}.", subject=str(place + 1),
                          code="RECIPE.NO_SUCH_SPLIT", remedy="Reload the page; another window may have changed it.")


def _open_ended(segments: Sequence[Segment]) -> Segments:
    """The outermost edges left open: they are the clip's own, whatever its length is said to be."""
    first = segments[0].model_copy(update={"start": None})
    rest = [first, *segments[1:]]
    rest[-1] = rest[-1].model_copy(update={"stop": None})
    return tuple(rest)
