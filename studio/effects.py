"""Edits of the chain of effects: pure functions from one chain to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from models.errors import RecipeError
from pipeline.recipe import Effect, check_effects
from processors.base import ROLES, Role
from processors.registry import Registry

Chain = tuple[Effect, ...]


def find(chain: Sequence[Effect], effect_id: str) -> int:
    """Place of an effect. Raises RecipeError where the chain has none of that id."""
    for place, effect in enumerate(chain):
        if effect.id == effect_id:
            return place
    raise RecipeError(f"The chain has no effect {effect_id!r}.", subject=effect_id, code="RECIPE.UNKNOWN_EFFECT",
                      remedy="Reload the page; another window may have changed it.")


def free_id(chain: Sequence[Effect], role: Role) -> str:
    """`enhancer`, or the first of `enhancer.2`, `enhancer.3` … that the chain does not have."""
    taken = {effect.id for effect in chain}
    number = 1
    while (name := role if number == 1 else f"{role}.{number}") in taken:
        number += 1
    return name


def add(chain: Sequence[Effect], processor: str, registry: Registry) -> Chain:
    """Adds a processor with its defaults behind the last effect whose role runs no later than its own."""
    spec = registry.get(processor).spec
    effect = Effect(id=free_id(chain, spec.role), processor=processor, version=spec.version)
    order = ROLES.index(spec.role)
    place = max((i + 1 for i, other in enumerate(chain)
                 if ROLES.index(registry.get(other.processor).spec.role) <= order), default=0)
    return (*chain[:place], effect, *chain[place:])


def remove(chain: Sequence[Effect], effect_id: str) -> Chain:
    place = find(chain, effect_id)
    return (*chain[:place], *chain[place + 1:])


def move(chain: Sequence[Effect], effect_id: str, to: int) -> Chain:
    """Takes an effect out and puts it in so that it ends at place `to`, kept within the chain."""
    place = find(chain, effect_id)
    rest = [*chain[:place], *chain[place + 1:]]
    rest.insert(min(max(to, 0), len(rest)), chain[place])
    return tuple(rest)


def mute(chain: Sequence[Effect], effect_id: str, on: bool) -> Chain:
    return _replace(chain, effect_id, {"on": on})


def duplicate(chain: Sequence[Effect], effect_id: str, registry: Registry) -> Chain:
    """A copy with the same parameters, right behind the original."""
    place = find(chain, effect_id)
    role = registry.get(chain[place].processor).spec.role
    copy = chain[place].model_copy(update={"id": free_id(chain, role)})
    return (*chain[:place + 1], copy, *chain[place + 1:])


def set_value(chain: Sequence[Effect], effect_id: str, name: str, value: Any, registry: Registry) -> Chain:
    """Sets one parameter. Raises RecipeError where the processor refuses the value."""
    effect = chain[find(chain, effect_id)]
    changed = _replace(chain, effect_id, {"params": {**effect.params, name: value}})
    check_effects([e for e in changed if e.id == effect_id], registry, effect_id)
    return changed


def reset(chain: Sequence[Effect], effect_id: str) -> Chain:
    """Every parameter back to its processor's default."""
    return _replace(chain, effect_id, {"params": {}})


def preset_of(chain: Sequence[Effect], presets: Mapping[str, Sequence[Chain]], registry: Registry) -> str | None:
    """The name of the preset that this chain is, unchanged; None where it is the user's own. presets: each one's
    chains, on models and without."""
    return next((name for name, chains in presets.items() if any(is_same(chain, one, registry) for one in chains)),
                None)


def is_same(chain: Sequence[Effect], other: Sequence[Effect], registry: Registry) -> bool:
    """Whether both do the same: a parameter that is left out has its default."""
    def meaning(effects: Sequence[Effect]) -> list[tuple[str, bool, Any]]:
        return [(e.processor, e.on, registry.get(e.processor).Params.model_validate(e.params)) for e in effects]

    return meaning(chain) == meaning(other)


def _replace(chain: Sequence[Effect], effect_id: str, update: dict[str, Any]) -> Chain:
    place = find(chain, effect_id)
    return (*chain[:place], chain[place].model_copy(update=update), *chain[place + 1:])
