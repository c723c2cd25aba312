"""What is worked out about a crop, once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from processors.batches import Crop

T = TypeVar("T")


def once(crop: Crop, name: str, work: Callable[[], T]) -> T:
    """The crop's note of that name, made by `work` the first time. `work` may depend on the crop alone.

    Two threads may both do the work; they find the same thing, and one of the two is kept.
    """
    if name not in crop.notes:
        crop.notes.setdefault(name, work())
    return cast(T, crop.notes[name])
