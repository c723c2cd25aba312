"""Which decoder reads which format."""

from __future__ import annotations

from pipeline.pictures import jpeg, png
from pipeline.pictures.decoded import Decoder

DECODERS: dict[str, Decoder] = {
    "jpeg": jpeg.decode,
    "png": png.decode,
}
