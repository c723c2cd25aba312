"""The files that a recipe names: where they are now, and that they are still the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from models.errors import RecipeError
from pipeline.engine import Engine, Source
from pipeline.pictures import Picture
from pipeline.recipe import Input, Recipe
from studio.commands.people import SourceWords


def find_input(one: Input, recipe_file: Path) -> Path:
    """Where a recipe's file is: at its path, or else beside the recipe under its name."""
    seen = recipe_file.parent / one.path if one.path else None  # an absolute path stays as it is
    beside = recipe_file.parent / Path(one.name).name
    return beside if (seen is None or not seen.is_file()) and beside.is_file() else seen or beside


def photos_of(recipe: Recipe, recipe_file: Path) -> dict[str, list[SourceWords]]:
    """The recipe's sources as if they had been given as flags."""
    return {source.name: [SourceWords(source.name, find_input(photo, recipe_file), photo.face)
                          for photo in source.photos] for source in recipe.sources}


def check_same(name: str, found: str, meant: Input) -> None:
    """Raises RecipeError where the file of that name and content id is another than the recipe was made with."""
    if found != meant.id:
        raise RecipeError(f"{name} is not the file that the recipe was made with: its content differs.",
                          subject=name, code="RECIPE.INPUT_CHANGED",
                          remedy="Name the files with --target and --source to use these all the same.")


def open_sources(engine: Engine, photos: Mapping[str, Sequence[SourceWords]], saved: Recipe | None = None,
                 ) -> dict[str, Source]:
    """Every identity with its photos read. saved: the recipe that the photos come from, whose content they must have.
    """
    meant = {source.name: source.photos for source in saved.sources} if saved else {}
    sources = {}
    for name, words in photos.items():
        shown: list[tuple[Picture, int | None]] = []
        for place, photo in enumerate(words):
            found, pictures = engine.source_pictures(photo.path)
            if place < len(meant.get(name, ())):
                check_same(photo.path.name, found, meant[name][place])
            shown += [(picture, photo.face) for picture in pictures]
        sources[name] = engine.source(name, shown)
    return sources
