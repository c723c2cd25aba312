"""`--cover X,Y,W,H[@TIME][=STYLE]`: heads that the detector missed, as boxes drawn by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from pipeline.clips.clip import Clip
from pipeline.clips.moments import parse_moment
from pipeline.recipe import AnonymiseStyle, DrawnBox
from studio.commands.faults import UsageError


def boxes_of(texts: Sequence[str], width: int, height: int, clip: Clip | None = None) -> tuple[DrawnBox, ...]:
    """width, height: the upright picture's. clip: whose times are meant; without one there must be none.

    Raises UsageError for a box outside of the picture, and for times that are missing or make no sense.
    """
    return tuple(_box(text, width, height, clip) for text in texts)


def _box(text: str, width: int, height: int, clip: Clip | None) -> DrawnBox:
    place, _, style = text.partition("=")
    place, at, moment = place.partition("@")
    x, y, w, h = (int(word) for word in place.split(","))
    if x >= width or y >= height or w < 1 or h < 1:
        raise UsageError(f"--cover {text}: no part of that box lies in the picture, which is {width} x {height}.",
                         subject=text, remedy="Give left, top, width and height in pixels.")
    seconds = None
    if clip is not None:
        if not at:
            raise UsageError(f"--cover {text} does not say when.", subject=text,
                             remedy="Add the time at which the head lies there, for example @3.2 or @96f.")
        try:
            seconds = str(parse_moment(moment).within(clip))
        except ValueError as error:
            raise UsageError(f"--cover {text}: {error}.", subject=text,
                             remedy="Write for example @3.2 or @96f.") from error
    elif at:
        raise UsageError(f"--cover {text}: a picture has no times.", subject=text, remedy="Leave @TIME out.")
    return DrawnBox(at=seconds, x=x / width, y=y / height, width=min(w, width - x) / width,
                    height=min(h, height - y) / height, style=cast(AnonymiseStyle, style or "blur"))
