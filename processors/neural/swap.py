"""A swapper on a network: everything but which networks it may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Pixels
from models.families.swappers import Converter, CropSwapper, Identity
from processors.base import Needs
from processors.batches import Patch, PatchBatch, Remark
from processors.context import Context
from processors.neural.identity import ARCFACE, Describer, known, nearest, picture_of
from processors.neural.networked import Networked
from processors.neural.poses import LIMIT, fading
from processors.neural.rows import converter_of, template_named, template_of, with_needs
from processors.params import Choice, ProcessorParams, Slider


class SwapParams(ProcessorParams):
    """What every neural swapper has."""

    strength: float = Slider(1.0, ge=0, le=1, help="How far this face becomes the source's: 0 leaves it alone.")
    boost: Literal["1", "2", "4"] = Choice("1", title="Pixel boost", help="Swaps the face in so many times as many "
                                           "rows and columns, up to 1024: finer on large faces, and slower.")
    turned: float = Slider(LIMIT, ge=20, le=90, step=1, title="Turned away", depth="expert",
                           help="Degrees from which on the swap fades, over 20 more: networks know faces from the "
                                "front.")


class IdentityParams(SwapParams):
    """Of those that take a descriptor."""

    weight: float = Slider(0.5, ge=0, le=1, title="Identity", help="A half takes the source as it is; more pushes away "
                                                                   "from who is shown, less keeps some of them.")
    photos: Literal["mean", "nearest"] = Choice(
        "mean", help="Of several photos of the source: their mean, or above all those turned as this face is.")


class NetworkSwapper(Networked):
    """Puts a source's face on with its network."""

    def needs(self, params: Any) -> Needs:
        slot = self.slot(params)
        return Needs(models=with_needs(slot), crop=template_of(slot, int(params.boost)), source=True)

    def is_identity(self, params: Any) -> bool:
        return bool(params.strength == 0)

    def process(self, batch: PatchBatch, params: Any, ctx: Context) -> PatchBatch:
        """All faces of the frame in one batch, whoever goes on them."""
        ctx.check()
        shares = [fading(patch, self.spec.name, params.turned) for patch in batch]
        taken = [number for number, (share, _) in enumerate(shares) if share > 0 and batch[number].sources]
        swapper = ctx.models.get(self.slot(params), CropSwapper)
        who, said = self._identities([batch[number] for number in taken], params, swapper, ctx)
        made = swapper.swap([batch[number].pixels for number in taken], who) if taken else []
        done = [replace(patch, remarks=(*patch.remarks, *remarks))
                for patch, (_, remarks) in zip(batch, shares, strict=True)]
        for number, pixels, remarks in zip(taken, made, said, strict=True):
            patch, share = done[number], shares[number][0] * params.strength
            done[number] = replace(patch, pixels=mixed(patch.pixels, pixels, share),
                                   remarks=(*patch.remarks, *remarks))
        return tuple(done)

    def _identities(self, batch: Sequence[Patch], params: Any, swapper: CropSwapper, ctx: Context,
                    ) -> tuple[NDArray[np.float32], list[tuple[Remark, ...]]]:
        """What the network takes for each patch's source, and the remarks on its photos."""
        if not batch:
            return np.empty(0, np.float32), []
        if swapper.picture is not None:
            template = template_named(swapper.picture.template, swapper.picture.size)
            pictures = [picture_of(nearest(patch.sources, patch.crop), template) for patch in batch]
            return swapper.sources([Identity(np.empty(0), picture) for picture in pictures]), [()] * len(batch)
        describer = ctx.models.get(ARCFACE, Describer)
        found = [known(patch.sources, describer, patch.crop if params.photos == "nearest" else None)
                 for patch in batch]
        targets = describer.crops([patch.crop for patch in batch]) if params.weight != 0.5 else ()
        slot = converter_of(self.slot(params))
        convert = ctx.models.get(slot, Converter) if slot is not None else None
        sources = swapper.sources([Identity(one.descriptor) for one in found], list(targets), params.weight, convert)
        return sources, [one.remarks for one in found]


def mixed(old: Pixels, new: Pixels, share: float) -> Pixels:
    """old + (new - old) * share, in their dtype."""
    return new if share == 1 else np.asarray(cv2.addWeighted(old, 1 - share, new, share, 0))
