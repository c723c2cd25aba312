"""Enhancers that take a face and give it back clearer: GFPGAN, CodeFormer, GPEN, RestoreFormer++.

One input of crops; CodeFormer's also takes `weight`, a double: from what it knows of faces (0) to what it sees (1), its
authors' fidelity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.arrays import Pixels
from models.families.crops import crop_facts
from models.sessions import Lease

WEIGHT = "weight"


class CropEnhancer:
    """An enhancer on a leased model. Safe to share between threads. facts: the catalogue's."""

    def __init__(self, lease: Lease, facts: Mapping[str, Any]) -> None:
        self._lease = lease
        self.crop = crop_facts(facts, lease.name)

    @property
    def weighs(self) -> bool:
        """Whether it takes a weight."""
        return any(port.name == WEIGHT for port in self._lease.inputs)

    def enhance(self, crops: Sequence[Pixels], weight: float = 0.5) -> list[Pixels]:
        """Each (S, S, 3) BGR crop, clearer, in its dtype. weight: 0..1, where it takes one. Raises ModelError."""
        if not crops:
            return []
        name = next(port.name for port in self._lease.inputs if port.name != WEIGHT)
        more: dict[str, NDArray[Any]] = {WEIGHT: np.array([weight], np.float64)} if self.weighs else {}
        made = self._lease.run_rows({name: self.crop.encode(crops), **more})
        return self.crop.decode(made, crops[0].dtype)
