"""`render --backdrop`: people cut out of a screen, before a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from tests.door.conftest import Call
from tests.pipeline.test_backdrop import halves, png
from tests.processors.classical.test_keying import scene


def test_a_backdrop_is_named_and_the_recipe_keeps_it(call: Callable[..., Call], tmp_path: Path) -> None:
    target, behind = png(tmp_path / "in.png", scene(noise=0).pixels), png(tmp_path / "behind 背景.png", halves())
    keyer = ("--effects", "keyer", "--set", "frame.behind=picture")
    refused = call("render", "--target", target, "--output", tmp_path / "no.png", *keyer)
    assert refused.last.startswith("RECIPE.NO_BACKDROP: ")
    assert not (tmp_path / "no.png").exists()
    done = call("render", "--target", target, "--output", tmp_path / "out.png", *keyer, "--backdrop", behind,
                "--save-recipe", tmp_path / "r.json")
    assert done.code == 0, done.err
    made = cv2.imread(str(tmp_path / "out.png"))
    assert made is not None
    assert np.abs(made[:30, :40].astype(int) - (200, 0, 0)).max() <= 1
    again = call("render", "--recipe", tmp_path / "r.json", "--output", tmp_path / "again.png")
    assert again.code == 0, again.err
    assert np.array_equal(np.asarray(cv2.imread(str(tmp_path / "again.png"))), made)
    over = call("render", "--target", target, "--output", behind, *keyer, "--backdrop", behind, "--overwrite")
    assert over.last.startswith("OUTPUT."), "it is not written over"
