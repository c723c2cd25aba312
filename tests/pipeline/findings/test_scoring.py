"""What scoring does in its small square against what `measure` does in the picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.findings.scoring import band_of
from pipeline.findings.square import SIDE, UNIT
from pipeline.measure.formulas import contour_band


@given(st.floats(5, 90), st.floats(5, 90), st.floats(3, 60), st.floats(3, 60), st.floats(0, 180))
def test_the_band_is_the_one_that_measure_takes(x: float, y: float, across: float, down: float, turn: float) -> None:
    """Masks of any oval, over the edge too."""
    mask = np.zeros((SIDE, SIDE), np.float32)
    cv2.ellipse(mask, (round(x), round(y)), (round(across), round(down)), turn, 0, 360, 1.0, -1)
    assert np.array_equal(band_of(mask), contour_band(mask, UNIT))


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_a_mask_without_a_contour_has_no_band(strength: float) -> None:
    assert not band_of(np.full((SIDE, SIDE), strength, np.float32)).any()
