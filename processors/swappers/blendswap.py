"""BlendSwap (Shiohara et al., ICCV 2023): 256 pixels, from a picture of the source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from processors.neural.swap import NetworkSwapper, SwapParams
from processors.registry import processor


@processor("blendswap", title="BlendSwap", role="swapper", version="1.0")
class Blendswap(NetworkSwapper):
    """Puts the source's face on from the photo that is turned most like this face."""

    networks: ClassVar[Mapping[str, str]] = {"": "swapper.blendswap"}

    class Params(SwapParams):
        pass
