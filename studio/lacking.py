"""What an effect would need that is not there: for the chain's cards and the menu of effects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from models.networks import Networks
from pipeline.chain import GATED
from pipeline.gate import analysers
from processors.base import Needs, Processor


def lacking(cls: type[Processor], params: Any, networks: Networks) -> list[dict[str, Any]]:
    """The models that are missing for it. What stands behind the gate needs the content analyser too."""
    needs: Needs = cls().needs(params)
    if not needs.models or networks.store is None:
        return []
    guards = analysers(networks.store.catalogue) if cls.spec.role in GATED else ()
    return rows_of([slot for slot in dict.fromkeys((*needs.models, *guards)) if not networks.has(slot)], networks)


def rows_of(slots: Sequence[str], networks: Networks) -> list[dict[str, Any]]:
    """Models for the page: slot, title, bytes (None: unknown), licence, commercial. A user's own file that is not there
    any more has none: there is nowhere to get it from."""
    if networks.store is None:
        return []
    rows = {row.slot: row for row in networks.store.catalogue.model}
    return [{"slot": slot, "title": rows[slot].title, "bytes": rows[slot].bytes, "licence": rows[slot].licence,
             "commercial": rows[slot].commercial} for slot in slots if slot in rows]


def names_of(family: str, there: Iterable[str]) -> list[str]:
    """Of a family's models that are there, what their slots are called behind the family's name."""
    return sorted((slot.removeprefix(f"{family}.") for slot in there if slot.startswith(f"{family}.")),
                  key=str.casefold)
