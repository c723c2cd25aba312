"""Does what the Clip screen asked for. See `studio.perform`, which calls it and tells errors."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

from models.errors import InputError, LikenessError, OutputError
from pipeline.clips.example import example_clip
from pipeline.engine import Clip, FaceThere, PersonFound
from pipeline.pictures.preview import Encoded
from pipeline.recipe import Recipe, UseSource
from studio import actions, cast, clip_findings, clip_jobs, clip_people, reload
from studio.clip_lanes import depends_on
from studio.clip_reload import take_over
from studio.clip_session import SPAN, ClipSession, MovingPreview, Still
from studio.clip_times import frame_at, length_of, time_of
from studio.project import short_of
from studio.steps import (
    BRINGS,
    EVERYTHING,
    TELL_EVERY,
    Steps,
    add_photo,
    checked_upload,
    choose_backdrop,
    example_source,
    learn,
    put_away,
    read_recipe_file,
    run,
    told_by_path,
)
from studio.work import Newest, Ticket

T = TypeVar("T")
logger = logging.getLogger(__name__)

MOVING = ("clip", "tray", "bar")
EXAMPLE = "example.mp4"
EXAMPLE_SIZE, EXAMPLE_FRAMES = (960, 540), 120
"""Of the example clip: made in a few seconds and rendered in a quarter of a minute, and still worth looking at."""
STILL_WIDTH = 1920
"""Pixels of a rendered frame on the screen: more than a viewer in a window of a usual screen shows."""


async def steps(c: ClipSession, action: Any) -> Steps:
    """As `studio.perform.perform`, for the Clip screen; raises LikenessError."""
    if isinstance(action, actions.Screen):
        yield EVERYTHING
    elif isinstance(action, actions.Cancel):
        c.halted = True
        c.clear()
        yield EVERYTHING
        async for step in clip_people.watch(c, _picture):  # which was told of by what has just been stopped
            yield step
    elif isinstance(action, actions.SaveRecipe):
        name = c.clip.name if c.clip else None
        c.hand_over(await asyncio.to_thread(reload.write_recipe, c, name), "recipe", "json")
        yield EVERYTHING
    elif isinstance(action, actions.OfJob | actions.Render | actions.RenderAgain):
        async for step in clip_jobs.steps(c, action):
            yield step
        if isinstance(action, actions.TakeUp | actions.LookAtFindings):
            async for step in _catch_up(c):
                yield step
    elif isinstance(action, actions.PreviewSpan):
        async for step in _moving_preview(c, action.frame):
            yield step
    elif isinstance(action, actions.IgnoreFinding):
        await clip_findings.ignore(c, action)
        yield ("clip",)
    elif isinstance(action, actions.Estimates):
        async for step in _estimate(c, action.output):
            yield step
    elif isinstance(action, actions.At):
        c.rest_at(action.frame, action.jump)
        yield ("clip", "chain", "tray", "people")
        async for step in _picture(c):
            yield step
    else:
        async for step in _change(c, action):
            yield step
        async for step in _catch_up(c, settle=isinstance(action, BRINGS)):
            yield step


async def _change(c: ClipSession, action: Any) -> Steps:
    if isinstance(action, actions.Open):
        async for step in _open(c, Path(action.at), action.name, action.how):
            yield step
    elif isinstance(action, actions.ClipExample):
        async for step in _example(c):
            yield step
    elif isinstance(action, actions.AddPhoto):
        async for step in add_photo(c, action, c.folder / "originals"):
            yield step
    elif isinstance(action, actions.ChooseBackdrop):
        async for step in choose_backdrop(c, action):
            yield step
    elif isinstance(action, actions.LoadRecipe):
        async for step in _load_recipe(c, action):
            yield step
    elif isinstance(action, clip_people.EDITS):
        async for step in clip_people.change(c, action):
            yield step
    elif not isinstance(action, actions.Refresh):
        c.edit(action)


# Opening ------------------------------------------------------------------------------------------------------------


async def _open(c: ClipSession, path: Path, name: str, how: str) -> Steps:
    """A file on this machine stays where it is; an uploaded one is moved into the tab's folder."""
    checked = checked_upload(c, path, how)
    shown = name or path.name

    def probe(_: Ticket[Any]) -> Clip:
        there = checked
        if how == "upload":
            kept = put_away(checked, c.folder / "originals")
            assert kept is not None
            there = kept
        try:
            with told_by_path(there, shown, how):
                return c.engine.open_clip(there.absolute(), name=shown)
        except LikenessError:
            if how == "upload":
                there.unlink(missing_ok=True)
            raise

    read: list[Clip] = []
    async for step in run(c, "probing", probe, read):
        yield step
    clip = read[0]
    if how == "upload":
        c.keep_original(clip.id, clip.path)
    c.keep_clip(clip)
    c.set_target(clip)
    c.drop_unused()


async def _example(c: ClipSession) -> Steps:
    """The example clip, made once in the data folder, with the example's source on its second person."""
    path = c.machine.examples / EXAMPLE

    def make(_: Ticket[Any]) -> None:
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            example_clip(path, size=EXAMPLE_SIZE, frames=EXAMPLE_FRAMES, cut=EXAMPLE_FRAMES // 2)

    made: list[None] = []
    async for step in run(c, "making_example", make, made, "example"):
        yield step
    async for step in _open(c, path, EXAMPLE, "machine"):
        yield step
    named: list[str] = []
    async for step in example_source(c, named):
        yield step
    async for step in learn(c):
        yield step
    async for step in _people(c):
        yield step
    # The astronaut's own shot comes first; her face goes on the other person.
    if c.recipe.people:
        c.put(cast.choose(c.recipe, c.recipe.people[-1].number, UseSource(source=named[0])))
    clip = c.clip
    last = c.recipe.people[-1] if c.recipe.people else None
    if clip is not None and last is not None and last.seen is not None:
        c.go_to(frame_at(clip, Fraction(last.seen)))


async def _load_recipe(c: ClipSession, action: actions.LoadRecipe) -> Steps:
    loaded = await read_recipe_file(c, action)
    read: list[reload.Found] = []
    clips, shots, kept = dict(c.clips), dict(c.shots), dict(c.originals)
    async for step in run(c, "opening", lambda _: reload.find_files(loaded, clips, shots, c.engine, kept), read):
        yield step
    take_over(c, loaded, read[0])


# Keeping up with the recipe -----------------------------------------------------------------------------------------


async def _catch_up(c: ClipSession, settle: bool = True) -> Steps:
    """Learns the sources, shows the frame at the playhead, looks for people, and learns what a render would take."""
    c.halted = False
    if c.clip is not None:
        await asyncio.to_thread(c.machine.proxies.ask, c.clip)
    await clip_people.look(c)
    yield EVERYTHING
    async for step in learn(c):
        yield step
    async for step in _picture(c):
        yield step
    looked = c.looked
    async for step in _people(c):
        yield step
    clip_people.begin(c)
    if settle:
        c.settle()
    if not looked and c.looked:
        async for step in learn(c):
            yield step
        async for step in _picture(c):
            yield step
    async for step in _estimate(c, None):
        yield step
    async for step in clip_people.watch(c, _picture):
        yield step
    async for step in _estimate(c, None):
        yield step


async def _newest(c: ClipSession, place: Newest[T], stage: str, work: Callable[[Ticket[T]], T], into: list[T]) -> Steps:
    """As `run`, for what only the newest counts of; `into` stays empty where another took its place."""
    ticket = place.ask(stage, work)
    yield MOVING
    while not await ticket.wait(TELL_EVERY):
        yield MOVING
    made = place.take(ticket)
    if made is not None and not c.closed:
        into.append(made)


async def _picture(c: ClipSession) -> Steps:
    """Whose faces are in the frame at the playhead, and the frame with the recipe's effects."""
    clip, at, recipe = c.clip, c.at, c.recipe
    if clip is None:
        c.finding.drop()
        c.previews.drop()
        return
    there_known = c.lanes is not None and c.lanes.known.holds(at, at)
    key = f"{clip.id} {recipe.looking} {depends_on(recipe)} {there_known}"
    if c.faces is None or c.faces[:2] != (key, at):
        there: list[tuple[FaceThere, ...]] = []
        c.previews.drop()  # of another frame, or of who was thought to be there
        async for step in _newest(c, c.finding, "finding", lambda _: c.engine.faces_at(
                clip, time_of(clip, at), recipe.people, recipe.looking, recipe.whose, recipe.merged), there):
            yield step
        if not there:
            return
        c.faces = (key, at, there[0])
        yield MOVING
        if c.finding.running:
            return  # somebody went on meanwhile: who is there now is found first, and then drawn
    async for step in _still(c):
        yield step


async def _still(c: ClipSession) -> Steps:
    clip, at, wanted, recipe, sources = c.clip, c.at, c.wanted, c.for_engine(c.recipe), c.learned()
    if clip is None or wanted is None or c.still is not None:
        c.previews.drop()
        yield EVERYTHING
        return

    def draw(ticket: Ticket[Any]) -> tuple[Encoded, Any]:
        return c.engine.clip_preview(recipe, clip, sources, time_of(clip, at), width=min(clip.width, STILL_WIDTH),
                                     cancelled=ticket.cancelled)

    drawn: list[tuple[Encoded, Any]] = []
    try:
        async for step in _newest(c, c.previews, "rendering", draw, drawn):
            yield step
    except OutputError as error:  # larger than can be written: the estimate says the same, and who is in it is found
        c.tell(error, "bar")
        yield EVERYTHING
    if drawn:
        shown, how = drawn[0]
        key = f"{short_of(clip.id)}/still-{time.monotonic_ns():x}"
        c.keep_still(Still(wanted, at, key, dict(how.remarks)), shown)
        yield EVERYTHING


async def _people(c: ClipSession) -> Steps:
    """Who is in the clip: looked for aside, so that nothing waits for it but what needs it."""
    clip, looking = c.clip, c.recipe.looking
    if clip is None:
        return
    if c.looked:
        c.keep_people(clip, looking, c.found[(clip.id, looking)])
        return

    def look(ticket: Ticket[Any]) -> tuple[tuple[PersonFound, ...], dict[str, Encoded]]:
        found = c.engine.look_through(clip, looking, progress=lambda share, _words: ticket.progress(share),
                                      cancelled=ticket.cancelled)
        return found, {clip_people.look_key(clip, one.person.number, looking.small, looking.turned):
                       c.engine.portrait(clip, one) for one in found}

    there: list[tuple[tuple[PersonFound, ...], dict[str, Encoded]]] = []
    async for step in run(c, "looking", look, there, ("people", clip.id, looking), c.machine.aside):
        yield (*step, "people")
    if not c.closed:
        c.media.update(there[0][1])
        c.keep_people(clip, looking, there[0][0])
        yield EVERYTHING


async def _estimate(c: ClipSession, output: str | None) -> Steps:
    """Frames × measured time, size and room. What cannot be written is said at once, not after an hour."""
    clip, recipe, sources = c.clip, c.for_engine(c.recipe), c.learned()
    if clip is None or c.wanted is None:
        c.estimating.drop()
        c.estimate, c.estimate_for = None, None
        yield MOVING
        return
    whole = c.lanes is not None and c.lanes.whole  # then groups in which nobody is will be copied
    asked = f"{_pace_of(recipe)} {c.factor} {output} {whole}"
    if c.estimate_for == asked:
        return
    c.estimate_for = asked
    path = Path(output) if output else clip_jobs.proposed(c)
    made: list[Any] = []
    try:
        async for step in _newest(c, c.estimating, "estimating", lambda ticket: c.engine.estimate(
                recipe, clip, sources, path, cancelled=ticket.cancelled), made):
            yield step
    except LikenessError as error:
        if error.code == "CANCELLED.USER":
            raise
        c.estimate = None
        c.tell(error, "bar")
        yield MOVING
    if made:
        c.estimate = made[0]
        c.calm("bar")
        yield MOVING
    elif c.estimate_for == asked:
        c.estimate_for = None  # stopped, not replaced by another: the next change asks again


def _pace_of(recipe: Recipe) -> str:
    """What an estimate depends on. A slider's place changes it by less than it is sure of: measuring anew after each
    would take the machine from the preview that shows what the slider did."""
    chains = [(s.start, s.stop, [(effect.processor, effect.on) for effect in s.effects]) for s in recipe.segments]
    rest = recipe.model_dump_json(include={"target", "cast", "everyone", "merged", "whose", "covers", "trim", "looking",
                                           "output"})
    return f"{chains} {rest}"


def proxy_key(clip: Clip) -> str:
    return f"proxy-{short_of(clip.id)}"


# A few seconds ------------------------------------------------------------------------------------------------------


async def _moving_preview(c: ClipSession, frame: int) -> Steps:
    async for step in learn(c):
        yield step
    clip, wanted, recipe, sources = c.clip, c.wanted, c.for_engine(c.recipe), c.learned()
    if clip is None or wanted is None:
        raise InputError("There is nothing to preview yet.", code="STUDIO.NOTHING_CHANGED",
                         remedy="Choose a source, blur or another way for at least one person.")
    start = max(min(time_of(clip, frame) - SPAN / 2, length_of(clip) - SPAN), Fraction(0))
    start = time_of(clip, frame_at(clip, start))

    def render(ticket: Ticket[Any]) -> Path:
        return c.engine.clip_span(recipe, clip, sources, start, c.folder / "previews", seconds=SPAN,
                                  progress=lambda share, _words: ticket.progress(share), cancelled=ticket.cancelled)

    made: list[Path] = []
    async for step in _newest(c, c.rendering_span, "previewing", render, made):
        yield step
    if not made:
        return
    if c.span is not None and (old := c.files.pop(c.span.key, None)) is not None:
        old.unlink(missing_ok=True)
    key = f"span-{time.monotonic_ns():x}"
    c.files[key] = made[0]
    c.span = MovingPreview(wanted, key, float(start), float(min(start + SPAN, length_of(clip))))
    yield EVERYTHING
