"""A clip rendered: planned, part after part, joined; stopped, held and gone on with at any moment."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import Cancelled, NoFace, OutputError, RecipeError
from models.interfaces import FaceStack
from models.networks import OwnedModels
from models.sessions import DeviceLost
from pipeline.analysis.runs import joined as joined_runs
from pipeline.chain import make_steps
from pipeline.clips.clip import Clip
from pipeline.clips.copying import Copied
from pipeline.clips.encoding import resolve
from pipeline.clips.exporting import id_of_pictures
from pipeline.clips.identity import id_of_file
from pipeline.clips.joining import join
from pipeline.clips.planes import ClipFrame
from pipeline.clips.reader import MediaDamaged
from pipeline.clips.retime import Retiming
from pipeline.edits import edit_of
from pipeline.findings.finding import Finding, Lost
from pipeline.findings.judging import findings_of
from pipeline.findings.losing import lost_of
from pipeline.findings.scoring import EVERY
from pipeline.findings.sheet import Sheet, read_sheet
from pipeline.findings.sheet import joined as joined_scores
from pipeline.findings.store import Version, Versions
from pipeline.gate import Guard, effects_of
from pipeline.pictures import Edit, check_output
from pipeline.recipe import KeepOriginal, Recipe
from pipeline.refusals import Refused
from pipeline.rendering.analysing import busy_for, who_is_where
from pipeline.rendering.casting import Casting
from pipeline.rendering.control import ClipProgress, Control, PartState, Stage
from pipeline.rendering.doubts import Doubt, Doubtful
from pipeline.rendering.fixing import placed
from pipeline.rendering.kept import KeptParts
from pipeline.rendering.larger import factor_of
from pipeline.rendering.ledger import DonePart, Ledger
from pipeline.rendering.meter import Meter
from pipeline.rendering.part import Work, render_part, supplies_of
from pipeline.rendering.plan import Plan, PlannedPart, make_plan, ticks_of, words_on_copying
from pipeline.rendering.request import ClipRequest, ClipWritten
from pipeline.rendering.watch import all_refused
from pipeline.tracking.covering import unseen_words
from pipeline.tracking.follow import PRE_ROLL
from processors.batches import Remark

if TYPE_CHECKING:
    from pipeline.engine import Engine, Source

PICTURE_EVERY = 1.0
"""Seconds between two pictures of the last frame: for a glance at the job card."""

PICTURE_WIDTH = 320


def render_clip(engine: Engine, request: ClipRequest, control: Control, *, clip: Clip | None = None,
                sources: Mapping[str, Source] | None = None, kept: KeptParts | None = None,
                look_first: bool = True, versions: Versions | None = None) -> ClipWritten:
    """Renders a clip into a file. clip, sources: where they are open already. kept: where finished parts stay.
    look_first: where the engine keeps analyses, faces are found in all the frames before the first is drawn; without,
    what is not known yet is followed as it comes, and nothing is scored: it is only looked at. versions: where what
    was found in the result is written down.

    Raises what opening raises; RecipeError; OutputError (`OUTPUT.UNFINISHED` where parts of an earlier render are in
    the way, DISK.FULL); MediaDamaged; NoFace where nobody was found to change; Doubtful; Cancelled. Finished parts stay
    beside the output until it is whole, whatever is raised.
    """
    recipe, output = request.recipe, request.output
    clip = clip or engine.open_clip(_target_of(recipe))
    recipe = _with_people(engine, recipe, clip, control)
    check_output(output, request.overwrite, [clip.path])
    encoding = resolve(clip, output, recipe.output.clip, factor=factor_of(recipe, engine.registry, clip))
    admission, faces = engine.admit(recipe), engine.faces_for(recipe.people)
    backdrop = engine.backdrop(recipe)
    make_steps(effects_of(recipe), engine.registry, admission, supplies_of(clip, backdrop))
    known_by = f"{faces.name} {engine.networks.digest(admission.slots)}"
    plan = make_plan(recipe, clip, encoding, known_by)
    asked = any(part.touched for part in plan.parts)
    sources = engine.open_sources(recipe) if sources is None else sources
    casting = Casting(recipe, {name: engine.source_faces(source) for name, source in sources.items()})
    retiming = Retiming(clip, encoding.fps, plan.start, plan.stop) if encoding.fps else None
    drawn = engine.desk.drawn_faces(recipe, clip, lambda: _stop(control))
    with engine.networks.for_owner(f"clip {output}") as models, Ledger.held(output) as ledger:
        def elsewhere() -> FaceStack | None:
            return _elsewhere(engine, recipe, models)

        _refuse_unfinished(ledger, request)
        known, faces = who_is_where(engine.analyses, recipe, clip, plan, faces, control, elsewhere, look_first)
        if known is not None:
            plan = make_plan(recipe, clip, encoding, known_by,
                             lambda first, last: known.digest(first - PRE_ROLL, last),
                             busy_for(known, recipe, admission))
        work = Work(clip, encoding, casting, engine.registry, faces, drawn, retiming, admission=admission,
                    models=models, guard=Guard(engine.networks, models) if admission.looked_at else None,
                    backdrop=backdrop, known=known,
                    scores=_every(engine, faces) if look_first else None)
        _settle(ledger, plan, request)
        render = _Render(work, plan, ledger, control, kept, elsewhere)
        try:
            done = render.parts()
        except Refused as error:
            ledger.discard()  # of what was refused nothing stays, not even what came before it
            gated = [part for part in plan.parts if part.touched]
            assert work.guard is not None
            raise all_refused(clip, work.guard, error, gated, lambda: _stop(control)) from error
        if asked:
            _check_changed(clip, done, ledger, everybody_kept=casting.keeps_everybody)
        doubts = _open_doubts(recipe, done, *(float((tick - int(clip.pts[0])) * clip.time_base)
                                              for tick in (plan.start, plan.stop)))
        if doubts:
            raise Doubtful(clip.name, doubts, output)
        sheet = _scores(plan, ledger, done)
        lost = _lost(render.work, plan, sheet, control, elsewhere)
        made = [one for one, part in zip(done, plan.parts, strict=False) if not part.copied]
        written = replace(_join(work, plan, ledger, done, request, control, render.damaged), rendered=render.rendered,
                          reused=len(made) - render.rendered)
        findings, version = _found(work, sheet, lost, request, written, versions)
        written = replace(written, findings=findings, version=version)
        if kept is not None:
            for one in made:
                kept.put(one, ledger.path(one))
        ledger.discard()
    return written


def _every(engine: Engine, faces: FaceStack) -> int:
    """See `Work.scores`: descriptors of two recognisers cannot be compared."""
    return EVERY if faces.recogniser.name == engine.faces.recogniser.name else 0


def _elsewhere(engine: Engine, recipe: Recipe, models: OwnedModels) -> FaceStack | None:
    there = models.elsewhere()
    engine.networks.forget()  # what finds faces was leased where the device failed, too
    return engine.faces_for(recipe.people) if there else None


def _stop(control: Control) -> None:
    if control.cancelled():
        raise Cancelled("Stopped at your request.", remedy="Finished parts are kept; --resume goes on with them.")


def _target_of(recipe: Recipe) -> Path:
    if recipe.target is None or recipe.target.path is None:
        raise RecipeError("The recipe names no clip.", code="RECIPE.NO_TARGET", remedy="Name one with --target.")
    return Path(recipe.target.path)


def _with_people(engine: Engine, recipe: Recipe, clip: Clip, control: Control) -> Recipe:
    """The recipe with everybody whom its cast speaks of. Raises RecipeError for a number that nobody has."""
    if not recipe.cast:
        return recipe
    if not recipe.people:
        control.progress(ClipProgress("look", 0, clip.frames))
        found = engine.people_of(clip, recipe.looking, recipe.trim, control)
        recipe = recipe.model_copy(update={"people": tuple(one.person for one in found)})
    numbers = {person.number for person in recipe.people} | {one.number for one in recipe.whose}
    for number in sorted(set(recipe.cast) - numbers):
        raise RecipeError(f"{clip.name} has no person {number}; it has {len(numbers)}.", subject=clip.name,
                          remedy="Choose one of the numbers that `analyse` prints.", code="RECIPE.NO_SUCH_PERSON")
    return recipe


def _refuse_unfinished(ledger: Ledger, request: ClipRequest) -> None:
    if len(ledger) and not (request.resume or request.overwrite):
        count = len(ledger)
        raise OutputError(f"{count} finished part{'s' if count > 1 else ''} of an earlier render of "
                          f"{request.output} {'are' if count > 1 else 'is'} there.", subject=str(request.output),
                          code="OUTPUT.UNFINISHED",
                          remedy="Go on with --resume, or begin afresh with --overwrite.")


def _settle(ledger: Ledger, plan: Plan, request: ClipRequest) -> None:
    """What an earlier render left: gone on with, or thrown away."""
    if len(ledger) and not request.resume:
        ledger.keep_only(set())
    ledger.keep_only({part.key for part in plan.parts})


@dataclass(slots=True)
class _Render:
    """One pass over the parts that are not done yet. damaged: the tick up to which the clip can be read. elsewhere:
    moves the render to another device and gives the face stack there; None where no device is left."""

    work: Work
    plan: Plan
    ledger: Ledger
    control: Control
    kept: KeptParts | None
    elsewhere: Callable[[], FaceStack | None]
    meter: Meter = field(init=False)
    states: list[PartState] = field(init=False)
    rendered: int = 0
    damaged: int | None = None
    _pictured: float = 0.0

    def __post_init__(self) -> None:
        self.meter = Meter(self.plan.frames)
        self.states = ["waiting"] * len(self.plan.parts)

    def parts(self) -> list[DonePart]:
        """Every part, done. After a part in which the clip is damaged, none. Raises MediaDamaged where the recipe
        refuses that, or nothing at all is good."""
        for place, part in enumerate(self.plan.parts):
            if part.copied or self._there(part) is not None:
                self.states[place] = "done"
                self.meter.skip(part.frames)
        finished: list[DonePart] = []
        for place, part in enumerate(self.plan.parts):
            if part.copied:
                finished.append(DonePart(part.key, "", part.frames, 0.0))
                continue
            done = self._there(part)
            if done is None:
                self.states[place] = "running"
                self._tell(None)
                path = self.ledger.folder / self.ledger.file_for(part)
                try:
                    done = self._render(part, path)
                except MediaDamaged as error:
                    if not (self._up_to and finished):
                        raise
                    self.damaged = error.ticks
                    break
                except OutputError as error:
                    if error.code == "DISK.FULL":  # pictures are written whole or not; of a clip there is something
                        error.remedy = "Free some space, then go on (--resume): finished parts are kept."
                    raise
                self.ledger.add(done)
                self.rendered += 1
                self.states[place] = "done"
            finished.append(done)
            if done.damaged is not None:
                self.damaged = done.damaged
                break
        return finished

    def _render(self, part: PlannedPart, path: Path) -> DonePart:
        """Once more on another device for each that fails on the way. Raises DeviceLost where none is left."""
        counted = self.meter.done
        while True:
            try:
                return render_part(self.work, part, path, check=self._check, tell=self._count)
            except DeviceLost:
                stack = self.elsewhere()
                if stack is None:
                    raise
                self.work = replace(self.work, stack=stack)
                self.meter.skip(counted - self.meter.done)

    def _there(self, part: PlannedPart) -> DonePart | None:
        found = self.ledger.get(part)
        if found is None and self.kept is not None:
            found = self.kept.take(part.key, self.ledger.folder)
            if found is not None and self._counts(found):
                self.ledger.add(found)
        return found if found is not None and self._counts(found) else None

    def _counts(self, done: DonePart) -> bool:
        """A part that ends at damage is of no use where that is refused now."""
        return done.damaged is None or self._up_to

    @property
    def _up_to(self) -> bool:
        return self.work.casting.recipe.output.clip.damaged == "up_to"

    def _check(self) -> None:
        _stop(self.control)
        self.meter.away(self.control.wait())

    def _count(self, frame: ClipFrame) -> None:
        self.meter.count()
        now = time.monotonic()
        if now - self._pictured >= PICTURE_EVERY:
            self._pictured = now
            self._tell(frame.picture(min(PICTURE_WIDTH, frame.width)))
        else:
            self._tell(None)

    def _tell(self, picture: bytes | None, stage: Stage = "render") -> None:
        meter = self.meter
        self.control.progress(ClipProgress(stage, meter.done, meter.total, meter.fps, meter.eta, tuple(self.states),
                                           picture))


def _check_changed(clip: Clip, done: Sequence[DonePart], ledger: Ledger, *, everybody_kept: bool) -> None:
    if not any(part.changed for part in done):
        ledger.discard()  # there is nothing in it to go on with
        if everybody_kept:
            raise RecipeError(f"The effects change nothing in {clip.name}.", subject=clip.name,
                              code="RECIPE.NOTHING_TO_DO", remedy="Change their settings, or say who gets what.")
        raise NoFace(f"No face can be found in {clip.name}.", subject=clip.name,
                     remedy="Look harder (--look small,turned), or draw a box over a head that is to be hidden.")


def _open_doubts(recipe: Recipe, done: Sequence[DonePart], start: float, stop: float) -> tuple[Doubt, ...]:
    """Doubtful spans that nobody let pass, of what was rendered; neighbours of one kind across parts count once."""
    found: list[Doubt] = []
    inside = (replace(d, start=max(d.start, start), stop=min(d.stop, stop)) for part in done for d in part.doubts
              if d.start < stop and d.stop > start)
    for doubt in sorted(inside, key=lambda d: (d.code, d.start)):
        if found and found[-1].code == doubt.code and doubt.start <= found[-1].stop + 1e-3:
            found[-1] = Doubt(doubt.code, found[-1].start, max(doubt.stop, found[-1].stop), found[-1].words)
        else:
            found.append(doubt)
    return tuple(sorted((d for d in found if not _accepted(recipe, d)), key=lambda d: d.start))


def _accepted(recipe: Recipe, doubt: Doubt) -> bool:
    """Times are told to a hundredth of a second, so that a span counts that is as good as it."""
    slack = 0.006
    for span in recipe.accepted:
        low = float(Fraction(span.start)) if span.start is not None else float("-inf")
        high = float(Fraction(span.stop)) if span.stop is not None else float("inf")
        if low <= doubt.start + slack and doubt.stop <= high + slack:
            return True
    return False


def _join(work: Work, plan: Plan, ledger: Ledger, done: Sequence[DonePart], request: ClipRequest, control: Control,
          damaged: int | None) -> ClipWritten:
    states: list[PartState] = ["done"] * len(plan.parts)
    control.progress(ClipProgress("join", plan.frames, plan.frames, parts=tuple(states)))
    pieces = [Copied(part.start, part.stop) if part.copied else ledger.path(one)
              for one, part in zip(done, plan.parts, strict=False) if not one.empty]
    joined = join(work.clip, work.encoding, pieces, request.output, start=plan.start,
                  stop=plan.stop if damaged is None else damaged, edit=_edit_of(work, done),
                  overwrite=request.overwrite, check=lambda: _stop(control))
    shown = plan.parts[:len(done)]
    words = words_on_copying(work.clip, work.encoding, replace(plan, parts=shown),
                             smart=work.casting.recipe.output.clip.smart)
    people: Counter[int] = Counter()
    remarks: dict[int, dict[str, Remark]] = {}
    for part in done:
        people.update(part.people)
        for number, found in part.remarks.items():
            remarks.setdefault(number, {}).update({r.code: r for r in found})
    return ClipWritten(
        joined.path, joined.bytes, work.encoding.container, work.encoding.codec, sum(part.frames for part in done),
        joined.sidecar, copied=sum(part.frames for part in shown if part.copied),
        changed=sum(part.changed for part in done),
        people=tuple(sorted(people.items())), doubts=tuple(d for part in done for d in part.doubts),
        notes=(*work.clip.notes, *work.encoding.notes, *joined.notes, *words, *_notes_of(work, damaged)),
        remarks=tuple((number, tuple(found.values())) for number, found in sorted(remarks.items())))


def _scores(plan: Plan, ledger: Ledger, done: Sequence[DonePart]) -> Sheet | None:
    """Of every frame that was scored; None for none."""
    scores = {part.key: ledger.path(part).with_name(part.scores) for part in done if part.scored}
    sheets = [read_sheet(scores[part.key]) for part in plan.parts if part.key in scores]
    return joined_scores(one for one in sheets if one is not None)


def _lost(work: Work, plan: Plan, sheet: Sheet | None, control: Control, elsewhere: Callable[[], FaceStack | None],
          ) -> tuple[Lost, ...]:
    """Who is still to be seen where nobody was followed any more. Raises Cancelled; the finished parts stay."""
    if sheet is None:
        return ()
    shots = work.known.known.shots if work.known is not None else ()
    meant = joined_runs([(part.first, part.first + part.frames - 1) for part in plan.parts
                         if part.touched or (part.copied and any(effect.on for effect in part.effects))])
    cuts = sorted({*sheet.cuts, *(shot.first for shot in shots)})
    stack = work.stack
    while True:
        try:
            return lost_of(work.clip, sheet, stack, cuts, meant, lambda: _stop(control))
        except DeviceLost:
            other = elsewhere()
            if other is None:
                raise
            stack = other


def _found(work: Work, sheet: Sheet | None, lost: Sequence[Lost], request: ClipRequest, written: ClipWritten,
           versions: Versions | None) -> tuple[tuple[Finding, ...], str | None]:
    """What looks wrong in the finished clip, and the id under which it is written down, where there is a place for
    that."""
    if sheet is None:
        return (), None
    clip = work.clip
    first, rate = int(clip.pts[0]), float(clip.rate)

    def seconds(frame: int) -> float:
        return float((int(clip.pts[frame]) - first) * clip.time_base) if frame < clip.frames else float(clip.duration)

    settled = [(one.first, one.last, one.fix.person or 0) for one in placed(
        work.casting.recipe.fixes, clip, lambda at: ticks_of(clip, at)) if isinstance(one.fix, KeepOriginal)]
    findings = findings_of(sheet, rate, seconds, settled, lost)
    if versions is not None:
        with contextlib.suppress(OSError):  # whoever moved the file away at once has no findings, but a clip
            recipe = work.casting.recipe.model_dump(mode="json")
            id = id_of_pictures(request.output, written.codec) if written.container == "sequence" \
                else id_of_file(request.output, request.output.stat().st_size)
            versions.put(Version(id, clip.id, recipe, rate, findings, sheet))
            if request.earlier is not None:
                versions.inherit(request.earlier, id)
            return findings, id
    return findings, None


def _notes_of(work: Work, damaged: int | None) -> list[Remark]:
    notes = []
    if work.casting.hides:
        notes.append(unseen_words(work.stack))
    if damaged is not None:
        at = float(work.clip.seconds(damaged - int(work.clip.pts[0])))
        notes.append(Remark("CLIP.DAMAGED", f"Rendered up to {at:.2f} seconds: there the file is damaged.",
                            {"seconds": at}))
    return notes


def _edit_of(work: Work, done: Sequence[DonePart]) -> Edit:
    return edit_of([one for part in done for one in part.ran], work.registry, hides=work.casting.hides,
                   analysed=work.admission.looked_at)
