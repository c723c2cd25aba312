"""How far a render is, and the way to hold or stop it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Stage = Literal["look", "analyse", "render", "join", "fetch"]
PartState = Literal["waiting", "running", "done"]


@dataclass(frozen=True, slots=True)
class ClipProgress:
    """stage: looking for people, finding every face in every frame, rendering, or joining the parts; or fetching a
    model. done, total: frames; of a download bytes, and 0 where the server does not say how many. fps: frames (bytes) a
    second of work, measured over the last few seconds. eta: seconds left, None until 3 % or 5 s are done. parts: their
    states in order. picture: the last frame as a small JPEG, now and then."""

    stage: Stage
    done: int
    total: int
    fps: float = 0.0
    eta: float | None = None
    parts: tuple[PartState, ...] = ()
    picture: bytes | None = None


@dataclass(frozen=True, slots=True)
class Control:
    """What a render asks between frames. cancelled: stop for good, keep finished parts. paused: wait."""

    cancelled: Callable[[], bool] = lambda: False
    paused: Callable[[], bool] = lambda: False
    progress: Callable[[ClipProgress], None] = lambda _progress: None

    def wait(self) -> float:
        """Returns when work may go on, or is cancelled; the seconds that it was held."""
        if not self.paused():
            return 0.0
        began = time.monotonic()
        while self.paused() and not self.cancelled():
            time.sleep(0.05)
        return time.monotonic() - began
