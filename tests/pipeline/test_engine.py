"""The main job through the engine: who is swapped, who is not, and what is said."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.errors import Cancelled, InputError, NoFace, RecipeError
from models.face import Face
from models.interfaces import FaceStack
from pipeline.engine import Engine, Rendered, Source
from pipeline.pictures import Picture
from pipeline.presets import preset
from pipeline.recipe import (
    Anonymise,
    Choice,
    Keep,
    Looking,
    Photo,
    Recipe,
    RunEffects,
    SourceInput,
    UseSource,
    make_effects,
)
from tests.conftest import ASTRONAUT, HOPPER, SIX_PEOPLE


@pytest.fixture(scope="module")
def engine(stack: FaceStack) -> Engine:
    return Engine(faces=stack)


@pytest.fixture(scope="module")
def six(engine: Engine) -> Picture:
    return engine.open(SIX_PEOPLE)


@pytest.fixture(scope="module")
def ann(engine: Engine) -> Source:
    return engine.source("Ann", [(engine.open(ASTRONAUT), None)])


@pytest.fixture(scope="module")
def grace(engine: Engine) -> Source:
    return engine.source("Grace", [(engine.open(HOPPER), None)])


def recipe(engine: Engine, sources: dict[str, Source], cast: dict[int, Choice] | None = None,
           everyone: Choice = Keep(), chain: str = "natural") -> Recipe:  # noqa: B008 - immutable
    inputs = tuple(SourceInput(name=name, photos=tuple(Photo(id=p.id, name=p.name) for p, _ in source.photos))
                   for name, source in sources.items())
    return Recipe(sources=inputs, cast=cast or {}, everyone=everyone).with_effects(preset(chain).chain(engine.registry))


@pytest.fixture(scope="module")
def mixed(engine: Engine, six: Picture, ann: Source, grace: Source) -> Rendered:
    """1 is Ann, 2 is Grace, 4 is blurred, 6 is solid, 3 and 5 are kept."""
    sources = {"Ann": ann, "Grace": grace}
    cast: dict[int, Choice] = {1: UseSource(source="Ann"), 2: UseSource(source="Grace"), 4: Anonymise(),
                               6: Anonymise(style="solid")}
    return engine.render(recipe(engine, sources, cast), six, sources)


def distance(engine: Engine, rendered: Rendered, face: Face, to: Face) -> float:
    """Descriptor distance of a face in the result, read at the points that it had before, to another face."""
    found, = engine.faces.recogniser.embed(rendered.frame.bgr8(), [face])
    assert to.embedding is not None
    return float(np.linalg.norm(found - to.embedding))


def test_people_are_numbered_from_left_to_right(engine: Engine, six: Picture) -> None:
    reports = engine.analyse(six).faces
    assert [report.number for report in reports] == [1, 2, 3, 4, 5, 6]
    across = [report.face.centre[0] for report in reports]
    assert across == sorted(across)


def test_each_person_gets_what_the_cast_says(engine: Engine, six: Picture, ann: Source, grace: Source,
                                             mixed: Rendered) -> None:
    faces = {report.number: report.face for report in engine.analyse(six).faces}
    for number, source in ((1, ann), (2, grace)):
        there = source.photos[0][1].face
        assert distance(engine, mixed, faces[number], there) < distance(engine, mixed, faces[number], faces[number])
    for number in (4, 6):
        assert distance(engine, mixed, faces[number], faces[number]) > engine.faces.recogniser.same_person
    for number in (3, 5):
        low, high = faces[number].points.min(axis=0).astype(int), faces[number].points.max(axis=0).astype(int)
        window = np.s_[low[1]:high[1], low[0]:high[0]]
        assert np.array_equal(mixed.frame.samples[window], six.frame.samples[window])


def test_every_pixel_outside_the_masks_keeps_its_bits(six: Picture, mixed: Rendered) -> None:
    outside = mixed.mask() == 0
    assert 0.5 < outside.mean() < 0.99
    assert np.array_equal(mixed.frame.samples[outside], six.frame.samples[outside])


def test_the_same_recipe_gives_the_same_pixels_on_another_engine(six: Picture, ann: Source, grace: Source,
                                                                 mixed: Rendered) -> None:
    other = Engine()
    sources = {"Ann": ann, "Grace": grace}
    again = other.render(mixed.recipe, six, sources)
    assert np.array_equal(again.frame.samples, mixed.frame.samples)


def test_a_recipe_that_keeps_everybody_changes_nothing(engine: Engine, six: Picture) -> None:
    rendered = engine.render(recipe(engine, {}), six)
    assert rendered.frame is six.frame
    assert not rendered.mask().any()


def test_effects_without_a_source_run_where_they_need_none(engine: Engine, six: Picture) -> None:
    made = recipe(engine, {}, {2: RunEffects()}).with_effects(make_effects(
        ["geometric", "detail", "hull", "feather"], engine.registry, {"detail": {"sharpen": 1.0}}))
    rendered = engine.render(made, six)
    changed = (rendered.frame.samples != six.frame.samples).any(axis=2)
    assert changed.any()
    inside = np.zeros_like(changed)
    for region in rendered.regions:
        inside[region.rect.y0:region.rect.y1, region.rect.x0:region.rect.x1] |= region.mask > 0
    assert not (changed & ~inside).any()
    assert rendered.edit.kind == "enhance"
    assert set(dict(rendered.edit.effects)) == {"detail", "hull", "feather"}, "what did not run is not claimed"


def test_what_the_output_says_of_itself(mixed: Rendered) -> None:
    assert mixed.edit.kind == "anonymise"
    assert {"geometric", "detail", "hull", "occlusion", "pyramid", "anonymise"} <= {n for n, _ in mixed.edit.effects}


def test_a_source_with_several_faces_takes_the_largest_and_says_so(engine: Engine, six: Picture) -> None:
    source = engine.source("Somebody", [(six, None)])
    (_, report), = source.photos
    assert report.face.box.area == max(r.face.box.area for r in engine.analyse(six).faces)
    assert [remark.code for remark in source.remarks] == ["SOURCE.SEVERAL"]
    assert six.name in source.remarks[0].words
    (_, picked), = engine.source("Somebody", [(six, 5)]).photos
    assert picked.number == 5


def test_a_source_without_a_face_or_without_that_face_is_named(engine: Engine, six: Picture, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((300, 300, 3), 120, np.uint8))
    with pytest.raises(NoFace, match=r"wall\.png"):
        engine.source("Wall", [(engine.open(tmp_path / "wall.png"), None)])
    with pytest.raises(InputError, match="number 9") as raised:
        engine.source("Nobody", [(six, 9)])
    assert raised.value.code == "INPUT.NO_SUCH_FACE"


def test_a_target_without_a_face_is_named_and_looked_at_harder_first(engine: Engine, ann: Source, astronaut: np.ndarray,
                                                                     tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((300, 300, 3), 120, np.uint8))
    made = recipe(engine, {"Ann": ann}, everyone=UseSource(source="Ann"))
    with pytest.raises(NoFace, match=r"wall\.png"):
        engine.render(made, engine.open(tmp_path / "wall.png"), {"Ann": ann})
    cv2.imwrite(str(tmp_path / "lying.png"), np.rot90(astronaut))
    lying = engine.open(tmp_path / "lying.png")
    analysis = engine.analyse(lying)
    assert [remark.code for remark in analysis.remarks] == ["FACES.LOOKED_HARDER"]
    rendered = engine.render(made, lying, {"Ann": ann})
    assert rendered.mask().max() == pytest.approx(1, abs=0.05)
    assert rendered.remarks[0] == analysis.remarks


@pytest.mark.parametrize(("cast", "code"), [
    ({7: Keep()}, "RECIPE.NO_SUCH_PERSON"), ({1: UseSource(source="Ann")}, "RECIPE.NO_SOURCE"),
])
def test_a_cast_that_names_what_is_not_there_is_refused(engine: Engine, six: Picture, ann: Source,
                                                        cast: dict[int, Choice], code: str) -> None:
    with pytest.raises(RecipeError) as raised:
        engine.render(recipe(engine, {"Ann": ann}, cast), six, {})
    assert raised.value.code == code


def test_progress_rises_to_one_and_cancelling_stops(engine: Engine, six: Picture, ann: Source) -> None:
    seen: list[float] = []
    made = recipe(engine, {"Ann": ann}, everyone=UseSource(source="Ann"), chain="fast")
    Engine(faces=engine.faces).render(made, six, {"Ann": ann}, progress=lambda share, _stage: seen.append(share))
    assert seen == sorted(seen)
    assert seen[-1] == 1
    with pytest.raises(Cancelled):
        Engine(faces=engine.faces).render(made, six, {"Ann": ann}, cancelled=lambda: True)


def test_analysis_is_remembered_by_content_not_by_name(engine: Engine, six: Picture, tmp_path: Path) -> None:
    copy = tmp_path / "copy of six.jpg"
    copy.write_bytes(SIX_PEOPLE.read_bytes())
    again = engine.open(copy)
    assert again.id == six.id == "sha256:" + hashlib.sha256(SIX_PEOPLE.read_bytes()).hexdigest()
    assert engine.analyse(again) is engine.analyse(six)
    assert engine.analyse(six, Looking(small=True)) is not engine.analyse(six)
