"""Expressions that a swap took away."""

from __future__ import annotations

from processors.base import Needs, Processor
from processors.batches import PatchBatch
from processors.context import Context
from processors.neural.laying import laid, soft_box
from processors.neural.portraits import BASE, portrait_of, portrait_template
from processors.params import ProcessorParams, Slider, Switch
from processors.registry import processor


@processor("expression", title="Expression", role="editor", version="1.0")
class Expression(Processor):
    """Gives a swapped face the expression back that was there before it."""

    class Params(ProcessorParams):
        strength: float = Slider(0.8, ge=0, le=1, help="How far the expression becomes what it was.")
        upper: bool = Switch(True, title="Eyes and brows", help="Of eyes and brows.")
        lower: bool = Switch(True, title="Mouth and cheeks", help="Of mouth and cheeks.")

    def needs(self, params: Params) -> Needs:
        return Needs(models=BASE, crop=portrait_template("restore"))

    def is_identity(self, params: Params) -> bool:
        return params.strength == 0 or not (params.upper or params.lower)

    def process(self, batch: PatchBatch, params: Params, ctx: Context) -> PatchBatch:
        """Faces that nobody changed before are left as they are: they have their expression."""
        ctx.check()
        swapped = [patch for patch in batch if patch.pixels is not patch.crop.pixels]
        made = iter(portrait_of(ctx).restore([patch.pixels for patch in swapped],
                                             [patch.crop.pixels for patch in swapped], params.strength,
                                             upper=params.upper, lower=params.lower))
        return tuple(laid(patch, next(made), soft_box(patch.pixels.shape[0]))
                     if patch.pixels is not patch.crop.pixels else patch for patch in batch)
