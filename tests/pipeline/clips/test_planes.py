"""Frames in the decoder's planes: colours out, differences in, and not a bit more."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.arrays import Pixels
from pipeline.clips.clip import Clip, Colour, Matrix
from pipeline.clips.layout import copy_of, editable, layout_of, plane
from pipeline.clips.planes import ClipFrame, frame_of
from pipeline.findings.pictures import cut_face
from processors.batches import Rect

PLANAR = ("yuv420p", "yuv422p", "yuv444p", "yuvj420p", "nv12", "yuva420p", "yuv420p10le", "yuv422p10le", "p010le",
          "yuv444p12le", "yuva444p10le", "gray", "gray10le")
RGB = ("gbrp", "gbrp10le", "gbrap12le", "rgb24", "bgr24", "rgba", "bgra", "rgb48le", "rgba64le")
SDR = Colour()


def clip_of(frame: av.VideoFrame, *, turn: int = 0, sar: Fraction = Fraction(1), colour: Colour = SDR) -> Clip:
    wide = round(frame.width * sar)
    size = (wide, frame.height) if turn % 2 == 0 else (frame.height, wide)
    layout = layout_of(editable(frame.format.name))
    assert layout is not None
    return Clip(path=Path("made.mkv"), name="made.mkv", id="sha256:" + "0" * 64, format="matroska", codec="rawvideo",
                pix_fmt=frame.format.name, width=size[0], height=size[1], stored=(frame.width, frame.height), turn=turn,
                sar=sar, rate=Fraction(25), time_base=Fraction(1, 25), pts=np.arange(1), keyframes=np.arange(1),
                duration=Fraction(1, 25), depth=layout.depth, colour=colour)


def made(name: str, width: int, height: int, seed: int = 0, **kind: Any) -> ClipFrame:
    """A frame with random samples, all of its format's values among them."""
    random = np.random.default_rng(seed)
    frame = av.VideoFrame(width, height, name)
    layout = layout_of(name)
    assert layout is not None
    for one in frame.planes:
        rows = np.frombuffer(memoryview(one), layout.dtype)
        rows[:] = (random.integers(0, 1 << layout.depth, rows.shape) << layout.shift).astype(layout.dtype)
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    return frame_of(frame, clip_of(frame, **kind), 0, 0)


def samples(frame: ClipFrame) -> list[NDArray[Any]]:
    """Every plane's samples, copied."""
    return [plane(frame.av_frame, number, frame.layout).copy() for number in range(len(frame.av_frame.planes))]


def painted(name: str, colours: Pixels, colour: Colour = SDR, **kind: Any) -> ClipFrame:
    """A frame whose upright picture is (nearly) `colours`, (H, W, 3) BGR 0..255 float, by arithmetic of our own."""
    layout = layout_of(name)
    assert layout is not None
    height, width = colours.shape[:2]
    frame = av.VideoFrame(width, height, name)
    kr, kb = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}[colour.matrix]
    b, g, r = (colours[..., i].astype(np.float64) / 255 for i in range(3))
    y = kr * r + (1 - kr - kb) * g + kb * b
    top = (1 << layout.depth) - 1
    scale = 1 << (layout.depth - 8)
    black, reach, middle, span = (0, top, 128 * scale, top) if colour.full else (16 * scale, 219 * scale, 128 * scale,
                                                                                 224 * scale)
    values = [black + reach * y, middle + span * (b - y) / (2 * (1 - kb)), middle + span * (r - y) / (2 * (1 - kr))]
    for number, value in enumerate(values):
        if number:
            blocks = value.reshape(height // layout.down, layout.down, width // layout.across, layout.across)
            value = blocks.mean(axis=(1, 3))
        plane(frame, number, layout)[...] = np.clip(np.rint(value), 0, top)
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    return frame_of(frame, clip_of(frame, colour=colour, **kind), 0, 0)


boxes = st.tuples(st.integers(-8, 40), st.integers(-8, 40), st.integers(1, 40), st.integers(1, 40))


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(PLANAR + RGB), box=boxes, turn=st.integers(0, 3), seed=st.integers(0, 99),
       sar=st.sampled_from([Fraction(1), Fraction(16, 11), Fraction(8, 9)]),
       transfer=st.sampled_from(["sdr", "pq", "hlg"]), matrix=st.sampled_from(["bt601", "bt709", "bt2020"]),
       full=st.booleans())
def test_colours_that_are_written_back_unchanged_change_no_bit(
        name: str, box: tuple[int, int, int, int], turn: int, seed: int, sar: Fraction, transfer: str, matrix: Matrix,
        full: bool) -> None:
    colour = Colour(matrix=matrix, full=full, transfer=transfer)  # type: ignore[arg-type]
    frame = made(name, 38, 30, seed, turn=turn, sar=sar, colour=colour)
    rect = Rect(box[0], box[1], box[0] + box[2], box[1] + box[3])
    pixels = frame.region(rect)
    assert pixels.shape == (box[3], box[2], 3)
    assert pixels.dtype == (np.uint8 if frame.depth == 8 else np.float32)
    draft = frame.edit()
    draft.write(rect, pixels, np.ones(pixels.shape[:2], np.float32))
    assert draft.frame is frame


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(PLANAR + RGB), box=boxes, turn=st.integers(0, 3), seed=st.integers(0, 99),
       transfer=st.sampled_from(["sdr", "pq", "hlg"]))
def test_a_change_touches_luma_under_the_mask_and_chroma_of_its_blocks_alone(
        name: str, box: tuple[int, int, int, int], turn: int, seed: int, transfer: str) -> None:
    frame = made(name, 39, 31, seed, turn=turn, colour=Colour(transfer=transfer))  # type: ignore[arg-type]
    random = np.random.default_rng(seed)
    rect = Rect(box[0], box[1], box[0] + box[2], box[1] + box[3])
    mask = (random.random((box[3], box[2])) < 0.3).astype(np.float32)
    pixels = random.integers(0, 256, (box[3], box[2], 3)).astype(np.uint8 if frame.depth == 8 else np.float32)
    before = samples(frame)
    draft = frame.edit()
    draft.write(rect, pixels, mask)
    assert all((a == b).all() for a, b in zip(before, samples(frame), strict=True)), "the decoder's frame changed"
    touched = np.zeros((frame.height, frame.width), bool)
    x0, y0, x1, y1 = max(rect.x0, 0), max(rect.y0, 0), min(rect.x1, frame.width), min(rect.y1, frame.height)
    if x1 > x0 and y1 > y0:
        touched[y0:y1, x0:x1] = mask[y0 - rect.y0:y1 - rect.y0, x0 - rect.x0:x1 - rect.x0] > 0
    stored = np.rot90(touched, turn)
    layout = frame.layout
    for number, (old, new) in enumerate(zip(before, samples(draft.frame), strict=True)):
        changed = np.asarray((old != new).any(axis=2) if old.ndim == 3 else old != new)
        allowed: NDArray[Any] = stored
        if changed.shape != stored.shape or (number and layout.kind == "semi"):
            pad = np.pad(stored, ((0, -stored.shape[0] % layout.down), (0, -stored.shape[1] % layout.across)))
            allowed = np.asarray(pad.reshape(pad.shape[0] // layout.down, layout.down, pad.shape[1] // layout.across,
                                  layout.across).any(axis=(1, 3)))
        assert not (changed & ~allowed).any()
        if number == 3 or (layout.kind == "packed" and layout.step == 4 and old.ndim == 3):
            alpha = (old[..., 3], new[..., 3]) if old.ndim == 3 and name in ("rgba", "bgra", "rgba64le") else (old, new)
            if name.startswith(("yuva", "gbrap")) or name in ("rgba", "bgra", "rgba64le"):
                assert (alpha[0] == alpha[1]).all()


@pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt2020"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(("name", "most"), [("yuv444p", 2.0), ("yuv420p", 2.0), ("yuv422p", 2.0),
                                            ("yuv420p10le", 0.5), ("yuv444p12le", 0.13)])
def test_colours_are_read_as_they_are_meant(name: str, most: float, matrix: Matrix, full: bool) -> None:
    colour = Colour(matrix=matrix, full=full)
    ramp = np.stack(np.meshgrid(np.linspace(10, 245, 12), np.linspace(10, 245, 10)), axis=-1)
    colours = np.dstack([ramp, ramp[..., ::-1].sum(axis=2) / 2]).repeat(4, axis=0).repeat(4, axis=1)
    frame = painted(name, colours, colour)
    seen = frame.region(Rect(0, 0, frame.width, frame.height)).astype(float)
    assert np.abs(seen - colours).max() <= most
    assert np.abs((seen - colours).mean()) <= 0.1


@pytest.mark.parametrize(("name", "like"), [("nv12", "yuv420p"), ("p010le", "yuv420p10le")])
def test_interleaved_chroma_is_the_same_picture(name: str, like: str) -> None:
    planar = made(like, 40, 30, 5)
    twin = made(name, 40, 30)
    luma, cb, cr = samples(planar)
    plane(twin.av_frame, 0, twin.layout)[...] = luma << twin.layout.shift
    plane(twin.av_frame, 1, twin.layout)[..., 0] = cb << twin.layout.shift
    plane(twin.av_frame, 1, twin.layout)[..., 1] = cr << twin.layout.shift
    whole = Rect(0, 0, 40, 30)
    assert (planar.region(whole) == twin.region(whole)).all()
    drafts = [frame.edit() for frame in (planar, twin)]
    pixels = np.full((12, 14, 3), 77, planar.region(whole).dtype)
    for draft in drafts:
        draft.write(Rect(5, 6, 19, 18), pixels, np.ones((12, 14), np.float32))
    woven, shift = samples(drafts[1].frame), twin.layout.shift
    parts = (woven[0], woven[1][..., 0], woven[1][..., 1])
    assert all((a == b >> shift).all() for a, b in zip(samples(drafts[0].frame), parts, strict=True))


@pytest.mark.parametrize(("name", "most"), [("yuv444p", 2.0), ("gbrp", 0), ("rgb24", 0), ("bgra", 0),
                                            ("yuv444p10le", 0.4), ("yuv444p12le", 0.1), ("gbrp12le", 0.05)])
def test_what_is_written_is_read_back(name: str, most: float) -> None:
    frame = made(name, 48, 40, 3)
    colours = np.random.default_rng(1).integers(16, 236, (20, 24, 3)).astype(
        np.uint8 if frame.depth == 8 else np.float32)
    draft = frame.edit()
    draft.write(Rect(8, 10, 32, 30), colours, np.ones((20, 24), np.float32))
    away = np.abs(draft.frame.region(Rect(8, 10, 32, 30)).astype(float) - colours)
    assert away.max() <= most


@pytest.mark.parametrize("transfer", ["pq", "hlg"])
def test_hdr_is_changed_without_banding(transfer: str) -> None:
    colour = Colour(matrix="bt2020", transfer=transfer)  # type: ignore[arg-type]
    ramp = np.repeat(np.linspace(20, 235, 256)[None, :, None], 3, axis=2).repeat(8, axis=0)
    frame = painted("yuv420p10le", ramp, colour)
    rect = Rect(0, 0, 256, 8)
    before = frame.region(rect)
    draft = frame.edit()
    draft.write(rect, np.clip(before + 6, 0, 255), np.ones((8, 256), np.float32))
    old, new = samples(frame)[0][0].astype(int), samples(draft.frame)[0][0].astype(int)
    assert (new > old)[8:-8].all()
    # A smooth change of a smooth ramp: as many levels as before, none skipped by more than the ramp's own step.
    assert len(set(new.tolist())) > 0.85 * len(set(old.tolist()))
    # The curve is steep near black: there a step of working colour is several codes, before and after.
    assert np.abs(np.diff(new)).max() <= 2 * np.abs(np.diff(old)).max() + 3
    assert np.abs(draft.frame.region(rect)[:, 16:-16] - before[:, 16:-16] - 6).max() < 1.5


def test_overlapping_writes_see_each_other() -> None:
    frame = made("yuv420p", 64, 48, 9)
    draft = frame.edit()
    draft.write(Rect(0, 0, 32, 32), np.full((32, 32, 3), 60, np.uint8), np.ones((32, 32), np.float32))
    draft.write(Rect(0, 0, 32, 32), np.full((32, 32, 3), 60, np.uint8), np.ones((32, 32), np.float32))
    seen = draft.frame.region(Rect(16, 16, 48, 48))
    assert np.abs(seen[:16, :16].astype(int) - 60).max() <= 2
    before = samples(draft.frame)
    draft.write(Rect(16, 16, 48, 48), seen, np.ones((32, 32), np.float32))
    assert all((a == b).all() for a, b in zip(before, samples(draft.frame), strict=True))


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
@pytest.mark.parametrize("sar", [Fraction(1), Fraction(4, 3)])
def test_a_frame_is_upright_and_in_square_pixels(turn: int, sar: Fraction) -> None:
    height, width = 60, 96
    upright = np.zeros((height, width, 3), np.float64)
    cv2.circle(upright, (30, 20), 12, (40, 160, 220), -1)
    cv2.rectangle(upright, (60, 35), (90, 55), (200, 90, 30), -1)
    turned = np.ascontiguousarray(np.rot90(upright, turn))
    stored_width = round(turned.shape[1] / sar)
    stored = cv2.resize(turned, (stored_width, turned.shape[0]), interpolation=cv2.INTER_AREA)
    frame = painted("yuv444p", np.asarray(stored), turn=turn, sar=sar)
    assert (frame.width, frame.height) == (96, 60)
    away = np.abs(frame.region(Rect(0, 0, 96, 60)).astype(float) - upright)
    assert np.median(away) <= 1
    assert away.mean() < (1.0 if sar == 1 else 4.0)
    small = frame.small(48)
    assert small.shape == (30, 48, 3)
    assert np.abs(small.astype(float) - cv2.resize(upright, (48, 30), interpolation=cv2.INTER_AREA)).mean() < 4
    assert frame.grey8().shape == (60, 96)
    draft = frame.edit()
    draft.write(Rect(20, 10, 40, 30), np.full((20, 20, 3), 128, np.uint8), np.ones((20, 20), np.float32))
    after = draft.frame.region(Rect(0, 0, 96, 60)).astype(float)
    assert np.abs(after[13:27, 23:37] - 128).max() <= 3
    far = np.ones((60, 96), bool)
    far[6:34, 16:44] = False
    assert (after[far] == frame.region(Rect(0, 0, 96, 60))[far]).all()


def test_luma_for_detectors_is_the_decoders_own_memory_where_it_can_be() -> None:
    frame = made("yuv420p", 64, 48)
    assert np.shares_memory(frame.grey8(), plane(frame.av_frame, 0, frame.layout))
    deep = made("yuv420p10le", 64, 48)
    assert deep.grey8().dtype == np.uint8
    assert np.abs(deep.grey8().astype(float) - plane(deep.av_frame, 0, deep.layout) / 4).max() < 1


@pytest.mark.parametrize(("name", "wanted"), [
    ("yuv420p", "yuv420p"), ("yuyv422", "yuv422p"), ("pal8", "bgra"), ("yuv420p9le", "yuv420p9le"), ("monob", "gray"),
    ("gray16be", "gray16le"), ("yuv422p10be", "yuv422p10le"), ("x2rgb10le", "rgb48le"), ("ya8", "yuva444p"),
    ("uyvy422", "yuv422p"), ("rgb565le", "bgr24"), ("yuva422p12le", "yuva422p12le")])
def test_formats_that_are_not_edited_in_place_become_the_nearest(name: str, wanted: str) -> None:
    assert editable(name) == wanted


def test_formats_that_are_rearranged_keep_every_sample() -> None:
    planar = made("yuv422p", 40, 30, 5)
    planar.av_frame.colorspace, planar.av_frame.color_range = 5, 2
    # By one thread: of several, swscale's write beyond the ends of their rows of packed samples, 1 time in 100.
    woven = planar.av_frame.reformat(format="yuyv422", src_color_range=1, dst_color_range=1, src_colorspace=1,
                                     dst_colorspace=1, threads=1)
    woven.colorspace, woven.color_range = 5, 2
    back = frame_of(woven, clip_of(woven, colour=Colour(matrix="bt601", full=True)), 0, 0)
    assert back.av_frame.format.name == "yuv422p"
    assert all((a == b).all() for a, b in zip(samples(planar), samples(back), strict=True))
    assert (int(back.av_frame.colorspace), int(back.av_frame.color_range)) == (5, 2)


def test_a_copy_has_all_that_the_decoder_said() -> None:
    frame = made("yuv420p", 64, 48).av_frame
    frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc = 9, 1, 9, 16
    frame.pts, frame.time_base, frame.duration = 77, Fraction(1, 90000), 3003
    twin = copy_of(frame)
    assert (twin.pts, twin.time_base, twin.duration) == (77, Fraction(1, 90000), 3003)
    assert [int(v) for v in (twin.colorspace, twin.color_range, twin.color_primaries, twin.color_trc)] == [9, 1, 9, 16]
    assert (twin.to_ndarray() == frame.to_ndarray()).all()
    assert twin.planes[0].buffer_ptr != frame.planes[0].buffer_ptr


def test_a_picture_for_screens_has_the_frames_colours() -> None:
    colours = np.full((48, 64, 3), (60, 120, 200), np.float64)
    frame = painted("yuv420p", colours)
    shown = cv2.imdecode(np.frombuffer(frame.picture(), np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert np.abs(shown.astype(float) - colours).max() <= 4
    small = cv2.imdecode(np.frombuffer(frame.picture(32), np.uint8), cv2.IMREAD_COLOR)
    assert small is not None
    assert small.shape == (24, 32, 3)
    hdr = replace(frame.clip, colour=Colour(matrix="bt2020", transfer="pq"))
    deep = painted("yuv420p10le", colours, hdr.colour)
    assert len(deep.picture(32)) > 300


@pytest.mark.parametrize("transfer", ["pq", "hlg"])
def test_a_small_picture_of_hdr_has_the_colours_of_the_large_one(transfer: Literal["pq", "hlg"]) -> None:
    colours = np.full((48, 64, 3), (60, 100, 150), np.float64)
    frame = painted("yuv420p10le", colours, Colour(matrix="bt2020", transfer=transfer))
    large, small = (cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
                    for jpeg in (frame.picture(), cut_face(frame, Rect(8, 4, 40, 36))))
    assert large is not None
    assert small is not None
    assert np.abs(small.astype(float) - large[20, 20]).max() <= 4
    # As they are stored, wide primaries look dull: the screen's red is further away from its blue.
    dull = frame.region(Rect(20, 20, 21, 21))[0, 0]
    assert small[..., 2].mean() - small[..., 0].mean() > 1.2 * (dull[2] - dull[0])
