"""Parts of a face, told apart by a network (BiSeNet, Yu et al., ECCV 2018)."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from models.families.masks import Parser, region_mask
from processors.base import Needs, Processor
from processors.batches import PatchBatch
from processors.context import Context
from processors.neural.rows import template_of
from processors.params import Choice, ProcessorParams, Switch
from processors.registry import processor

_SLOTS = {"18": "mask.bisenet_18", "34": "mask.bisenet_34"}
# What people call them, and the network's classes.
_PARTS = {"skin": ("skin",), "brows": ("left_brow", "right_brow"), "eyes": ("left_eye", "right_eye"),
          "glasses": ("glasses",), "nose": ("nose",), "mouth": ("mouth",), "lips": ("upper_lip", "lower_lip")}


@processor("regions", title="Parts of the face", role="mask", version="1.0")
class Regions(Processor):
    """Keeps the change to chosen parts of the face, told apart by a network."""

    class Params(ProcessorParams):
        skin: bool = Switch(True, help="Change the skin.")
        brows: bool = Switch(True, help="Change the brows.")
        eyes: bool = Switch(True, help="Change the eyes.")
        glasses: bool = Switch(False, help="Change glasses.")
        nose: bool = Switch(True, help="Change the nose.")
        mouth: bool = Switch(True, help="Change what shows in the open mouth.")
        lips: bool = Switch(True, help="Change the lips.")
        model: Literal["18", "34"] = Choice("34", help="Layers of the network: fewer are faster.", depth="expert")

    def needs(self, params: Params) -> Needs:
        slot = _SLOTS[params.model]
        return Needs(models=(slot,), crop=template_of(slot))

    def process(self, batch: PatchBatch, params: Params, ctx: Context) -> PatchBatch:
        ctx.check()
        names = [name for part, classes in _PARTS.items() if getattr(params, part) for name in classes]
        labels = ctx.models.get(_SLOTS[params.model], Parser).labels([patch.crop.pixels for patch in batch])
        done = []
        for patch, found in zip(batch, labels, strict=True):
            mask = region_mask(found, names)
            done.append(replace(patch, mask=mask if patch.mask is None else patch.mask * mask))
        return tuple(done)
