"""Whom a recipe means: the faces of a picture and of a source's photos."""

from __future__ import annotations

from collections.abc import Container, Sequence

from models.errors import InputError, NoFace, RecipeError
from pipeline.analysis import Analysis, FaceReport
from pipeline.pictures import Picture
from pipeline.recipe import Keep, Recipe, UseSource
from processors.registry import Registry


def pick(picture: Picture, reports: Sequence[FaceReport], number: int | None) -> FaceReport:
    """The face of a source's photo that is meant: the largest where no number says so. Raises InputError."""
    if number is None:
        return max(reports, key=lambda report: report.face.box.area)
    for report in reports:
        if report.number == number:
            return report
    raise InputError(f"{picture.name} has no face number {number}; it has {len(reports)}.", subject=picture.name,
                     remedy="Choose one of the numbers that `analyse` prints.", code="INPUT.NO_SUCH_FACE")


def check_cast(recipe: Recipe, target: Picture, analysis: Analysis, sources: Container[str],
                registry: Registry) -> None:
    """Raises NoFace where there is nobody to change, RecipeError for people and sources that are not there."""
    roles = {registry.get(effect.processor).spec.role for effect in recipe.effects if effect.on}
    whole = roles == {"frame"} or ("frame" in roles and isinstance(recipe.everyone, Keep))
    if not analysis.faces and not recipe.covers and not whole:
        raise NoFace(f"No face can be found in {target.name}.", subject=target.name,
                     remedy="Choose a picture that shows a face from the front, at least 80 pixels wide.")
    numbers = {report.number for report in analysis.faces}
    for number in sorted(set(recipe.cast) - numbers):
        raise RecipeError(f"{target.name} has no person {number}; it has {len(numbers)}.", subject=target.name,
                          remedy="Choose one of the numbers that `analyse` prints.", code="RECIPE.NO_SUCH_PERSON")
    for choice in (recipe.choice_for(number) for number in numbers):
        if isinstance(choice, UseSource) and choice.source not in sources:
            raise RecipeError(f"The recipe uses the source {choice.source!r}, and no photo of it is given.",
                              subject=choice.source, remedy="Give it with --source, or add it in the studio.",
                              code="RECIPE.NO_SOURCE")
