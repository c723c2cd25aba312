"""What lies behind people: told from them by a network, and replaced."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, cast

import numpy as np

from models.arrays import Mask, Pixels
from models.families.mattes import ClipMatte, Matte, MatteMemory
from processors.base import Needs, Processor
from processors.batches import FrameView, Rect, Region, RegionBatch
from processors.classical.filters import rounded, smoothstep
from processors.classical.keying import blurred_behind, over, own_light
from processors.context import Context
from processors.params import Choice, Colour, ProcessorParams, Slider
from processors.registry import processor

_WITH_MEMORY = "rvm"
_SETTLED = 15
"""Frames after which a clip's matte is what it would be had the clip begun much earlier: its authors trained the
network on sequences of 15 frames first (Lin et al., WACV 2022)."""
_NEAR = 0.01
"""Share of the longer side from within which the old backdrop at a soft edge is told: hair is that wide."""
_TRACE = 0.1
"""Share of people in a pixel from which on nothing of the backdrop is read off it: the rest of it is too little."""
_BLUR = 0.03
"""Share of the longer side that a full blur is wide, as the green screen's."""


@processor("background", title="Background", role="frame", version="1.0")
class Background(Processor):
    """Lays people before a colour or a picture, or blurs what is behind them; a network tells them apart."""

    class Params(ProcessorParams):
        model: Literal[
            "modnet", "rvm", "birefnet_portrait", "birefnet_general", "ben_2", "isnet_general", "rmbg_1_4", "rmbg_2_0",
            "silueta", "u2net_general", "u2net_human", "u2net_portable",
        ] = Choice("modnet", help="Which network: RVM is for clips and remembers the frames before; the others look at "
                                  "each picture by itself.")
        behind: Literal["colour", "blur", "picture"] = Choice(
            "blur", help="A plain colour, the picture's own backdrop out of focus, or the picture or clip that was "
                         "named as the backdrop.")
        colour: str = Colour("#808080", help="The plain colour.")
        blur: float = Slider(0.5, ge=0.05, le=1, help="How far out of focus.")
        tight: float = Slider(0.0, ge=0, le=0.5, help="Cuts closer: what belongs to people by less than this share is "
                                                      "backdrop.", depth="expert")

    def needs(self, params: Params) -> Needs:
        plain = Needs(models=(_slot(params),), backdrop=params.behind == "picture", faces=False)
        return replace(plain, state="shot", pre_roll=_SETTLED) if params.model == _WITH_MEMORY else plain

    def process(self, batch: FrameView, params: Params, ctx: Context) -> RegionBatch:
        ctx.check()
        alpha = _tightened(_matte(batch.pixels, params, ctx), params.tight)
        ctx.check()
        made = rounded(_laid(batch.pixels, alpha, params, ctx), batch.pixels.dtype)
        changed = (made != batch.pixels).any(axis=2)
        height, width = changed.shape
        return (Region(made, Rect(0, 0, width, height), changed.astype(np.float32)),) if changed.any() else ()


def _slot(params: Background.Params) -> str:
    return f"matte.{params.model}"


def _matte(pixels: Pixels, params: Background.Params, ctx: Context) -> Mask:
    if params.model != _WITH_MEMORY:
        return ctx.models.get(_slot(params), Matte).of(pixels)
    network = ctx.models.get(_slot(params), ClipMatte)
    alpha, ctx.kept["matte"] = network.next(pixels, cast("MatteMemory | None", ctx.kept.get("matte")))
    return alpha


def _tightened(alpha: Mask, tight: float) -> Mask:
    return alpha if tight == 0 else smoothstep((alpha - np.float32(tight)) / np.float32(1 - tight))


def _laid(pixels: Pixels, alpha: Mask, params: Background.Params, ctx: Context) -> Pixels:
    """(H, W, 3) float32. Of soft edges the old backdrop's share is taken away, or hair would carry it along."""
    height, width = pixels.shape[:2]
    side = max(height, width)
    people = np.minimum(alpha / np.float32(_TRACE), 1)
    own = own_light(pixels, alpha, blurred_behind(pixels, people, _NEAR * side))
    if params.behind == "blur":
        return over(own, alpha, blurred_behind(pixels, people, params.blur * _BLUR * side))
    if params.behind == "picture" and ctx.backdrop is not None:
        return over(own, alpha, ctx.backdrop(height, width))
    red, green, blue = bytes.fromhex(params.colour[1:])
    return over(own, alpha, np.broadcast_to(np.array((blue, green, red), np.float32), pixels.shape))
