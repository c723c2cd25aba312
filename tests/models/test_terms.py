"""What commercial-safe lets through, and what it says of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.catalogue import whole_catalogue
from models.errors import ModelError
from models.store import Store
from models.terms import obstacle
from tests.models.test_store import catalogue, row

KNOWN = catalogue(
    row("free", "arcface"), row("barred", "arcface", commercial="no", licence="X-1.0", terms="For research."),
    row("unsure", "inswapper", commercial="unclear"), row("leaning", "inswapper", needs=["barred"]),
    row("upright", "inswapper", needs=["free"]))


@pytest.mark.parametrize(("slot", "barred"), [
    ("free", None), ("barred", "barred"), ("unsure", "unsure"), ("leaning", "barred"), ("upright", None)])
def test_a_model_stands_or_falls_with_what_it_needs(slot: str, barred: str | None, tmp_path: Path) -> None:
    found = obstacle(KNOWN, KNOWN.row(slot))
    assert (found.slot if found else None) == barred
    store = Store(KNOWN, tmp_path, tmp_path / "models.json")
    store.allowed(slot, False)
    if barred is None:
        store.allowed(slot, True)
        return
    with pytest.raises(ModelError) as refused:
        store.allowed(slot, True)
    assert refused.value.code == "LICENCE.COMMERCIAL"
    assert KNOWN.row(barred).title in refused.value.message
    assert KNOWN.row(barred).licence in refused.value.message


def test_the_refusal_names_the_licence_and_what_would_do_instead(tmp_path: Path) -> None:
    store = Store(KNOWN, tmp_path, tmp_path / "models.json")
    with pytest.raises(ModelError) as refused:
        store.allowed("leaning", True)
    assert refused.value.message == ("barred (barred), which leaning (leaning) needs, may not be used commercially: "
                                     "X-1.0. For research.")
    assert refused.value.remedy.startswith("Its terms allow it for free: ")


def test_the_landmarks_that_come_with_a_package_are_refused_and_their_descriptor_is_not() -> None:
    known = whole_catalogue()
    assert obstacle(known, known.row("dlib.points68")) == known.row("dlib.points68")
    assert obstacle(known, known.row("dlib.descriptor")) is None


def test_the_switch_is_remembered_and_seen_by_another_process(tmp_path: Path) -> None:
    mine, other = (Store(KNOWN, tmp_path, tmp_path / "models.json") for _ in range(2))
    assert not other.commercial_safe
    mine.switch_safe(True)
    assert other.commercial_safe
    other.agree("free")
    mine.switch_safe(False)
    assert not other.commercial_safe
    assert mine.agreed("free"), "what one process wrote is not lost by another's writing"
