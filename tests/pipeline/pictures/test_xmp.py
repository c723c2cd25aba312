"""The statement in XMP: written into what other programs said, read back, and safe against what others wrote."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from defusedxml import ElementTree
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.pictures import Edit, read_picture, read_provenance, write_picture
from pipeline.pictures.xmp import BrokenXmp, provenance_of, stated
from tests.pipeline.pictures import making as m

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
CV = "http://cv.iptc.org/newscodes/digitalsourcetype/"


@pytest.mark.parametrize(("kind", "source_type"), [("swap", CV + "compositeCapture"),
                                                   ("edit", CV + "humanEdits"),
                                                   ("enhance", CV + "algorithmicallyEnhanced"),
                                                   ("anonymise", CV + "humanEdits")])
@pytest.mark.parametrize("packet", [None, m.XMP])
def test_the_statement_reads_back(kind: str, source_type: str, packet: bytes | None) -> None:
    edit = Edit((("geometric", "1.0"), ("a name", "2")), kind, "9.8.7", "r1")  # type: ignore[arg-type]
    found = provenance_of(stated(edit, packet, NOW))
    assert found is not None
    assert (found.version, found.kind, found.effects) == ("9.8.7", kind, edit.effects)
    assert found.source_type == source_type
    assert (found.recipe_id, found.when) == ((None, None) if kind == "anonymise" else
                                             ("r1", "2030-01-02T03:04:05+00:00"))


@pytest.mark.parametrize("kind", ["swap", "edit", "enhance", "anonymise"])
def test_a_face_that_a_network_made_is_said_whatever_else_was_done(kind: str) -> None:
    found = provenance_of(stated(Edit((("a", "1"),), kind, "1", trained=True), None))  # type: ignore[arg-type]
    assert found is not None
    assert (found.kind, found.source_type) == (kind, CV + "compositeWithTrainedAlgorithmicMedia")


def test_a_second_edit_replaces_the_statement_and_lengthens_the_history() -> None:
    twice = stated(replace(m.SWAP, version="2"), stated(replace(m.SWAP, version="1"), m.XMP))
    found = provenance_of(twice)
    assert found is not None
    assert found.version == "2"
    root = ElementTree.fromstring(twice.split(b"?>", 1)[1].rsplit(b"<?", 1)[0])
    agents = [node.text for node in root.iter("{http://ns.adobe.com/xap/1.0/sType/ResourceEvent#}softwareAgent")]
    assert agents == ["Likeness 1", "Likeness 2"]
    assert twice.count(b"DigitalSourceType") == 2
    assert twice.count(b"secret-history") == 1
    assert b"2001-01-01" not in twice


def test_old_thumbnails_and_orientation_go() -> None:
    packet = m.XMP.replace(b'xmp:Rating="4"', b'xmp:Rating="4" tiff:Orientation="6" '
                           b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/"').replace(
        b"<dc:title>", b"<xmp:Thumbnails><rdf:Alt><rdf:li>/9j/4AAQ</rdf:li></rdf:Alt></xmp:Thumbnails><dc:title>")
    out = stated(m.SWAP, packet)
    assert b"/9j/4AAQ" not in out
    assert b"tiff:Orientation" not in out
    assert b'xmp:Rating="4"' in out


@pytest.mark.parametrize("packet", [
    b"", b"not xml", b"<x/>", b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF", m.XMP[:300],
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>',
    b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'])
def test_broken_and_harmful_packets_are_left_out_and_said(packet: bytes, tmp_path: Path) -> None:
    path = tmp_path / "in.png"
    path.write_bytes(m.with_png_chunks(m.coded("png"), m.png_chunk(b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + packet)))
    picture = read_picture(path)
    written = write_picture(picture.frame, picture, tmp_path / "out.png", edit=m.SWAP)
    assert ("OUTPUT.XMP_DROPPED" in [note.code for note in written.notes]) == bool(packet)
    assert read_provenance(tmp_path / "out.png") is not None
    assert b"root:" not in (tmp_path / "out.png").read_bytes()


@settings(deadline=None, max_examples=150)
@given(st.integers(0, len(m.XMP)), st.binary(max_size=12))
def test_any_packet_is_taken_or_refused(at: int, piece: bytes) -> None:
    try:
        out = stated(m.SWAP, m.XMP[:at] + piece + m.XMP[at + len(piece):])
    except BrokenXmp:
        return
    found = provenance_of(out)
    assert found is not None
    assert found.effects == m.SWAP.effects


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=20), st.text(max_size=20))
def test_any_words_make_a_packet_that_reads(version: str, recipe: str) -> None:
    found = provenance_of(stated(Edit((("x", "1"),), "swap", version, recipe), None))
    assert found is not None
    assert found.kind == "swap"


def test_a_picture_of_nobodys_says_nothing(tmp_path: Path) -> None:
    assert read_provenance(m.save(tmp_path / "in.png", m.small())) is None
