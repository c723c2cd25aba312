"""Another look on a face: where it looks, how it smiles, how the head is turned."""

from __future__ import annotations

from models.families.portrait import Look
from processors.base import Needs, Processor
from processors.batches import PatchBatch
from processors.context import Context
from processors.neural.laying import laid, soft_box
from processors.neural.portraits import BASE, portrait_of, portrait_template
from processors.params import ProcessorParams, Slider
from processors.registry import processor

_EDITS = ("gaze_x", "gaze_y", "brow", "smile", "pout", "purse", "grim", "mouth_x", "mouth_y")


@processor("portrait", title="Look and gaze", role="editor", version="1.0")
class PortraitEditor(Processor):
    """Opens eyes, turns gaze and head, makes a face smile."""

    class Params(ProcessorParams):
        eyes: float = Slider(0.0, ge=-1, le=1, help="Wide open above 0, shut below.")
        gaze_x: float = Slider(0.0, ge=-1, le=1, title="Gaze across", help="To the picture's right above 0.")
        gaze_y: float = Slider(0.0, ge=-1, le=1, title="Gaze up", help="Up above 0, down below.")
        smile: float = Slider(0.0, ge=-1, le=1, help="A smile above 0, a sad mouth below.")
        lips: float = Slider(0.0, ge=-1, le=1, title="Mouth open", help="Open above 0, shut below.")
        pitch: float = Slider(0.0, ge=-1, le=1, title="Head up", help="The head up above 0, down below: by 20 degrees "
                                                                      "at the end.")
        yaw: float = Slider(0.0, ge=-1, le=1, title="Head across", help="The head turned to a side: by 60 degrees at "
                                                                        "the end.")
        roll: float = Slider(0.0, ge=-1, le=1, title="Head tilt", help="The head tilted: by 15 degrees at the end.")
        brow: float = Slider(0.0, ge=-1, le=1, depth="expert", title="Brows", help="Raised above 0, drawn together "
                                                                                   "below.")
        pout: float = Slider(0.0, ge=-1, le=1, depth="expert", help="Lips pushed out, up or down.")
        purse: float = Slider(0.0, ge=-1, le=1, depth="expert", help="Lips pressed above 0, drawn in below.")
        grim: float = Slider(0.0, ge=-1, le=1, depth="expert", help="A tight mouth, up or down.")
        mouth_x: float = Slider(0.0, ge=-1, le=1, depth="expert", title="Mouth across", help="The mouth moved aside.")
        mouth_y: float = Slider(0.0, ge=-1, le=1, depth="expert", title="Mouth up", help="The mouth moved up or down.")

    def needs(self, params: Params) -> Needs:
        return Needs(models=(*BASE, *(f"portrait.{name}" for name in _others(params))), crop=portrait_template("edit"))

    def is_identity(self, params: Params) -> bool:
        return not any(params.model_dump().values())

    def process(self, batch: PatchBatch, params: Params, ctx: Context) -> PatchBatch:
        ctx.check()
        look = Look(params.pitch, params.yaw, params.roll, params.eyes, params.lips,
                    tuple((name, value) for name in _EDITS if (value := getattr(params, name))))
        made = portrait_of(ctx, *_others(params)).edit([patch.pixels for patch in batch],
                                                       [patch.crop.points for patch in batch], look)
        return tuple(laid(patch, face, soft_box(patch.pixels.shape[0]))
                     for patch, face in zip(batch, made, strict=True))


def _others(params: PortraitEditor.Params) -> tuple[str, ...]:
    """The networks that these settings need besides those that every look needs."""
    return ("stitcher", *(name for name in ("eyes", "lips") if getattr(params, name)))
