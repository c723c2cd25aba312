"""The chain of effects as words: --preset, --effects, --swapper, --set."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from models.errors import RecipeError
from models.networks import Networks
from pipeline.presets import DEFAULT, chain_for, preset
from pipeline.recipe import Effect, Recipe, make_effects, set_parameter
from processors.batches import Remark
from processors.registry import Registry
from studio.commands.faults import UsageError

Chain = tuple[Effect, ...]


@contextmanager
def as_usage() -> Iterator[None]:
    """What a recipe's rules refuse is a mistake in the flags, when the flags said it."""
    try:
        yield
    except RecipeError as error:
        raise UsageError(error.message, remedy=error.remedy, code=error.code, subject=error.subject) from error


def chain_from_flags(args: Namespace, recipe: Recipe | None, registry: Registry, networks: Networks | None = None, *,
                     safe: bool = False) -> tuple[Chain, Remark | None]:
    """The recipe's chain, or the preset's with the best that is installed, changed as the flags say; and what is to be
    said of the preset. Raises UsageError, with what exists. safe: only models count whose terms allow commercial use.
    """
    remark = None
    with as_usage():
        chosen = preset(args.preset or DEFAULT)
        if args.effects is not None:
            # Names alone: a preset that is named as well gives the values of the processors that they share.
            chain = make_effects(args.effects, registry, chosen.params if args.preset else None)
        elif recipe is not None and args.preset is None:
            chain = recipe.effects
        else:
            stack = chain_for(chosen, registry, networks or Networks(), commercial_safe=safe)
            chain, remark = stack.effects, stack.remark
        if args.swapper is not None:
            chain = _with_swapper(chain, args.swapper, registry)
    for assignment in args.set:
        chain = _assign(chain, assignment, registry)
    return chain, remark


def _with_swapper(chain: Chain, name: str, registry: Registry) -> Chain:
    swappers = [cls.spec.name for cls in registry.of_role("swapper")]
    if name not in swappers:
        raise UsageError(f"There is no swapper called {name!r}.", subject=name, code="RECIPE.UNKNOWN_PROCESSOR",
                         remedy=f"Choose from {', '.join(swappers)}.")
    version = registry.get(name).spec.version
    swap = [e for e in chain if registry.get(e.processor).spec.role == "swapper"]
    if not swap:
        return (Effect(id="swapper", processor=name, version=version), *chain)
    if len(swap) > 1:
        raise UsageError("The chain has several swappers; --swapper cannot tell which one to replace.", subject=name,
                         remedy="Name the whole chain with --effects.")
    if swap[0].processor == name:
        return chain
    # A fresh effect: the parameters of one swapper mean nothing to another.
    return tuple(Effect(id=e.id, processor=name, version=version) if e is swap[0] else e for e in chain)


def _assign(chain: Chain, assignment: str, registry: Registry) -> Chain:
    try:
        return set_parameter(chain, assignment, registry)
    except RecipeError as error:
        effect_id, _, name = assignment.partition("=")[0].strip().rpartition(".")
        found = [e for e in chain if effect_id in (e.id, e.processor)]
        remedy = error.remedy
        if len(found) == 1:
            fields = registry.get(found[0].processor).Params.model_fields
            if name not in fields:
                remedy = f"{found[0].processor} has {', '.join(fields) or 'no parameters'}."
        raise UsageError(error.message, remedy=remedy, code=error.code, subject=error.subject) from error


def needs_source(chain: Sequence[Effect], registry: Registry) -> bool:
    """Whether any effect that is on cannot work without somebody's photo."""
    return any(_needs_source(effect, registry) for effect in chain if effect.on)


def _needs_source(effect: Effect, registry: Registry) -> bool:
    cls = registry.get(effect.processor)
    return cls().needs(cls.Params.model_validate(effect.params)).source
