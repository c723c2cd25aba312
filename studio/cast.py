"""Edits of who is in the picture and who comes in: pure functions from one recipe to the next."""

from __future__ import annotations

from models.errors import RecipeError
from pipeline.recipe import Anonymise, AnonymiseStyle, Choice, Keep, Photo, Recipe, SourceInput, UseSource

NAME_LENGTH = 80
"""The recipe's limit for a source's name."""


def source_called(recipe: Recipe, name: str) -> SourceInput:
    """Raises RecipeError where the recipe has no such source."""
    for source in recipe.sources:
        if source.name == name:
            return source
    raise RecipeError(f"There is no source called {name!r}.", subject=name, code="RECIPE.UNKNOWN_SOURCE",
                      remedy="Reload the page; another window may have changed it.")


def free_name(recipe: Recipe, wanted: str, besides: str | None = None) -> str:
    """`wanted`, trimmed, or `wanted 2`, `wanted 3` … where another source has it."""
    taken = {source.name for source in recipe.sources if source.name != besides}
    base = wanted.strip()[:NAME_LENGTH] or "1"
    name, number = base, 2
    while name in taken:
        tail = f" {number}"
        name, number = base[:NAME_LENGTH - len(tail)] + tail, number + 1
    return name


def add_source(recipe: Recipe, source: SourceInput) -> Recipe:
    return _checked(recipe, {"sources": (*recipe.sources, source)})


def add_photo(recipe: Recipe, name: str, photo: Photo) -> Recipe:
    """One more photo of the same identity; a photo that is there already changes nothing."""
    source = source_called(recipe, name)
    if any(other.id == photo.id for other in source.photos):
        return recipe
    return _with_source(recipe, name, source.model_copy(update={"photos": (*source.photos, photo)}))


def remove_photo(recipe: Recipe, name: str, photo_id: str) -> Recipe:
    """Without its last photo a source goes as well."""
    source = source_called(recipe, name)
    photos = tuple(p for p in source.photos if p.id != photo_id)
    if not photos:
        return remove_source(recipe, name)
    return _with_source(recipe, name, source.model_copy(update={"photos": photos}))


def pick_face(recipe: Recipe, name: str, photo_id: str, face: int | None) -> Recipe:
    """Which face of a photo is meant: its number, or None for the largest."""
    source = source_called(recipe, name)
    photos = tuple(p.model_copy(update={"face": face}) if p.id == photo_id else p for p in source.photos)
    return _with_source(recipe, name, source.model_copy(update={"photos": photos}))


def rename_source(recipe: Recipe, name: str, wanted: str) -> Recipe:
    """The people who have this source keep it under its new name."""
    source = source_called(recipe, name)
    new = free_name(recipe, wanted, besides=name) if wanted.strip() else name
    sources = tuple(source.model_copy(update={"name": new}) if s is source else s for s in recipe.sources)
    cast = {number: _renamed(choice, name, new) for number, choice in recipe.cast.items()}
    return _checked(recipe, {"sources": sources, "cast": cast, "everyone": _renamed(recipe.everyone, name, new)})


def remove_source(recipe: Recipe, name: str) -> Recipe:
    """The people who had this source are kept as they are in the picture."""
    source = source_called(recipe, name)
    sources = tuple(s for s in recipe.sources if s is not source)
    cast = {number: _without(choice, name) for number, choice in recipe.cast.items()}
    return _checked(recipe, {"sources": sources, "cast": cast, "everyone": _without(recipe.everyone, name)})


def state_consent(recipe: Recipe, name: str, statement: str) -> Recipe:
    """name: a source's; empty: the people shown."""
    if not name:
        return _checked(recipe, {"consent": statement})
    source = source_called(recipe, name)
    return _with_source(recipe, name, source.model_copy(update={"consent": statement}))


def choose(recipe: Recipe, number: int, choice: Choice) -> Recipe:
    """What happens to one person. Raises RecipeError for a source that is not there, or not yet permitted."""
    _check_consent(recipe, choice)
    return _checked(recipe, {"cast": dict(sorted({**recipe.cast, number: choice}.items()))})


def choose_others(recipe: Recipe, choice: Choice) -> Recipe:
    """What happens to everybody else. Raises RecipeError as `choose` does."""
    _check_consent(recipe, choice)
    return _checked(recipe, {"everyone": choice})


def style_cover(recipe: Recipe, place: int, style: AnonymiseStyle) -> Recipe:
    """How a box that was drawn by hand hides what is in it. place: its place in the list."""
    _check_cover(recipe, place)
    covers = (box.model_copy(update={"style": style}) if i == place else box for i, box in enumerate(recipe.covers))
    return recipe.model_copy(update={"covers": tuple(covers)})


def uncover(recipe: Recipe, place: int) -> Recipe:
    """Without a box that was drawn by hand."""
    _check_cover(recipe, place)
    return recipe.model_copy(update={"covers": (*recipe.covers[:place], *recipe.covers[place + 1:])})


def changes_something(recipe: Recipe, people: int) -> bool:
    """Whether any of `people` persons is to be swapped or anonymised."""
    return any(not isinstance(recipe.choice_for(number), Keep) for number in range(1, people + 1))


def anonymises(recipe: Recipe, people: int) -> bool:
    return any(isinstance(recipe.choice_for(number), Anonymise) for number in range(1, people + 1))


def _check_consent(recipe: Recipe, choice: Choice) -> None:
    if isinstance(choice, UseSource) and not source_called(recipe, choice.source).consent:
        raise RecipeError(f"The use of {choice.source} has not been stated as permitted.", subject=choice.source,
                          code="CONSENT.MISSING", remedy="Say under Sources that you may use this face.")


def _check_cover(recipe: Recipe, place: int) -> None:
    if not 0 <= place < len(recipe.covers):
        raise RecipeError(f"There is no box {place + 1}.", subject=str(place + 1), code="RECIPE.NO_SUCH_BOX",
                          remedy="Reload the page; another window may have changed it.")


def _renamed(choice: Choice, name: str, new: str) -> Choice:
    return UseSource(source=new) if isinstance(choice, UseSource) and choice.source == name else choice


def _without(choice: Choice, name: str) -> Choice:
    return Keep() if isinstance(choice, UseSource) and choice.source == name else choice


def _with_source(recipe: Recipe, name: str, source: SourceInput) -> Recipe:
    return _checked(recipe, {"sources": tuple(source if s.name == name else s for s in recipe.sources)})


def _checked(recipe: Recipe, update: dict[str, object]) -> Recipe:
    """model_copy does not validate; the recipe's own rules (no name twice, no unknown source) must hold."""
    return Recipe.model_validate(recipe.model_copy(update=update).model_dump())
