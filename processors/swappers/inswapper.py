"""InSwapper (insightface): 128 pixels, the field's best known swapper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from processors.neural.swap import IdentityParams, NetworkSwapper
from processors.params import Choice
from processors.registry import processor


@processor("inswapper", title="Inswapper", role="swapper", version="1.0")
class Inswapper(NetworkSwapper):
    """Puts the source's identity on with a network of 128 pixels; it keeps the face's expression and light."""

    networks: ClassVar[Mapping[str, str]] = {"full": "swapper.inswapper", "half": "swapper.inswapper_fp16"}

    class Params(IdentityParams):
        boost: Literal["1", "2", "4", "8"] = Choice(  # type: ignore[assignment]
            "2", title="Pixel boost", help="Swaps the face in so many times as many rows and columns, up to 1024: "
                                           "finer on large faces, and slower.")
        model: Literal["full", "half"] = Choice("full", help="Full precision, or half: a smaller file.")
