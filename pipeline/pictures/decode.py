"""Which decoder reads which format."""

from __future__ import annotations

import logging
import warnings

import cv2

from pipeline.pictures import jpeg, others, png, tiff
from pipeline.pictures.decoded import Decoder

# The libraries print what they think of damaged files on the terminal, some with a traceback. What people need to know
# of it, they are told in words. This is these libraries' only switch.
logging.getLogger("tifffile").addHandler(logging.NullHandler())
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

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
