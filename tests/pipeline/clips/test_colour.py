"""Matrices, ranges, and the curve that lets SDR's tools read HDR."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clips.clip import Colour, Matrix, Transfer
from pipeline.clips.colour import from_bgr, from_working, to_bgr, to_working


@pytest.mark.parametrize(("colour", "depth", "code", "bgr"), [
    # ITU-R BT.709-6 and BT.601-7, item 3: black, white, and pure red at 8 bits.
    (Colour(matrix="bt709"), 8, (16, 128, 128), (0, 0, 0)),
    (Colour(matrix="bt709"), 8, (235, 128, 128), (255, 255, 255)),
    (Colour(matrix="bt709"), 8, (63, 102, 240), (0, 0, 255)),
    (Colour(matrix="bt601"), 8, (81, 90, 240), (0, 0, 255)),
    (Colour(matrix="bt709", full=True), 8, (255, 128, 128), (255, 255, 255)),
    (Colour(matrix="bt2020"), 10, (940, 512, 512), (255, 255, 255)),
    (Colour(matrix="bt2020"), 10, (64, 512, 512), (0, 0, 0)),
])
def test_known_codes_are_known_colours(colour: Colour, depth: int, code: tuple[int, int, int],
                                       bgr: tuple[int, int, int]) -> None:
    assert to_bgr(colour, depth) @ [*code, 1] == pytest.approx(bgr, abs=1.2)


@given(st.sampled_from(["bt601", "bt709", "bt2020"]), st.booleans(), st.sampled_from([8, 10, 12, 16]),
       st.lists(st.floats(-255, 255), min_size=3, max_size=3))
def test_differences_go_there_and_back(matrix: Matrix, full: bool, depth: int, change: list[float]) -> None:
    colour = Colour(matrix=matrix, full=full)
    codes = from_bgr(colour, depth) @ change
    assert to_bgr(colour, depth)[:, :3] @ codes == pytest.approx(change, abs=1e-6)


@pytest.mark.parametrize("transfer", ["pq", "hlg"])
def test_the_curve_rises_and_can_be_undone_to_less_than_a_code_of_ten_bits(transfer: Transfer) -> None:
    codes = np.arange(1024) * (255 / 1023)
    working = to_working(codes, transfer)
    assert (np.diff(working) > 0).all()
    assert (working[0], working[-1]) == (0, pytest.approx(255, abs=0.01))
    assert np.abs(from_working(working, transfer) - codes).max() < 0.5 * 255 / 1023


def test_wide_pictures_are_looked_up_in_pieces() -> None:
    wide = np.random.default_rng(2).uniform(0, 255, (2, 16384, 3)).astype(np.float32)
    assert (to_working(wide, "pq")[:, 9000:9100] == to_working(wide[:, 9000:9100], "pq")).all()


def test_reference_white_and_skin_lie_where_sdr_has_them() -> None:
    # ITU-R BT.2408: 203 cd/m2 is 58 % of a PQ signal and 75 % of an HLG one; skin at 40 to 90 cd/m2 is 40 to 50 %.
    assert to_working(np.array([0.58 * 255]), "pq")[0] / 255 == pytest.approx(0.71, abs=0.05)
    assert to_working(np.array([0.75 * 255]), "hlg")[0] / 255 == pytest.approx(0.79, abs=0.05)
    low, high = to_working(np.array([0.40, 0.50]) * 255, "pq") / 255
    assert 0.35 < low < high < 0.65
