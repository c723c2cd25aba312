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
from models.sessions import Lease

STRONGEST = 0.35
"""How far an identity is pushed away from the target's (weight 1) or mixed with it (weight 0): FaceFusion's range."""
TARGET, SOURCE = "target", "source"


@strict(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class SourceFacts:
    """kind: descriptor: ArcFace's, of length 1. mapped: through the file's own matrix. converted: through a network
    beside it, of length 1 afterwards where `unit` says so. picture: an aligned picture of the source, with facts of its
    own. mixes: how the target's descriptor is mixed in for a weight other than a half: unit, raw, or not at all."""

    kind: Literal["descriptor", "mapped", "converted", "picture"]
    unit: bool = True
    mixes: Literal["unit", "raw", "no"] = "unit"
    picture: dict[str, Any] | None = None


_SOURCE: TypeAdapter[SourceFacts] = TypeAdapter(SourceFacts)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody shall be: descriptor, (D,) of ArcFace, as it came from the network; crop: an aligned picture."""

    descriptor: Embedding
    crop: Pixels | None = None


class CropSwapper:
    """A swapper on a leased model. Safe to share between threads.

    facts: the catalogue's, with a table `source`. convert: (1, 512) to (1, 512) float32, for sources that are mapped or
    converted. Raises ModelError CATALOGUE.INVALID for facts that are none, MODEL.CONTRACT where `convert` is missing.
    """

    def __init__(self, lease: Lease, facts: Mapping[str, Any],
                 convert: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None) -> None:
        self._lease = lease
        given = dict(facts)
        self._source = _SOURCE.validate_python(given.pop("source"))
        self.crop = crop_facts(given, lease.name)
        self.picture: CropFacts | None = None
        if self._source.picture is not None:
            self.picture = crop_facts(self._source.picture, lease.name)
        self._convert = convert
        if convert is None and self._source.kind in ("mapped", "converted"):
            raise ModelError(f"{lease.name} needs what turns descriptors into its own.", subject=lease.name,
                             code="MODEL.CONTRACT", remedy="Get the model that it needs beside it.")

    def source(self, identity: Identity, target: Embedding | None = None, weight: float = 0.5) -> NDArray[np.float32]:
        """What the network takes for a source: (1, D), or (1, 3, S, S). weight: 0.5 is the identity as it is; towards 0
        the target's is mixed in, towards 1 it is subtracted, by 35 % at most. target: its descriptor, (D,)."""
        if self._source.kind == "picture":
            if identity.crop is None or self.picture is None:
                raise ValueError("this swapper wants a picture of the source")
            return self.picture.encode([identity.crop])
        found = self._turned(identity.descriptor)
        if target is None or weight == 0.5 or self._source.mixes == "no":
            return found
        share = float(np.interp(weight, (0.0, 1.0), (STRONGEST, -STRONGEST)))
        other = target if self._source.mixes == "raw" else target / np.linalg.norm(target)
        return np.asarray(found * (1 - share) + other[None].astype(np.float32) * share, np.float32)

    def _turned(self, descriptor: Embedding) -> NDArray[np.float32]:
        """As this network was trained with it."""
        if self._convert is None:
            return np.asarray(descriptor[None] / np.linalg.norm(descriptor), np.float32)
        whole = descriptor / np.linalg.norm(descriptor) if self._source.kind == "mapped" else descriptor
        found = self._convert(np.asarray(whole[None], np.float32))
        return np.asarray(found / np.linalg.norm(found), np.float32) if self._source.unit else found

    def swap(self, crops: Sequence[Pixels], sources: Sequence[NDArray[np.float32]]) -> list[Pixels]:
        """Each crop with its source's face, in the crop's dtype. Crops are of `crop.size` pixels a side, or of a whole
        multiple: then every pixel of theirs is swapped, in one batch of all parts of all crops. Raises ModelError."""
        if not crops:
            return []
        times = [crop.shape[0] // self.crop.size for crop in crops]
        parts = [part for crop, one in zip(crops, times, strict=True) for part in spread(crop, one)]
        whose = np.concatenate([np.repeat(source, one * one, axis=0)
                                for source, one in zip(sources, times, strict=True)])
        made = self.crop.decode(self._lease.run_rows({TARGET: self.crop.encode(parts), SOURCE: whose}), crops[0].dtype)
        found, at = [], 0
        for one in times:
            found.append(gathered(made[at:at + one * one], one))
            at += one * one
        return found
