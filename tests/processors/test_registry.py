"""The registry finds what is declared and refuses, loudly, what is declared wrongly."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any, Literal

import pytest
from pydantic import Field

from models.errors import RecipeError, RegistryError
from processors.base import ROLES, Processor, Stream
from processors.context import Context
from processors.params import Choice, Colour, ProcessorParams, Slider, Switch, control_of
from processors.registry import Registry, load_registry, processor


class Everything(ProcessorParams):
    size: float = Slider(0.3, ge=0, le=2, step=0.1, help="How large.")
    bold: bool = Switch(True, help="Or not.", title="Very bold", depth="expert")
    style: Literal["a", "b"] = Choice("b", help="Which.")
    tint: str = Colour("#00ff7f", help="What colour.")


def declare(name: str = "toy", role: Any = "mask", title: str = "Toy", version: str = "1.0",
            params: Any = Everything, doc: str | None = "Does something.") -> type[Processor]:
    class Toy(Processor):
        Params = params

        def process(self, batch: Any, params: Any, ctx: Context) -> Any:
            return batch

    Toy.__doc__ = doc
    return processor(name, title=title, role=role, version=version)(Toy)


class WithoutControl(ProcessorParams):
    size: float = Field(0.5, description="Plain field.")


class WithoutDefault(ProcessorParams):
    size: float


@pytest.mark.parametrize(("wrong", "code"), [
    ({"name": "Toy"}, "REGISTRY.NAME"), ({"name": "x"}, "REGISTRY.NAME"), ({"name": "a b"}, "REGISTRY.NAME"),
    ({"name": "a" * 33}, "REGISTRY.NAME"), ({"role": "painter"}, "REGISTRY.ROLE"),
    ({"title": " "}, "REGISTRY.DECLARATION"), ({"version": "1"}, "REGISTRY.DECLARATION"),
    ({"doc": None}, "REGISTRY.HELP"), ({"params": WithoutControl}, "REGISTRY.PARAMS"),
    ({"params": WithoutDefault}, "REGISTRY.PARAMS"), ({"params": dict}, "REGISTRY.PARAMS"),
])
def test_a_wrong_declaration_is_refused_at_import(wrong: dict[str, Any], code: str) -> None:
    with pytest.raises(RegistryError) as raised:
        declare(**wrong)
    assert raised.value.code == code
    assert raised.value.remedy


def test_a_name_that_is_taken_is_refused() -> None:
    registry = Registry([declare()])
    with pytest.raises(RegistryError, match="toy") as raised:
        registry.add(declare())
    assert raised.value.code == "REGISTRY.DUPLICATE"


def test_a_class_without_the_decorator_is_refused_even_if_its_parent_has_it() -> None:
    parent = declare()
    child = type("Child", (parent,), {})
    with pytest.raises(RegistryError, match="Child"):
        Registry([child])


def test_controls_come_from_the_schema() -> None:
    assert [control_of(name, Everything) for name in Everything.model_fields] == [
        {"control": "slider", "title": "Size", "help": "How large.", "default": 0.3, "depth": "tune",
         "minimum": 0, "maximum": 2, "step": 0.1},
        {"control": "switch", "title": "Very bold", "help": "Or not.", "default": True, "depth": "expert"},
        {"control": "choice", "title": "Style", "help": "Which.", "default": "b", "depth": "tune",
         "choices": ["a", "b"]},
        {"control": "colour", "title": "Tint", "help": "What colour.", "default": "#00ff7f", "depth": "tune"},
    ]


def test_an_unknown_processor_names_those_that_there_are() -> None:
    with pytest.raises(RecipeError, match="nothing") as raised:
        Registry([declare()]).get("nothing")
    assert "toy" in raised.value.remedy


def test_a_foreign_package_that_fails_is_named_and_hurts_nothing_else() -> None:
    registry = load_registry([
        EntryPoint("absent", "no_such_package.anywhere:Thing", "likeness.processors"),
        EntryPoint("empty", "json", "likeness.processors"),
    ])
    assert {p.name for p in registry.problems} == {"absent", "empty"}
    assert "no_such_package" in next(p.reason for p in registry.problems if p.name == "absent")
    assert "geometric" in registry


def test_every_built_in_processor_states_its_stream_and_has_a_schema() -> None:
    registry = load_registry([])
    names = {cls.spec.name for cls in registry}
    assert names >= {"geometric", "anonymise", "detail", "hull", "ellipse", "occlusion", "feather", "poisson",
                     "pyramid", "inspect"}
    stream = Stream(640, 480, alpha=True, depth=16)
    for cls in registry:
        params = cls.Params()
        if cls.spec.name != "upscale":
            assert cls().describe(stream, params) == stream, f"{cls.spec.name} changes no size"
        assert cls.spec.role in ROLES
        controls = [control_of(name, cls.Params) for name in cls.Params.model_fields]
        assert all(control["title"] and control["help"] for control in controls), cls.spec.name
    schema = {row["name"]: row for row in registry.schema()}
    assert schema["geometric"]["parameters"]["properties"]["strength"]["maximum"] == 1
