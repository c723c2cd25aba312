"""LivePortrait's networks, and the crops that they take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.families.portrait import Networks, Portrait
from models.sessions import Lease
from models.templates import TEMPLATES, drawn_in
from processors.batches import Template
from processors.context import Context
from processors.neural.rows import facts_of

GENERATOR = "portrait.generator"
BASE = (GENERATOR, "portrait.features", "portrait.motion")


def portrait_template(use: str) -> Template:
    """use: restore or edit."""
    facts = facts_of(GENERATOR)
    shape = facts[use]
    points = drawn_in(TEMPLATES[shape["template"]], shape["drawn"])
    return Template(f"portrait {use}", tuple((float(x), float(y)) for x, y in points), int(facts["made"]))


def portrait_of(ctx: Context, *others: str) -> Portrait:
    """others: which of stitcher, eyes and lips are needed. Raises ModelError."""
    wanted = ("features", "motion", "generator", *others)
    leases = {name: ctx.models.get(f"portrait.{name}", _leased) for name in wanted}
    return Portrait(Networks(**leases), facts_of(GENERATOR))


def _leased(lease: Lease, _facts: Mapping[str, Any]) -> Lease:
    return lease
