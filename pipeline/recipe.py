"""The recipe: everything that decides the pixels. Screens, command line and API all make and take this one JSON."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from models.errors import MissingInput, RecipeError
from processors.params import ProcessorParams, control_of
from processors.registry import Registry

SCHEMA_VERSION: Literal[1] = 1

MAX_BYTES = 16 * 1024**2
"""Largest recipe file that is read: a thousand people with a source each are about 0.3 MB."""

AnonymiseStyle = Literal["blur", "pixelate", "solid"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Input(_Model):
    """A file by its content. id: `sha256:` and 64 hexadecimal digits of its bytes (clips above 256 MiB: `sampled:`,
    over their length and 64 places of them); path: where it was last seen."""

    id: str = Field(pattern=r"^(sha256|sampled):[0-9a-f]{64}$")
    name: str
    path: str | None = None


def input_of(id: str, name: str, path: Path | None) -> Input:
    """A file as recipes name it. JSON holds no file names that are not Unicode: such a name is spelt out, and where
    the file lies is left out."""
    seen = str(path.absolute()) if path else None
    return Input(id=id, name=spelt(name), path=seen if seen == spelt(seen or "") else None)


def spelt(text: str) -> str:
    """Text with bytes that are not Unicode (`os.fsdecode` keeps them as lone surrogates) as backslash and number."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


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


Seconds = Annotated[str, Field(pattern=r"^-?[0-9]{1,12}(/[1-9][0-9]{0,11}|\.[0-9]{1,9})?$")]
"""Seconds as an exact fraction ("1001/30") or a decimal ("12.5"), counted from the clip's first picture."""


class Span(_Model):
    """From start up to stop, stop not included; None for the clip's own ends."""

    start: Seconds | None = None
    stop: Seconds | None = None


class Person(_Model):
    """Somebody in a clip, known again by a descriptor: who has which number must not depend on the frame.

    recogniser: whose descriptor it is (`dlib-resnet-v1`); only the same one's may be compared. descriptor: its mean
    over the frames looked at. seen: seconds at which the person's clearest frame lies. name: what the user calls them;
    it decides no pixel.
    """

    number: int = Field(ge=1)
    recogniser: str
    descriptor: tuple[float, ...]
    seen: Seconds | None = None
    name: str = Field(default="", max_length=80)


class Whose(_Model):
    """The user's word on one face: whoever's face is at (x, y) at a time is this person, from the first frame to the
    last in which that face is followed. at: seconds; x, y: shares of the upright picture. number: the person's, 0 for
    nobody of `people` ("this is not her"). Above whatever was found."""

    at: Seconds
    x: float = Field(ge=0, le=1)
    y: float = Field(ge=0, le=1)
    number: int = Field(ge=0)


class Merged(_Model):
    """Two of `people` who are one: whoever is found to be `number` is `into`."""

    number: int = Field(ge=1)
    into: int = Field(ge=1)


class DrawnBox(_Model):
    """A head that the detector missed, drawn by hand: covered from the frame it was drawn on to the ends of its shot.

    at: seconds (a picture: None). x, y, width, height: shares of the upright picture.
    """

    at: Seconds | None = None
    x: float = Field(ge=0, le=1)
    y: float = Field(ge=0, le=1)
    width: float = Field(gt=0, le=1)
    height: float = Field(gt=0, le=1)
    style: AnonymiseStyle = "blur"


class _Fix(_Model):
    """What is to be done in a span, beyond the chain. start, stop: as of a Span; person: the number, 0 for faces that
    are nobody's, None for all."""

    start: Seconds | None = None
    stop: Seconds | None = None
    person: int | None = Field(default=None, ge=0)


class TakeFromNeighbours(_Fix):
    """The face lies between where it is in the frames before and after the span, and is the same person's."""

    fix: Literal["neighbours"] = "neighbours"


class MovePoints(_Fix):
    """Points moved by hand: by their numbers (0..67) how far to the face's left and down, in shares of its outer-eye
    distance."""

    fix: Literal["points"] = "points"
    points: dict[int, tuple[float, float]] = Field(min_length=1)

    @model_validator(mode="after")
    def _numbers_are_points(self) -> MovePoints:
        if not all(0 <= place < 68 for place in self.points):
            raise ValueError("points have the numbers 0 to 67")
        return self


class PaintMask(_Fix):
    """A painted mask: 128 leaves what is drawn as it is, 0 shows the original, 255 all of the change. png: base64 of a
    grey PNG of at most 512 x 512 pixels, over the square of three outer-eye distances that goes along with the face."""

    fix: Literal["mask"] = "mask"
    png: str = Field(min_length=8, max_length=400_000)


class OtherStrength(_Fix):
    """How much of the change is drawn, 0..1."""

    fix: Literal["strength"] = "strength"
    strength: float = Field(ge=0, le=1)


class KeepOriginal(_Fix):
    """The face is left as it is."""

    fix: Literal["original"] = "original"


class HoldLast(_Fix):
    """The face looks as in the last frame before the span, where it is now."""

    fix: Literal["hold"] = "hold"


Fix = TakeFromNeighbours | MovePoints | PaintMask | OtherStrength | KeepOriginal | HoldLast


Container = Literal["mp4", "mov", "mkv", "webm", "avi", "gif", "sequence"]
Codec = Literal["h264", "h265", "av1", "vp9", "prores", "ffv1", "gif", "png", "jpeg", "tiff"]
Encoder = Literal["auto", "software", "nvenc", "qsv", "videotoolbox"]


class ClipOutput(_Model):
    """How a clip is written. None: as the input, or the usual choice for it.

    crf: constant quality of the codec's own scale (H.264, H.265, VP9, AV1), smaller is better. speed: the encoder's
    preset (x264's words for H.264 and H.265). height: scale to so many lines of the upright picture. fps: frames a
    second as an exact fraction; frames are dropped or repeated, never re-timed. sound: keep the sound tracks. encoder:
    which hardware. deinterlace: make whole pictures of interlaced fields. sdr: map HDR to SDR. damaged: refuse a clip
    that is corrupt in the middle, or render it up to the damage. smart: copy what no effect touches as it is, where
    that is exact.
    """

    container: Container | None = None
    codec: Codec | None = None
    crf: int | None = Field(default=None, ge=0, le=63)
    speed: str | None = Field(default=None, pattern=r"^[a-z]{4,9}$")
    height: int | None = Field(default=None, ge=16, le=16384)
    fps: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,6}(/[1-9][0-9]{0,6})?$")] | None = None
    sound: bool = True
    encoder: Encoder = "auto"
    deinterlace: bool = False
    sdr: bool = False
    damaged: Literal["refuse", "up_to"] = "refuse"
    smart: bool = True


class Looking(_Model):
    """How hard faces are looked for: at more pixels, and at the picture turned."""

    small: bool = False
    turned: bool = False


class Output(_Model):
    """format: jpeg, png, webp, tiff, bmp, heic, avif, or None for the target's own. quality: 1..100 for lossy formats,
    None for the target's own or the format's usual one. clip: how a clip is written."""

    format: str | None = None
    quality: int | None = Field(default=None, ge=1, le=100)
    clip: ClipOutput = ClipOutput()


class Recipe(_Model):
    """See the module. cast maps a person's number (as `analyse` prints it) to what happens to that person; everyone
    else gets `everyone`, in clips also faces that are nobody's in `people`. merged, whose: where the user knows
    better who is who in a clip (a person is split by `whose` with a new number in `people`). trim: the span of a clip
    that is rendered. covers: boxes drawn by hand. fixes: the last word on single frames and spans of a clip. accepted:
    doubtful spans of an anonymised clip that somebody looked at and let pass. consent: the statement that changing the
    people shown is permitted, for effects without a source that need it. commercial_safe: only models may be used whose
    terms allow commercial use (`LICENCE.COMMERCIAL`). backdrop: a picture or clip that lies behind people, for effects
    that lay them before it."""

    schema_version: Literal[1] = SCHEMA_VERSION
    made_with: str = ""
    target: Input | None = None
    sources: tuple[SourceInput, ...] = ()
    cast: dict[int, Choice] = Field(default_factory=dict)
    everyone: Choice = Keep()
    people: tuple[Person, ...] = ()
    merged: tuple[Merged, ...] = ()
    whose: tuple[Whose, ...] = ()
    looking: Looking = Looking()
    trim: Span = Span()
    covers: tuple[DrawnBox, ...] = ()
    fixes: tuple[Annotated[Fix, Field(discriminator="fix")], ...] = ()
    accepted: tuple[Span, ...] = ()
    consent: str | None = None
    commercial_safe: bool = False
    backdrop: Input | None = None
    segments: tuple[Segment, ...] = Field(default=(Segment(),), min_length=1)
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
        if {one.number for one in self.merged} & {one.into for one in self.merged}:
            raise ValueError("somebody who is merged into another cannot be one that others are merged into")
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
        """What happens to whoever has this number, or is somebody else's by `merged`."""
        into = next((one.into for one in self.merged if one.number == number), number)
        return self.cast.get(into, self.everyone)

    def to_json(self) -> str:
        """Indented, keys in the schema's order, people in the order of their numbers."""
        ordered = self.model_copy(update={"cast": dict(sorted(self.cast.items()))})
        return ordered.model_dump_json(indent=2) + "\n"


# pydantic's kinds of refusal in plain words; what it says itself is for programmers.
_REFUSALS = {
    "extra_forbidden": "is not known here",
    "missing": "is missing",
    "less_than_equal": "must be at most {le}",
    "greater_than_equal": "must be at least {ge}",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text",
    "literal_error": "must be {expected}",
    "union_tag_invalid": "must have `use` as one of {expected_tags}",
    "union_tag_not_found": "has no `use`",
    "too_short": "is empty",
}


def _in_words(error: ValidationError, what: str) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "[key]")
    known = _REFUSALS.get(first["type"])
    if known is not None and where:
        return f"{what}: {where} {known.format(**first.get('ctx', {}))}."
    return f"{what}: {where + ': ' if where else ''}{first['msg'].removeprefix('Value error, ')}."


def recipe_from_json(text: str, registry: Registry, subject: str = "recipe") -> Recipe:
    """Parses and checks a recipe, its effects' parameters included. Raises RecipeError that names the place."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"{subject} is not JSON: {error}.", subject=subject, code="RECIPE.UNREADABLE",
                          remedy="Give a recipe that Likeness saved.") from error
    if not isinstance(data, dict) or "schema_version" not in data:
        raise RecipeError(f"{subject} is not a recipe: it has no schema_version.", subject=subject,
                          code="RECIPE.UNREADABLE", remedy="Give a recipe that Likeness saved.")
    version = data["schema_version"]
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
    """Raises RecipeError, or MissingInput where there is no such file. Never waits for a pipe or reads a device."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "a device or a pipe"
            raise _no_recipe(path, f"is {what}, not a file")
        if status.st_size > MAX_BYTES:
            raise _no_recipe(path, f"has {status.st_size:,} bytes, more than any recipe")
        # Windows' editors put a mark in front of UTF-8.
        text = path.read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        raise MissingInput(f"There is no file {path}.", subject=str(path), remedy="Check the recipe's path.") from None
    except UnicodeDecodeError as error:
        raise _no_recipe(path, "is not a recipe: it is not UTF-8 text") from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise _no_recipe(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
    return recipe_from_json(text, registry, str(path))


def _no_recipe(path: Path, why: str) -> RecipeError:
    return RecipeError(f"{path} {why}.", subject=str(path), code="RECIPE.UNREADABLE",
                       remedy="Give a recipe that Likeness saved.")


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


def works_on_frames(effects: Iterable[Effect]) -> bool:
    """Whether one of them is on and works on whole frames, whoever is in them. An effect's id begins with its role: see
    `check_effects`."""
    return any(effect.on and effect.id.partition(".")[0] == "frame" for effect in effects)


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
    params = registry.get(found[0].processor).Params
    worded = name in params.model_fields and control_of(name, params)["control"] in ("choice", "name")
    if worded and not isinstance(value, str):
        value = text.strip()  # a word, even where it looks like a number
    changed = found[0].model_copy(update={"params": {**found[0].params, name: value}})
    params_of(changed, registry, assignment)
    return tuple(changed if e is found[0] else e for e in effects)
