"""Pictures made larger on a twin that repeats pixels: what comes after finds everybody where they are now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from models.errors import ProcessorError
from models.face import Face
from models.families import upscalers
from models.twins import Graph
from pipeline.analysis import Analysis, FaceReport
from pipeline.chain import Admission, FaceJob
from pipeline.engine import Engine
from pipeline.enlarging import enlarged_face
from pipeline.frame import Frame
from pipeline.recipe import Anonymise, Recipe, Segment, make_effects
from processors.frames import upscale
from processors.neural.rows import facts_of
from tests.processors.neural.twins import REGISTRY, Twins, face_of, face_points, levels, run, scene

SLOTS = {2: "upscaler.real_esrgan_x2", 4: "upscaler.real_esrgan_x4"}


def repeats(scale: int, lighter: float = 0.1) -> bytes:
    """Each pixel as a square, a tenth lighter."""
    graph = Graph()
    given = graph.input("input", ("N", 3, "H", "W"))
    sizes = graph.constant([1.0, 1.0, scale, scale])
    made = graph.op("Resize", given, graph.constant([], "roi"), sizes, mode="nearest",
                    coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    graph.output(graph.op("Add", made, graph.constant(lighter)), "output", ("N", 3, "h", "w"))
    return graph.serialised()


def twins(lighter: float = 0.1) -> Twins:
    return Twins({slot: repeats(scale, lighter) for scale, slot in SLOTS.items()})


@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize(("model", "size"), [(2, "2"), (4, "2"), (4, "1"), (2, "4")])
def test_a_picture_becomes_so_many_times_as_large(model: int, size: str, deep: bool) -> None:
    frame = scene(deep, side=150)
    alpha = np.zeros((150, 150), frame.samples.dtype)
    alpha[:, 70:] = 255
    frame = Frame(frame.samples, alpha)
    done = run(frame, [], twins(), ("upscale",), upscale={"model": f"real_esrgan_x{model}", "size": size})
    times = int(size)
    assert done.frame.samples.shape == (150 * times, 150 * times, 3)
    assert done.frame.depth == frame.depth
    small = cv2.resize(levels(done.frame), (150, 150), interpolation=cv2.INTER_AREA)
    assert np.abs(small - levels(frame) - 25.5).max() <= 1.5
    assert done.frame.alpha is not None
    assert done.frame.alpha.shape == (150 * times, 150 * times)
    assert done.frame.alpha[0, 0] == 0
    assert done.frame.alpha[0, -1] == 255
    assert done.scale == (times, times)


def test_bands_of_a_large_picture_make_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = Frame(np.random.default_rng(2).integers(0, 200, (300, 90, 3)).astype(np.uint8))
    whole = run(frame, [], twins(0.0), ("upscale",), upscale={"model": "real_esrgan_x2"}).frame.samples
    monkeypatch.setattr(upscale, "_BAND", 1)
    models = twins(0.0)
    banded = run(frame, [], models, ("upscale",), upscale={"model": "real_esrgan_x2"}).frame.samples
    assert len(models.manager.counts()) == 1
    assert models.manager.counts()[0].runs >= 3
    assert np.array_equal(banded, whole)


def test_blending_mixes_with_a_plain_enlargement() -> None:
    frame = Frame(np.full((40, 50, 3), 100, np.uint8))
    done = run(frame, [], twins(), ("upscale",), upscale={"model": "real_esrgan_x2", "blend": 0.5})
    assert np.abs(levels(done.frame) - 112.75).max() <= 0.75


def test_what_comes_after_finds_faces_and_masks_where_they_are_now() -> None:
    """A face that is darkened before and after: the second one lies on the first, at twice the size."""
    from tests.processors.neural.test_enhancers_and_masks import darker

    frame, face = scene(side=300), face_of(face_points(150, 150, 80))
    models = Twins({SLOTS[2]: repeats(2, 0.0), "enhancer.gpen_256": darker("enhancer.gpen_256")})
    values: dict[str, dict[str, Any]] = {"gpen": {"model": "256", "blend": 0.5}, "upscale": {"model": "real_esrgan_x2"}}
    done = run(frame, [FaceJob(face)], models, ("gpen", "ellipse", "feather", "upscale", "gpen", "ellipse", "feather"),
               **values)
    plain = run(frame, [], models, ("upscale",), **values)
    first, _, second = done.regions
    x, y = (round(v) for v in enlarged_face(face, (2, 2)).points[30])
    moved = levels(done.frame) - levels(plain.frame)
    assert np.abs(moved[y, x] + 2 * 0.125 * 255).max() <= 3
    for one, other in zip(first.rect, second.rect, strict=True):
        assert abs(one - other) <= 4
    assert np.abs(moved[5]).max() == 0


def test_a_picture_that_would_be_too_large_is_refused_before_the_network_runs() -> None:
    frame, models = Frame(np.zeros((4000, 4000, 3), np.uint8)), twins()
    with pytest.raises(ProcessorError, match=r"PROCESSOR\.TOO_LARGE"):
        run(frame, [], models, ("upscale",), upscale={"size": "4"})
    assert models.manager.counts() == ()


class Placed(Engine):
    """An engine whose networks are twins, and that finds these faces in every picture."""

    def __init__(self, models: Twins, *faces: Face) -> None:
        super().__init__()
        self.models = models  # type: ignore[assignment]
        self._faces = faces

    def admit(self, recipe: Recipe) -> Admission:
        return Admission(frozenset(SLOTS.values()))

    def analyse(self, *_: object, **__: object) -> Analysis:
        return Analysis(tuple(FaceReport(face, 0.0, 0.0, 0.0, face.eye_distance) for face in self._faces))


def test_somebody_who_is_hidden_is_hidden_in_the_larger_picture(tmp_path: Path) -> None:
    face = face_of(face_points(150, 140, 40))
    Image.fromarray(np.random.default_rng(3).integers(0, 255, (300, 280, 3)).astype(np.uint8)).save(tmp_path / "in.png")
    engine = Placed(twins(0.0), face)
    effects = make_effects(["upscale"], REGISTRY, {"upscale": {"model": "real_esrgan_x2"}})
    recipe = Recipe(everyone=Anonymise(style="solid"), segments=(Segment(effects=effects),))
    rendered = engine.render(recipe, engine.open(tmp_path / "in.png"))
    assert rendered.frame.samples.shape == (600, 560, 3)
    colours = [rendered.frame.samples[round(y), round(x)].tolist() for x, y in enlarged_face(face, (2, 2)).points]
    assert colours == [colours[0]] * 68, "one colour over the whole face"
    assert rendered.mask().shape == (600, 560)
    engine.save(rendered, tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as saved:
        assert saved.size == (560, 600)


def test_exif_says_the_new_size(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x8769] = {0xA002: 60, 0xA003: 40}
    Image.new("RGB", (60, 40), (90, 90, 90)).save(tmp_path / "in.jpg", exif=exif)
    engine = Placed(twins())
    recipe = Recipe(segments=(Segment(effects=make_effects(["upscale"], REGISTRY, {"upscale": {"size": "2"}})),))
    rendered = engine.render(recipe, engine.open(tmp_path / "in.jpg"))
    engine.save(rendered, tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as saved:
        found = saved.getexif().get_ifd(0x8769)
        assert (found[0xA002], found[0xA003]) == saved.size == (120, 80)


def test_twins_have_the_facts_of_what_they_stand_for() -> None:
    for scale, slot in SLOTS.items():
        assert upscalers._FACTS.validate_python(dict(facts_of(slot))).scale == scale
