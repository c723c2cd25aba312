"""Tiles put together, to the pixel; upscalers on twins with a known answer."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.families.tiles import Tiling, run_tiled
from models.families.upscalers import Upscaler
from models.sessions import OutOfMemory, SessionManager
from models.twins import Graph


def larger(scale: int) -> Any:
    """Each pixel as a square, after a blur of 3 x 3 that needs its neighbours."""
    def run(tiles: np.ndarray) -> np.ndarray:
        return np.stack([np.stack([cv2.blur(plane, (3, 3)) for plane in tile]).repeat(scale, 1).repeat(scale, 2)
                         for tile in tiles])
    return run


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 130), st.integers(1, 130), st.sampled_from([1, 2, 4]),
       st.sampled_from([(32, 4), (48, 8), (64, 3)]), st.integers(1, 9))
def test_tiles_put_together_are_what_the_whole_would_be(height: int, width: int, scale: int, tile: tuple[int, int],
                                                        batch: int) -> None:
    picture = np.random.default_rng(height * 131 + width).uniform(0, 1, (3, height, width)).astype(np.float32)
    found = run_tiled(picture, Tiling(*tile, scale, batch), larger(scale))
    margin = 4
    padded = np.pad(picture, ((0, 0), (margin, margin), (margin, margin)),
                    mode="reflect" if min(height, width) > margin else "edge")
    whole = larger(scale)(padded[None])[0]
    edge = margin * scale
    wanted = whole[:, edge:edge + height * scale, edge:edge + width * scale]
    assert found.shape == wanted.shape
    inner = (slice(None), slice(scale, -scale or None), slice(scale, -scale or None))
    assert np.allclose(found[inner], wanted[inner], atol=1e-6), "but for the outermost pixels, which see the padding"


def test_what_tiles_disagree_about_fades_and_makes_no_step() -> None:
    numbers = iter(range(1000))

    def run(tiles: np.ndarray) -> np.ndarray:
        return np.stack([np.full_like(tile, next(numbers) % 2) for tile in tiles])

    found = run_tiled(np.zeros((1, 40, 300), np.float32), Tiling(64, 8, 1), run)
    assert np.abs(np.diff(found[0, 20])).max() <= 2 / 16 + 1e-6


@pytest.mark.parametrize("fits", [128, 64])
def test_where_memory_is_short_the_tiles_become_smaller(fits: int) -> None:
    sides = []

    def run(tiles: np.ndarray) -> np.ndarray:
        sides.append(tiles.shape[2])
        if tiles.shape[2] > fits:
            raise OutOfMemory("too little")
        return tiles

    picture = np.random.default_rng(1).uniform(0, 1, (3, 200, 300)).astype(np.float32)
    assert np.allclose(run_tiled(picture, Tiling(256, 8, 1), run), picture, atol=1e-6)
    assert sides[-1] == fits
    with pytest.raises(OutOfMemory):
        run_tiled(picture, Tiling(256, 20, 1), lambda tiles: run(np.zeros((1, 3, 999, 999))))


def nearest(rows: int | str, side: int | str) -> bytes:
    graph = Graph()
    given_tiles = graph.input("input", (rows, 3, side, side))
    scales = graph.constant([1.0, 1.0, 2.0, 2.0])
    made = graph.op("Resize", given_tiles, "", scales, mode="nearest", nearest_mode="floor",
                    coordinate_transformation_mode="asymmetric")
    graph.output(made, "output", (rows, 3, "h", "w"))
    return graph.serialised()


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize(("rows", "side"), [("N", "S"), (1, 64)])
def test_a_picture_comes_back_larger_with_its_colours(kind: type, rows: int | str, side: int | str) -> None:
    manager = SessionManager()
    upscaler = Upscaler(manager.lease(nearest(rows, side), name="twin"), {"scale": 2, "tile": 64, "margin": 8})
    picture: Any = np.random.default_rng(3).integers(0, 256, (100, 170, 3)).astype(kind)
    made = upscaler.upscale(picture)
    assert made.dtype == kind
    assert np.abs(made.astype(float) - picture.repeat(2, 0).repeat(2, 1)).max() < 1e-3
    batches = manager.counts()[0].batches
    assert max(batches) == (8 if rows == "N" else 1), "tiles go in batches where the network takes them"
