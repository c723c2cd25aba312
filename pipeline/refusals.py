"""What the gate answers (see `pipeline.gate`): nothing heavy, so that the door can tell it apart."""

from __future__ import annotations

from collections.abc import Sequence

from models.errors import LikenessError, ModelError


class GateMissing(ModelError):
    """The content analyser is not there (`GATE.MISSING`)."""

    code = "GATE.MISSING"


class ConsentMissing(LikenessError, PermissionError):
    """Nobody said that the use of a face is permitted (`CONSENT.MISSING`)."""

    code = "CONSENT.MISSING"


class Refused(LikenessError, PermissionError):
    """The content analyser refused a picture, or frames of a clip (`GATE.REFUSED`). spans: seconds from the clip's
    first picture, (start, stop), stop not included; none for a picture. ticks: the frames' own."""

    code = "GATE.REFUSED"

    def __init__(self, name: str, message: str, remedy: str, spans: Sequence[tuple[float, float]] = (),
                 ticks: Sequence[int] = ()) -> None:
        super().__init__(message, subject=name, remedy=remedy)
        self.spans, self.ticks = tuple(spans), tuple(ticks)
