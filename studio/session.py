"""What one browser tab holds. Nothing here is shared between tabs, and closing the tab lets go of all of it."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from typing import Any, Literal

from pipeline.engine import Analysis, Rendered
from pipeline.pictures import Picture
from pipeline.pictures.preview import Encoded
from pipeline.recipe import DrawnBox, Input, Recipe, UseSource, works_on_frames
from studio import actions, cast
from studio.clip_session import ClipSession
from studio.machine import Machine
from studio.project import CONSENT, CONSENT_EXAMPLE, Notice, Offer, Place, Project, photos_key, short_of
from studio.work import Newest

Screen = Literal["image", "clip"]


@dataclass
class TabSession(Project):
    """One tab: the Image screen's picture, recipe and results, and the Clip screen's session.

    screen: the one that is looked at. opened: seconds since 1970. moved: grows when the studio and not the person
    changed it. told: the number of the last view that each part of the screen was sent, so that a page can tell whether
    one is missing.
    """

    machine: Machine = field(default_factory=Machine)
    pictures: dict[str, Picture] = field(default_factory=dict)
    rendered: Rendered | None = None
    rendered_for: str | None = None
    result: str | None = None
    seconds: float | None = None
    saved_for: str | None = None
    screen: Screen = "image"
    moved: int = 0
    opened: float = field(default_factory=time.time)
    told: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.safe = self.machine.safe
        super().__post_init__()
        self.previews: Newest[tuple[Rendered, Encoded]] = Newest(self.worker)
        self._views = itertools.count(1)
        self.clip = ClipSession(self.engine, self.worker, self.folder / "clip", self.visitor, self.id,
                                numbers=self.numbers, machine=self.machine)

    def go_to(self, screen: Screen) -> None:
        """Shows what was opened, where it belongs."""
        if self.screen != screen:
            self.screen = screen
            self.moved += 1

    @property
    def project(self) -> Project:
        """What the screen that is looked at works on."""
        return self.clip if self.screen == "clip" else self

    @property
    def target(self) -> Picture | None:
        wanted = self.recipe.target
        return self.pictures.get(wanted.id) if wanted else None

    @property
    def analysis(self) -> Analysis | None:
        target = self.target
        return self.analyses.get((target.id, self.recipe.looking, self.engine.faces.name)) if target else None

    @property
    def people(self) -> int:
        return len(self.analysis.faces) if self.analysis else 0

    @property
    def wanted(self) -> str | None:
        """What a render of the present recipe would be of; None where nothing would change."""
        if self.target is None or not (cast.changes_something(self.recipe, self.people) or self.recipe.covers
                                       or works_on_frames(self.recipe.effects)):
            return None
        used = {choice.source for number in range(1, self.people + 1)
                if isinstance(choice := self.recipe.choice_for(number), UseSource)}
        sources = tuple(s for s in self.recipe.sources if s.name in used)
        return self.recipe.model_copy(update={"sources": sources}).model_dump_json(exclude={"output"})

    @property
    def fresh(self) -> bool:
        """Whether the result that is shown is the present recipe's."""
        return self.rendered_for == self.wanted

    def next_view(self, parts: tuple[str, ...]) -> int:
        """Grows with every look at the tab, so that a page can tell an old view from a new one. parts: of the screen,
        that are told."""
        number = next(self._views)
        self.told.update(dict.fromkeys(parts, number))
        return number

    def keep_picture(self, picture: Picture) -> None:
        self.pictures[picture.id] = picture

    def show_result(self, key: str, shown: Encoded) -> None:
        """Keeps the result before this one as well: the page may be fetching it at this moment."""
        last = self.result
        self.media = {k: v for k, v in self.media.items() if "/after-" not in k or k == last}
        self.media[key] = shown
        self.result = key

    def input_of(self, picture: Picture) -> dict[str, Any]:
        return {"id": picture.id, "name": picture.name, "path": self.kept_path(picture.path)}

    def drop_unused(self) -> None:
        used = self.used_ids()
        self.pictures = {key: value for key, value in self.pictures.items() if key in used}
        super().drop_unused()

    def set_target(self, picture: Picture | None) -> None:
        """Another picture has other people: the cast begins anew; sources and chain stay."""
        target = Input(**self.input_of(picture)) if picture else None
        self.put(self.recipe.model_copy(update={"target": target, "cast": {}, "covers": ()}))
        self.settle()

    def edit(self, action: Any) -> bool:
        if isinstance(action, actions.Close):
            self.set_target(None)
            return True
        if isinstance(action, actions.Cover):
            self.put(self.recipe.model_copy(update={"covers": (*self.recipe.covers, DrawnBox(**action.box))}))
            return True
        return super().edit(action)

    def close(self) -> None:
        self.previews.drop()
        self.clip.close()
        super().close()
        self.pictures, self.rendered = {}, None


__all__ = ["CONSENT", "CONSENT_EXAMPLE", "Notice", "Offer", "Place", "Recipe", "TabSession", "photos_key", "short_of"]
