"""GHOST (Groshev et al., IEEE Access 2022): 256 pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from processors.neural.swap import IdentityParams, NetworkSwapper
from processors.params import Choice
from processors.registry import processor


@processor("ghost", title="GHOST", role="swapper", version="1.0")
class Ghost(NetworkSwapper):
    """Puts the source's identity on with a network of 256 pixels, in one of three sizes."""

    networks: ClassVar[Mapping[str, str]] = {name: f"swapper.ghost_{name}" for name in ("1", "2", "3")}

    class Params(IdentityParams):
        model: Literal["1", "2", "3"] = Choice("1", help="Which of three networks: a higher number is larger and "
                                                         "slower.")
