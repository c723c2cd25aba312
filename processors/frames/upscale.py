"""Whole pictures made larger, or only clearer, by a network that adds detail (Real-ESRGAN and its like)."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import cv2
import numpy as np

from models.arrays import Pixels
from models.families.upscalers import Upscaler
from processors.base import Needs, Processor, Stream
from processors.batches import FrameView, Rect, Region, RegionBatch
from processors.context import Context
from processors.neural.swap import mixed
from processors.params import Choice, ProcessorParams, Slider
from processors.registry import processor

_BAND = 32_000_000
"""Pixels that a network makes before they are brought to the wanted size: about a gigabyte, while it works."""


@processor("upscale", title="Upscale", role="frame", version="1.0")
class Upscale(Processor):
    """Makes the whole picture larger, or only clearer, with a network."""

    class Params(ProcessorParams):
        model: Literal[
            "real_esrgan_x2", "real_esrgan_x2_fp16", "real_esrgan_x4", "real_esrgan_x4_fp16", "real_esrgan_x8",
            "real_esrgan_x8_fp16", "real_hatgan_x4", "swin2_sr_x4", "span_kendata_x4", "clear_reality_x4",
            "ultra_sharp_x4", "ultra_sharp_2_x4", "remacri_x4", "siax_x4", "realistic_rescaler_x4",
            "real_web_photo_x4", "nomos8k_sc_x4", "face_dat_x4", "tghq_face_x8",
        ] = Choice("real_esrgan_x4", help="Which network: each makes a picture so many times as large.")
        size: Literal["1", "2", "4", "8"] = Choice("2", help="How many times as wide and as high the picture becomes: "
                                                             "what the network makes is brought to this. 1 makes it "
                                                             "clearer only.")
        blend: float = Slider(1.0, ge=0, le=1, help="How much of the network's picture is laid over a plain "
                                                    "enlargement.")

    def needs(self, params: Params) -> Needs:
        return Needs(models=(_slot(params),), faces=False)

    def describe(self, stream: Stream, params: Params) -> Stream:
        times = int(params.size)
        return replace(stream, width=stream.width * times, height=stream.height * times)

    def is_identity(self, params: Params) -> bool:
        return params.blend == 0 and params.size == "1"

    def process(self, batch: FrameView, params: Params, ctx: Context) -> RegionBatch:
        times = int(params.size)
        made = _enlarged(batch.pixels, ctx.models.get(_slot(params), Upscaler), times, ctx)
        if params.blend < 1:
            made = mixed(_resized(batch.pixels, made.shape[1], made.shape[0]), made, params.blend)
        height, width = made.shape[:2]
        return (Region(made, Rect(0, 0, width, height), np.ones((height, width), np.float32)),)


def _slot(params: Upscale.Params) -> str:
    return f"upscaler.{params.model}"


def _enlarged(pixels: Pixels, network: Upscaler, times: int, ctx: Context) -> Pixels:
    """(H · times, W · times, 3). In bands that see enough of what is above and below them, so that a large picture's
    memory is bounded; there is no seam, because a tile's own edge is not used either."""
    height, width = pixels.shape[:2]
    around = 2 * network.facts.margin
    rows = max(_BAND // (width * network.scale**2), 4 * around)
    made = np.empty((height * times, width * times, 3), pixels.dtype)
    for top in range(0, height, rows):
        ctx.check()
        bottom = min(top + rows, height)
        above, below = max(top - around, 0), min(bottom + around, height)
        band = network.upscale(np.ascontiguousarray(pixels[above:below]))
        band = _resized(band, width * times, (below - above) * times)
        made[top * times:bottom * times] = band[(top - above) * times:(bottom - above) * times]
        ctx.progress(bottom / height)
    return made


def _resized(pixels: Pixels, width: int, height: int) -> Pixels:
    if pixels.shape[:2] == (height, width):
        return pixels
    smaller = width < pixels.shape[1]
    done = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
    return np.asarray(np.clip(done, 0, 255) if done.dtype != np.uint8 else done)
