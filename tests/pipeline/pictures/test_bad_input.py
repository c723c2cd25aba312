"""Files that are no pictures, broken pictures and pictures made to harm: each a coded error that names the file and
the remedy."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from models.errors import LikenessError
from pipeline.pictures import read_picture
from pipeline.pictures.formats import CLIP, sniff
from tests.pipeline.pictures import making as m

CORPUS: dict[str, bytes] = {
    **{name: m.coded(name) for name in ("jpeg", "png", "webp", "tiff", "bmp", "heic", "avif", "gif")},
    "jpeg with all": m.coded("jpeg", exif=b"Exif\x00\x00" + m.exif(6, m.coded("jpeg")), xmp=m.XMP,
                             icc_profile=m.ADOBE_RGB, progressive=True),
    "webp lossless": m.coded("webp", lossless=True, exif=b"Exif\x00\x00" + m.exif(), xmp=m.XMP),
    "tiff packed": m.coded("tiff", compression="tiff_lzw", icc_profile=m.ADOBE_RGB),
    "png palette": m.coded("png")[:0] + m.with_png_chunks(m.coded("png"), m.png_chunk(b"eXIf", m.exif())),
}


def code_of(path: Path, name: str | None = None) -> str:
    with pytest.raises(LikenessError) as caught:
        read_picture(path, name=name)
    shown = name or str(path)
    assert shown in caught.value.message
    assert caught.value.subject == shown
    assert caught.value.remedy
    assert "Error" not in caught.value.message
    return caught.value.code


def made(folder: Path, data: bytes, name: str = "in.jpg") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def png_of_size(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + m.png_chunk(b"IHDR", header) + m.png_chunk(b"IDAT", zlib.compress(b"\x00" * 99))
            + m.png_chunk(b"IEND", b""))


def jpeg_of_size(width: int, height: int) -> bytes:
    data = bytearray(m.coded("jpeg"))
    at = data.index(b"\xff\xc0")
    data[at + 5:at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


@pytest.mark.parametrize(("data", "code"), [
    (b"", "MEDIA.EMPTY"),
    (b"\xff", "MEDIA.UNKNOWN_FORMAT"),
    (b"hello, this is a letter", "MEDIA.UNKNOWN_FORMAT"),
    (b"<html><body>404</body></html>", "MEDIA.UNKNOWN_FORMAT"),
    (bytes(5000), "MEDIA.UNKNOWN_FORMAT"),
    (b"8BPS" + bytes(100), "MEDIA.UNKNOWN_FORMAT"),
    (b"%PDF-1.7" + bytes(100), "MEDIA.UNKNOWN_FORMAT"),
    (png_of_size(0, 10), "MEDIA.EMPTY"),
    (png_of_size(50000, 50000), "MEDIA.TOO_LARGE"),
    (jpeg_of_size(65500, 65500), "MEDIA.TOO_LARGE"),
    (png_of_size(40, 40), "MEDIA.TRUNCATED"),
    (b"BM" + bytes(60), "MEDIA.UNREADABLE"),
    (b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(28), "MEDIA.UNREADABLE"),
    (b"\x00\x00\x00\x18ftypmp42" + bytes(200), "INPUT.IS_CLIP"),
    (b"\x00\x00\x00\x14ftypqt  " + bytes(200), "INPUT.IS_CLIP"),
    (b"\x00\x00\x00\x18ftypavis" + bytes(200), "INPUT.IS_CLIP"),
    (b"\x1aE\xdf\xa3" + bytes(200), "INPUT.IS_CLIP"),
    (b"RIFF\x24\x00\x00\x00AVI LIST" + bytes(60), "INPUT.IS_CLIP"),
    ((b"G" + bytes(187)) * 4, "INPUT.IS_CLIP"),
])
def test_each_kind_of_bad_file_has_its_code(data: bytes, code: str, tmp_path: Path) -> None:
    assert code_of(made(tmp_path, data)) == code


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "AVIF"])
def test_moving_pictures_are_clips(format: str, tmp_path: Path) -> None:
    frames = [Image.fromarray(np.roll(m.small(48, 32), 8 * i, axis=1)) for i in range(3)]
    path = tmp_path / f"in.{format.lower()}"
    frames[0].save(path, format, save_all=True, append_images=frames[1:], duration=100)
    assert code_of(path) == "INPUT.IS_CLIP"


def test_a_gif_of_one_frame_is_a_picture(tmp_path: Path) -> None:
    assert read_picture(made(tmp_path, m.coded("gif"), "in.gif")).format == "gif"


def test_a_mislabelled_picture_is_read_and_said(tmp_path: Path) -> None:
    picture = read_picture(made(tmp_path, m.coded("png"), "holiday.jpg"))
    assert picture.format == "png"
    assert [note.code for note in picture.notes] == ["PICTURE.MISLABELLED"]
    assert "holiday.jpg" in picture.notes[0].words


def test_an_upload_goes_by_the_users_name(tmp_path: Path) -> None:
    assert read_picture(made(tmp_path, m.coded("png"), "x1"), name="holiday.png").name == "holiday.png"
    assert code_of(made(tmp_path, b"", "x2"), name="holiday.png") == "MEDIA.EMPTY"


def test_missing_folders_pipes_and_devices(tmp_path: Path) -> None:
    assert code_of(tmp_path / "nowhere.jpg") == "INPUT.MISSING"
    assert code_of(made(tmp_path, b"x", "file") / "in.jpg") == "INPUT.MISSING"
    assert code_of(tmp_path) == "INPUT.IS_FOLDER"
    os.mkfifo(tmp_path / "pipe.jpg")
    assert code_of(tmp_path / "pipe.jpg") == "INPUT.NOT_A_FILE"
    assert code_of(Path("/dev/zero")) == "INPUT.NOT_A_FILE"
    assert code_of(Path("a\x00b.jpg")) in ("MEDIA.UNREADABLE", "INPUT.MISSING")
    assert code_of(tmp_path / ("n" * 300 + ".jpg")) == "MEDIA.UNREADABLE"


def test_a_file_that_may_not_be_read() -> None:
    with m.open_folder() as folder:
        path = made(folder, m.coded("png"))
        read_picture(path)
        path.chmod(0)
        with m.without_privileges():
            assert code_of(path) == "INPUT.NO_PERMISSION"


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = made(tmp_path, m.coded("bmp"), "in.bmp")
    os.truncate(path, 3 * 1024**3)  # takes no room: a hole
    assert code_of(path) == "MEDIA.TOO_LARGE"


@pytest.mark.parametrize("name", CORPUS)
@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.8, 0.97])
def test_truncated_files_are_refused(name: str, share: float, tmp_path: Path) -> None:
    data = CORPUS[name]
    code = code_of(made(tmp_path, data[:int(len(data) * share)]))
    assert code in ("MEDIA.TRUNCATED", "MEDIA.UNREADABLE", "MEDIA.UNKNOWN_FORMAT", "MEDIA.EMPTY",
                    "INPUT.IS_CLIP" if name in ("heic", "avif") and share < 0.03 else "MEDIA.TRUNCATED")


def test_a_bomb_of_text_does_no_harm(tmp_path: Path) -> None:
    bomb = b"XML:com.adobe.xmp\x00\x01\x00\x00\x00" + zlib.compress(bytes(50 * 1024**2))
    path = made(tmp_path, m.with_png_chunks(m.coded("png"), m.png_chunk(b"iTXt", bomb)), "in.png")
    try:
        picture = read_picture(path)
    except LikenessError:
        return
    assert picture.metadata.xmp is None or len(picture.metadata.xmp) <= 16 * 1024**2


def refused_or_read(path: Path) -> None:
    try:
        picture = read_picture(path)
    except LikenessError as error:
        refusal = error
    else:
        assert picture.frame.width >= 1
        return
    assert str(path) in refusal.message
    assert refusal.remedy


calm = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@calm
@given(data=st.binary(max_size=400), start=st.sampled_from([b"", *(data[:16] for data in CORPUS.values())]))
def test_random_bytes_are_refused_in_words(data: bytes, start: bytes, tmp_path: Path) -> None:
    refused_or_read(made(tmp_path, start + data))


def mutate(data: bytes, changes: list[tuple[float, int]]) -> bytes:
    out = bytearray(data)
    for where, value in changes:
        out[int(where * (len(out) - 1))] = value
    return bytes(out)


CHANGES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8)


@settings(calm, max_examples=150)
@given(name=st.sampled_from(sorted(CORPUS)), changes=CHANGES)
def test_damaged_files_are_refused_in_words_or_read(name: str, changes: list[tuple[float, int]],
                                                    tmp_path: Path) -> None:
    refused_or_read(made(tmp_path, mutate(CORPUS[name], changes)))


@settings(calm, max_examples=150)
@given(name=st.sampled_from(sorted(CORPUS)), at=st.integers(0, 400), value=st.binary(min_size=1, max_size=4))
def test_damaged_heads_are_refused_in_words_or_read(name: str, at: int, value: bytes, tmp_path: Path) -> None:
    data = CORPUS[name]
    refused_or_read(made(tmp_path, data[:at] + value + data[at + len(value):]))


@pytest.mark.long
@settings(calm, max_examples=5000)
@given(name=st.sampled_from(sorted(CORPUS)), changes=CHANGES, cut=st.floats(0.01, 1))
def test_damaged_files_at_length(name: str, changes: list[tuple[float, int]], cut: float, tmp_path: Path) -> None:
    data = mutate(CORPUS[name], changes)
    refused_or_read(made(tmp_path, data[:max(int(len(data) * cut), 1)]))


@given(st.binary(max_size=600))
def test_sniffing_never_fails(head: bytes) -> None:
    assert sniff(head) is None or sniff(head)


def test_heic_brands_are_pictures_and_others_are_clips() -> None:
    assert sniff(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic") == "heic"
    assert sniff(b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1avif") == "avif"
    assert sniff(b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heic") == "heic"
    assert sniff(b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isomavc1") == CLIP
