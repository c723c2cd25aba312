"""`processors`, and the generated pages of docs/: everything that is said of processors and parameters comes from the
registry."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterable
from typing import Any

from pipeline.presets import load_presets
from pipeline.recipe import Recipe
from processors.base import Processor
from processors.params import control_of
from processors.registry import Registry, load_registry
from studio.commands.faults import DONE
from studio.commands.terminal import Terminal, printable

ROLE_HELP = {
    "swapper": "changes who is seen",
    "editor": "changes what a face does, or its age",
    "enhancer": "changes how it is seen",
    "mask": "says which pixels count",
    "blender": "lays the face into the picture",
    "frame": "works on the whole picture",
}


def processors(_args: Namespace, terminal: Terminal) -> int:
    registry = load_registry()
    terminal.answer(_data(registry), _words(registry))
    for problem in registry.problems:
        terminal.note(f"The processor package {problem.name} was left out: {problem.reason}")
    return DONE


def _data(registry: Registry) -> dict[str, Any]:
    return {
        "processors": registry.schema(),
        "presets": [{"name": p.name, "title": p.title, "help": p.help,
                     "effects": [e.model_dump(mode="json") for e in p.chain(registry)]}
                    for p in load_presets().values()],
        "problems": [{"name": p.name, "reason": p.reason} for p in registry.problems],
    }


def flag(role: str, name: str, control: dict[str, Any]) -> str:
    """The flag that sets one parameter to its default: `--set swapper.strength=1.0`."""
    return f"--set {role}.{name}={written(control['default'])}"


def written(value: object) -> str:
    """A value as a flag takes it."""
    return value if isinstance(value, str) else json.dumps(value)


def span(control: dict[str, Any]) -> str:
    """What values a control takes, in words."""
    if control["control"] == "slider":
        return f"{control['minimum']:g} to {control['maximum']:g}"
    if control["control"] == "choice":
        return ", ".join(written(choice) for choice in control["choices"])
    return {"switch": "true or false", "colour": "#rrggbb", "name": "a name"}[control["control"]]


def _words(registry: Registry) -> str:
    lines: list[str] = []
    role = ""
    for cls in registry:
        if cls.spec.role != role:
            role = cls.spec.role
            lines += [*([""] if lines else []), f"{role} ({ROLE_HELP[role]})"]
        lines.append(f"  {cls.spec.name} {cls.spec.version}: {printable(cls.spec.help)}")
        for name in cls.Params.model_fields:
            control = control_of(name, cls.Params)
            lines.append(f"    {flag(role, name, control):<40} {span(control)}. {printable(control['help'])}")
    lines += ["", "presets"]
    lines += [f"  {p.name}: {', '.join(p.effects)}" for p in load_presets().values()]
    lines += ["", "The second effect of a role is set as enhancer.2.NAME=VALUE, and so on."]
    return "\n".join(lines)


def reference_page(registry: Registry) -> str:
    """docs/processors.md."""
    lines = ["# Processors", "",
             "Generated from the registry by `python3 -m uv run python docs/generate.py`; do not edit.", "",
             "An effect is one processor with parameters. `--set` addresses it by its role, and the second of a role "
             "as `enhancer.2`. *Expert* parameters show in the studio after one more click.", "", "## Presets", "",
             "| preset | chain | what for |", "|---|---|---|"]
    lines += [f"| {p.name} | {' → '.join(p.effects)} | {p.help} |" for p in load_presets().values()]
    role = ""
    for cls in registry:
        if cls.spec.role != role:
            role = cls.spec.role
            lines += ["", f"## {role.capitalize()}: {ROLE_HELP[role]}"]
        lines += _section(cls)
    return "\n".join(lines) + "\n"


def _section(cls: type[Processor]) -> Iterable[str]:
    spec = cls.spec
    yield from ("", f"### {spec.title} (`{spec.name}` {spec.version})", "", spec.help)
    if not cls.Params.model_fields:
        yield from ("", "No parameters.")
        return
    yield from ("", "| flag | values | default | what it does |", "|---|---|---|---|")
    for name in cls.Params.model_fields:
        control = control_of(name, cls.Params)
        expert = " *Expert.*" if control["depth"] == "expert" else ""
        yield (f"| `--set {spec.role}.{name}=` | {span(control)} | {written(control['default'])} | "
               f"{control['help']}{expert} |")


def recipe_schema() -> str:
    """docs/recipe.schema.json."""
    return json.dumps(Recipe.model_json_schema(), indent=2, ensure_ascii=False) + "\n"
