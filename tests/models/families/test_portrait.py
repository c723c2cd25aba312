"""LivePortrait: its mathematics against plain numpy, and pictures through twins whose answer is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models.arrays import Pixels
from models.catalogue import whole_catalogue
from models.families.portrait import Look, Motion, Networks, Portrait, eyes_open, lips_open, rotation
from models.sessions import SessionManager
from models.templates import TEMPLATES, drawn_in
from models.twins import Graph

FACTS = next(family for family in whole_catalogue().family if family.name == "portrait_generator").facts
NUMBERS = np.random.default_rng(6)
REST, EXPRESSION = NUMBERS.normal(0, 0.3, (21, 3)), NUMBERS.normal(0, 0.02, (21, 3))
SCALE, SHIFT, ANGLES = 1.2, np.array([0.05, -0.1, 0.2]), (8.0, -12.0, 5.0)
PICTURE = 3 * 256 * 256
VOLUME = (1, 32, 16, 64, 64)


def features() -> bytes:
    """The picture itself, and zeros behind it."""
    graph = Graph()
    flat = graph.op("Reshape", graph.input("input", (1, 3, 256, 256)), graph.constant([1, PICTURE]))
    padded = graph.op("Pad", flat, graph.constant([0, 0, 0, int(np.prod(VOLUME)) - PICTURE]))
    graph.output(graph.op("Reshape", padded, graph.constant(list(VOLUME))), "output", VOLUME)
    return graph.serialised()


def motion() -> bytes:
    """The numbers above; every expression has the picture's red added to it."""
    graph = Graph()
    given = graph.input("img", (1, 3, 256, 256))
    colour = graph.op("ReduceMean", given, axes=[2, 3], keepdims=0)
    nothing = graph.op("Mul", graph.op("ReduceMean", colour, axes=[1], keepdims=1), graph.constant(0.0))
    red = graph.op("Slice", colour, *(graph.constant([n]) for n in (0, 1, 1)))
    for name, values in zip(("pitch", "yaw", "roll", "scale"), (*ANGLES, SCALE), strict=True):
        graph.output(graph.op("Add", nothing, graph.constant([[values]])), name, (1, 1))
    graph.output(graph.op("Add", nothing, graph.constant(SHIFT[None])), "t", (1, 3))
    graph.output(graph.op("Add", graph.op("Reshape", red, graph.constant([1, 1, 1])),
                          graph.constant(EXPRESSION[None])), "exp", (1, 21, 3))
    graph.output(graph.op("Add", graph.op("Reshape", nothing, graph.constant([1, 1, 1])),
                          graph.constant(REST[None])), "kp", (1, 21, 3))
    return graph.serialised()


def generator(point: int = 20) -> bytes:
    """The picture, twice as large, and how far one point moved: x on red, y on green, depth on blue."""
    graph = Graph()
    volume = graph.input("feature_volume", VOLUME)
    moved, before = graph.input("source", (1, 21, 3)), graph.input("target", (1, 21, 3))
    flat = graph.op("Reshape", volume, graph.constant([1, int(np.prod(VOLUME))]))
    flat = graph.op("Slice", flat, *(graph.constant([n]) for n in (0, PICTURE, 1)))
    picture = graph.op("Reshape", flat, graph.constant([1, 3, 256, 256]))
    large = graph.op("Resize", picture, "", graph.constant([1.0, 1, 2, 2]), mode="nearest")
    step = graph.op("Slice", graph.op("Sub", moved, before), *(graph.constant([n]) for n in (point, point + 1, 1)))
    made = graph.op("Add", large, graph.op("Reshape", step, graph.constant([1, 3, 1, 1])))
    graph.output(made, "output", (1, 3, 512, 512))
    return graph.serialised()


def stitcher() -> bytes:
    """Half way back to where the points were."""
    graph = Graph()
    moved, before = graph.input("source", (1, 21, 3)), graph.input("target", (1, 21, 3))
    graph.output(graph.op("Mul", graph.op("Add", moved, before), graph.constant(0.5)), "output", (1, 21, 3))
    return graph.serialised()


def retargeter(size: int) -> bytes:
    """The last number (how open it shall be) on every point's x, the first (a point's x) on its y, the one behind the
    points (how open it is) on its depth."""
    graph = Graph()
    given = graph.input("input", (1, size))
    weights = np.zeros((size, 63))
    weights[size - 1, 0::3], weights[0, 1::3], weights[63, 2::3] = 1, 1, 1
    graph.output(graph.op("MatMul", given, graph.constant(weights)), "output", (1, 63))
    return graph.serialised()


def portrait(point: int = 20, **others: bytes) -> Portrait:
    manager = SessionManager()
    leases = {name: manager.lease(graph, name=name) for name, graph in
              {"features": features(), "motion": motion(), "generator": generator(point), **others}.items()}
    return Portrait(Networks(**leases), FACTS)


def plain(expression: Any, angles: tuple[float, float, float] = ANGLES) -> Any:
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    return SCALE * (REST @ turn.T + expression) + SHIFT


def face() -> Any:
    """68 points with eyes 40 wide, the one on the left 10 open, the other 4; a mouth 60 wide and 6 open."""
    points = np.zeros((68, 2))
    for at, left, height in ((36, 100, 10), (42, 200, 4)):
        points[at:at + 6] = [(left, 50), (left + 12, 50 - height / 2), (left + 28, 50 - height / 2), (left + 40, 50),
                             (left + 28, 50 + height / 2), (left + 12, 50 + height / 2)]
    points[48], points[54], points[62], points[66] = (140, 150), (200, 150), (170, 147), (170, 153)
    return points


def grey(level: float = 0.0, kind: Any = np.float32) -> Pixels:
    return np.full((512, 512, 3), level * 255, kind)


def step(made: Pixels, base: float = 0.0) -> Any:
    """(x, y, depth): what the generator's twin shows of a picture of one level. Both ends of the range are cut off."""
    return made[9, 9, ::-1] / 255 - base


@pytest.mark.parametrize("angles", [(0.0, 0.0, 0.0), (20.0, 0.0, 0.0), (0.0, 50.0, 0.0), (0.0, 0.0, -15.0),
                                    (-10.0, 30.0, 12.0)])
def test_a_head_turns_round_its_three_axes_one_after_the_other(angles: tuple[float, float, float]) -> None:
    assert np.allclose(rotation(*angles), Rotation.from_euler("xyz", angles, degrees=True).as_matrix())


def test_points_lie_where_the_paper_puts_them() -> None:
    motion = Motion(*ANGLES, SCALE, SHIFT, EXPRESSION, REST)
    assert np.allclose(motion.placed, plain(EXPRESSION))
    assert np.allclose(replace(motion, pitch=0, yaw=0, roll=0).placed, SCALE * (REST + EXPRESSION) + SHIFT)


def test_a_face_s_motion_is_read_off_the_network_s_seven_answers() -> None:
    crop = grey()
    crop[:, :, 2] = 51
    found, = portrait().motions([crop])
    assert np.allclose((found.pitch, found.yaw, found.roll, found.scale), (*ANGLES, SCALE))
    assert np.allclose(found.shift, SHIFT)
    assert np.allclose(found.rest, REST, atol=1e-6)
    assert np.allclose(found.expression, EXPRESSION + 0.2, atol=1e-4), "red goes in first, as x / 255"


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_a_face_that_is_left_as_it_is_comes_back(kind: type) -> None:
    cells: Pixels = np.kron(np.random.default_rng(3).integers(0, 256, (256, 256, 3)), np.ones((2, 2, 1))).astype(kind)
    made, = portrait().edit([cells], [face()], Look())
    assert made.dtype == kind
    assert np.abs(made.astype(float) - cells).max() < (0.51 if kind == np.uint8 else 1e-3)
    again, = portrait().restore([cells], [cells], 1.0)
    assert np.array_equal(again, made)


@pytest.mark.parametrize(("point", "parts", "share"), [
    (20, {}, 1.0), (20, {"lower": False}, 0.0), (20, {"upper": False}, 1.0), (11, {"upper": False}, 0.0),
    (11, {}, 1.0), (0, {}, 0.0)])
def test_an_expression_comes_back_where_it_is_wanted(point: int, parts: dict[str, bool], share: float) -> None:
    """The original is redder by 0.3, and so are all its expressions; the jaw's points never carry any."""
    now, original = grey(0.2), grey(0.2)
    original[:, :, 2] += np.float32(0.3 * 255)
    for wanted in (1.0, 0.5):
        made, = portrait(point).restore([now], [original], wanted, **parts)
        assert np.allclose(step(made, 0.2), SCALE * 0.3 * wanted * share, atol=1e-4)


@pytest.mark.parametrize(("look", "point"), [
    (Look(sliders=(("smile", 1.0),)), 20), (Look(sliders=(("smile", -0.5),)), 19),
    (Look(sliders=(("gaze_x", 0.8), ("gaze_y", -0.4))), 15), (Look(sliders=(("brow", 1.0),)), 2),
    (Look(pitch=0.5), 20), (Look(yaw=-0.3), 4), (Look(roll=1.0), 7)])
def test_a_look_moves_the_points_as_the_catalogue_says(look: Look, point: int) -> None:
    crop = grey(0.5)
    made, = portrait(point).edit([crop], [face()], look)
    expression = EXPRESSION + 0.5
    for name, value in look.sliders:
        for at, axis, amount in FACTS["edits"][name]["up" if value > 0 else "down"]:
            expression[at, axis] += amount * value
    angles = [angle + value * FACTS["head"][name] for angle, value, name in
              zip(ANGLES, (look.pitch, look.yaw, look.roll), ("pitch", "yaw", "roll"), strict=True)]
    moved = plain(expression, (angles[0], angles[1], angles[2])) - plain(EXPRESSION + 0.5)
    assert np.abs(moved[point]).max() > 1e-3
    assert np.allclose(step(made, 0.5), np.clip(moved[point], -0.5, 0.5), atol=1e-4)


def test_a_head_is_turned_no_further_than_the_network_bears() -> None:
    made, = portrait(4).edit([grey(0.5)], [face()], Look(yaw=1.0))
    moved = plain(EXPRESSION + 0.5, (ANGLES[0], -60.0, ANGLES[2])) - plain(EXPRESSION + 0.5)
    assert np.allclose(step(made, 0.5), np.clip(moved[4], -0.5, 0.5), atol=1e-4)


def test_how_open_eyes_and_lips_are_is_told_over_their_width() -> None:
    points = face()
    assert np.allclose(eyes_open(points), (10 / 40, 4 / 40))
    assert lips_open(points) == pytest.approx(6 / 60)
    turn = np.array([[0.8, -0.6], [0.6, 0.8]]) * 3
    assert np.allclose(eyes_open(points @ turn.T + 7), (10 / 40, 4 / 40)), "at any scale and turn"


@pytest.mark.parametrize(("look", "goal", "now"), [(Look(eyes=0.5), 0.6, 10 / 40), (Look(eyes=-0.5), 0.0, 10 / 40),
                                                   (Look(lips=0.5), 1.0, 6 / 60), (Look(lips=-0.5), 0.0, 6 / 60)])
def test_eyes_and_lips_are_opened_by_networks_of_their_own(look: Look, goal: float, now: float) -> None:
    base = 0.4
    made, = portrait(eyes=retargeter(66), lips=retargeter(65)).edit([grey(base)], [face()], look)
    added = 0.5 * np.array([goal, plain(EXPRESSION + base)[0, 0], now])
    assert np.allclose(step(made, base), np.clip(added, -base, 1 - base), atol=1e-4)
    with pytest.raises(ValueError, match="networks of their own"):
        portrait().edit([grey()], [face()], look)


def test_what_is_edited_is_stitched() -> None:
    alone, stitched = (portrait(20, **more).edit([grey(0.5)], [face()], Look(pitch=0.5))[0]
                       for more in ({}, {"stitcher": stitcher()}))
    assert np.abs(step(alone, 0.5)).max() > 0.005
    assert np.allclose(step(stitched, 0.5), step(alone, 0.5) / 2, atol=1e-4)


def test_a_slider_that_there_is_not_is_no_slider() -> None:
    with pytest.raises(KeyError, match="frown"):
        portrait().edit([grey()], [face()], Look(sliders=(("frown", 1.0),)))


def test_an_edit_sees_more_round_the_face_than_a_restoration() -> None:
    made = portrait()
    assert np.allclose(made.facts.restore.points, TEMPLATES["arcface_128"])
    eyes = made.facts.edit.points
    assert np.allclose(eyes[1] - eyes[0], (TEMPLATES["ffhq_512"][1] - TEMPLATES["ffhq_512"][0]) / 1.5)
    assert np.allclose(drawn_in(TEMPLATES["ffhq_512"], 1.5)[2], TEMPLATES["ffhq_512"][2]), "the nose stays"
