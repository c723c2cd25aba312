"""`measure` and `bench`: how good a result is, and how fast clips and networks go through, in figures."""

from __future__ import annotations

from argparse import Namespace

from pipeline.bench.models.report import ModelsReport
from pipeline.bench.models.run import models
from pipeline.bench.report import QualityReport
from pipeline.bench.run import quality
from pipeline.bench.speed.report import SpeedReport
from pipeline.bench.speed.run import RESOLUTIONS, speed
from pipeline.measure import measure_pair
from pipeline.recipe import Keep, read_recipe
from studio.commands.engine import make_engine
from studio.commands.faults import DONE, UsageError
from studio.commands.inputs import open_sources, photos_of
from studio.commands.terminal import Terminal


def measure(args: Namespace, terminal: Terminal) -> int:
    engine = make_engine(args)
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
