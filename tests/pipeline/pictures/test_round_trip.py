"""What comes in comes out: samples outside the change bit for bit, alpha, depth, profile and metadata."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from models.arrays import Pixels
from pipeline.frame import Frame
from pipeline.pictures import Picture, read_picture, read_provenance, write_picture
from tests.pipeline.pictures import making as m

BOX = np.s_[20:40, 30:60]


def changed(frame: Frame) -> Frame:
    samples = frame.samples.copy()
    samples[BOX] = samples[BOX][::-1]
    return replace(frame, samples=samples)


def grey(array: Pixels) -> Pixels:
    return array[..., 1].copy()


def with_alpha(array: Pixels) -> Pixels:
    alpha = m.slope(*array.shape[:2]).astype(array.dtype) * (257 if array.dtype == np.uint16 else 1)
    return np.dstack((array, alpha))


PIL_KINDS: dict[str, Callable[[], Pixels]] = {
    "colour": m.small, "grey": lambda: grey(m.small()), "colour and alpha": lambda: with_alpha(m.small()),
    "grey and alpha": lambda: with_alpha(grey(m.small())),
}
LOSSLESS = [(suffix, kind, options) for suffix, kinds, options in (
    (".png", PIL_KINDS, {}), (".tif", PIL_KINDS, {}), (".tiff", PIL_KINDS, {"compression": "tiff_lzw"}),
    (".webp", ("colour", "colour and alpha"), {"lossless": True, "exact": True}), (".bmp", ("colour", "grey"), {}),
) for kind in kinds]


@pytest.mark.parametrize(("suffix", "kind", "options"), LOSSLESS)
def test_lossless_formats_keep_every_sample_outside_the_change(suffix: str, kind: str, options: dict[str, object],
                                                               tmp_path: Path) -> None:
    array = PIL_KINDS[kind]()
    check_exact(m.save(tmp_path / f"in{suffix}", array, **options), array, tmp_path / f"out{suffix}")


@pytest.mark.parametrize("kind", PIL_KINDS)
def test_sixteen_bits_survive_in_tiff(kind: str, tmp_path: Path) -> None:
    array = m.sixteen(PIL_KINDS[kind]())
    stored = array if array.ndim == 2 or array.shape[2] == 2 else array[..., [2, 1, 0, *range(3, array.shape[2])]]
    colour = "minisblack" if array.ndim == 2 or array.shape[2] == 2 else "rgb"
    extra = ["unassalpha"] if "alpha" in kind else None
    path = m.tiff_sixteen(tmp_path / "in.tif", stored, photometric=colour, extrasamples=extra, compression="deflate")
    check_exact(path, array, tmp_path / "out.tif")


@pytest.mark.parametrize("kind", ["colour", "grey", "colour and alpha"])
def test_sixteen_bits_survive_in_png(kind: str, tmp_path: Path) -> None:
    array = m.sixteen(PIL_KINDS[kind]())
    check_exact(m.png_sixteen(tmp_path / "in.png", array), array, tmp_path / "out.png")


def test_sixteen_bit_grey_with_alpha_survives_from_tiff_to_png(tmp_path: Path) -> None:
    array = m.sixteen(with_alpha(grey(m.small())))
    path = m.tiff_sixteen(tmp_path / "in.tif", array, photometric="minisblack", extrasamples=["unassalpha"])
    check_exact(path, array, tmp_path / "out.png")


def check_exact(path: Path, array: Pixels, output: Path) -> None:
    picture = read_picture(path)
    samples, alpha = split(array)
    assert np.array_equal(picture.frame.samples, samples)
    assert picture.frame.samples.dtype == array.dtype
    written = write_picture(changed(picture.frame), picture, output, edit=m.SWAP)
    out = read_picture(output)
    expected = changed(Frame(samples)).samples
    assert np.array_equal(out.frame.samples, expected)
    assert (out.frame.alpha is None) == (alpha is None)
    assert alpha is None or np.array_equal(out.frame.alpha, alpha)  # type: ignore[arg-type]
    assert written.bytes == output.stat().st_size
    found = read_provenance(output)
    assert found is not None
    assert found.effects == m.SWAP.effects


def split(array: Pixels) -> tuple[Pixels, Pixels | None]:
    if array.ndim == 2:
        return array, None
    if array.shape[2] == 2:
        return array[..., 0], array[..., 1]
    return array[..., :3], array[..., 3] if array.shape[2] == 4 else None


def test_a_palette_with_a_transparent_entry_becomes_colour_with_alpha(tmp_path: Path) -> None:
    image = Image.fromarray(m.small()[..., ::-1].copy()).quantize(16)
    image.save(tmp_path / "in.png", transparency=3)
    picture = read_picture(tmp_path / "in.png")
    wanted = np.asarray(Image.open(tmp_path / "in.png").convert("RGBA"))
    assert np.array_equal(picture.frame.samples, wanted[..., 2::-1])
    assert picture.frame.alpha is not None
    assert np.array_equal(picture.frame.alpha, wanted[..., 3])
    assert "PICTURE.PALETTE" in [note.code for note in picture.notes]


def test_a_sixteen_bit_colour_key_becomes_alpha(tmp_path: Path) -> None:
    array = m.sixteen(m.small())
    data = m.png_sixteen(tmp_path / "in.png", array).read_bytes()
    key = b"".join(int(v).to_bytes(2, "big") for v in array[5, 7, ::-1])
    (tmp_path / "in.png").write_bytes(m.with_png_chunks(data, m.png_chunk(b"tRNS", key)))
    alpha = read_picture(tmp_path / "in.png").frame.alpha
    assert alpha is not None
    assert alpha[5, 7] == 0
    assert np.array_equal(alpha == 0, (array == array[5, 7]).all(axis=2))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".heic", ".avif"])
def test_metadata_and_profile_come_through(suffix: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {"exif": b"Exif\x00\x00" + m.exif(), "xmp": m.XMP, "icc_profile": m.ADOBE_RGB}
    if suffix == ".png":
        options.pop("xmp")
    if suffix == ".tif":
        del options["exif"], options["xmp"]
        stated = Image.Exif()
        stated.load(b"Exif\x00\x00" + m.exif())
        stated[700] = m.XMP
        options["exif"] = stated
    path = m.save(tmp_path / f"in{suffix}", m.small(), **options)
    if suffix == ".png":
        body = b"XML:com.adobe.xmp" + bytes(5) + m.XMP
        path.write_bytes(m.with_png_chunks(path.read_bytes(), m.png_chunk(b"iTXt", body)))
    picture = read_picture(path)
    write_picture(changed(picture.frame), picture, tmp_path / f"out{suffix}", edit=m.SWAP)
    check_carried(read_picture(tmp_path / f"out{suffix}"))


def check_carried(out: Picture) -> None:
    assert out.icc == m.ADOBE_RGB
    assert out.metadata.exif is not None
    stated = Image.Exif()
    stated.load(b"Exif\x00\x00" + out.metadata.exif)
    assert stated[0x010F] == "Makers"
    assert stated[0x013B] == m.SECRETS[0]
    shooting = stated.get_ifd(0x8769)
    assert shooting[0x9003] == "2020:02:02 02:02:02"
    assert shooting[0xA431] == m.SECRETS[1]
    assert shooting[0x927C].startswith(b"maker's own bytes, ")
    assert stated.get_ifd(0x8825)[0x001D] == m.SECRETS[2]
    assert out.metadata.xmp is not None
    for kept in ("Ada Secretname 与猫", "Darkroom 3", "secret-history", 'xmp:Rating="4"', "uuid:7"):
        assert kept.encode() in out.metadata.xmp


def test_png_chunks_come_through(tmp_path: Path) -> None:
    path = tmp_path / "in.png"
    chunks = (m.png_chunk(b"gAMA", (45455).to_bytes(4, "big")), m.png_chunk(b"cHRM", bytes(range(32))),
              m.png_chunk(b"pHYs", (5000).to_bytes(4, "big") * 2 + b"\x01"), m.png_chunk(b"tEXt", b"Title\x00A day"))
    path.write_bytes(m.with_png_chunks(m.coded("png"), *chunks))
    picture = read_picture(path)
    write_picture(picture.frame, picture, tmp_path / "out.png", edit=m.SWAP)
    data = (tmp_path / "out.png").read_bytes()
    assert all(chunk in data for chunk in chunks)


def test_a_large_profile_in_a_png_comes_through(tmp_path: Path) -> None:
    profile = m.ADOBE_RGB + np.random.default_rng(0).bytes(2_000_000)
    path = m.save(tmp_path / "in.png", m.small(), icc_profile=profile)
    picture = read_picture(path)
    write_picture(picture.frame, picture, tmp_path / "out.png", edit=m.SWAP)
    assert read_picture(tmp_path / "out.png").icc == profile


def test_exif_in_imagemagicks_old_wrapping_is_read(tmp_path: Path) -> None:
    block = b"Exif\x00\x00" + m.exif(6)
    body = b"Raw profile type exif\x00" + f"\nexif\n{len(block):8}\n{block.hex()}\n".encode()
    (tmp_path / "in.png").write_bytes(m.with_png_chunks(m.coded("png"), m.png_chunk(b"tEXt", body)))
    assert read_picture(tmp_path / "in.png").turned == 6


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_iptc_comes_through_without_the_old_thumbnail(suffix: str, tmp_path: Path) -> None:
    data = m.coded("jpeg")
    body = b"Photoshop 3.0\x00" + m.iptc_blocks()
    (tmp_path / "in.jpg").write_bytes(data[:2] + b"\xff\xed" + (len(body) + 2).to_bytes(2, "big") + body + data[2:])
    picture = read_picture(tmp_path / "in.jpg")
    write_picture(picture.frame, picture, tmp_path / f"out{suffix}", edit=m.SWAP)
    data = (tmp_path / f"out{suffix}").read_bytes()
    assert m.SECRETS[0].encode() in data
    assert b"\xff\xd8\xffthumb" not in data


def test_resolution_comes_through(tmp_path: Path) -> None:
    for suffix in (".jpg", ".png", ".tif", ".bmp"):
        picture = read_picture(m.save(tmp_path / f"in{suffix}", m.small(), dpi=(300, 300)))
        write_picture(picture.frame, picture, tmp_path / f"out{suffix}", edit=m.SWAP)
        dpi = read_picture(tmp_path / f"out{suffix}").metadata.dpi
        assert dpi is not None
        assert dpi == pytest.approx((300, 300), abs=0.02), suffix


def test_a_bmp_has_its_statement_beside_it(tmp_path: Path) -> None:
    picture = read_picture(m.save(tmp_path / "in.bmp", m.small()))
    written = write_picture(picture.frame, picture, tmp_path / "out.bmp", edit=m.SWAP)
    assert written.sidecar == tmp_path / "out.bmp.xmp"
    found = read_provenance(tmp_path / "out.bmp")
    assert found is not None
    assert found.version == "9.8.7"


@pytest.mark.parametrize(("suffix", "code"), [(".jpg", "OUTPUT.ALPHA"), (".jpg", "OUTPUT.DEPTH"),
                                              (".webp", "OUTPUT.DEPTH"), (".heic", "OUTPUT.DEPTH")])
def test_what_a_format_cannot_hold_is_said(suffix: str, code: str, tmp_path: Path) -> None:
    array = m.sixteen(m.small())
    frame = Frame(array, m.sixteen(m.slope(*array.shape[:2])))
    like = read_picture(m.png_sixteen(tmp_path / "in.png", array))
    written = write_picture(frame, like, tmp_path / f"out{suffix}", edit=m.SWAP)
    assert code in [note.code for note in written.notes]


def test_transparent_parts_are_laid_on_white_in_a_jpeg(tmp_path: Path) -> None:
    array = np.dstack((m.small(), np.zeros((64, 96), np.uint8)))
    array[:, 48:, 3] = 255
    picture = read_picture(m.save(tmp_path / "in.png", array))
    write_picture(picture.frame, picture, tmp_path / "out.jpg", edit=m.SWAP)
    out = read_picture(tmp_path / "out.jpg").frame.samples
    assert out[:, :40].min() >= 250
    assert np.abs(out[:, 56:].astype(int) - array[:, 56:, :3]).mean() < 4


@pytest.mark.parametrize("suffix", [".heic", ".avif"])
def test_more_than_eight_bits_survive(suffix: str, tmp_path: Path) -> None:
    """A ramp of 1024 steps: 8 bits would leave 256 of them."""
    ramp = np.repeat(np.tile(np.linspace(0, 65535, 1024).astype(np.uint16), (64, 1))[..., None], 3, axis=2)
    like = read_picture(m.png_sixteen(tmp_path / "in.png", ramp))
    write_picture(like.frame, like, tmp_path / f"out{suffix}", edit=m.SWAP, quality=100)
    out = read_picture(tmp_path / f"out{suffix}").frame
    assert out.depth == 16
    assert len(np.unique(out.samples)) > 700
    assert np.abs(out.samples.astype(int) - ramp).mean() < 257 / 2


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg"])
def test_pictures_are_turned_upright_once(suffix: str, orientation: int, tmp_path: Path) -> None:
    array = m.small()
    stated = Image.Exif()
    stated[0x0112] = orientation
    options: dict[str, dict[str, Any]] = {".webp": {"lossless": True}, ".jpg": {"quality": 100, "subsampling": 0}}
    path = m.save(tmp_path / f"in{suffix}", array, exif=stated, **options.get(suffix, {}))
    picture = read_picture(path)
    with Image.open(path) as image:
        upright = np.asarray(ImageOps.exif_transpose(image))[..., ::-1]
    assert np.array_equal(picture.frame.samples, upright)
    write_picture(picture.frame, picture, tmp_path / f"out{suffix}", edit=m.SWAP)
    out = read_picture(tmp_path / f"out{suffix}")
    assert out.turned == 1
    assert np.abs(out.frame.samples.astype(int) - upright).max() <= (4 if suffix == ".jpg" else 0)


def test_a_turned_picture_exchanges_the_sides_in_its_exif(tmp_path: Path) -> None:
    path = m.save(tmp_path / "in.jpg", m.small(48, 32), exif=b"Exif\x00\x00" + m.exif(6))
    picture = read_picture(path)
    write_picture(picture.frame, picture, tmp_path / "out.jpg", edit=m.SWAP)
    shooting = Image.open(tmp_path / "out.jpg").getexif().get_ifd(0x8769)
    assert (shooting[0xA002], shooting[0xA003]) == (32, 48)


def test_the_second_page_of_a_tiff_is_left_out_and_said(tmp_path: Path) -> None:
    image = Image.fromarray(m.small()[..., ::-1].copy())
    image.save(tmp_path / "in.tif", save_all=True, append_images=[image.rotate(180)])
    picture = read_picture(tmp_path / "in.tif")
    assert np.array_equal(picture.frame.samples, m.small())
    assert "PICTURE.FIRST_ONLY" in [note.code for note in picture.notes]


def test_names_with_spaces_and_chinese_characters(tmp_path: Path) -> None:
    folder = tmp_path / "我的 照片"
    folder.mkdir()
    picture = read_picture(m.save(folder / "人 像.png", m.small()))
    written = write_picture(picture.frame, picture, folder / "结 果.PNG", edit=m.SWAP)
    assert written.format == "png"
    assert (folder / "结 果.PNG").exists()


@pytest.mark.parametrize(("comment", "read"), [(b"by hand", "by hand"), ("von Jörg 简".encode(), "von Jörg 简"),
                                               (b"caf\xe9\x00", "café")])
def test_a_jpegs_comment_becomes_a_pngs_and_an_anonymised_one_has_none(comment: bytes, read: str,
                                                                     tmp_path: Path) -> None:
    picture = read_picture(m.save(tmp_path / "in.jpg", m.small(), comment=comment))
    done = write_picture(changed(picture.frame), picture, tmp_path / "out.png", edit=m.SWAP)
    assert not done.notes
    with Image.open(tmp_path / "out.png") as image:
        assert image.info["Comment"] == read
    write_picture(changed(picture.frame), picture, tmp_path / "hidden.png", edit=replace(m.SWAP, kind="anonymise"))
    assert read.encode() not in (tmp_path / "hidden.png").read_bytes()
