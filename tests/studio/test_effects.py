"""Edits of the chain."""

import pytest

from models.errors import RecipeError
from pipeline.presets import load_presets, preset
from pipeline.recipe import check_effects, make_effects
from processors.registry import Registry, load_registry
from studio import effects


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry()


@pytest.fixture
def chain(registry: Registry) -> effects.Chain:
    return make_effects(["geometric", "detail", "hull", "pyramid"], registry)


def ids(chain: effects.Chain) -> list[str]:
    return [effect.id for effect in chain]


def test_a_new_effect_lands_behind_its_role_with_a_free_id(chain: effects.Chain, registry: Registry) -> None:
    grown = effects.add(effects.add(chain, "detail", registry), "ellipse", registry)
    assert ids(grown) == ["swapper", "enhancer", "enhancer.2", "mask", "mask.2", "blender"]
    check_effects(grown, registry)


def test_the_first_effect_of_a_chain_can_be_added(registry: Registry) -> None:
    assert ids(effects.add((), "pyramid", registry)) == ["blender"]


def test_removing_keeps_the_ids_of_the_others(chain: effects.Chain, registry: Registry) -> None:
    grown = effects.add(chain, "detail", registry)
    assert ids(effects.remove(grown, "enhancer")) == ["swapper", "enhancer.2", "mask", "blender"]
    assert ids(effects.add(effects.remove(grown, "enhancer"), "detail", registry))[1:3] == ["enhancer.2", "enhancer"]


@pytest.mark.parametrize(("effect", "to", "expected"), [
    ("mask", 0, ["mask", "swapper", "enhancer", "blender"]),
    ("swapper", 2, ["enhancer", "mask", "swapper", "blender"]),
    ("blender", 99, ["swapper", "enhancer", "mask", "blender"]),
    ("enhancer", -4, ["enhancer", "swapper", "mask", "blender"]),
])
def test_an_effect_ends_at_the_place_it_is_moved_to(chain: effects.Chain, effect: str, to: int,
                                                    expected: list[str]) -> None:
    assert ids(effects.move(chain, effect, to)) == expected


def test_a_copy_has_the_values_of_its_original(chain: effects.Chain, registry: Registry) -> None:
    changed = effects.set_value(chain, "enhancer", "sharpen", 0.4, registry)
    copied = effects.duplicate(changed, "enhancer", registry)
    assert ids(copied) == ["swapper", "enhancer", "enhancer.2", "mask", "blender"]
    assert copied[2].params == {"sharpen": 0.4}


def test_a_muted_effect_stays_in_the_chain(chain: effects.Chain) -> None:
    muted = effects.mute(chain, "mask", False)
    assert [effect.on for effect in muted] == [True, True, False, True]
    assert effects.mute(muted, "mask", True) == chain


@pytest.mark.parametrize(("name", "value"), [("sharpen", 7), ("sharpen", "much"), ("nothing", 1), ("sharpen", None)])
def test_a_value_that_the_processor_refuses_is_refused(chain: effects.Chain, registry: Registry, name: str,
                                                       value: object) -> None:
    with pytest.raises(RecipeError) as caught:
        effects.set_value(chain, "enhancer", name, value, registry)
    assert caught.value.code == "RECIPE.PARAMETER"


def test_an_effect_that_is_not_there_is_named(chain: effects.Chain) -> None:
    with pytest.raises(RecipeError) as caught:
        effects.remove(chain, "mask.7")
    assert caught.value.subject == "mask.7"


def test_a_chain_is_a_preset_until_it_is_changed(registry: Registry) -> None:
    presets = {name: [one.chain(registry)] for name, one in load_presets().items()}
    for name, (chain,) in presets.items():
        assert effects.preset_of(chain, presets, registry) == name
    natural = preset("natural").chain(registry)
    nudged = effects.set_value(natural, "swapper", "strength", 0.5, registry)
    assert effects.preset_of(nudged, presets, registry) is None
    assert effects.preset_of(effects.reset(nudged, "swapper"), presets, registry) == "natural"
    assert effects.preset_of(effects.mute(natural, "enhancer", False), presets, registry) is None
