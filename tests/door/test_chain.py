"""The chain that flags ask for."""

from __future__ import annotations

import pytest

from pipeline.presets import preset
from pipeline.recipe import Effect, Recipe, make_effects
from processors.registry import Registry, load_registry
from studio.commands.arguments import parse
from studio.commands.chain import Chain, chain_from_flags, needs_source
from studio.commands.faults import UsageError


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry(())


def chain(registry: Registry, *flags: str, recipe: Recipe | None = None) -> Chain:
    return chain_from_flags(parse(["render", "--output", "o.png", *flags]), recipe, registry)[0]


def names(effects: Chain) -> list[str]:
    return [effect.processor for effect in effects]


def test_no_flags_mean_natural_exactly(registry: Registry) -> None:
    assert chain(registry) == preset("natural").chain(registry)


@pytest.mark.parametrize("name", ["natural", "sharp", "fast"])
def test_a_preset_is_its_chain(registry: Registry, name: str) -> None:
    assert chain(registry, "--preset", name) == preset(name).chain(registry)


def test_effects_are_a_chain_of_defaults_in_the_order_given(registry: Registry) -> None:
    found = chain(registry, "--effects", "hull, geometric,detail,detail")
    assert found == make_effects(["hull", "geometric", "detail", "detail"], registry)
    assert [effect.id for effect in found] == ["mask", "swapper", "enhancer", "enhancer.2"]
    assert all(effect.params == {} for effect in found)


def test_a_swapper_takes_the_place_of_the_chains_own(registry: Registry) -> None:
    found = chain(registry, "--swapper", "anonymise")
    assert names(found) == ["anonymise", *names(chain(registry))[1:]]
    assert found[0].id == "swapper"
    assert found[0].params == {}


def test_a_swapper_goes_first_where_the_chain_has_none(registry: Registry) -> None:
    assert names(chain(registry, "--effects", "detail,hull", "--swapper", "geometric")) == ["geometric", "detail",
                                                                                         "hull"]


def test_set_changes_one_parameter_of_one_effect(registry: Registry) -> None:
    found = chain(registry, "--effects", "geometric,detail,detail", "--set", "enhancer.2.match=0.25",
                  "--set", "geometric.strength=0.5", "--set", "enhancer.2.grain=0")
    assert [effect.params for effect in found] == [{"strength": 0.5}, {}, {"match": 0.25, "grain": 0}]


def test_flags_go_over_the_recipe(registry: Registry) -> None:
    effects = make_effects(["geometric", "feather"], registry, {"geometric": {"strength": 0.3, "light": 0.4}})
    recipe = Recipe().with_effects(effects)
    assert chain(registry, recipe=recipe) == effects
    assert chain(registry, "--set", "swapper.light=1", recipe=recipe)[0].params == {"strength": 0.3, "light": 1}
    assert chain(registry, "--preset", "fast", recipe=recipe) == preset("fast").chain(registry)
    assert names(chain(registry, "--effects", "detail", recipe=recipe)) == ["detail"]


def test_two_swappers_cannot_be_replaced_by_one_word(registry: Registry) -> None:
    with pytest.raises(UsageError, match="several swappers"):
        chain(registry, "--effects", "geometric,geometric", "--swapper", "anonymise")


def test_only_a_chain_that_brings_somebody_needs_a_source(registry: Registry) -> None:
    assert needs_source(chain(registry), registry)
    assert not needs_source(chain(registry, "--swapper", "anonymise"), registry)
    assert not needs_source(chain(registry, "--effects", "detail,hull"), registry)
    muted = tuple(Effect.model_validate({**e.model_dump(), "on": e.processor != "geometric"}) for e in chain(registry))
    assert not needs_source(muted, registry)
