"""`render`: flags and recipe to one recipe, and that to one picture."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from models.errors import InputError
from models.face import Box
from pipeline.analysis import Analysis
from pipeline.backdrop import read_backdrop
from pipeline.clips.containers import container_by_suffix
from pipeline.clips.probe import is_clip
from pipeline.engine import Engine, Rendered, Source
from pipeline.gate import STATEMENT, admit, effects_of
from pipeline.pictures import Picture, Written, suffix_format
from pipeline.recipe import (
    Input,
    Keep,
    Output,
    Photo,
    Recipe,
    SourceInput,
    input_of,
)
from pipeline.version import VERSION
from studio.commands.covers import boxes_of
from studio.commands.engine import is_safe, make_engine, store_of
from studio.commands.faults import DONE, UsageError
from studio.commands.inputs import check_same, open_sources
from studio.commands.look import face_data, face_lines, looking, remark_data, stages
from studio.commands.terminal import Terminal
from studio.commands.wanted import People, Wanted, cast_of, check_people, wanted_of


def render(args: Namespace, terminal: Terminal) -> int:
    engine = make_engine(args)
    engine.networks.safe = is_safe(args, store_of(args))
    wanted = wanted_of(args, engine)
    engine.networks.safe = wants_safe(args, wanted)
    _admit(args, engine, wanted)
    if wanted.stack is not None and wanted.stack.code != "PRESET.CLASSICAL":
        terminal.note(wanted.stack.words)
    if is_clip(wanted.target):
        from studio.commands.clips import render_clip

        return render_clip(args, terminal, engine, wanted)
    if args.output.suffix and container_by_suffix(args.output.suffix) not in (None, "sequence"):
        _check_is_picture(engine, wanted.target)
    return _render_picture(args, terminal, engine, wanted)


def _admit(args: Namespace, engine: Engine, wanted: Wanted) -> None:
    """What would be refused for its effects is, before any picture is opened. Raises GateMissing, ConsentMissing,
    ModelError."""
    if args.preset or args.effects or args.swapper or args.set or wanted.base is None:
        effects = wanted.chain
    else:
        effects = effects_of(wanted.base)
    silent = [] if args.i_have_consent else [name for name in wanted.photos if _consent_of(name, args, wanted) is None]
    safe = engine.faces.slots if wants_safe(args, wanted) else None
    admit(effects, engine.registry, engine.networks, silent, safe)


def wants_safe(args: Namespace, wanted: Wanted) -> bool:
    """Whether only models may be used whose terms allow commercial use: this call says so, or the recipe."""
    return is_safe(args, store_of(args)) or (wanted.base is not None and wanted.base.commercial_safe)


def _consent_of(name: str, args: Namespace, wanted: Wanted) -> str | None:
    """The statement about a source: this call's, or the recipe's for the files that it named."""
    if args.i_have_consent:
        return STATEMENT
    said = {s.name: s.consent for s in wanted.base.sources} if wanted.base and not args.source else {}
    return said.get(name)


def _check_is_picture(engine: Engine, path: Path) -> None:
    """Raises what is wrong with a target that is to become a film and is neither a clip nor a picture: to hear that the
    output is no picture would help nobody."""
    try:
        engine.open_clip(path)
    except InputError as error:
        if error.code != "INPUT.IS_PICTURE":
            raise


def _render_picture(args: Namespace, terminal: Terminal, engine: Engine, wanted: Wanted) -> int:
    inputs = [wanted.target, *(photo.path for photos in wanted.photos.values() for photo in photos)]
    inputs += [args.backdrop] if args.backdrop is not None else []
    _check_outputs(engine, args, inputs)
    target = engine.open(wanted.target)
    if args.target is None and wanted.base is not None and wanted.base.target is not None:
        check_same(target.name, target.id, wanted.base.target)
    look = looking(args.look) if args.look is not None or wanted.base is None else wanted.base.looking
    progress = stages(terminal)
    analysis = engine.analyse(target, look, progress=lambda share, stage: progress(share / 2, stage))
    sources = open_sources(engine, wanted.photos, None if args.source else wanted.base)
    for source in sources.values():
        for remark in source.remarks:
            terminal.note(f"{source.name}: {remark.words}")
    recipe = Recipe(
        made_with=f"Likeness {VERSION}", target=_input(target), looking=look, consent=people_consent(args, wanted),
        commercial_safe=wants_safe(args, wanted), backdrop=backdrop_input(args, wanted),
        sources=tuple(source_input(source, args, wanted, engine) for source in sources.values()),
        output=_output(wanted.base, args.output),
        covers=(*(wanted.base.covers if wanted.base else ()),
                *boxes_of(args.cover, target.frame.width, target.frame.height)),
    ).with_effects(wanted.chain)
    there = People("The faces in the picture:", tuple(face_lines(analysis)),
                   tuple(face_data(report) for report in analysis.faces),
                   frozenset(report.number for report in analysis.faces))
    recipe = Recipe.model_validate({**recipe.model_dump(), **cast_of(wanted, there)})
    check_people(recipe, there, target.name)
    rendered = engine.render(recipe, target, sources, progress=progress, cancelled=terminal.stop.is_set)
    progress(1.0, "write")
    recipes = [] if args.save_recipe is None else [(args.save_recipe, recipe.to_json().encode())]
    written = engine.save(rendered, args.output, overwrite=args.overwrite, inputs=inputs, companions=recipes)
    _tell(terminal, rendered, written, analysis, sources)
    return DONE


def _check_outputs(engine: Engine, args: Namespace, inputs: Sequence[Path]) -> None:
    """What would go wrong at the end is said before any work."""
    suffix_format(args.output)
    engine.check_output(args.output, overwrite=args.overwrite, inputs=inputs)
    if args.save_recipe is not None:
        if os.path.realpath(args.save_recipe) == os.path.realpath(args.output):
            raise UsageError(f"--output and --save-recipe are both {args.output}.", subject=str(args.output),
                             remedy="Give the recipe a name of its own.")
        engine.check_output(args.save_recipe, overwrite=args.overwrite, inputs=inputs)


def _input(picture: Picture) -> Input:
    return input_of(picture.id, Path(picture.name).name, picture.path)


def source_input(source: Source, args: Namespace, wanted: Wanted, engine: Engine) -> SourceInput:
    """A source as the recipe names it: its files, be they photos or clips."""
    photos = []
    for words in wanted.photos[source.name]:
        found = next((p.id for p, _ in source.photos if p.path == words.path), None)
        id = found or engine.source_pictures(words.path)[0]
        photos.append(Photo(**input_of(id, words.path.name, words.path).model_dump(), face=words.face))
    return SourceInput(name=source.name, photos=tuple(photos), consent=_consent_of(source.name, args, wanted))


def backdrop_input(args: Namespace, wanted: Wanted) -> Input | None:
    """What is to lie behind people: this call's file, else the recipe's. Raises MissingInput, MediaError."""
    path: Path | None = args.backdrop
    if path is None:
        return wanted.base.backdrop if wanted.base is not None else None
    return input_of(read_backdrop(path)[0], path.name, path)


def people_consent(args: Namespace, wanted: Wanted) -> str | None:
    """The statement about those whom the target shows."""
    return STATEMENT if args.i_have_consent else wanted.base.consent if wanted.base and args.target is None else None


def _output(base: Recipe | None, output: Path) -> Output:
    return Output(format=suffix_format(output), quality=base.output.quality if base else None)


def _changed(rendered: Rendered, box: Box) -> bool:
    """Whether any pixel in a face's box differs: an effect may have had nothing to do."""
    rows, columns = (slice(max(int(low), 0), max(int(high) + 1, 0)) for low, high in ((box.y0, box.y1),
                                                                                     (box.x0, box.x1)))
    if rendered.frame.samples.shape != rendered.target.frame.samples.shape:
        return True  # the whole picture is another one
    before, after = rendered.target.frame.samples[rows, columns], rendered.frame.samples[rows, columns]
    return bool((before != after).any())


def _tell(terminal: Terminal, rendered: Rendered, written: Written, analysis: Analysis,
          sources: dict[str, Source]) -> None:
    notes = [*rendered.target.notes, *written.notes]
    for remark in notes:
        terminal.note(f"{rendered.target.name}: {remark.words}")
    for number, remarks in sorted(rendered.remarks.items()):
        for remark in remarks:
            terminal.note(f"{f'Face {number}' if number else rendered.target.name}: {remark.words}")
    changed = [r.number for r in analysis.faces if not isinstance(rendered.recipe.choice_for(r.number), Keep)
               and _changed(rendered, r.face.box)]
    data = {
        "output": str(written.path), "format": written.format, "bytes": written.bytes,
        "width": rendered.frame.width, "height": rendered.frame.height,
        "sidecar": str(written.sidecar) if written.sidecar else None,
        "notes": remark_data(notes), "remarks": remark_data(rendered.remarks.get(0, ())),
        "sources": [{"name": s.name, "remarks": remark_data(s.remarks)} for s in sources.values()],
        "faces": [{**face_data(report), "choice": rendered.recipe.choice_for(report.number).model_dump(),
                   "remarks": remark_data((*report.remarks, *rendered.remarks.get(report.number, ())))}
                  for report in analysis.faces],
        "recipe": rendered.recipe.model_dump(mode="json"),
    }
    people = "1 face" if len(changed) == 1 else f"{len(changed)} faces"
    terminal.answer(data, f"{written.path}: {people} changed of {len(analysis.faces)} found, {written.bytes:,} bytes"
                          + (f"; what was done is said in {written.sidecar}" if written.sidecar else ""))
