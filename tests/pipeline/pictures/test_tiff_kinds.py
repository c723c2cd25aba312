"""The many ways in which TIFF stores a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from models.errors import MediaError
from pipeline.pictures import read_picture, write_picture
from tests.pipeline.pictures import making as m


@pytest.mark.parametrize("options", [
    {"planarconfig": "separate"}, {"bigtiff": True}, {"byteorder": ">"}, {"rowsperstrip": 7}, {"tile": (16, 16)},
    {"compression": "deflate", "predictor": True}])
@pytest.mark.parametrize("wide", [False, True])
def test_layouts(options: dict[str, Any], wide: bool, tmp_path: Path) -> None:
    array = m.sixteen(m.small()) if wide else m.small()
    rgb = array[..., ::-1]
    stored = np.moveaxis(rgb, -1, 0) if "planarconfig" in options else rgb
    path = m.tiff_sixteen(tmp_path / "in.tif", np.ascontiguousarray(stored), photometric="rgb", **options)
    assert np.array_equal(read_picture(path).frame.samples, array)


def test_sixteen_bits_in_lzw(tmp_path: Path) -> None:
    array = m.sixteen(m.small())
    assert cv2.imwrite(str(tmp_path / "in.tif"), array, [cv2.IMWRITE_TIFF_COMPRESSION, 5])
    assert np.array_equal(read_picture(tmp_path / "in.tif").frame.samples, array)


def test_white_is_zero(tmp_path: Path) -> None:
    grey = m.small()[..., 1].copy()
    path = m.tiff_sixteen(tmp_path / "in.tif", 255 - grey, photometric="miniswhite")
    assert np.array_equal(read_picture(path).frame.samples, grey)


@pytest.mark.parametrize(("mode", "code", "far"), [("P", "PICTURE.PALETTE", 0), ("CMYK", "PICTURE.CMYK_PLAIN", 1),
                                                   ("LAB", "PICTURE.LAB", 3), ("1", None, 0)])
def test_other_colours_are_converted_and_said(mode: str, code: str | None, far: float, tmp_path: Path) -> None:
    image = Image.fromarray(m.small()[..., ::-1].copy())
    if mode == "LAB":
        made = ImageCms.profileToProfile(image, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"),
                                         outputMode="LAB")
        assert made is not None
        image = made
    else:
        image = image.convert(mode)
    image.save(tmp_path / "in.tif")
    picture = read_picture(tmp_path / "in.tif")
    exact = {"1": lambda: np.asarray(image.convert("L")), "P": lambda: np.asarray(image.convert("RGB"))[..., ::-1]}
    expected = exact.get(mode, m.small)()
    assert np.abs(picture.frame.samples.astype(int) - expected).mean() <= far
    assert code is None or code in [note.code for note in picture.notes]


def test_premultiplied_alpha_stays_as_it_is_in_tiff_and_is_divided_out_elsewhere(tmp_path: Path) -> None:
    alpha = np.full((64, 96), 128, np.uint8)
    halved = (m.small() // 2).astype(np.uint8)
    path = m.tiff_sixteen(tmp_path / "in.tif", np.dstack((halved[..., ::-1], alpha)), photometric="rgb",
                          extrasamples=["assocalpha"])
    picture = read_picture(path)
    write_picture(picture.frame, picture, tmp_path / "out.tif", edit=m.SWAP)
    again = read_picture(tmp_path / "out.tif")
    assert again.premultiplied
    assert np.array_equal(again.frame.samples, halved)
    write_picture(picture.frame, picture, tmp_path / "out.png", edit=m.SWAP)
    divided = read_picture(tmp_path / "out.png").frame.samples
    assert np.abs(divided.astype(int) - m.small()).max() <= 2


@pytest.mark.parametrize("kind", [np.float32, np.uint32, np.int16])
def test_samples_that_are_not_read_are_refused(kind: type, tmp_path: Path) -> None:
    path = m.tiff_sixteen(tmp_path / "in.tif", m.small().astype(kind), photometric="rgb")
    with pytest.raises(MediaError) as caught:
        read_picture(path)
    assert caught.value.code == "MEDIA.UNSUPPORTED"


def test_a_small_copy_in_front_is_not_taken_for_the_picture(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "in.tif") as file:
        file.write(m.small()[::4, ::4, ::-1].copy(), photometric="rgb", subfiletype=1, metadata=None)
        file.write(m.small()[..., ::-1].copy(), photometric="rgb", metadata=None)
    assert np.array_equal(read_picture(tmp_path / "in.tif").frame.samples, m.small())


def test_a_cameras_raw_file_is_refused(tmp_path: Path) -> None:
    path = m.tiff_sixteen(tmp_path / "in.dng", m.small(), photometric="rgb",
                          extratags=[(50706, "B", 4, b"\1\4\0\0", True)])
    with pytest.raises(MediaError) as caught:
        read_picture(path)
    assert caught.value.code == "MEDIA.UNKNOWN_FORMAT"
