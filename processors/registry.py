"""Finds processors, and fails loudly where one is declared wrongly."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from pydantic_core import PydanticUndefined

import processors
from models.errors import LikenessError, RecipeError, RegistryError
from processors.base import ROLES, Processor, Role, Spec
from processors.params import ProcessorParams

GROUP = "likeness.processors"
_NAME = re.compile(r"[a-z][a-z0-9_]{1,31}")
_CONTROLS = ("slider", "switch", "choice", "colour", "name")


def processor(
    name: str, *, title: str, role: Role, version: str,
) -> Callable[[type[Processor]], type[Processor]]:
    """Declares a class as a processor; its docstring's first line is the help that people see.

    Raises RegistryError at import for a bad name, role or version, no help, or a parameter without default or control.
    """

    def declare(cls: type[Processor]) -> type[Processor]:
        if not _NAME.fullmatch(name):
            raise RegistryError(f"Processor name {name!r} is not lower-case letters, digits and _ (2 to 32).",
                                subject=name, remedy="Rename it.", code="REGISTRY.NAME")
        if role not in ROLES:
            raise RegistryError(f"Processor {name} has the role {role!r}.", subject=name,
                                remedy=f"Use one of {', '.join(ROLES)}.", code="REGISTRY.ROLE")
        if not title.strip() or not re.fullmatch(r"\d+\.\d+", version):
            raise RegistryError(f"Processor {name} needs a title and a version like 1.0.", subject=name,
                                remedy="Add them to the decorator.", code="REGISTRY.DECLARATION")
        if not cls.__doc__:
            raise RegistryError(f"Processor {name} has no docstring.", subject=name,
                                remedy="Say in one line what it does.", code="REGISTRY.HELP")
        if not issubclass(cls.Params, ProcessorParams):
            raise RegistryError(f"Processor {name}: Params is not a ProcessorParams.", subject=name,
                                remedy="Derive it from processors.params.ProcessorParams.", code="REGISTRY.PARAMS")
        for field_name, field in cls.Params.model_fields.items():
            extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
            if field.default is PydanticUndefined or extra.get("control") not in _CONTROLS or not field.description:
                raise RegistryError(f"Processor {name}: parameter {field_name} has no default, control or help.",
                                    subject=f"{name}.{field_name}",
                                    remedy="Declare it with Slider, Switch, Choice, Colour or Name.",
                                    code="REGISTRY.PARAMS")
        cls.spec = Spec(name, title, role, version, inspect.cleandoc(cls.__doc__).splitlines()[0])
        return cls

    return declare


@dataclass(frozen=True, slots=True)
class Problem:
    """A foreign package whose processors could not be loaded: its entry point's name and why."""

    name: str
    reason: str


class Registry:
    """The processors of one run, by name."""

    def __init__(self, classes: Iterable[type[Processor]] = (), problems: Iterable[Problem] = ()) -> None:
        self._classes: dict[str, type[Processor]] = {}
        self.problems = tuple(problems)
        for cls in classes:
            self.add(cls)

    def add(self, cls: type[Processor]) -> None:
        """Raises RegistryError for a class that is not declared, or whose name is taken."""
        spec = cls.__dict__.get("spec")
        if not isinstance(spec, Spec):
            raise RegistryError(f"{cls.__name__} lacks the processor decorator.", subject=cls.__name__,
                                remedy="Add it.", code="REGISTRY.DECLARATION")
        if spec.name in self._classes:
            other = self._classes[spec.name]
            raise RegistryError(f"Two processors are called {spec.name}: {other.__module__} and {cls.__module__}.",
                                subject=spec.name, remedy="Rename one.", code="REGISTRY.DUPLICATE")
        self._classes[spec.name] = cls

    def __iter__(self) -> Iterator[type[Processor]]:
        """In the order of roles, then of names."""
        return iter(sorted(self._classes.values(), key=lambda c: (ROLES.index(c.spec.role), c.spec.name)))

    def __contains__(self, name: object) -> bool:
        return name in self._classes

    def get(self, name: str) -> type[Processor]:
        """Raises RecipeError where there is none of that name."""
        try:
            return self._classes[name]
        except KeyError:
            raise RecipeError(f"There is no processor called {name!r}.", subject=name, code="RECIPE.UNKNOWN_PROCESSOR",
                              remedy=f"Choose from {', '.join(sorted(self._classes))}.") from None

    def of_role(self, role: Role) -> list[type[Processor]]:
        return [cls for cls in self if cls.spec.role == role]

    def schema(self) -> list[dict[str, Any]]:
        """One entry a processor: name, title, role, version, help and the JSON Schema of its parameters."""
        return [{
            "name": cls.spec.name, "title": cls.spec.title, "role": cls.spec.role, "version": cls.spec.version,
            "help": cls.spec.help, "parameters": cls.Params.model_json_schema(),
        } for cls in self]


def _declared(module: object) -> list[type[Processor]]:
    """Processor classes that a module itself declares, in the order of its names."""
    return [value for _, value in inspect.getmembers(module, inspect.isclass)
            if issubclass(value, Processor) and "spec" in value.__dict__
            and value.__module__ == getattr(module, "__name__", None)]


def built_in() -> list[type[Processor]]:
    """Every processor in the role folders beside this file."""
    found: list[type[Processor]] = []
    for package in pkgutil.iter_modules(processors.__path__, "processors."):
        if package.ispkg:
            for module in pkgutil.iter_modules(importlib.import_module(package.name).__path__, package.name + "."):
                found += _declared(importlib.import_module(module.name))
    return found


def load_registry(foreign: Iterable[EntryPoint] | None = None) -> Registry:
    """The built-in processors and those of installed packages (entry-point group `likeness.processors`; an entry
    point names a processor class or a module of them).

    A fault among the built-in ones raises. A foreign package that fails is left out and named in `problems`: it must
    not keep the studio from starting.
    """
    points = sorted(entry_points(group=GROUP) if foreign is None else foreign, key=lambda p: p.name)
    registry = Registry(built_in())
    problems: list[Problem] = []
    for point in points:
        try:
            loaded = point.load()
            classes = [cast(type[Processor], loaded)] if inspect.isclass(loaded) else _declared(loaded)
            if not classes:
                raise RegistryError(f"Entry point {point.name} holds no processor.", subject=point.name,
                                    remedy="Point it at a declared class.", code="REGISTRY.DECLARATION")
            for cls in classes:
                registry.add(cls)
        except Exception as error:  # whatever a foreign module does at import is reported, not suffered
            reason = error.message if isinstance(error, LikenessError) else f"{type(error).__name__}: {error}"
            problems.append(Problem(point.name, reason))
    registry.problems = tuple(problems)
    return registry
