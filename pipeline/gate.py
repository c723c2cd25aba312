"""What stands before neural swappers and editors: a content analyser beside them, consent, and a look at what goes in
and what comes out.

Whether an effect is behind the gate follows from its role and from what it needs, so that a processor from another
package is no way round: a swapper or editor that asks for a network is, one that asks for none (`geometric`,
`anonymise`) is not. There is nothing that switches it off.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.arrays import Pixels
from models.catalogue import Catalogue, whole_catalogue
from models.families.analyser import ContentAnalyser
from models.networks import Models, Networks
from models.sessions import Lease
from models.terms import check_commercial
from pipeline.chain import Admission, Step, is_gated, plain_steps
from pipeline.recipe import Effect, Recipe, RunEffects, UseSource
from pipeline.refusals import ConsentMissing, GateMissing
from processors.registry import Registry

STATEMENT = "The user stated that the use of this face is permitted."
"""What a recipe keeps of a consent that was given with a click or with --i-have-consent."""


def analysers(catalogue: Catalogue) -> tuple[str, ...]:
    """The slots of the content analyser, in the catalogue's order."""
    return tuple(row.slot for row in catalogue.offered if catalogue.family_of(row).role == "analyser")


def admit(effects: Iterable[Effect], registry: Registry, networks: Networks, unspoken: Sequence[str] = (),
          safe_beside: Sequence[str] | None = None) -> Admission:
    """Leave for these effects to run.

    unspoken: of whom nobody said that the use is permitted (see `unspoken_of`). safe_beside: where only models may be
    used whose terms allow commercial use: those that are used beside the effects' own; None where any may.
    Raises, in this order and before any model is opened: GateMissing, ConsentMissing, ModelError (`LICENCE.COMMERCIAL`,
    `MODEL.*`).
    """
    steps = plain_steps(tuple(effects), registry)
    gated = [step for step in steps if is_gated(step)]
    if gated:
        _check_gate(gated[0], networks)
        if unspoken:
            raise ConsentMissing(f"Nobody has said yet that the use of {unspoken[0]} is permitted.",
                                 subject=unspoken[0],
                                 remedy="If it is, say so: --i-have-consent, or the box beside the source.")
    slots = frozenset(slot for step in steps for slot in step.needs.models)
    if safe_beside is not None:
        catalogue = networks.store.catalogue if networks.store is not None else whole_catalogue()
        for slot in (*sorted(slots), *(analysers(catalogue) if gated else ()), *safe_beside):
            check_commercial(catalogue, slot)
    networks.check(sorted(slots))
    return Admission(slots, bool(gated))


def _check_gate(step: Step, networks: Networks) -> None:
    slots = analysers(networks.store.catalogue) if networks.store is not None else ()
    lacking = [slot for slot in slots if not networks.has(slot)]
    if lacking or not slots:
        title = step.processor.spec.title
        raise GateMissing(f"{title} runs only with the content analyser beside it, and "
                          f"{', '.join(lacking) or 'it'} is not there.", subject=lacking[0] if lacking else "analyser",
                          remedy=f"Fetch it: `models get {' '.join(lacking or ('analyser.1', 'analyser.2'))}`. "
                                 "geometric needs neither.")


def unspoken_of(recipe: Recipe) -> tuple[str, ...]:
    """Whose use nobody has permitted: sources that the cast uses, and the people shown where a chain runs on them
    without a source."""
    choices = (*recipe.cast.values(), recipe.everyone)
    used = {choice.source for choice in choices if isinstance(choice, UseSource)}
    missing = [source.name for source in recipe.sources if source.name in used and not source.consent]
    if any(isinstance(choice, RunEffects) for choice in choices) and not recipe.consent:
        missing.append(SHOWN)
    return tuple(missing)


def asks_for_consent(recipe: Recipe, registry: Registry) -> bool:
    """Whether what the recipe does to the people shown, without a source, waits for a word that it is permitted."""
    return SHOWN in unspoken_of(recipe) and any(map(is_gated, plain_steps(effects_of(recipe), registry)))


def effects_of(recipe: Recipe) -> tuple[Effect, ...]:
    """All effects of a recipe that are on, of every segment."""
    return tuple(effect for segment in recipe.segments for effect in segment.effects if effect.on)


SHOWN = "the people shown"
"""Whose consent is meant where a chain runs without a source."""


@dataclass
class Guard:
    """Looks at pictures with the content analyser. Safe to share between threads. models: whose networks run."""

    networks: Networks
    models: Models
    _kept: dict[str, bool] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def refuses(self, picture: Pixels, id: str | None = None) -> bool:
        """picture: (H, W, 3) BGR uint8. id: its content's, for one that is looked at more than once. Raises ModelError:
        what cannot be looked at is not let through."""
        with self._lock:
            if id is not None and id in self._kept:
                return self._kept[id]
        slots = analysers(self.networks.store.catalogue) if self.networks.store is not None else ()
        refused = ContentAnalyser([self.models.get(slot, _part) for slot in slots]).look(picture).refused
        if id is not None:
            with self._lock:
                self._kept[id] = refused
        return refused


def _part(lease: Lease, facts: Mapping[str, Any]) -> tuple[Lease, Mapping[str, Any]]:
    return lease, facts
