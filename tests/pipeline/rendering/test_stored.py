"""Rendering from a stored analysis: looked at once, the same in every part, never waited for by a preview."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import Cancelled, NoFace
from models.interfaces import FaceStack
from models.sessions import DeviceLost
from pipeline.analysis.store import Analyses
from pipeline.clips.clip import Clip
from pipeline.clips.encoding import resolve
from pipeline.engine import ClipRequest, Control, Engine
from pipeline.recipe import (
    Anonymise,
    ClipOutput,
    Keep,
    Looking,
    Merged,
    Output,
    Recipe,
    RunEffects,
    Segment,
    Span,
    Whose,
    input_of,
    make_effects,
)
from pipeline.rendering.analysing import who_is_where
from pipeline.rendering.control import ClipProgress
from pipeline.rendering.plan import make_plan
from processors.base import Processor
from processors.batches import PatchBatch
from processors.context import Context
from processors.params import ProcessorParams, Slider
from processors.registry import Registry, load_registry, processor
from tests.door.making import planes_of
from tests.pipeline.analysis.standing import Standing, patterned, standing_stack

LOSSLESS = Output(clip=ClipOutput(codec="ffv1"))


@processor("toy_paint", title="Toy paint", role="enhancer", version="1.0")
class ToyPaint(Processor):
    """Fills the face with one colour."""

    class Params(ProcessorParams):
        green: float = Slider(0.5, ge=0, le=1, help="How green.")

    def process(self, batch: PatchBatch, params: Any, ctx: Context) -> PatchBatch:
        colour = (40, round(255 * params.green), 160)
        return tuple(replace(patch, pixels=np.full_like(patch.pixels, colour)) for patch in batch)


@pytest.fixture(scope="module")
def registry() -> Registry:
    made = load_registry(())
    made.add(ToyPaint)
    return made


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return patterned(tmp_path_factory.mktemp("stored") / "in.mp4", 60, sound=False)


def engine_of(registry: Registry, folder: Path) -> tuple[Engine, Standing]:
    stack, detector = standing_stack()
    return Engine(registry=registry, faces=stack, analyses=Analyses(folder / "analyses")), detector


def painted(registry: Registry, clip: Clip, green: float = 0.5, **words: Any) -> Recipe:
    effects = make_effects(["toy_paint", "ellipse"], registry, {"toy_paint": {"green": green}})
    chosen: dict[str, Any] = {"everyone": RunEffects(), "output": LOSSLESS, **words}
    return Recipe(target=input_of(clip.id, clip.name, clip.path), segments=(Segment(effects=effects),), **chosen)


def rendered(engine: Engine, recipe: Recipe, output: Path) -> tuple[list[np.ndarray[Any, Any]], list[ClipProgress]]:
    told: list[ClipProgress] = []
    engine.render_clip(ClipRequest(recipe=recipe, output=output), Control(progress=told.append))
    return planes_of(output), told


def test_a_second_render_with_other_effects_looks_for_nobody(registry: Registry, path: Path, tmp_path: Path) -> None:
    engine, detector = engine_of(registry, tmp_path)
    clip = engine.open_clip(path)
    first, told = rendered(engine, painted(registry, clip), tmp_path / "one.mkv")
    found = [one for one in told if one.stage == "analyse"]
    assert [one.done for one in found] == sorted(one.done for one in found)
    assert (found[-1].done, found[-1].total) == (60, 60)
    assert [one.stage for one in told].index("render") > told.index(found[-1])
    looks = detector.looks
    assert looks > 0
    second, told = rendered(engine, painted(registry, clip, 0.9), tmp_path / "two.mkv")
    assert detector.looks == looks
    assert not [one for one in told if one.stage == "analyse"]
    assert all((a != b).any() for a, b in zip(first, second, strict=True))


def test_a_span_has_the_faces_of_the_whole(registry: Registry, path: Path, tmp_path: Path) -> None:
    """A part begins anywhere and comes to the very same pixels: nothing is followed up to it."""
    engine, _ = engine_of(registry, tmp_path)
    clip = engine.open_clip(path)
    whole, _ = rendered(engine, painted(registry, clip), tmp_path / "whole.mkv")
    some, _ = rendered(engine, painted(registry, clip, trim=Span(start="1.4", stop="1.8")), tmp_path / "some.mkv")
    assert len(some) == 10
    assert all((a == b).all() for a, b in zip(some, whole[35:45], strict=True))


def test_a_preview_does_not_wait_for_an_analysis(registry: Registry, path: Path, tmp_path: Path) -> None:
    engine, _ = engine_of(registry, tmp_path)
    clip = engine.open_clip(path)
    stages: list[str] = []
    engine.clip_span(painted(registry, clip), clip, {}, Fraction(0), tmp_path / "previews", seconds=Fraction(1, 2),
                     progress=lambda _share, stage: stages.append(stage))
    assert set(stages) == {"render", "join"}
    assert engine.known(clip) is None
    followed = engine.clip_preview(painted(registry, clip), clip, {}, Fraction(1))[1].frame.bgr8()
    known = engine.analyse_clip(clip)
    looks = engine.faces.detector.looks  # type: ignore[attr-defined]
    shown = engine.clip_preview(painted(registry, clip), clip, {}, Fraction(1))[1].frame.bgr8()
    assert np.abs(shown.astype(int) - followed).mean() < 3
    person, = known.people()
    there, = engine.faces_at(clip, Fraction(1), (person.person,))
    assert (there.number, engine.faces.detector.looks) == (1, looks)  # type: ignore[attr-defined]
    assert engine.portrait(clip, person).data[:2] == b"\xff\xd8"


def test_faces_of_a_frame_obey_the_users_word_and_a_name_draws_nothing(registry: Registry, path: Path, tmp_path: Path,
                                                                      ) -> None:
    engine, _ = engine_of(registry, tmp_path)
    clip = engine.open_clip(path)
    one = engine.look_through(clip)[0].person
    people = (one, one.model_copy(update={"number": 2, "descriptor": (5.0,) * 8}))
    merged, not_her = (Merged(number=1, into=2),), (Whose(at="0.4", x=0.5, y=0.5, number=0),)

    def numbers(**words: Any) -> list[int]:
        return [there.number for there in engine.faces_at(clip, Fraction(1), people, **words)]

    assert numbers() == [1]
    assert numbers(merged=merged) == [2], "also where nothing is known yet"
    engine.analyse_clip(clip)
    assert numbers() == [1]
    assert numbers(merged=merged) == [2]
    assert numbers(whose=not_her, merged=merged) == [0]

    def keys(**words: Any) -> list[str]:
        recipe = painted(registry, clip, **words)
        plan = make_plan(recipe, clip, resolve(clip, tmp_path / "o.mkv", recipe.output.clip))
        return [part.key for part in plan.parts]

    named = one.model_copy(update={"name": "Ann"})
    assert keys(people=(one,)) == keys(people=(named,)) != keys(people=people)


def test_where_the_device_fails_the_analysis_goes_on_elsewhere(registry: Registry, path: Path, tmp_path: Path) -> None:
    engine, _ = engine_of(registry, tmp_path)
    clip = engine.open_clip(path)
    recipe = painted(registry, clip)
    plan = make_plan(recipe, clip, resolve(clip, tmp_path / "o.mkv", recipe.output.clip))
    broken, _ = standing_stack(DeviceLost("The card has gone.", subject="card 0"))
    good, _ = standing_stack()
    others: list[FaceStack | None] = [good, None]

    def decided() -> tuple[Any, FaceStack]:
        return who_is_where(engine.analyses, recipe, clip, plan, broken, Control(), lambda: others.pop(0), True)

    known, stack = decided()
    assert stack is good
    assert known.known.holds(0, 59)
    engine.analyses.path(clip, good, Looking()).unlink()  # type: ignore[union-attr]
    with pytest.raises(DeviceLost):
        decided()


def test_stopped_while_it_looks_nothing_is_written(registry: Registry, path: Path, tmp_path: Path) -> None:
    engine, _ = engine_of(registry, tmp_path)
    clip = engine.open_clip(path)
    told: list[ClipProgress] = []
    control = Control(cancelled=lambda: any(one.done > 20 for one in told), progress=told.append)
    with pytest.raises(Cancelled):
        engine.render_clip(ClipRequest(recipe=painted(registry, clip), output=tmp_path / "o.mkv"), control)
    assert {one.stage for one in told} == {"analyse"}
    assert sorted(one.name for one in tmp_path.iterdir()) == ["analyses"]


def touched(planes: list[np.ndarray[Any, Any]], path: Path) -> list[bool]:
    return [bool((a != b).any()) for a, b in zip(planes, planes_of(path), strict=True)]


def test_not_her_is_kept_to_where_people_are_hidden_too(registry: Registry, path: Path, tmp_path: Path) -> None:
    engine, _ = engine_of(registry, tmp_path)
    clip = engine.open_clip(path)
    person = engine.analyse_clip(clip).people()[0].person
    everyone_else: dict[str, Any] = {"people": (person,), "cast": {1: Keep()}, "everyone": Anonymise(),
                                     "accepted": (Span(),)}
    with pytest.raises(NoFace):  # she is known, and may be seen: nothing is hidden
        rendered(engine, painted(registry, clip, **everyone_else), tmp_path / "kept.mkv")
    not_her = (Whose(at="1", x=0.5, y=0.5, number=0),)
    hidden, _ = rendered(engine, painted(registry, clip, whose=not_her, **everyone_else), tmp_path / "hidden.mkv")
    assert all(touched(hidden, path))


def test_whoever_is_merged_into_another_gets_what_that_one_gets(registry: Registry, path: Path, tmp_path: Path) -> None:
    engine, _ = engine_of(registry, tmp_path)
    clip = engine.open_clip(path)
    one = engine.analyse_clip(clip).people()[0].person
    two = one.model_copy(update={"number": 2, "descriptor": (9.0,) * 8})
    words: dict[str, Any] = {"people": (one, two), "cast": {1: Keep(), 2: RunEffects()}, "everyone": Keep()}
    merged = painted(registry, clip, merged=(Merged(number=1, into=2),), **words)
    assert all(touched(rendered(engine, merged, tmp_path / "merged.mkv")[0], path))
    split = painted(registry, clip, whose=(Whose(at="0", x=0.5, y=0.5, number=2),), **words)
    assert all(touched(rendered(engine, split, tmp_path / "split.mkv")[0], path))
