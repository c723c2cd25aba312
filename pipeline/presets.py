"""Named chains of effects, from the data file beside this one."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from models.errors import RecipeError
from pipeline.recipe import Effect, make_effects
from processors.registry import Registry


@dataclass(frozen=True, slots=True)
class Preset:
    name: str
    title: str
    help: str
    effects: tuple[str, ...]
    params: dict[str, dict[str, Any]]

    def chain(self, registry: Registry) -> tuple[Effect, ...]:
        return make_effects(self.effects, registry, self.params)


DEFAULT = "natural"


def load_presets() -> dict[str, Preset]:
    """By name, in the file's order."""
    data = tomllib.loads(files("pipeline").joinpath("presets.toml").read_text(encoding="utf-8"))
    return {name: Preset(name, row["title"], row["help"], tuple(row["effects"]), row.get("params", {}))
            for name, row in data.items()}


def preset(name: str) -> Preset:
    presets = load_presets()
    if name not in presets:
        raise RecipeError(f"There is no preset {name!r}.", subject=name, code="RECIPE.UNKNOWN_PRESET",
                          remedy=f"Choose from {', '.join(presets)}.")
    return presets[name]
