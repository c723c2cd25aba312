"""Where five points come to lie in the aligned crops that networks were trained on, as shares of the crop's side."""

from __future__ import annotations

import numpy as np

from models.arrays import Points

# ArcFace's five points in its 112 x 112 crop (insightface, utils/face_align.py): right eye, left eye, nose tip, right
# and left mouth corner, the person's right first.
_ARCFACE = np.array([(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655),
                     (70.7299, 92.2041)])

ARCFACE_112: Points = _ARCFACE / 112
"""(5, 2) for a crop of 112 x 112."""

ARCFACE_128: Points = (_ARCFACE + np.array([8.0, 0.0])) / 128
"""(5, 2) for 128 x 128: the same pixels with a margin of eight at either side and sixteen below."""
