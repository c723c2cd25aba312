"""What a screen may ask for. Everything that comes from a browser is checked here before anything is done with it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from models.errors import InputError
from pipeline.jobs.job import Wish
from pipeline.recipe import AnonymiseStyle, Choice, ClipOutput


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
    """source: whose use is permitted; empty: that of those whom the picture or clip shows."""

    do: Literal["consent"]
    source: str = ""


class Choose(_Action):
    do: Literal["choose"]
    person: int = Field(ge=1)
    choice: Choice


class ChooseOthers(_Action):
    """What happens to everybody who is not in the list."""

    do: Literal["choose_others"]
    choice: Choice


class Cover(_Action):
    """A box that was drawn over a head, in shares of the picture or of the frame at the playhead."""

    do: Literal["cover"]
    x: float = Field(ge=0, le=1)
    y: float = Field(ge=0, le=1)
    width: float = Field(gt=0, le=1)
    height: float = Field(gt=0, le=1)
    style: AnonymiseStyle = "blur"

    @property
    def box(self) -> dict[str, Any]:
        return self.model_dump(exclude={"do"})


class StyleCover(_Action):
    """cover: the box's place in the list."""

    do: Literal["style_cover"]
    cover: int = Field(ge=0)
    style: AnonymiseStyle


class Uncover(_Action):
    do: Literal["uncover"]
    cover: int = Field(ge=0)


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


class ChooseBackdrop(_File):
    """The picture or clip that lies behind people, for every effect that lays them before one."""

    do: Literal["choose_backdrop"]


class RemoveBackdrop(_Action):
    do: Literal["remove_backdrop"]


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


# The Clip screen. Frames are numbered from 0. ---------------------------------------------------------------------


class Screen(_Action):
    """Which screen is looked at: what the other actions are about."""

    do: Literal["screen"]
    to: Literal["image", "clip"]


class At(_Action):
    """The playhead has come to rest on a frame. jump: of the last view that the page had seen: where the studio has
    moved the playhead since, that counts."""

    do: Literal["at"]
    frame: int = Field(ge=0)
    jump: int | None = None


class Trim(_Action):
    """start: the first frame; stop: the first one that is left out; None for the clip's ends."""

    do: Literal["trim"]
    start: int | None = Field(None, ge=0)
    stop: int | None = Field(None, ge=1)


class Split(_Action):
    do: Literal["split"]
    frame: int = Field(ge=0)


class Join(_Action):
    """Makes one of a segment (its place in the list) and the one before it."""

    do: Literal["join"]
    segment: int


class MoveSplit(_Action):
    """Where a segment begins, and the one before it ends."""

    do: Literal["move_split"]
    segment: int
    frame: int = Field(ge=0)


class PreviewSpan(_Action):
    """Renders a few seconds round a frame."""

    do: Literal["preview_span"]
    frame: int = Field(ge=0)


class ClipExample(_Action):
    do: Literal["clip_example"]


class OutputSettings(_Action):
    """How the clip is to be written."""

    do: Literal["clip_output"]
    settings: ClipOutput


class Estimates(_Action):
    """What a render would take, whether or not the page could know already. output: as in Render."""

    do: Literal["estimate"]
    output: str | None = Field(None, max_length=4096)


class NamePerson(_Action):
    """What somebody in the clip is called; empty: by the number."""

    do: Literal["name_person"]
    person: int = Field(ge=1)
    name: str = Field(max_length=80)


class MergePeople(_Action):
    """Two numbers are one person."""

    do: Literal["merge_people"]
    person: int = Field(ge=1)
    into: int = Field(ge=1)


class SeparatePeople(_Action):
    """Takes back that a number is somebody else's."""

    do: Literal["separate_people"]
    person: int = Field(ge=1)


class SayWho(_Action):
    """Who a face is, for all of its track: the one at (x, y), in shares of the frame, or where these are not given the
    one in the lane of `person`. to: a number, 0 for nobody of the list, None for somebody new. everywhere: so is
    whoever looks more like it."""

    do: Literal["say_who"]
    frame: int = Field(ge=0)
    person: int = Field(ge=0)
    x: float | None = Field(None, ge=0, le=1)
    y: float | None = Field(None, ge=0, le=1)
    to: int | None = Field(None, ge=0)
    everywhere: bool = False


class Survey(_Action):
    """Whether the whole clip is to be gone through, aside."""

    do: Literal["survey"]
    on: bool


class Render(_Action):
    """Queues a render. output: a path on this machine, None for the one that was proposed."""

    do: Literal["render"]
    output: str | None = Field(None, max_length=4096)
    overwrite: bool = False


class OfJob(_Action):
    job: str = Field(pattern=r"^[0-9a-f]{1,64}$")


class AskJob(OfJob):
    do: Literal["job"]
    wish: Wish


class TakeUp(OfJob):
    """Opens the clip of a job with its recipe. seconds: where to look."""

    do: Literal["take_up"]
    seconds: float | None = None


class Accept(OfJob):
    """A doubtful span of an anonymised clip was looked at: nobody can be recognised there."""

    do: Literal["accept"]
    start: float
    stop: float


class GoOn(OfJob):
    """Renders a held job again with the boxes that were drawn and the spans that were accepted."""

    do: Literal["go_on"]


class PlayResult(OfJob):
    do: Literal["play_result"]


class LookAtFindings(OfJob):
    """Opens the clip of a finished job, with what was found in its result."""

    do: Literal["findings"]


class IgnoreFinding(_Action):
    """finding: the key of one of those that are looked at. ignored: False takes it back."""

    do: Literal["ignore_finding"]
    finding: str = Field(max_length=200)
    ignored: bool = True


class AddFix(_Action):
    """The last word on frames first to last. person: the number, 0 for faces that are nobody's, None for all. fix: as
    in the recipe, without span and person; one of the same kind, span and person gives way to it, and one beside which
    it would mean nothing."""

    do: Literal["fix"]
    first: int
    last: int
    person: int | None = None
    fix: dict[str, Any]


class RemoveFix(_Action):
    """fix: its place in the list."""

    do: Literal["unfix"]
    fix: int


class RenderAgain(_Action):
    """Queues the recipe with its fixes, under a new name beside the render that is looked at."""

    do: Literal["render_again"]


Action = Annotated[
    Open | Close | Example | AddPhoto | RemovePhoto | PickFace | RenameSource | RemoveSource | Consent | Choose
    | ChooseOthers | Look | Cover | StyleCover | Uncover
    | UsePreset | AddEffect | RemoveEffect | MoveEffect | MuteEffect | DuplicateEffect | ResetEffect | SetValue
    | ChooseBackdrop | RemoveBackdrop
    | Undo | Redo | Cancel | Refresh | Dismiss | Save | SaveRecipe | LoadRecipe
    | Screen | At | Trim | Split | Join | MoveSplit | PreviewSpan | ClipExample | OutputSettings | Estimates
    | NamePerson | MergePeople | SeparatePeople | SayWho | Survey
    | Render | AskJob | TakeUp | Accept | GoOn | PlayResult
    | LookAtFindings | IgnoreFinding | AddFix | RemoveFix | RenderAgain,
    Field(discriminator="do"),
]
_ADAPTER: TypeAdapter[Any] = TypeAdapter(Action)


# The Models screen. -----------------------------------------------------------------------------------------------


class LookAtModels(_Action):
    do: Literal["models"]


class FetchModels(_Action):
    """Queues their downloads, and those of what they need beside them. agreed: slots whose licence was read and is
    kept to."""

    do: Literal["fetch_models"]
    slots: tuple[str, ...] = Field(min_length=1, max_length=400)
    agreed: tuple[str, ...] = Field((), max_length=400)


class Mine(_File):
    """One of the user's own files; with how "machine" also a folder of them."""


class TakeInModels(_Action):
    do: Literal["take_in_models"]
    files: tuple[Mine, ...] = Field(min_length=1, max_length=400)


class RemoveModel(_Action):
    do: Literal["remove_model"]
    slot: str


class VerifyModels(_Action):
    """slot: None for all that are here."""

    do: Literal["verify_models"]
    slot: str | None = None


class CommercialSafe(_Action):
    """Whether only models are shown and used whose terms allow commercial use."""

    do: Literal["commercial_safe"]
    on: bool


ModelAction = Annotated[LookAtModels | FetchModels | TakeInModels | RemoveModel | VerifyModels | CommercialSafe,
                        Field(discriminator="do")]
_MODEL_ADAPTER: TypeAdapter[Any] = TypeAdapter(ModelAction)


def parse_action(data: object) -> Any:
    """One of the classes of `Action`. Raises InputError for anything else."""
    return _parsed(_ADAPTER, data)


def parse_model_action(data: object) -> Any:
    """One of the classes of `ModelAction`. Raises InputError for anything else."""
    return _parsed(_MODEL_ADAPTER, data)


def _parsed(adapter: TypeAdapter[Any], data: object) -> Any:
    try:
        return adapter.validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"The page asked for something that the studio does not know ({where}: {first['msg']}).",
                         code="STUDIO.UNKNOWN_ACTION", remedy="Reload the page.") from error
