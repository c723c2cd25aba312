"""Recipes taken up again on the Clip screen: from a file, and from a job that was rendered with them."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

from models.errors import InputError
from pipeline.engine import Clip
from pipeline.jobs.job import Job
from pipeline.recipe import Input, Recipe
from pipeline.rendering.request import ClipRequest
from studio import actions, reload, segments
from studio.clip_session import ClipSession
from studio.clip_times import frame_at, length_of
from studio.project import short_of
from studio.steps import Steps, run, tell_missing


def take_over(c: ClipSession, loaded: Recipe, found: reload.Found) -> None:
    """A recipe that was loaded becomes the tab's, on the files that were found."""
    if isinstance(found.target, Clip):
        c.keep_clip(found.target)
    c.shots.update(found.shots)
    before = c.recipe.target
    tell_missing(c, reload.take_over(c, loaded, found))
    if c.clip is not None:
        c.put(c.recipe.model_copy(update={"segments": segments.whole(c.recipe.segments, length_of(c.clip))}))
    if c.recipe.target != before:
        c.go_to(0)


async def take_up(c: ClipSession, action: actions.TakeUp) -> Steps:
    """Again with changes: a job's clip and recipe. Where only a place in the open clip is to be looked at, the recipe
    stays."""
    job = await asyncio.to_thread(c.machine.jobs.get, action.job)
    loaded = request_of(job).recipe
    open_already = c.clip is not None and loaded.target is not None and c.clip.id == loaded.target.id
    if not open_already or action.seconds is None:
        async for step in _open_recipe(c, loaded, job.title):
            yield step
    if action.seconds is not None and c.clip is not None:
        c.go_to(frame_at(c.clip, min(Fraction(action.seconds), length_of(c.clip))))


async def _open_recipe(c: ClipSession, loaded: Recipe, title: str) -> Steps:
    clips, shots, kept = dict(c.clips), dict(c.shots), dict(c.originals)

    def find(_: Any) -> tuple[dict[str, Path], reload.Found]:
        paths = _adopted(c, loaded)
        return paths, reload.find_files(_with_paths(loaded, paths), clips, shots, c.engine, {**kept, **paths})

    read: list[tuple[dict[str, Path], reload.Found]] = []
    async for step in run(c, "opening", find, read):
        yield step
    paths, found = read[0]
    for content, path in paths.items():
        c.keep_original(content, path)
    if found.target is None:
        name = loaded.target.name if loaded.target else title
        raise InputError(f"{name} is no longer where it was, or has changed.", subject=name,
                         code="RECIPE.PICTURES_MISSING", remedy="Open it again; its recipe can then be loaded.")
    take_over(c, _with_paths(loaded, dict.fromkeys(paths)), found)


def _adopted(c: ClipSession, recipe: Recipe) -> dict[str, Path]:
    """Files that the job holds are linked into the tab's folder: the job may be removed while they are looked at."""
    inputs: list[Input] = [one for one in (recipe.target, recipe.backdrop) if one is not None]
    inputs += [photo for source in recipe.sources for photo in source.photos]
    return {one.id: link_into(c.folder / "originals", Path(one.path), one) for one in inputs
            if one.path and Path(one.path).is_relative_to(c.machine.jobs.folder) and Path(one.path).is_file()}


def _with_paths(recipe: Recipe, paths: Any) -> Recipe:
    """The recipe with other places for some of its files; None for those that a recipe may not name."""
    def placed(one: Any) -> Any:
        if one is None or one.id not in paths:
            return one
        path = paths[one.id]
        return one.model_copy(update={"path": None if path is None else str(path)})

    sources = tuple(source.model_copy(update={"photos": tuple(placed(photo) for photo in source.photos)})
                    for source in recipe.sources)
    return recipe.model_copy(update={"target": placed(recipe.target), "sources": sources,
                                     "backdrop": placed(recipe.backdrop)})


def link_into(folder: Path, file: Path, one: Input) -> Path:
    """The file under another name in the folder; no copy where the file system can do without."""
    folder.mkdir(parents=True, exist_ok=True)
    goal = folder / f"{short_of(one.id)}{Path(one.name).suffix.lower() or file.suffix}"
    if not goal.exists():
        try:
            os.link(file, goal)
        except OSError:
            with tempfile.NamedTemporaryFile(dir=folder, delete=False) as waiting:
                shutil.copyfile(file, waiting.name)
            os.replace(waiting.name, goal)
    return goal


def request_of(job: Job) -> ClipRequest:
    return ClipRequest.model_validate_json(job.request)
