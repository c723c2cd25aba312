"""One recipe for screens, command line and API: it round-trips, and says what is wrong with a bad one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import LikenessError, MissingInput, RecipeError
from pipeline.presets import load_presets, preset
from pipeline.recipe import (
    Anonymise,
    Input,
    Keep,
    Looking,
    Output,
    Photo,
    Recipe,
    RunEffects,
    SourceInput,
    UseSource,
    make_effects,
    read_recipe,
    recipe_from_json,
    set_parameter,
)
from processors.registry import load_registry

REGISTRY = load_registry([])
ID = "sha256:" + "0" * 64

names = st.text(min_size=1, max_size=20)
choices = st.one_of(
    st.just(Keep()), st.just(RunEffects()), st.builds(Anonymise, style=st.sampled_from(["blur", "pixelate", "solid"])),
    st.just(UseSource(source="Ann")))
recipes = st.builds(
    Recipe,
    target=st.one_of(st.none(), st.builds(Input, id=st.just(ID), name=names, path=st.one_of(st.none(), names))),
    sources=st.just((SourceInput(name="Ann", photos=(Photo(id=ID, name="a.png", face=2),), consent="yes"),)),
    cast=st.dictionaries(st.integers(1, 40), choices, max_size=5), everyone=choices,
    looking=st.builds(Looking, small=st.booleans(), turned=st.booleans()),
    output=st.builds(Output, format=st.sampled_from([None, "png"]), quality=st.one_of(st.none(), st.integers(1, 100))),
)


@given(recipes, st.sampled_from(sorted(load_presets())))
def test_a_recipe_round_trips(recipe: Recipe, name: str) -> None:
    recipe = recipe.with_effects(preset(name).chain(REGISTRY))
    again = recipe_from_json(recipe.to_json(), REGISTRY)
    assert again == recipe
    assert again.to_json() == recipe.to_json()


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))
def test_any_other_json_is_refused_with_a_code_and_a_remedy(data: Any) -> None:
    with pytest.raises(LikenessError) as raised:
        recipe_from_json(json.dumps(data), REGISTRY, "bad.json")
    assert raised.value.code.startswith("RECIPE.")
    assert "bad.json" in raised.value.message
    assert raised.value.remedy


def valid() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(Recipe().with_effects(preset("natural").chain(REGISTRY)).to_json())
    return data


def broken(**changes: Any) -> str:
    return json.dumps({**valid(), **changes})


def effect(**changes: Any) -> list[dict[str, Any]]:
    return [{"effects": [{"id": "swapper", "processor": "geometric", "version": "1.0", **changes}]}]


@pytest.mark.parametrize(("text", "code", "said"), [
    ("", "RECIPE.UNREADABLE", "not JSON"),
    ("[" * 100_000, "RECIPE.UNREADABLE", "not JSON"),
    ("{}", "RECIPE.UNREADABLE", "no schema_version"),
    (broken(segments=[]), "RECIPE.INVALID", "segments is empty"),
    (broken(segments=effect(params={"strength": float("nan")})), "RECIPE.PARAMETER", "strength must be at most 1"),
    (broken(output={"quality": 900}), "RECIPE.INVALID", "output.quality must be at most 100"),
    (broken(schema_version=99), "RECIPE.VERSION", "99"),
    (broken(surprise=1), "RECIPE.INVALID", "surprise"),
    (broken(everyone={"use": "source", "source": "Nobody"}), "RECIPE.INVALID", "Nobody"),
    (broken(cast={"0": {"use": "keep"}}), "RECIPE.INVALID", "begin at 1"),
    (broken(cast={"1": {"use": "explode"}}), "RECIPE.INVALID", "cast.1"),
    (broken(segments=effect(processor="nothing")), "RECIPE.UNKNOWN_PROCESSOR", "nothing"),
    (broken(segments=effect(id="blender")), "RECIPE.INVALID", "is a swapper"),
    (broken(segments=effect(params={"strength": 7})), "RECIPE.PARAMETER", "strength"),
    (broken(segments=effect(params={"speed": 1})), "RECIPE.PARAMETER", "speed"),
    (broken(segments=[{"effects": effect()[0]["effects"] * 2}]), "RECIPE.INVALID", "same id"),
    (broken(target={"id": "md5:1", "name": "x"}), "RECIPE.INVALID", "target.id"),
])
def test_what_is_wrong_is_named(text: str, code: str, said: str) -> None:
    with pytest.raises(RecipeError) as raised:
        recipe_from_json(text, REGISTRY)
    assert raised.value.code == code
    assert said in raised.value.message


def test_a_recipe_file_that_is_missing_or_no_text_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match=r"gone\.json"):
        read_recipe(tmp_path / "gone.json", REGISTRY)
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match=r"binary\.json"):
        read_recipe(tmp_path / "binary.json", REGISTRY)
    with pytest.raises(RecipeError, match="is a folder"):
        read_recipe(tmp_path, REGISTRY)


def test_a_recipe_is_never_read_without_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    for endless in (Path("/dev/zero"), tmp_path / "pipe.json"):
        with pytest.raises(RecipeError, match="a device or a pipe"):
            read_recipe(endless, REGISTRY)
    (tmp_path / "huge.json").touch()
    os.truncate(tmp_path / "huge.json", 3 * 1024**3)  # takes no room: a hole
    with pytest.raises(RecipeError, match="more than any recipe"):
        read_recipe(tmp_path / "huge.json", REGISTRY)


def test_a_recipe_saved_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(Recipe().to_json(), encoding="utf-8-sig")
    assert read_recipe(tmp_path / "r.json", REGISTRY) == Recipe()


def test_ids_are_roles_with_a_number_from_the_second_on() -> None:
    effects = make_effects(["geometric", "detail", "detail", "hull", "occlusion", "pyramid"], REGISTRY)
    assert [e.id for e in effects] == ["swapper", "enhancer", "enhancer.2", "mask", "mask.2", "blender"]


@pytest.mark.parametrize(("assignment", "effect_id", "value"), [
    ("swapper.strength=0.8", "swapper", {"strength": 0.8}),
    ("geometric.strength=0.5", "swapper", {"strength": 0.5}),
    ("enhancer.2.SOME=0.25", "enhancer.2", {"SOME": 0.25}),
])
def test_set_reaches_one_parameter_of_one_effect(assignment: str, effect_id: str, value: dict[str, Any]) -> None:
    some = next(iter(REGISTRY.get("detail").Params.model_fields))
    assignment, value = assignment.replace("SOME", some), {some if k == "SOME" else k: v for k, v in value.items()}
    before = make_effects(["geometric", "detail", "detail", "hull", "occlusion"], REGISTRY)
    after = set_parameter(before, assignment, REGISTRY)
    changed = {e.id: e.params for e, old in zip(after, before, strict=True) if e != old}
    assert changed == {effect_id: value}


@pytest.mark.parametrize("assignment", ["simswap.model=512", 'simswap.model="512"', "simswap.model= 512"])
def test_a_word_to_choose_from_may_look_like_a_number(assignment: str) -> None:
    effect, = set_parameter(make_effects(["simswap"], REGISTRY), assignment, REGISTRY)
    assert effect.params == {"model": "512"}


@pytest.mark.parametrize("assignment", ["", "strength=1", "swapper.strength", "swapper.strength=2", "swapper.speed=1",
                                        "nothing.strength=1", "mask.3.size=1", "swapper.strength=soft"])
def test_a_wrong_set_is_refused_with_a_remedy(assignment: str) -> None:
    effects = make_effects(["geometric", "hull", "occlusion"], REGISTRY)
    with pytest.raises(RecipeError) as raised:
        set_parameter(effects, assignment, REGISTRY)
    assert raised.value.remedy

