"""What a screen may ask for. Everything that comes from a browser is checked here before anything is done with it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from models.errors import InputError
from pipeline.recipe import Choice


class _Action(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _File(_Action):
    """at: the path of an uploaded file, or, with how "machine", of a file that the user named on this machine. (Not
    called path: Gradio takes every object with that key for a file of its own.)"""

    at: str = Field(min_length=1, max_length=4096)
    name: str = Field("", max_length=400)
    how: Literal["upload", "machine"] = "upload"


class Open(_File):
    do: Literal["open"]


class Close(_Action):
    do: Literal["close"]


class Example(_Action):
    do: Literal["example"]


class AddPhoto(_File):
    """to: the source that the photo belongs to, or None for a new one. group: photos of one choice or drop carry the
    same word: they are one identity."""

    do: Literal["add_photo"]
    to: str | None = None
    group: str | None = Field(None, max_length=80)


class RemovePhoto(_Action):
    do: Literal["remove_photo"]
    source: str
    photo: str


class PickFace(_Action):
    do: Literal["pick_face"]
    source: str
    photo: str
    face: int | None = Field(None, ge=1)


class RenameSource(_Action):
    do: Literal["rename_source"]
    source: str
    name: str = Field(max_length=400)


class RemoveSource(_Action):
    do: Literal["remove_source"]
    source: str


class Consent(_Action):
    do: Literal["consent"]
    source: str


class Choose(_Action):
    do: Literal["choose"]
    person: int = Field(ge=1)
    choice: Choice


class Look(_Action):
    do: Literal["look"]
    small: bool
    turned: bool


class UsePreset(_Action):
    do: Literal["preset"]
    name: str


class AddEffect(_Action):
    do: Literal["add_effect"]
    processor: str


class EffectOf(_Action):
    effect: str


class RemoveEffect(EffectOf):
    do: Literal["remove_effect"]


class MoveEffect(EffectOf):
    do: Literal["move_effect"]
    to: int


class MuteEffect(EffectOf):
    do: Literal["mute_effect"]
    on: bool


class DuplicateEffect(EffectOf):
    do: Literal["duplicate_effect"]


class ResetEffect(EffectOf):
    do: Literal["reset_effect"]


class SetValue(EffectOf):
    do: Literal["set"]
    name: str
    value: Any


class Undo(_Action):
    do: Literal["undo"]


class Redo(_Action):
    do: Literal["redo"]


class Cancel(_Action):
    do: Literal["cancel"]


class Refresh(_Action):
    """Renders the preview that was stopped."""

    do: Literal["refresh"]


class Dismiss(_Action):
    do: Literal["dismiss"]
    notice: int


class Save(_Action):
    """format: jpeg, png …, or None for the picture's own; quality: 1..100, or None for the usual one."""

    do: Literal["save"]
    format: str | None = None
    quality: int | None = Field(None, ge=1, le=100)


class SaveRecipe(_Action):
    do: Literal["save_recipe"]


class LoadRecipe(_File):
    do: Literal["load_recipe"]


Action = Annotated[
    Open | Close | Example | AddPhoto | RemovePhoto | PickFace | RenameSource | RemoveSource | Consent | Choose | Look
    | UsePreset | AddEffect | RemoveEffect | MoveEffect | MuteEffect | DuplicateEffect | ResetEffect | SetValue
    | Undo | Redo | Cancel | Refresh | Dismiss | Save | SaveRecipe | LoadRecipe,
    Field(discriminator="do"),
]
_ADAPTER: TypeAdapter[Any] = TypeAdapter(Action)


def parse_action(data: object) -> Any:
    """One of the classes above. Raises InputError for anything else."""
    try:
        return _ADAPTER.validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"The page asked for something that the studio does not know ({where}: {first['msg']}).",
                         code="STUDIO.UNKNOWN_ACTION", remedy="Reload the page.") from error
