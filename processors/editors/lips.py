"""Lips to what is said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import cv2
import numpy as np

from models.arrays import Mask, Matrix, Pixels
from models.errors import ProcessorError
from models.families.lips import LipSync
from models.families.masks import softened
from models.families.mel import BEFORE, BEHIND, RATE, Mel, mel_at
from models.geometry import invert
from processors.base import Needs, Processor
from processors.batches import Crop, PatchBatch
from processors.classical import points as parts
from processors.context import Context
from processors.neural.laying import laid, soft_box
from processors.neural.rows import template_named
from processors.params import Choice, ProcessorParams, Slider
from processors.registry import processor

_SLOTS: Mapping[str, str] = {"wav2lip": "lips.wav2lip", "wav2lip_gan": "lips.wav2lip_gan", "edtalk": "lips.edtalk"}
_CROP = template_named("ffhq_512", 512)
_SOUND = 2 * max(BEFORE, BEHIND) / RATE
"""Seconds round a picture's time: a window of sound begins a little before it and ends a fifth of a second behind."""
# The jaw from under the ears, and below the nose: what Wav2Lip makes anew (FaceFusion's lower face).
_LOWER = (*range(3, 14), 35, 34, 33, 32, 31)


@processor("lips", title="Lip sync", role="editor", version="1.0")
class Lips(Processor):
    """Moves the mouth to what is said in the clip's sound."""

    class Params(ProcessorParams):
        weight: float = Slider(0.5, ge=0, le=1, title="Movement", help="A half moves the mouth as the network learned "
                                                                       "to, more moves it further.")
        strength: float = Slider(1.0, ge=0, le=1, help="How much of the new mouth shows: 0 leaves it alone.")
        model: Literal["wav2lip", "wav2lip_gan", "edtalk"] = Choice(
            "wav2lip_gan", help="Wav2Lip makes the lower face anew, in 96 pixels; its second training is sharper. "
                                "EDTalk makes the whole face, in 256.")

    def needs(self, params: Params) -> Needs:
        return Needs(models=(_SLOTS[params.model],), crop=_CROP, sound=_SOUND)

    def is_identity(self, params: Params) -> bool:
        return params.strength == 0

    def process(self, batch: PatchBatch, params: Params, ctx: Context) -> PatchBatch:
        ctx.check()
        if ctx.sound is None:
            raise ProcessorError("There is no sound to move lips to.", subject="lips", code="PROCESSOR.NO_SOUND",
                                 remedy="Choose a clip with a sound track, or leave this effect out.")
        heard = mel_at(ctx.sound, len(ctx.sound) // 2)
        network = ctx.models.get(_SLOTS[params.model], LipSync)
        speak = _lower_faces if network.halves else _whole_faces
        made = speak(network, [patch.crop for patch in batch], [patch.pixels for patch in batch], heard, params.weight)
        return tuple(laid(patch, face, mask * np.float32(params.strength))
                     for patch, (face, mask) in zip(batch, made, strict=True))


def _whole_faces(network: LipSync, crops: list[Crop], pixels: list[Pixels], heard: Mel, weight: float,
                 ) -> list[tuple[Pixels, Mask]]:
    small = (network.crop.size, network.crop.size)
    made = network.speak([np.asarray(cv2.resize(one, small, interpolation=cv2.INTER_AREA)) for one in pixels],
                         [heard] * len(pixels), weight)
    mask = soft_box(_CROP.size)
    return [(_back(one, np.eye(2, 3) * _CROP.size / network.crop.size), mask) for one in made]


def _lower_faces(network: LipSync, crops: list[Crop], pixels: list[Pixels], heard: Mel, weight: float,
                 ) -> list[tuple[Pixels, Mask]]:
    """By the box round the 68 points, pressed into a square."""
    side = network.crop.size
    into = [_box(crop, side) for crop in crops]
    made = network.speak([np.asarray(cv2.warpAffine(one, matrix, (side, side), flags=cv2.INTER_AREA,
                                                    borderMode=cv2.BORDER_REPLICATE))
                          for one, matrix in zip(pixels, into, strict=True)], [heard] * len(pixels), weight)
    return [(_back(one, invert(matrix)), softened(parts.fill((_CROP.size, _CROP.size), crop.points[list(_LOWER)])))
            for one, matrix, crop in zip(made, into, crops, strict=True)]


def _box(crop: Crop, side: int) -> Matrix:
    """Crop -> square: the rectangle round the points fills it."""
    low, high = crop.points.min(axis=0), crop.points.max(axis=0)
    scale = side / np.maximum(high - low, 1)
    return np.column_stack([np.diag(scale), -low * scale])


def _back(face: Pixels, matrix: Matrix) -> Pixels:
    made = np.asarray(cv2.warpAffine(face, matrix, (_CROP.size, _CROP.size), flags=cv2.INTER_CUBIC,
                                     borderMode=cv2.BORDER_REPLICATE))
    return made if face.dtype == np.uint8 else np.clip(made, 0, 255)
