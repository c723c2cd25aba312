"""What a detector's five points are worth when a face of a clip is read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.arrays import Pixels, Points
from models.face import Box, Face, five_points
from models.geometry import quarter_turn, transform
from models.interfaces import Detection, FaceStack, Search
from pipeline.tracking.looks import Look, Sighting, look_for


class Pointing:
    """Finds one face: five points and a box, as shares of the picture."""

    name = "pointing"

    def __init__(self, five: Points) -> None:
        self._five = five

    def detect(self, picture: Pixels, search: Search) -> list[Detection]:
        size = np.array(picture.shape[1::-1])
        points = self._five * size - 0.5
        (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
        return [Detection(Box(x0, y0, x1, y1), 0.4, points5=points)]

    def side(self, search: Search) -> int | None:
        return 640


@pytest.mark.parametrize("kind", ["quick", "full"])
def test_five_points_come_from_a_smaller_picture_into_the_frame(kind: str, stack: FaceStack) -> None:
    five = np.array([[0.2, 0.3], [0.3, 0.3], [0.25, 0.4], [0.2, 0.5], [0.3, 0.5]])
    grey: Pixels = np.zeros((1080, 1920), np.uint8)
    sighting, = look_for(replace(stack, detector=Pointing(five)), grey, Look(Search(), 25), kind)  # type: ignore[arg-type]
    assert sighting.points5 is not None
    assert np.allclose(sighting.points5, five * [1920, 1080] - 0.5, atol=1e-6)


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_a_sighting_with_five_points_is_read_however_it_lies_and_whatever_its_box(
    turn: int, astronaut: Pixels, astronaut_face: Face, stack: FaceStack,
) -> None:
    grey: Pixels = np.ascontiguousarray(np.rot90(astronaut, -turn)[:, :, 1])
    truth = transform(astronaut_face.points, quarter_turn(turn, 512, 512))
    five = five_points(truth)
    (x0, y0), (x1, y1) = five.min(axis=0), five.max(axis=0)
    face = Sighting(Box(x0 - 30, y0 - 30, x1 + 30, y1 + 30), 0.4, 0, five).read(stack, grey)
    off = np.sqrt(((face.points - truth) ** 2).sum(axis=1).mean()) / astronaut_face.eye_distance
    assert off < 0.02
    assert face.turn == -turn % 4
