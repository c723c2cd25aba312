"""Parameters, written once: sliders, flags, JSON Schema, recipe validation and the reference page come from here."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Depth = Literal["tune", "expert"]
"""Where a control shows: `tune` at once, `expert` behind one more click."""


class ProcessorParams(BaseModel):
    """Base of every processor's `Params`. Unknown names, wrong types and values out of range are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, strict=True)


def Slider(  # noqa: N802 - reads as a control where it is used, like pydantic's Field
    default: float, *, ge: float, le: float, help: str, title: str | None = None, step: float = 0.01,
    depth: Depth = "tune",
) -> Any:
    """A number from `ge` to `le`, both included."""
    return Field(default, ge=ge, le=le, title=title, description=help,
                 json_schema_extra={"control": "slider", "step": step, "depth": depth})


def Switch(default: bool, *, help: str, title: str | None = None, depth: Depth = "tune") -> Any:  # noqa: N802
    """Yes or no."""
    return Field(default, title=title, description=help, json_schema_extra={"control": "switch", "depth": depth})


def Choice(default: str, *, help: str, title: str | None = None, depth: Depth = "tune") -> Any:  # noqa: N802
    """One of a few words; annotate the field with `Literal[...]`."""
    return Field(default, title=title, description=help, json_schema_extra={"control": "choice", "depth": depth})


def Colour(default: str, *, help: str, title: str | None = None, depth: Depth = "tune") -> Any:  # noqa: N802
    """A colour as `#rrggbb`."""
    return Field(default, pattern=r"^#[0-9a-fA-F]{6}$", title=title, description=help,
                 json_schema_extra={"control": "colour", "depth": depth})


def Name(  # noqa: N802
    default: str, *, help: str, of: str = "", title: str | None = None, depth: Depth = "tune",
) -> Any:
    """The name of something that this machine has, such as a model of the user's own; never a path. of: the family of
    models whose names these are, so that a screen can list those that are there; empty for anything else."""
    return Field(default, max_length=200, pattern=r"^[^/\\\x00-\x1f]*$", title=title, description=help,
                 json_schema_extra={"control": "name", "of": of, "depth": depth})


def title_of(name: str, params: type[ProcessorParams]) -> str:
    """The label of one field: its own title, else its name in words."""
    return params.model_fields[name].title or name.replace("_", " ").capitalize()


def control_of(name: str, params: type[ProcessorParams]) -> dict[str, Any]:
    """What a screen or a flag needs to know of one field.

    Keys: control (slider, switch, choice, colour, name), title, help, default, depth, and minimum, maximum, step
    (slider), choices (choice), or of (name; see `Name`).
    """
    field = params.model_fields[name]
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    found: dict[str, Any] = {
        "control": extra.get("control"), "title": title_of(name, params), "help": field.description or "",
        "default": field.default, "depth": extra.get("depth", "tune"),
    }
    if found["control"] == "slider":
        for rule in field.metadata:
            found["minimum"] = getattr(rule, "ge", found.get("minimum"))
            found["maximum"] = getattr(rule, "le", found.get("maximum"))
        found["step"] = extra.get("step")
    if found["control"] == "choice":
        found["choices"] = list(get_args(field.annotation))
    if found["control"] == "name":
        found["of"] = extra.get("of", "")
    return found
