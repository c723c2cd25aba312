"""Which decoder reads which format."""

from __future__ import annotations

from pipeline.pictures import jpeg, others, png, tiff
from pipeline.pictures.decoded import Decoder

DECODERS: dict[str, Decoder] = {
    "jpeg": jpeg.decode,
    "png": png.decode,
    "webp": others.decode_webp,
    "tiff": tiff.decode,
    "bmp": others.decode_bmp,
    "gif": others.decode_gif,
    "heic": others.decode_heic,
    "avif": others.decode_avif,
}
