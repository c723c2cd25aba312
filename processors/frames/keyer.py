"""People cut out of a plain coloured screen, and laid before something else. It needs no model."""

from __future__ import annotations

from typing import Literal

import numpy as np

from models.arrays import Pixels
from processors.base import Needs, Processor
from processors.batches import FrameView, Rect, Region, RegionBatch
from processors.classical.filters import rounded
from processors.classical.keying import Key, blurred_behind, key_out, laid_before, screen_colour
from processors.context import Context
from processors.params import Choice, Colour, ProcessorParams, Slider, Switch
from processors.registry import processor

_BLUR = 0.03
"""Share of the longer side that a full blur is wide."""


@processor("keyer", title="Green screen", role="frame", version="1.0")
class Keyer(Processor):
    """Cuts people out of a plain screen of any colour and lays them before another."""

    class Params(ProcessorParams):
        find: bool = Switch(True, title="Find the screen", help="Reads the screen's colour off the picture's border; "
                                                                "name it instead where clips flicker.")
        screen: str = Colour("#32b43c", title="Screen", help="The screen's colour, where it is not to be found.")
        behind: Literal["colour", "picture", "screen"] = Choice(
            "colour", help="What lies behind people then: a plain colour, the picture or clip that was named as the "
                           "backdrop, or the screen without its noise and folds.")
        colour: str = Colour("#808080", help="The plain colour.")
        despill: float = Slider(1.0, ge=0, le=1, help="How much of the screen's light on people is taken away.")
        clean: float = Slider(0.0, ge=0, le=0.15, help="Takes folds and shadows of the screen away; more takes fine "
                                                       "hair, too.")

    def needs(self, params: Params) -> Needs:
        return Needs(backdrop=params.behind == "picture", faces=False)

    def process(self, batch: FrameView, params: Params, ctx: Context) -> RegionBatch:
        ctx.check()
        key_colour = screen_colour(batch.pixels) if params.find else _bgr(params.screen)
        key = key_out(batch.pixels, key_colour, params.clean)
        ctx.check()
        behind = _behind(batch.pixels, key, params, ctx)
        made = rounded(laid_before(batch.pixels, key, behind, key_colour, params.despill), batch.pixels.dtype)
        changed = (made != batch.pixels).any(axis=2)
        height, width = changed.shape
        return (Region(made, Rect(0, 0, width, height), changed.astype(np.float32)),) if changed.any() else ()


def _behind(pixels: Pixels, key: Key, params: Keyer.Params, ctx: Context) -> Pixels:
    height, width = pixels.shape[:2]
    if params.behind == "picture" and ctx.backdrop is not None:
        return ctx.backdrop(height, width)
    if params.behind == "screen":
        return blurred_behind(pixels, key.alpha, _BLUR * max(height, width))
    return np.broadcast_to(np.array(_bgr(params.colour), np.float32), pixels.shape)


def _bgr(colour: str) -> tuple[float, float, float]:
    red, green, blue = bytes.fromhex(colour[1:])
    return float(blue), float(green), float(red)
