"""Whole pictures through networks that see a part at a time: tiles that overlap, in batches, put together so that no
seam shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.sessions import OutOfMemory

Planes = NDArray[np.float32]
"""(C, H, W) or (N, C, H, W) float32."""
SMALLEST = 64


@dataclass(frozen=True, slots=True)
class Tiling:
    """side: of a tile, in pixels of the picture. margin: neighbours share twice as much; half of it at a tile's edge is
    not used at all, and over the rest one fades into the other. scale: how many times larger the answer is. batch:
    tiles of one run."""

    side: int
    margin: int
    scale: int
    batch: int = 8

    def __post_init__(self) -> None:
        if self.margin < 2 or self.side <= 4 * self.margin:
            raise ValueError("a tile is larger than four margins, and a margin than one pixel")

    @property
    def step(self) -> int:
        return self.side - 2 * self.margin


def run_tiled(picture: Planes, tiling: Tiling, run: Callable[[Planes], Planes]) -> Planes:
    """(C, H · scale, W · scale) for a picture (C, H, W). run: (N, C, side, side) to (N, C', side · scale, …). Where a
    device has too little memory for a tile, the tiles become half as large, down to 64. Raises OutOfMemory."""
    try:
        return _run(picture, tiling, run)
    except OutOfMemory:
        side = tiling.side // 2
        if side < SMALLEST or side <= 4 * tiling.margin:
            raise
        return run_tiled(picture, Tiling(side, tiling.margin, tiling.scale, tiling.batch), run)


def _run(picture: Planes, tiling: Tiling, run: Callable[[Planes], Planes]) -> Planes:
    _, height, width = picture.shape
    rows, columns = (max(-(-size // tiling.step), 1) for size in (height, width))
    whole = _padded(picture, tiling, rows, columns)
    scale, side, overlap = tiling.scale, tiling.side * tiling.scale, 2 * tiling.margin * tiling.scale
    ramp = _ramp(overlap)
    made: Planes | None = None
    tail: Planes | None = None
    for row, tiles in enumerate(_strips(whole, tiling, rows, columns, run)):
        strip = _joined(tiles, ramp, tiling)
        if made is None:
            made = np.empty((strip.shape[0], rows * tiling.step * scale + overlap, strip.shape[2]), np.float32)
        if tail is not None:
            strip[:, :overlap] = tail + strip[:, :overlap] * ramp[:, None]
        if row < rows - 1:
            tail = strip[:, side - overlap:] * ramp[::-1, None]
        top = row * tiling.step * scale
        made[:, top:top + side] = strip
    assert made is not None
    edge = tiling.margin * scale
    return made[:, edge:edge + height * scale, edge:edge + width * scale]


def _padded(picture: Planes, tiling: Tiling, rows: int, columns: int) -> Planes:
    """With a margin round it, and as much more right and below as whole tiles need; mirrored where there is enough to
    mirror, which networks take for more of the same."""
    _, height, width = picture.shape
    below, right = rows * tiling.step - height + tiling.margin, columns * tiling.step - width + tiling.margin
    edges = ((0, 0), (tiling.margin, below), (tiling.margin, right))
    mirrored = min(height, width) > max(tiling.margin, below, right)
    return np.pad(picture, edges, mode="reflect" if mirrored else "edge")


def _strips(whole: Planes, tiling: Tiling, rows: int, columns: int, run: Callable[[Planes], Planes],
            ) -> Iterator[list[Planes]]:
    """Each row's answers, from left to right; batches go on over the rows' ends."""
    places = [(row * tiling.step, column * tiling.step) for row in range(rows) for column in range(columns)]
    waiting: list[Planes] = []
    for start in range(0, len(places), tiling.batch):
        tiles = np.stack([whole[:, y:y + tiling.side, x:x + tiling.side]
                          for y, x in places[start:start + tiling.batch]])
        waiting.extend(run(tiles))
        while len(waiting) >= columns:
            yield waiting[:columns]
            del waiting[:columns]


def _joined(tiles: list[Planes], ramp: NDArray[np.float32], tiling: Tiling) -> Planes:
    """One row of tiles, each fading into the next."""
    side, overlap, step = tiling.side * tiling.scale, len(ramp), tiling.step * tiling.scale
    channels = tiles[0].shape[0]
    strip = np.empty((channels, side, len(tiles) * step + overlap), np.float32)
    for number, tile in enumerate(tiles):
        left = number * step
        if number:
            strip[:, :, left:left + overlap] = (strip[:, :, left:left + overlap] * ramp[::-1]
                                                + tile[:, :, :overlap] * ramp)
            strip[:, :, left + overlap:left + side] = tile[:, :, overlap:]
        else:
            strip[:, :, :side] = tile
    return strip


def _ramp(overlap: int) -> NDArray[np.float32]:
    """0 over the first quarter, 1 over the last, straight between; with itself turned round it adds up to 1."""
    at = (np.arange(overlap, dtype=np.float32) + 0.5) / overlap
    return np.clip(2 * at - 0.5, 0, 1)
