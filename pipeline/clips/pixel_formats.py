"""Pixel formats: what one holds, and which of an encoder's loses the least of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import av

# Planes that are the same bits under another name.
SAME_PLANES: dict[str, str] = {"yuvj420p": "yuv420p", "yuvj422p": "yuv422p", "yuvj444p": "yuv444p",
                               "yuvj440p": "yuv440p", "yuvj411p": "yuv411p"}


@dataclass(frozen=True, slots=True)
class Holds:
    """chroma: 0 none (grey), 1 every fourth or fewer, 2 every second, 4 every pixel; across, down: pixels a chroma
    sample spans. depth: bits a sample."""

    chroma: int
    across: int
    down: int
    depth: int
    alpha: bool
    rgb: bool


def holds(pix_fmt: str) -> Holds:
    form = av.VideoFormat(pix_fmt, 64, 64)
    alpha = any(part.is_alpha for part in form.components)
    depth = max(part.bits for part in form.components)
    if pix_fmt == "pal8":
        return Holds(4, 1, 1, 8, alpha=True, rgb=True)
    if form.is_rgb:
        return Holds(4, 1, 1, 8 if depth < 8 else depth, alpha=alpha, rgb=True)
    if len(form.components) - alpha < 3:
        return Holds(0, 1, 1, max(depth, 8), alpha=alpha, rgb=False)
    across, down = 64 // form.chroma_width(64), 64 // form.chroma_height(64)
    return Holds(max(4 // (across * down), 1), across, down, depth, alpha=alpha, rgb=False)


def nearest(pix_fmt: str, offered: Sequence[str], *, odd: tuple[bool, bool] = (False, False), depth: int | None = None,
            alpha: bool = True) -> str:
    """The offered format that loses the least of pix_fmt: alpha first, then depth, then chroma.

    odd: width and height are odd, and chroma that spans two pixels there cannot be coded. depth: bits wanted, None for
    pix_fmt's own. alpha: False when it is given up. RGB wants the chroma that players expect (4:2:0) of encoders that
    know no RGB.
    """
    own = holds(pix_fmt)
    same = SAME_PLANES.get(pix_fmt, pix_fmt)
    wanted_depth = depth or own.depth
    if same in offered and wanted_depth == own.depth and (alpha or not own.alpha) and _fits(same, odd):
        return same
    wants_alpha = own.alpha and alpha
    knows_rgb = any(holds(name).rgb for name in offered)
    chroma = 1 if own.rgb and not knows_rgb else own.chroma

    def loss(name: str) -> tuple[bool, int, bool, int, int, int, bool, bool]:
        has = holds(name)
        return (wants_alpha and not has.alpha, max(wanted_depth - has.depth, 0), own.rgb and knows_rgb and not has.rgb,
                max(chroma - has.chroma, 0), max(has.depth - wanted_depth, 0), max(has.chroma - chroma, 0),
                has.alpha and not wants_alpha, (has.across, has.down) != (own.across, own.down))

    fitting = [name for name in offered if _fits(name, odd)]
    return min(fitting or offered, key=loss)


def _fits(name: str, odd: tuple[bool, bool]) -> bool:
    has = holds(name)
    return not (odd[0] and has.across > 1) and not (odd[1] and has.down > 1)
