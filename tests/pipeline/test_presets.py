"""Presets pick the best stack that is installed, and say which."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from models.catalogue import whole_catalogue
from models.networks import Networks
from pipeline.gate import admit, analysers
from pipeline.presets import RANKED, Stack, chain_for, load_presets, preset
from processors.registry import Registry, built_in

REGISTRY = Registry(built_in())
CATALOGUE = whole_catalogue()
GUARDS = analysers(CATALOGUE)
INSWAPPER = ("swapper.inswapper", "recogniser.arcface")


class Installed(Networks):
    """A folder with these models, which are never opened."""

    def __init__(self, *slots: str) -> None:
        super().__init__(store=cast(Any, SimpleNamespace(catalogue=CATALOGUE)))
        self._slots = slots

    def has(self, slot: str) -> bool:
        return slot in self._slots

    def check(self, slots: Any) -> None:
        assert set(slots) <= set(self._slots)

    def path(self, slot: str) -> Path:
        raise AssertionError("nothing is opened")


def names(stack: Stack) -> list[str]:
    return [effect.processor for effect in stack.effects]


@pytest.mark.parametrize("name", list(load_presets()))
def test_without_models_a_preset_is_the_classical_chain(name: str) -> None:
    for networks in (Networks(), Installed()):
        stack = chain_for(preset(name), REGISTRY, networks)
        assert stack.effects == preset(name).chain(REGISTRY)
        assert stack.remark.code == "PRESET.CLASSICAL"
        assert stack.slots == ()
        assert set(GUARDS) < set(stack.lacking)


def test_what_is_there_takes_its_place() -> None:
    stack = chain_for(preset("natural"), REGISTRY, Installed(*GUARDS, *INSWAPPER, "enhancer.gfpgan_1_4", "mask.xseg_1"))
    assert names(stack) == ["inswapper", "gfpgan", "detail", "hull", "xseg", "pyramid"]
    assert stack.effects[1].params == {"blend": 0.5}
    assert stack.remark.words == ("Natural runs on Inswapper 128, Descriptor of a face (w600k_r50), GFPGAN 1.4, "
                                  "What lies before a face (XSeg 1).")
    assert stack.slots == (*INSWAPPER, "enhancer.gfpgan_1_4", "mask.xseg_1")
    assert stack.lacking == ("swapper.hyperswap_1a",)


def test_a_place_that_nothing_fills_is_left_out_or_filled_without_a_model() -> None:
    stack = chain_for(preset("sharp"), REGISTRY, Installed(*GUARDS, *INSWAPPER))
    assert names(stack) == ["inswapper", "detail", "hull", "occlusion", "pyramid"]
    assert stack.effects[0].params == {"boost": "4"}
    assert stack.effects[1].params == {"sharpen": 0.4}
    assert {"enhancer.gfpgan_1_4", "mask.xseg_1"} <= set(stack.lacking)


def test_a_swapper_counts_only_with_all_that_it_needs() -> None:
    without = chain_for(preset("fast"), REGISTRY, Installed(*GUARDS, "swapper.ghost_1", "recogniser.arcface"))
    assert without.remark.code == "PRESET.CLASSICAL"
    whole = chain_for(preset("fast"), REGISTRY,
                      Installed(*GUARDS, "swapper.ghost_1", "recogniser.arcface", "converter.ghost"))
    assert names(whole) == ["ghost", "hull", "feather"]


def test_without_the_content_analyser_the_classical_chain_stays_and_it_is_said() -> None:
    stack = chain_for(preset("natural"), REGISTRY, Installed(*INSWAPPER, GUARDS[0], "enhancer.gfpgan_1_4"))
    assert stack.effects == preset("natural").chain(REGISTRY)
    assert stack.remark.code == "PRESET.NO_ANALYSER"
    assert dict(stack.remark.values) == {"models": 2}
    assert set(GUARDS[1:]) <= set(stack.lacking)


def test_commercial_safe_takes_only_what_terms_allow() -> None:
    everything = Installed(*(row.slot for row in CATALOGUE.offered))
    stack = chain_for(preset("natural"), REGISTRY, everything, commercial_safe=True)
    for slot in stack.slots:
        assert CATALOGUE.row(slot).commercial == "yes"
    assert names(chain_for(preset("natural"), REGISTRY, everything)) == [
        "hyperswap", "gfpgan", "detail", "hull", "xseg", "pyramid"]


@pytest.mark.parametrize("name", list(load_presets()))
def test_with_everything_installed_a_preset_is_admitted(name: str) -> None:
    everything = Installed(*(row.slot for row in CATALOGUE.offered))
    stack = chain_for(preset(name), REGISTRY, everything)
    assert admit(stack.effects, REGISTRY, everything).slots == frozenset(stack.slots)
    assert stack.lacking == ()


@pytest.mark.parametrize("name", list(load_presets()))
def test_every_candidate_is_a_processor_of_its_place_and_its_models_are_in_the_catalogue(name: str) -> None:
    found = preset(name)
    for role in RANKED:
        for one in found.ranks[role]:
            assert REGISTRY.get(one.processor).spec.role == role
            for slot in one.slots(REGISTRY):
                CATALOGUE.row(slot)
    first = {slot for role in RANKED if role in found.networks for slot in found.ranks[role][0].slots(REGISTRY)}
    said = {row.slot for row in CATALOGUE.model if name in row.presets}
    assert first <= said | {"recogniser.arcface"}, "the catalogue says what a preset wants"
