"""The product's own way: `render_clip`, as jobs and commands call it."""

from __future__ import annotations

import shutil
from pathlib import Path

from models.errors import ProcessorError
from models.sessions import SessionManager
from pipeline.analysis.store import Analyses
from pipeline.bench.speed.floor import WRITTEN, Loop
from pipeline.bench.speed.moving import astronaut
from pipeline.bench.speed.row import Way
from pipeline.bench.speed.twins import SWAPPER, Twins, twin_stack, twin_swapper
from pipeline.clips.probe import open_clip
from pipeline.engine import Engine
from pipeline.recipe import Output, Recipe, RunEffects, Segment, input_of, make_effects
from pipeline.rendering.control import Control
from pipeline.rendering.request import ClipRequest
from pipeline.rendering.run import render_clip
from processors.masks.ellipse import Ellipse
from processors.registry import Registry


def likeness_loop(clip: Path, output: Path, twins: Twins, way: Way = "likeness") -> Loop:
    """One swapper on a network of the bench's own and a soft oval, on everybody. way: faces followed as they are drawn;
    or found beforehand, with that (`likeness-whole`) or without (`likeness-stored`) in the loop."""
    sessions = SessionManager()
    stack = twin_stack(sessions, twins)
    picture, face = astronaut()
    source, = stack.recogniser.embed(picture, [face])
    registry = Registry([twin_swapper(sessions, twins, source), Ellipse])
    analyses = None if way == "likeness" else Analyses(output.with_name(f"{output.stem}-analyses"))
    engine = Engine(registry=registry, faces=stack, analyses=analyses)
    found = open_clip(clip)
    if analyses is not None:
        shutil.rmtree(output.with_name(f"{output.stem}-analyses"), ignore_errors=True)
    if way == "likeness-stored":
        engine.analyse_clip(found)
    recipe = Recipe(target=input_of(found.id, found.name, clip), everyone=RunEffects(),
                    segments=(Segment(effects=make_effects([SWAPPER, "ellipse"], registry)),),
                    output=Output(clip=WRITTEN))
    request = ClipRequest(recipe=recipe, output=output, overwrite=True)
    return lambda: _rendered(engine, request, found.frames)


def _rendered(engine: Engine, request: ClipRequest, frames: int) -> None:
    written = render_clip(engine, request, Control())
    if written.changed != frames:
        # A frame that only passed through costs nothing: such a figure must not be told.
        raise ProcessorError(f"Only {written.changed} of the bench's {frames} frames were changed.", subject=SWAPPER,
                             remedy="Report this as a fault of the bench.")
