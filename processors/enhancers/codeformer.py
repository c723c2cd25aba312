"""CodeFormer (Zhou et al., NeurIPS 2022): 512 pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from processors.neural.enhance import EnhanceParams, NetworkEnhancer
from processors.params import Slider
from processors.registry import processor


@processor("codeformer", title="CodeFormer", role="enhancer", version="1.0")
class Codeformer(NetworkEnhancer):
    """Restores a face, from faithful to flawless."""

    networks: ClassVar[Mapping[str, str]] = {"": "enhancer.codeformer"}

    class Params(EnhanceParams):
        fidelity: float = Slider(0.5, ge=0, le=1, help="More keeps closer to the face that is there; less makes it "
                                                       "cleaner.")
