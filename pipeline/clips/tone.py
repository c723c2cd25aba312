"""HDR to SDR: a table over colours, made once, looked up by ffmpeg's lut3d."""

from __future__ import annotations

import tempfile
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from numpy.typing import NDArray

from pipeline.clips.clip import Clip

Array = NDArray[np.float64]

# SMPTE ST 2084 (PQ).
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
# ARIB STD-B67 (HLG).
_A, _B, _C = 0.17883277, 0.28466892, 0.55991073
# BT.2087: linear BT.2020 to BT.709.
_TO_709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])
_LUMA_2020 = np.array([0.2627, 0.6780, 0.0593])

_WHITE = 203.0
"""Candelas that become SDR's white: HDR reference white of ITU-R BT.2408."""

_USUAL_PEAK = 1000.0
"""Candelas that HDR is mastered to where nothing is said (BT.2100's reference display for HLG, most PQ grades)."""

_STEPS = 33
"""Steps of the table on each axis, the usual of grading tools. PQ and HLG are perceptually even, so that steps are."""


def pq_to_light(code: Array) -> Array:
    """PQ code values 0..1 to candelas."""
    power = np.power(np.clip(code, 0, 1), 1 / _M2)
    return np.asarray(10000 * np.power(np.maximum(power - _C1, 0) / (_C2 - _C3 * power), 1 / _M1))


def light_to_pq(light: Array) -> Array:
    power = np.power(np.clip(light, 0, 10000) / 10000, _M1)
    return np.asarray(np.power((_C1 + _C2 * power) / (1 + _C3 * power), _M2))


def hlg_to_light(code: Array) -> Array:
    """(..., 3) HLG code values 0..1 to candelas on a display of 1000 candelas (BT.2100: system gamma 1.2)."""
    scene = np.where(code <= 0.5, code * code / 3, (np.exp((code - _C) / _A) + _B) / 12)
    luma = (scene * _LUMA_2020).sum(axis=-1, keepdims=True)
    return np.asarray(_USUAL_PEAK * scene * np.power(np.maximum(luma, 1e-9), 0.2))


def compressed(light: Array, peak: float) -> Array:
    """Candelas from 0..peak into 0.._WHITE, by the curve of ITU-R BT.2390 (5.4.1): nothing below its knee, a Hermite
    spline in PQ above it."""
    top = float(light_to_pq(np.array(peak)))
    goal = float(light_to_pq(np.array(_WHITE))) / top
    knee = 1.5 * goal - 0.5
    code = np.clip(light_to_pq(light) / top, 0, 1)
    t = np.clip((code - knee) / (1 - knee), 0, 1)
    spline = ((2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * goal)
    return pq_to_light(np.where(code < knee, code, spline) * top)


def sdr_of(code: Array, transfer: str, peak: float = _USUAL_PEAK) -> Array:
    """(..., 3) RGB code values 0..1 of PQ or HLG in BT.2020 to SDR code values in BT.709.

    The largest of the three channels is compressed and takes the others along, so that hues stay.
    """
    light = pq_to_light(code) if transfer == "pq" else hlg_to_light(code)
    largest = np.maximum(light.max(axis=-1, keepdims=True), 1e-6)
    linear = light * (compressed(largest, max(peak, _WHITE * 1.01)) / largest) / _WHITE
    display = np.clip(linear @ _TO_709.T, 0, 1)
    return np.asarray(np.power(display, 1 / 2.4))  # BT.1886


class ToneMapper:
    """Maps the frames of one HDR clip. One thread at a time."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self._graph: av.filter.Graph | None = None

    def mapped(self, frame: av.VideoFrame) -> av.VideoFrame:
        """A `gbrp12le` frame in SDR; alpha is not kept."""
        colour = self._clip.colour
        rgb = frame.reformat(format="gbrp12le", src_colorspace=Colorspace.BT2020, dst_colorspace=Colorspace.BT2020,
                             src_color_range=ColorRange.JPEG if colour.full else ColorRange.MPEG,
                             dst_color_range=ColorRange.JPEG, threads=1,
                             interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND)
        rgb.pts, rgb.time_base = frame.pts, self._clip.time_base
        if self._graph is None:
            self._graph = self._make(rgb)
        self._graph.vpush(rgb)
        return self._graph.vpull()

    def _peak(self) -> float:
        """Of the mastering display, in candelas (x265 writes it in 1/10000)."""
        said = self._clip.mastering.master_display
        if said and "L(" in said:
            peak = int(said.split("L(")[1].split(",")[0]) / 10000
            if peak > _WHITE:
                return min(peak, 10000.0)
        return _USUAL_PEAK

    def _make(self, frame: av.VideoFrame) -> av.filter.Graph:
        graph = av.filter.Graph()
        graph.threads = 1
        with tempfile.TemporaryDirectory(prefix="likeness-") as folder:
            cube = Path(folder) / "tone.cube"  # lut3d reads files only; it has read it once it is configured
            cube.write_text(cube_text(self._clip.colour.transfer, self._peak()), "ascii")
            source = graph.add("buffer", f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:"
                               f"time_base={self._clip.time_base}:pixel_aspect=1/1:"
                               f"colorspace={int(frame.colorspace)}:range={int(frame.color_range)}")
            escaped = str(cube).replace("\\", "/").replace(":", "\\:")
            lut = graph.add("lut3d", f"file='{escaped}':interp=tetrahedral")
            graph.link_nodes(source, lut, graph.add("buffersink")).configure()
        return graph


def cube_text(transfer: str, peak: float) -> str:
    """The table as a .cube file (red runs fastest)."""
    axis = np.linspace(0, 1, _STEPS)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    table = sdr_of(np.stack([red, green, blue], axis=-1).reshape(-1, 3), transfer, peak)
    lines = [f"LUT_3D_SIZE {_STEPS}", *("{:.6f} {:.6f} {:.6f}".format(*row) for row in table.tolist())]
    return "\n".join(lines) + "\n"
