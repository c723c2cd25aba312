"""Groups of pictures in which nobody is who gets something are copied, effects or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.arrays import Pixels
from models.errors import NoFace
from models.interfaces import Detection, FaceStack, Search
from pipeline.analysis.store import Analyses
from pipeline.bench.speed.twins import MeanLandmarker
from pipeline.chain import Admission
from pipeline.clips.clip import Clip
from pipeline.engine import ClipRequest, ClipWritten, Control, Engine
from pipeline.recipe import Keep, KeepOriginal, Recipe, RunEffects, Segment, input_of, make_effects
from pipeline.rendering.analysing import busy_for
from processors.registry import Registry, load_registry
from tests.door.making import packets_of, planes_of, write_clip
from tests.pipeline.analysis.standing import Always, Standing
from tests.pipeline.rendering.test_stored import ToyPaint

DARK, BRIGHT = 60, 190


class WhereItIsBright(Standing):
    def detect(self, picture: Pixels, search: Search) -> list[Detection]:
        found = super().detect(picture, search)
        return found if picture.mean() > (DARK + BRIGHT) / 2 else []


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five groups of 24 pictures; the third is bright, and somebody is in it."""
    random = np.random.default_rng(1)
    dark, bright = (level + random.integers(-25, 25, (30, 40, 3)).repeat(4, 0).repeat(4, 1) for level in (DARK, BRIGHT))
    frames = [np.roll(bright if i // 24 == 2 else dark, i // 9, 1).astype(np.uint8) for i in range(120)]
    return write_clip(tmp_path_factory.mktemp("there") / "in.mp4", frames, gop=24)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    registry = load_registry(())
    registry.add(ToyPaint)
    made = Engine(registry=registry, faces=FaceStack(WhereItIsBright(), MeanLandmarker(), Always()),
                  analyses=Analyses(tmp_path_factory.mktemp("data") / "analyses"))
    yield made
    made.close()


def painted(registry: Registry, clip: Clip, **words: Any) -> Recipe:
    effects = make_effects(["toy_paint", "ellipse"], registry)
    return Recipe(**{"target": input_of(clip.id, clip.name, clip.path), "segments": (Segment(effects=effects),),
                     "everyone": RunEffects(), **words})


def rendered(engine: Engine, recipe: Recipe, output: Path) -> ClipWritten:
    return engine.render_clip(ClipRequest(recipe=recipe, output=output), Control())


def test_only_the_group_with_somebody_in_it_is_encoded(engine: Engine, path: Path, tmp_path: Path) -> None:
    clip = engine.open_clip(path)
    written = rendered(engine, painted(engine.registry, clip), tmp_path / "out.mp4")
    assert (written.frames, written.copied, written.changed) == (120, 96, 24)
    same = [bool((a == b).all()) for a, b in zip(planes_of(path), planes_of(written.path), strict=True)]
    assert same == [True] * 48 + [False] * 24 + [True] * 48
    own, made = packets_of(path, "video"), packets_of(written.path, "video")
    assert (made[:48], made[72:]) == (own[:48], own[72:])
    assert own[48:72] != made[48:72]


def test_what_was_mended_by_hand_is_encoded(engine: Engine, path: Path, tmp_path: Path) -> None:
    clip = engine.open_clip(path)
    fixed = painted(engine.registry, clip, fixes=(KeepOriginal(start="4", stop="4.2"),))
    assert rendered(engine, fixed, tmp_path / "out.mp4").copied == 72


def test_where_nobody_is_that_is_an_error_and_no_copy_of_the_clip(engine: Engine, path: Path, tmp_path: Path) -> None:
    clip = engine.open_clip(path)
    with pytest.raises(NoFace):
        rendered(engine, painted(engine.registry, clip, trim={"start": "0", "stop": "1.9"}), tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []


def test_who_is_kept_and_what_is_not_known_yet(engine: Engine, path: Path) -> None:
    clip = engine.open_clip(path)
    known = engine.analyse_clip(clip)
    person = known.people()[0].person
    recipe = painted(engine.registry, clip, people=(person,), cast={1: Keep()}, everyone=RunEffects())
    decided = known.decided(recipe.people)
    assert busy_for(decided, recipe, Admission()) == ()
    assert busy_for(decided, painted(engine.registry, clip, people=(person,)), Admission()) == ((48, 71),)
    assert busy_for(decided, recipe, Admission(looked_at=True)) is None, "the analyser looks at every second"
    assert busy_for(None, recipe, Admission()) is None
