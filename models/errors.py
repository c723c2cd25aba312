"""The one family of errors that people may see: a dotted code, the subject, and the remedy."""

from __future__ import annotations


class LikenessError(Exception):
    """Base of the family.

    code: dotted, upper case, stable (`INPUT.NO_FACE`): what programs and translations match on.
    subject: what it is about, usually a file's name, as the user gave it.
    message: one sentence in English that says what is wrong; it names the subject.
    remedy: one sentence in English that says what to do.
    """

    code = "LIKENESS.ERROR"

    def __init__(self, message: str, *, subject: str = "", remedy: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.subject = subject
        self.remedy = remedy
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.code}: {self.message} {self.remedy}".strip()


class InputError(LikenessError, ValueError):
    """Something that the user gave cannot be used (`INPUT.*`)."""

    code = "INPUT.INVALID"


class MissingInput(InputError, FileNotFoundError):
    """A file that the user named is not there (`INPUT.MISSING`)."""

    code = "INPUT.MISSING"


class NoFace(InputError):
    """A picture that needs a face has none that can be found (`INPUT.NO_FACE`)."""

    code = "INPUT.NO_FACE"


class MediaError(LikenessError, ValueError):
    """A picture or clip cannot be read (`MEDIA.*`)."""

    code = "MEDIA.UNREADABLE"


class RecipeError(LikenessError, ValueError):
    """A recipe, an effect's parameters or a mapping is not valid (`RECIPE.*`)."""

    code = "RECIPE.INVALID"


class OutputError(LikenessError, OSError):
    """The output cannot be written (`OUTPUT.*`, `DISK.FULL`)."""

    code = "OUTPUT.UNWRITABLE"


class ModelError(LikenessError, RuntimeError):
    """A model is missing, wrong or cannot be loaded (`MODEL.*`)."""

    code = "MODEL.MISSING"


class ProcessorError(LikenessError, RuntimeError):
    """A processor failed; the message names it (`PROCESSOR.FAILED`)."""

    code = "PROCESSOR.FAILED"


class RegistryError(LikenessError, TypeError):
    """A processor is declared wrongly: a fault of its author, raised at import (`REGISTRY.*`)."""

    code = "REGISTRY.INVALID"


class Cancelled(LikenessError):
    """The user asked to stop (`CANCELLED.USER`)."""

    code = "CANCELLED.USER"
