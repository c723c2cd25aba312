"""GPEN (Yang et al., CVPR 2021): 256 to 2048 pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from processors.neural.enhance import EnhanceParams, NetworkEnhancer
from processors.params import Choice
from processors.registry import processor


@processor("gpen", title="GPEN", role="enhancer", version="1.0")
class Gpen(NetworkEnhancer):
    """Restores a face at one of four sizes."""

    networks: ClassVar[Mapping[str, str]] = {size: f"enhancer.gpen_{size}" for size in ("256", "512", "1024", "2048")}

    class Params(EnhanceParams):
        model: Literal["256", "512", "1024", "2048"] = Choice("512", help="Pixels of its crop's side: as large as the "
                                                                          "face is in the picture; larger is slower.")
