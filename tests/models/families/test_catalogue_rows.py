"""Every swapper and enhancer of the catalogue, on a twin with its contract."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.catalogue import Family, whole_catalogue
from models.families.crops import crop_facts
from models.families.enhancers import CropEnhancer
from models.families.mattes import _FACTS as MATTE
from models.families.swappers import CropSwapper, Identity
from models.families.upscalers import _FACTS as UPSCALE
from models.foreign import inspect
from models.sessions import SessionManager
from models.templates import TEMPLATES
from models.twins import Graph
from tests.models.families.test_swappers import echo

FAMILIES = {family.name: family for family in whole_catalogue().family}
SWAPPERS = [family for family in FAMILIES.values() if family.role == "swapper" and "source" in family.facts]
ENHANCERS = [family for family in FAMILIES.values() if family.role == "enhancer"]


def names(families: list[Family]) -> list[str]:
    return [family.name for family in families]


@pytest.mark.parametrize("family", SWAPPERS, ids=names(SWAPPERS))
def test_a_swapper_swaps_by_the_catalogue_s_facts(family: Family, tmp_path: Path) -> None:
    size = family.facts["size"]
    graph = echo(size, source=family.contract.inputs["source"], mapped=family.facts["source"]["kind"] == "mapped")
    (tmp_path / "twin.onnx").write_bytes(graph)
    assert family.contract.difference(inspect(tmp_path / "twin.onnx")) is None
    swapper = CropSwapper(SessionManager().lease(graph, name="twin"), family.facts)
    crop = np.random.default_rng(1).integers(0, 256, (size, size, 3)).astype(np.uint8)
    own = swapper.picture
    picture = None if own is None else np.full((own.size, own.size, 3), 127.5, np.float32)
    source = swapper.sources([Identity(np.ones(512), picture)], convert=lambda given: given)
    assert source.shape == tuple(1 if n == "N" else n for n in family.contract.inputs["source"])
    made, = swapper.swap([crop], np.zeros_like(source))
    assert made.shape == crop.shape
    centre = (made.astype(float) - crop).mean()
    if "out_mean" in family.facts or "mean" not in family.facts:
        assert np.abs(made.astype(int) - crop).max() <= 1, "in and out are the same range"
    else:
        assert np.isfinite(centre), "what it takes is not what it gives: the answer is 0..1 as it is"


@pytest.mark.parametrize("family", ENHANCERS, ids=names(ENHANCERS))
def test_an_enhancer_enhances_by_the_catalogue_s_facts(family: Family) -> None:
    size = family.facts["size"]
    graph = Graph()
    graph.output(graph.op("Relu", graph.input("input", (1, 3, size, size))), "output", (1, 3, size, size))
    enhancer = CropEnhancer(SessionManager().lease(graph.serialised(), name="twin"), family.facts)
    made, = enhancer.enhance([np.full((size, size, 3), (30, 130, 250), np.uint8)])
    assert (made == made[0, 0]).all()
    assert made[0, 0].tolist() in ([128, 130, 250], [127, 130, 250])
    assert family.facts["template"] in TEMPLATES


def test_what_a_swapper_needs_beside_it_is_of_the_right_kind() -> None:
    found = whole_catalogue()
    for row in found.model:
        family = FAMILIES.get(row.family)
        if family is None or family.role != "swapper" or not family.facts:
            continue
        roles = {found.family_of(found.row(slot)).role for slot in row.needs}
        kind = family.facts["source"]["kind"]
        assert roles == {"picture": set(), "descriptor": {"recogniser"}, "mapped": {"recogniser"},
                         "converted": {"recogniser", "converter"}}[kind]


def test_mattes_upscalers_and_masks_have_facts_that_their_code_reads() -> None:
    readers: dict[str, Callable[[Any], object]] = {
        "matte": MATTE.validate_python, "upscaler": UPSCALE.validate_python,
        "mask": lambda facts: crop_facts(facts, "mask")}
    found = dict.fromkeys(readers, 0)
    for family in FAMILIES.values():
        if family.role in readers and family.name != "rvm":  # a clip's matte has no numbers of its own
            readers[family.role](dict(family.facts))
            found[family.role] += 1
    assert min(found.values()) >= 2, found
