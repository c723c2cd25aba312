"""`render`: flags and recipe to one recipe, and that to one picture."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.face import Box
from pipeline.analysis import Analysis
from pipeline.engine import Engine, Rendered, Source, changes_anybody
from pipeline.pictures import Picture, Written, suffix_format
from pipeline.recipe import (
    Anonymise,
    Choice,
    Input,
    Keep,
    Output,
    Photo,
    Recipe,
    RunEffects,
    SourceInput,
    UseSource,
    input_of,
    read_recipe,
)
from pipeline.version import VERSION
from studio.commands.chain import Chain, chain_from_flags, needs_source
from studio.commands.faults import DONE, UsageError
from studio.commands.inputs import check_same, find_input, open_sources, photos_of
from studio.commands.look import face_data, face_lines, looking, remark_data, stages
from studio.commands.people import SourceWords, by_name, parse_map, parse_source
from studio.commands.terminal import Terminal


@dataclass(frozen=True, slots=True)
class Wanted:
    """What flags and recipe ask for, before any picture was opened. base: the recipe that the flags begin with."""

    base: Recipe | None
    chain: Chain
    target: Path
    photos: dict[str, list[SourceWords]]
    people: dict[int, Choice] | None
    others: Choice | None


def render(args: Namespace, terminal: Terminal) -> int:
    engine = Engine()
    wanted = _wanted(args, engine)
    inputs = [wanted.target, *(photo.path for photos in wanted.photos.values() for photo in photos)]
    _check_outputs(engine, args, inputs)
    target = engine.open(wanted.target)
    if args.target is None and wanted.base is not None and wanted.base.target is not None:
        check_same(target, wanted.base.target)
    look = looking(args.look) if args.look is not None or wanted.base is None else wanted.base.looking
    progress = stages(terminal)
    analysis = engine.analyse(target, look, progress=lambda share, stage: progress(share / 2, stage))
    sources = open_sources(engine, wanted.photos, None if args.source else wanted.base)
    for source in sources.values():
        for remark in source.remarks:
            terminal.note(f"{source.name}: {remark.words}")
    recipe = Recipe(
        made_with=f"Likeness {VERSION}", target=_input(target), looking=look,
        sources=tuple(_source_input(source, wanted) for source in sources.values()),
        output=_output(wanted.base, args.output),
    ).with_effects(wanted.chain)
    recipe = Recipe.model_validate({**recipe.model_dump(), **_cast(wanted, analysis, engine)})
    _check_people(recipe, analysis, target)
    rendered = engine.render(recipe, target, sources, progress=progress, cancelled=terminal.stop.is_set)
    progress(1.0, "write")
    recipes = [] if args.save_recipe is None else [(args.save_recipe, recipe.to_json().encode())]
    written = engine.save(rendered, args.output, overwrite=args.overwrite, inputs=inputs, companions=recipes)
    _tell(terminal, rendered, written, analysis, sources)
    return DONE


def _wanted(args: Namespace, engine: Engine) -> Wanted:
    """Raises UsageError for flags that make no sense together, and what reading the recipe raises."""
    words = by_name([parse_source(text) for text in args.source])
    base = read_recipe(args.recipe, engine.registry) if args.recipe is not None else None
    chain = chain_from_flags(args, base, engine.registry)
    if base is not None and not words:
        words = photos_of(base, args.recipe)
    people, others = parse_map(args.map, list(words)) if args.map is not None else (None, None)
    target = args.target
    if target is None and base is not None and base.target is not None:
        target = find_input(base.target, args.recipe)
    if target is None:
        raise UsageError("There is no --target.", subject="--target", remedy="Name the picture to work on.")
    if not words and people is None and base is None and needs_source(chain, engine.registry):
        raise UsageError("There is no --source, and no --map that could do without one.", subject="--source",
                         remedy="Name a photo of the face to put in, or say for example --map others=blur.")
    return Wanted(base, chain, target, words, people, others)


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


def _source_input(source: Source, wanted: Wanted) -> SourceInput:
    photos = tuple(Photo(**_input(picture).model_dump(), face=words.face)
                   for (picture, _), words in zip(source.photos, wanted.photos[source.name], strict=True))
    said = {s.name: s.consent for s in wanted.base.sources} if wanted.base else {}
    return SourceInput(name=source.name, photos=photos, consent=said.get(source.name))


def _output(base: Recipe | None, output: Path) -> Output:
    return Output(format=suffix_format(output), quality=base.output.quality if base else None)


def _cast(wanted: Wanted, analysis: Analysis, engine: Engine) -> dict[str, Any]:
    """`cast` and `everyone` of the recipe. Raises UsageError where it is not said who gets what."""
    names = list(wanted.photos)
    if wanted.base is not None:
        cast, everyone = dict(wanted.base.cast), wanted.base.everyone
    elif wanted.people is not None:
        cast, everyone = {}, Keep()
    elif not names:
        cast, everyone = {}, RunEffects()
    else:
        cast, everyone = {}, UseSource(source=names[0])
        if len(names) > 1 and analysis.faces:
            raise _who(f"There are {len(names)} sources ({', '.join(names)}) and no --map.", names, analysis)
    cast |= wanted.people or {}
    everyone = wanted.others or everyone
    gone = {c.source for c in (*cast.values(), everyone) if isinstance(c, UseSource)} - set(names)
    if gone and len(names) != 1:
        raise _who(f"The recipe uses the source {sorted(gone)[0]!r}, which is not among the --source.", names, analysis)

    def there(choice: Choice) -> Choice:
        # One source that is given instead of those that the recipe had takes their place.
        return UseSource(source=names[0]) if isinstance(choice, UseSource) and choice.source in gone else choice

    return {"cast": {n: there(c) for n, c in cast.items()}, "everyone": there(everyone)}


def _check_people(recipe: Recipe, analysis: Analysis, target: Picture) -> None:
    numbers = {report.number for report in analysis.faces}
    unknown = sorted(set(recipe.cast) - numbers)
    if unknown and numbers:
        raise _who(f"{target.name} has no person {unknown[0]}.", [s.name for s in recipe.sources], analysis,
                   code="RECIPE.NO_SUCH_PERSON")
    hidden = any(isinstance(choice, Anonymise) for choice in (*recipe.cast.values(), recipe.everyone))
    if not hidden and not any(effect.on for effect in recipe.effects):
        raise UsageError("The chain has no effects: there is nothing to do.", code="RECIPE.NOTHING_TO_DO",
                         remedy="Name some with --preset or --effects.")
    if not changes_anybody(recipe):
        raise UsageError("Everybody would be kept as they are: there is nothing to do.", code="RECIPE.NOTHING_TO_DO",
                         remedy="Say who gets what with --map.")


def _who(message: str, names: Sequence[str], analysis: Analysis, code: str = "USAGE.WHO") -> UsageError:
    example = names[0] if names else "blur"
    return UsageError(message, code=code, remedy=f"Say who gets what, for example --map 1={example},others=keep.",
                      more="\n".join(["The faces in the picture:", *face_lines(analysis)]),
                      data={"faces": [face_data(report) for report in analysis.faces]})


def _changed(rendered: Rendered, box: Box) -> bool:
    """Whether any pixel in a face's box differs: an effect may have had nothing to do."""
    rows, columns = (slice(max(int(low), 0), max(int(high) + 1, 0)) for low, high in ((box.y0, box.y1),
                                                                                     (box.x0, box.x1)))
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
