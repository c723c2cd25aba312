"""Swappers on twins whose answer is known: what goes in, to the number, what comes out, to the pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import Pixels
from models.errors import ModelError
from models.families.crops import crop_facts, gathered, spread
from models.families.swappers import STRONGEST, CropSwapper, Identity
from models.sessions import SessionManager
from models.templates import TEMPLATES
from models.twins import Graph

HALF = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5), "out_mean": 0.5, "out_std": 0.5}
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
DESCRIPTOR = {"kind": "descriptor"}


def echo(size: int, rows: int | str = 1, source: tuple[int | str, ...] = ("N", 512), mapped: bool = False) -> bytes:
    """Gives the target back, plus the source's first three numbers on its three planes. mapped: with a map in it that
    turns descriptors round."""
    graph = Graph()
    shape = (rows, 3, size, size)
    target = graph.input("target", shape)
    given_source = graph.input("source", (rows, *source[1:]))
    if len(source) == 4:
        colour = graph.op("ReduceMean", given_source, axes=[2, 3], keepdims=1)
    else:
        first = graph.op("Slice", given_source, *(graph.constant([n]) for n in (0, 3, 1, 1)))
        colour = graph.op("Reshape", first, graph.constant([0, 3, 1, 1]))
    graph.output(graph.op("Add", target, colour), "output", shape)
    if mapped:
        graph.constant(np.eye(512)[::-1], "emap")
    return graph.serialised()


def swapper(graph: bytes, facts: dict[str, Any], rows: bool = False) -> tuple[CropSwapper, SessionManager]:
    manager = SessionManager()
    return CropSwapper(manager.lease(graph, name="twin", rows=rows), facts), manager


def facts(size: int = 64, source: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"size": size, "template": "arcface_128", "source": source or DESCRIPTOR, **more}


def picture(size: int, kind: type = np.uint8) -> Pixels:
    return np.random.default_rng(4).integers(0, 256, (size, size, 3)).astype(kind)


ZERO = np.zeros((1, 512), np.float32)


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize("colour", ["rgb", "bgr"])
@pytest.mark.parametrize("numbers", [{}, HALF], ids=["0..1", "-1..1"])
def test_a_crop_comes_back_as_it_went_in(kind: type, colour: str, numbers: dict[str, Any]) -> None:
    twin, _ = swapper(echo(64), facts(colour=colour, **numbers))
    crop = picture(64, kind)
    made, = twin.swap([crop], ZERO)
    assert made.dtype == kind
    assert made.flags.c_contiguous
    assert np.abs(made.astype(float) - crop).max() < (0.5 if kind == np.uint8 else 1e-4)


@pytest.mark.parametrize(("colour", "channel"), [("rgb", 2), ("bgr", 0)])
def test_the_first_plane_is_the_colour_that_the_catalogue_names(colour: str, channel: int) -> None:
    twin, _ = swapper(echo(64), facts(colour=colour))
    source = ZERO.copy()
    source[0, 0] = 0.25
    made, = twin.swap([np.full((64, 64, 3), 100, np.uint8)], source)
    wanted = np.full(3, 100)
    wanted[channel] = round(100 + 0.25 * 255)
    assert np.array_equal(made[5, 7], wanted)


def test_numbers_go_in_as_the_catalogue_says_for_each_colour() -> None:
    found = crop_facts({"size": 2, "template": "ffhq_512", **IMAGENET}, "x").encode(
        [np.full((2, 2, 3), (10, 20, 30), np.uint8)])
    assert found.shape == (1, 3, 2, 2)
    wanted = [(level / 255 - mean) / std for level, mean, std in zip((30, 20, 10), *IMAGENET.values(), strict=True)]
    assert np.allclose(found[0, :, 1, 1], wanted, atol=1e-6)
    rows = crop_facts({"size": 2, "template": "ffhq_512", "layout": "nhwc", "colour": "bgr"}, "x").encode(
        [np.full((2, 2, 3), (10, 20, 30), np.uint8)])
    assert rows.shape == (1, 2, 2, 3)
    assert np.allclose(rows[0, 1, 0] * 255, (10, 20, 30))


def test_pixel_boost_is_one_batch_and_every_pixel_is_swapped() -> None:
    twin, manager = swapper(echo(32), facts(32), rows=True)
    sources = np.repeat(np.array([[0.1], [0.2]], np.float32), 512, axis=1)
    crops = [np.full((128, 128, 3), 50, np.uint8), np.full((32, 32, 3), 50, np.uint8)]
    made = twin.swap(crops, sources)
    assert [one.shape for one in made] == [(128, 128, 3), (32, 32, 3)]
    assert [np.unique(one).tolist() for one in made] == [[round(50 + 25.5)], [(50 + 51)]]
    assert manager.counts()[0].batches == {17: 1}, "sixteen parts and one"


def test_a_network_for_one_row_swaps_the_same_one_by_one() -> None:
    crop = picture(128)
    batched, _ = swapper(echo(32), facts(32), rows=True)
    single, manager = swapper(echo(32), facts(32))
    assert np.array_equal(batched.swap([crop], ZERO)[0], single.swap([crop], ZERO)[0])
    assert manager.counts()[0].batches == {1: 16}


@given(st.integers(1, 4), st.integers(1, 8))
def test_what_is_spread_is_gathered_again(times: int, size: int) -> None:
    whole = np.arange((times * size) ** 2 * 3).reshape(times * size, times * size, 3)
    parts = spread(whole, times)
    assert len(parts) == times ** 2
    assert all(part.shape == (size, size, 3) for part in parts)
    assert np.array_equal(gathered(parts, times), whole)


# Who somebody shall be

@pytest.fixture
def descriptor() -> np.ndarray:
    return np.random.default_rng(8).standard_normal(512) * 3


def test_a_descriptor_goes_in_with_length_one(descriptor: np.ndarray) -> None:
    twin, _ = swapper(echo(64), facts())
    assert np.allclose(twin.sources([Identity(descriptor)])[0], descriptor / np.linalg.norm(descriptor), atol=1e-6)


def test_a_descriptor_goes_through_the_map_that_the_file_carries(descriptor: np.ndarray) -> None:
    twin, _ = swapper(echo(64, mapped=True), facts(source={"kind": "mapped"}))
    found = twin.sources([Identity(descriptor)])
    assert np.allclose(found[0], descriptor[::-1] / np.linalg.norm(descriptor), atol=1e-6)


@pytest.mark.parametrize("unit", [True, False])
def test_descriptors_are_turned_into_the_network_s_own_as_they_came(descriptor: np.ndarray, unit: bool) -> None:
    seen = []

    def convert(given: np.ndarray) -> np.ndarray:
        seen.append(given)
        return given[:, ::-1] * 2

    twin, _ = swapper(echo(64), facts(source={"kind": "converted", "unit": unit}))
    found = twin.sources([Identity(descriptor), Identity(-descriptor)], convert=convert)
    assert np.allclose(seen[0], [descriptor, -descriptor], atol=1e-5), "both in one go"
    wanted = descriptor[::-1] * 2
    assert np.allclose(found[0], wanted / np.linalg.norm(wanted) if unit else wanted, atol=1e-5)
    assert np.allclose(found[1], -found[0])
    with pytest.raises(ModelError, match=r"MODEL\.CONTRACT"):
        twin.sources([Identity(descriptor)])


def test_a_picture_goes_in_by_facts_of_its_own() -> None:
    own = {"size": 16, "template": "arcface_112_v2", **HALF}
    twin, _ = swapper(echo(64, source=("N", 3, 16, 16)), facts(source={"kind": "picture", "picture": own}))
    found = twin.sources([Identity(np.zeros(512), np.full((16, 16, 3), (0, 0, 255), np.uint8))])
    assert found.shape == (1, 3, 16, 16)
    assert found[0, :, 3, 3].tolist() == [1.0, -1.0, -1.0]
    with pytest.raises(ValueError, match="picture"):
        twin.sources([Identity(np.zeros(512))])


@pytest.mark.parametrize(("weight", "share"), [(0.0, STRONGEST), (0.25, STRONGEST / 2), (0.5, 0.0), (1.0, -STRONGEST)])
@pytest.mark.parametrize("kind", ["descriptor", "mapped"])
def test_a_weight_mixes_the_target_in_or_pushes_away_from_it_in_the_network_s_own_numbers(
        descriptor: np.ndarray, weight: float, share: float, kind: str) -> None:
    twin, _ = swapper(echo(64, mapped=kind == "mapped"), facts(source={"kind": kind}))
    target = np.random.default_rng(9).standard_normal(512) * 5
    own, other = (whole / np.linalg.norm(whole) for whole in (descriptor, target))
    wanted = own * (1 - share) + other * share
    found = twin.sources([Identity(descriptor)], [target], weight)[0]
    assert np.allclose(found, wanted[::-1] if kind == "mapped" else wanted, atol=1e-5)


def test_facts_that_are_none_are_refused() -> None:
    for wrong in ({"template": "nowhere"}, {"colour": "cmyk"}, {"shade": 1}):
        with pytest.raises(ModelError, match=r"CATALOGUE\.INVALID"):
            swapper(echo(64), facts(**wrong))


def test_templates_are_those_that_networks_were_trained_on() -> None:
    v2 = np.array([(.34191607, .46157411), (.65653393, .45983393), (.500225, .64050536), (.37097589, .82469196),
                   (.63151696, .82325089)])
    x128 = np.array([(.36167656, .40387734), (.63696719, .40235469), (.50019687, .56044219), (.38710391, .72160547),
                     (.61507734, .72034453)])
    assert np.allclose(TEMPLATES["arcface_112_v2"], v2, atol=1e-5)
    assert np.allclose(TEMPLATES["arcface_128"], x128, atol=1e-5)
    for points in TEMPLATES.values():
        assert points.shape == (5, 2)
        assert points[0, 0] < points[2, 0] < points[1, 0], "right eye, nose, left eye"
        assert points[:2, 1].max() < points[2, 1] < points[3:, 1].min(), "eyes, nose, mouth"
