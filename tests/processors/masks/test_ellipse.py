"""An oval: where it should be, and as wide as it says."""

import numpy as np
import pytest

from models.face import Box, Face
from processors.batches import Crop, Patch
from processors.context import Context
from processors.masks.ellipse import Ellipse


@pytest.fixture
def crop() -> Crop:
    """200 x 240; jaw 40..160 wide, brows at 100, chin at 200: the oval has half-axes 60 and 75 about (100, 125)."""
    points = np.full((68, 2), (100.0, 140.0))
    angle = np.linspace(np.pi, 0, 17)
    points[:17] = np.column_stack([100 + 60 * np.cos(angle), 140 + 60 * np.sin(angle)])
    points[17:27] = np.column_stack([np.linspace(60, 140, 10), np.full(10, 100.0)])
    points[36], points[45] = (60, 110), (140, 110)
    return Crop(np.zeros((240, 200, 3), np.uint8), np.eye(2, 3), points, Face(Box(0, 0, 1, 1), 1, points))


def mask_of(crop: Crop, before: np.ndarray | None = None, **params: float) -> np.ndarray:
    (patch,) = Ellipse().process((Patch(crop, crop.pixels, mask=before),), Ellipse.Params(**params), Context())
    assert patch.mask is not None
    return patch.mask


def test_the_area_and_place_are_those_of_the_ellipse(crop: Crop) -> None:
    mask = mask_of(crop, width=1.0, height=1.0, softness=0.0)
    assert mask.sum() == pytest.approx(np.pi * 60 * 75, rel=0.01)
    rows, columns = np.nonzero(mask > 0.5)
    assert (columns.mean(), rows.mean()) == pytest.approx((100, 125), abs=0.6)


def test_sliders_change_width_height_and_place(crop: Crop) -> None:
    narrow = mask_of(crop, width=0.5, height=1.0, softness=0.0)
    assert narrow.sum() == pytest.approx(np.pi * 30 * 75, rel=0.02)
    raised = mask_of(crop, width=1.0, height=0.5, rise=0.2, softness=0.0)
    rows, _ = np.nonzero(raised > 0.5)
    assert rows.mean() == pytest.approx(125 - 0.2 * 150, abs=0.6)


def test_a_soft_edge_lies_inside_and_is_as_wide_as_stated(crop: Crop) -> None:
    hard = mask_of(crop, width=1.0, height=1.0, softness=0.0)
    soft = mask_of(crop, width=1.0, height=1.0, softness=0.25)
    assert not (soft[hard == 0] > 0).any()
    row = soft[125, :100]
    assert np.flatnonzero(row >= 1)[0] == pytest.approx(40 + 0.25 * 80, abs=1.5)


def test_it_multiplies_the_mask_that_is_there(crop: Crop) -> None:
    half = np.full((240, 200), 0.5, np.float32)
    assert np.allclose(mask_of(crop, half), mask_of(crop) * 0.5)
