"""Colour profiles: sources are brought to the target's colours, targets keep theirs."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from models.arrays import Pixels
from pipeline.pictures import in_colours, read_picture, write_picture
from pipeline.pictures.colour import nameless
from tests.pipeline.pictures import making as m

# sRGB's primaries, adapted to D50 (IEC 61966-2-1; the columns of the ICC's own sRGB profile).
SRGB_XYZ = np.array(((0.43607, 0.38515, 0.14307), (0.22249, 0.71687, 0.06061), (0.01392, 0.09708, 0.71410)))
P3_XYZ = np.array(((0.51512, 0.29198, 0.15710), (0.24120, 0.69225, 0.06657), (-0.00105, 0.04189, 0.78407)))
ADOBE_XYZ = np.array(((0.60974, 0.20528, 0.14919), (0.31111, 0.62567, 0.06322), (0.01947, 0.06087, 0.74457)))


def srgb_to_linear(value: Pixels) -> Pixels:
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def srgb_from_linear(value: Pixels) -> Pixels:
    return np.where(value <= 0.0031308, value * 12.92, 1.055 * np.maximum(value, 0) ** (1 / 2.4) - 0.055)


def by_hand(bgr: Pixels, matrix: Pixels, gamma: float) -> Pixels:
    """(N, 3) BGR uint8 of a matrix profile to sRGB, by the definition of both."""
    linear = (bgr[:, ::-1] / 255.0) ** gamma
    inside = np.clip(linear @ matrix.T @ np.linalg.inv(SRGB_XYZ).T, 0, 1)
    done: Pixels = np.rint(srgb_from_linear(inside)[:, ::-1] * 255)
    return done


def skin(count: int = 400) -> Pixels:
    """Moderate colours, which lie inside all three spaces."""
    return np.random.default_rng(3).integers((60, 80, 110), (140, 160, 210), (count, 3)).astype(np.uint8)


@pytest.mark.parametrize(("profile", "matrix", "gamma"), [(m.ADOBE_RGB, ADOBE_XYZ, 563 / 256),
                                                         (m.DISPLAY_P3, P3_XYZ, 2.2)])
def test_a_source_is_converted_into_a_target_without_profile(profile: bytes, matrix: Pixels, gamma: float,
                                                             tmp_path: Path) -> None:
    colours = skin()
    source = read_picture(m.save(tmp_path / "s.png", colours.reshape(20, 20, 3), icc_profile=profile))
    target = read_picture(m.save(tmp_path / "t.png", m.small()))
    done = in_colours(source, target.icc)
    assert np.abs(done.frame.samples.reshape(-1, 3) - by_hand(colours, matrix, gamma)).max() <= 2
    assert done.icc is None
    assert "PICTURE.CONVERTED" in [note.code for note in done.notes]


def test_a_source_without_profile_is_converted_into_the_targets(tmp_path: Path) -> None:
    colours = skin()
    source = read_picture(m.save(tmp_path / "s.png", colours.reshape(20, 20, 3)))
    target = read_picture(m.save(tmp_path / "t.png", m.small(), icc_profile=m.DISPLAY_P3))
    done = in_colours(source, target.icc)
    assert done.icc == m.DISPLAY_P3
    assert np.abs(by_hand(done.frame.samples.reshape(-1, 3), P3_XYZ, 2.2) - colours).max() <= 3


def test_equal_profiles_and_srgb_by_name_change_nothing(tmp_path: Path) -> None:
    one = read_picture(m.save(tmp_path / "1.png", m.small(), icc_profile=m.DISPLAY_P3))
    two = read_picture(m.save(tmp_path / "2.png", m.small(), icc_profile=m.DISPLAY_P3))
    assert in_colours(one, two.icc) is one
    tagged = read_picture(m.save(tmp_path / "3.png", m.small(), icc_profile=m.srgb_bytes()))
    plain = read_picture(m.save(tmp_path / "4.png", m.small()))
    assert in_colours(tagged, plain.icc) is tagged


def test_a_broken_profile_is_said_and_harms_nothing(tmp_path: Path) -> None:
    source = read_picture(m.save(tmp_path / "s.png", m.small(), icc_profile=m.ADOBE_RGB[:200] + bytes(100)))
    target = read_picture(m.save(tmp_path / "t.png", m.small()))
    done = in_colours(source, target.icc)
    assert np.array_equal(done.frame.samples, source.frame.samples)
    assert "PICTURE.PROFILE" in [note.code for note in done.notes]


def test_printing_colours_are_converted_and_said(tmp_path: Path) -> None:
    Image.fromarray(m.small()[..., ::-1].copy()).convert("CMYK").save(tmp_path / "in.jpg", quality=95)
    picture = read_picture(tmp_path / "in.jpg")
    assert picture.frame.samples.shape == (64, 96, 3)
    assert "PICTURE.CMYK_PLAIN" in [note.code for note in picture.notes]
    assert np.abs(picture.frame.samples.astype(int) - m.small()).mean() < 12
    write_picture(picture.frame, picture, tmp_path / "out.jpg", edit=m.SWAP)
    assert Image.open(tmp_path / "out.jpg").mode == "RGB"


def test_a_nameless_profile_means_the_same_colours() -> None:
    bare = nameless(m.ADOBE_RGB)
    assert bare is not None
    assert m.SECRETS[3].encode() not in bare
    image = Image.fromarray(skin().reshape(20, 20, 3))
    goal = ImageCms.createProfile("sRGB")
    before, after = (np.asarray(ImageCms.profileToProfile(image, ImageCms.ImageCmsProfile(io.BytesIO(icc)), goal))
                     for icc in (m.ADOBE_RGB, bare))
    assert np.array_equal(before, after)
    assert not np.array_equal(before, np.asarray(image))
