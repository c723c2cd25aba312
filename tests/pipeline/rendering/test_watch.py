"""Which frames of a clip the content analyser sees, and what is left where it refuses one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.arrays import Pixels
from models.interfaces import FaceStack
from pipeline.engine import ClipRequest, Control, Engine, Source
from pipeline.recipe import Recipe, Span, input_of
from pipeline.refusals import Refused
from pipeline.rendering.part import Drawer
from pipeline.rendering.watch import spans_of
from processors.registry import Registry
from tests.conftest import ASTRONAUT, HOPPER, read_bgr
from tests.door.making import bgr_of, face_clip, write_clip
from tests.pipeline.rendering.clips import paper_clip
from tests.pipeline.test_gate import FILES, recipe
from tests.pipeline.test_gate import registry as registry
from tests.twins.gate import analyser_files, networks

SPOT = np.s_[4:64, 4:64]


@pytest.fixture(scope="module")
def engine(registry: Registry, stack: FaceStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    made = Engine(registry=registry, faces=stack,
                  networks=networks(tmp_path_factory.mktemp("all"), {**FILES, **analyser_files()}))
    yield made
    made.close()


@pytest.fixture(scope="module")
def ann(engine: Engine) -> Source:
    return engine.source("Ann", [(engine.open(HOPPER), None)])


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> list[Pixels]:
    """Eighty frames: 3.2 seconds."""
    return bgr_of(face_clip(tmp_path_factory.mktemp("clip") / "a.mp4", 80, sound=False))


def spotted(moving: list[Pixels], *wanted: int) -> list[Pixels]:
    found = [frame.copy() for frame in moving]
    for index in wanted:
        found[index][SPOT] = (0, 255, 0)
    return found


def request(engine: Engine, path: Path, output: Path, trim: Span = Span(),
            params: dict[str, dict[str, Any]] | None = None) -> ClipRequest:
    clip = engine.open_clip(path)
    made = recipe(engine.registry, "toy_swap", params=params)
    return ClipRequest(recipe=made.model_copy(update={"target": input_of(clip.id, path.name, path), "trim": trim}),
                       output=output)


def refused(engine: Engine, ann: Source, asked: ClipRequest) -> Refused:
    with pytest.raises(Refused) as caught:
        engine.render_clip(asked, Control(), sources={"Ann": ann})
    assert sorted(path.name for path in asked.output.parent.iterdir() if path.name != "in.mp4") == []
    return caught.value


def test_every_second_is_looked_at_and_all_refused_frames_are_named_at_once(engine: Engine, ann: Source,
                                                                             moving: list[Pixels],
                                                                             tmp_path: Path) -> None:
    path = write_clip(tmp_path / "in.mp4", spotted(moving, 25, 75), gop=5, sound=False)
    error = refused(engine, ann, request(engine, path, tmp_path / "out.mp4"))
    assert error.spans == ((0.0, 3.2),)
    assert error.ticks == tuple(int(engine.open_clip(path).pts[n]) for n in (25, 75))
    assert "0:00.00 to 0:03.20" in error.message


@pytest.mark.long
def test_a_refusal_is_answered_by_trimming(engine: Engine, ann: Source, moving: list[Pixels], tmp_path: Path) -> None:
    path = write_clip(tmp_path / "in.mp4", spotted(moving, *range(70, 80)), gop=5, sound=False)
    output = tmp_path / "out.mp4"
    error = refused(engine, ann, request(engine, path, output))
    assert error.spans == ((2.0, 3.2),)
    done = engine.render_clip(request(engine, path, output, Span(stop=str(Fraction(2)))), Control(),
                              sources={"Ann": ann})
    assert done.frames == 50
    assert done.changed == 50


def test_what_follows_a_cut_is_looked_at_between_seconds_too(engine: Engine, ann: Source, moving: list[Pixels],
                                                             tmp_path: Path) -> None:
    other = read_bgr(ASTRONAUT)[200:440, 150:470].copy()
    other[SPOT] = (0, 255, 0)
    path = write_clip(tmp_path / "in.mp4", [*moving[:30], *[other] * 8, *moving[30:60]], gop=5, sound=False)
    (span,) = refused(engine, ann, request(engine, path, tmp_path / "out.mp4")).spans
    assert span == pytest.approx((0.2, 2.2))


def test_a_result_that_is_refused_leaves_nothing(engine: Engine, ann: Source, moving: list[Pixels],
                                                 tmp_path: Path) -> None:
    path = write_clip(tmp_path / "in.mp4", moving[:40], gop=5, sound=False)
    error = refused(engine, ann, request(engine, path, tmp_path / "out.mp4", params={"toy_swap": {"green": 1.0}}))
    assert error.spans[0][0] == 0.0


def test_a_frame_on_its_way_to_a_screen_is_looked_at_wherever_it_lies(engine: Engine, ann: Source,
                                                                      moving: list[Pixels], tmp_path: Path) -> None:
    path = write_clip(tmp_path / "in.mp4", spotted(moving, 33), gop=5, sound=False)
    asked = request(engine, path, tmp_path / "out.mp4")
    clip = engine.open_clip(path)
    with pytest.raises(Refused):
        engine.clip_preview(asked.recipe, clip, {"Ann": ann}, Fraction(33, 25))
    assert engine.clip_preview(asked.recipe, clip, {"Ann": ann}, Fraction(20, 25))[0].data


def test_the_classical_chain_loads_no_classifier(engine: Engine, ann: Source, moving: list[Pixels], tmp_path: Path,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    watched: list[object] = []
    inside: Callable[..., None] = Drawer.__init__

    def init(self: Drawer, *given: object) -> None:
        inside(self, *given)
        watched.append(self._watch)

    monkeypatch.setattr(Drawer, "__init__", init)
    path = write_clip(tmp_path / "in.mp4", spotted(moving, 0)[:12], gop=5, sound=False)
    asked = request(engine, path, tmp_path / "out.mp4")
    plain = Recipe.model_validate({**asked.recipe.model_dump(),
                                   "segments": recipe(engine.registry, "geometric").model_dump()["segments"]})
    done = engine.render_clip(asked.model_copy(update={"recipe": plain}), Control(), sources={"Ann": ann})
    assert done.changed == 12
    assert watched == [None]


@pytest.mark.parametrize(("seconds", "spans"), [
    ((0,), [(0.0, 1.0)]), ((2,), [(1.0, 3.0)]), ((2, 3, 4), [(1.0, 5.0)]), ((1, 4), [(0.0, 2.0), (3.0, 5.0)]),
    ((9,), [(8.0, 10.0)])])
def test_a_refused_look_stands_for_what_nobody_looked_at_around_it(seconds: tuple[int, ...],
                                                                   spans: list[tuple[float, float]]) -> None:
    assert spans_of(paper_clip(300), [30 * second for second in seconds]) == spans
