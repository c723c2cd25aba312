"""GFPGAN (Wang et al., CVPR 2021): 512 pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from processors.neural.enhance import EnhanceParams, NetworkEnhancer
from processors.params import Choice
from processors.registry import processor


@processor("gfpgan", title="GFPGAN", role="enhancer", version="1.0")
class Gfpgan(NetworkEnhancer):
    """Restores a blurred or small face with what a network knows of faces."""

    networks: ClassVar[Mapping[str, str]] = {"1.4": "enhancer.gfpgan_1_4", "1.3": "enhancer.gfpgan_1_3",
                                             "1.2": "enhancer.gfpgan_1_2"}

    class Params(EnhanceParams):
        model: Literal["1.4", "1.3", "1.2"] = Choice("1.4", help="Which training: 1.4 keeps more detail, 1.2 makes "
                                                                 "sharper and more even skin.")
