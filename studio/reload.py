"""Recipes and results as files: what they are called, and taking a saved recipe up again."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import LikenessError
from pipeline.clips.probe import is_clip
from pipeline.engine import Clip, Engine
from pipeline.pictures import Picture
from pipeline.pictures.formats import FORMATS
from pipeline.pictures.preview import Encoded
from pipeline.recipe import Input, Keep, Recipe, UseSource, read_recipe
from processors.registry import Registry
from studio import backdrops
from studio.project import Project

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


def write_recipe(project: Project, name: str | None) -> Path:
    """The present recipe as the JSON file that the command line takes too. name: the target's."""
    stem = Path(name).stem if name else "recipe"
    path = project.saved / f"{stem}{RECIPE_SUFFIX}"
    path.parent.mkdir(parents=True, exist_ok=True)
    recipe = project.recipe if project.visitor.owner else without_paths(project.recipe)
    path.write_text(recipe.to_json(), encoding="utf-8")
    return path


def read_loaded(path: Path, name: str, registry: Registry) -> Recipe:
    """Raises RecipeError that calls the file what the user calls it."""
    try:
        return read_recipe(path, registry)
    except LikenessError as error:
        error.message = error.message.replace(str(path), name)
        error.subject = name
        raise


def without_paths(recipe: Recipe) -> Recipe:
    """A recipe that names no file of the machine: what it is about is found by content among what is open. For guests,
    who must neither open the machine's files nor learn what they are called."""
    sources = tuple(source.model_copy(update={"photos": tuple(photo.model_copy(update={"path": None})
                                                              for photo in source.photos)})
                    for source in recipe.sources)
    target = recipe.target.model_copy(update={"path": None}) if recipe.target else None
    backdrop = recipe.backdrop.model_copy(update={"path": None}) if recipe.backdrop else None
    return recipe.model_copy(update={"sources": sources, "target": target, "backdrop": backdrop})


def is_of_clip(target: Input) -> bool:
    """Whether a recipe's target is a clip: by the file, or where that is gone by its name."""
    path = Path(target.path) if target.path else None
    return is_clip(path) if path is not None and path.exists() else looks_like_clip(target.name)


def looks_like_clip(name: str) -> bool:
    """By the ending of a file's name alone."""
    return (mimetypes.guess_type(name)[0] or "").startswith("video/")


@dataclass(frozen=True, slots=True)
class Found:
    """What there is of a recipe's files, by content: its target, what its sources' photos show, and a thumbnail of what
    lies behind people."""

    target: Picture | Clip | None
    shots: Mapping[str, tuple[Picture, ...]]
    backdrop: Encoded | None = None


def find_files(recipe: Recipe, targets: Mapping[str, Picture] | Mapping[str, Clip],
               shots: Mapping[str, tuple[Picture, ...]], engine: Engine, kept: Mapping[str, Path]) -> Found:
    """Those that are open already, and those still at their place, unchanged. kept: uploaded files, by content."""
    wanted = recipe.target
    target = targets.get(wanted.id) if wanted else None
    if target is None and wanted is not None:
        target = _unchanged_target(wanted, engine)
    found: dict[str, tuple[Picture, ...]] = {}
    for photo in (photo for source in recipe.sources for photo in source.photos):
        if photo.id in shots:
            found[photo.id] = shots[photo.id]
        elif photo.path and photo.id not in found:
            try:
                content, pictures = engine.source_pictures(Path(photo.path), name=photo.name)
            except LikenessError:
                continue  # named to the user by take_over, as every picture that is not there
            if content == photo.id:
                found[photo.id] = pictures
    return Found(target, found, _backdrop(recipe.backdrop, kept))


def _backdrop(wanted: Input | None, kept: Mapping[str, Path]) -> Encoded | None:
    """A thumbnail of it, where it is still there, unchanged."""
    path = None if wanted is None else kept.get(wanted.id, Path(wanted.path) if wanted.path else None)
    if wanted is None or path is None:
        return None
    try:
        content, thumb = backdrops.look(path, wanted.name)
    except LikenessError:
        return None
    return thumb if content == wanted.id else None


def _unchanged_target(wanted: Input, engine: Engine) -> Picture | Clip | None:
    if not wanted.path:
        return None
    path = Path(wanted.path)
    try:
        target = engine.open_clip(path, name=wanted.name) if is_clip(path) else engine.open(path, name=wanted.name)
    except LikenessError:
        return None
    return target if target.id == wanted.id else None


def take_over(project: Project, loaded: Recipe, found: Found) -> list[str]:
    """Makes the loaded recipe the project's, on the files that are here. Returns the names of those that are not.

    Without its target what is open stays, and the loaded chain is put on it: a recipe is also a way to do the same to
    another picture or clip.
    """
    now = project.recipe
    missing: list[str] = []
    sources = []
    for source in loaded.sources:
        gone = [photo.name for photo in source.photos if photo.id not in found.shots]
        missing += gone
        if not gone:
            sources.append(source)
    names = {source.name for source in sources}
    kept: dict[str, Any] = {}
    cast, everyone = dict(loaded.cast), loaded.everyone
    if found.target is None:
        missing += [loaded.target.name] if loaded.target else []
        cast, everyone = dict(now.cast), now.everyone
        kept = {name: getattr(now, name) for name in ("target", "people", "merged", "whose", "trim", "covers",
                                                        "accepted")}
        kept["segments"] = now.with_effects(loaded.effects).segments
        sources = [*sources, *(s for s in now.sources if s.name not in names)]
        names |= {source.name for source in sources}
    cast = {number: Keep() if isinstance(c, UseSource) and c.source not in names else c for number, c in cast.items()}
    if isinstance(everyone, UseSource) and everyone.source not in names:
        everyone = Keep()
    backdrop = loaded.backdrop
    if backdrop is not None and found.backdrop is not None:
        project.media[backdrops.thumb_key(backdrop.id)] = found.backdrop
    elif backdrop is not None:
        missing.append(backdrop.name)
        backdrop = now.backdrop or backdrop.model_copy(update={"path": None})
    elif found.target is None:
        backdrop = now.backdrop
    kept["backdrop"] = backdrop
    data = loaded.model_copy(update={"cast": cast, "sources": tuple(sources), "everyone": everyone, **kept})
    project.put(Recipe.model_validate(data.model_dump()))
    return missing
