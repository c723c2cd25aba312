"""HifiFace (Wang et al., IJCAI 2021): 256 pixels, a network that is not by its authors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from processors.neural.swap import IdentityParams, NetworkSwapper
from processors.registry import processor


@processor("hififace", title="HifiFace", role="swapper", version="1.0")
class Hififace(NetworkSwapper):
    """Puts the source's identity on, the shape of the face with it."""

    networks: ClassVar[Mapping[str, str]] = {"": "swapper.hififace"}

    class Params(IdentityParams):
        pass
