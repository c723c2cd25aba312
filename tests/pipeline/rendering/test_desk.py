"""What a screen asks of a clip, as far as no screen shows it."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import pytest

from models.errors import LikenessError
from pipeline.engine import Engine
from pipeline.presets import preset
from pipeline.recipe import ClipOutput, Output, Recipe, RunEffects, Segment
from processors.registry import load_registry
from tests.pipeline.clips.footage import Footage, make
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


def test_copied_pictures_take_no_time_and_as_many_bytes_as_they_have(tmp_path: Path) -> None:
    """Two of three groups lie behind the effects."""
    path = make(tmp_path / "in.mp4", Footage(ticks=tuple(index * 1001 for index in range(24)), options={
        "g": "8", "x264-params": "scenecut=0"}))
    engine = Engine()
    clip = engine.open_clip(path)
    chain = preset("natural").chain(load_registry(()))

    def estimated(smart: bool, stop: str | None) -> tuple[int, float, int]:
        asked = Recipe(everyone=RunEffects(), segments=(Segment(stop=stop, effects=chain),),
                       output=Output(clip=ClipOutput(smart=smart)))
        engine.desk._learn(asked, clip, 0.25)
        engine.desk._learn(asked, clip, 0.01, touched=False)
        found = engine.estimate(asked, clip, {}, tmp_path / "out.mp4")
        return found.frames, found.seconds, found.bytes

    end = "8008/30000"
    assert [estimated(True, end)[:2], estimated(False, end)[:2], estimated(True, None)[:2]] == [
        (24, 2.0), (24, 2.0 + 0.16), (24, 6.0)]
    # The usual bits are drawn towards the clip's own; those that are copied are not.
    encoded = estimated(True, None)[2]
    assert estimated(True, end)[2] == pytest.approx(encoded / 3 + path.stat().st_size * 2 / 3, rel=0.05)
    engine.close()
