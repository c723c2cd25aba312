"""What an effect would need that is not there: for the chain's cards and the menu of effects."""

from __future__ import annotations

from typing import Any

from models.networks import Networks
from pipeline.chain import GATED
from pipeline.gate import analysers
from processors.base import Needs, Processor


def lacking(cls: type[Processor], params: Any, networks: Networks) -> list[dict[str, Any]]:
    """Each missing model: slot, title, bytes (None: unknown), licence, commercial. What stands behind the gate needs
    the content analyser too."""
    needs: Needs = cls().needs(params)
    if not needs.models or networks.store is None:
        return []
    catalogue = networks.store.catalogue
    wanted = [*needs.models, *(analysers(catalogue) if cls.spec.role in GATED else ())]
    rows = {row.slot: row for row in catalogue.model}
    there = networks.there()
    return [{"slot": slot, "title": rows[slot].title, "bytes": rows[slot].bytes, "licence": rows[slot].licence,
             "commercial": rows[slot].commercial} for slot in dict.fromkeys(wanted)
            if slot not in there and slot in rows]
