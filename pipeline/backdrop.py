"""What a recipe names to lie behind people: a picture, or a clip."""

from __future__ import annotations

import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from models.arrays import Pixels
from models.errors import RecipeError
from pipeline.clips.clip import Clip
from pipeline.clips.probe import is_clip, open_clip
from pipeline.clips.seeker import Seeker
from pipeline.pictures import read_picture
from pipeline.recipe import Input
from processors.classical.keying import filling

Cut = Callable[[int, int], Pixels]
"""(height, width) to (H, W, 3) BGR uint8 of that size."""


class Backdrop:
    """Safe to share between threads; a clip's decoder is let go of when nobody asked for long.

    shown: a picture, (H, W, 3) BGR uint8, or a clip, which begins anew where it ends.
    """

    def __init__(self, shown: Pixels | Clip) -> None:
        self._picture = None if isinstance(shown, Clip) else shown
        self._clip = Seeker(shown) if isinstance(shown, Clip) else None
        self._lock = threading.Lock()
        self._last: tuple[int, int, Pixels] | None = None

    def at(self, seconds: Fraction = Fraction(0)) -> Cut:
        """What it shows so long after the target's first picture, for whoever says in which size. That raises
        MediaError where the clip is damaged there."""
        return lambda height, width: self._cut(seconds, height, width)

    def _cut(self, seconds: Fraction, height: int, width: int) -> Pixels:
        if self._clip is None:
            assert self._picture is not None
            with self._lock:
                if self._last is None or self._last[:2] != (height, width):
                    self._last = (height, width, filling(self._picture, (height, width)))
                return self._last[2]
        duration = self._clip.clip.duration
        with self._lock:  # of two requests at once a seeker lets the older one go
            frame = self._clip.frame_at(seconds % duration if duration > 0 else Fraction(0))
        assert frame is not None
        return filling(frame.bgr8(), (height, width))


def open_backdrop(named: Input | None) -> Backdrop | None:
    """The file where it was last seen. Raises MissingInput, MediaError; RecipeError `RECIPE.INPUT_CHANGED` where
    another file is there now, `RECIPE.NO_BACKDROP` where nobody says where it lies."""
    if named is None:
        return None
    if named.path is None:
        raise RecipeError(f"Where {named.name} lies, which is to be the backdrop, is not known here.",
                          subject=named.name, code="RECIPE.NO_BACKDROP",
                          remedy="Choose it again (--backdrop on the command line).")
    id, shown = read_backdrop(Path(named.path), named.name)
    if id != named.id:
        raise RecipeError(f"{named.name} is not the file that the recipe was made with: its content differs.",
                          subject=named.name, code="RECIPE.INPUT_CHANGED",
                          remedy="Give the recipe's own file, or choose another (--backdrop on the command line).")
    return Backdrop(shown)


def read_backdrop(path: Path, name: str | None = None) -> tuple[str, Pixels | Clip]:
    """The file's id, and what it shows. Raises MissingInput, MediaError."""
    if is_clip(path):
        clip = open_clip(path, name=name)
        return clip.id, clip
    picture = read_picture(path, name=name)
    return picture.id, picture.frame.bgr8()
