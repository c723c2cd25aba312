"""Clips made larger, on a twin that repeats pixels: every frame, at its time, with faces where they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from models.arrays import Pixels
from models.errors import OutputError, ProcessorError
from models.interfaces import FaceStack, Search
from models.networks import Networks
from models.store import Store
from pipeline.clips.encoding import resolve
from pipeline.clips.planes import ClipFrame
from pipeline.clips.probe import open_clip
from pipeline.clips.reader import read_frames
from pipeline.engine import ClipRequest, Control, Engine
from pipeline.recipe import (
    Anonymise,
    Choice,
    ClipOutput,
    Effect,
    Keep,
    Output,
    Recipe,
    RunEffects,
    Segment,
    input_of,
    make_effects,
)
from pipeline.rendering.larger import factor_of
from tests.door.making import bgr_of, face_clip, times_of, write_clip
from tests.models.families.test_dfm import look
from tests.processors.neural.test_upscale import SLOTS, repeats
from tests.twins.gate import shelve

LOSSLESS = {"crf": 0, "speed": "ultrafast"}


@pytest.fixture(scope="module")
def engine(stack: FaceStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("larger")
    files = {slot: repeats(scale) for scale, slot in SLOTS.items()}
    store = Store(shelve(folder / "models", files), folder / "models", folder / "models.json", inspect=look)
    made = Engine(faces=stack, networks=Networks(store))
    yield made
    made.close()


def upscale(engine: Engine, size: str = "2", *others: str, **more: dict[str, Any]) -> tuple[Effect, ...]:
    """The twin's picture: each pixel a square, a tenth of the whole scale lighter."""
    model = "real_esrgan_x4" if size in ("4", "8") else "real_esrgan_x2"
    return make_effects([*others, "upscale"], engine.registry, {"upscale": {"model": model, "size": size}, **more})


def asked(path: Path, *segments: Segment, everyone: Choice = Keep(), **output: Any) -> Recipe:  # noqa: B008
    return Recipe(target=input_of(open_clip(path).id, path.name, path), everyone=everyone, segments=segments,
                  output=Output(clip=ClipOutput(**{**LOSSLESS, **output})))


def rendered(engine: Engine, recipe: Recipe, out: Path) -> list[Pixels]:
    engine.render_clip(ClipRequest(recipe=recipe, output=out), Control(), sources={})
    return bgr_of(out)


def shades(path: Path, frames: int = 6, size: tuple[int, int] = (96, 64)) -> Path:
    """Four blocks of one colour each, a little lighter from frame to frame."""
    made = []
    for index in range(frames):
        pixels = np.zeros((size[1], size[0], 3), np.uint8)
        half = size[1] // 2, size[0] // 2
        for place, colour in enumerate(((30, 60, 150), (150, 40, 60), (60, 150, 50), (90, 90, 90))):
            rows = slice(half[0]) if place < 2 else slice(half[0], None)
            pixels[rows, slice(half[1]) if place % 2 == 0 else slice(half[1], None)] = np.array(colour) + 3 * index
        made.append(pixels)
    return write_clip(path, made, sound=False)


def blocks(pixels: Pixels) -> np.ndarray:
    """The middles of the four blocks."""
    height, width = pixels.shape[:2]
    return np.array([pixels[y - 4:y + 4, x - 4:x + 4].reshape(-1, 3).mean(axis=0)
                     for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)])


@pytest.mark.parametrize(("size", "height", "made"), [("2", None, (128, 192)), ("4", None, (256, 384)),
                                                      ("2", 100, (100, 150)), ("4", 64, (64, 96))])
def test_every_frame_is_enlarged_and_height_has_the_last_word(engine: Engine, tmp_path: Path, size: str,
                                                              height: int | None, made: tuple[int, int]) -> None:
    path = shades(tmp_path / "in.mp4")
    found = rendered(engine, asked(path, Segment(effects=upscale(engine, size)), height=height), tmp_path / "out.mp4")
    assert len(found) == 6
    assert times_of(tmp_path / "out.mp4") == times_of(path)
    for before, after in zip(bgr_of(path), found, strict=True):
        assert after.shape[:2] == made
        assert np.abs(blocks(after) - blocks(before) - 25.5).max() <= 3


def test_segments_without_it_are_brought_to_the_same_size(engine: Engine, tmp_path: Path) -> None:
    path = shades(tmp_path / "in.mp4")
    recipe = asked(path, Segment(stop="3/25", effects=upscale(engine)), Segment(start="3/25"))
    found = rendered(engine, recipe, tmp_path / "out.mp4")
    lighter = [float((blocks(after) - blocks(before)).mean())
               for before, after in zip(bgr_of(path), found, strict=True)]
    assert [frame.shape for frame in found] == [(128, 192, 3)] * 6
    assert np.abs(np.array(lighter[:3]) - 25.5).max() <= 3
    assert np.abs(lighter[3:]).max() <= 2


def test_a_face_is_changed_where_it_is_in_the_larger_clip(engine: Engine, stack: FaceStack, tmp_path: Path) -> None:
    """An effect on faces before the enlargement, and somebody hidden in the enlarged picture."""
    path = face_clip(tmp_path / "in.mp4", 2, sound=False)
    soft = upscale(engine, "2", "detail", "ellipse", "feather", detail={"smooth": 1.0})
    plain = rendered(engine, asked(path, Segment(effects=upscale(engine))), tmp_path / "plain.mp4")
    made = rendered(engine, asked(path, Segment(effects=soft), everyone=RunEffects()), tmp_path / "made.mp4")
    hidden = rendered(engine, asked(path, Segment(effects=upscale(engine)), everyone=Anonymise(style="solid")),
                      tmp_path / "hidden.mp4")
    before = bgr_of(path)[0]
    face = stack.landmarker.landmarks(before, stack.detector.detect(before, Search()))[0]
    x, y = (round(2 * float(v)) for v in face.points[30])
    for one, after, covered in zip(plain, made, hidden, strict=True):
        changed = np.abs(after.astype(int) - one).max(axis=2) > 4
        ys, xs = np.nonzero(changed)
        assert changed.any()
        assert abs(xs.mean() - x) < 40
        assert abs(ys.mean() - y) < 60
        assert covered[y - 10:y + 10, x - 10:x + 10].std(axis=(0, 1)).max() < 4, "one colour over the nose"
        assert np.abs(covered[:40, :40].astype(int) - one[:40, :40]).max() <= 4, "nothing in the corner"


@pytest.mark.parametrize(("pix_fmt", "turn", "sar"), [
    ("yuv420p", 0, Fraction(1)), ("yuv420p", 1, Fraction(1)), ("yuv422p10le", 3, Fraction(1)),
    ("yuva444p", 2, Fraction(1)), ("gbrp", 0, Fraction(1)), ("yuv420p", 0, Fraction(4, 3))])
def test_any_kind_of_frame_shows_what_it_is_told(tmp_path: Path, pix_fmt: str, turn: int, sar: Fraction) -> None:
    """Turned, deep, transparent, and with pixels that are not square."""
    clip = open_clip(shades(tmp_path / "in.mp4", 1))
    wide = round(96 * sar)
    size = (64, wide) if turn % 2 else (wide, 64)
    clip = replace(clip, turn=turn, sar=sar, width=size[0], height=size[1],
                   depth=10 if pix_fmt.endswith("10le") else 8)
    decoded = next(iter(read_frames(open_clip(clip.path), int(clip.pts[0]), int(clip.pts[0]) + 1))).av_frame
    frame = ClipFrame(decoded.reformat(format=pix_fmt), clip, 0, 0)
    draft = frame.edit()
    wanted = np.full((2 * size[1], 2 * size[0], 3), (40, 90, 160), np.uint8 if clip.depth == 8 else np.float32)
    wanted[:size[1], :size[0]] = (160, 60, 90)
    draft.enlarge(wanted)
    assert (draft.frame.width, draft.frame.height) == (2 * size[0], 2 * size[1])
    assert draft.frame.av_frame.width == 2 * 96
    shown = draft.frame.bgr8().astype(float)
    assert np.abs(cv2.blur(shown, (5, 5))[8:size[1] - 8, 8:size[0] - 8] - (160, 60, 90)).max() <= 3
    assert np.abs(shown[size[1] + 8:-8, size[0] + 8:-8] - (40, 90, 160)).max() <= 3
    assert (frame.width, frame.av_frame.width) == (size[0], 96), "the frame that was is as it was"


def test_what_no_codec_holds_is_refused_before_any_work(engine: Engine, tmp_path: Path) -> None:
    path = shades(tmp_path / "in.mp4", 2, size=(1280, 720))
    clip = open_clip(path)
    effects = upscale(engine, "8")
    assert factor_of(asked(path, Segment(effects=effects)), engine.registry, clip) == 8
    with pytest.raises(OutputError, match=r"OUTPUT\.TOO_LARGE.*10240 × 5760.*H\.264"):
        rendered(engine, asked(path, Segment(effects=effects)), tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()
    for settings in (ClipOutput(codec="prores", container="mov"), ClipOutput(height=1080)):
        resolve(clip, settings.container or "mp4", settings, factor=Fraction(8))
    assert resolve(clip, "mp4", ClipOutput(), factor=Fraction(6)).height == 4320


@pytest.mark.parametrize("size", ["1", "2"])
def test_interlaced_clips_keep_their_size(engine: Engine, tmp_path: Path, size: str) -> None:
    clip = replace(open_clip(shades(tmp_path / "in.mp4", 1)), fields="top")
    recipe = asked(clip.path, Segment(effects=upscale(engine, size)))
    if size == "1":
        assert factor_of(recipe, engine.registry, clip) == 1
        return
    with pytest.raises(ProcessorError, match=r"PROCESSOR\.NEEDS_PICTURE.*interlaced"):
        factor_of(recipe, engine.registry, clip)


def test_a_preview_and_an_estimate_know_the_size(engine: Engine, tmp_path: Path) -> None:
    path = shades(tmp_path / "in.mp4", 12)
    clip, out = open_clip(path), tmp_path / "out.mp4"
    small, large = (engine.estimate(asked(path, Segment(effects=upscale(engine, size)), crf=23), clip, {}, out)
                    for size in ("1", "4"))
    assert large.bytes > 10 * small.bytes
    _, drawn = engine.clip_preview(asked(path, Segment(effects=upscale(engine))), clip, {}, Fraction(0))
    assert drawn.frame.bgr8().shape == (128, 192, 3)
    span = engine.clip_span(asked(path, Segment(effects=upscale(engine))), clip, {}, Fraction(0), tmp_path)
    with av.open(str(span)) as container:
        assert container.streams.video[0].width == 192
