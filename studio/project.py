"""What the sessions of both screens have in common: a recipe with its history, the sources, what to tell and to hand
over."""

from __future__ import annotations

import itertools
import secrets
import shutil
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from models.errors import LikenessError
from pipeline import recipe as recipes
from pipeline.chain import asks_for_backdrop
from pipeline.engine import Analysis, Engine, Source
from pipeline.gate import effects_of
from pipeline.pictures import Picture
from pipeline.pictures.preview import Encoded
from pipeline.presets import DEFAULT, Preset, Stack, chain_for, load_presets, preset
from pipeline.recipe import Looking, Photo, Recipe, SourceInput, UseSource
from pipeline.version import VERSION
from processors.batches import Remark
from studio import actions, cast, effects
from studio.access.roles import HOST, Visitor
from studio.history import History
from studio.work import Ticket, Worker

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
class Project:
    """One recipe being made. Used from the event loop only; workers get what they need handed.

    visitor: whose it is. shots: what each photo of a source shows, by the photo's id: its picture, or the best faces of
    a clip. halted: the user stopped the work, and nothing was asked for since. running: work by what it is for, so that
    two actions that need the same wait for one. numbers: for notices and offers, counted up, so that a page tells each
    apart. originals: files that were uploaded and are kept, by content. safe: whether only models may be used whose
    terms allow commercial use: while they may not, every recipe that is made here says so.
    """

    engine: Engine
    worker: Worker
    folder: Path
    visitor: Visitor = HOST
    id: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    closed: bool = False
    notices: list[Notice] = field(default_factory=list)
    shots: dict[str, tuple[Picture, ...]] = field(default_factory=dict)
    media: dict[str, Encoded] = field(default_factory=dict)
    offer: Offer | None = None
    job: Ticket[Any] | None = None
    groups: dict[str, str] = field(default_factory=dict)
    originals: dict[str, Path] = field(default_factory=dict)
    halted: bool = False
    running: dict[Hashable, Ticket[Any]] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1), repr=False)
    safe: Callable[[], bool] = field(default=lambda: False, repr=False)

    def __post_init__(self) -> None:
        self.presets: list[Preset] = list(load_presets().values())
        chain = self.stack(preset(DEFAULT)).effects
        self.history = History(Recipe(made_with=f"Likeness {VERSION}").with_effects(chain))
        self.analyses: dict[tuple[str, Looking, str], Analysis] = {}
        self._sources: dict[tuple[tuple[str, int | None], ...], Source] = {}

    @property
    def recipe(self) -> Recipe:
        now = self.history.now
        return now.model_copy(update={"commercial_safe": True}) if self.safe() and not now.commercial_safe else now

    def stack(self, chosen: Preset) -> Stack:
        """A preset with the models that are there now."""
        return chain_for(chosen, self.engine.registry, self.engine.networks, commercial_safe=self.safe())

    @property
    def people(self) -> int:
        """How many people are known to be in the target, numbered from 1."""
        raise NotImplementedError

    @property
    def chain(self) -> tuple[recipes.Effect, ...]:
        """The effects that the sidebar shows and edits."""
        return self.recipe.effects

    def with_chain(self, chain: tuple[recipes.Effect, ...]) -> Recipe:
        return self.recipe.with_effects(chain)

    # What to say, and what to hand over ---------------------------------------------------------------------------

    def tell(self, error: LikenessError, place: Place, *, beside: bool = False) -> None:
        """beside: what was told there stays."""
        self.notices = [n for n in self.notices if n.place != place or beside]
        self.notices.append(Notice(next(self.numbers), place, error.code, error.subject, error.message, error.remedy))

    def calm(self, place: Place) -> None:
        """An action at this place went well: what was wrong there is over."""
        self.notices = [n for n in self.notices if n.place != place]

    def dismiss(self, number: int) -> None:
        self.notices = [n for n in self.notices if n.id != number]

    def hand_over(self, path: Path, kind: Literal["picture", "recipe"], format: str, notes: tuple[Remark, ...] = (),
                  sidecar: Path | None = None) -> None:
        self.offer = Offer(next(self.numbers), path, kind, format, notes, sidecar)

    # What was read and learned --------------------------------------------------------------------------------------

    def source_for(self, wanted: SourceInput) -> Source | None:
        return self._sources.get(photos_key(wanted))

    def keep_source(self, wanted: SourceInput, source: Source) -> None:
        self._sources[photos_key(wanted)] = source

    def learned(self) -> dict[str, Source]:
        """The recipe's sources that are ready, by name."""
        return {s.name: source for s in self.recipe.sources if (source := self.source_for(s)) is not None}

    def shots_of(self, wanted: SourceInput) -> list[tuple[Picture, int | None]]:
        """Every picture of a source with the face that is meant in it."""
        return [(picture, photo.face) for photo in wanted.photos for picture in self.shots.get(photo.id, ())]

    def kept_path(self, path: Path | None) -> str | None:
        """The path that a recipe may name: not one in a tab's folder, which goes with the tab."""
        return None if path is None or path.is_relative_to(self.tabs_folder) else str(path)

    def keep_original(self, content: str, path: Path) -> None:
        """Where an uploaded file of this content was put."""
        self.originals[content] = path

    def for_engine(self, recipe: Recipe) -> Recipe:
        """The recipe with the place of a backdrop that was uploaded, and without one that no effect asks for."""
        named = recipe.backdrop
        if named is None or not asks_for_backdrop(effects_of(recipe), self.engine.registry):
            return recipe.model_copy(update={"backdrop": None})
        there = self.originals.get(named.id)
        return recipe if there is None else recipe.model_copy(
            update={"backdrop": named.model_copy(update={"path": str(there)})})

    @property
    def uploads(self) -> Path:
        """The folder that uploads of all tabs come into."""
        return self.tabs_folder / "uploads"

    @property
    def saved(self) -> Path:
        """The folder of files that the page may download."""
        return self.folder / "saved"

    @property
    def tabs_folder(self) -> Path:
        return self.folder.parent

    def used_ids(self) -> set[str]:
        """Contents that any step of the history needs."""
        used: set[str] = set()
        for state in self.history.states:
            used |= {one.id for one in (state.target, state.backdrop) if one is not None}
            used |= {photo.id for source in state.sources for photo in source.photos}
        return used

    def drop_unused(self) -> None:
        """Lets go of pictures, analyses and sources that no step of the history needs."""
        used = self.used_ids()
        self.shots = {key: value for key, value in self.shots.items() if key in used}
        pictures = used | {picture.id for shots in self.shots.values() for picture in shots}
        self.analyses = {key: value for key, value in self.analyses.items() if key[0] in pictures}
        self._sources = {key: value for key, value in self._sources.items() if all(p in used for p, _ in key)}
        short = {short_of(one) for one in pictures}
        self.media = {key: value for key, value in self.media.items() if key.split("/")[0] in short}
        for key in [key for key in self.originals if key not in used]:
            self.originals.pop(key).unlink(missing_ok=True)

    # Edits of the recipe ----------------------------------------------------------------------------------------------

    def put(self, recipe: Recipe, merge: str | None = None) -> None:
        if self.safe():  # the machine's word and not the project's: it ends when it is switched off there
            recipe = recipe.model_copy(update={"commercial_safe": self.history.now.commercial_safe})
        self.history.put(recipe, merge=merge)

    def add_photo(self, photo: Photo, name: str | None, to: str | None, group: str | None = None) -> None:
        """To the source `to`, or to the one that the group's first photo began, or to a new one."""
        begun = self.groups.get(group or "")
        if to is None and any(source.name == begun for source in self.recipe.sources):
            to = begun
        if to is not None:
            self.put(cast.add_photo(self.recipe, to, photo))
            return
        free = cast.free_name(self.recipe, name or Path(photo.name).stem)
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
        if isinstance(action, actions.UsePreset):
            self.put(self.with_chain(self.stack(preset(action.name)).effects), None)
            return True
        if (edit := _CHAIN_EDITS.get(type(action))) is not None:
            merge = f"{action.effect}.{action.name}" if isinstance(action, actions.SetValue) else None
            self.put(self.with_chain(edit(self.chain, action, self.engine.registry)), merge)
            return True
        if (change := _RECIPE_EDITS.get(type(action))) is not None:
            self.put(change(self.recipe, action))
            if isinstance(action, actions.Consent):
                self.settle()
            return True
        return False

    def close(self) -> None:
        """Frees what was held and removes the folder. What is running is told to stop."""
        self.closed = True
        if self.job is not None:
            self.job.cancel()
        self.shots, self.media, self.analyses, self._sources = {}, {}, {}, {}
        self.originals = {}
        self.history = History(Recipe())
        shutil.rmtree(self.folder, ignore_errors=True)


def photos_key(source: SourceInput) -> tuple[tuple[str, int | None], ...]:
    return tuple((photo.id, photo.face) for photo in source.photos)


def short_of(content_id: str) -> str:
    """Sixteen digits of a content's id: what its addresses on the page begin with."""
    return content_id.partition(":")[2][:16]


_CHAIN_EDITS: dict[type, Callable[..., tuple[recipes.Effect, ...]]] = {
    actions.AddEffect: lambda chain, a, registry: effects.add(chain, a.processor, registry),
    actions.RemoveEffect: lambda chain, a, registry: effects.remove(chain, a.effect),
    actions.MoveEffect: lambda chain, a, registry: effects.move(chain, a.effect, a.to),
    actions.MuteEffect: lambda chain, a, registry: effects.mute(chain, a.effect, a.on),
    actions.DuplicateEffect: lambda chain, a, registry: effects.duplicate(chain, a.effect, registry),
    actions.ResetEffect: lambda chain, a, registry: effects.reset(chain, a.effect),
    actions.SetValue: lambda chain, a, registry: effects.set_value(chain, a.effect, a.name, a.value, registry),
}

_RECIPE_EDITS: dict[type, Callable[..., Recipe]] = {
    actions.RemovePhoto: lambda recipe, a: cast.remove_photo(recipe, a.source, a.photo),
    actions.PickFace: lambda recipe, a: cast.pick_face(recipe, a.source, a.photo, a.face),
    actions.RenameSource: lambda recipe, a: cast.rename_source(recipe, a.source, a.name),
    actions.RemoveSource: lambda recipe, a: cast.remove_source(recipe, a.source),
    actions.Consent: lambda recipe, a: cast.state_consent(recipe, a.source, CONSENT),
    actions.Choose: lambda recipe, a: cast.choose(recipe, a.person, a.choice),
    actions.ChooseOthers: lambda recipe, a: cast.choose_others(recipe, a.choice),
    actions.StyleCover: lambda recipe, a: cast.style_cover(recipe, a.cover, a.style),
    actions.Uncover: lambda recipe, a: cast.uncover(recipe, a.cover),
    actions.RemoveBackdrop: lambda recipe, a: recipe.model_copy(update={"backdrop": None}),
    actions.Look: lambda recipe, a: recipe.model_copy(
        update={"looking": Looking(small=a.small, turned=a.turned), "cast": {}, "people": (), "merged": (),
                "whose": ()}),
}
