"""What a screen asks of a clip, as far as no screen shows it."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import pytest

from models.errors import LikenessError
from pipeline.engine import Engine
from tests.studio.clips import small_clip


def test_a_clip_that_lies_in_two_places_is_read_from_the_one_where_it_was_opened(tmp_path: Path) -> None:
    """An uploaded clip is deleted with its tab; another tab may have the same clip open from the disk."""
    there = small_clip(tmp_path)
    upload = Path(shutil.copy(there, tmp_path / "upload.mp4"))
    engine = Engine()
    gone, kept = engine.open_clip(upload), engine.open_clip(there)
    assert gone.id == kept.id
    upload.unlink()
    with pytest.raises(LikenessError):
        engine.clip_picture(gone, Fraction(0))
    shown = engine.clip_picture(kept, Fraction(0))
    assert shown is not None
    assert shown[2] == 0
    engine.close()
