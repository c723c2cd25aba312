"""Swappers that take a face and who it shall be: inswapper, hyperswap, ghost, simswap, hififace, blendswap, uniface.

They share everything but numbers, which the catalogue holds (template, size, range), and what they take for a source:
a descriptor as it is, one through a map or through a network of its own, or a picture of the source's face.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass as strict

from models.arrays import Embedding, Pixels
from models.errors import ModelError
from models.families.crops import CropFacts, crop_facts, gathered, spread
from models.families.inswapper import own_map
from models.sessions import Lease

STRONGEST = 0.35
"""How far an identity is pushed away from the target's (weight 1) or mixed with it (weight 0): FaceFusion's range."""
TARGET, SOURCE = "target", "source"


@strict(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class SourceFacts:
    """kind: descriptor: ArcFace's, of length 1. mapped: through the file's own matrix. converted: through a network
    beside it, of length 1 afterwards where `unit` says so. picture: an aligned picture of the source, with facts of its
    own."""

    kind: Literal["descriptor", "mapped", "converted", "picture"]
    unit: bool = True
    picture: dict[str, Any] | None = None


_SOURCE: TypeAdapter[SourceFacts] = TypeAdapter(SourceFacts)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody shall be: descriptor, (D,) of ArcFace, as it came from the network; crop: an aligned picture."""

    descriptor: Embedding
    crop: Pixels | None = None


Convert = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""(N, 512) to (N, 512) float32: ArcFace's descriptors, as they came, to a swapper's own."""


class CropSwapper:
    """A swapper on a leased model. Safe to share between threads.

    facts: the catalogue's, with a table `source`. Raises ModelError CATALOGUE.INVALID for facts that are none,
    MODEL.CONTRACT where a file should carry a map and does not.
    """

    def __init__(self, lease: Lease, facts: Mapping[str, Any]) -> None:
        self._lease = lease
        given = dict(facts)
        self._source = _SOURCE.validate_python(given.pop("source"))
        self.crop = crop_facts(given, lease.name)
        self.picture: CropFacts | None = None
        if self._source.picture is not None:
            self.picture = crop_facts(self._source.picture, lease.name)
        self._map = own_map(lease) if self._source.kind == "mapped" else None

    def sources(self, identities: Sequence[Identity], targets: Sequence[Embedding] = (), weight: float = 0.5,
                convert: Convert | None = None) -> NDArray[np.float32]:
        """What the network takes for these sources: (N, 512), or (N, 3, S, S). weight: 0.5 is each identity as it is;
        towards 0 the target's is mixed in, towards 1 it is subtracted, by 35 % at most, in the network's own numbers.
        targets: their descriptors, one for each identity, where there is a weight. convert: for those that are
        converted. Raises ModelError MODEL.CONTRACT where it is missing."""
        if self._source.kind == "picture":
            crops = [identity.crop for identity in identities if identity.crop is not None]
            if len(crops) != len(identities) or self.picture is None:
                raise ValueError("this swapper wants a picture of the source")
            return self.picture.encode(crops)
        found = self._turned(np.stack([identity.descriptor for identity in identities]), convert)
        if weight == 0.5 or not len(targets):
            return found
        share = np.float32(np.interp(weight, (0.0, 1.0), (STRONGEST, -STRONGEST)))
        return np.asarray(found * (1 - share) + self._turned(np.stack(targets), convert) * share, np.float32)

    def _turned(self, descriptors: NDArray[np.float64], convert: Convert | None) -> NDArray[np.float32]:
        """(N, 512), as this network was trained with them."""
        if self._source.kind == "converted":
            if convert is None:
                raise ModelError(f"{self._lease.name} needs what turns descriptors into its own.",
                                 subject=self._lease.name, code="MODEL.CONTRACT",
                                 remedy="Get the model that it needs beside it.")
            found = convert(descriptors.astype(np.float32))
        else:
            found = _unit(descriptors.astype(np.float32))
            if self._map is not None:
                found = found @ self._map
        return _unit(found) if self._source.unit else found

    def swap(self, crops: Sequence[Pixels], sources: NDArray[np.float32]) -> list[Pixels]:
        """Each crop with its source's face, in the crop's dtype. Crops are of `crop.size` pixels a side, or of a whole
        multiple: then every pixel of theirs is swapped, in one batch of all parts of all crops. sources: a row for each
        crop. Raises ModelError."""
        if not crops:
            return []
        times = [crop.shape[0] // self.crop.size for crop in crops]
        parts = [part for crop, one in zip(crops, times, strict=True) for part in spread(crop, one)]
        whose = np.repeat(sources, [one * one for one in times], axis=0)
        made = self.crop.decode(self._lease.run_rows({TARGET: self.crop.encode(parts), SOURCE: whose}), crops[0].dtype)
        found, at = [], 0
        for one in times:
            found.append(gathered(made[at:at + one * one], one))
            at += one * one
        return found


class Converter:
    """Turns ArcFace's descriptors into those of another recogniser, on a leased model: see `Convert`."""

    def __init__(self, lease: Lease, facts: Mapping[str, Any] | None = None) -> None:
        self._lease = lease

    def __call__(self, descriptors: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(self._lease.run_rows({self._lease.inputs[0].name: descriptors}), np.float32)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)
