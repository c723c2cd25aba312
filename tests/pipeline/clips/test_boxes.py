from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clips.boxes import (
    MAX_XMP,
    XMP_UUID,
    BrokenBoxes,
    append_xmp,
    box,
    boxes,
    find,
    insert_xmp,
    top_boxes,
    xmp_of,
)

KINDS = st.sampled_from([b"moov", b"mdat", b"free", b"udta", b"trak", b"uuid", b"XMP_"])


@given(st.binary(max_size=400))
def test_any_bytes_are_boxes_in_order_or_refused(data: bytes) -> None:
    try:
        found = list(boxes(io.BytesIO(data), 0, len(data)))
    except BrokenBoxes:
        return
    at = 0
    for one in found:
        assert one.start == at
        assert one.start < one.body <= one.end <= len(data)
        at = one.end


@given(st.lists(st.tuples(KINDS, st.binary(max_size=40)), max_size=8))
def test_what_is_written_is_found_again(content: list[tuple[bytes, bytes]]) -> None:
    data = b"".join(box(kind, inside) for kind, inside in content)
    found = list(boxes(io.BytesIO(data), 0, len(data)))
    assert [(one.kind, data[one.body:one.end]) for one in found] == content


@pytest.mark.parametrize(("header", "why"), [
    (struct.pack(">I4s", 7, b"moov"), "shorter than its own header"),
    (struct.pack(">I4s", 2**32 - 1, b"moov"), "longer than the file"),
    (struct.pack(">I4sQ", 1, b"mdat", 2**63), "64 bits of nonsense"),
    (struct.pack(">I4sQ", 1, b"mdat", 3), "a long header that does not fit its length"),
])
def test_lengths_that_lead_nowhere_are_refused(header: bytes, why: str) -> None:
    data = header + bytes(20)
    with pytest.raises(BrokenBoxes):
        list(boxes(io.BytesIO(data), 0, len(data)))


def test_a_box_without_a_length_reaches_to_the_end_and_a_terminator_ends_the_list() -> None:
    data = box(b"free", b"abc") + struct.pack(">I4s", 0, b"mdat") + b"12345"
    assert [one.end for one in boxes(io.BytesIO(data), 0, len(data))] == [11, len(data)]
    ended = box(b"name", b"x") + bytes(8) + b"rubbish that is no box"
    assert [one.kind for one in boxes(io.BytesIO(ended), 0, len(ended))] == [b"name"]


def test_a_path_leads_through_nested_boxes() -> None:
    data = box(b"ftyp", b"qt  ") + box(b"moov", box(b"mvhd", b"") + box(b"udta", box(b"XMP_", b"packet")))
    found = find(io.BytesIO(data), (b"moov", b"udta", b"XMP_"), 0, len(data))
    assert found is not None
    assert data[found.body:found.end] == b"packet"
    assert find(io.BytesIO(data), (b"moov", b"trak"), 0, len(data)) is None


def test_xmp_behind_an_mp4_moves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    before = box(b"ftyp", b"isom") + box(b"moov", b"\0" * 8) + box(b"mdat", b"x" * 100)
    path.write_bytes(before)
    with io.FileIO(path, "r+") as file:
        append_xmp(file, b"<x/>")
    assert path.read_bytes()[:len(before)] == before
    assert xmp_of(path) == b"<x/>"
    assert top_boxes(path)[-1].kind == b"uuid"
    assert XMP_UUID in path.read_bytes()


@pytest.mark.parametrize("udta", [b"", box(b"udta", box(b"\xa9nam", b"title") + box(b"XMP_", b"old") + bytes(4))])
def test_xmp_goes_into_a_movs_last_box_and_replaces_what_was_there(udta: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.mov"
    media = box(b"ftyp", b"qt  ") + box(b"mdat", b"x" * 100)
    path.write_bytes(media + box(b"moov", box(b"mvhd", b"head") + udta + box(b"trak", b"t")))
    with io.FileIO(path, "r+") as file:
        insert_xmp(file, b"<new packet/>")
    data = path.read_bytes()
    assert data.startswith(media)
    assert xmp_of(path) == b"<new packet/>"
    assert b"old" not in data
    assert (b"title" in data) == bool(udta)
    assert [one.kind for one in top_boxes(path)] == [b"ftyp", b"mdat", b"moov"]


def test_a_mov_whose_moov_is_not_last_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.mov"
    path.write_bytes(box(b"moov", box(b"mvhd", b"")) + box(b"mdat", b"x"))
    before = path.read_bytes()
    with io.FileIO(path, "r+") as file, pytest.raises(BrokenBoxes):
        insert_xmp(file, b"<x/>")
    assert path.read_bytes() == before


def test_damaged_files_and_packets_without_end_have_no_xmp(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(box(b"ftyp", b"isom") + b"\0\0\0\4moov")
    assert xmp_of(path) is None
    with path.open("wb") as file:
        file.write(struct.pack(">I4s", 24 + MAX_XMP + 1, b"uuid") + XMP_UUID)
        file.truncate(24 + MAX_XMP + 1)
    assert xmp_of(path) is None
