"""Who is to be seen where in the open clip, as the list of people and the timeline's lanes show it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pipeline.analysis.found import Glimpse
from pipeline.analysis.known import Decided, Known
from pipeline.analysis.lanes import Lane, lanes_of
from pipeline.analysis.runs import holes
from pipeline.engine import Clip
from pipeline.recipe import Recipe
from studio.clip_times import time_of
from studio.project import short_of


@dataclass(frozen=True, eq=False)
class Lanes:
    """rev: another number for each, so that a page fetches each once. of: what of the recipe it depends on."""

    rev: int
    clip: Clip
    of: object
    decided: Decided
    lanes: tuple[Lane, ...]

    @property
    def known(self) -> Known:
        return self.decided.known

    @property
    def whole(self) -> bool:
        return self.known.is_whole or self.known.frames == self.clip.frames

    @cached_property
    def _best(self) -> dict[int, Glimpse | None]:
        return {lane.number: lane.best for lane in self.lanes}

    @cached_property
    def seconds(self) -> dict[int, float]:
        """How long each is to be seen."""
        return {lane.number: float(sum(time_of(self.clip, last + 1) - time_of(self.clip, first)
                                       for first, last in lane.runs)) for lane in self.lanes}

    def best(self, number: int) -> Glimpse | None:
        """The clearest glimpse of somebody."""
        return self._best.get(number)

    @cached_property
    def data(self) -> dict[str, Any]:
        """For the page: frames' numbers alone, so that an hour of it is some dozen kilobytes."""
        known = self.known
        return {
            "lanes": [{"number": lane.number, "runs": lane.runs} for lane in self.lanes],
            "cuts": sorted({cut for span in known.spans for cut in span.cuts}),
            "unknown": holes([(span.first, span.last) for span in known.spans], self.clip.frames),
        }


def depends_on(recipe: Recipe) -> object:
    return [(person.number, person.descriptor) for person in recipe.people], recipe.merged, recipe.whose


def make_lanes(rev: int, clip: Clip, known: Known, recipe: Recipe) -> Lanes:
    """Takes a moment for a long clip."""
    decided = known.decided(recipe.people, recipe.whose, recipe.merged)
    made = Lanes(rev, clip, depends_on(recipe), decided, lanes_of(decided))
    _ = made.data, made.seconds, made.best(0)
    return made


def place_key(clip: Clip, glimpse: Glimpse) -> str:
    """Of a portrait, by the place that it shows: it is the same whoever that is said to be."""
    box = glimpse.box
    return f"{short_of(clip.id)}/face-{glimpse.frame}-{round(box.x0)}-{round(box.y0)}"
