"""Who gets what in a clip: from a followed face to the chain that runs on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.face import Face
from pipeline.chain import FaceJob, Step, make_steps
from pipeline.recipe import Anonymise, AnonymiseStyle, Effect, Keep, Recipe, RunEffects, UseSource, make_effects
from processors.batches import SourceFace
from processors.registry import Registry

Choice = Keep | UseSource | RunEffects | Anonymise


@dataclass(frozen=True, slots=True)
class Casting:
    """recipe: whose cast it is. sources: each source's photos in the clip's colours, by the source's name."""

    recipe: Recipe
    sources: Mapping[str, tuple[SourceFace, ...]]

    @property
    def hides(self) -> bool:
        """Whether anything is to be unrecognisable: somebody, or a box drawn by hand."""
        return bool(self.recipe.covers) or self.hides_people

    @property
    def hides_people(self) -> bool:
        """Whether anybody is to be unrecognisable: then everyone is covered who is not surely somebody else."""
        return any(isinstance(choice, Anonymise) for choice in self._choices())

    @property
    def keeps_everybody(self) -> bool:
        """Whether nothing is done to anybody, so that only effects on whole frames can change anything."""
        return not self.recipe.covers and all(isinstance(choice, Keep) for choice in self._choices())

    @property
    def knows(self) -> bool:
        """Whether it matters who a face is."""
        everyone = self.recipe.everyone
        return any(choice != everyone for choice in self.recipe.cast.values())

    def _choices(self) -> list[Choice]:
        return [*self.recipe.cast.values(), self.recipe.everyone]

    def is_hidden(self, number: int) -> bool:
        """Whether the person of this number (0: nobody known) is to be unrecognisable."""
        if number == 0 and self.hides_people:
            return True
        return isinstance(self.recipe.choice_for(number), Anonymise)

    def style_for(self, number: int) -> AnonymiseStyle:
        """The style of a covered face. Nobody known: everyone's, or else the first that anybody has."""
        choices = [self.recipe.choice_for(number), self.recipe.everyone, *self.recipe.cast.values()]
        styles = [choice.style for choice in choices if isinstance(choice, Anonymise)]
        return next(iter((*styles, *(box.style for box in self.recipe.covers))), "blur")

    def job_for(self, face: Face) -> FaceJob | None:
        """What the chain does to a face; None where it is left alone (or hidden, which is not the chain's)."""
        if self.is_hidden(face.number):
            return None
        choice = self.recipe.choice_for(face.number)
        if isinstance(choice, UseSource):
            return FaceJob(face, self.sources[choice.source])
        return FaceJob(face) if isinstance(choice, RunEffects) else None

    def jobs(self, faces: Sequence[Face]) -> list[FaceJob]:
        return [job for job in map(self.job_for, faces) if job is not None]

    def changes(self, effects: Sequence[Effect]) -> bool:
        """Whether these effects would do anything to anybody."""
        return any(e.on for e in effects) and any(isinstance(c, UseSource | RunEffects) for c in self._choices())


def cover_steps(style: AnonymiseStyle, registry: Registry) -> tuple[Step, ...]:
    """The chain that makes a face unrecognisable. Its soft edge lies in a margin outside of the head."""
    return make_steps(make_effects(["anonymise", "feather"], registry, {"anonymise": {"style": style}}), registry)
