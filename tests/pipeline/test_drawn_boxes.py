"""Boxes that somebody drew on a picture: what is in them is hidden, whether or not a face was found there."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.arrays import Pixels
from models.errors import NoFace
from models.face import Box
from models.interfaces import FaceStack
from pipeline.crops import cut
from pipeline.engine import Engine
from pipeline.frame import Frame
from pipeline.recipe import Anonymise, AnonymiseStyle, DrawnBox, Recipe
from pipeline.tracking.heads import face_in_box, head_box
from processors.batches import Native
from processors.swappers.anonymise import AnonymiseSwapper, head_mask


@pytest.fixture(scope="module")
def engine(stack: FaceStack) -> Engine:
    return Engine(faces=stack)


def covered(box: Box, turn: int) -> np.ndarray:
    """The mask of `anonymise` over a 900 x 900 frame for a box drawn there."""
    crop = cut(Frame(np.zeros((900, 900, 3), np.uint8)), face_in_box(box, turn),
               AnonymiseSwapper().needs(AnonymiseSwapper.Params()).crop)
    mask = np.rot90(head_mask(crop, 1.0), turn)
    low = np.rint(np.linalg.inv(np.vstack([crop.matrix, [0, 0, 1]]))[:2] @ np.array(
        [[0, crop.pixels.shape[1] - 1], [0, crop.pixels.shape[0] - 1], [1, 1]])).min(axis=1).astype(int)
    whole = np.zeros((900, 900), np.float32)
    x0, y0 = max(low[0], 0), max(low[1], 0)
    part = mask[y0 - low[1]:, x0 - low[0]:][:900 - y0, :900 - x0]
    whole[y0:y0 + part.shape[0], x0:x0 + part.shape[1]] = part
    return whole


@settings(max_examples=40, deadline=None)
@given(st.integers(8, 300), st.floats(0.34, 3.0), st.integers(0, 3))
def test_a_box_of_any_shape_is_covered_to_its_corners_and_not_much_more(wide: int, shape: float, turn: int) -> None:
    tall = min(max(round(wide / shape), 8), 300)
    mask = covered(Box(300, 300, 300 + wide, 300 + tall), turn)
    assert mask[300:300 + tall, 300:300 + wide].min() == 1
    longer = max(wide, tall)
    assert mask.sum() < 2.6 * longer * longer


def test_the_made_up_face_has_the_box_for_its_head_and_lies_as_it_is_told() -> None:
    face = face_in_box(Box(100, 100, 200, 230))
    head = head_box(face.points)
    assert abs((head.x0 + head.x1) / 2 - 150) < 1
    assert abs((head.y0 + head.y1) / 2 - 165) < 1
    eyes, chin = face.points[36:48].mean(axis=0), face.points[8]
    assert eyes[1] < chin[1]
    lying = face_in_box(Box(100, 100, 230, 200), turn=1)  # one clockwise turn brings it upright: its head is left
    assert lying.points[36:48].mean(axis=0)[0] < lying.points[8][0]
    assert lying.turn == 1


@pytest.mark.parametrize("style", ["blur", "pixelate", "solid"])
def test_what_is_in_a_drawn_box_is_hidden_and_the_rest_keeps_its_bits(
    style: AnonymiseStyle, engine: Engine, tmp_path: Path, six_people: Pixels,
) -> None:
    cv2.imwrite(str(tmp_path / "six.png"), six_people)
    target = engine.open(tmp_path / "six.png")
    height, width = six_people.shape[:2]
    rendered = engine.render(Recipe(covers=(DrawnBox(x=0.1, y=0.1, width=0.1, height=0.2, style=style),)), target)
    y0, y1, x0, x1 = round(0.1 * height), round(0.3 * height), round(0.1 * width), round(0.2 * width)
    assert rendered.mask()[y0:y1, x0:x1].min() == 1
    inside, before = rendered.frame.samples[y0:y1, x0:x1], six_people[y0:y1, x0:x1]
    assert (inside != before).any(axis=2).mean() > 0.9
    outside = rendered.mask() == 0
    assert outside.mean() > 0.8
    assert np.array_equal(rendered.frame.samples[outside], six_people[outside])
    assert rendered.edit.kind == "anonymise"


def test_a_picture_without_a_face_that_can_be_found_takes_a_drawn_box(engine: Engine, tmp_path: Path,
                                                                     astronaut: Pixels) -> None:
    down = np.ascontiguousarray(astronaut[::-1][:300])
    cv2.imwrite(str(tmp_path / "wall.png"), cv2.GaussianBlur(down, (0, 0), 2))
    target = engine.open(tmp_path / "wall.png")
    with pytest.raises(NoFace):
        engine.render(Recipe(everyone=Anonymise()), target)
    rendered = engine.render(Recipe(everyone=Anonymise(), covers=(
        DrawnBox(x=0.3, y=0.4, width=0.2, height=0.5, style="solid"),)), target)
    assert rendered.mask()[130:260, 160:250].min() == 1


def test_a_box_at_the_edge_covers_what_lies_in_the_picture(engine: Engine, tmp_path: Path, astronaut: Pixels) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), astronaut)
    rendered = engine.render(Recipe(covers=(DrawnBox(x=0.9, y=0, width=0.1, height=0.2),)),
                             engine.open(tmp_path / "a.png"))
    assert rendered.mask()[:102, 461:].min() == 1
    assert isinstance(AnonymiseSwapper().needs(AnonymiseSwapper.Params()).crop, Native)
