"""Recipes and results as files: what they are called, and taking a saved recipe up again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from models.errors import LikenessError
from pipeline.engine import Engine
from pipeline.pictures import Picture
from pipeline.pictures.formats import FORMATS
from pipeline.recipe import Input, Keep, Recipe, UseSource, read_recipe
from processors.registry import Registry
from studio.session import TabSession

RECIPE_SUFFIX = ".likeness.json"


def saved_format(target: Picture) -> str:
    """The target's own format, or PNG where its own cannot be written (a GIF of one frame)."""
    return target.format if target.format in FORMATS else "png"


def saved_name(target: Picture, format: str, anonymised: bool) -> str:
    """`portrait.jpg` becomes `portrait-likeness.jpg`. An anonymised picture's file name may name the person, so it is
    not kept."""
    stem = "anonymised" if anonymised else f"{Path(target.name).stem}-likeness"
    own = Path(target.name).suffix.lower()
    return stem + (own if own in FORMATS[format].suffixes else FORMATS[format].suffixes[0])


def write_recipe(tab: TabSession) -> Path:
    """The present recipe as the JSON file that the command line takes too."""
    target = tab.target
    stem = Path(target.name).stem if target else "recipe"
    path = tab.folder / "saved" / f"{stem}{RECIPE_SUFFIX}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(tab.recipe.to_json(), encoding="utf-8")
    return path


def read_loaded(path: Path, name: str, registry: Registry) -> Recipe:
    """Raises RecipeError that calls the file what the user calls it."""
    try:
        return read_recipe(path, registry)
    except LikenessError as error:
        error.message = error.message.replace(str(path), name)
        error.subject = name
        raise


def find_pictures(recipe: Recipe, known: Mapping[str, Picture], engine: Engine) -> dict[str, Picture]:
    """The recipe's pictures by content id: those that are open already, and those still at their place, unchanged."""
    found: dict[str, Picture] = {}
    inputs: list[Input] = [recipe.target] if recipe.target else []
    inputs += [photo for source in recipe.sources for photo in source.photos]
    for wanted in inputs:
        if wanted.id in known:
            found[wanted.id] = known[wanted.id]
        elif wanted.path and wanted.id not in found:
            try:
                picture = engine.open(Path(wanted.path), name=wanted.name)
            except LikenessError:
                continue  # named to the user by take_over, as every picture that is not there
            if picture.id == wanted.id:
                found[wanted.id] = picture
    return found


def take_over(tab: TabSession, loaded: Recipe) -> list[str]:
    """Makes the loaded recipe the tab's, on the pictures that are here. Returns the names of those that are not.

    Without its target the open picture stays, and the loaded chain is put on it: a recipe is also a way to do the same
    to another picture.
    """
    here = tab.pictures
    missing: list[str] = []
    sources = []
    for source in loaded.sources:
        gone = [photo.name for photo in source.photos if photo.id not in here]
        missing += gone
        if not gone:
            sources.append(source)
    names = {source.name for source in sources}
    target, cast = loaded.target, dict(loaded.cast)
    if target is None or target.id not in here:
        missing += [target.name] if target else []
        target = tab.recipe.target
        cast = dict(tab.recipe.cast)
        sources = [*sources, *(s for s in tab.recipe.sources if s.name not in names)]
        names |= {source.name for source in sources}
    kept = {number: Keep() if isinstance(c, UseSource) and c.source not in names else c for number, c in cast.items()}
    everyone = loaded.everyone
    if isinstance(everyone, UseSource) and everyone.source not in names:
        everyone = Keep()
    data = loaded.model_copy(update={"target": target, "cast": kept, "sources": tuple(sources), "everyone": everyone})
    tab.put(Recipe.model_validate(data.model_dump()))
    return missing
