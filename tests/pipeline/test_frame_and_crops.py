"""Regions out of frames and back: what is not written keeps its bits, what is cut lies where it should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.arrays import Pixels
from models.face import Box, Face, five_points
from models.geometry import transform
from pipeline.crops import cut, lay, recut
from pipeline.frame import Frame
from processors.batches import Native, Patch, Rect, Template

ARCFACE = Template("arcface_112_v2", ((0.34191607, 0.46157411), (0.65653393, 0.45983393), (0.50022500, 0.64050536),
                                      (0.37097589, 0.82469196), (0.63151696, 0.82325089)), 112)
RNG = np.random.default_rng(5)


def noise(width: int, height: int, dtype: type = np.uint8, grey: bool = False) -> Pixels:
    shape = (height, width) if grey else (height, width, 3)
    return RNG.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def face_at(x: float, y: float, size: float = 40.0, turn: int = 0) -> Face:
    """Points of a plausible face, `size` pixels between the outer eye corners, turned by quarter turns."""
    around = np.linspace(0, np.pi, 17)
    points = np.zeros((68, 2))
    points[:17] = np.stack([-np.cos(around) * 0.8, np.sin(around) * 0.9], axis=1)
    points[17:] = np.random.default_rng(1).uniform(-0.4, 0.4, (51, 2))
    points[36], points[45] = (-0.5, 0), (0.5, 0)
    points[37:42], points[42:45], points[46:48] = (-0.3, 0), (0.3, 0), (0.3, 0)
    angle = -turn * np.pi / 2
    spin = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = points @ spin.T * size + [x, y]
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    return Face(Box(x0, y0, x1, y1), 1.0, points, turn=turn, number=1)


rects = st.builds(lambda x, y, w, h: Rect(x, y, x + w, y + h), st.integers(-30, 60), st.integers(-30, 60),
                  st.integers(1, 40), st.integers(1, 40))
kinds = st.sampled_from([(np.uint8, False), (np.uint8, True), (np.uint16, False), (np.uint16, True)])


@given(rects, kinds)
@settings(max_examples=60)
def test_what_is_read_and_written_back_is_bit_identical(rect: Rect, kind: tuple[type, bool]) -> None:
    frame = Frame(noise(37, 29, *kind))
    draft = frame.edit()
    region = frame.region(rect)
    assert region.shape == (rect.y1 - rect.y0, rect.x1 - rect.x0, 3)
    draft.write(rect, region, np.ones(region.shape[:2], np.float32))
    assert draft.frame.samples.dtype == frame.samples.dtype
    assert np.array_equal(draft.frame.samples, frame.samples)


@given(rects, kinds)
@settings(max_examples=60)
def test_only_masked_samples_of_the_rectangle_change(rect: Rect, kind: tuple[type, bool]) -> None:
    samples = noise(37, 29, *kind)
    frame = Frame(samples.copy())
    draft = frame.edit()
    region = np.full((rect.y1 - rect.y0, rect.x1 - rect.x0, 3), 77, np.float32)
    mask = (np.indices(region.shape[:2]).sum(axis=0) % 2).astype(np.float32) * 0.001
    draft.write(rect, region, mask)
    wanted = samples.copy()
    for y in range(max(rect.y0, 0), min(rect.y1, 29)):
        for x in range(max(rect.x0, 0), min(rect.x1, 37)):
            if mask[y - rect.y0, x - rect.x0] > 0:
                wanted[y, x] = 77 * (257 if kind[0] is np.uint16 else 1)
    assert np.array_equal(draft.frame.samples, wanted)
    assert np.array_equal(frame.samples, samples), "the frame that the draft began with is immutable"


def test_a_frame_nobody_wrote_to_is_the_same_object() -> None:
    frame = Frame(noise(8, 8))
    draft = frame.edit()
    draft.write(Rect(0, 0, 4, 4), noise(4, 4), np.zeros((4, 4), np.float32))
    assert draft.frame is frame


def test_all_sixteen_bits_come_through_working_colour() -> None:
    ramp = np.repeat(np.arange(65536, dtype=np.uint16).reshape(256, 256, 1), 3, axis=2)
    frame = Frame(ramp)
    draft = frame.edit()
    draft.write(Rect(0, 0, 256, 256), frame.region(Rect(0, 0, 256, 256)), np.ones((256, 256), np.float32))
    assert np.array_equal(draft.frame.samples, ramp)


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
@pytest.mark.parametrize("centre", [(100, 90), (3, 90), (199, 5), (-60, 40), (100, 400)])
def test_a_native_crop_is_the_frame_itself_and_comes_back_bit_for_bit(turn: int, centre: tuple[int, int]) -> None:
    frame = Frame(noise(200, 180))
    face = face_at(*centre, turn=turn)
    crop = cut(frame, face, Native(0.5))
    right, left = crop.points[36], crop.points[45]
    assert left[0] - right[0] == pytest.approx(40, abs=1e-6), "upright in the crop"
    inside = np.ones(crop.pixels.shape[:2]) if crop.inside is None else crop.inside
    for x, y in np.rint(face.points).astype(int):
        if 0 <= x < 200 and 0 <= y < 180:
            (u, v), = np.rint(transform(np.array([[x, y]]), crop.matrix)).astype(int)
            assert np.array_equal(crop.pixels[v, u], frame.samples[y, x])
            assert inside[v, u] == 1
    piece = lay(frame, Patch(crop, crop.pixels, mask=np.ones(crop.pixels.shape[:2], np.float32)), native=True)
    x0, y0, x1, y1 = piece.rect
    assert np.array_equal(piece.pixels, frame.samples[y0:y1, x0:x1])
    assert inside.sum() == piece.mask.size, "everything inside the frame and nothing else comes back"


def test_an_aligned_crop_puts_five_points_on_the_template() -> None:
    frame = Frame(noise(300, 300))
    crop = cut(frame, face_at(150, 150, 60), ARCFACE)
    assert crop.pixels.shape == (112, 112, 3)
    wanted = np.array(ARCFACE.points) * 112
    off = np.abs(five_points(crop.points).mean(axis=0) - wanted.mean(axis=0))
    assert off.max() < 1e-6, "least squares keeps the centre exactly"


def test_a_smooth_picture_survives_the_way_through_an_aligned_crop() -> None:
    y, x = np.mgrid[0:300, 0:300].astype(np.float32)
    samples = np.stack([x / 2 + 30, y / 2 + 30, (x + y) / 4 + 20], axis=2).astype(np.uint8)
    frame = Frame(samples)
    crop = cut(frame, face_at(150, 150, 60), ARCFACE)
    piece = lay(frame, Patch(crop, crop.pixels, mask=np.ones((112, 112), np.float32)), native=False)
    sure = piece.mask > 0.999
    assert sure.sum() > 3000
    off = np.abs(piece.pixels.astype(int) - piece.background)[sure]
    assert off.max() <= 2


def test_a_crop_that_is_cut_again_keeps_its_change_and_its_mask() -> None:
    frame = Frame(np.full((300, 300, 3), 100, np.uint8))
    face = face_at(150, 150, 60)
    native = cut(frame, face, Native(1.5))
    mask = np.zeros(native.pixels.shape[:2], np.float32)
    edge = int(0.07 * max(mask.shape))
    mask[edge:-edge, edge:-edge] = 1
    lighter = Patch(native, np.full_like(native.pixels, 140), mask=mask)
    aligned = recut(frame, lighter, ARCFACE)
    assert aligned.pixels.shape == (112, 112, 3)
    assert aligned.mask is not None
    assert (aligned.pixels[aligned.mask > 0.999] == 140).all()
    assert (aligned.mask > 0.999).mean() > 0.5


def test_a_change_fades_towards_the_border_of_the_crop_that_it_came_in() -> None:
    frame = Frame(np.full((300, 300, 3), 100, np.uint8))
    crop = cut(frame, face_at(150, 150, 60), ARCFACE)
    wider = recut(frame, Patch(crop, np.full_like(crop.pixels, 180)), Native(4.0))
    assert wider.pixels.max() == 180
    assert wider.pixels[0].max() == wider.pixels[:, 0].max() == 100, "fresh pixels of the frame round it"
    steps = np.abs(np.diff(wider.pixels[..., 0].astype(int), axis=0))
    assert steps.max() < 30, "no edge that a network would take for one"


@pytest.mark.parametrize("masked", [True, False])
def test_what_was_not_changed_is_cut_anew_from_the_frame(masked: bool) -> None:
    frame = Frame(noise(300, 300))
    face = face_at(150, 150, 60)
    crop = cut(frame, face, ARCFACE)
    mask = np.ones(crop.pixels.shape[:2], np.float32) if masked else None
    again = recut(frame, Patch(crop, crop.pixels, mask=mask), Native(0.6))
    assert again.pixels is again.crop.pixels
    assert np.array_equal(again.pixels, cut(frame, face, Native(0.6)).pixels)
    assert (again.mask is not None) == masked
