"""Anonymised pictures say nothing about people, places and devices, and show nothing of what was there."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.pictures import Picture, read_picture, read_provenance, write_picture
from tests.pipeline.pictures import making as m

SUFFIXES = [".jpg", ".png", ".webp", ".tif", ".bmp", ".heic", ".avif"]


@pytest.fixture(scope="module")
def telling(tmp_path_factory: pytest.TempPathFactory) -> list[Picture]:
    """A JPEG and a PNG that tell everything, everywhere it can be told."""
    folder = tmp_path_factory.mktemp("telling")
    thumbnail = m.coded("jpeg", m.small(32, 16), comment=b"old thumbnail")
    block = m.exif(thumbnail=thumbnail)
    data = m.coded("jpeg", m.small(), exif=b"Exif\x00\x00" + block, xmp=m.XMP, icc_profile=m.ADOBE_RGB,
                   comment=b"by " + m.SECRETS[0].encode(), dpi=(240, 240))
    body = b"Photoshop 3.0\x00" + m.iptc_blocks()
    (folder / "in.jpg").write_bytes(data[:2] + b"\xff\xed" + (len(body) + 2).to_bytes(2, "big") + body + data[2:]
                                    + thumbnail)
    chunks = (m.png_chunk(b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + m.XMP),
              m.png_chunk(b"tEXt", b"Author\x00" + m.SECRETS[0].encode()), m.png_chunk(b"eXIf", block),
              m.png_chunk(b"tIME", bytes((7, 0xD0, 1, 1, 1, 1, 1))))
    (folder / "in.png").write_bytes(m.with_png_chunks(m.coded("png", m.small(), icc_profile=m.ADOBE_RGB), *chunks))
    pictures = [read_picture(folder / name) for name in ("in.jpg", "in.png")]
    for picture in pictures:  # the test would pass for nothing where the strings are not read in the first place
        assert picture.metadata.exif is not None
        assert picture.metadata.xmp is not None
        assert picture.icc == m.ADOBE_RGB
    return pictures


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_personal_is_in_the_bytes(suffix: str, telling: list[Picture], tmp_path: Path) -> None:
    for picture in telling:
        output = tmp_path / f"{picture.format}{suffix}"
        written = write_picture(picture.frame, picture, output, edit=m.HIDE)
        everything = output.read_bytes() + (written.sidecar.read_bytes() if written.sidecar else b"")
        for secret in (*m.SECRETS, "Makers", "Darkroom", "old thumbnail", "recipe-42", "2020:02:02", "maker's own",
                       str(tmp_path), "uuid:7"):
            for spelling in ("utf-8", "utf-16-le", "utf-16-be"):
                assert secret.encode(spelling) not in everything, (secret, spelling)
        assert everything.count(b"\xff\xd8\xff") == (1 if suffix == ".jpg" else 0)
        found = read_provenance(output)
        assert found is not None
        assert (found.kind, found.recipe_id, found.when) == ("anonymise", None, None)
        assert found.source_type.endswith("/humanEdits")
        assert "OUTPUT.STRIPPED" in [note.code for note in written.notes]


def test_the_same_files_do_keep_these_things_when_swapped(telling: list[Picture], tmp_path: Path) -> None:
    """Proof that the search above can find something."""
    write_picture(telling[0].frame, telling[0], tmp_path / "out.jpg", edit=m.SWAP)
    data = (tmp_path / "out.jpg").read_bytes()
    assert all(secret.encode() in data for secret in (*m.SECRETS, "Makers", "Darkroom", "recipe-42"))
    assert b"old thumbnail" not in data


def test_resolution_and_colours_are_kept(telling: list[Picture], tmp_path: Path) -> None:
    write_picture(telling[0].frame, telling[0], tmp_path / "out.jpg", edit=m.HIDE)
    out = read_picture(tmp_path / "out.jpg")
    assert out.metadata.dpi == (240, 240)
    assert out.icc is not None
    assert out.metadata.exif is None
