"""Neural enhancers and masks on twins, from a frame to a frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.twins import Graph
from pipeline.chain import FaceJob
from pipeline.crops import cut
from pipeline.frame import Frame
from processors.batches import Native
from processors.masks.areas import Areas, area_mask
from processors.neural.enhance import NetworkEnhancer
from processors.neural.rows import facts_of
from tests.processors.neural.twins import (
    REGISTRY,
    Twins,
    colour_recogniser,
    face_of,
    face_points,
    levels,
    photo,
    run,
    scene,
    swapper_twin,
    whole_mask,
)

# GPEN's two largest are the same code at other sizes, and slow on a CPU.
MODELS = [(cls.spec.name, word) for cls in REGISTRY.of_role("enhancer") if issubclass(cls, NetworkEnhancer)
          for word in cls.networks if word not in ("1024", "2048")]
TILTED = face_of(face_points(190, 210, 90, roll=25))


def darker(slot: str) -> bytes:
    """Takes a quarter of the whole range off; one with a weight, that much of the range."""
    from onnx import TensorProto, helper

    graph, size = Graph(), facts_of(slot)["size"]
    given, less = graph.input("input", (1, 3, size, size)), graph.constant(0.5)
    if slot == "enhancer.codeformer":
        graph.inputs.append(helper.make_tensor_value_info("weight", TensorProto.DOUBLE, [1]))
        less = graph.op("Mul", graph.op("Cast", "weight", to=TensorProto.FLOAT), graph.constant(2.0))
    graph.output(graph.op("Sub", given, less), "output", (1, 3, size, size))
    return graph.serialised()


def occluder(times: float = 1.0) -> bytes:
    """The face is seen where there is blue, of 0..1."""
    graph = Graph()
    given = graph.input("input", (1, 256, 256, 3))
    blue = graph.op("Slice", given, *(graph.constant([n]) for n in (0, 1, 3)))
    graph.output(graph.op("Mul", blue, graph.constant(times)), "output", (1, 256, 256, 1))
    return graph.serialised()


def parser() -> bytes:
    """Lips (12) where red is above its mean over photographs, skin (1) else."""
    graph = Graph()
    red = graph.op("Slice", graph.input("input", (1, 3, 512, 512)), *(graph.constant([n]) for n in (0, 1, 1)))
    weights = np.zeros((1, 19, 1, 1))
    weights[0, 12], weights[0, 1] = 1, -1
    graph.output(graph.op("Mul", red, graph.constant(weights)), "output", (1, 19, 512, 512))
    return graph.serialised()


@pytest.mark.parametrize(("name", "word"), MODELS)
def test_a_face_is_restored_as_far_as_is_asked_for_and_nothing_else_changes(name: str, word: str) -> None:
    cls = REGISTRY.get(name)
    assert issubclass(cls, NetworkEnhancer)
    frame, slot = scene(), cls.networks[word]
    models = Twins({slot: darker(slot)})
    params: dict[str, Any] = {"blend": 0.4, **({"model": word} if word else {})}
    if name == "codeformer":
        params["fidelity"] = 0.1
    done = run(frame, [FaceJob(TILTED)], models, (name, "ellipse", "feather"), **{name: params})
    mask = whole_mask(done)
    wanted = levels(frame) - mask[..., None] * 0.4 * 255 * (0.1 if name == "codeformer" else 0.25)
    assert (mask == 1).sum() > 5000
    assert np.abs(levels(done.frame) - wanted).max() <= 2.1
    assert np.array_equal(done.frame.samples[mask == 0], frame.samples[mask == 0])


def test_a_swapped_face_is_handed_on_to_the_enhancer_in_its_own_crop() -> None:
    frame = scene()
    models = Twins({"swapper.inswapper": swapper_twin("swapper.inswapper"), "recogniser.arcface": colour_recogniser(),
                    "enhancer.gfpgan_1_4": darker("enhancer.gfpgan_1_4")})
    colour = (120, 40, 200)
    job = FaceJob(TILTED, (photo(colour),))
    swapped = run(frame, [job], models, ("inswapper", "ellipse", "feather"))
    both = run(frame, [job], models, ("inswapper", "gfpgan", "ellipse", "feather"), gfpgan={"blend": 1.0})
    inside = (whole_mask(both) == 1) & (whole_mask(swapped) == 1)
    assert inside.sum() > 5000
    wanted = np.maximum(levels(swapped.frame) - 0.25 * 255, 0)
    assert np.abs((levels(both.frame) - wanted)[inside]).max() <= 3
    assert np.array_equal(both.frame.samples[whole_mask(both) == 0], frame.samples[whole_mask(both) == 0])


# Masks

def half_blue(frame: Frame) -> Frame:
    """With no blue left of the face's middle."""
    samples = frame.samples.copy()
    samples[:, :190, 0] = 0
    samples[:, 190:, 0] = 255
    return Frame(samples)


@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_what_lies_before_a_face_stays_and_the_face_s_own_crop_is_not_touched(strength: float) -> None:
    frame = half_blue(scene())
    face = face_of(face_points(190, 210, 90))
    models = Twins({"enhancer.gfpgan_1_4": darker("enhancer.gfpgan_1_4"), "mask.xseg_1": occluder()})
    plain = run(frame, [FaceJob(face)], models, ("gfpgan",), gfpgan={"blend": 1.0})
    done = run(frame, [FaceJob(face)], models, ("gfpgan", "xseg"), gfpgan={"blend": 1.0}, xseg={"strength": strength})
    y = 230
    assert np.allclose(levels(done.frame)[y, 150:180], levels(frame)[y, 150:180] * strength
                       + levels(plain.frame)[y, 150:180] * (1 - strength), atol=1)
    assert np.array_equal(done.frame.samples[y, 215:240], plain.frame.samples[y, 215:240]), "bit for bit"


def test_three_occluders_vote_and_one_that_sees_something_is_enough() -> None:
    frame = half_blue(scene())
    face = face_of(face_points(190, 210, 90))
    graphs = {f"mask.xseg_{number}": occluder(times) for number, times in ((1, 1.0), (2, 2.0), (3, 0.0))}
    models = Twins({"enhancer.gfpgan_1_4": darker("enhancer.gfpgan_1_4"), **graphs})
    done = run(frame, [FaceJob(face)], models, ("gfpgan", "xseg"), xseg={"model": "vote"})
    assert done.frame is frame
    assert all(models.batches(slot) == {1: 1} for slot in graphs)


@pytest.mark.parametrize(("parts", "skin_changes", "lips_change"), [
    ({"lips": False}, True, False), ({"skin": False}, False, True)])
def test_only_chosen_parts_of_a_face_change(parts: dict[str, bool], skin_changes: bool, lips_change: bool) -> None:
    samples = scene().samples.copy()
    samples[:, :190, 2] = 40
    samples[:, 190:, 2] = 220
    frame, face = Frame(samples), face_of(face_points(190, 210, 90))
    models = Twins({"enhancer.gfpgan_1_4": darker("enhancer.gfpgan_1_4"), "mask.bisenet_34": parser()})
    done = run(frame, [FaceJob(face)], models, ("gfpgan", "regions"), regions=parts)
    for columns, changes in ((slice(150, 175), skin_changes), (slice(205, 230), lips_change)):
        moved = np.abs(levels(done.frame) - levels(frame))[230, columns, 1]
        assert (moved > 40).all() if changes else (moved < 1).all()


def test_a_mask_that_stands_first_does_not_choose_the_crop() -> None:
    frame, face = scene(), face_of(face_points(190, 210, 90))
    models = Twins({"enhancer.gfpgan_1_4": darker("enhancer.gfpgan_1_4"), "mask.xseg_1": occluder(9.0)})
    before = run(frame, [FaceJob(face)], models, ("xseg", "gfpgan", "feather"))
    after = run(frame, [FaceJob(face)], models, ("gfpgan", "xseg", "feather"))
    assert np.array_equal(before.frame.samples, after.frame.samples)
    assert not np.array_equal(before.frame.samples, frame.samples)


def test_areas_of_a_face_are_where_its_points_say_and_make_up_the_whole() -> None:
    face = face_of(face_points(190, 210, 90, roll=10))
    crop = cut(scene(), face, Native(0.6))
    off = {"upper": False, "lower": False, "mouth": False, "softness": 0.0}
    masks = {name: area_mask(crop, Areas.Params.model_validate({**off, name: True})) for name in ("upper", "lower",
                                                                                               "mouth")}
    places = {"upper": crop.points[36:48].mean(axis=0), "lower": crop.points[[4, 31]].mean(axis=0),
              "mouth": crop.points[60:68].mean(axis=0)}
    for name, (x, y) in places.items():
        assert {other: float(mask[round(y), round(x)]) for other, mask in masks.items()} == {
            other: float(other == name) for other in masks}
    whole = area_mask(crop, Areas.Params.model_validate({"softness": 0.0}))
    assert np.abs(sum(masks.values()) - whole).max() < 0.02
    soft = area_mask(crop, Areas.Params.model_validate({**off, "upper": True, "softness": 0.1}))
    assert soft[whole == 0].max() == 0
    assert ((soft > 0.05) & (soft < 0.95)).sum() > 2 * ((masks["upper"] > 0.05) & (masks["upper"] < 0.95)).sum()
