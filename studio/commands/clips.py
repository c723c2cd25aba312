"""`render` and `analyse` where the target is a clip."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from pipeline.analysis.known import Known
from pipeline.clips.clip import Clip
from pipeline.clips.moments import clock_of, parse_moment, parse_span
from pipeline.data_folder import data_folder
from pipeline.engine import Engine, PersonFound, Source
from pipeline.findings.finding import Finding
from pipeline.findings.store import Versions
from pipeline.pictures.atomic import write_all
from pipeline.recipe import ClipOutput, Looking, Output, Person, Recipe, Span, input_of, read_recipe
from pipeline.rendering.control import ClipProgress, Control
from pipeline.rendering.doubts import Doubtful
from pipeline.rendering.kept import KeptParts
from pipeline.rendering.ledger import finished_parts
from pipeline.rendering.request import ClipRequest, ClipWritten
from pipeline.version import VERSION
from studio.commands.covers import boxes_of
from studio.commands.faults import DONE, INTERRUPTED, UsageError
from studio.commands.inputs import check_same, open_sources
from studio.commands.look import looking, remark_data
from studio.commands.render import backdrop_input, people_consent, source_input, wants_safe
from studio.commands.terminal import Terminal, printable
from studio.commands.wanted import People, Wanted, cast_of, check_people

_STAGES = {"look": "Looking for people", "analyse": "Following faces", "render": "Rendering",
           "join": "Joining the parts"}


def render_clip(args: Namespace, terminal: Terminal, engine: Engine, wanted: Wanted) -> int:
    """One clip, rendered or gone on with. Ends with 130 after Ctrl+C, and says how to resume."""
    clip = engine.open_clip(wanted.target)
    if args.target is None and wanted.base is not None and wanted.base.target is not None:
        check_same(clip.name, clip.id, wanted.base.target)
    for remark in clip.notes:
        terminal.note(f"{clip.name}: {remark.words}")
    try:
        sources = open_sources(engine, wanted.photos, None if args.source else wanted.base)
        recipe = _recipe(args, terminal, engine, wanted, clip, sources)
        if args.save_recipe is not None:
            write_all([(args.save_recipe, recipe.to_json().encode())], overwrite=args.overwrite)
        request = ClipRequest(recipe=recipe, output=args.output, overwrite=args.overwrite, resume=args.resume)
        written = engine.render_clip(
            request, Control(cancelled=terminal.stop.is_set, progress=_teller(terminal)), clip=clip, sources=sources,
            kept=KeptParts(data_folder(args.data_dir) / "parts"),
            versions=Versions(data_folder(args.data_dir) / "versions"))
    except KeyboardInterrupt:
        return _stopped(args.output, terminal)
    except Doubtful as error:
        for doubt in error.doubts:
            terminal.note(f"{clock_of(doubt.start)} to {clock_of(doubt.stop)}: {doubt.words} "
                          f"(--accept {doubt.start:.2f}-{doubt.stop:.2f})")
        raise
    _tell(terminal, clip, recipe, written, sources)
    return DONE


def finding_line(finding: Finding) -> str:
    who = f"person {finding.person}: " if finding.person else ""
    return f"{clock_of(finding.start)} to {clock_of(finding.stop)}, {finding.severity}: {who}{finding.words}"


def _stopped(output: Path, terminal: Terminal) -> int:
    parts = finished_parts(output)
    terminal.note(f"Stopped. {parts} finished part{'' if parts == 1 else 's'} of {output} "
                  f"{'is' if parts == 1 else 'are'} kept; the same command with --resume goes on." if parts else
                  "Stopped before the first part was finished. Nothing is left.")
    return INTERRUPTED


def _recipe(args: Namespace, terminal: Terminal, engine: Engine, wanted: Wanted, clip: Clip,
            sources: dict[str, Source]) -> Recipe:
    base = wanted.base
    look = looking(args.look) if args.look is not None or base is None else base.looking
    recipe = Recipe(
        made_with=f"Likeness {VERSION}", target=input_of(clip.id, Path(clip.name).name, clip.path), looking=look,
        consent=people_consent(args, wanted), commercial_safe=wants_safe(args, wanted),
        backdrop=backdrop_input(args, wanted),
        sources=tuple(source_input(source, args, wanted, engine) for source in sources.values()),
        trim=_trim(args, base, clip),
        covers=(*(base.covers if base else ()), *boxes_of(args.cover, clip.width, clip.height, clip)),
        accepted=(*(base.accepted if base else ()), *(_accepted(text, clip) for text in args.accept)),
        output=Output(clip=_output(args, base)), people=base.people if base else (),
    )
    if base is not None:
        recipe = recipe.model_copy(update={"segments": base.segments})
    if base is None or args.preset or args.effects or args.swapper or args.set:
        recipe = recipe.with_effects(wanted.chain)
    names = list(wanted.photos)
    who = bool(wanted.people) or (base is not None and bool(base.cast)) or (len(names) > 1 and wanted.people is None)
    if who and not recipe.people:
        found = _look(terminal, engine, clip, look, recipe.trim)
        recipe = recipe.model_copy(update={"people": tuple(one.person for one in found)})
        there = _people(clip, found)
    else:
        numbers = frozenset(person.number for person in recipe.people)
        there = People("The people in the clip:", tuple(f"  {n}" for n in sorted(numbers)), (), numbers)
    recipe = Recipe.model_validate({**recipe.model_dump(), **cast_of(wanted, there)})
    check_people(recipe, there, clip.name)
    return recipe


def _trim(args: Namespace, base: Recipe | None, clip: Clip) -> Span:
    trim = base.trim if base else Span()
    start = str(parse_moment(args.start).within(clip)) if args.start else trim.start
    stop = str(parse_moment(args.stop).within(clip, end=True)) if args.stop else trim.stop
    if start is not None and stop is not None and Fraction(start) >= Fraction(stop):
        raise UsageError(f"--start {args.start or start} does not lie before --stop {args.stop or stop}.",
                         subject="--start", remedy="Give a later --stop.")
    return Span(start=start, stop=stop)


def _accepted(text: str, clip: Clip) -> Span:
    first, last = parse_span(text)
    return Span(start=str(first.within(clip)), stop=str(last.within(clip, end=True)))


def _output(args: Namespace, base: Recipe | None) -> ClipOutput:
    """The recipe's output, changed as the flags say."""
    given: dict[str, Any] = {name: getattr(args, name) for name in ("codec", "crf", "speed", "height", "fps", "encoder")
                             if getattr(args, name) is not None}
    given |= {name: True for name in ("deinterlace", "sdr") if getattr(args, name)}
    if args.no_sound:
        given["sound"] = False
    if args.no_smart:
        given["smart"] = False
    if args.damaged is not None:
        given["damaged"] = args.damaged.replace("-", "_")
    now = base.output.clip.model_dump() if base else {}
    try:
        return ClipOutput.model_validate({**now, "container": None, **given})
    except ValueError as error:
        first = error.errors()[0]  # type: ignore[attr-defined]  # pydantic's
        flag = f"--{first['loc'][0]}"
        raise UsageError(f"{flag} {first['input']!r}: {first['msg']}.", subject=flag,
                         remedy=f"See `webui.py render --help` for what {flag} takes.") from error


def _look(terminal: Terminal, engine: Engine, clip: Clip, look: Looking, trim: Span) -> tuple[PersonFound, ...]:
    """By the numbers that `analyse` prints."""
    return engine.people_of(clip, look, trim, Control(cancelled=terminal.stop.is_set, progress=_teller(terminal)))


def _people(clip: Clip, found: Sequence[PersonFound]) -> People:
    return People("The people in the clip:", tuple(_line(clip, one) for one in found),
                  tuple(_row(clip, one) for one in found), frozenset(one.person.number for one in found))


def _line(clip: Clip, one: PersonFound) -> str:
    name = f"{printable(one.person.name)}, " if one.person.name else ""
    return (f"  {one.person.number}  {name}{clock_of(_screen_time(clip, one))} on screen, best seen at "
            f"{clock_of(_seen(clip, one))}, eyes {one.face.eye_distance:.0f} px apart")


def _screen_time(clip: Clip, one: PersonFound) -> float:
    return one.frames * float(clip.duration) / max(clip.frames, 1)


def _row(clip: Clip, one: PersonFound) -> dict[str, Any]:
    return {"number": one.person.number, "name": one.person.name,
            "seen": round(_seen(clip, one), 3), "frames": one.frames, "seconds": round(_screen_time(clip, one), 3),
            "box": [round(float(v), 2) for v in one.face.box], "size": round(one.face.eye_distance, 2)}


def _places(known: Known, numbers: Mapping[int, int]) -> dict[str, Any]:
    """Shots and tracks: frames from 0, the last one included. A track's face in its first frame, as a box in pixels of
    the upright picture; person: null where it is nobody's. numbers: of people, by numbers of tracks."""
    return {
        "shots": [{"first": shot.first, "last": shot.last} for shot in known.shots], "flashes": list(known.flashes),
        "faces": [{"track": track.number, "person": numbers.get(track.number) or None, "first": track.first,
                   "last": track.last, "frames": track.frames, "box": [round(float(v), 2) for v in track.start]}
                  for track in known.tracks],
    }


def _left(terminal: Terminal, engine: Engine, clip: Clip, look: Looking, people: Sequence[Person]) -> int:
    known = engine.known(clip, look, people)
    terminal.note(f"Stopped. {known.frames} of {clip.frames} frames are known; the same command goes on." if known else
                  "Stopped before anything was kept.")
    return INTERRUPTED


def _seen(clip: Clip, one: PersonFound) -> float:
    return float((one.ticks - int(clip.pts[0])) * clip.time_base)


def _teller(terminal: Terminal) -> Any:
    def tell(progress: ClipProgress) -> None:
        share = progress.done / max(progress.total, 1)
        words = f"{_STAGES[progress.stage]} {progress.done}/{progress.total}"
        if progress.stage == "render" and progress.fps:
            words += f", {progress.fps:.1f} frames a second"
        terminal.progress(share, words, left=progress.eta)

    return tell


def _tell(terminal: Terminal, clip: Clip, recipe: Recipe, written: ClipWritten, sources: dict[str, Source]) -> None:
    for remark in written.notes:
        if remark not in clip.notes:  # those were said before the render
            terminal.note(f"{clip.name}: {remark.words}")
    for number, remarks in written.remarks:
        for remark in remarks:
            terminal.note(f"{f'Person {number}' if number else clip.name}: {remark.words}")
    data = {
        "output": str(written.path), "container": written.container, "codec": written.codec, "bytes": written.bytes,
        "frames": written.frames, "changed": written.changed, "copied": written.copied,
        "parts": {"rendered": written.rendered, "reused": written.reused},
        "sidecar": str(written.sidecar) if written.sidecar else None, "notes": remark_data(written.notes),
        "people": [{"number": number, "frames": count} for number, count in written.people],
        "remarks": [{"number": number, "remarks": remark_data(found)} for number, found in written.remarks],
        "sources": [{"name": s.name, "remarks": remark_data(s.remarks)} for s in sources.values()],
        "recipe": json.loads(recipe.to_json()), "findings": [finding.data() for finding in written.findings],
    }
    for finding in written.findings:
        terminal.note(finding_line(finding))
    beside = f"; what was done is said in {written.sidecar}" if written.sidecar else ""
    terminal.answer(data, f"{written.path}: {written.changed} of {written.frames} frames changed, "
                          f"{written.bytes:,} bytes{beside}")


def _found(known: Known, clip: Clip, recipe: Recipe) -> tuple[tuple[PersonFound, ...], dict[int, int]]:
    """Everybody, and the number of each track's person. What a recipe says of faces at a time and place is said of its
    own clip; its people are known again in any."""
    if not recipe.people:
        return known.people(), {track.number: number for number, one in enumerate(known.clusters, 1)
                                for track in one.tracks}
    own = recipe.target is not None and recipe.target.id == clip.id
    decided = known.decided(recipe.people, recipe.whose if own else (), recipe.merged)
    groups = known.grouped(decided, recipe.people)
    numbers = {track.number: number for number, cluster in groups.items() for track in cluster.tracks}
    return known.people_of(groups, recipe.people), numbers


def analyse_clip(args: Namespace, terminal: Terminal, engine: Engine) -> int:
    """What a clip is, who is in it, and where; with a recipe by its numbers and names. Ends with 130 after Ctrl+C; what
    is known by then is kept."""
    base = read_recipe(args.recipe, engine.registry) if args.recipe is not None else Recipe()
    clip = engine.open_clip(args.target)
    look = looking(args.look) if args.look is not None else base.looking
    try:
        known = engine.analyse_clip(clip, look, Control(cancelled=terminal.stop.is_set, progress=_teller(terminal)),
                                    people=base.people)
    except KeyboardInterrupt:
        return _left(terminal, engine, clip, look, base.people)
    found, numbers = _found(known, clip, base)
    count = "nobody was found" if not found else "1 person" if len(found) == 1 else f"{len(found)} people"
    heading = (f"{printable(clip.name)}: {clip.width} × {clip.height}, {clip.frames} frames, "
               f"{clock_of(float(clip.duration))}, {count}")
    data = {
        "file": clip.name, "id": clip.id, "format": clip.format, "codec": clip.codec, "width": clip.width,
        "height": clip.height, "bits": clip.depth, "frames": clip.frames, "seconds": float(clip.duration),
        "rate": str(clip.rate), "variable": clip.variable, "notes": remark_data(clip.notes),
        "tracks": [{"kind": t.kind, "codec": t.codec, "language": t.language} for t in clip.tracks],
        "people": [_row(clip, one) for one in found], **_places(known, numbers),
    }
    if known.damaged is not None:
        at = float((known.damaged - int(clip.pts[0])) * clip.time_base)
        terminal.note(f"{clip.name}: the file is damaged from {at:.2f} seconds on; it was looked at up to there.")
    terminal.answer(data, "\n".join([heading, *(f"  {printable(r.words)}" for r in clip.notes),
                                     *(_line(clip, one) for one in found)]))
    return DONE
