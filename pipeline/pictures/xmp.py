"""XMP: the statement that a picture was edited, written into what other programs said, and read back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.dom import minidom

from defusedxml import minidom as safe_minidom
from defusedxml.common import DefusedXmlException

from pipeline.pictures.picture import Edit

X = "adobe:ns:meta/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XMP = "http://ns.adobe.com/xap/1.0/"
XMP_MM = "http://ns.adobe.com/xap/1.0/mm/"
EVENT = "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
IPTC_EXT = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
TIFF = "http://ns.adobe.com/tiff/1.0/"
NOTE = "http://ns.adobe.com/xmp/note/"
LIKENESS = "urn:likeness:xmp:1.0/"
"""Our own words: Version, Kind, Effects (a sequence of "name version"), Recipe. A URN, for there is no site."""

_PREFIXES = {X: "x", RDF: "rdf", XMP: "xmp", XMP_MM: "xmpMM", EVENT: "stEvt", IPTC_EXT: "Iptc4xmpExt",
             LIKENESS: "likeness"}
_XMLNS = "http://www.w3.org/2000/xmlns/"

_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SOURCE_TYPES: dict[str, str] = {
    # Several pictures that were all taken from life, put together: a classical swap moves one photograph's pixels
    # into another.
    "swap": _SOURCE_TYPES + "compositeCapture",
    # Altered by a person with tools that generate nothing: an editor without a network, of a package of the user's.
    "edit": _SOURCE_TYPES + "humanEdits",
    # Altered by an algorithm, nothing generated.
    "enhance": _SOURCE_TYPES + "algorithmicallyEnhanced",
    # A person chose who is hidden and how, with tools that generate nothing.
    "anonymise": _SOURCE_TYPES + "humanEdits",
}
"""IPTC's vocabulary of digital source types (release of September 2024), by kind of edit."""
TRAINED = _SOURCE_TYPES + "compositeWithTrainedAlgorithmicMedia"
"""A picture with parts that a trained network made: whatever else was done, that has to be said."""


class BrokenXmp(ValueError):
    """The packet is not XMP."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a file says about its last edit by this program. when: ISO 8601, or None (anonymised). analysed: `passed`
    where a content analyser looked at it, else `none`."""

    version: str
    kind: str
    effects: tuple[tuple[str, str], ...]
    source_type: str
    recipe_id: str | None
    when: str | None
    analysed: str | None = None


def stated(edit: Edit, packet: bytes | None, now: datetime | None = None) -> bytes:
    """The packet (or a new one) with the statement added; our earlier one is replaced, other programs' history kept.

    Raises BrokenXmp where the packet cannot be read.
    """
    document = _parse(packet) if packet else _empty()
    rdf = _rdf_of(document)
    history = _history(rdf)
    _drop(rdf, _OURS)
    about = _element(document, rdf, RDF, "Description")
    about.setAttributeNS(RDF, "rdf:about", _about(rdf))
    when = None if edit.kind == "anonymise" else (now or datetime.now(UTC)).isoformat(timespec="seconds")
    tool = f"Likeness {edit.version}"
    _text(document, about, IPTC_EXT, "DigitalSourceType", TRAINED if edit.trained else SOURCE_TYPES[edit.kind])
    if edit.kind == "anonymise" or not _find(rdf, XMP, "CreatorTool"):
        _text(document, about, XMP, "CreatorTool", tool)
    if when:
        _text(document, about, XMP, "MetadataDate", when)
        _text(document, about, XMP, "ModifyDate", when)
    _text(document, about, LIKENESS, "Version", edit.version)
    _text(document, about, LIKENESS, "Kind", edit.kind)
    _text(document, about, LIKENESS, "ContentAnalysis", "passed" if edit.analysed else "none")
    effects = _element(document, _element(document, about, LIKENESS, "Effects"), RDF, "Seq")
    for name, version in edit.effects:
        _text(document, effects, RDF, "li", f"{name} {version}")
    if edit.recipe_id and edit.kind != "anonymise":
        _text(document, about, LIKENESS, "Recipe", edit.recipe_id)
    if history is None:
        _drop(rdf, ((XMP_MM, "History"),))  # whatever it is, it is no sequence
        history = _element(document, _element(document, about, XMP_MM, "History"), RDF, "Seq")
    _add_event(document, history, edit, tool, when)
    body = _root(document).toxml()
    return f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>{body}<?xpacket end="w"?>'.encode()


_OURS = ((IPTC_EXT, "DigitalSourceType"), (LIKENESS, "Version"), (LIKENESS, "Kind"), (LIKENESS, "Effects"),
         (LIKENESS, "Recipe"), (LIKENESS, "ContentAnalysis"), (XMP, "MetadataDate"), (XMP, "ModifyDate"),
         # Pictures of the picture as it was, and its orientation, which has been applied.
         (XMP, "Thumbnails"), (TIFF, "Orientation"),
         # Says that a JPEG has more XMP in further segments, which are left out.
         (NOTE, "HasExtendedXMP"))


def _add_event(document: minidom.Document, history: minidom.Element, edit: Edit, tool: str,
               when: str | None) -> None:
    event = _element(document, history, RDF, "li")
    event.setAttributeNS(RDF, "rdf:parseType", "Resource")
    words = ", ".join(f"{name} {version}" for name, version in edit.effects)
    _text(document, event, EVENT, "action", "edited")
    _text(document, event, EVENT, "softwareAgent", tool)
    _text(document, event, EVENT, "parameters", f"{edit.kind}: {words}")
    if when:
        _text(document, event, EVENT, "when", when)


def _parse(packet: bytes) -> minidom.Document:
    text = re.sub(rb"<\?xpacket[^>]*\?>", b"", packet).strip(b"\x00 \t\r\n")
    try:
        document: minidom.Document = safe_minidom.parseString(text)
        _rdf_of(document)
    except BrokenXmp:
        raise
    except (DefusedXmlException, Exception) as error:  # expat, codecs and minidom raise many kinds for foreign bytes
        raise BrokenXmp(str(error)) from error
    return document


def _empty() -> minidom.Document:
    document = minidom.getDOMImplementation().createDocument(X, "x:xmpmeta", None)
    _root(document).setAttributeNS(_XMLNS, "xmlns:x", X)
    _element(document, _root(document), RDF, "RDF")
    return document


def _root(document: minidom.Document) -> minidom.Element:
    root = document.documentElement
    if root is None:
        raise BrokenXmp("there is nothing in it")
    return root


def _rdf_of(document: minidom.Document) -> minidom.Element:
    root = _root(document)
    found = [root] if root.namespaceURI == RDF and root.localName == "RDF" else root.getElementsByTagNameNS(RDF, "RDF")
    if not found:
        raise BrokenXmp("there is no rdf:RDF in it")
    return found[0]


def _descriptions(rdf: minidom.Element) -> list[minidom.Element]:
    return [n for n in rdf.childNodes if n.nodeType == n.ELEMENT_NODE and n.namespaceURI == RDF]


def _find(rdf: minidom.Element, space: str, name: str) -> list[tuple[minidom.Element, minidom.Element | None]]:
    """Where a top-level property is stated: (description, element), or (description, None) for an attribute."""
    found: list[tuple[minidom.Element, minidom.Element | None]] = []
    for description in _descriptions(rdf):
        if description.hasAttributeNS(space, name):
            found.append((description, None))
        found += [(description, node) for node in description.childNodes if node.nodeType == node.ELEMENT_NODE
                  and node.namespaceURI == space and node.localName == name]
    return found


def _drop(rdf: minidom.Element, properties: tuple[tuple[str, str], ...]) -> None:
    for space, name in properties:
        for description, node in _find(rdf, space, name):
            if node is None:
                description.removeAttributeNS(space, name)
            else:
                description.removeChild(node)
    for description in _descriptions(rdf):
        named = [a for a in description.attributes.values() if a.namespaceURI not in (_XMLNS, RDF)]
        if not named and not any(n.nodeType == n.ELEMENT_NODE for n in description.childNodes):
            rdf.removeChild(description)


def _history(rdf: minidom.Element) -> minidom.Element | None:
    for _, node in _find(rdf, XMP_MM, "History"):
        sequences = node.getElementsByTagNameNS(RDF, "Seq") if node is not None else []
        if sequences:
            sequence: minidom.Element = sequences[0]
            return sequence
    return None


def _about(rdf: minidom.Element) -> str:
    """XMP wants the same rdf:about in every description."""
    return next((d.getAttributeNS(RDF, "about") for d in _descriptions(rdf) if d.hasAttributeNS(RDF, "about")), "")


def _element(document: minidom.Document, parent: minidom.Element, space: str, name: str) -> minidom.Element:
    prefix = _PREFIXES[space]
    node: minidom.Element = document.createElementNS(space, f"{prefix}:{name}")
    node.setAttributeNS(_XMLNS, f"xmlns:{prefix}", space)
    parent.appendChild(node)
    return node


def _text(document: minidom.Document, parent: minidom.Element, space: str, name: str, words: str) -> None:
    clean = re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", words)  # what XML 1.0 can hold
    _element(document, parent, space, name).appendChild(document.createTextNode(clean))


def _value(rdf: minidom.Element, space: str, name: str) -> str | None:
    for description, node in _find(rdf, space, name):
        if node is None:
            return str(description.getAttributeNS(space, name))
        return _words(node)
    return None


def _words(node: Any) -> str:
    return "".join(n.data for n in node.childNodes if n.nodeType == n.TEXT_NODE).strip()


def provenance_of(packet: bytes) -> Provenance | None:
    """Our statement in a packet, or None. Raises BrokenXmp."""
    rdf = _rdf_of(_parse(packet))
    version, kind = _value(rdf, LIKENESS, "Version"), _value(rdf, LIKENESS, "Kind")
    if version is None or kind is None:
        return None
    effects = [_words(item).rpartition(" ")[::2] for _, node in _find(rdf, LIKENESS, "Effects")
               if node is not None for item in node.getElementsByTagNameNS(RDF, "li")]
    return Provenance(version, kind, tuple((name, number) for name, number in effects),
                      _value(rdf, IPTC_EXT, "DigitalSourceType") or "", _value(rdf, LIKENESS, "Recipe"),
                      _value(rdf, XMP, "ModifyDate"), _value(rdf, LIKENESS, "ContentAnalysis"))


def sidecar_of(path: Path) -> Path:
    """Where the XMP of a picture goes whose format has no place for it: `NAME.bmp.xmp`."""
    return path.with_name(path.name + ".xmp")


def read_provenance(path: Path) -> Provenance | None:
    """What a picture (or the sidecar beside it) says about its last edit by this program, or None where it says
    nothing that can be read. Raises what `read_picture` raises."""
    from pipeline.pictures.read import read_picture

    packet = read_picture(path).metadata.xmp
    beside = sidecar_of(path)
    if packet is None and beside.is_file():
        packet = beside.read_bytes()
    try:
        return provenance_of(packet) if packet else None
    except BrokenXmp:
        return None
