"""Thumbnails of a timeline."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from pipeline.clips.probe import open_clip
from pipeline.clips.strip import keyframe_picture


@pytest.fixture(scope="module")
def greys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 frames that get brighter, with a keyframe every 8."""
    path = tmp_path_factory.mktemp("strip") / "greys.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=12, options={"g": "8", "bf": "0", "sc_threshold": "0"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for index in range(24):
            frame = av.VideoFrame.from_ndarray(np.full((180, 320, 3), 40 + 8 * index, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("frame", "keyframe"), [(0, 0), (7, 0), (8, 8), (15, 8), (23, 16), (500, 16), (-3, 0)])
def test_the_keyframe_before_a_time_is_shown_small(greys: Path, frame: int, keyframe: int) -> None:
    shown = keyframe_picture(open_clip(greys), Fraction(frame, 12), 160)
    pixels = np.asarray(Image.open(io.BytesIO(shown.data)).convert("RGB"))
    assert pixels.shape == (90, 160, 3)
    assert pixels.mean() == pytest.approx(40 + 8 * keyframe, abs=3)
