"""The options of each encoder, by what an encoding wants of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import av
import cv2

from pipeline.clips.containers import CodecRow, speed_of
from pipeline.clips.pixel_formats import holds

if TYPE_CHECKING:
    from pipeline.clips.encoding import Encoding

Options = tuple[tuple[str, str], ...]

# With AVX-512, x264's rate control by macroblock trees writes other bytes each time at some sizes (measured: 320 x 240,
# 4 runs of 4 differ; none of 4 with these instructions, at the same speed), and a part rendered again must be the same.
# Processors with the one have the others; naming instructions that are not there would crash.
_AVX512 = 256  # CV_CPU_AVX512_SKX of OpenCV's cvdef.h: what x264 wants of AVX-512
_REPEATABLE = "MMX2,SSE2Fast,SSSE3,SSE4.2,AVX,FMA3,BMI2,AVX2"

_LOSSLESS_LIKE = frozenset(("ffv1",))


def every_format(codec: CodecRow) -> tuple[str, ...]:
    """The pixel formats that a codec may be handed; `*` in the table means all that its encoder knows."""
    if "*" not in codec.formats:
        return codec.formats
    known = av.Codec(codec.encoder, "w").video_formats or []
    return tuple(form.name for form in known if "f16" not in form.name and "f32" not in form.name)


def encoder_options(encoder: str, encoding: Encoding, crf: int | None, speed: str) -> Options:
    """crf: constant quality on the codec's own scale. speed: x264's word. Groups of pictures are closed, so that parts
    can be put behind each other."""
    if encoder == "libx264":
        return _x264(encoding, crf, speed)
    if encoder == "libx265":
        return (("crf", str(crf)), ("preset", speed), ("x265-params", ":".join(_x265(encoding))))
    if encoder == "libsvtav1":
        return (("crf", str(crf)), ("preset", speed_of(speed, "av1")), *_svtav1(encoding))
    if encoder == "libvpx-vp9":
        deadline, cpu = speed_of(speed, "vp9").split()
        # libvpx cannot pair alternate reference frames of picture and alpha.
        alpha = (("auto-alt-ref", "0"),) if holds(encoding.pix_fmt).alpha else ()
        return (("crf", str(crf)), ("deadline", deadline), ("cpu-used", cpu), ("row-mt", "1"), *alpha)
    if encoder == "prores_ks":
        profile = "4444" if holds(encoding.pix_fmt).across == 1 else "hq"
        return (("profile", profile), ("vendor", "apl0"))  # Apple's own, which other programs insist on
    if encoder in _LOSSLESS_LIKE:
        # Version 3: slices with checksums. Golomb codes only know 8 bits; the range coder is for all.
        return (("level", "3"), ("coder", "1"), ("slicecrc", "1"), ("g", "1"))
    return _hardware(encoder, crf, speed)


def _x264(encoding: Encoding, crf: int | None, speed: str) -> Options:
    own = []
    params = [f"asm={_REPEATABLE}"] if cv2.checkHardwareSupport(_AVX512) else []
    if encoding.fields != "progressive":
        params.append("tff=1" if encoding.fields == "top" else "bff=1")
    if encoding.smart:
        params.append(f"sps-id={encoding.sets_number}")  # its PPS gets the same
    if params:
        own.append(("x264-params", ":".join(params)))
    if encoding.container == "avi":
        own.append(("bf", "0"))  # AVI has no presentation times: pictures must be coded in their order
    return (("crf", str(crf)), ("preset", speed), *own)


def _x265(encoding: Encoding) -> list[str]:
    params = ["log-level=error", "open-gop=0"]
    if encoding.mastering.master_display:
        params.append(f"master-display={encoding.mastering.master_display}")
    if encoding.mastering.light:
        params.append("max-cll={},{}".format(*encoding.mastering.light))
    return params


_MASTER = re.compile(r"G\((\d+),(\d+)\)B\((\d+),(\d+)\)R\((\d+),(\d+)\)WP\((\d+),(\d+)\)L\((\d+),(\d+)\)")


def _svtav1(encoding: Encoding) -> Options:
    """SVT-AV1 wants the same numbers as x265 as chromaticities (of 1/50000) and candelas (of 1/10000)."""
    params = []
    match = _MASTER.fullmatch(encoding.mastering.master_display or "")
    if match:
        xy = [int(number) / 50000 for number in match.groups()[:8]]
        light = [int(number) / 10000 for number in match.groups()[8:]]
        params.append("mastering-display=G({:.5f},{:.5f})B({:.5f},{:.5f})R({:.5f},{:.5f})WP({:.5f},{:.5f})"
                      "L({:.4f},{:.4f})".format(*xy, *light))
    if encoding.mastering.light:
        params.append("content-light={},{}".format(*encoding.mastering.light))
    return (("svtav1-params", ":".join(params)),) if params else ()


def _hardware(encoder: str, crf: int | None, speed: str) -> Options:
    if encoder.endswith("_nvenc"):
        return (("rc", "vbr"), ("cq", str(crf)), ("b", "0"), ("preset", speed_of(speed, "nvenc")), ("forced-idr", "1"))
    if encoder.endswith("_qsv"):
        return (("global_quality", str(crf)), ("preset", speed_of(speed, "qsv")))
    # VideoToolbox counts quality from 1 to 100, 100 best. Not measured: 64 for x264's usual 18 is a guess upwards.
    return (("q:v", str(round(100 - 2 * (crf or 18)))), ("allow_sw", "0"))
