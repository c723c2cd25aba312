"""How hard is looked for the faces of a picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.arrays import Pixels
from models.face import Box
from models.interfaces import Detection, FaceStack, Search
from pipeline.analysis import analyse_frame
from pipeline.frame import Frame


class Noting:
    """Finds what it was told to, by whether the search is turned; notes what it was asked."""

    name = "noting"

    def __init__(self, plain: list[Detection], turned: list[Detection]) -> None:
        self._found = {False: plain, True: turned}
        self.asked: list[Search] = []

    def detect(self, picture: Pixels, search: Search) -> list[Detection]:
        self.asked.append(search)
        return self._found[search.turned]

    def side(self, search: Search) -> int | None:
        return None


UPRIGHT = Detection(Box(100, 100, 180, 180), 0.4)
LYING = Detection(Box(300, 100, 380, 180), 0.4, 1)


@pytest.mark.parametrize(("plain", "asked", "faces", "remarks"), [
    ([UPRIGHT], [Search()], 1, 0),
    ([LYING], [Search(), Search(turned=True)], 2, 0),
    ([], [Search(), Search(small=True, turned=True)], 2, 1)])
def test_one_lying_face_says_that_others_may_lie(plain: list[Detection], asked: list[Search], faces: int,
                                                 remarks: int, stack: FaceStack) -> None:
    detector = Noting(plain, [UPRIGHT, LYING])
    frame = Frame(np.zeros((400, 600, 3), np.uint8))
    found = analyse_frame(frame, replace(stack, detector=detector), Search(), lambda _share: None, lambda: None)
    assert detector.asked == asked
    assert (len(found.faces), len(found.remarks)) == (faces, remarks)
    assert found.search == asked[-1]
