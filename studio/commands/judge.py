"""`measure` and `bench`: how good a result is, and how fast clips and networks go through, in figures."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable

from pipeline.analysis.known import Decided
from pipeline.analysis.store import Wanted
from pipeline.bench.models.report import ModelsReport
from pipeline.bench.models.run import models
from pipeline.bench.report import QualityReport
from pipeline.bench.run import quality
from pipeline.bench.speed.report import SpeedReport
from pipeline.bench.speed.run import RESOLUTIONS, speed
from pipeline.clips.clip import Clip
from pipeline.clips.probe import is_clip
from pipeline.engine import Engine
from pipeline.findings.page import page
from pipeline.findings.pair import measure_clips
from pipeline.findings.pictures import thumbnails
from pipeline.measure import measure_pair, source_descriptor
from pipeline.pictures import check_output
from pipeline.pictures.atomic import write_all
from pipeline.recipe import Keep, Recipe, read_recipe
from pipeline.rendering.control import Control
from pipeline.rendering.desk import stopper
from studio.commands.engine import make_engine
from studio.commands.faults import DONE, UsageError
from studio.commands.inputs import open_sources, photos_of
from studio.commands.terminal import Terminal


def measure(args: Namespace, terminal: Terminal) -> int:
    """Raises UsageError where only one of the two is a clip, and for a page about pictures."""
    engine = make_engine(args)
    clips = [is_clip(path) for path in (args.before, args.after)]
    if all(clips):
        return _measure_clip(args, terminal, engine)
    if any(clips):
        raise UsageError("One of --before and --after is a clip and the other is a picture.", subject="--after",
                         remedy="Name two pictures or two clips.")
    if args.report is not None:
        raise UsageError("--report is for clips.", subject="--report", remedy="Leave it out, or name two clips.")
    recipe = read_recipe(args.recipe, engine.registry) if args.recipe is not None else None
    source, before, after = (engine.open(path) for path in (args.source, args.before, args.after))
    mask = faces = None
    if recipe is not None:
        sources = open_sources(engine, photos_of(recipe, args.recipe), recipe)
        mask = engine.render(recipe, before, sources).mask()
        # Those that were left alone have nothing to measure.
        faces = [report.face for report in engine.analyse(before, recipe.looking).faces
                 if not isinstance(recipe.choice_for(report.number), Keep)]
    found = measure_pair([source.frame], before.frame, after.frame, engine.faces, mask=mask, faces=faces)
    terminal.answer({"source": source.name, "before": before.name, "after": after.name,
                     **found.model_dump(mode="json")}, found.to_text())
    return DONE


_FLAGS = {"quality": ("sheets", "pairs"), "pipeline": ("resolutions", "frames"), "models": ()}
"""Which bench takes which flags."""


def _measure_clip(args: Namespace, terminal: Terminal, engine: Engine) -> int:
    recipe = read_recipe(args.recipe, engine.registry) if args.recipe is not None else None
    before, after = engine.open_clip(args.before), engine.open_clip(args.after)
    source = engine.source("source", [(engine.open(args.source), None)])
    stack = engine.faces_for(recipe.people if recipe is not None else ())
    if args.report is not None:
        check_output(args.report, args.overwrite, [args.before, args.after, args.source])
    descriptor = source_descriptor([picture.frame for picture, _ in source.photos], stack)
    find = _finder(terminal, engine, before, recipe or Recipe())
    found = measure_clips(before, after, descriptor, stack, find, recipe,
                          check=stopper(terminal.stop.is_set),
                          progress=lambda share: terminal.progress(share, "Measuring"))
    names = {"source": args.source.name, "before": before.name, "after": after.name}
    if args.report is not None:
        pictures = thumbnails(before, after, found.sheet, found.findings, found.offset)
        write_all([(args.report, page(found, names, pictures.get).encode())], overwrite=args.overwrite)
    sheet = found.sheet
    terminal.answer({
        **names, "frames": sheet.last - sheet.first + 1, "rate": found.rate, "recogniser": sheet.recogniser,
        "same_person": sheet.same_person, "people": found.people(), "findings": [one.data() for one in found.findings],
        "report": str(args.report) if args.report is not None else None,
    }, found.to_text())
    return DONE


def _finder(terminal: Terminal, engine: Engine, clip: Clip, recipe: Recipe) -> Callable[[int, int], Decided]:
    """The clip's stored analysis, made where it is not there yet, as a render does."""
    control = Control(cancelled=terminal.stop.is_set,
                      progress=lambda told: terminal.progress(told.done / max(told.total, 1), "Following faces"))

    def find(first: int, last: int) -> Decided:
        known = engine.analyse_clip(clip, recipe.looking, control, Wanted(first, last), recipe.people)
        return known.decided(recipe.people, recipe.whose, recipe.merged)

    return find


def bench(args: Namespace, terminal: Terminal) -> int:
    """Raises UsageError for flags of another bench."""
    for name in (flag for what, flags in _FLAGS.items() if what != args.what for flag in flags):
        if getattr(args, name) is not None:
            raise UsageError(f"bench {args.what} has no flag --{name}.", remedy="`bench --help` says whose it is.")
    found: QualityReport | SpeedReport | ModelsReport
    if args.what == "quality":
        found = quality(pairs=args.pairs, sheets=args.sheets, progress=terminal.progress)
    elif args.what == "pipeline":
        found = speed(resolutions=args.resolutions or tuple(RESOLUTIONS), frames=args.frames,
                      progress=terminal.progress)
    else:
        found = models(progress=terminal.progress)
    terminal.answer(found.model_dump(mode="json"), found.to_text())
    return DONE
