from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clips.ebml import ROOM, BrokenEbml, element, elements, set_pixel_shape, unsigned
from tests.pipeline.clips.footage import Footage, look, make

MS = Fraction(1, 1000)


@given(st.binary(max_size=300))
def test_any_bytes_are_elements_or_refused(data: bytes) -> None:
    try:
        found = elements(data, 0, len(data))
    except BrokenEbml:
        return
    assert all(one.start < one.body <= one.end for one in found)


@given(st.lists(st.tuples(st.sampled_from([0xEC, 0x54B0, 0x1549A966]), st.binary(max_size=300)), max_size=5))
def test_what_is_written_is_read_back(content: list[tuple[int, bytes]]) -> None:
    data = b"".join(element(name, inside) for name, inside in content)
    assert [(one.name, data[one.body:one.end]) for one in elements(data, 0, len(data))] == content


def test_numbers_have_no_leading_zeros() -> None:
    assert unsigned(0x54B0, 0) == bytes.fromhex("54b08100")
    assert unsigned(0x54B0, 1536) == bytes.fromhex("54b0820600")


@pytest.mark.parametrize("ending", ["mkv", "webm"])
@pytest.mark.parametrize("sar", [Fraction(16, 11), Fraction(1, 2), Fraction(12345, 6789)])
def test_the_shape_of_pixels_is_read_back_and_nothing_else_changes(ending: str, sar: Fraction, tmp_path: Path) -> None:
    footage = Footage(codec="libvpx-vp9", time_base=MS, ticks=tuple(range(0, 400, 40)), sounds=("eng",),
                      sound_codec="libopus", chapters=((0, 100, "one"),),
                      metadata={"title": "A title", "encoding_tool": "Likeness" + ROOM})
    path = make(tmp_path / f"a.{ending}", footage)
    before, size = look(path), path.stat().st_size
    with io.FileIO(path, "r+") as file:
        set_pixel_shape(file, sar)
    after = look(path)
    assert before.sar == 1
    assert abs(after.sar - sar) < Fraction(1, 10**6)
    assert path.stat().st_size == size
    assert ROOM.encode() not in path.read_bytes()
    assert (after.times, after.metadata, after.chapters, after.streams) == (
        before.times, before.metadata, before.chapters, before.streams)
    with av.open(str(path)) as file_again:  # the index still leads to the right places
        file_again.seek(300, stream=file_again.streams.video[0])
        assert next(file_again.decode(video=0)).pts is not None


def test_files_that_are_laid_out_otherwise_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    path.write_bytes(element(0x1A45DFA3, b"x") + element(0x18538067, element(0x1654AE6B, b"")))
    before = path.read_bytes()
    with io.FileIO(path, "r+") as file, pytest.raises(BrokenEbml):
        set_pixel_shape(file, Fraction(4, 3))
    assert path.read_bytes() == before
