"""UniFace (Xu et al., ECCV 2022): 256 pixels, from a picture of the source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from processors.neural.swap import NetworkSwapper, SwapParams
from processors.registry import processor


@processor("uniface", title="UniFace", role="swapper", version="1.0")
class Uniface(NetworkSwapper):
    """Puts the source's face on from the photo that is turned most like this face, hair left as it is."""

    networks: ClassVar[Mapping[str, str]] = {"": "swapper.uniface"}

    class Params(SwapParams):
        pass
