"""Cutting somebody out of a plain coloured screen, and laying them before something else.

The key is the colour difference of Petro Vlahos (US patent 3,158,477, 1964; in T. Porter and T. Duff's terms, SIGGRAPH
1984): a pixel is the screen's as far as it has more of the screen's colour than of either other one. For green that is
G - max(R, B); here it is written so that any colour may be the screen's: of a pixel's chroma, the part along the
screen's, less tan 30° of what lies across it, which for green is the same.

Three things are measured on the picture itself instead of being left to sliders: the screen's colour, which changes
slowly across it; its noise; and how far a face or a shirt is on the other side of grey, which makes skin too opaque at
soft edges otherwise.

Mean error of alpha on made pictures with known alpha (tests/processors/classical/test_keying.py), on a screen that is
unevenly lit, with noise of two levels: 0.0014, over the soft edges alone 0.028 (without noise 0.010); by the colour
difference alone 0.012 and 0.083. What is nearly of the screen's colour (a bluish shirt before blue) is lost to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Mask, Pixels
from models.errors import ProcessorError
from processors.classical.filters import Plane, f32, resize, shrunk, smoothstep, spread
from processors.classical.tone import robust_std

# Grey has no chroma: two axes across it, orthonormal, of BGR.
_ACROSS: NDArray[np.float32] = f32([[-1, 2, -1] / np.sqrt(6), [-1, 0, 1] / np.sqrt(2)])
_WEDGE = np.float32(np.tan(np.radians(30)))
# BT.709's part of each of blue, green and red in how light a colour looks.
_LUMA: NDArray[np.float32] = f32([0.0722, 0.7152, 0.2126])

# Surely screen: at least so much of its colour. Surely in front: less than so much. By eye on the made pictures, and
# not critical: half and twice as far change the error by less than a tenth.
_SCREEN, _FRONT = 0.75, 0.3
# Widths, as shares of the longer side: over which the screen's colour changes, over which skin and cloth do, and how
# far from a soft edge they are looked at.
_EVEN, _LOCAL, _INSIDE = 0.04, 0.015, 0.008
_WELL_INSIDE = 0.012
"""So far from every edge nobody is transparent, also where skin meets a shirt."""
_DEVIATIONS = 2.5
"""Of the screen's noise that count as none of it being hidden; a hundredth of noise is more."""
_BORDER = 0.06
"""Share of a side in which a screen is looked for: people stand in the middle, and are cut off below."""
_COLOURFUL, _ENOUGH = 40.0, 0.25
"""Chroma, in levels, from which on a colour can be a screen's, and the share of the border that has to have it."""


@dataclass(frozen=True, slots=True)
class Key:
    """alpha: (H, W) float32, 0 screen .. 1 in front. screen: (H, W, 3) float32 BGR, the screen's colour everywhere,
    also behind people."""

    alpha: Mask
    screen: Plane


def screen_colour(pixels: Pixels) -> tuple[float, float, float]:
    """BGR of the screen that a picture's upper border and its sides show: the most frequent of the colourful ones.
    Raises ProcessorError PROCESSOR.NO_SCREEN where there is none."""
    height, width = pixels.shape[:2]
    down, across = max(round(height * _BORDER), 1), max(round(width * _BORDER), 1)
    border = np.concatenate([part.reshape(-1, 3) for part in (
        pixels[:down], pixels[down:, :across], pixels[down:, -across:])]).astype(np.float32)
    chroma = border @ _ACROSS.T
    colourful = np.hypot(*chroma.T) > _COLOURFUL
    # In cells of 16 levels of chroma, so that light and shade of one colour count together.
    cells, number, counts = np.unique(np.floor(chroma[colourful] / 16), axis=0, return_inverse=True, return_counts=True)
    if len(cells) == 0 or colourful.mean() < _ENOUGH:
        raise ProcessorError("There is no plain coloured screen round the picture.", subject="keyer",
                             code="PROCESSOR.NO_SCREEN", remedy="Name the screen's colour.")
    near = (np.abs(cells - cells[counts.argmax()]).max(axis=1) <= 1)[number.ravel()]
    blue, green, red = np.median(border[colourful][near], axis=0)
    return float(blue), float(green), float(red)


def key_out(pixels: Pixels, colour: tuple[float, float, float], clean: float = 0.0) -> Key:
    """Who stands before a screen of one colour. pixels: (H, W, 3) BGR, 0..255. colour: BGR. clean: what is within so
    much of 0 or 1 becomes 0 or 1, beyond the screen's noise: folds, shadows. Raises ProcessorError PROCESSOR.NO_SCREEN
    for a colour that is grey."""
    picture = f32(pixels)
    way = _way(colour)
    side = max(picture.shape[:2])
    full = _amount(f32(np.array(colour, np.float32)[None, None]), way)[0, 0]
    rough = _amount(picture, way) / full
    surely = shrunk(f32(rough > _SCREEN), _INSIDE * side)
    screen = spread(picture, surely, _EVEN * side) if surely.any() else \
        f32(np.broadcast_to(f32(colour), picture.shape))
    share = _amount(picture, way) / np.maximum(_amount(screen, way), full * np.float32(0.25))
    raw = 1 - share
    front = f32(share < _FRONT)
    solid = _solid(raw, shrunk(front, _INSIDE * side), _LOCAL * side)
    noise = robust_std(raw[surely > 0.5]) if surely.any() else 0.0
    margin = min(clean + _DEVIATIONS * noise, 0.16)
    # Single pixels are noisier than the margin: where all round them is screen, they are, too.
    behind = shrunk(f32(raw < 3 * margin), _INSIDE * side)
    alpha = _settled(raw / solid, margin) * (1 - behind)
    return Key(np.maximum(alpha, shrunk(front, _WELL_INSIDE * side)), screen)


def _settled(alpha: Plane, margin: float) -> Mask:
    """0 and 1 within the margin, as it is from three times the margin on, straight between."""
    low = np.where(alpha < 3 * margin, (alpha - margin) * 1.5, alpha)
    found = np.where(1 - alpha < 3 * margin, 1 - (1 - margin - alpha) * 1.5, low)
    return f32(np.clip(found, 0, 1))


def _solid(raw: Plane, front: Mask, width: float) -> Plane:
    """What `raw` is where somebody is wholly in front, near each pixel: 1 for greys, more for skin before green. Where
    nobody is near it is 1."""
    if not front.any():
        return np.ones_like(raw)
    near = spread(f32(cv2.merge([raw, front])), np.maximum(front, np.float32(1e-3)), width)
    return np.maximum(f32(np.where(near[..., 1] > 0.05, near[..., 0], 1)), np.float32(0.5))


def despilled(pixels: Plane, colour: tuple[float, float, float], amount: float = 1.0) -> Plane:
    """Without the light that the screen throws on people: no pixel keeps more of the screen's colour than of either
    other one, and each stays as light as it was (BT.709). pixels: (H, W, 3) BGR float32, also times their alpha.
    amount: 0 nothing .. 1 all of it."""
    way = _way(colour)
    spill = np.maximum(_amount(pixels, way), 0) * np.float32(amount)
    # Along the screen's chroma, with as much grey added as it takes away of lightness.
    along = f32(way @ _ACROSS)
    along = along - np.float32(_LUMA @ along)
    return f32(pixels - spill[..., None] * along)


def laid_before(pixels: Pixels, key: Key, behind: Pixels, colour: tuple[float, float, float], despill: float = 1.0,
                ) -> Plane:
    """(H, W, 3) float32: who was cut out, before something else, (H, W, 3). The screen's own share of every pixel is
    taken away rather than covered, so that hair and blur carry none of it."""
    return over(despilled(own_light(pixels, key.alpha, key.screen), colour, despill), key.alpha, behind)


def own_light(pixels: Pixels, alpha: Mask, screen: Plane) -> Plane:
    """(H, W, 3) float32: what of each pixel comes from who is in front, times their alpha. screen: what is behind them,
    (H, W, 3)."""
    return f32(f32(pixels) - screen * (1 - alpha[..., None]))


def over(own: Plane, alpha: Mask, behind: Pixels) -> Plane:
    """(H, W, 3) float32: somebody's own light (see `own_light`) before something else, (H, W, 3)."""
    share = alpha[..., None]
    # What noise leaves of the old backdrop must not show, and nothing can be darker than black.
    own = np.maximum(own, 0) * smoothstep(share / np.float32(0.05))
    return f32(own + f32(behind) * (1 - share))


def blurred_behind(pixels: Pixels, alpha: Mask, sigma: float) -> Plane:
    """(H, W, 3) float32: what is behind people, out of focus; they themselves do not bleed into it."""
    return spread(f32(pixels), f32(1 - alpha), sigma)


def filling(picture: Pixels, shape: tuple[int, int]) -> Pixels:
    """A picture as a backdrop of (height, width): as large as it has to be to fill it, cut in the middle."""
    height, width = shape
    scale = max(height / picture.shape[0], width / picture.shape[1])
    size = (max(round(picture.shape[0] * scale), height), max(round(picture.shape[1] * scale), width))
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    return np.ascontiguousarray(resize(picture, size)[top:top + height, left:left + width])


def _way(colour: tuple[float, float, float]) -> NDArray[np.float32]:
    """(2,): which way the colour's chroma points, of length 1."""
    chroma = _ACROSS @ f32(colour)
    length = float(np.hypot(*chroma))
    if length < 1:
        raise ProcessorError("A screen has to have a colour: grey is in front as much as behind.", subject="keyer",
                             code="PROCESSOR.NO_SCREEN", remedy="Name another colour.")
    return f32(chroma / length)


def _amount(pixels: Plane, way: NDArray[np.float32]) -> Plane:
    """(H, W): how much of the screen's colour each pixel has, in levels of chroma; below 0 for other colours."""
    along, across = way @ _ACROSS, np.array([-way[1], way[0]], np.float32) @ _ACROSS
    both = cv2.transform(pixels, np.stack([along, across]).astype(np.float32))
    return f32(both[..., 0] - np.abs(both[..., 1]) * _WEDGE)
