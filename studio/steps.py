"""What the actions of both screens are made of: work that is waited for, sources that are learned, files that are read.

Everything here runs on the event loop; pixels are read, looked at and rendered by workers.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from models.errors import InputError, LikenessError
from pipeline.engine import Analysis, Source
from pipeline.pictures import Picture
from pipeline.pictures.preview import Encoded, encode_portrait
from pipeline.recipe import Input, Looking, Photo, Recipe, SourceInput
from studio import actions, backdrops, cast, example, reload
from studio.project import CONSENT_EXAMPLE, Project, photos_key, short_of
from studio.work import Ticket, Worker

T = TypeVar("T")

EVERYTHING = ("bar", "people", "viewer", "chain", "tray", "clip")
TELL_EVERY = 0.12
"""Seconds between two words on progress: often enough to look alive, seldom enough to cost nothing."""

Steps = AsyncIterator[tuple[str, ...]]

BRINGS = (actions.Open, actions.AddPhoto, actions.Consent, actions.Look, actions.LoadRecipe)
"""What may leave one person and one source with nothing to ask. Not undo: it would be taken back at once."""


async def run(tab: Project, stage: str, work: Callable[[Ticket[T]], T], into: list[T], wanted: Hashable = None,
              worker: Worker | None = None) -> Steps:
    """Runs work that is not a preview; its result is put into `into`.

    wanted: what the work is for. Where the same is under way already, that is waited for instead. worker: another one
    than the device's.
    """
    under_way = tab.running.get(wanted)
    ticket: Ticket[T] = under_way if under_way and not under_way.cancelled() else \
        (worker or tab.worker).start(stage, work)
    if wanted is not None:
        tab.running[wanted] = ticket
    tab.job = ticket
    while not await ticket.wait(TELL_EVERY):
        yield ("tray", "viewer", "clip")
    if tab.job is ticket:
        tab.job = None
    if tab.running.get(wanted) is ticket:
        del tab.running[wanted]
    into.append(ticket.future.result())


async def faces_of(tab: Project, picture: Picture, looking: Looking) -> Steps:
    """Who is in a picture, and a portrait of each."""
    faces = tab.engine.faces.name
    if (picture.id, looking, faces) in tab.analyses:
        return

    def look(ticket: Ticket[Any]) -> tuple[Analysis, dict[str, Encoded]]:
        analysis = tab.engine.analyse(picture, looking, progress=lambda share, _words: ticket.progress(share),
                                      cancelled=ticket.cancelled)
        portraits = {portrait_key(picture, report.face.number, looking):
                     encode_portrait(picture.frame, report.face.box, report.face.turn, icc=picture.icc)
                     for report in analysis.faces}
        return analysis, portraits

    found: list[tuple[Analysis, dict[str, Encoded]]] = []
    async for step in run(tab, "finding", look, found, ("faces", picture.id, looking)):
        yield step
    if tab.closed:
        return
    tab.analyses[(picture.id, looking, faces)], portraits = found[0]
    tab.media.update(portraits)
    yield EVERYTHING


def portrait_key(picture: Picture, number: int, looking: Looking) -> str:
    return f"{short_of(picture.id)}/face-{number}-{int(looking.small)}{int(looking.turned)}"


async def learn(tab: Project) -> Steps:
    """Every source's descriptor, and the faces in each of its photos to pick from."""
    for wanted in tab.recipe.sources:
        photos = tab.shots_of(wanted)
        for picture, _face in photos:
            async for step in faces_of(tab, picture, Looking()):
                yield step
        if tab.source_for(wanted) is not None or not photos:
            continue
        learned: list[Source] = []
        async for step in run(tab, "learning", learner(tab, wanted.name, photos), learned, photos_key(wanted)):
            yield step
        tab.keep_source(wanted, learned[0])
        yield EVERYTHING


def learner(tab: Project, name: str, photos: list[tuple[Picture, int | None]]) -> Callable[[Ticket[Any]], Source]:
    return lambda _: tab.engine.source(name, photos)


async def add_photo(tab: Project, action: actions.AddPhoto, keep: Path | None = None) -> Steps:
    """A photo, or a clip, of a source. keep: the folder that an uploaded file is kept in; it is deleted where there is
    none."""
    read: list[tuple[str, tuple[Picture, ...], Path | None]] = []
    async for step in run(tab, "opening", _shots_reader(tab, action, keep), read):
        yield step
    content, pictures, path = read[0]
    photo = Photo(id=content, name=action.name or Path(action.at).name, path=tab.kept_path(path))
    # By itself first: a photo without a face is refused, and its neighbours of the same drop are none the worse.
    alone: list[Source] = []
    async for step in run(tab, "learning", learner(tab, photo.name, [(one, None) for one in pictures]), alone):
        yield step
    tab.shots[content] = pictures
    if path is not None and photo.path is None:
        tab.keep_original(content, path)
    tab.keep_source(SourceInput(name="1", photos=(photo,)), alone[0])
    tab.add_photo(photo, None, action.to, action.group)
    try:
        async for step in learn(tab):
            yield step
    except LikenessError:
        tab.take_back(content)  # photos that cannot be one identity
        raise


def _shots_reader(tab: Project, action: actions.AddPhoto, keep: Path | None,
                  ) -> Callable[[Ticket[Any]], tuple[str, tuple[Picture, ...], Path | None]]:
    path = checked_upload(tab, Path(action.at), action.how)
    name = action.name or path.name

    def read(_: Ticket[Any]) -> tuple[str, tuple[Picture, ...], Path | None]:
        with told_by_path(path, name, action.how):
            try:
                content, pictures = tab.engine.source_pictures(path, name=name)
            except LikenessError:
                if action.how == "upload":
                    path.unlink(missing_ok=True)
                raise
        if action.how == "machine":
            return content, pictures, path
        return content, pictures, put_away(path, keep)

    return read


async def choose_backdrop(tab: Project, action: actions.ChooseBackdrop) -> Steps:
    """What lies behind people. An uploaded file is kept in the tab's folder for as long as a step of the history names
    it: a clip is read as it is shown."""
    path = checked_upload(tab, Path(action.at), action.how)
    name = action.name or path.name

    def read(_: Ticket[Any]) -> tuple[str, Encoded, Path]:
        with told_by_path(path, name, action.how):
            try:
                content, thumb = backdrops.look(path, name)
            except LikenessError:
                if action.how == "upload":
                    path.unlink(missing_ok=True)
                raise
        kept = put_away(path, tab.folder / "originals") if action.how == "upload" else None
        return content, thumb, kept or path.absolute()

    there: list[tuple[str, Encoded, Path]] = []
    async for step in run(tab, "opening", read, there):
        yield step
    content, thumb, place = there[0]
    tab.media[backdrops.thumb_key(content)] = thumb
    named = tab.kept_path(place)
    if named is None:
        tab.keep_original(content, place)
    tab.put(tab.recipe.model_copy(update={"backdrop": Input(id=content, name=name, path=named)}))


async def example_source(tab: Project, named: list[str]) -> Steps:
    """The example's source with its consent, unless it is there already. named: its name is put in."""
    path = example.SOURCE.path()
    read: list[tuple[str, tuple[Picture, ...]]] = []
    async for step in run(tab, "opening", lambda _: tab.engine.source_pictures(path, name=path.name), read):
        yield step
    content, pictures = read[0]
    tab.shots[content] = pictures
    if not any(p.id == content for s in tab.recipe.sources for p in s.photos):
        tab.add_photo(Photo(id=content, name=example.SOURCE.name, path=str(path)), example.SOURCE.person, None)
        tab.put(cast.state_consent(tab.recipe, tab.recipe.sources[-1].name, CONSENT_EXAMPLE))
    named.append(next(s.name for s in tab.recipe.sources for p in s.photos if p.id == content))


async def read_recipe_file(tab: Project, action: actions.LoadRecipe, keep: bool = False) -> Recipe:
    """keep: an uploaded file is read again later; else it is deleted once it is read."""
    path = checked_upload(tab, Path(action.at), action.how)
    try:
        recipe = await asyncio.to_thread(reload.read_loaded, path, action.name or path.name, tab.engine.registry)
        return recipe if tab.visitor.owner else reload.without_paths(recipe)
    finally:
        if action.how == "upload" and not keep:
            path.unlink(missing_ok=True)


def tell_missing(tab: Project, names: list[str]) -> None:
    if names:
        words = ", ".join(names)
        tab.tell(InputError(f"The recipe's chain is loaded; these pictures of it are not here: {words}.",
                            subject=words, code="RECIPE.PICTURES_MISSING",
                            remedy="Open them, and choose again who becomes whom."), "chain")


def put_away(path: Path, keep: Path | None) -> Path | None:
    """An uploaded file goes to where it is kept; where nobody keeps it, it is deleted: its pixels are the tab's."""
    if keep is None:
        path.unlink(missing_ok=True)
        return None
    keep.mkdir(parents=True, exist_ok=True)
    return path.replace(keep / f"{secrets.token_hex(8)}{path.suffix.lower()}")


@contextlib.contextmanager
def told_by_path(path: Path, name: str, how: str) -> Iterator[None]:
    """Errors inside call the file by its path where the person typed one."""
    try:
        yield
    except LikenessError as error:
        if how == "machine":
            if str(path) not in error.message:
                error.message = error.message.replace(name, str(path), 1)
            error.subject = str(path)
        raise


def reader(tab: Project, path: Path, name: str, how: str) -> Callable[[Ticket[Any]], Picture]:
    """Reads a picture. An uploaded file is deleted once it is read: its pixels are the tab's, its copy on disk
    nobody's."""
    checked = checked_upload(tab, path, how)
    shown = name or path.name

    def read(_: Ticket[Any]) -> Picture:
        try:
            with told_by_path(checked, shown, how):
                return tab.engine.open(checked, name=shown)
        finally:
            if how == "upload":
                checked.unlink(missing_ok=True)

    return read


def checked_upload(tab: Project, path: Path, how: str) -> Path:
    """A page may only call a file its upload that lies where uploads lie. path: as the upload's answer named it."""
    if how == "machine":
        return path.expanduser()
    real = (tab.uploads / path).resolve()
    if not real.is_relative_to(tab.uploads.resolve()) or not real.is_file():
        raise InputError("That file was not uploaded by this page.", subject=path.name, code="STUDIO.NOT_UPLOADED",
                         remedy="Drop the file on the page again.")
    return real
