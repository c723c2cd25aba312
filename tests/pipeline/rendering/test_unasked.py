"""Faces are looked for where something asks who is there, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.arrays import Pixels
from models.families.dlib_faces import DlibDetector
from models.interfaces import Detection, FaceStack, Search
from pipeline.clips.probe import open_clip
from pipeline.engine import ClipRequest, Control, Engine
from pipeline.recipe import (
    Anonymise,
    Choice,
    ClipOutput,
    Keep,
    Output,
    Recipe,
    RunEffects,
    Segment,
    input_of,
    make_effects,
)
from processors.frames.keyer import Keyer
from tests.door.making import bgr_of, face_clip


class Counting(DlibDetector):
    """Counts how often it is asked."""

    asked = 0

    def detect(self, picture: Pixels, search: Search) -> list[Detection]:
        self.asked += 1
        return super().detect(picture, search)


@pytest.fixture
def counted(stack: FaceStack) -> Iterator[tuple[Engine, Counting]]:
    counting = Counting()
    engine = Engine(faces=replace(stack, detector=counting))
    yield engine, counting
    engine.close()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return face_clip(tmp_path_factory.mktemp("unasked") / "in.mp4", 4)


def asked(engine: Engine, path: Path, *names: str, everyone: Choice = Keep()) -> Recipe:  # noqa: B008
    effects = make_effects(names, engine.registry, {"keyer": {"behind": "colour", "find": False}}
                           if "keyer" in names else {})
    return Recipe(target=input_of(open_clip(path).id, path.name, path), everyone=everyone,
                  segments=(Segment(effects=effects),), output=Output(clip=ClipOutput(crf=0, speed="ultrafast")))


def looks(counted: tuple[Engine, Counting], recipe: Recipe, path: Path, folder: Path) -> tuple[int, int, Pixels]:
    """How often a still and a moving preview ask for faces, and the still."""
    engine, counting = counted
    clip = open_clip(path)
    drawn = engine.clip_preview(recipe, clip, {}, Fraction(2, 25))[1]
    still, counting.asked = counting.asked, 0
    engine.clip_span(recipe, clip, {}, Fraction(0), folder, seconds=Fraction(4, 25))
    return still, counting.asked, drawn.frame.bgr8()


def test_previews_of_effects_on_whole_frames_look_for_nobody_and_show_the_same(
        counted: tuple[Engine, Counting], path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = asked(counted[0], path, "keyer")
    still, span, shown = looks(counted, recipe, path, tmp_path)
    assert (still, span) == (0, 0)
    needs = Keyer.needs
    monkeypatch.setattr(Keyer, "needs", lambda self, params: replace(needs(self, params), faces=True))
    still, span, asking = looks(counted, recipe, path, tmp_path)
    assert still > 0
    assert span > 0
    assert np.array_equal(shown, asking)


@pytest.mark.parametrize(("names", "more"), [
    (("inspect",), {}), (("keyer", "inspect"), {}), (("keyer", "detail", "feather"), {"everyone": RunEffects()}),
    (("keyer",), {"everyone": Anonymise()})])
def test_what_asks_who_is_there_is_told(names: tuple[str, ...], more: dict[str, Any],
                                        counted: tuple[Engine, Counting], path: Path, tmp_path: Path) -> None:
    still, span, _ = looks(counted, asked(counted[0], path, *names, **more), path, tmp_path)
    assert still > 0
    assert span > 0


def test_a_finished_clip_s_faces_are_scored_whoever_drew_on_them(counted: tuple[Engine, Counting], path: Path,
                                                                tmp_path: Path) -> None:
    engine, counting = counted
    engine.render_clip(ClipRequest(recipe=asked(engine, path, "keyer"), output=tmp_path / "out.mp4"), Control(),
                       sources={})
    assert counting.asked > 0
    assert len(bgr_of(tmp_path / "out.mp4")) == 4
