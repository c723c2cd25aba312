"""Does what a screen asked for, and says after each step which parts of the screen changed.

Everything here runs on the event loop; pixels are read, looked at and rendered by the worker.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Hashable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from models.errors import InputError, LikenessError
from pipeline.engine import Analysis, Rendered, Source
from pipeline.pictures import Picture, Written
from pipeline.pictures.formats import FORMATS
from pipeline.pictures.preview import Encoded, encode_frame, encode_portrait
from pipeline.recipe import Looking, Output, Photo, SourceInput, UseSource
from studio import actions, cast, example, reload
from studio.session import CONSENT_EXAMPLE, Place, TabSession, photos_key
from studio.work import Ticket

T = TypeVar("T")
logger = logging.getLogger(__name__)

EVERYTHING = ("bar", "people", "viewer", "chain", "tray")
TELL_EVERY = 0.12
"""Seconds between two words on progress: often enough to look alive, seldom enough to cost nothing."""

Steps = AsyncIterator[tuple[str, ...]]


async def perform(tab: TabSession, data: object) -> Steps:
    """Names the parts that changed, again and again until nothing more will. Errors become notices, never more."""
    place: Place = "viewer"
    try:
        action = actions.parse_action(data)
        place = _place_of(action)
        if tab.closed:
            raise InputError("This window's work has been let go of.", code="STUDIO.CLOSED",
                             remedy="Reload the page and open the picture again.")
        tab.calm(place)
        async for step in _steps(tab, action):
            yield step
    except LikenessError as error:
        tab.job = None
        if error.code != "CANCELLED.USER":
            tab.tell(error, place)
        yield EVERYTHING
    except Exception as error:  # a fault of the program: said on the screen, and in full on the terminal
        logger.exception("The studio failed to %s.", data)
        tab.job = None
        tab.tell(LikenessError(f"Likeness failed unexpectedly ({type(error).__name__}).", code="INTERNAL.ERROR",
                               remedy="Try it again; if it stays, report what the terminal says."), place)
        yield EVERYTHING


def _place_of(action: Any) -> Place:
    if isinstance(action, actions.AddPhoto | actions.RemovePhoto | actions.PickFace | actions.RenameSource
                  | actions.RemoveSource | actions.Consent):
        return "people"
    if isinstance(action, actions.EffectOf | actions.AddEffect | actions.UsePreset | actions.LoadRecipe):
        return "chain"
    return "bar" if isinstance(action, actions.Save | actions.SaveRecipe) else "viewer"


async def _steps(tab: TabSession, action: Any) -> Steps:
    if isinstance(action, actions.Cancel):
        tab.halted = True
        tab.previews.drop()
        if tab.job is not None:
            tab.job.cancel()
            tab.job = None
        yield EVERYTHING
        return
    if isinstance(action, actions.Dismiss):
        tab.dismiss(action.notice)
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
        tab.hand_over(await asyncio.to_thread(reload.write_recipe, tab), "recipe", "json")
        yield EVERYTHING
        return
    if isinstance(action, actions.Open):
        async for step in _open(tab, Path(action.at), action.name, action.how):
            yield step
    elif isinstance(action, actions.Example):
        async for step in _example(tab):
            yield step
    elif isinstance(action, actions.AddPhoto):
        async for step in _add_photo(tab, action):
            yield step
    elif isinstance(action, actions.LoadRecipe):
        async for step in _load_recipe(tab, action):
            yield step
    else:
        tab.edit(action)
    async for step in _catch_up(tab, settle=isinstance(action, _BRINGS)):
        yield step


async def _run(tab: TabSession, stage: str, work: Callable[[Ticket[T]], T], into: list[T],
               wanted: Hashable = None) -> Steps:
    """Runs work that is not a preview; its result is put into `into`.

    wanted: what the work is for. Where the same is under way already, that is waited for instead.
    """
    under_way = tab.running.get(wanted)
    ticket: Ticket[T] = under_way if under_way and not under_way.cancelled() else tab.worker.start(stage, work)
    if wanted is not None:
        tab.running[wanted] = ticket
    tab.job = ticket
    while not await ticket.wait(TELL_EVERY):
        yield ("tray", "viewer")
    if tab.job is ticket:
        tab.job = None
    if tab.running.get(wanted) is ticket:
        del tab.running[wanted]
    into.append(ticket.future.result())


async def _open(tab: TabSession, path: Path, name: str, how: str) -> Steps:
    read: list[Picture] = []
    async for step in _run(tab, "opening", _reader(tab, path, name, how), read):
        yield step
    tab.keep_picture(read[0])
    tab.set_target(read[0])
    tab.drop_unused()


async def _example(tab: TabSession) -> Steps:
    """Both pictures and the source's consent, so that one click gives a result."""
    async for step in _open(tab, example.TARGET.path(), example.TARGET.name, "machine"):
        yield step
    photo: list[Picture] = []
    async for step in _run(tab, "opening", _reader(tab, example.SOURCE.path(), example.SOURCE.name, "machine"), photo):
        yield step
    tab.keep_picture(photo[0])
    if not any(p.id == photo[0].id for s in tab.recipe.sources for p in s.photos):
        tab.add_photo(photo[0], example.SOURCE.person, None)
        tab.put(cast.state_consent(tab.recipe, tab.recipe.sources[-1].name, CONSENT_EXAMPLE))
    name = next(s.name for s in tab.recipe.sources for p in s.photos if p.id == photo[0].id)
    async for step in _analyse(tab, tab.target):
        yield step
    tab.put(cast.choose(tab.recipe, 1, UseSource(source=name)))


async def _add_photo(tab: TabSession, action: actions.AddPhoto) -> Steps:
    read: list[Picture] = []
    async for step in _run(tab, "opening", _reader(tab, Path(action.at), action.name, action.how), read):
        yield step
    # By itself first: a photo without a face is refused, and its neighbours of the same drop are none the worse.
    alone: list[Source] = []
    async for step in _run(tab, "learning", _learner(tab, read[0].name, [(read[0], None)]), alone):
        yield step
    tab.keep_picture(read[0])
    tab.keep_source(SourceInput(name="1", photos=(Photo(**tab.input_of(read[0])),)), alone[0])
    tab.add_photo(read[0], None, action.to, action.group)
    try:
        async for step in _learn(tab):
            yield step
    except LikenessError:
        tab.take_back(read[0].id)  # photos that cannot be one identity
        raise


async def _load_recipe(tab: TabSession, action: actions.LoadRecipe) -> Steps:
    path = _checked_upload(tab, Path(action.at), action.how)
    try:
        loaded = await asyncio.to_thread(reload.read_loaded, path, action.name or path.name, tab.engine.registry)
    finally:
        if action.how == "upload":
            path.unlink(missing_ok=True)
    read: list[dict[str, Picture]] = []
    known = dict(tab.pictures)
    async for step in _run(tab, "opening", lambda _: reload.find_pictures(loaded, known, tab.engine), read):
        yield step
    for picture in read[0].values():
        tab.keep_picture(picture)
    missing = reload.take_over(tab, loaded)
    if missing:
        names = ", ".join(missing)
        tab.tell(InputError(f"The recipe's chain is loaded; these pictures of it are not here: {names}.",
                            subject=names, code="RECIPE.PICTURES_MISSING",
                            remedy="Open them, and choose again who becomes whom."), "chain")


_BRINGS = (actions.Open, actions.AddPhoto, actions.Consent, actions.Look, actions.LoadRecipe)
"""What may leave one person and one source with nothing to ask. Not undo: it would be taken back at once."""


async def _catch_up(tab: TabSession, settle: bool = True) -> Steps:
    """Finds the faces, learns the sources and renders the preview, as far as the present recipe wants them."""
    tab.halted = False
    yield EVERYTHING
    async for step in _analyse(tab, tab.target):
        yield step
    if settle:
        tab.settle()
    async for step in _learn(tab):
        yield step
    async for step in _preview(tab):
        yield step


async def _analyse(tab: TabSession, target: Picture | None) -> Steps:
    if target is None:
        return
    before = f"{target.id[7:23]}/before"
    if before not in tab.media:
        shown: list[Encoded] = []
        async for step in _run(tab, "opening", lambda _: encode_frame(target.frame, target.icc), shown,
                               ("shown", target.id)):
            yield step
        tab.media[before] = shown[0]
        yield EVERYTHING
    async for step in _faces_of(tab, target, tab.recipe.looking):
        yield step


async def _faces_of(tab: TabSession, picture: Picture, looking: Looking) -> Steps:
    if (picture.id, looking) in tab.analyses:
        return

    def look(ticket: Ticket[Any]) -> tuple[Analysis, dict[str, Encoded]]:
        analysis = tab.engine.analyse(picture, looking, progress=lambda share, _words: ticket.progress(share),
                                      cancelled=ticket.cancelled)
        portraits = {f"{picture.id[7:23]}/face-{report.face.number}-{int(looking.small)}{int(looking.turned)}":
                     encode_portrait(picture.frame, report.face.box, report.face.turn, icc=picture.icc)
                     for report in analysis.faces}
        return analysis, portraits

    found: list[tuple[Analysis, dict[str, Encoded]]] = []
    async for step in _run(tab, "finding", look, found, ("faces", picture.id, looking)):
        yield step
    if tab.closed:
        return
    tab.analyses[(picture.id, looking)], portraits = found[0]
    tab.media.update(portraits)
    yield EVERYTHING


async def _learn(tab: TabSession) -> Steps:
    """Every source's descriptor, and the faces in each of its photos to pick from."""
    for wanted in tab.recipe.sources:
        photos = [(tab.pictures[p.id], p.face) for p in wanted.photos if p.id in tab.pictures]
        for picture, _face in photos:
            async for step in _faces_of(tab, picture, Looking()):
                yield step
        if tab.source_for(wanted) is not None:
            continue
        learned: list[Source] = []
        async for step in _run(tab, "learning", _learner(tab, wanted.name, photos), learned, photos_key(wanted)):
            yield step
        tab.keep_source(wanted, learned[0])
        yield EVERYTHING


def _learner(tab: TabSession, name: str, photos: list[tuple[Picture, int | None]]) -> Callable[[Ticket[Any]], Source]:
    return lambda _: tab.engine.source(name, photos)


async def _preview(tab: TabSession) -> Steps:
    """Renders the present recipe; an older preview that still runs is dropped, and a newer one ends this."""
    wanted, target, recipe = tab.wanted, tab.target, tab.recipe
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
    if ticket.superseded or tab.closed:
        return
    tab.previews.drop()
    tab.rendered, shown = ticket.future.result()
    tab.rendered_for = wanted
    tab.seconds = time.monotonic() - began
    tab.show_result(f"{target.id[7:23]}/after-{time.monotonic_ns():x}", shown)
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
    async for step in _run(tab, "saving", lambda _: tab.engine.save(asked, output, overwrite=True), written):
        yield step
    tab.saved_for = tab.rendered_for
    tab.hand_over(written[0].path, "picture", format, written[0].notes, written[0].sidecar)
    yield EVERYTHING


def _reader(tab: TabSession, path: Path, name: str, how: str) -> Callable[[Ticket[Any]], Picture]:
    """An uploaded file is deleted once it is read: its pixels are the tab's, its copy on disk nobody's."""
    checked = _checked_upload(tab, path, how)
    shown = name or path.name

    def read(_: Ticket[Any]) -> Picture:
        try:
            return tab.engine.open(checked, name=shown)
        except LikenessError as error:
            if how == "machine":  # who typed a path is told the path
                error.message = error.message.replace(shown, str(checked), 1)
                error.subject = str(checked)
            raise
        finally:
            if how == "upload":
                checked.unlink(missing_ok=True)

    return read


def _checked_upload(tab: TabSession, path: Path, how: str) -> Path:
    """A page may only call a file its upload that lies where uploads lie."""
    if how == "machine":
        return path.expanduser()
    real = path.resolve()
    if not real.is_relative_to((tab.folder.parent / "uploads").resolve()):
        raise InputError("That file was not uploaded by this page.", subject=path.name, code="STUDIO.NOT_UPLOADED",
                         remedy="Drop the file on the page again.")
    return real

