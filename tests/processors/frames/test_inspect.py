"""What is drawn is where it should be, and nothing else moves."""

import numpy as np
import pytest

from models.face import Box, Face
from processors.batches import FrameView, Rect, Region
from processors.context import Context
from processors.frames.inspect import Inspect


@pytest.fixture
def view() -> FrameView:
    points = np.random.default_rng(0).uniform(60, 110, (68, 2))
    points[36], points[45] = (60, 80), (110, 80)
    mask = np.zeros((40, 40), np.float32)
    mask[10:30, 10:30] = 1
    layer = Region(np.zeros((40, 40, 3), np.uint8), Rect(130, 130, 170, 170), mask)
    face = Face(Box(50, 50, 120, 120), 1.0, points, number=3)
    return FrameView(np.full((200, 200, 3), 100, np.uint8), (face,), (layer,))


def drawn(view: FrameView, **params: bool) -> np.ndarray:
    """(H, W) bool: pixels that changed; checks that the mask says exactly that."""
    regions = Inspect().process(view, Inspect.Params(**params), Context())
    if not regions:
        return np.zeros(view.pixels.shape[:2], np.bool_)
    (region,) = regions
    changed = (region.pixels != view.pixels).any(axis=2)
    assert (changed == (region.mask > 0)).all()
    assert region.pixels.dtype == view.pixels.dtype
    return np.asarray(changed)


NOTHING = {"boxes": False, "points": False, "masks": False}


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_each_switch_draws_its_own(view: FrameView, dtype: type) -> None:
    view = FrameView(view.pixels.astype(dtype), view.faces, view.masks)
    boxes = drawn(view, **{**NOTHING, "boxes": True})
    assert boxes[50, 90]
    assert boxes[119, 90]
    assert not boxes[90, 90]
    points = drawn(view, **{**NOTHING, "points": True})
    for x, y in np.rint(view.faces[0].points).astype(int):
        assert points[y, x]
    masks = drawn(view, **{**NOTHING, "masks": True})
    assert masks.sum() == 400
    assert masks[140:160, 140:160].all()


def test_the_pictures_own_pixels_are_left_alone(view: FrameView) -> None:
    before = view.pixels.copy()
    drawn(view)
    assert (view.pixels == before).all()


def test_all_off_or_nothing_found_changes_nothing(view: FrameView) -> None:
    assert Inspect().is_identity(Inspect.Params(**NOTHING))
    assert not Inspect().is_identity(Inspect.Params())
    assert Inspect().process(FrameView(view.pixels, ()), Inspect.Params(), Context()) == ()


def test_boxes_over_the_edge_are_drawn_as_far_as_they_show(view: FrameView) -> None:
    face = Face(Box(-20, -20, 400, 90), 1.0, view.faces[0].points - 100, number=12)
    assert drawn(FrameView(view.pixels, (face,)))[89, 150]
