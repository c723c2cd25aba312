"""DeepFaceLive's models: one person's face each, from a file of the user's own."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from models.arrays import Pixels
from models.catalogue import OWN
from models.families.dfm import DfmSwapper
from processors.base import Needs, Processor
from processors.batches import Patch, PatchBatch
from processors.context import Context
from processors.neural.laying import in_the_light_of, laid
from processors.neural.poses import LIMIT, fading
from processors.neural.rows import template_named
from processors.params import Name, ProcessorParams, Slider
from processors.registry import processor

# Files have faces of 128 to 512 pixels, which is known only once they are read: the crop is as large as the largest.
_CROP = template_named("dfl_whole_face", 512)


@processor("dfm", title="DeepFaceLive model", role="swapper", version="1.0")
class Dfm(Processor):
    """Puts on the face that a .dfm file of your own was made for."""

    class Params(ProcessorParams):
        model: str = Name("", of=OWN, help="The name of the file, without its ending: `models import` takes files in, "
                                           "`models list` names them.")
        strength: float = Slider(1.0, ge=0, le=1, help="How far this face becomes the model's: 0 leaves it alone.")
        morph: float = Slider(1.0, ge=0, le=1, help="How much of the person is taken, in files that can be told.")
        colour: float = Slider(1.0, ge=0, le=1, help="How far the new face takes on the light and colour of this one.")
        turned: float = Slider(LIMIT, ge=20, le=90, step=1, title="Turned away", depth="expert",
                               help="Degrees from which on the swap fades, over 20 more: networks know faces from the "
                                    "front.")

    def needs(self, params: Params) -> Needs:
        return Needs(models=(f"{OWN}.{params.model}",), crop=_CROP)

    def is_identity(self, params: Params) -> bool:
        return params.strength == 0

    def process(self, batch: PatchBatch, params: Params, ctx: Context) -> PatchBatch:
        ctx.check()
        swapper = ctx.models.get(f"{OWN}.{params.model}", DfmSwapper)
        made = swapper.swap([_sized(patch.pixels, swapper.crop.size) for patch in batch], params.morph)
        return tuple(_put_on(patch, face, mask, params) for patch, (face, mask) in zip(batch, made, strict=True))


def _put_on(patch: Patch, face: Pixels, mask: Pixels, params: Dfm.Params) -> Patch:
    side = patch.pixels.shape[0]
    share, remarks = fading(patch, "dfm", params.turned)
    where = np.asarray(_sized(mask, side), np.float32)
    pixels = in_the_light_of(_sized(face, side), patch.pixels, where, params.colour)
    done = laid(patch, pixels, where * np.float32(share * params.strength))
    return replace(done, remarks=(*done.remarks, *remarks))


def _sized(pixels: Pixels, side: int) -> Pixels:
    if pixels.shape[0] == side:
        return pixels
    kind = cv2.INTER_AREA if pixels.shape[0] > side else cv2.INTER_CUBIC
    found = np.asarray(cv2.resize(pixels, (side, side), interpolation=kind))
    return found if pixels.dtype == np.uint8 else np.clip(found, 0, 1 if pixels.ndim == 2 else 255)
