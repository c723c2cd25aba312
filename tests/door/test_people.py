"""--source and --map as people write them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.recipe import Anonymise, Choice, Keep, RunEffects, UseSource
from studio.commands.faults import UsageError
from studio.commands.people import WORDS, SourceWords, by_name, parse_map, parse_source


@pytest.mark.parametrize(("text", "expected"), [
    ("ann.jpg", SourceWords("ann", Path("ann.jpg"))),
    ("photos/ann.b.jpg", SourceWords("ann.b", Path("photos/ann.b.jpg"))),
    ("Ann=ann.jpg", SourceWords("Ann", Path("ann.jpg"))),
    ("Ann Lee = ann.jpg", SourceWords("Ann Lee", Path(" ann.jpg"))),
    ("Ann=a=b.jpg", SourceWords("Ann", Path("a=b.jpg"))),
    ("x=y/ann.jpg", SourceWords("x", Path("y/ann.jpg"))),
    ("dir/x=y.jpg", SourceWords("x=y", Path("dir/x=y.jpg"))),
    ("group.jpg#2", SourceWords("group", Path("group.jpg"), 2)),
    ("Ann=group.jpg#12", SourceWords("Ann", Path("group.jpg"), 12)),
    ("Ann=group.jpg#0", SourceWords("Ann", Path("group.jpg#0"))),
    ("安=安.jpg", SourceWords("安", Path("安.jpg"))),
])
def test_a_source_is_a_name_a_file_and_a_face(text: str, expected: SourceWords) -> None:
    assert parse_source(text) == expected


@pytest.mark.parametrize("name", ["a=b.png", "Ann=ann.png", "group.png#2", "x=y#3"])
def test_a_text_that_is_a_file_is_that_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name).write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    assert parse_source(name) == SourceWords(Path(name).stem, Path(name))
    assert parse_source(f"Ann={name}") == SourceWords("Ann", Path(name))
    assert parse_source(str(tmp_path / name)).path == tmp_path / name


def test_photos_with_equal_names_are_of_one_identity() -> None:
    words = [parse_source(text) for text in ("Ann=1.jpg", "bob.jpg", "Ann=2.jpg#3")]
    assert by_name(words) == {"Ann": [SourceWords("Ann", Path("1.jpg")), SourceWords("Ann", Path("2.jpg"), 3)],
                              "bob": [SourceWords("bob", Path("bob.jpg"))]}


@pytest.mark.parametrize(("text", "people", "others"), [
    ("1=Ann", {1: UseSource(source="Ann")}, None),
    ("1=ann,2=keep", {1: UseSource(source="Ann"), 2: Keep()}, None),
    (" 2 = blur , 1=solid", {2: Anonymise(style="blur"), 1: Anonymise(style="solid")}, None),
    ("others=pixelate", {}, Anonymise(style="pixelate")),
    ("3=Lee, Bo,others=effects", {3: UseSource(source="Lee, Bo")}, RunEffects()),
    ("1=Lee, Bo,2=Lee, Bo", {1: UseSource(source="Lee, Bo"), 2: UseSource(source="Lee, Bo")}, None),
    ("1=a=b", {1: UseSource(source="a=b")}, None),
])
def test_a_map_says_who_gets_what(text: str, people: dict[int, Choice], others: Choice | None) -> None:
    assert parse_map(text, ["Ann", "Lee, Bo", "a=b"]) == (people, others)


def test_an_exact_name_goes_before_one_that_differs_in_capitals() -> None:
    assert parse_map("1=ann", ["Ann", "ann"])[0] == {1: UseSource(source="ann")}
    with pytest.raises(UsageError, match="ANN"):
        parse_map("1=ANN", ["Ann", "ann"])


def test_a_source_that_is_called_like_a_word_is_asked_to_be_called_otherwise() -> None:
    with pytest.raises(UsageError, match="both a source and a word"):
        parse_map("1=blur", ["blur"])


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters=",="), min_size=1).map(
    str.strip).filter(lambda name: name and name.casefold() not in WORDS)


@given(st.dictionaries(st.integers(1, 99), NAMES, min_size=1, max_size=6))
def test_any_name_finds_its_way_through_a_map(wanted: dict[int, str]) -> None:
    text = ",".join(f"{number}={name}" for number, name in wanted.items())
    people, others = parse_map(text, sorted(set(wanted.values())))
    assert others is None
    assert people == {number: UseSource(source=name) for number, name in wanted.items()}


@given(st.text())
@example("/")
@example(".")
def test_no_text_makes_a_map_or_a_source_fail_but_in_words(text: str) -> None:
    with suppress(UsageError):  # any other exception fails the test
        people, _ = parse_map(text, ["Ann"])
        assert all(number >= 1 for number in people)
    with suppress(UsageError):
        assert parse_source(text).name
