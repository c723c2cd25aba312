"""The recipe: everything that decides the pixels. Screens, command line and API all make and take this one JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from models.errors import RecipeError
from processors.params import ProcessorParams
from processors.registry import Registry

SCHEMA_VERSION: Literal[1] = 1

AnonymiseStyle = Literal["blur", "pixelate", "solid"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Input(_Model):
    """A file by its content. id: `sha256:` and 64 hexadecimal digits of its bytes; path: where it was last seen."""

    id: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    name: str
    path: str | None = None


class Photo(Input):
    """One photo of a source. face: number of the face that is meant, or None for the largest."""

    face: int | None = Field(default=None, ge=1)


class SourceInput(_Model):
    """An identity: a name, its photos, and the statement that its use is permitted (as the user made it, or None)."""

    name: str = Field(min_length=1, max_length=80)
    photos: tuple[Photo, ...] = Field(min_length=1)
    consent: str | None = None


class Keep(_Model):
    """Leave this person alone."""

    use: Literal["keep"] = "keep"


class UseSource(_Model):
    """Put a source on this person."""

    use: Literal["source"] = "source"
    source: str


class Anonymise(_Model):
    """Make this person unrecognisable."""

    use: Literal["anonymise"] = "anonymise"
    style: AnonymiseStyle = "blur"


class RunEffects(_Model):
    """Run the chain on this person without a source (only its effects that need none)."""

    use: Literal["effects"] = "effects"


Choice = Annotated[Keep | UseSource | RunEffects | Anonymise, Field(discriminator="use")]


class Effect(_Model):
    """One processor with parameters. id: its role, with `.2`, `.3` … for the second and further of that role."""

    id: str
    processor: str
    version: str
    on: bool = True
    params: dict[str, Any] = Field(default_factory=dict)


class Segment(_Model):
    """A span and its chain of effects. start, stop: seconds as exact fractions ("1001/30"), None for the ends; a
    picture has one segment without either."""

    start: str | None = None
    stop: str | None = None
    effects: tuple[Effect, ...] = ()


class Looking(_Model):
    """How hard faces are looked for: at more pixels, and at the picture turned."""

    small: bool = False
    turned: bool = False


class Output(_Model):
    """format: jpeg, png, webp, tiff, bmp, heic, avif, or None for the target's own. quality: 1..100 for lossy formats,
    None for the target's own or the format's usual one."""

    format: str | None = None
    quality: int | None = Field(default=None, ge=1, le=100)


class Recipe(_Model):
    """See the module. cast maps a person's number (as `analyse` prints it) to what happens to that person; everyone
    else gets `everyone`."""

    schema_version: Literal[1] = SCHEMA_VERSION
    made_with: str = ""
    target: Input | None = None
    sources: tuple[SourceInput, ...] = ()
    cast: dict[int, Choice] = Field(default_factory=dict)
    everyone: Choice = Keep()
    looking: Looking = Looking()
    segments: tuple[Segment, ...] = (Segment(),)
    output: Output = Output()

    @model_validator(mode="after")
    def _names_hold_together(self) -> Recipe:
        names = [source.name for source in self.sources]
        if len(set(names)) != len(names):
            raise ValueError("two sources have the same name")
        for choice in (*self.cast.values(), self.everyone):
            if isinstance(choice, UseSource) and choice.source not in names:
                raise ValueError(f"there is no source called {choice.source!r}")
        if any(number < 1 for number in self.cast):
            raise ValueError("person numbers begin at 1")
        for segment in self.segments:
            ids = [effect.id for effect in segment.effects]
            if len(set(ids)) != len(ids):
                raise ValueError("two effects have the same id")
        return self

    @property
    def effects(self) -> tuple[Effect, ...]:
        """The first segment's chain: a picture's only one."""
        return self.segments[0].effects

    def with_effects(self, effects: Sequence[Effect]) -> Recipe:
        first = self.segments[0].model_copy(update={"effects": tuple(effects)})
        return self.model_copy(update={"segments": (first, *self.segments[1:])})

    def choice_for(self, number: int) -> Keep | UseSource | RunEffects | Anonymise:
        return self.cast.get(number, self.everyone)

    def to_json(self) -> str:
        """Indented, keys in the schema's order, people in the order of their numbers."""
        ordered = self.model_copy(update={"cast": dict(sorted(self.cast.items()))})
        return ordered.model_dump_json(indent=2) + "\n"


def _in_words(error: ValidationError, what: str) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{what}: {where + ': ' if where else ''}{first['msg'].removeprefix('Value error, ')}."


def recipe_from_json(text: str, registry: Registry, subject: str = "recipe") -> Recipe:
    """Parses and checks a recipe, its effects' parameters included. Raises RecipeError that names the place."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"{subject} is not JSON: {error}.", subject=subject, code="RECIPE.UNREADABLE",
                          remedy="Give a recipe that Likeness saved.") from error
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != SCHEMA_VERSION:
        raise RecipeError(f"{subject} has schema_version {version!r}; this version of Likeness reads {SCHEMA_VERSION}.",
                          subject=subject, code="RECIPE.VERSION", remedy="Update Likeness, or save the recipe anew.")
    try:
        recipe = Recipe.model_validate(data)
    except ValidationError as error:
        raise RecipeError(_in_words(error, subject), subject=subject,
                          remedy="Correct it, or save the recipe anew.") from error
    for segment in recipe.segments:
        check_effects(segment.effects, registry, subject)
    return recipe


def read_recipe(path: Path, registry: Registry) -> Recipe:
    """Raises RecipeError, or MissingInput where there is no such file."""
    from models.errors import MissingInput

    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MissingInput(f"There is no file {path}.", subject=str(path), remedy="Check the recipe's path.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} cannot be read: {error}.", subject=str(path), code="RECIPE.UNREADABLE",
                          remedy="Give a recipe that Likeness saved.") from error
    return recipe_from_json(text, registry, str(path))


def check_effects(effects: Iterable[Effect], registry: Registry, subject: str = "recipe") -> None:
    """Raises RecipeError for an unknown processor, a wrong id or a parameter that its processor refuses."""
    counts: dict[str, int] = {}
    for effect in effects:
        role = registry.get(effect.processor).spec.role
        counts[role] = counts.get(role, 0) + 1
        base, _, suffix = effect.id.partition(".")
        if base != role or (suffix and not suffix.isdigit()):
            raise RecipeError(f"{subject}: effect {effect.id!r} runs {effect.processor}, which is a {role}.",
                              subject=effect.id, remedy=f"Call it {role}, or {role}.2 for the second.")
        params_of(effect, registry, subject)


def params_of(effect: Effect, registry: Registry, subject: str = "recipe") -> ProcessorParams:
    """The effect's parameters, checked; missing ones have their defaults."""
    try:
        return registry.get(effect.processor).Params.model_validate(effect.params)
    except ValidationError as error:
        raise RecipeError(_in_words(error, f"{subject}: {effect.id} ({effect.processor})"), subject=effect.id,
                          code="RECIPE.PARAMETER",
                          remedy="See the reference page, or `processors --json`.") from error


def make_effects(names: Sequence[str], registry: Registry, values: Mapping[str, Mapping[str, Any]] | None = None,
                 ) -> tuple[Effect, ...]:
    """A chain of processors by name, with ids by role. values: parameters by processor name."""
    counts: dict[str, int] = {}
    effects: list[Effect] = []
    for name in names:
        spec = registry.get(name).spec
        counts[spec.role] = counts.get(spec.role, 0) + 1
        number = counts[spec.role]
        effects.append(Effect(id=spec.role if number == 1 else f"{spec.role}.{number}", processor=name,
                              version=spec.version, params=dict((values or {}).get(name, {}))))
    check_effects(effects, registry)
    return tuple(effects)


def set_parameter(effects: Sequence[Effect], assignment: str, registry: Registry) -> tuple[Effect, ...]:
    """Applies one `ID.NAME=VALUE` (`enhancer.2.amount=0.4`). The value is JSON, or else taken as text.

    ID is an effect's id, or a processor's name where the chain has it once.
    """
    address, equals, text = assignment.partition("=")
    effect_id, dot, name = address.strip().rpartition(".")
    if not equals or not dot:
        raise RecipeError(f"{assignment!r} is not ID.NAME=VALUE.", subject=assignment, code="RECIPE.PARAMETER",
                          remedy="Write for example swapper.strength=0.8.")
    found = [e for e in effects if e.id == effect_id] or [e for e in effects if e.processor == effect_id]
    if len(found) != 1:
        raise RecipeError(f"The chain has no single effect {effect_id!r}.", subject=effect_id,
                          code="RECIPE.UNKNOWN_EFFECT",
                          remedy=f"It has {', '.join(e.id for e in effects) or 'no effects'}.")
    try:
        value = json.loads(text)
    except ValueError:
        value = text.strip()
    changed = found[0].model_copy(update={"params": {**found[0].params, name: value}})
    params_of(changed, registry, assignment)
    return tuple(changed if e is found[0] else e for e in effects)
