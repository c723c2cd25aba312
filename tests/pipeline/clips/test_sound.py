"""The sound round a clip's pictures, and that processors are handed it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from models.errors import ProcessorError
from pipeline.chain import make_steps
from pipeline.clips.probe import open_clip
from pipeline.clips.sound import RATE, HeardSpan
from pipeline.engine import ClipRequest, Control, Engine
from pipeline.recipe import Recipe, RunEffects, input_of, make_effects
from processors.base import Needs, Processor
from processors.batches import FrameView, Rect, Region, RegionBatch
from processors.context import Context
from processors.registry import Registry, built_in, processor
from tests.pipeline.clips.footage import Footage, make

SPOKEN = Footage(sounds=("eng",), sound_codec="pcm_s16le", sound_seconds=0.5, ticks=tuple(range(0, 15015, 1001)))


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "pcm_s16le"), ("a.mov", "pcm_s16le"), ("a.mp4", "aac")])
def test_a_click_is_heard_at_its_time(tmp_path: Path, name: str, codec: str) -> None:
    """There is one every tenth of a second, over a tone."""
    clip = open_clip(make(tmp_path / name, replace(SPOKEN, sound_codec=codec)))
    heard = HeardSpan(clip, Fraction(-1), Fraction(2))
    for at in (Fraction(1, 10), Fraction(3, 10), Fraction(2, 5)):
        window = heard.around(at, 0.06)
        assert window.dtype == np.float32
        assert len(window) == round(0.06 * RATE)
        assert abs(int(np.abs(window).argmax()) - len(window) // 2) <= 10
        assert np.abs(window).max() > 0.3
    assert 0.05 < np.abs(heard.around(Fraction(7, 20), 0.05)).max() < 0.2, "the tone between two clicks"


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (Fraction(1, 5), Fraction(2, 5)), (Fraction(-2), Fraction(9))])
def test_a_span_holds_what_the_whole_holds_there(tmp_path: Path, start: Any, stop: Any) -> None:
    clip = open_clip(make(tmp_path / "a.mkv", SPOKEN))
    whole, span = HeardSpan(clip, Fraction(-3), Fraction(10)), HeardSpan(clip, Fraction(start), Fraction(stop))
    at = Fraction(3, 10)
    assert np.abs(span.around(at, 0.1) - whole.around(at, 0.1)).max() < 0.01
    assert np.abs(whole.around(Fraction(-1), 0.5)).max() == 0, "nothing before the clip"
    assert np.abs(whole.around(Fraction(3), 0.5)).max() == 0, "nor behind it"
    assert np.abs(span.around(Fraction(20), 0.5)).max() == 0


def test_a_hole_in_the_sound_is_silent_and_what_follows_is_in_its_place(tmp_path: Path) -> None:
    clip = open_clip(make(tmp_path / "a.mkv", SPOKEN))
    with av.open(str(clip.path)) as given, av.open(str(tmp_path / "hole.mkv"), "w") as out:
        streams: dict[int, Any] = {one.index: out.add_stream_from_template(one) for one in given.streams}
        for packet in given.demux():
            if packet.dts is None:
                continue
            assert packet.pts is not None
            at = float(packet.pts * packet.time_base)
            if packet.stream.type == "audio" and 0.14 < at < 0.27:
                continue
            packet.stream = streams[packet.stream.index]
            out.mux(packet)
    heard = HeardSpan(open_clip(tmp_path / "hole.mkv"), Fraction(0), Fraction(1))
    assert np.abs(heard.around(Fraction(21, 100), 0.05)).max() == 0
    window = heard.around(Fraction(3, 10), 0.03)
    assert abs(int(np.abs(window).argmax()) - len(window) // 2) <= 10


@pytest.mark.parametrize("name", ["a.mkv", "a.avi"])
def test_channels_that_are_only_counted_are_coded_again_where_so_many_usually_stand(tmp_path: Path, name: str) -> None:
    path = make(tmp_path / name, SPOKEN)
    target = input_of(open_clip(path).id, name, path)
    Engine().render_clip(ClipRequest(recipe=Recipe(target=target), output=tmp_path / "out.mp4"), Control(), sources={})
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.audio[0].codec_context.layout.name == "stereo"
    window = HeardSpan(open_clip(tmp_path / "out.mp4"), Fraction(0), Fraction(1)).around(Fraction(3, 10), 0.06)
    assert abs(int(np.abs(window).argmax()) - len(window) // 2) <= 10


# In a render

@processor("toy_listener", title="Listener", role="frame", version="1.0")
class Listener(Processor):
    """Paints a picture as bright as the sound at its time is loud."""

    def needs(self, params: Any) -> Needs:
        return Needs(sound=0.01)

    def process(self, batch: FrameView, params: Any, ctx: Context) -> RegionBatch:
        assert ctx.sound is not None
        assert len(ctx.sound) == round(0.01 * RATE)
        height, width = batch.pixels.shape[:2]
        level = min(float(np.abs(ctx.sound).max()) * 400, 255)
        return (Region(np.full_like(batch.pixels, level), Rect(0, 0, width, height),
                       np.ones((height, width), np.float32)),)


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry([*built_in(), Listener])


def recipe(registry: Registry, path: Path) -> Recipe:
    target = input_of(open_clip(path).id, path.name, path)
    return Recipe(target=target, everyone=RunEffects()).with_effects(make_effects(["toy_listener"], registry))


def test_every_picture_of_every_part_is_given_the_sound_at_its_time(tmp_path: Path, registry: Registry) -> None:
    """Pictures at thirtieths: every third one is at a click."""
    ticks = tuple(range(0, 30000, 1000))
    path = make(tmp_path / "a.mkv", replace(SPOKEN, ticks=ticks, sound_seconds=0.8, options={"g": "5"}))
    engine = Engine(registry=registry)
    engine.render_clip(ClipRequest(recipe=recipe(registry, path), output=tmp_path / "out.mkv"), Control(), sources={})
    with av.open(str(tmp_path / "out.mkv")) as container:
        levels = [frame.to_ndarray(format="gray").mean() for frame in container.decode(video=0)]
    assert len(levels) == 30
    for index, level in enumerate(levels):
        if index < 24 and index % 3 == 0:
            assert level > 110, index
        elif index < 24:
            assert 30 < level < 90, index
        elif index > 24:
            assert level < 20, "the sound ends before the pictures do"


def test_a_clip_without_sound_and_a_picture_say_so_before_anything_is_drawn(tmp_path: Path, registry: Registry,
                                                                            ) -> None:
    path = make(tmp_path / "a.mkv", replace(SPOKEN, sounds=()))
    engine = Engine(registry=registry)
    with pytest.raises(ProcessorError, match=r"PROCESSOR\.NO_SOUND.*Listener"):
        engine.render_clip(ClipRequest(recipe=recipe(registry, path), output=tmp_path / "out.mkv"), Control(),
                           sources={})
    assert [one.name for one in tmp_path.iterdir()] == ["a.mkv"]
    effects = make_effects(["toy_listener"], registry)
    with pytest.raises(ProcessorError, match=r"PROCESSOR\.NEEDS_CLIP"):
        make_steps(effects, registry)
