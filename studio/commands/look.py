"""`analyse`: the faces of a picture, for people and for programs."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from typing import Any

from pipeline.analysis import Analysis, FaceReport
from pipeline.clips.probe import is_clip
from pipeline.engine import Progress
from pipeline.pictures import Picture
from pipeline.recipe import Looking
from processors.batches import Remark
from studio.commands.engine import make_engine
from studio.commands.faults import DONE, UsageError
from studio.commands.terminal import Terminal, printable

STAGES = {"find": "Looking for faces", "swap": "Changing faces", "write": "Writing"}


def analyse(args: Namespace, terminal: Terminal) -> int:
    """Raises UsageError for a recipe and a picture: nobody is known again in a picture."""
    engine = make_engine(args)
    if is_clip(args.target):
        from studio.commands.clips import analyse_clip

        return analyse_clip(args, terminal, engine)
    if args.recipe is not None:
        raise UsageError("--recipe is for clips.", subject="--recipe", remedy="Leave it out, or name a clip.")
    picture = engine.open(args.target)
    found = engine.analyse(picture, looking(args.look), progress=stages(terminal))
    terminal.answer(_data(picture, found), "\n".join([_heading(picture, found), *face_lines(found)]))
    return DONE


def looking(words: tuple[str, ...] | None) -> Looking:
    return Looking(small="small" in (words or ()), turned="turned" in (words or ()))


def stages(terminal: Terminal) -> Progress:
    """Progress for an engine's call: its stage in words."""
    def tell(share: float, stage: str) -> None:
        terminal.progress(share, STAGES.get(stage, stage))

    return tell


def remark_data(remarks: Iterable[Remark]) -> list[dict[str, Any]]:
    return [{"code": r.code, "words": r.words, "values": dict(r.values)} for r in remarks]


def face_data(report: FaceReport) -> dict[str, Any]:
    """number; box [x0, y0, x1, y1] and points (68 pairs) in pixels of the upright picture; pose in degrees; size: the
    outer-eye distance in pixels."""
    return {
        "number": report.number,
        "box": [round(float(v), 2) for v in report.face.box],
        "score": round(report.face.score, 4),
        "points": [[round(float(x), 2), round(float(y), 2)] for x, y in report.face.points],
        "pose": {"yaw": round(report.yaw, 2), "pitch": round(report.pitch, 2), "roll": round(report.roll, 2)},
        "size": round(report.size, 2),
        "remarks": remark_data(report.remarks),
    }


def _data(picture: Picture, found: Analysis) -> dict[str, Any]:
    return {
        "file": picture.name, "id": picture.id, "format": picture.format,
        "width": picture.frame.width, "height": picture.frame.height, "bits": picture.frame.depth,
        "looking": {"small": found.search.small, "turned": found.search.turned},
        "notes": remark_data(picture.notes), "remarks": remark_data(found.remarks),
        "faces": [face_data(report) for report in found.faces],
    }


def _heading(picture: Picture, found: Analysis) -> str:
    count = len(found.faces)
    faces = "no face found" if not count else "1 face" if count == 1 else f"{count} faces"
    lines = [f"{printable(picture.name)}: {picture.frame.width} × {picture.frame.height}, {faces}"]
    lines += [f"  {printable(r.words)}" for r in (*picture.notes, *found.remarks)]
    if not count and not (found.search.small and found.search.turned):
        lines.append("  Look harder with --look small,turned.")
    return "\n".join(lines)


def degrees(value: float) -> str:
    """Rounded, with its sign; nought has none."""
    return f"{round(value):+d}°" if round(value) else "0°"


def face_lines(found: Analysis) -> list[str]:
    """The list of faces that people choose from: a line each, and one for each remark."""
    lines = []
    for report in found.faces:
        x0, y0, x1, y1 = report.face.box
        lines.append(f"  {report.number}  at ({x0:.0f}, {y0:.0f}) to ({x1:.0f}, {y1:.0f}), eyes {report.size:.0f} px "
                     f"apart, yaw {degrees(report.yaw)}, pitch {degrees(report.pitch)}, roll {degrees(report.roll)}")
        lines += [f"       {printable(r.words)}" for r in report.remarks]
    return lines
