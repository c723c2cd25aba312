"""Does what a screen asked for, and says after each step which parts of the screen changed.

Everything here runs on the event loop; pixels are read, looked at and rendered by the worker.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from models.errors import InputError, LikenessError
from pipeline.clips.probe import is_clip
from pipeline.engine import Rendered
from pipeline.pictures import Picture, Written
from pipeline.pictures.formats import FORMATS
from pipeline.pictures.preview import Encoded, encode_frame
from pipeline.recipe import Output, UseSource
from studio import actions, cast, clip_perform, example, reload
from studio.access import rights
from studio.project import Place, Project, short_of
from studio.session import TabSession
from studio.steps import (
    BRINGS,
    EVERYTHING,
    TELL_EVERY,
    Steps,
    add_photo,
    checked_upload,
    choose_backdrop,
    example_source,
    faces_of,
    learn,
    read_recipe_file,
    reader,
    run,
    tell_missing,
)
from studio.work import Ticket

logger = logging.getLogger(__name__)


async def perform(tab: TabSession, data: object) -> Steps:
    """Names the parts that changed, again and again until nothing more will. Errors become notices, never more."""
    place: Place = "viewer"
    about: Project = tab.project
    action = None
    try:
        action = actions.parse_action(data)
        place = _place_of(action)
        if tab.closed:
            raise InputError("This window's work has been let go of.", code="STUDIO.CLOSED",
                             remedy="Reload the page and open the picture again.")
        rights.check(tab.visitor, action)
        if isinstance(action, actions.Dismiss):
            tab.dismiss(action.notice)
            tab.clip.dismiss(action.notice)
            yield EVERYTHING
            return
        about = await _go_where_it_belongs(tab, action)
        if not isinstance(action, _QUIET):
            about.calm(place)
            if isinstance(action, actions.Undo | actions.Redo):
                about.calm("chain")  # what was wrong with it may be undone; else it is said again
        steps = clip_perform.steps(tab.clip, action) if about is tab.clip else _steps(tab, action)
        async for step in steps:
            yield step
    except LikenessError as error:
        about.job = None
        if error.code != "CANCELLED.USER":
            place = "chain" if error.code in _ABOUT_EFFECTS else place
            about.tell(error, place, beside=isinstance(action, actions.LoadRecipe))  # what is missing was told
        yield EVERYTHING
    except Exception as error:  # a fault of the program: said on the screen, and in full on the terminal
        logger.exception("The studio failed to %s.", data)
        about.job = None
        about.tell(LikenessError(f"Likeness failed unexpectedly ({type(error).__name__}).", code="INTERNAL.ERROR",
                                 remedy="Try it again; if it stays, report what the terminal says."), place)
        yield EVERYTHING


_ABOUT_EFFECTS = frozenset({"RECIPE.NO_BACKDROP"})
"""Told where it is mended, whatever was asked for when a preview ran into it."""
_QUIET = (actions.At, actions.Screen, actions.Estimates)
"""What pages ask by themselves: no answer to what was said before."""


def _place_of(action: Any) -> Place:
    if isinstance(action, actions.AddPhoto | actions.RemovePhoto | actions.PickFace | actions.RenameSource
                  | actions.RemoveSource | actions.Consent):
        return "people"
    if isinstance(action, actions.EffectOf | actions.AddEffect | actions.UsePreset | actions.LoadRecipe
                  | actions.ChooseBackdrop | actions.RemoveBackdrop):
        return "chain"
    if isinstance(action, actions.Save | actions.SaveRecipe | actions.Render | actions.RenderAgain | actions.OfJob
                  | actions.Estimates | actions.OutputSettings):
        return "bar"
    return "viewer"


async def _go_where_it_belongs(tab: TabSession, action: Any) -> Project:
    """A clip that is dropped on the Image screen is opened on the other, and a picture on that here."""
    if isinstance(action, actions.Screen):
        tab.screen = action.to
    elif isinstance(action, actions.Example):
        tab.go_to("image")
    elif isinstance(action, actions.ClipExample | actions.TakeUp | actions.LookAtFindings):
        tab.go_to("clip")
    elif isinstance(action, actions.OfJob):
        return tab.clip
    elif isinstance(action, actions.Open):
        path = checked_upload(tab, Path(action.at), action.how)
        if path.is_file() or await asyncio.to_thread(is_clip, path):
            there = reload.looks_like_clip(action.name or path.name) or await asyncio.to_thread(is_clip, path)
            tab.go_to("clip" if there else "image")
    elif isinstance(action, actions.LoadRecipe):
        target = (await read_recipe_file(tab, action, keep=True)).target
        if target is not None:
            tab.go_to("clip" if await asyncio.to_thread(reload.is_of_clip, target) else "image")
    return tab.project


async def _steps(tab: TabSession, action: Any) -> Steps:
    if isinstance(action, actions.Screen):
        yield EVERYTHING
        return
    if isinstance(action, actions.Cancel):
        tab.halted = True
        tab.previews.drop()
        if tab.job is not None:
            tab.job.cancel()
            tab.job = None
        yield EVERYTHING
        return
    if isinstance(action, actions.Refresh):
        async for step in _catch_up(tab):
            yield step
        return
    if isinstance(action, actions.Save):
        async for step in _save(tab, action):
            yield step
        return
    if isinstance(action, actions.SaveRecipe):
        name = tab.target.name if tab.target else None
        tab.hand_over(await asyncio.to_thread(reload.write_recipe, tab, name), "recipe", "json")
        yield EVERYTHING
        return
    if isinstance(action, actions.Open):
        async for step in _open(tab, Path(action.at), action.name, action.how):
            yield step
    elif isinstance(action, actions.Example):
        async for step in _example(tab):
            yield step
    elif isinstance(action, actions.AddPhoto):
        async for step in add_photo(tab, action):
            yield step
    elif isinstance(action, actions.ChooseBackdrop):
        async for step in choose_backdrop(tab, action):
            yield step
    elif isinstance(action, actions.LoadRecipe):
        async for step in _load_recipe(tab, action):
            yield step
    else:
        tab.edit(action)
    async for step in _catch_up(tab, settle=isinstance(action, BRINGS)):
        yield step


async def _open(tab: TabSession, path: Path, name: str, how: str) -> Steps:
    read: list[Picture] = []
    async for step in run(tab, "opening", reader(tab, path, name, how), read):
        yield step
    tab.keep_picture(read[0])
    tab.set_target(read[0])
    tab.drop_unused()


async def _example(tab: TabSession) -> Steps:
    """Both pictures and the source's consent, so that one click gives a result."""
    async for step in _open(tab, example.TARGET.path(), example.TARGET.name, "machine"):
        yield step
    named: list[str] = []
    async for step in example_source(tab, named):
        yield step
    async for step in _analyse(tab, tab.target):
        yield step
    tab.put(cast.choose(tab.recipe, 1, UseSource(source=named[0])))


async def _load_recipe(tab: TabSession, action: actions.LoadRecipe) -> Steps:
    loaded = await read_recipe_file(tab, action)
    read: list[reload.Found] = []
    pictures, shots, kept = dict(tab.pictures), dict(tab.shots), dict(tab.originals)
    async for step in run(tab, "opening", lambda _: reload.find_files(loaded, pictures, shots, tab.engine, kept), read):
        yield step
    if isinstance(read[0].target, Picture):
        tab.keep_picture(read[0].target)
    tab.shots.update(read[0].shots)
    tell_missing(tab, reload.take_over(tab, loaded, read[0]))


async def _catch_up(tab: TabSession, settle: bool = True) -> Steps:
    """Finds the faces, learns the sources and renders the preview, as far as the present recipe wants them."""
    tab.halted = False
    yield EVERYTHING
    async for step in _analyse(tab, tab.target):
        yield step
    if settle:
        tab.settle()
    async for step in learn(tab):
        yield step
    async for step in _preview(tab):
        yield step


async def _analyse(tab: TabSession, target: Picture | None) -> Steps:
    if target is None:
        return
    before = f"{short_of(target.id)}/before"
    if before not in tab.media:
        shown: list[Encoded] = []
        async for step in run(tab, "opening", lambda _: encode_frame(target.frame, target.icc), shown,
                               ("shown", target.id)):
            yield step
        tab.media[before] = shown[0]
        yield EVERYTHING
    async for step in faces_of(tab, target, tab.recipe.looking):
        yield step


async def _preview(tab: TabSession) -> Steps:
    """Renders the present recipe; an older preview that still runs is dropped, and a newer one ends this."""
    wanted, target, recipe = tab.wanted, tab.target, tab.for_engine(tab.recipe)
    if wanted is None or target is None:
        tab.previews.drop()
        tab.rendered, tab.rendered_for = None, None
        yield EVERYTHING
        return
    if tab.rendered_for == wanted:
        tab.previews.drop()
        yield EVERYTHING
        return
    sources = {s.name: learned for s in recipe.sources if (learned := tab.source_for(s)) is not None}
    began = time.monotonic()

    def render(ticket: Ticket[Any]) -> tuple[Rendered, Encoded]:
        rendered = tab.engine.render(recipe, target, sources, progress=lambda share, _words: ticket.progress(share),
                                     cancelled=ticket.cancelled)
        return rendered, encode_frame(rendered.frame, target.icc)

    ticket: Ticket[Any] = tab.previews.ask("rendering", render)
    yield EVERYTHING
    while not await ticket.wait(TELL_EVERY):
        yield ("tray", "viewer")
    made = tab.previews.take(ticket)
    if made is None or tab.closed:
        return
    tab.rendered, shown = made
    tab.rendered_for = wanted
    tab.seconds = time.monotonic() - began
    tab.show_result(f"{short_of(target.id)}/after-{time.monotonic_ns():x}", shown)
    yield EVERYTHING


async def _save(tab: TabSession, action: actions.Save) -> Steps:
    """The present recipe's result as a file, rendered first where the preview is behind."""
    async for step in _catch_up(tab):
        yield step
    rendered, target = tab.rendered, tab.target
    if rendered is None or target is None or not tab.fresh:
        raise InputError("There is nothing to save yet.", code="STUDIO.NOTHING_CHANGED",
                         remedy="Choose a source, blur or another way for at least one person.")
    format = action.format or reload.saved_format(target)
    if format not in FORMATS:
        raise InputError(f"{format} is not a format that can be written.", subject=format, code="OUTPUT.FORMAT",
                         remedy=f"Choose one of {', '.join(FORMATS)}.")
    name = reload.saved_name(target, format, bool(cast.anonymises(tab.recipe, tab.people)))
    output = tab.folder / "saved" / name
    output.parent.mkdir(parents=True, exist_ok=True)
    asked = replace(rendered, recipe=rendered.recipe.model_copy(
        update={"output": Output(format=format, quality=action.quality)}))
    written: list[Written] = []
    async for step in run(tab, "saving", lambda _: tab.engine.save(asked, output, overwrite=True), written):
        yield step
    tab.saved_for = tab.rendered_for
    tab.hand_over(written[0].path, "picture", format, written[0].notes, written[0].sidecar)
    yield EVERYTHING


