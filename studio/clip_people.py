"""Who is in the open clip: what an analysis says while it goes on aside, and what the user knows better."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Any

from models.errors import LikenessError, MediaError, RecipeError
from pipeline.analysis.found import Glimpse
from pipeline.analysis.known import Known
from pipeline.analysis.people import Track
from pipeline.analysis.store import Wanted
from pipeline.engine import Clip, Control
from pipeline.pictures.preview import Encoded
from pipeline.recipe import Person, Recipe, Whose
from pipeline.rendering.control import ClipProgress
from studio import actions, who
from studio.analysing import Asked
from studio.analysing import Survey as Far
from studio.clip_lanes import Lanes, depends_on, make_lanes, place_key
from studio.clip_session import ClipSession
from studio.clip_times import time_of
from studio.project import short_of
from studio.steps import Steps, run
from studio.work import Ticket

EVERY = 0.4
"""Seconds between two looks at what is done aside."""

EDITS = (actions.NamePerson, actions.MergePeople, actions.SeparatePeople, actions.SayWho, actions.Survey)


async def change(c: ClipSession, action: Any) -> Steps:
    """Does one of EDITS. Raises RecipeError."""
    if isinstance(action, actions.NamePerson):
        c.put(who.named(c.recipe, action.person, action.name))
    elif isinstance(action, actions.MergePeople):
        c.put(who.merged(c.recipe, action.person, action.into))
    elif isinstance(action, actions.SeparatePeople):
        c.put(who.separated(c.recipe, action.person))
    elif isinstance(action, actions.SayWho):
        async for step in _say_who(c, action):
            yield step
    elif c.clip is not None:
        (c.unsurveyed.discard if action.on else c.unsurveyed.add)(c.clip.id)
        if not action.on:
            c.machine.analysing.drop(c.id)


# What is known ------------------------------------------------------------------------------------------------------


def asked_of(c: ClipSession, clip: Clip) -> Asked:
    return Asked(c.engine, clip, c.recipe.looking, c.recipe.people, lambda: c.at,
                 lambda: c.worker.busy or c.machine.aside.busy)


async def look(c: ClipSession) -> bool:
    """Takes over what is known by now: newcomers and lanes. Whether that is news."""
    clip, recipe = c.clip, c.recipe
    if clip is None or not c.looked or c.engine.analyses is None:
        gone, c.lanes = c.lanes is not None, None
        return gone
    asked = asked_of(c, clip)
    known = await asyncio.to_thread(_known, asked)
    if known is None or _is_elsewhere(c, clip, recipe):
        return False
    if c.lanes is not None and c.lanes.known is known and c.lanes.of == depends_on(recipe):
        return False
    states = {state.people: state for state in c.history.states
              if state.target is not None and state.target.id == clip.id and state.looking == recipe.looking}
    idle = _idle(c)
    lists = await asyncio.to_thread(_lists, known, clip, tuple(states), who.next_number(c.history.states), idle)
    if _is_elsewhere(c, clip, recipe) or _idle(c) != idle:
        return False
    c.newcomers |= {new.number for old, now in lists.items() for new in now if new not in old}
    c.keep_newcomers(clip, recipe.looking, lists)
    recipe = c.recipe
    made = await asyncio.to_thread(make_lanes, next(c.numbers), clip, known, recipe)
    if _is_elsewhere(c, clip, recipe):
        return False
    c.lanes = made
    return True


def _idle(c: ClipSession) -> set[int]:
    """Newcomers of whom nothing was said yet."""
    return c.newcomers - {number for state in c.history.states for number in who.spoken_of(state)}


def _is_elsewhere(c: ClipSession, clip: Clip, recipe: Recipe) -> bool:
    """Whether the person went on meanwhile: the next look is about that."""
    return c.closed or c.clip is not clip or depends_on(c.recipe) != depends_on(recipe)


def _known(asked: Asked) -> Known | None:
    try:
        known = asked.known()
    except LikenessError:
        return None  # what knew these people is gone; whatever works on the clip says so
    if known is not None:
        _ = known.clusters
    return known


def _lists(known: Known, clip: Clip, lists: tuple[tuple[Person, ...], ...], number: int, idle: set[int],
           ) -> dict[tuple[Person, ...], tuple[Person, ...]]:
    """Each list with those who are in none: who are there for a second, and in the end everybody. In the end, too, it
    is without newcomers of whom nothing was said (idle) and who turned out to be somebody else."""
    whole = known.is_whole or known.frames == clip.frames
    numbers: dict[int, int] = {}
    made = {}
    for people in lists:
        gone = known.superfluous(people, idle & {person.number for person in people}) if whole else frozenset()
        kept = [person for person in people if person.number not in gone]
        for cluster in known.newcomers(kept, 1 if whole else round(clip.rate)):
            of = numbers.setdefault(cluster.tracks[0].number, number + len(numbers))
            kept.append(known.person(of, cluster.descriptor, cluster.best))
        made[people] = tuple(kept)
    return made


# While it goes on ---------------------------------------------------------------------------------------------------


def begin(c: ClipSession) -> None:
    """Wants all of the open clip analysed, unless somebody said that it should not be."""
    clip = c.clip
    if clip is not None and c.looked and c.engine.analyses is not None and clip.id not in c.unsurveyed:
        c.machine.analysing.ask(c.id, asked_of(c, clip))


async def watch(c: ClipSession, picture: Callable[[ClipSession], Steps]) -> Steps:
    """Says how far what is done aside has come, until it is done or somebody else says it: the stand-in that scrubs
    quickly, and the analysis. picture: looks again who is in the frame at the playhead."""
    mine = c.watching = object()
    clip = c.clip
    if clip is None:
        c.machine.analysing.drop(c.id)
        return
    begin(c)
    analysing, told = c.machine.analysing, None
    while c.watching is mine and c.clip is clip and not c.closed:
        # Asked again and again: another tab with the same clip may have been closed, and dropped it.
        proxy = await asyncio.to_thread(c.machine.proxies.ask, clip)
        far = analysing.look(c.id)
        if await look(c):
            yield ("people", "clip")
            async for step in picture(c):
                yield step
        async for step in _portraits(c, clip):
            yield step
        _tell(c, far)
        now = (proxy.state, round(proxy.share, 2), far and (far.state, round(far.share, 2)))
        if now != told:
            told = now
            yield ("clip",)
        if proxy.state not in ("waiting", "making") and (far is None or far.state != "working"):
            return
        await asyncio.sleep(EVERY)


def _tell(c: ClipSession, far: Far | None) -> None:
    if far is not None and far.error is not None and far.error is not c.surveyed_badly:
        c.surveyed_badly = far.error
        c.tell(far.error, "viewer")


async def _portraits(c: ClipSession, clip: Clip) -> Steps:
    """A portrait of everybody who has none yet; in the end, of their best frames."""
    lanes = c.lanes
    if lanes is None:
        return
    for person in c.recipe.people:
        best = lanes.best(person.number)
        if best is None or place_key(clip, best) in c.media or not (lanes.whole or portrait_of(c, person) is None):
            continue
        shown = await _made(c, lanes, best)
        if c.closed or c.clip is not clip:
            return
        if shown is not None:
            c.media[place_key(clip, best)] = shown
            c.portraits[person.number] = place_key(clip, best)
            yield ("people", "clip")
        if c.lanes is not lanes:
            return


async def _made(c: ClipSession, lanes: Lanes, best: Glimpse) -> Encoded | None:
    """Made aside; None where the frame cannot be read."""
    ticket: Ticket[Encoded] = c.machine.analysing.worker.start(
        "looking", lambda _: c.engine.portrait_of(lanes.clip, lanes.known, best))
    while not await ticket.wait(EVERY):
        if c.closed:
            ticket.cancel()
            return None
    try:
        return ticket.future.result()
    except (MediaError, OSError):
        return None  # damaged there: the list shows the number


def portrait_of(c: ClipSession, person: Person) -> str | None:
    """The key of somebody's portrait: of the best frame that is known, or the one before, or the quick look's."""
    clip, looking = c.clip, c.recipe.looking
    if clip is None:
        return None
    best = c.lanes.best(person.number) if c.lanes else None
    keys = [place_key(clip, best)] if best else []
    if (last := c.portraits.get(person.number)) is not None:
        keys.append(last)
    found = next((one.person for one in c.found.get((clip.id, looking), ()) if one.person.number == person.number),
                 None)
    if found is not None and found.descriptor == person.descriptor:  # a loaded recipe may number otherwise
        keys.append(look_key(clip, person.number, looking.small, looking.turned))
    return next((key for key in keys if key in c.media), None)


# The user's word ----------------------------------------------------------------------------------------------------


async def _say_who(c: ClipSession, action: actions.SayWho) -> Steps:
    clip = c.clip
    if clip is None or c.engine.analyses is None:
        raise _no_face(action)
    frame = min(action.frame, clip.frames - 1)
    known: list[Known] = []
    async for step in _known_at(c, clip, frame, known):
        yield step
    while not c.closed and c.clip is clip:
        recipe = c.recipe
        number = who.next_number(c.history.past) if action.to is None else action.to
        changed = await asyncio.to_thread(_said, known[0], recipe, action, frame, number)
        if c.recipe == recipe:  # else somebody new was found meanwhile
            c.put(changed)
            return


def _said(known: Known, recipe: Recipe, action: actions.SayWho, frame: int, number: int) -> Recipe:
    track, here = _meant(known, recipe, action, frame, number)
    if action.to is None:
        return who.split(recipe, known, track, here, everywhere=action.everywhere)
    return who.said(recipe, known, track, here)


async def _known_at(c: ClipSession, clip: Clip, frame: int, into: list[Known]) -> Steps:
    """The analysis with what is known at a frame, which is looked at first where it is not known."""
    asked = asked_of(c, clip)
    known = await asyncio.to_thread(_known, asked)
    if known is None or not known.holds(frame, frame):
        def analyse(ticket: Ticket[Known]) -> Known:
            def tell(progress: ClipProgress) -> None:
                ticket.progress(progress.done / max(progress.total, 1))

            return c.engine.analyse_clip(clip, asked.looking, Control(cancelled=ticket.cancelled, progress=tell),
                                         Wanted(frame, frame), asked.people)

        made: list[Known] = []
        wanted: Hashable = ("analysis", clip.id, asked.looking, frame)
        with c.machine.analysing.held(asked):
            async for step in run(c, "analysing", analyse, made, wanted, c.machine.aside):
                yield step
        known = made[0]
    into.append(known)


def _meant(known: Known, recipe: Recipe, action: actions.SayWho, frame: int, number: int) -> tuple[Track, Whose]:
    """The track that is meant, and a place in it. Raises RecipeError where there is none."""
    decided = known.decided(recipe.people, recipe.whose, recipe.merged)
    if action.x is not None and action.y is not None:
        found = known.track_at(time_of(known.clip, frame), action.x, action.y)
        wanted = None if found is None else found.number
    else:
        own = [track for track in known.tracks if decided.numbers.get(track.number, 0) == action.person]
        near = min(own, key=lambda one: (max(one.first - frame, frame - one.last, 0), one.number), default=None)
        wanted = None if near is None else near.number
        frame = frame if near is None else min(max(frame, near.first), near.last)
    for one in decided.faces_at(frame, {}):
        if one.track == wanted:
            track = next(track for track in known.tracks if track.number == wanted)
            return track, who.place_of(known, frame, one.face.box, number)
    raise _no_face(action)


def _no_face(action: actions.SayWho) -> RecipeError:
    return RecipeError(f"There is no face at that place of frame {action.frame}.", subject=str(action.frame),
                       code="RECIPE.NO_SUCH_FACE", remedy="Choose one that is framed in the picture.")


def look_key(clip: Clip, number: int, small: bool, turned: bool) -> str:
    """Of the quick look's portrait."""
    return f"{short_of(clip.id)}/person-{number}-{int(small)}{int(turned)}"

