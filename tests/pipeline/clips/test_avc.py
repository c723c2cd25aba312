"""H.264's units and parameter sets, against what x264 and ffmpeg's muxers write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.clips import avc
from tests.pipeline.clips.footage import Footage, make

Options = dict[str, str]
PROFILES: dict[str, dict[str, Any]] = {
    "baseline": {"options": {"profile": "baseline"}},
    "main": {"options": {"profile": "main"}},
    "high": {"options": {"preset": "veryfast"}},
    "scaling lists": {"options": {"preset": "veryfast", "x264-params": "cqm=jvt"}},
    "ten bits": {"pix_fmt": "yuv420p10le"},
    "4:2:2": {"pix_fmt": "yuv422p"},
    "4:4:4": {"pix_fmt": "yuv444p"},
    "another number": {"options": {"x264-params": "sps-id=9"}},
}


def header_of(path: Path) -> bytes:
    with av.open(str(path)) as file:
        return file.streams.video[0].codec_context.extradata or b""


def written(folder: Path, **changes: Any) -> bytes:
    return header_of(make(folder / "clip.mp4", Footage(ticks=(0, 1001), **changes)))


@pytest.mark.parametrize("name", PROFILES)
def test_a_header_is_written_as_ffmpeg_writes_it(name: str, tmp_path: Path) -> None:
    header = written(tmp_path, **PROFILES[name])
    sets = avc.read_header(header)
    assert (len(sets.sps), len(sets.pps)) == (1, 1)
    assert avc.write_header(sets) == header
    number = 9 if name == "another number" else 0
    assert sets.sps_numbers() == sets.pps_numbers() == frozenset((number,))


@pytest.mark.parametrize(("changes", "expected"), [
    ({"size": (128, 72)}, avc.Shape(66, 10, 1, (8, 8), (8, 5), (0, 0, 0, 4), whole=True)),
    ({"size": (160, 96), "pix_fmt": "yuv420p10le"},
     avc.Shape(110, 11, 1, (10, 10), (10, 6), (0, 0, 0, 0), whole=True)),
    ({"size": (134, 64), "pix_fmt": "yuv444p"}, avc.Shape(244, 10, 3, (8, 8), (9, 4), (0, 10, 0, 0), whole=True)),
    ({"size": (128, 64), "options": {"preset": "veryfast", "x264-params": "cqm=jvt"}},
     avc.Shape(100, 10, 1, (8, 8), (8, 4), (0, 0, 0, 0), whole=True)),
])
def test_an_sps_says_how_pictures_are_coded(changes: dict[str, Any], expected: avc.Shape, tmp_path: Path) -> None:
    (shape,) = avc.read_header(written(tmp_path, **changes)).shapes()
    assert shape == expected


def test_an_sps_says_that_pictures_may_be_fields(tmp_path: Path) -> None:
    (shape,) = avc.read_header(written(tmp_path, fields="top")).shapes()
    assert not shape.whole


UNITS = st.lists(st.binary(min_size=1, max_size=30).map(lambda unit: unit.replace(b"\0", b"\1")), max_size=6)


@given(UNITS, st.sampled_from([b"\0\0\1", b"\0\0\0\1"]))
def test_units_between_start_codes_come_behind_their_lengths(found: list[bytes], code: bytes) -> None:
    stream = b"".join(code + unit for unit in found)
    assert avc.split(stream) == found
    assert [bytes(unit) for unit in avc.units(avc.with_lengths(stream))] == found


@given(st.binary(max_size=60))
@example(b"\0\0\0\5\1")
@example(b"\0\0\0\0")
@example(b"\0\0\0")
def test_a_packet_is_filled_by_its_units_or_refused(packet: bytes) -> None:
    try:
        found = [bytes(unit) for unit in avc.units(packet)]
    except avc.BrokenUnits:
        return
    assert b"".join(len(unit).to_bytes(4, "big") + unit for unit in found) == packet


@given(st.binary(max_size=60))
@example(bytes([1, 66, 0, 10, 255, 225]))
@example(bytes([1, 66, 0, 10, 255, 225, 0, 9, 103]))
@example(bytes([1, 66, 0, 10, 255, 225, 0, 1, 103, 0]))
def test_any_header_is_read_or_refused(header: bytes) -> None:
    try:
        sets = avc.read_header(header)
        sets.shapes()
        sets.sps_numbers()
        sets.pps_numbers()
    except avc.BrokenUnits:
        return
    assert all(one in sets for one in (*sets.sps, *sets.pps))


def test_a_header_with_short_lengths_is_refused(tmp_path: Path) -> None:
    header = bytearray(written(tmp_path))
    header[4] = 0xFC | 1  # lengths of two bytes
    with pytest.raises(avc.BrokenUnits):
        avc.read_header(bytes(header))


def test_sets_of_two_streams_stand_side_by_side_under_numbers_of_their_own(tmp_path: Path) -> None:
    one = avc.read_header(written(tmp_path, options={"profile": "baseline"}))
    other = avc.read_header(written(tmp_path, options={"preset": "veryfast", "x264-params": "sps-id=1:level=4"}))
    both = avc.merged(one, other)
    assert both.sps == (*one.sps, *other.sps)
    assert both.sps_numbers() == both.pps_numbers() == frozenset((0, 1))
    assert both.free_number() == 2
    header = avc.write_header(both)
    assert (header[1], header[3]) == (100, 40)  # what the more demanding of the two asks for
    assert header[2] == one.sps[0][2] & other.sps[0][2]
    assert avc.read_header(header) == both
    assert avc.merged(one, one) == one
    again = avc.read_header(written(tmp_path, options={"preset": "veryfast"}))
    with pytest.raises(avc.BrokenUnits):
        avc.merged(one, again)
