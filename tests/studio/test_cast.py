"""Edits of who is in the picture and who comes in."""

import pytest

from models.errors import RecipeError
from pipeline.recipe import Anonymise, Keep, Photo, Recipe, SourceInput, UseSource
from studio import cast


def photo(digit: str) -> Photo:
    return Photo(id="sha256:" + digit * 64, name=f"{digit}.jpg")


@pytest.fixture
def recipe() -> Recipe:
    empty = Recipe()
    two = cast.add_source(empty, SourceInput(name="Ann", photos=(photo("a"),), consent="yes"))
    return cast.add_source(two, SourceInput(name="Bea", photos=(photo("b"),)))


def test_people_keep_their_source_when_it_is_renamed(recipe: Recipe) -> None:
    chosen = cast.choose(recipe, 2, UseSource(source="Ann"))
    renamed = cast.rename_source(chosen, "Ann", "  Anna  ")
    assert renamed.cast == {2: UseSource(source="Anna")}
    assert [source.name for source in renamed.sources] == ["Anna", "Bea"]


def test_a_name_that_is_taken_gets_a_number(recipe: Recipe) -> None:
    assert cast.rename_source(recipe, "Ann", "Bea").sources[0].name == "Bea 2"
    assert cast.free_name(recipe, "x" * 200) == "x" * 80
    assert cast.rename_source(recipe, "Ann", "   ") == recipe


def test_nobody_gets_a_source_whose_use_is_not_permitted(recipe: Recipe) -> None:
    with pytest.raises(RecipeError) as caught:
        cast.choose(recipe, 1, UseSource(source="Bea"))
    assert caught.value.code == "CONSENT.MISSING"
    permitted = cast.state_consent(recipe, "Bea", "She said yes.")
    assert cast.choose(permitted, 1, UseSource(source="Bea")).cast == {1: UseSource(source="Bea")}


def test_a_source_that_goes_leaves_its_people_as_they_are(recipe: Recipe) -> None:
    chosen = cast.choose(cast.choose(recipe, 1, UseSource(source="Ann")), 2, Anonymise())
    assert cast.remove_source(chosen, "Ann").cast == {1: Keep(), 2: Anonymise()}
    assert cast.remove_photo(chosen, "Ann", photo("a").id) == cast.remove_source(chosen, "Ann")


def test_photos_of_one_identity_are_added_once(recipe: Recipe) -> None:
    two = cast.add_photo(recipe, "Ann", photo("c"))
    assert [p.name for p in two.sources[0].photos] == ["a.jpg", "c.jpg"]
    assert cast.add_photo(two, "Ann", photo("c")) == two
    assert cast.pick_face(two, "Ann", photo("c").id, 3).sources[0].photos[1].face == 3


def test_only_people_who_are_in_the_picture_count(recipe: Recipe) -> None:
    chosen = cast.choose(recipe, 3, Anonymise(style="solid"))
    assert cast.changes_something(chosen, 3)
    assert not cast.changes_something(chosen, 2)
    assert cast.anonymises(chosen, 3)


def test_consent_of_those_who_are_shown_is_the_recipe_s_own(recipe: Recipe) -> None:
    assert cast.state_consent(recipe, "", "They said yes.").consent == "They said yes."
