"""Clips that effects make larger: how much, and which part of a chain is behind that."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from models.errors import ProcessorError
from pipeline.chain import Step, plain_steps
from pipeline.clips.clip import Clip
from pipeline.enlarging import SAME, scale_of
from pipeline.recipe import Recipe
from processors.registry import Registry

Halves = tuple[tuple[Step, ...], tuple[Step, ...]]


def factor_of(recipe: Recipe, registry: Registry, clip: Clip) -> Fraction:
    """How many times as wide and as high the output is: as large as the chain makes it that makes it largest; what
    other segments give is brought to that. Raises ProcessorError PROCESSOR.TOO_LARGE, PROCESSOR.NEEDS_PICTURE."""
    return max(_factor(plain_steps(segment.effects, registry), clip) for segment in recipe.segments)


def halves(steps: Sequence[Step], clip: Clip) -> Halves:
    """A chain cut before the first effect that changes the frame's size: what comes first is in the clip's own pixels.
    Raises as `factor_of`."""
    for place, step in enumerate(steps):
        if step.role == "frame" and scale_of(step.processor, step.params, clip.width, clip.height) != SAME:
            _factor(steps, clip)
            return tuple(steps[:place]), tuple(steps[place:])
    return tuple(steps), ()


def _factor(steps: Sequence[Step], clip: Clip) -> Fraction:
    width, height = clip.width, clip.height
    for step in steps:
        if step.role != "frame":
            continue
        across, down = scale_of(step.processor, step.params, width, height)
        if (across, down) == SAME:
            continue
        width, height = round(width * across), round(height * down)
        title = step.processor.spec.title
        if clip.fields != "progressive":  # its lines are of two times, and would be mixed
            raise ProcessorError(f"{title} changes the size, and {clip.name} is interlaced.",
                                 subject=step.processor.spec.name, code="PROCESSOR.NEEDS_PICTURE",
                                 remedy="Deinterlace the clip first, or set the effect's size to 1.")
        if abs(height - clip.height * Fraction(width, clip.width)) > 1:
            raise ProcessorError(f"{title} stretches pictures, and a clip's keep their shape.",
                                 subject=step.processor.spec.name, code="PROCESSOR.NEEDS_PICTURE",
                                 remedy="Use it on pictures.")
    return Fraction(width, clip.width)
