"""SimSwap (Chen et al., ACM MM 2020): 256 or 512 pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from processors.neural.swap import IdentityParams, NetworkSwapper
from processors.params import Choice
from processors.registry import processor


@processor("simswap", title="SimSwap", role="swapper", version="1.0")
class Simswap(NetworkSwapper):
    """Puts the source's identity on and keeps the face's expression closely."""

    networks: ClassVar[Mapping[str, str]] = {"256": "swapper.simswap_256", "512": "swapper.simswap_512"}

    class Params(IdentityParams):
        model: Literal["256", "512"] = Choice("256", help="Pixels of its crop's side; the larger one is not by the "
                                                          "method's authors.")
