"""Names for numpy arrays, so that signatures say what an array holds."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[Any]
"""(H, W, 3) BGR. uint8, or float32 on the same 0..255 scale where the picture has more than 8 bits."""

Mask = NDArray[np.float32]
"""(H, W) float32, 0 (untouched) .. 1 (changed)."""

Points = NDArray[np.float64]
"""(N, 2) float64, x then y, in pixels; (0, 0) is the centre of the top left pixel."""

Matrix = NDArray[np.float64]
"""(2, 3) float64 affine matrix that takes column vectors (x, y, 1) to (x, y)."""

Embedding = NDArray[np.float64]
"""(D,) float64 identity descriptor; only descriptors of the same recogniser may be compared."""
