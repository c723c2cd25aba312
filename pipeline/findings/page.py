"""The report of a measured clip as one HTML page: plots, findings with pictures, nothing from elsewhere."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.findings.finding import Finding
from pipeline.findings.judging import jumps_by_strand
from pipeline.findings.pair import ClipMeasures
from pipeline.findings.sheet import Sheet

WIDTH, HEIGHT, LEFT = 1000, 110, 48
"""Of a plot, in units that the browser stretches to the page."""
MOST = 1500
"""Points of a line: more than a page has pixels. Of what lies between two of them the largest is drawn."""

Picture = Callable[[Finding], tuple[bytes, bytes] | None]
"""The JPEGs of a finding's worst frame before and after, cut round the face; None where there are none."""


@dataclass(frozen=True, slots=True)
class _Line:
    name: str
    values: NDArray[np.float64]
    style: str = "a"


@dataclass(frozen=True, slots=True)
class _Plot:
    title: str
    help: str
    lines: tuple[_Line, ...]
    codes: tuple[str, ...]
    dots: bool = False


def page(measures: ClipMeasures, names: Mapping[str, str], picture: Picture) -> str:
    """names: `source`, `before`, `after`, as people know them."""
    title = f"{names['after']}: every frame scored"
    count = len(measures.findings)
    people = measures.people()
    parts = [_facts(measures, names), f"<h2>{count or 'No'} finding{'' if count == 1 else 's'}</h2>",
             _list(measures.findings, picture) if count else
             "<p class='quiet'>No frame stands out from its neighbours.</p>"]
    for one in people:
        number = int(one["person"])
        who = f"Person {number}" if number else ("Faces" if len(people) == 1 else "Faces of nobody known")
        parts.append(f"<h2>{who}</h2>{_table(one)}")
        parts += [_drawn(plot, measures, number) for plot in _plots(measures.sheet, number)]
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{html.escape(title)}</title>
<style>{_CSS}</style>
</head>
<body>
<main>
<h1>{html.escape(title)}</h1>
{chr(10).join(parts)}
</main>
</body>
</html>
"""


def _facts(measures: ClipMeasures, names: Mapping[str, str]) -> str:
    sheet = measures.sheet
    frames = sheet.last - sheet.first + 1
    rows = [("Before", names["before"]), ("After", names["after"]), ("Source", names["source"]),
            ("Frames", f"{frames} ({frames / measures.rate:.2f} s at {measures.rate:g} a second)"),
            ("Identity by", f"{sheet.recogniser}; below {sheet.same_person:g} is the same person")]
    cells = "".join(f"<div><dt>{name}</dt><dd>{html.escape(value)}</dd></div>" for name, value in rows)
    return f"<dl>{cells}</dl>"


def _list(findings: Sequence[Finding], picture: Picture) -> str:
    return "<ol class='findings'>" + "".join(_item(finding, picture(finding)) for finding in findings) + "</ol>"


def _item(finding: Finding, shown: tuple[bytes, bytes] | None) -> str:
    pictures = "" if shown is None else "".join(
        f"<figure><img alt='{name}, frame {finding.worst}' src='{_inline(jpeg)}'>"
        f"<figcaption>{name}</figcaption></figure>" for name, jpeg in zip(("before", "after"), shown, strict=True))
    who = f", person {finding.person}" if finding.person else ""
    frames = f"frame {finding.first}" if finding.first == finding.last else f"frames {finding.first}–{finding.last}"
    return (f"<li class='{finding.severity}'><div class='pictures'>{pictures}</div><div><p class='head'>"
            f"<span class='badge'>{finding.severity}</span> <code>{finding.code}</code></p>"
            f"<p>{html.escape(finding.words)}</p><p class='quiet'>{finding.start:.2f}–{finding.stop:.2f} s, "
            f"{frames}{who}</p></div></li>")


def _inline(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def _table(one: Mapping[str, float | None]) -> str:
    names = (("frames", "frames"), ("identity_to_source", "to source"), ("identity_to_target", "to target"),
             ("jitter", "jitter, % of eye distance"), ("flicker", "flicker, levels"), ("colour", "colour, ΔE"),
             ("seam", "seam"), ("sharpness", "sharpness"), ("size", "eye distance, px"))
    heads = "".join(f"<th>{name}</th>" for _, name in names)
    cells = "".join(f"<td>{'–' if one[key] is None else f'{one[key]:.3g}'}</td>" for key, _ in names)
    return f"<div class='wide'><table><thead><tr>{heads}</tr></thead><tbody><tr>{cells}</tr></tbody></table></div>"


def _plots(sheet: Sheet, number: int) -> list[_Plot]:
    mine = sheet.rows["number"] == number
    rows = sheet.rows[mine]
    places = rows["frame"] - sheet.first
    length = sheet.last - sheet.first + 1

    def line(name: str, values: NDArray[np.float64], style: str = "a") -> _Line:
        whole = np.full(length, np.nan)
        whole[places] = values  # of two faces of nobody known the right one is drawn
        return _Line(name, whole, style)

    shift = np.linalg.norm((rows["colour"] - rows["was"]).astype(np.float64), axis=1)
    return [
        _Plot("Identity", "Distance of the result's descriptor; low to the source is good.",
              (line("to source", rows["to_source"]), line("to target", rows["to_target"], "b")),
              ("FINDING.IDENTITY", "FINDING.MISTAKEN", "FINDING.UNLIKE"), dots=True),
        _Plot("Change", "Levels by which the face differs from the clip before; near nothing where it was left.",
              (line("in the face", rows["change"]), line("around it", rows["noise"], "b")),
              ("FINDING.MISSED", "FINDING.REVERTED")),
        _Plot("Colour", "CIE76 distance of the face's mean colour to the one before: steps are seen.",
              (line("ΔE", shift),), ("FINDING.EXPOSURE",)),
        _Plot("Flicker", "Levels by which the face changes from frame to frame beyond what the clip does.",
              (line("levels", rows["flicker"]),), ("FINDING.FLICKER",)),
        _Plot("Points", "How far the points lie from their course, % of the distance between the eyes.",
              (line("%", 100 * jumps_by_strand(sheet)[mine]),), ("FINDING.JUMP", "FINDING.COVERED")),
        _Plot("Edges", "Edges along the outline that the clip before has not (seam); sharpness against before.",
              (line("seam", rows["seam"]), line("sharpness", rows["sharp"], "b")),
              ("FINDING.SEAM", "FINDING.SHARPNESS", "FINDING.MASK")),
        _Plot("Pose", "Degrees to the side and up.", (line("yaw", rows["yaw"]), line("pitch", rows["pitch"], "b")),
              ("FINDING.POSE",)),
        _Plot("Detection", "How sure the detector is.", (line("score", rows["score"]),), ("FINDING.SCORE",)),
    ]


def _drawn(plot: _Plot, measures: ClipMeasures, number: int) -> str:
    told = np.concatenate([line.values[np.isfinite(line.values)] for line in plot.lines])
    if not len(told):
        return ""
    low, high = min(float(told.min()), 0.0), float(told.max())
    high = high if high > low else low + 1.0
    length = len(plot.lines[0].values)

    def x(frame: float) -> float:
        return LEFT + (WIDTH - LEFT - 4) * frame / max(length - 1, 1)

    def y(value: float) -> float:
        return HEIGHT - 18 - (HEIGHT - 28) * (value - low) / (high - low)

    first = measures.sheet.first
    bands = "".join(
        f"<rect class='band {one.severity}' x='{x(one.first - first - 0.5):.1f}' y='4' height='{HEIGHT - 20}' "
        f"width='{max(x(one.last - first + 0.5) - x(one.first - first - 0.5), 2):.1f}'><title>"
        f"{html.escape(one.words)}</title></rect>"
        for one in measures.findings if one.person == number and one.code in plot.codes)
    axis = (f"<line class='axis' x1='{LEFT}' x2='{WIDTH - 4}' y1='{y(low):.1f}' y2='{y(low):.1f}'/>"
            f"<text x='{LEFT - 6}' y='{y(low):.1f}' class='end'>{low:.3g}</text>"
            f"<text x='{LEFT - 6}' y='{y(high) + 8:.1f}' class='end'>{high:.3g}</text>")
    ends = ((0, "start"), (length // 2, "middle"), (length - 1, "end"))
    seconds = "".join(f"<text x='{x(f):.1f}' y='{HEIGHT - 2}' class='{where}'>"
                      f"{(first + f) / measures.rate:.2f} s</text>" for f, where in ends)
    drawn = "".join(_path(line, x, y, plot.dots) for line in plot.lines)
    legend = "" if len(plot.lines) == 1 else " " + " ".join(
        f"<span class='key {line.style}'>{html.escape(line.name)}</span>" for line in plot.lines)
    return (f"<section><h3>{plot.title}</h3><p class='quiet'>{plot.help}{legend}</p>"
            f"<svg viewBox='0 0 {WIDTH} {HEIGHT}' role='img' aria-label='{plot.title}'>{bands}{axis}{drawn}{seconds}"
            f"</svg></section>")


def _path(line: _Line, x: Callable[[float], float], y: Callable[[float], float], dots: bool) -> str:
    values = line.values
    places = np.flatnonzero(np.isfinite(values))
    if dots:
        dotted = [f"{x(int(p)):.1f} {y(float(values[p])):.1f}".split() for p in places]
        marks = "".join(f"<circle class='{line.style}' cx='{across}' cy='{down}' r='2.5'/>" for across, down in dotted)
        joined = " ".join(",".join(dot) for dot in dotted)
        return f"<polyline class='line thin {line.style}' points='{joined}'/>{marks}"
    step = max(-(-len(values) // MOST), 1)
    pieces: list[list[str]] = [[]]
    for start in range(0, len(values), step):
        block = values[start:start + step]
        if not np.isfinite(block).any():
            if pieces[-1]:
                pieces.append([])
            continue
        at = start + int(np.nanargmax(np.abs(block)))
        pieces[-1].append(f"{x(at):.1f},{y(values[at]):.1f}")
    return "".join(f"<polyline class='line {line.style}' points='{' '.join(piece * (2 if len(piece) == 1 else 1))}'/>"
                   for piece in pieces if piece)


_CSS = """
:root { color-scheme: light dark; --page: #fbfaf8; --card: #ffffff; --ink: #1f2328; --quiet: #5c6370; --rule: #d9d6d0;
  --a: #1a5fb4; --b: #b5530a; --low: #8a7a00; --middle: #b5530a; --high: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --page: #16181c; --card: #1f2227; --ink: #e8e6e3; --quiet: #a3a9b4;
  --rule: #393d45; --a: #7db2ff; --b: #ffab66; --low: #d8c44a; --middle: #ffab66; --high: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.5rem; margin: 0 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2rem 0 .75rem; }
h3 { font-size: 1rem; margin: 0; }
p { margin: 0; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); gap: .75rem; margin: 0; }
dl div, section, .findings li { background: var(--card); border: 1px solid var(--rule); border-radius: .5rem;
  padding: .6rem .8rem; }
dt, .quiet, figcaption, th { color: var(--quiet); font-size: .875rem; font-weight: 400; }
dd { margin: 0; overflow-wrap: anywhere; }
.findings { list-style: none; margin: 0; padding: 0; display: grid; gap: .6rem;
  grid-template-columns: repeat(auto-fill, minmax(min(30rem, 100%), 1fr)); }
.findings li { display: flex; gap: .8rem; border-left: .3rem solid var(--rule); }
.findings li.low { border-left-color: var(--low); } .findings li.middle { border-left-color: var(--middle); }
.findings li.high { border-left-color: var(--high); }
.pictures { display: flex; gap: .3rem; flex: none; }
figure { margin: 0; width: 6rem; } img { width: 6rem; height: 6rem; object-fit: cover; border-radius: .25rem;
  display: block; }
.badge { font-size: .8rem; padding: 0 .4rem; border-radius: .25rem; border: 1px solid currentColor; }
.low .badge { color: var(--low); } .middle .badge { color: var(--middle); } .high .badge { color: var(--high); }
code { font-size: .85rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin-bottom: .6rem; }
th, td { text-align: right; padding: .2rem .7rem .2rem 0; font-variant-numeric: tabular-nums; }
section { margin-top: .6rem; }
section { overflow-x: auto; } svg { width: 100%; min-width: 40rem; height: auto; display: block; }
svg text { fill: var(--quiet); font-size: 12px; } .end { text-anchor: end; } .middle { text-anchor: middle; }
.axis { stroke: var(--rule); } .line { fill: none; stroke-width: 1.5; stroke-linejoin: round; }
.thin { opacity: .45; stroke-width: 1; }
.line.a { stroke: var(--a); } .line.b { stroke: var(--b); } circle.a { fill: var(--a); } circle.b { fill: var(--b); }
.key { margin-left: .7rem; white-space: nowrap; } .key::before { content: ''; display: inline-block; width: 1rem;
  height: .2rem; margin-right: .3rem; vertical-align: middle; background: currentColor; }
.key.a::before { background: var(--a); } .key.b::before { background: var(--b); }
.band { opacity: .22; } .band.low { fill: var(--low); } .band.middle { fill: var(--middle); }
.band.high { fill: var(--high); }
"""
