"""Edits of who is who in a clip: pure functions from one recipe to the next."""

from __future__ import annotations

from collections.abc import Iterable

from models.errors import RecipeError
from models.face import Box
from pipeline.analysis.known import Known
from pipeline.analysis.people import Track
from pipeline.recipe import Merged, Person, Recipe, Whose
from studio.clip_times import time_of


def person_called(recipe: Recipe, number: int) -> Person:
    """Raises RecipeError where nobody has the number."""
    for person in recipe.people:
        if person.number == number:
            return person
    clip = recipe.target.name if recipe.target else "The clip"
    raise RecipeError(f"{clip} has no person {number}.", subject=clip, code="RECIPE.NO_SUCH_PERSON",
                      remedy="Reload the page; another window may have changed it.")


def next_number(recipes: Iterable[Recipe]) -> int:
    """One that nobody has or had in any of them."""
    return 1 + max((number for recipe in recipes for number in (
        *(person.number for person in recipe.people), *(one.number for one in recipe.whose), *recipe.cast)), default=0)


def spoken_of(recipe: Recipe) -> set[int]:
    """Numbers of whom the user said anything."""
    return {*recipe.cast, *(one.number for one in recipe.whose),
            *(person.number for person in recipe.people if person.name),
            *(fix.person for fix in recipe.fixes if fix.person),
            *(number for one in recipe.merged for number in (one.number, one.into))}


def named(recipe: Recipe, number: int, name: str) -> Recipe:
    """What somebody is called; empty: by the number."""
    person_called(recipe, number)
    return recipe.model_copy(update={"people": tuple(
        person.model_copy(update={"name": name.strip()}) if person.number == number else person
        for person in recipe.people)})


def into_of(recipe: Recipe, number: int) -> int:
    """Who somebody is by what was merged."""
    return next((one.into for one in recipe.merged if one.number == number), number)


def merged(recipe: Recipe, number: int, into: int) -> Recipe:
    """`number` is `into`, and whoever was `number` by an earlier merge. What was chosen for `number` counts where
    nothing was for the other; so does the name."""
    person, other = person_called(recipe, number), person_called(recipe, into_of(recipe, into))
    into = other.number
    if number == into:
        return recipe
    rules = [Merged(number=one.number, into=into if one.into == number else one.into) for one in recipe.merged
             if one.number != number]
    cast = dict(recipe.cast)
    if number in cast and into not in cast:
        cast[into] = cast[number]
    update = {"merged": (*rules, Merged(number=number, into=into)), "cast": dict(sorted(cast.items()))}
    changed = recipe.model_copy(update=update)
    return named(changed, into, person.name) if person.name and not other.name else changed


def separated(recipe: Recipe, number: int) -> Recipe:
    """Without the merge of `number`. What was chosen for the other stays the other's."""
    person_called(recipe, number)
    return recipe.model_copy(update={"merged": tuple(one for one in recipe.merged if one.number != number)})


def said(recipe: Recipe, known: Known, track: Track, here: Whose) -> Recipe:
    """The user's word on a track, instead of an earlier one on the same. here: a place where its face is. Where that is
    what was found anyhow, nothing needs to be said."""
    number = into_of(recipe, here.number)
    if number:
        person_called(recipe, number)
    others = tuple(one for one in recipe.whose if not _is_of(known, one, track))
    found = known.decided(recipe.people, others, recipe.merged).numbers.get(track.number, 0)
    own = () if found == number else (here.model_copy(update={"number": number}),)
    return recipe.model_copy(update={"whose": (*others, *own)})


def split(recipe: Recipe, known: Known, track: Track, here: Whose, *, everywhere: bool) -> Recipe:
    """A track is somebody new, with the number of `here`. everywhere: and so is whoever looks more like it than like
    those who were known; else every other track stays whose it is. Raises RecipeError where the face is never clear."""
    if track.descriptor is None:
        raise RecipeError("This face is never clear enough to be known again.", code="RECIPE.UNCLEAR_FACE",
                          remedy="Say that it is one of the people in the list, or nobody of them.")
    before = known.decided(recipe.people, recipe.whose, recipe.merged).numbers
    person = known.person(here.number, track.descriptor, track.glimpses[0])
    changed = said(recipe.model_copy(update={"people": (*recipe.people, person)}), known, track, here)
    if not any(one == here for one in changed.whose):  # it looks like itself, but what else does may change
        changed = changed.model_copy(update={"whose": (*changed.whose, here)})
    if everywhere:
        return changed
    after = known.decided(changed.people, changed.whose, changed.merged).numbers
    for other in known.tracks:
        if other.number != track.number and after.get(other.number, 0) == here.number and other.glimpses:
            glimpse = other.glimpses[0]
            place = place_of(known, glimpse.frame, glimpse.box, before.get(other.number, 0))
            changed = said(changed, known, other, place)
    return changed


def place_of(known: Known, frame: int, box: Box, number: int) -> Whose:
    """The middle of a face in a frame, as recipes name it."""
    clip = known.clip
    x, y = (box.x0 + box.x1) / 2 / clip.width, (box.y0 + box.y1) / 2 / clip.height
    return Whose(at=str(time_of(clip, frame)), x=round(min(max(x, 0.0), 1.0), 5), y=round(min(max(y, 0.0), 1.0), 5),
                 number=number)


def _is_of(known: Known, one: Whose, track: Track) -> bool:
    found = known.track_at(one.at, one.x, one.y)
    return found is not None and found.number == track.number
