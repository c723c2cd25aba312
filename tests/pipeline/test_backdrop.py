"""What lies behind people: a picture or a clip that the recipe names, in pictures and in clips."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from models.arrays import Pixels
from models.errors import RecipeError
from pipeline.backdrop import Backdrop, open_backdrop, read_backdrop
from pipeline.clips.probe import open_clip
from pipeline.engine import ClipRequest, Control, Engine
from pipeline.recipe import Input, Recipe, RunEffects, input_of, make_effects
from tests.door.making import write_clip
from tests.processors.classical.test_keying import scene

KEYER = {"keyer": {"behind": "picture"}}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine()


def png(path: Path, pixels: Pixels) -> Path:
    cv2.imwrite(str(path), pixels)
    return path


def halves(width: int = 120, height: int = 40) -> Pixels:
    """Blue at the left, red at the right."""
    made = np.zeros((height, width, 3), np.uint8)
    made[:, :width // 2, 0] = made[:, width // 2:, 2] = 200
    return made


def named(path: Path) -> Input:
    return input_of(read_backdrop(path)[0], path.name, path)


def colours(path: Path) -> Path:
    """A clip of three seconds: red, green, blue."""
    frames = [np.full((64, 96, 3), colour, np.uint8) for colour in ((0, 0, 200), (0, 200, 0), (200, 0, 0))
              for _ in range(25)]
    return write_clip(path, frames, sound=False)


def test_a_picture_is_cut_to_the_size_that_is_asked_for() -> None:
    cut = Backdrop(halves()).at(Fraction(7))
    for height, width in ((90, 120), (40, 40), (200, 300)):
        found = cut(height, width)
        assert found.shape == (height, width, 3)
        assert np.abs(found[height // 2, 5].astype(int) - (200, 0, 0)).max() <= 1
        assert np.abs(found[height // 2, -5].astype(int) - (0, 0, 200)).max() <= 1


def test_a_clip_moves_and_begins_anew(tmp_path: Path) -> None:
    moving = Backdrop(open_clip(colours(tmp_path / "c.mp4")))
    for seconds, channel in ((Fraction(1, 2), 2), (Fraction(3, 2), 1), (Fraction(5, 2), 0), (Fraction(7, 2), 2)):
        assert moving.at(seconds)(30, 50).mean(axis=(0, 1)).argmax() == channel


def test_a_picture_is_laid_before_a_picture(engine: Engine, tmp_path: Path) -> None:
    path = png(tmp_path / "behind.png", halves())
    target = engine.open(png(tmp_path / "in.png", scene(noise=0).pixels))
    asked = Recipe(everyone=RunEffects(), backdrop=named(path)).with_effects(
        make_effects(["keyer"], engine.registry, KEYER))
    found = engine.render(asked, target).frame.samples
    assert np.abs(found[:30, :40].astype(int) - (200, 0, 0)).max() <= 1
    assert np.abs(found[:30, -40:].astype(int) - (0, 0, 200)).max() <= 1
    assert np.abs(found[150, 180].astype(int) - target.frame.samples[150, 180]).max() <= 2


def test_a_clip_is_laid_before_a_clip_at_the_same_time(tmp_path: Path) -> None:
    engine = Engine()
    person = scene(noise=0).pixels
    target = write_clip(tmp_path / "in.mp4", [person[:, :352]] * 60, gop=20, sound=False)
    asked = Recipe(target=input_of(open_clip(target).id, "in.mp4", target), everyone=RunEffects(),
                   backdrop=named(colours(tmp_path / "behind.mp4"))).with_effects(
        make_effects(["keyer"], engine.registry, KEYER))
    engine.render_clip(ClipRequest(recipe=asked, output=tmp_path / "out.mp4"), Control(), sources={})
    with av.open(str(tmp_path / "out.mp4")) as container:
        seen = [frame.to_ndarray(format="bgr24")[5:35, 5:45].mean(axis=(0, 1)).argmax()
                for frame in container.decode(video=0)]
    assert seen == [2] * 25 + [1] * 25 + [0] * 10


def test_a_backdrop_that_is_not_named_or_another_file_is_said(engine: Engine, tmp_path: Path) -> None:
    target = engine.open(png(tmp_path / "in.png", scene(noise=0).pixels))
    path = png(tmp_path / "behind.png", halves())
    asked = Recipe(everyone=RunEffects()).with_effects(make_effects(["keyer"], engine.registry, KEYER))
    with pytest.raises(RecipeError, match=r"RECIPE\.NO_BACKDROP.*--backdrop"):
        engine.render(asked, target)
    nowhere = named(path).model_copy(update={"path": None})
    with pytest.raises(RecipeError, match=r"RECIPE\.NO_BACKDROP.*behind\.png"):
        engine.render(asked.model_copy(update={"backdrop": nowhere}), target)
    other = named(path)
    png(path, halves()[:, ::-1])
    with pytest.raises(RecipeError, match=r"RECIPE\.INPUT_CHANGED"):
        open_backdrop(other)


def test_a_guest_s_recipe_does_not_say_where_a_backdrop_lies(tmp_path: Path) -> None:
    from studio.reload import without_paths

    path = png(tmp_path / "behind.png", halves())
    kept = without_paths(Recipe(backdrop=named(path)))
    assert kept.backdrop == named(path).model_copy(update={"path": None})
    assert without_paths(Recipe()).backdrop is None
