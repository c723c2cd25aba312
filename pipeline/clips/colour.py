"""From a clip's samples to working colour and back: matrices, ranges, and a stand-in for HDR that SDR's tools can read.

Working colour is R'G'B' on the scale 0..255. HDR's code values are dark and flat to anything made for SDR (detectors,
skin models, networks), so they pass through a curve that can be undone: `to_working`, `from_working`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.clips.clip import Colour, Matrix, Transfer

Floats = NDArray[np.float32]

# Weights of red and blue in luma: ITU-R BT.601-7, BT.709-6 and BT.2020-2 (non-constant luminance).
_WEIGHTS: dict[Matrix, tuple[float, float]] = {
    "bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593), "rgb": (0.2126, 0.0722)}

# SMPTE ST 2084.
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
# ARIB STD-B67 and ITU-R BT.2100.
_A, _B, _C = 0.17883277, 0.28466892, 0.55991073
# ITU-R BT.2408: HDR reference white is 203 cd/m2, which is 75 % of an HLG signal.
_WHITE_NITS, _WHITE_HLG = 203.0, 0.75
_FINE = 16384
"""Points of the tables that are looked up in; OpenCV takes no more than 32,766."""
_WIDEST = 10_000
"""Pixels in a row that are looked up at once: OpenCV's limit is as many values."""
_STEPS = 4096
"""Points of the curve's table: four for every code value of 10 bits."""


def samples_of(colour: Colour, depth: int) -> tuple[float, float, float, float]:
    """(black, luma's reach, chroma's middle, chroma's reach) in code values of `depth` bits."""
    scale = float(1 << (depth - 8))
    if colour.full:
        top = float((1 << depth) - 1)
        return 0.0, top, 128.0 * scale, top
    return 16.0 * scale, 219.0 * scale, 128.0 * scale, 224.0 * scale


@lru_cache(maxsize=8)
def to_bgr(colour: Colour, depth: int) -> NDArray[np.float64]:
    """(3, 4): takes (Y, Cb, Cr, 1) in code values to B, G, R on the scale 0..255. Not to be written to."""
    black, reach, middle, chroma = samples_of(colour, depth)
    kr, kb = _WEIGHTS[colour.matrix]
    kg = 1 - kr - kb
    y = 255.0 / reach
    b, r = 255.0 * 2 * (1 - kb) / chroma, 255.0 * 2 * (1 - kr) / chroma
    linear = np.array([[y, b, 0.0], [y, -b * kb / kg, -r * kr / kg], [y, 0.0, r]])
    return _fixed(np.column_stack([linear, -linear @ np.array([black, middle, middle])]))


@lru_cache(maxsize=8)
def from_bgr(colour: Colour, depth: int) -> NDArray[np.float64]:
    """(3, 3): takes a difference of B, G, R (0..255) to the difference of Y, Cb, Cr in code values. Not to be written
    to."""
    return _fixed(np.asarray(np.linalg.inv(to_bgr(colour, depth)[:, :3]), np.float64))


def _fixed(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    matrix.setflags(write=False)
    return matrix


def shown_curve(transfer: Transfer) -> Floats:
    """(_STEPS,): working colour 0..1 of evenly spaced HDR code values 0..1, rising throughout.

    Light in units of reference white, x, becomes x (1 + 1/m) / (x + 1), m being the largest: reference white comes to
    half of the range and highlights are compressed into the rest (Reinhard et al., 2002); then BT.709's transfer, as
    SDR has it.
    """
    code = np.linspace(0, 1, _STEPS)
    if transfer == "pq":
        power = np.power(code, 1 / _M2)
        light = 10000 * np.power(np.maximum(power - _C1, 0) / (_C2 - _C3 * power), 1 / _M1) / _WHITE_NITS
    else:
        light = _scene(code) / _scene(np.array([_WHITE_HLG]))
    toned = light * (1 + 1 / light[-1]) / (light + 1)
    shown = np.where(toned < 0.018, 4.5 * toned, 1.099 * np.power(toned, 0.45) - 0.099)
    # PQ's darkest codes differ by less than float32 tells apart: a trace of slope keeps the way back open.
    return np.asarray(shown + 1e-4 * code, np.float32) / np.float32(shown[-1] + 1e-4)


def _scene(code: NDArray[np.float64]) -> NDArray[np.float64]:
    """HLG's inverse OETF: code values to scene light, 0..1."""
    return np.asarray(np.where(code <= 0.5, code * code / 3, (np.exp((code - _C) / _A) + _B) / 12))


@lru_cache(maxsize=2)
def _tables(transfer: Transfer) -> tuple[Floats, Floats]:
    """(1, _FINE) each, on the scale 0..255: working colour of evenly spaced code values; and code values of working
    colours whose fourth roots are evenly spaced, because a tenth of PQ's codes lie within a thousandth of black."""
    even = np.linspace(0, 1, _FINE)
    code, shown = np.linspace(0, 1, _STEPS), shown_curve(transfer).astype(np.float64)
    there = 255 * np.interp(even, code, shown)
    back = 255 * np.interp(even ** 4, shown, code)
    return there[None].astype(np.float32), back[None].astype(np.float32)


def _looked_up(table: Floats, places: Floats) -> Floats:
    """Linear interpolation at places 0..1; twenty times as fast as numpy's."""
    if places.ndim == 3 and places.shape[1] > _WIDEST:
        half = places.shape[1] // 2
        return np.concatenate([_looked_up(table, places[:, :half]), _looked_up(table, places[:, half:])], axis=1)
    flat = np.ascontiguousarray(places.reshape(places.shape[0], -1))
    found = cv2.remap(table, flat * np.float32(_FINE - 1), np.zeros_like(flat), cv2.INTER_LINEAR,
                      borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32).reshape(places.shape)


def to_working(values: NDArray[Any], transfer: Transfer) -> Floats:
    """HDR R'G'B' on the scale 0..255 as working colour, 0..255; SDR as it is."""
    given = np.asarray(values, np.float32)
    if transfer == "sdr":
        return given
    return _looked_up(_tables(transfer)[0], given * np.float32(1 / 255))


def from_working(values: NDArray[Any], transfer: Transfer) -> Floats:
    """The way back, to less than half a code value of 10 bits."""
    given = np.asarray(values, np.float32)
    if transfer == "sdr":
        return given
    roots = np.sqrt(np.sqrt(np.clip(given, 0, 255) * np.float32(1 / 255)))
    return _looked_up(_tables(transfer)[1], np.asarray(roots, np.float32))
