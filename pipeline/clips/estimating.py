"""How large an output will roughly be, said before anything is encoded."""

from __future__ import annotations

from fractions import Fraction

from pipeline.clips.clip import Clip
from pipeline.clips.encoding import Encoding
from pipeline.clips.pixel_formats import holds

# Bits a pixel at the usual quality and medium speed. H.264, H.265, AV1 and VP9: measured on the clips of
# encodings.toml's qualities; ProRes 422 HQ: Apple's white paper (220 Mbit/s at 1080p29.97). FFV1: measured on the
# example clip. GIF, PNG, TIFF and JPEG are guesses from what such files usually have.
_BITS = {"h264": 0.13, "h265": 0.09, "av1": 0.045, "vp9": 0.095, "prores": 3.5, "ffv1": 5.0, "gif": 6.0, "png": 14.0,
         "tiff": 20.0, "jpeg": 2.5}

_HALVING = {"h264": 6, "h265": 6, "vp9": 6, "av1": 16}
"""Steps of each codec's CRF that halve the size, measured on the same clips (VP9 15 to 28: a quarter; AV1 16 to 28:
60 %)."""

_SAME = frozenset(("h264", "h265", "av1", "vp9"))


def estimate_bytes(clip: Clip, encoding: Encoding, seconds: Fraction | float) -> int:
    """Rough size of `seconds` of output.

    From the pixels and the codec's usual bits a pixel, drawn half-way towards the input's own bits a pixel where both
    are lossy: how hard the input is to code shows in its size. Against 60 frames of the example clip (720p, medium):
    H.264 1.15 times what came out, at CRF 26 1.2, H.265 1.5, VP9 1.1, AV1 1.7, ProRes 0.9, FFV1 2.3.
    """
    pixels = encoding.width * encoding.height * float(encoding.rate) * float(seconds)
    bits = _BITS[encoding.codec]
    step = _crf_factor(encoding)
    if encoding.codec in _SAME and clip.kind == "file" and clip.duration > 0 and clip.bytes:
        own_pixels = clip.stored[0] * clip.stored[1] * clip.frames
        own = clip.bytes * 8 / max(own_pixels, 1)
        if own < 1:  # more is an editor's or lossless coding, which says nothing of the picture
            bits = (bits * own) ** 0.5
    elif encoding.codec in ("ffv1", "png", "tiff"):
        has = holds(encoding.pix_fmt)
        bits *= (1 + 2 / (has.across * has.down)) / 1.5 * (1.6 if has.depth > 8 else 1)
    sound = 16_000 * float(seconds) * len(clip.sounds()) if encoding.sound and encoding.row.sounds else 0
    return round(pixels * bits * step / 8 + sound)


def _crf_factor(encoding: Encoding) -> float:
    said = dict(encoding.options).get("crf")
    usual = encoding.coding.crf
    if said is None or usual is None:
        return 1.0
    return float(2 ** ((usual - int(said)) / _HALVING[encoding.codec]))
