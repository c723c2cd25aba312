"""Fixes of the recipe on planted defects: the finding is gone, and only the part that it lies in was rendered again."""

from __future__ import annotations

import base64
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.errors import RecipeError
from pipeline.engine import ClipWritten
from pipeline.recipe import (
    Fix,
    HoldLast,
    KeepOriginal,
    MovePoints,
    OtherStrength,
    PaintMask,
    Recipe,
    TakeFromNeighbours,
)
from pipeline.rendering import plan as plans
from pipeline.rendering.fixing import painting
from tests.door.making import bgr_of
from tests.pipeline.findings.planting import DEFECTS, Studio, motion


def over(span: tuple[int, int], kind: type[Fix], **more: Any) -> Fix:
    """A fix of one kind over frames first to last of a clip of 25 a second."""
    return kind(start=str(Fraction(span[0], 25)), stop=str(Fraction(span[1] + 1, 25)), **more)


def painted(values: np.ndarray) -> str:
    return base64.b64encode(cv2.imencode(".png", values.astype(np.uint8))[1].tobytes()).decode()


@pytest.fixture(autouse=True)
def as_careless_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """What made the defects makes them again."""
    monkeypatch.setattr(plans, "SHORTEST", 30)
    monkeypatch.setattr(plans, "LONGEST", 40)
    DEFECTS.plant(monkeypatch)


def mended(studio: Studio, clip: Path, *fixes: Fix) -> ClipWritten:
    return studio.render(studio.recipe(clip, fixes=fixes), "mended.mp4")


def codes(written: ClipWritten) -> list[str]:
    return [finding.code for finding in written.findings]


FIRST, SECOND = ["FINDING.MISSED", "FINDING.JUMP", "FINDING.MISTAKEN"], ["FINDING.EXPOSURE", "FINDING.IDENTITY"]


def test_a_face_is_taken_from_its_neighbours_and_points_are_moved_by_hand(
        planted: ClipWritten, planted_studio: Studio, planted_clip: Path) -> None:
    back = dict.fromkeys(range(68), (-0.12, -0.09))  # against what was planted, along a head that is nearly upright
    done = mended(planted_studio, planted_clip, over(DEFECTS.missed, TakeFromNeighbours),
                  over(DEFECTS.jump, MovePoints, points=back), over(DEFECTS.mistaken, TakeFromNeighbours))
    assert (done.rendered, done.reused) == (1, 1)
    assert codes(done) == SECOND
    rows = planted_studio.version(done).sheet.rows
    for first, last in (DEFECTS.missed, DEFECTS.jump, DEFECTS.mistaken):
        for row in rows[(rows["frame"] >= first) & (rows["frame"] <= last)]:
            # The clip's motion is known: the middle of the five points keeps its place in the moved still.
            middle, _, _ = motion(int(row["frame"]))
            assert np.hypot(*(row["points"].mean(axis=0) - middle)) < 0.3 * row["size"]
            assert row["number"] == 0
    before, after = bgr_of(planted.path), bgr_of(done.path)
    same = [bool((a == b).all()) for a, b in zip(before, after, strict=True)]
    assert all(same[40:])
    assert not any(same[DEFECTS.missed[0]:DEFECTS.missed[1] + 1])


def test_the_last_look_is_held_and_the_original_is_kept(planted: ClipWritten, planted_studio: Studio,
                                                       planted_clip: Path) -> None:
    done = mended(planted_studio, planted_clip, over(DEFECTS.bright, HoldLast), over(DEFECTS.wrong, KeepOriginal))
    assert (done.rendered, done.reused) == (1, 1)
    assert codes(done) == FIRST
    rows = planted_studio.version(done).sheet.rows
    held = rows[np.isin(rows["frame"], range(DEFECTS.bright[0], DEFECTS.bright[1] + 1))]
    assert (held["change"] > 4).all()
    first = DEFECTS.wrong[0]
    original, result = bgr_of(planted_clip)[first], bgr_of(done.path)[first]
    assert np.abs(original.astype(int) - result).mean() < 3  # what the encoder loses


@pytest.mark.long
def test_strength_and_a_painted_mask_count_in_their_frames_alone(planted: ClipWritten, planted_studio: Studio,
                                                                 planted_clip: Path) -> None:
    paint = np.full((64, 64), 128)
    paint[:, :32] = 0  # the picture's left half of the face stays as it was
    done = mended(planted_studio, planted_clip, over(DEFECTS.bright, OtherStrength, strength=0.3),
                  over(DEFECTS.wrong, PaintMask, png=painted(paint)))
    assert (done.rendered, done.reused) == (1, 1)
    assert "FINDING.EXPOSURE" not in codes(done)
    rows = planted_studio.version(done).sheet.rows
    weak = rows[np.isin(rows["frame"], range(*DEFECTS.bright))]
    assert weak["change"].mean() == pytest.approx(0.3 * rows[rows["frame"] < 40]["change"].mean(), rel=0.6)
    (x, y), _, _ = motion(DEFECTS.wrong[0])
    at = DEFECTS.wrong[0]
    original, spoilt, result = (bgr_of(path)[at].astype(int) for path in (planted_clip, planted.path, done.path))
    left, right = np.s_[round(y - 15):round(y + 25), round(x - 24):round(x - 8)], \
        np.s_[round(y - 15):round(y + 25), round(x + 8):round(x + 24)]
    assert np.abs(result[left] - original[left]).mean() < np.abs(spoilt[left] - original[left]).mean() * 0.8
    assert np.abs(result[right] - spoilt[right]).mean() < 4  # what two encoders lose


def test_fixes_are_checked_and_are_in_the_recipe_as_they_were_given(planted_clip: Path, planted_studio: Studio) -> None:
    fixes = (over((3, 4), MovePoints, points={30: (0.1, 0.0)}, person=2), over((5, 5), KeepOriginal))
    recipe = planted_studio.recipe(planted_clip, fixes=fixes)
    assert Recipe.model_validate_json(recipe.to_json()).fixes == fixes
    with pytest.raises(ValueError, match="points have the numbers 0 to 67"):
        MovePoints(points={68: (0, 0)})
    with pytest.raises(RecipeError) as caught:
        painting("bm90IGEgcGljdHVyZQ==")
    assert caught.value.code == "RECIPE.MASK"
