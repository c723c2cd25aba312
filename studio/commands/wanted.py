"""What the flags of `render` ask for, and who gets what."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.engine import Engine, changes_anything
from pipeline.recipe import Anonymise, Choice, Keep, Recipe, RunEffects, UseSource, read_recipe
from processors.batches import Remark
from studio.commands.chain import Chain, chain_from_flags, needs_source
from studio.commands.faults import UsageError
from studio.commands.inputs import find_input, photos_of
from studio.commands.people import SourceWords, by_name, parse_map, parse_source


@dataclass(frozen=True, slots=True)
class Wanted:
    """What flags and recipe ask for, before any picture was opened. base: the recipe that the flags begin with.
    stack: which models the preset runs on, where there is one."""

    base: Recipe | None
    chain: Chain
    target: Path
    photos: dict[str, list[SourceWords]]
    people: dict[int, Choice] | None
    others: Choice | None
    stack: Remark | None = None


@dataclass(frozen=True, slots=True)
class People:
    """Who is in the picture or clip. heading, lines: the list that people choose from; data: the same for `--json`."""

    heading: str
    lines: tuple[str, ...]
    data: tuple[Mapping[str, Any], ...]
    numbers: frozenset[int]


def wanted_of(args: Namespace, engine: Engine) -> Wanted:
    """Raises UsageError for flags that make no sense together, and what reading the recipe raises."""
    words = by_name([parse_source(text) for text in args.source])
    base = read_recipe(args.recipe, engine.registry) if args.recipe is not None else None
    safe = engine.networks.is_safe or (base is not None and base.commercial_safe)
    chain, remark = chain_from_flags(args, base, engine.registry, engine.networks, safe=safe)
    if base is not None and not words:
        words = photos_of(base, args.recipe)
    people, others = parse_map(args.map, list(words)) if args.map is not None else (None, None)
    target = args.target
    if target is None and base is not None and base.target is not None:
        target = find_input(base.target, args.recipe)
    if target is None:
        raise UsageError("There is no --target.", subject="--target", remedy="Name the picture to work on.")
    if people is None and base is None and args.cover and not words:
        people = {}  # boxes are hidden, and nobody else is touched
    if not words and people is None and base is None and needs_source(chain, engine.registry):
        raise UsageError("There is no --source, and no --map that could do without one.", subject="--source",
                         remedy="Name a photo of the face to put in, or say for example --map others=blur.")
    return Wanted(base, chain, target, words, people, others, remark)


def cast_of(wanted: Wanted, there: People) -> dict[str, Any]:
    """`cast` and `everyone` of the recipe. Raises UsageError where it is not said who gets what."""
    names = list(wanted.photos)
    if wanted.base is not None:
        cast, everyone = dict(wanted.base.cast), wanted.base.everyone
    elif wanted.people is not None:
        cast, everyone = {}, Keep()
    elif not names:
        cast, everyone = {}, RunEffects()
    else:
        cast, everyone = {}, UseSource(source=names[0])
        if len(names) > 1 and there.numbers:
            raise _who(f"There are {len(names)} sources ({', '.join(names)}) and no --map.", names, there)
    cast |= wanted.people or {}
    everyone = wanted.others or everyone
    gone = {c.source for c in (*cast.values(), everyone) if isinstance(c, UseSource)} - set(names)
    if gone and len(names) != 1:
        raise _who(f"The recipe uses the source {sorted(gone)[0]!r}, which is not among the --source.", names, there)

    def placed(choice: Choice) -> Choice:
        # One source that is given instead of those that the recipe had takes their place.
        return UseSource(source=names[0]) if isinstance(choice, UseSource) and choice.source in gone else choice

    return {"cast": {n: placed(c) for n, c in cast.items()}, "everyone": placed(everyone)}


def check_people(recipe: Recipe, there: People, name: str) -> None:
    """Raises UsageError for a number that nobody has, and where nothing would be done."""
    unknown = sorted(set(recipe.cast) - there.numbers)
    if unknown and there.numbers:
        raise _who(f"{name} has no person {unknown[0]}.", [s.name for s in recipe.sources], there,
                   code="RECIPE.NO_SUCH_PERSON")
    hidden = bool(recipe.covers) or any(isinstance(choice, Anonymise)
                                        for choice in (*recipe.cast.values(), recipe.everyone))
    if not hidden and not any(effect.on for effect in recipe.effects):
        raise UsageError("The chain has no effects: there is nothing to do.", code="RECIPE.NOTHING_TO_DO",
                         remedy="Name some with --preset or --effects.")
    if not changes_anything(recipe):
        raise UsageError("Everybody would be kept as they are: there is nothing to do.", code="RECIPE.NOTHING_TO_DO",
                         remedy="Say who gets what with --map.")


def _who(message: str, names: Sequence[str], there: People, code: str = "USAGE.WHO") -> UsageError:
    example = names[0] if names else "blur"
    return UsageError(message, code=code, remedy=f"Say who gets what, for example --map 1={example},others=keep.",
                      more="\n".join([there.heading, *there.lines]), data={"faces": list(there.data)})
