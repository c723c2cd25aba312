"""HyperSwap (FaceFusion): 256 pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from processors.neural.swap import IdentityParams, NetworkSwapper
from processors.params import Choice
from processors.registry import processor


@processor("hyperswap", title="HyperSwap", role="swapper", version="1.0")
class Hyperswap(NetworkSwapper):
    """Puts the source's identity on with a network of 256 pixels."""

    networks: ClassVar[Mapping[str, str]] = {name: f"swapper.hyperswap_{name}" for name in ("1a", "1b", "1c")}

    class Params(IdentityParams):
        model: Literal["1a", "1b", "1c"] = Choice("1a", help="Which of three trainings of the network.")
