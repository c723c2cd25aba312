"""What must not be painted over: hair, glasses, hands."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from processors.base import Needs, Processor
from processors.batches import Native, Patch, PatchBatch
from processors.classical import MARGIN
from processors.classical.skin import face_mask
from processors.context import Context
from processors.params import ProcessorParams, Slider
from processors.registry import processor


@processor("occlusion", title="Hair, hands and glasses", role="mask", version="1.0")
class Occlusion(Processor):
    """Keeps hair, hands and glasses in front of the new face, told from the face's own skin colour."""

    class Params(ProcessorParams):
        strength: float = Slider(1.0, ge=0, le=1, help="How far what is not skin is kept out: 0 lets everything "
                                                       "be covered.")

    def needs(self, params: Params) -> Needs:
        return Needs(crop=Native(MARGIN))

    def is_identity(self, params: Params) -> bool:
        return params.strength == 0

    def process(self, batch: PatchBatch, params: Params, ctx: Context) -> PatchBatch:
        return tuple(_uncover(patch, params.strength) for patch in batch)


def _uncover(patch: Patch, strength: float) -> Patch:
    crop = patch.crop
    clear = face_mask(crop)
    if patch.source_clean is not None:
        clear = clear * patch.source_clean
    clear = 1 - np.float32(strength) * (1 - clear)
    mask = clear if patch.mask is None else clear * patch.mask
    return replace(patch, mask=np.clip(mask, 0, 1).astype(np.float32))
