"""What one browser tab holds. Nothing here is shared between tabs, and closing the tab lets go of all of it."""

from __future__ import annotations

import itertools
import secrets
import shutil
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from models.errors import LikenessError
from pipeline import recipe as recipes
from pipeline.engine import Analysis, Engine, Rendered, Source
from pipeline.pictures import Picture
from pipeline.pictures.preview import Encoded
from pipeline.presets import DEFAULT, Preset, load_presets, preset
from pipeline.recipe import Input, Looking, Photo, Recipe, SourceInput, UseSource
from pipeline.version import VERSION
from processors.batches import Remark
from studio import actions, cast, effects
from studio.history import History
from studio.work import Newest, Ticket, Worker

Place = Literal["viewer", "people", "chain", "bar"]

CONSENT = "The person who uses this face has stated that its use is permitted."
CONSENT_EXAMPLE = "Public domain (NASA)."


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell the person at this place of the screen: an error, or a remark where `error` is False."""

    id: int
    place: Place
    code: str
    subject: str
    words: str
    remedy: str
    error: bool = True


@dataclass(slots=True)
class Offer:
    """A file for the browser to download. n: grows with each, so that a page fetches each once."""

    n: int
    path: Path
    kind: Literal["picture", "recipe"]
    format: str
    notes: tuple[Remark, ...] = ()
    sidecar: Path | None = None


@dataclass
class TabSession:
    """One tab's pictures, recipes and results. Used from the event loop only; workers get what they need handed.

    halted: the user stopped the work, and nothing was asked for since. running: work by what it is for, so that two
    actions that need the same wait for one.
    """

    engine: Engine
    worker: Worker
    folder: Path
    id: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    closed: bool = False
    notices: list[Notice] = field(default_factory=list)
    pictures: dict[str, Picture] = field(default_factory=dict)
    media: dict[str, Encoded] = field(default_factory=dict)
    rendered: Rendered | None = None
    rendered_for: str | None = None
    result: str | None = None
    seconds: float | None = None
    saved_for: str | None = None
    offer: Offer | None = None
    job: Ticket[Any] | None = None
    groups: dict[str, str] = field(default_factory=dict)
    halted: bool = False
    running: dict[Hashable, Ticket[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.presets: list[Preset] = list(load_presets().values())
        chain = preset(DEFAULT).chain(self.engine.registry)
        self.history = History(Recipe(made_with=f"Likeness {VERSION}").with_effects(chain))
        self.previews: Newest[tuple[Rendered, Encoded]] = Newest(self.worker)
        self.analyses: dict[tuple[str, Looking], Analysis] = {}
        self._sources: dict[tuple[tuple[str, int | None], ...], Source] = {}
        self._numbers = itertools.count(1)
        self._views = itertools.count(1)

    @property
    def recipe(self) -> Recipe:
        return self.history.now

    @property
    def target(self) -> Picture | None:
        wanted = self.recipe.target
        return self.pictures.get(wanted.id) if wanted else None

    @property
    def analysis(self) -> Analysis | None:
        target = self.target
        return self.analyses.get((target.id, self.recipe.looking)) if target else None

    @property
    def people(self) -> int:
        return len(self.analysis.faces) if self.analysis else 0

    @property
    def wanted(self) -> str | None:
        """What a render of the present recipe would be of; None where nothing would change."""
        if self.target is None or not cast.changes_something(self.recipe, self.people):
            return None
        used = {choice.source for number in range(1, self.people + 1)
                if isinstance(choice := self.recipe.choice_for(number), UseSource)}
        sources = tuple(s for s in self.recipe.sources if s.name in used)
        return self.recipe.model_copy(update={"sources": sources}).model_dump_json(exclude={"output"})

    @property
    def fresh(self) -> bool:
        """Whether the result that is shown is the present recipe's."""
        return self.rendered_for == self.wanted

    def tell(self, error: LikenessError, place: Place) -> None:
        self.notices = [n for n in self.notices if n.place != place]
        self.notices.append(Notice(next(self._numbers), place, error.code, error.subject, error.message, error.remedy))

    def calm(self, place: Place) -> None:
        """An action at this place went well: what was wrong there is over."""
        self.notices = [n for n in self.notices if n.place != place]

    def dismiss(self, number: int) -> None:
        self.notices = [n for n in self.notices if n.id != number]

    def hand_over(self, path: Path, kind: Literal["picture", "recipe"], format: str, notes: tuple[Remark, ...] = (),
                  sidecar: Path | None = None) -> None:
        self.offer = Offer(next(self._numbers), path, kind, format, notes, sidecar)

    def next_view(self) -> int:
        """Grows with every look at the tab, so that a page can tell an old view from a new one."""
        return next(self._views)

    # What was read, found and learned -------------------------------------------------------------------------

    def keep_picture(self, picture: Picture) -> None:
        self.pictures[picture.id] = picture

    def source_for(self, wanted: SourceInput) -> Source | None:
        return self._sources.get(photos_key(wanted))

    def keep_source(self, wanted: SourceInput, source: Source) -> None:
        self._sources[photos_key(wanted)] = source

    def show_result(self, key: str, shown: Encoded) -> None:
        """Keeps the result before this one as well: the page may be fetching it at this moment."""
        last = self.result
        self.media = {k: v for k, v in self.media.items() if "/after-" not in k or k == last}
        self.media[key] = shown
        self.result = key

    def input_of(self, picture: Picture) -> dict[str, Any]:
        inside = picture.path is not None and picture.path.is_relative_to(self.folder.parent)
        path = None if picture.path is None or inside else str(picture.path)
        return {"id": picture.id, "name": picture.name, "path": path}

    def drop_unused(self) -> None:
        """Lets go of pictures, analyses and sources that no step of the history needs."""
        used: set[str] = set()
        for state in self.history.states:
            used |= {state.target.id} if state.target else set()
            used |= {photo.id for source in state.sources for photo in source.photos}
        self.pictures = {key: value for key, value in self.pictures.items() if key in used}
        self.analyses = {key: value for key, value in self.analyses.items() if key[0] in used}
        self._sources = {key: value for key, value in self._sources.items() if all(p in used for p, _ in key)}
        self.media = {key: value for key, value in self.media.items() if key.split("/")[0] in {i[7:23] for i in used}}

    # Edits of the recipe --------------------------------------------------------------------------------------

    def put(self, recipe: Recipe, merge: str | None = None) -> None:
        self.history.put(recipe, merge=merge)

    def set_target(self, picture: Picture | None) -> None:
        """Another picture has other people: the cast begins anew; sources and chain stay."""
        target = Input(**self.input_of(picture)) if picture else None
        self.put(self.recipe.model_copy(update={"target": target, "cast": {}}))
        self.settle()

    def add_photo(self, picture: Picture, name: str | None, to: str | None, group: str | None = None) -> None:
        """To the source `to`, or to the one that the group's first photo began, or to a new one."""
        photo = Photo(**self.input_of(picture))
        begun = self.groups.get(group or "")
        if to is None and any(source.name == begun for source in self.recipe.sources):
            to = begun
        if to is not None:
            self.put(cast.add_photo(self.recipe, to, photo))
            return
        free = cast.free_name(self.recipe, name or Path(picture.name).stem)
        self.put(cast.add_source(self.recipe, SourceInput(name=free, photos=(photo,))))
        if group:
            self.groups[group] = free

    def take_back(self, photo_id: str) -> None:
        """Undoes the adding of a photo, and nothing that happened besides."""
        for source in self.recipe.sources:
            if any(photo.id == photo_id for photo in source.photos):
                self.put(cast.remove_photo(self.recipe, source.name, photo_id))
        self.drop_unused()

    def settle(self) -> None:
        """One person and one permitted source: there is nothing to ask, so the person gets the source. With more of
        either, who becomes whom is for the user to say."""
        permitted = [s for s in self.recipe.sources if s.consent]
        if self.people == 1 and len(self.recipe.sources) == 1 and permitted and 1 not in self.recipe.cast:
            self.put(cast.choose(self.recipe, 1, UseSource(source=permitted[0].name)))

    def edit(self, action: Any) -> bool:
        """Does what needs no work on pixels; False where the action is not of that kind."""
        if isinstance(action, actions.Undo | actions.Redo):
            self.history.undo() if isinstance(action, actions.Undo) else self.history.redo()
            return True
        if isinstance(action, actions.Close):
            self.set_target(None)
            return True
        if (edit := _CHAIN_EDITS.get(type(action))) is not None:
            merge = f"{action.effect}.{action.name}" if isinstance(action, actions.SetValue) else None
            self.put(self.recipe.with_effects(edit(self.recipe.effects, action, self.engine.registry)), merge)
            return True
        if (change := _RECIPE_EDITS.get(type(action))) is not None:
            self.put(change(self.recipe, action, self.engine.registry))
            if isinstance(action, actions.Consent):
                self.settle()
            return True
        return False

    def close(self) -> None:
        """Frees what the tab held and removes its folder. What is running is told to stop."""
        self.closed = True
        self.previews.drop()
        if self.job is not None:
            self.job.cancel()
        self.pictures, self.media, self.analyses, self._sources = {}, {}, {}, {}
        self.rendered = None
        self.history = History(Recipe())
        shutil.rmtree(self.folder, ignore_errors=True)


def photos_key(source: SourceInput) -> tuple[tuple[str, int | None], ...]:
    return tuple((photo.id, photo.face) for photo in source.photos)


_CHAIN_EDITS: dict[type, Callable[..., tuple[recipes.Effect, ...]]] = {
    actions.UsePreset: lambda chain, a, registry: preset(a.name).chain(registry),
    actions.AddEffect: lambda chain, a, registry: effects.add(chain, a.processor, registry),
    actions.RemoveEffect: lambda chain, a, registry: effects.remove(chain, a.effect),
    actions.MoveEffect: lambda chain, a, registry: effects.move(chain, a.effect, a.to),
    actions.MuteEffect: lambda chain, a, registry: effects.mute(chain, a.effect, a.on),
    actions.DuplicateEffect: lambda chain, a, registry: effects.duplicate(chain, a.effect, registry),
    actions.ResetEffect: lambda chain, a, registry: effects.reset(chain, a.effect),
    actions.SetValue: lambda chain, a, registry: effects.set_value(chain, a.effect, a.name, a.value, registry),
}

_RECIPE_EDITS: dict[type, Callable[..., Recipe]] = {
    actions.RemovePhoto: lambda recipe, a, _: cast.remove_photo(recipe, a.source, a.photo),
    actions.PickFace: lambda recipe, a, _: cast.pick_face(recipe, a.source, a.photo, a.face),
    actions.RenameSource: lambda recipe, a, _: cast.rename_source(recipe, a.source, a.name),
    actions.RemoveSource: lambda recipe, a, _: cast.remove_source(recipe, a.source),
    actions.Consent: lambda recipe, a, _: cast.state_consent(recipe, a.source, CONSENT),
    actions.Choose: lambda recipe, a, _: cast.choose(recipe, a.person, a.choice),
    actions.Look: lambda recipe, a, _: recipe.model_copy(
        update={"looking": Looking(small=a.small, turned=a.turned), "cast": {}}),
}
