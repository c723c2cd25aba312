"""What outputs say was done, from what ran."""

from __future__ import annotations

import pytest

from pipeline.edits import edit_of
from processors.registry import load_registry

REGISTRY = load_registry(())


@pytest.mark.parametrize(("names", "hides", "kind", "trained"), [
    (("geometric", "detail", "pyramid"), False, "swap", False),
    (("inswapper", "gfpgan"), False, "swap", True),
    (("dfm",), False, "swap", True),
    (("geometric", "age"), False, "swap", True),
    *(((name, "feather"), False, "edit", True) for name in ("age", "expression", "portrait", "lips")),
    (("detail", "hull"), False, "enhance", False),
    (("gfpgan", "keyer"), False, "enhance", False),
    (("anonymise", "feather"), True, "anonymise", False),
    (("inswapper", "anonymise"), True, "anonymise", True),
    ((), False, "enhance", False),
])
def test_the_strongest_thing_is_said(names: tuple[str, ...], hides: bool, kind: str, trained: bool) -> None:
    edit = edit_of([(name, "1.0") for name in (*names, *names)], REGISTRY, hides=hides, analysed=trained)
    assert (edit.kind, edit.trained, edit.analysed) == (kind, trained, trained)
    assert edit.effects == tuple((name, "1.0") for name in names), "each once, in order"
