"""What the Clip screen of one tab holds: the clip, its recipe, where the playhead is, and what was made of it to look
at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from models.errors import LikenessError
from pipeline.clips.proxies import ProxyState
from pipeline.engine import Clip, Estimate, FaceThere, PersonFound, changes_anything
from pipeline.pictures.preview import Encoded
from pipeline.recipe import Anonymise, DrawnBox, Effect, Looking, Output, Person, Recipe, Span, UseSource, input_of
from pipeline.rendering.larger import factor_of
from processors.batches import Remark
from studio import actions, clip_fixes, segments
from studio.clip_lanes import Lanes
from studio.clip_times import edge_at, frame_at, length_of, time_of
from studio.judged import Judged
from studio.machine import Machine
from studio.project import Project, short_of
from studio.work import Newest

STILLS = 6
"""Rendered frames that are kept: the page may be fetching the one before, and undo goes back to it."""

SPAN = Fraction(3)
"""Seconds of a moving preview: long enough to see flicker, short enough to wait for."""


_NOT_SEEN: Any = {"output": True, "trim": True, "accepted": True, "people": {"__all__": {"name"}}}
"""What of a recipe changes no picture."""


@dataclass(frozen=True, slots=True)
class Still:
    """A rendered frame. wanted: the recipe's words that it is of. remarks: by person."""

    wanted: str
    frame: int
    key: str
    remarks: Mapping[int, tuple[Remark, ...]]


@dataclass(frozen=True, slots=True)
class MovingPreview:
    """A few rendered seconds. key: under which the page fetches them. start: where they lie, in seconds."""

    wanted: str
    key: str
    start: float
    stop: float


@dataclass(slots=True)
class Pair:
    """A finished render beside what it was made of. result, original: keys of files that browsers play; None until
    their stand-ins are made."""

    job: str
    name: str
    result: str | None = None
    original: str | None = None
    share: float = 0.0
    offset: float = 0.0


@dataclass
class ClipSession(Project):
    """files: by key, what the page may fetch of this tab, and nothing else. small: stand-ins, probed. answers: spans
    that were accepted, by the job that asked. submitted_for: what the last render was of. at: the frame under the
    playhead; jump: grows when the studio moved it. judged: a finished render with what was found in it, since somebody
    asked. again: the job that was queued last to mend one. lanes: who is where, as far as it is known. unsurveyed:
    clips that are not to be gone through. watching: who tells of what is done aside. newcomers: numbers of those whom
    the analysis added. portraits: keys of the last that were made, by number. surveyed_badly: the last error of it that
    was told.
    """

    machine: Machine = field(default_factory=Machine)
    clips: dict[str, Clip] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    found: dict[tuple[str, Looking], tuple[PersonFound, ...]] = field(default_factory=dict)
    faces: tuple[str, int, tuple[FaceThere, ...]] | None = None
    stills: list[Still] = field(default_factory=list)
    span: MovingPreview | None = None
    estimate: Estimate | None = None
    estimate_for: str | None = None
    pair: Pair | None = None
    small: dict[str, Clip] = field(default_factory=dict)
    answers: dict[str, tuple[Span, ...]] = field(default_factory=dict)
    submitted_for: str | None = None
    at: int = 0
    jump: int = 0
    judged: Judged | None = None
    again: str | None = None
    lanes: Lanes | None = None
    unsurveyed: set[str] = field(default_factory=set)
    watching: object = None
    newcomers: set[int] = field(default_factory=set)
    portraits: dict[int, str] = field(default_factory=dict)
    surveyed_badly: LikenessError | None = None

    def __post_init__(self) -> None:
        self.safe = self.machine.safe
        super().__post_init__()
        self.finding: Newest[tuple[FaceThere, ...]] = Newest(self.worker)
        self.previews: Newest[Any] = Newest(self.worker)
        self.estimating: Newest[Estimate] = Newest(self.machine.aside)
        self.rendering_span: Newest[Path] = Newest(self.worker)

    @property
    def clip(self) -> Clip | None:
        wanted = self.recipe.target
        return self.clips.get(wanted.id) if wanted else None

    @property
    def tabs_folder(self) -> Path:
        return self.folder.parent.parent

    @property
    def people(self) -> int:
        return len(self.recipe.people)

    @property
    def looked(self) -> bool:
        clip = self.clip
        return clip is not None and (clip.id, self.recipe.looking) in self.found

    @property
    def selected(self) -> int:
        """The segment that the sidebar edits: the one under the playhead."""
        clip = self.clip
        if clip is None:
            return 0
        return segments.at(self.recipe.segments, time_of(clip, self.at), length_of(clip))

    @property
    def chain(self) -> tuple[Effect, ...]:
        return self.recipe.segments[self.selected].effects

    def with_chain(self, chain: tuple[Effect, ...]) -> Recipe:
        return segments.with_effects(self.recipe, self.selected, chain)

    @property
    def wanted(self) -> str | None:
        """What a render would be of; None where nothing would change."""
        recipe = self.recipe
        if self.clip is None or not changes_anything(recipe):
            return None
        used = {choice.source for choice in (*recipe.cast.values(), recipe.everyone) if isinstance(choice, UseSource)}
        if used - set(self.learned()):
            return None  # a source of its own is not learned yet
        sources = tuple(s for s in recipe.sources if s.name in used)
        return recipe.model_copy(update={"sources": sources}).model_dump_json(exclude=_NOT_SEEN)

    @property
    def factor(self) -> Fraction:
        """How many times as large the effects make the clip; 1 where they cannot, which is said where it is drawn."""
        clip = self.clip
        try:
            return Fraction(1) if clip is None else factor_of(self.recipe, self.engine.registry, clip)
        except LikenessError:
            return Fraction(1)

    @property
    def unsaved(self) -> bool:
        """Whether closing the page would lose what was chosen, and never rendered."""
        return self.wanted is not None and self.wanted != self.submitted_for

    @property
    def anonymises(self) -> bool:
        recipe = self.recipe
        return bool(recipe.covers) or any(isinstance(choice, Anonymise)
                                          for choice in (*recipe.cast.values(), recipe.everyone))

    @property
    def still(self) -> Still | None:
        """The rendered frame for the present recipe and playhead."""
        return next((one for one in self.stills if one.wanted == self.wanted and one.frame == self.at), None)

    def keep_still(self, still: Still, shown: Encoded) -> None:
        self.stills = [still, *self.stills][:STILLS]
        kept = {one.key for one in self.stills}
        self.media = {key: value for key, value in self.media.items() if "/still-" not in key or key in kept}
        self.media[still.key] = shown

    def trimmed(self) -> tuple[int, int]:
        """First frame, and the first one behind the last, that will be rendered."""
        clip, trim = self.clip, self.recipe.trim
        if clip is None:
            return 0, 0
        first = edge_at(clip, Fraction(trim.start)) if trim.start is not None else 0
        stop = edge_at(clip, Fraction(trim.stop)) if trim.stop is not None else clip.frames
        return min(first, clip.frames - 1), max(stop, first + 1)

    def go_to(self, frame: int) -> None:
        """Moves the playhead, on the page too."""
        clip = self.clip
        self.at = min(max(frame, 0), clip.frames - 1) if clip else 0
        self.jump += 1

    def rest_at(self, frame: int, jump: int | None) -> None:
        """The person's hand has left the playhead there: nothing where the studio has moved it since. jump: the last
        move of the studio's that the page had seen."""
        if jump is None or jump == self.jump:
            self.at = min(frame, self.clip.frames - 1) if self.clip else 0

    # What was opened and found -----------------------------------------------------------------------------------

    def keep_clip(self, clip: Clip) -> None:
        self.clips[clip.id] = clip

    def set_target(self, clip: Clip) -> None:
        """Another clip has other people, times and boxes: these begin anew; sources and the first chain stay."""
        target = input_of(clip.id, clip.name, None if self.kept_path(clip.path) is None else clip.path)
        settings = self.recipe.output.clip.model_copy(update={"deinterlace": False, "sdr": False})
        self.put(Recipe.model_validate(self.recipe.model_copy(update={
            "target": target, "cast": {}, "people": (), "merged": (), "whose": (), "trim": Span(), "covers": (),
            "fixes": (), "accepted": (),
            "segments": (self.recipe.segments[0].model_copy(update={"start": None, "stop": None}),),
            "output": Output(clip=settings)}).model_dump()))
        self.at, self.span, self.lanes, self.portraits, self.newcomers = 0, None, None, {}, set()
        self.machine.analysing.drop(self.id)
        self.go_to(0)

    def keep_people(self, clip: Clip, looking: Looking, found: tuple[PersonFound, ...]) -> None:
        """Everybody who was found, into every recipe of the history that is about this clip and lacks them: that they
        were found is no step to be undone."""
        self.found[(clip.id, looking)] = found
        people = tuple(one.person for one in found)

        def amended(recipe: Recipe) -> Recipe:
            about = recipe.target is not None and recipe.target.id == clip.id and recipe.looking == looking
            return recipe.model_copy(update={"people": people}) if about and not recipe.people else recipe

        self.history.amend(amended)

    def keep_newcomers(self, clip: Clip, looking: Looking, lists: Mapping[tuple[Person, ...], tuple[Person, ...]],
                       ) -> None:
        """The same with those whom only the analysis finds. lists: what becomes of each list of people; numbers never
        change. Nobody's picture does: what was drawn, previewed and submitted is of the recipe as it is now."""
        before = self.wanted

        def amended(recipe: Recipe) -> Recipe:
            about = recipe.target is not None and recipe.target.id == clip.id and recipe.looking == looking
            return recipe.model_copy(update={"people": lists.get(recipe.people, recipe.people)}) if about else recipe

        self.history.amend(amended)
        now = self.wanted
        if before is None or now is None:
            return
        self.stills = [replace(one, wanted=now) if one.wanted == before else one for one in self.stills]
        if self.span is not None and self.span.wanted == before:
            self.span = replace(self.span, wanted=now)
        if self.submitted_for == before:
            self.submitted_for = now

    def drop_unused(self) -> None:
        super().drop_unused()
        used = self.used_ids()
        self.clips = {key: clip for key, clip in self.clips.items() if key in used}
        self.found = {key: value for key, value in self.found.items() if key[0] in used}

    def note_proxy(self) -> ProxyState | None:
        """How far the stand-in of the open clip is; where it is there, the page may fetch it."""
        clip = self.clip
        if clip is None:
            return None
        state = self.machine.proxies.look(clip)
        if state.path is not None:
            self.files[f"proxy-{short_of(clip.id)}"] = state.path
        return state

    # Edits -------------------------------------------------------------------------------------------------------

    def edit(self, action: Any) -> bool:
        clip = self.clip
        if clip is not None and (changed := self._clip_edit(action, clip)) is not None:
            self.put(changed, self._merged(action, changed))
            return True
        if isinstance(action, actions.Close):
            self.put(self.recipe.model_copy(update={"target": None, "cast": {}, "people": (), "merged": (),
                                                    "whose": ()}))
            return True
        done = super().edit(action)
        if clip is not self.clip or self.clip is None or self.at >= self.clip.frames:
            self.go_to(0)
        return done

    def _clip_edit(self, action: Any, clip: Clip) -> Recipe | None:
        recipe, length = self.recipe, length_of(clip)
        now = segments.whole(recipe.segments, length)
        if isinstance(action, actions.Trim):
            return recipe.model_copy(update={"trim": self._trim(action, clip)})
        if isinstance(action, actions.Split):
            now = segments.split(now, time_of(clip, action.frame), length)
        elif isinstance(action, actions.Join):
            now = segments.join(now, action.segment)
        elif isinstance(action, actions.MoveSplit):
            now = segments.move(now, action.segment, time_of(clip, action.frame), length)
        elif isinstance(action, actions.Cover):
            box = DrawnBox(at=str(time_of(clip, self.at)), **action.box)
            return recipe.model_copy(update={"covers": (*recipe.covers, box)})
        elif isinstance(action, actions.OutputSettings):
            return recipe.model_copy(update={"output": Output(clip=action.settings)})
        elif isinstance(action, actions.AddFix | actions.RemoveFix):
            return clip_fixes.changed(recipe, action, clip)
        else:
            return None
        return recipe.model_copy(update={"segments": now})

    def _merged(self, action: Any, changed: Recipe) -> str | None:
        """The word under which one step takes in its neighbours: nudges of one handle are undone together, those of
        two one after the other."""
        if isinstance(action, actions.MoveSplit):
            return f"split {action.segment}"
        if isinstance(action, actions.AddFix) and action.fix.get("fix") == "strength":
            return f"strength {action.first} {action.last} {action.person}"
        if isinstance(action, actions.Trim):
            return "trim start" if changed.trim.start != self.recipe.trim.start else "trim stop"
        return None

    def _trim(self, action: actions.Trim, clip: Clip) -> Span:
        """At least one frame is left."""
        start = min(action.start or 0, clip.frames - 1)
        stop = max(min(action.stop or clip.frames, clip.frames), start + 1)
        return Span(start=str(time_of(clip, start)) if start > 0 else None,
                    stop=str(time_of(clip, stop)) if stop < clip.frames else None)

    def clear(self) -> None:
        """Tells everything that runs for this tab to stop."""
        for work in (self.finding, self.previews, self.estimating, self.rendering_span):
            work.drop()
        if self.job is not None:
            self.job.cancel()
            self.job = None

    def close(self) -> None:
        self.clear()
        self.machine.analysing.drop(self.id)
        for clip in self.clips.values():
            self.machine.proxies.drop(clip)
        super().close()
        self.clips, self.files, self.found, self.stills, self.small = {}, {}, {}, [], {}
        self.judged = self.lanes = None


__all__ = ["ClipSession", "MovingPreview", "Pair", "Still", "frame_at"]
