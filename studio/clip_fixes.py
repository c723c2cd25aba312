"""The recipe's fixes, as the Clip screen makes and shows them: spans are whole frames."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from models.errors import RecipeError
from pipeline.clips.clip import Clip
from pipeline.recipe import Fix, HoldLast, KeepOriginal, MovePoints, OtherStrength, PaintMask, Recipe
from pipeline.rendering.fixing import painting
from studio import actions
from studio.clip_times import edge_at, time_of

_FIX: TypeAdapter[Fix] = TypeAdapter(Annotated[Fix, Field(discriminator="fix")])

FARTHEST = 1.5
"""Outer-eye distances that a point may be moved: across the whole face."""
MOST = 500
"""Fixes of a recipe. A painted mask has up to 0.4 MB, and the largest recipe that is read 16."""
MOST_PAINT = 12_000_000


def changed(recipe: Recipe, action: actions.AddFix | actions.RemoveFix, clip: Clip) -> Recipe:
    """The recipe with one fix more or less. Raises RecipeError."""
    if isinstance(action, actions.RemoveFix):
        if not 0 <= action.fix < len(recipe.fixes):
            raise RecipeError("There is no fix of that number.", subject=str(action.fix), code="RECIPE.NO_SUCH_FIX",
                              remedy="Look at the list: another window may have changed it.")
        return recipe.model_copy(update={"fixes": (*recipe.fixes[:action.fix], *recipe.fixes[action.fix + 1:])})
    fix = _made(recipe, action, clip)
    others = [one for one in recipe.fixes if not (_where(one) == _where(fix) and _gives_way(one, fix))]
    paint = sum(len(one.png) for one in (*others, fix) if isinstance(one, PaintMask))
    if len(others) >= MOST or paint > MOST_PAINT:
        raise RecipeError("This recipe has as many fixes as one may have.", subject="fixes", code="RECIPE.FIX",
                          remedy="Take some back, or let one reach over more frames.")
    return recipe.model_copy(update={"fixes": (*others, fix)})


def _where(fix: Fix) -> tuple[str | None, str | None, int | None]:
    return fix.start, fix.stop, fix.person


def _gives_way(old: Fix, new: Fix) -> bool:
    """A second of a kind; and how much is drawn, where nothing new is."""
    leaves, amounts = HoldLast | KeepOriginal, OtherStrength | PaintMask
    return type(old) is type(new) or (isinstance(old, leaves) and isinstance(new, leaves | amounts)) \
        or (isinstance(old, amounts) and isinstance(new, leaves))


def _made(recipe: Recipe, action: actions.AddFix, clip: Clip) -> Fix:
    if not 0 <= action.first <= action.last < clip.frames:
        raise RecipeError(f"Frames {action.first} to {action.last} are no span of {clip.name}, which has frames 0 to "
                          f"{clip.frames - 1}.", subject="fixes", code="RECIPE.FIX", remedy="Choose another span.")
    if action.person and action.person not in {one.number for one in recipe.people}:
        raise RecipeError(f"{clip.name} has no person {action.person}.", subject=clip.name,
                          code="RECIPE.NO_SUCH_PERSON", remedy="Choose one of those on the left.")
    try:
        fix = _FIX.validate_python({**action.fix, "person": action.person,
                                    "start": str(time_of(clip, action.first)) if action.first > 0 else None,
                                    "stop": str(time_of(clip, action.last + 1))
                                    if action.last + 1 < clip.frames else None})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "fix"
        raise RecipeError(f"That cannot be a fix ({where}: {first['msg']}).", subject="fixes", code="RECIPE.FIX",
                          remedy="Make it again.") from error
    if isinstance(fix, MovePoints) and not all(math.hypot(*move) <= FARTHEST for move in fix.points.values()):
        raise RecipeError("A point is moved farther than the face reaches.", subject="fixes", code="RECIPE.FIX",
                          remedy="Move it less.")
    if isinstance(fix, PaintMask):
        painting(fix.png)
    return fix


def frames_of(fix: Fix, clip: Clip) -> tuple[int, int]:
    """First and last frame that a fix counts in; the last before the first where that is none."""
    first = edge_at(clip, Fraction(fix.start)) if fix.start is not None else 0
    stop = edge_at(clip, Fraction(fix.stop)) if fix.stop is not None else clip.frames
    return first, stop - 1


def views(recipe: Recipe, clip: Clip) -> list[dict[str, Any]]:
    """As the screen lists them. What was painted is fetched by the editor alone."""
    made = []
    for place, fix in enumerate(recipe.fixes):
        first, last = frames_of(fix, clip)
        made.append({"place": place, "kind": fix.fix, "first": first, "last": last, "person": fix.person,
                     "strength": fix.strength if isinstance(fix, OtherStrength) else None,
                     "points": {str(n): list(move) for n, move in fix.points.items()}
                     if isinstance(fix, MovePoints) else None})
    return made
