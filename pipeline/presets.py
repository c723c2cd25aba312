"""Named chains of effects, from the data file beside this one, and the best of their kind that is installed."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from models.catalogue import Catalogue, whole_catalogue
from models.errors import RecipeError
from models.networks import Networks
from models.terms import obstacle
from pipeline.gate import analysers
from pipeline.recipe import Effect, make_effects
from processors.batches import Remark
from processors.registry import Registry

RANKED = ("swapper", "enhancer", "mask")
"""Roles of which a preset takes the best that is installed."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A processor that may take a place, with the parameters that differ from its defaults."""

    processor: str
    params: dict[str, Any] = field(default_factory=dict)

    def slots(self, registry: Registry) -> tuple[str, ...]:
        """The models that it runs on."""
        cls = registry.get(self.processor)
        return cls().needs(cls.Params.model_validate(self.params)).models


@dataclass(frozen=True, slots=True)
class Preset:
    """effects, params: the chain that needs no model. networks: the chain on networks, in which a role stands for the
    first of `ranks` that is installed; empty where there is none."""

    name: str
    title: str
    help: str
    effects: tuple[str, ...]
    params: dict[str, dict[str, Any]]
    networks: tuple[str, ...] = ()
    ranks: dict[str, tuple[Candidate, ...]] = field(default_factory=dict)

    def chain(self, registry: Registry) -> tuple[Effect, ...]:
        return make_effects(self.effects, registry, self.params)


DEFAULT = "natural"


def load_presets() -> dict[str, Preset]:
    """By name, in the file's order."""
    data = tomllib.loads(files("pipeline").joinpath("presets.toml").read_text(encoding="utf-8"))
    return {name: _preset(name, row) for name, row in data.items()}


def _preset(name: str, row: dict[str, Any]) -> Preset:
    networks = row.get("networks", {})
    ranks = {role: tuple(Candidate(one["processor"], one.get("params", {})) for one in networks.get(role, ()))
             for role in RANKED}
    return Preset(name, row["title"], row["help"], tuple(row["effects"]), row.get("params", {}),
                  tuple(networks.get("chain", ())), ranks)


def preset(name: str) -> Preset:
    presets = load_presets()
    if name not in presets:
        raise RecipeError(f"There is no preset {name!r}.", subject=name, code="RECIPE.UNKNOWN_PRESET",
                          remedy=f"Choose from {', '.join(presets)}.")
    return presets[name]


@dataclass(frozen=True, slots=True)
class Stack:
    """What a preset is with the models that are there. slots: those that it runs on. lacking: those that would make it
    better, the first choice of each place that is not filled as well as it could be. remark: which were taken, or why
    none."""

    effects: tuple[Effect, ...]
    remark: Remark
    slots: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()


def chain_for(chosen: Preset, registry: Registry, networks: Networks, *, commercial_safe: bool = False) -> Stack:
    """The best chain of a preset on what is installed: on networks where a swapper is, with all that it needs, and the
    content analyser beside it; else the one that needs no model. commercial_safe: only models whose terms allow
    commercial use count."""
    catalogue = networks.store.catalogue if networks.store is not None else whole_catalogue()
    there = _There(catalogue, networks, commercial_safe)
    best = {role: next((one for one in chosen.ranks.get(role, ()) if there.all(one.slots(registry))), None)
            for role in RANKED}
    lacking = [slot for role in RANKED if role in chosen.networks and chosen.ranks[role]
               for slot in chosen.ranks[role][0].slots(registry)
               if best[role] != chosen.ranks[role][0] and not there.one(slot)]
    guards = [slot for slot in analysers(catalogue) if not there.one(slot)]
    if best["swapper"] is None or guards or networks.store is None:
        return Stack(chosen.chain(registry), _why_none(chosen, best["swapper"] is not None, len(guards)),
                     lacking=tuple(dict.fromkeys([*lacking, *guards])))
    effects = _filled(chosen, best, registry)
    slots = tuple(dict.fromkeys(slot for role in RANKED if (one := best[role]) is not None and role in chosen.networks
                                for slot in one.slots(registry)))
    return Stack(effects, _which(chosen, catalogue, slots), slots, tuple(dict.fromkeys(lacking)))


@dataclass(frozen=True, slots=True)
class _There:
    """Which models may be used here."""

    catalogue: Catalogue
    networks: Networks
    commercial_safe: bool

    def one(self, slot: str) -> bool:
        if self.commercial_safe and obstacle(self.catalogue, self.catalogue.row(slot)) is not None:
            return False
        return self.networks.has(slot)

    def all(self, slots: Sequence[str]) -> bool:
        return all(self.one(slot) for slot in slots)


def _filled(chosen: Preset, best: dict[str, Candidate | None], registry: Registry) -> tuple[Effect, ...]:
    names: list[str] = []
    params = dict(chosen.params)
    for word in chosen.networks:
        if word not in RANKED:
            names.append(word)
        elif (one := best[word]) is not None:
            names.append(one.processor)
            params[one.processor] = {**params.get(one.processor, {}), **one.params}
    return make_effects(names, registry, params)


def _which(chosen: Preset, catalogue: Catalogue, slots: Sequence[str]) -> Remark:
    titles = ", ".join(catalogue.row(slot).title for slot in slots)
    return Remark("PRESET.NETWORKS", f"{chosen.title} runs on {titles}.", {"models": len(slots)})


def _why_none(chosen: Preset, swapper: bool, guards: int) -> Remark:
    if swapper:
        return Remark("PRESET.NO_ANALYSER", f"{chosen.title} takes the classical swap: a neural one is there, and "
                      f"{guards} of the content analyser's models are not.", {"models": guards})
    return Remark("PRESET.CLASSICAL", f"{chosen.title} takes the classical swap: no neural one is there with all that "
                  "it needs.")
