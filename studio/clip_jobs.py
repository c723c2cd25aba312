"""Renders as jobs: where they go, what they need, their questions, and looking at what they made."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

from models.errors import InputError, OutputError
from pipeline.clips.clip import Clip
from pipeline.clips.containers import PICTURE_SUFFIX, containers
from pipeline.clips.encoding import own_container
from pipeline.jobs.job import Job, JobError
from pipeline.recipe import Recipe, Span, UseSource
from pipeline.rendering.request import ClipRequest
from studio import actions, clip_findings
from studio.access import rights
from studio.clip_reload import link_into, request_of, take_up
from studio.clip_result import play
from studio.clip_session import ClipSession
from studio.steps import EVERYTHING, Steps, learn

WAITING = frozenset({"queued", "running", "paused", "interrupted", "failed", "cancelled"})
"""States of jobs that may still write their output."""


async def steps(c: ClipSession, action: Any) -> Steps:
    """What is asked of the queue, and of one of its jobs."""
    if isinstance(action, actions.OfJob):
        job = await asyncio.to_thread(c.machine.jobs.get, action.job)
        if not c.visitor.owner:
            rights.check_job(c.visitor, job, action)
        _check_kind(c, job, action)
    if isinstance(action, actions.Render):
        async for step in learn(c):
            yield step
        await asyncio.to_thread(submit, c, action.output, action.overwrite, clip_findings.mended(c))
    elif isinstance(action, actions.AskJob):
        await asyncio.to_thread(c.machine.jobs.ask, action.job, action.wish)
        if action.wish == "remove":
            c.answers.pop(action.job, None)
    elif isinstance(action, actions.Accept):
        await _accept(c, action)
    elif isinstance(action, actions.GoOn):
        await asyncio.to_thread(go_on, c, action.job)
    elif isinstance(action, actions.PlayResult):
        async for step in play(c, action.job):
            yield step
    elif isinstance(action, actions.TakeUp):
        async for step in take_up(c, action):
            yield step
    elif isinstance(action, actions.LookAtFindings):
        async for step in clip_findings.look(c, action):
            yield step
    elif isinstance(action, actions.RenderAgain):
        async for step in learn(c):
            yield step
        c.again = await asyncio.to_thread(submit, c, None, False, clip_findings.mended(c))
    yield EVERYTHING


def _check_kind(c: ClipSession, job: Job, action: Any) -> None:
    """Raises JobError where a download is asked for what renders alone have, ModelError DOWNLOAD.OFFLINE where it may
    not go on."""
    if job.kind != "download":
        return
    if not isinstance(action, actions.AskJob):
        raise JobError(f"{job.title} is a download, and no render.", subject=job.title,
                       remedy="Look at it on the Models screen.")
    if action.wish in ("retry", "go_on"):
        c.machine.check_online(job.title)


# Where a render goes ------------------------------------------------------------------------------------------------


def proposed(c: ClipSession) -> Path:
    """Beside a clip that was opened from a folder of this machine, else the data folder's `renders`; under a name that
    nobody has."""
    clip = c.clip
    assert clip is not None
    folder = clip.path.parent
    own = c.kept_path(clip.path) is None or folder.is_relative_to(c.machine.data_dir) or not os.access(folder, os.W_OK)
    if own:
        folder = c.machine.renders
    stem, suffix = name_of(clip, c)
    taken = {Path(job.output) for job in c.machine.jobs.list() if job.state in WAITING}
    number = 1
    while (path := folder / f"{stem}{f'-{number}' if number > 1 else ''}{suffix}").exists() or path in taken:
        number += 1
    return path


def name_of(clip: Clip, c: ClipSession) -> tuple[str, str]:
    """Stem and ending of an output. An anonymised clip's file name may name the person, so it is not kept."""
    settings = c.recipe.output.clip
    container = settings.container or own_container(clip)
    stem = "anonymised" if c.anonymises else f"{Path(clip.name).stem}-likeness".replace("%", "")
    if container == "sequence":
        return f"{stem}-%06d", PICTURE_SUFFIX.get(settings.codec or "png", ".png")
    suffixes = containers()[container].suffixes
    own = Path(clip.name).suffix.lower()
    return stem, own if own in suffixes else suffixes[0]


def submit(c: ClipSession, output: str | None, overwrite: bool, earlier: str | None = None) -> str:
    """Queues the present recipe. What was uploaded goes along into the job's own folder, so that neither a closed tab
    nor a restart loses it. earlier: see ClipRequest. Raises OutputError, InputError, JobError."""
    clip = c.clip
    if clip is None or c.wanted is None:
        raise InputError("There is nothing to render yet.", code="STUDIO.NOTHING_CHANGED",
                         remedy="Choose a source, blur or another way for at least one person.")
    path = _checked_output(output) if output else proposed(c)
    if path.exists() and not overwrite:
        raise OutputError(f"{path} is there already.", subject=str(path), code="OUTPUT.EXISTS",
                          remedy="Choose another name, or say that it may be replaced.")
    path.parent.mkdir(parents=True, exist_ok=True)
    jobs = c.machine.jobs
    id = jobs.new_id()
    folder = jobs.own_folder(id)
    try:
        recipe = carried(c.for_engine(c.recipe), {**c.originals}, folder, c)
        jobs.submit(clip.name, ClipRequest(recipe=recipe, output=path, overwrite=overwrite, earlier=earlier),
                    id=id, submitter=c.visitor.link)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    c.submitted_for = c.wanted
    return id


def _checked_output(text: str) -> Path:
    path = Path(text).expanduser()
    if not path.is_absolute():
        raise OutputError(f"{text} does not say in which folder.", subject=text, code="OUTPUT.NO_FOLDER",
                          remedy="Give the whole path.")
    if not path.parent.is_dir():
        raise OutputError(f"There is no folder {path.parent}.", subject=str(path.parent), code="OUTPUT.NO_FOLDER",
                          remedy="Make it, or choose another.")
    return path


def carried(recipe: Recipe, originals: dict[str, Path], folder: Path, c: ClipSession) -> Recipe:
    """The recipe with a path for every file that a render needs; uploads linked into `folder`. Sources that nobody has
    are left out."""
    used = {one.source for one in (*recipe.cast.values(), recipe.everyone) if isinstance(one, UseSource)}

    def placed(one: Any) -> Any:
        if one.path is None or Path(one.path).is_relative_to(c.tabs_folder):
            there = originals.get(one.id)
            if there is None:
                raise InputError(f"{one.name} is no longer here.", subject=one.name, code="RECIPE.PICTURES_MISSING",
                                 remedy="Open it again.")
            return one.model_copy(update={"path": str(link_into(folder / "inputs", there, one))})
        return one

    sources = tuple(source.model_copy(update={"photos": tuple(placed(photo) for photo in source.photos)})
                    for source in recipe.sources if source.name in used)
    behind = placed(recipe.backdrop) if recipe.backdrop is not None else None
    return recipe.model_copy(update={"sources": sources, "target": placed(recipe.target), "backdrop": behind})


# Doubtful spans -----------------------------------------------------------------------------------------------------


def doubts_of(job: Job) -> list[dict[str, Any]]:
    """The questions that a held job asks."""
    if job.state != "failed" or job.error is None or job.error.code != "ANONYMISE.DOUBTFUL":
        return []
    return list(job.error.data.get("doubts", ()))


def answered(c: ClipSession, job: str, doubt: dict[str, Any]) -> bool:
    return any(float(span.start or 0) - 0.01 <= doubt["start"] and doubt["stop"] <= float(span.stop or "inf") + 0.01
               for span in c.answers.get(job, ()))


async def _accept(c: ClipSession, action: actions.Accept) -> None:
    job = await asyncio.to_thread(c.machine.jobs.get, action.job)
    span = Span(start=f"{max(action.start, 0):.6f}", stop=f"{action.stop:.6f}")
    c.answers[job.id] = (*c.answers.get(job.id, ()), span)
    target = request_of(job).recipe.target
    if c.recipe.target is not None and target is not None and c.recipe.target.id == target.id:
        c.put(c.recipe.model_copy(update={"accepted": (*c.recipe.accepted, span)}))
    if all(answered(c, job.id, doubt) for doubt in doubts_of(job)):
        await asyncio.to_thread(go_on, c, job.id)


def go_on(c: ClipSession, id: str) -> None:
    """Renders a held job again, with the answers that were given and the boxes that were drawn meanwhile."""
    jobs = c.machine.jobs
    request = request_of(jobs.get(id))
    recipe = request.recipe
    accepted = [*recipe.accepted, *(span for span in c.answers.get(id, ()) if span not in recipe.accepted)]
    covers = list(recipe.covers)
    if c.recipe.target is not None and recipe.target is not None and c.recipe.target.id == recipe.target.id:
        covers += [box for box in c.recipe.covers if box not in covers]
    changed = recipe.model_copy(update={"accepted": tuple(accepted), "covers": tuple(covers)})
    jobs.ask(id, "retry", request.model_copy(update={"recipe": changed, "resume": True}))
    c.answers.pop(id, None)
