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

# As FaceFusion 3.8 has them, shares of the crop's side. arcface_112_v2 and arcface_128 are the two above, rounded.
_V1 = np.array([(.35473214, .45658929), (.64526786, .45658929), (.5, .61154464), (.37913393, .776875),
                (.62086607, .776875)])
_WHOLE = np.array([(.35342266, .39285716), (.62797622, .39285716), (.48660713, .54017860), (.38839287, .68750011),
                   (.59821427, .68750011)])
_FFHQ = np.array([(.37691676, .46864664), (.62285697, .46912813), (.50123859, .61331904), (.39308822, .72541100),
                  (.61150205, .72490465)])
_MTCNN = np.array([(.36562865, .46733799), (.63305391, .46585885), (.50019127, .61942959), (.39032951, .77598822),
                   (.62178945, .77476328)])
_STYLEGANEX = np.array([(.42353745, .52289879), (.57725008, .52319972), (.50123859, .61331904),
                        (.43364461, .68337652), (.57015325, .68306005)])


def drawn_in(points: Points, by: float) -> Points:
    """(5, 2): the same places, drawn in towards the nose to 1 / by of their distance: a crop that shows more for by
    above 1, less below."""
    nose = points[2]
    return np.asarray(nose + (points - nose) / by, np.float64)


TEMPLATES: dict[str, Points] = {
    "arcface_112_v1": _V1, "arcface_112_v2": ARCFACE_112, "arcface_128": ARCFACE_128, "dfl_whole_face": _WHOLE,
    "ffhq_512": _FFHQ, "mtcnn_512": _MTCNN, "styleganex_384": _STYLEGANEX,
}
"""(5, 2) each, by the name that the catalogue uses: right eye, left eye, nose tip, right and left mouth corner."""
