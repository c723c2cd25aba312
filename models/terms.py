"""What may be used for money, by the catalogue's word."""

from __future__ import annotations

from models.catalogue import Catalogue, CatalogueRow
from models.errors import ModelError


def obstacle(catalogue: Catalogue, row: CatalogueRow) -> CatalogueRow | None:
    """The model whose terms stand in the way of commercial use: this one, or one that it needs beside it."""
    chain = (*reversed(catalogue.with_needs([row.slot])),)  # its own terms come first
    return next((one for one in chain if one.commercial != "yes"), None)


def check_commercial(catalogue: Catalogue, slot: str) -> None:
    """Raises ModelError LICENCE.COMMERCIAL: the model, its licence, and which others would do instead."""
    row = catalogue.row(slot)
    barred = obstacle(catalogue, row)
    if barred is None:
        return
    beside = "" if barred == row else f", which {row.title} ({slot}) needs,"
    terms = f"{barred.licence}. {barred.terms}"
    words = (f"{barred.title} ({barred.slot}){beside} may not be used commercially: {terms}"
             if barred.commercial == "no" else
             f"Whether {barred.title} ({barred.slot}){beside} may be used commercially is unclear: {terms}")
    role = catalogue.role_of(barred)
    others = [one.slot for one in catalogue.model if catalogue.role_of(one) == role
              and (not one.package or one.needed) and obstacle(catalogue, one) is None]
    raise ModelError(words, subject=slot, code="LICENCE.COMMERCIAL", remedy=(
        f"Its terms allow it for {', '.join(others)}: choose one of these; or switch commercial-safe off." if others
        else f"The catalogue has no {role} whose terms allow it: switch commercial-safe off for work that is not "
             "commercial, or ask whoever holds the rights."))
