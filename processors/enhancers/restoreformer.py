"""RestoreFormer++ (Wang et al., TPAMI 2023): 512 pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from processors.neural.enhance import EnhanceParams, NetworkEnhancer
from processors.registry import processor


@processor("restoreformer", title="RestoreFormer++", role="enhancer", version="1.0")
class Restoreformer(NetworkEnhancer):
    """Restores a face with what a network knows of eyes, mouths and skin."""

    networks: ClassVar[Mapping[str, str]] = {"": "enhancer.restoreformer"}

    class Params(EnhanceParams):
        pass
