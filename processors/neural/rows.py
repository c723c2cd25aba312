"""What the catalogue says of the networks that processors name: before any is there, and whichever file it is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from models.catalogue import Catalogue, whole_catalogue
from models.templates import TEMPLATES
from processors.batches import Template

LARGEST = 1024
"""Pixels of a crop's side, beyond which boosting brings nothing: faces are seldom as large (FaceFusion's largest)."""


@cache
def _catalogue() -> Catalogue:
    return whole_catalogue()


def facts_of(slot: str) -> Mapping[str, Any]:
    """The numbers of the slot's family. Raises ModelError MODEL.UNKNOWN."""
    return _catalogue().family_of(_catalogue().row(slot)).facts


def with_needs(slot: str) -> tuple[str, ...]:
    """The slot, and those beside which alone it is of use."""
    return slot, *_catalogue().row(slot).needs


def converter_of(slot: str) -> str | None:
    """Among what it needs, the network that turns descriptors into its own."""
    found = _catalogue()
    return next((name for name in found.row(slot).needs if found.family_of(found.row(name)).role == "converter"), None)


def template_of(slot: str, times: int = 1) -> Template:
    """The crop that a network was trained on, or one of so many times its size where that is not too large."""
    facts = facts_of(slot)
    size = int(facts["size"])
    return template_named(facts["template"], size * min(times, max(LARGEST // size, 1)))


def template_named(name: str, size: int) -> Template:
    return Template(name, tuple((float(x), float(y)) for x, y in TEMPLATES[name]), size)
