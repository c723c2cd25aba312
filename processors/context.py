"""What the engine supplies to a processor, and nothing more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.arrays import Pixels
from models.errors import Cancelled
from models.networks import Models, NoModels


def _never() -> bool:
    return False


def _nowhere(_done: float) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Context:
    """Handed to `Processor.process`.

    random: a generator seeded from the recipe and the frame, so that grain is the same in every render.
    cancelled: ask it before long work. progress: tell it a share, 0..1.
    moving: the picture is one of a clip's, and `random` gives every one of them the same numbers: what is drawn must
    move with the face, or it flickers.
    models: the networks that `needs` names.
    kept: what a processor whose `needs` say `state` keeps from one frame of a shot to the next, by its own names; empty
    at a shot's first frame, and for pictures.
    sound: (L,) float32, -1..1, mono, 16,000 a second: the seconds that `needs` asks for, the picture's time in the
    middle, silent beyond the clip's ends; None for a picture, or a clip without sound.
    backdrop: (height, width) to what was named to lie behind people, at this picture's time: (H, W, 3) BGR uint8 of
    that size; None where nothing was.
    """

    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    cancelled: Callable[[], bool] = _never
    progress: Callable[[float], None] = _nowhere
    moving: bool = False
    models: Models = field(default_factory=NoModels)
    kept: dict[str, Any] = field(default_factory=dict)
    sound: NDArray[np.float32] | None = None
    backdrop: Callable[[int, int], Pixels] | None = None

    def check(self) -> None:
        """Raises Cancelled where the user asked to stop."""
        if self.cancelled():
            raise Cancelled("Stopped at your request.", remedy="Nothing was written.")
