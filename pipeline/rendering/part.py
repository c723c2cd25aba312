"""One part of a clip, from the decoder through the chain into a file of its own."""

from __future__ import annotations

import contextlib
import time
import zlib
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from models.face import Face
from models.interfaces import FaceStack, Search
from models.networks import Models, NoModels
from pipeline.analysis.known import Decided
from pipeline.backdrop import Backdrop
from pipeline.chain import NOTHING, Admission, Done, FaceJob, Step, Supplies, is_gated, make_steps, run_chain
from pipeline.clips.clip import Clip
from pipeline.clips.encoding import Encoding
from pipeline.clips.filters import Timed, filtered
from pipeline.clips.parts import PartWriter
from pipeline.clips.planes import ClipFrame
from pipeline.clips.reader import MediaDamaged, read_frames
from pipeline.clips.retime import Retiming, retimed
from pipeline.clips.sound import HeardSpan
from pipeline.enlarging import enlarged_face
from pipeline.findings.scoring import Scored, Scorer
from pipeline.gate import Guard
from pipeline.recipe import AnonymiseStyle
from pipeline.rendering.casting import Casting, cover_steps
from pipeline.rendering.doubts import doubts_of
from pipeline.rendering.fixing import NAME as RETOUCH
from pipeline.rendering.fixing import Fixing, placed
from pipeline.rendering.larger import halves
from pipeline.rendering.ledger import DonePart, in_words, scores_of
from pipeline.rendering.plan import PlannedPart, ticks_of
from pipeline.rendering.stages import Behind, ahead, depth_for
from pipeline.rendering.watch import Watch
from pipeline.tracking.covering import Cover, DrawnFace, Scan, scan_part
from pipeline.tracking.cuts import CutTest, small
from pipeline.tracking.follow import PRE_ROLL, FollowedFace, Follower
from processors.batches import Region, Remark
from processors.context import Context
from processors.registry import Registry


@dataclass(frozen=True, slots=True)
class Work:
    """What every part of a render shares. drawn: boxes drawn by hand, at their frames. retiming: which output frames
    show each of the clip's, where they are another number a second. lone: one frame is drawn, to be looked at.
    admission, models: the networks that its effects may use. guard: looks at frames where effects are behind the gate.
    backdrop: what lies behind people, where the recipe names it. known: who is where, as far as it was analysed; faces
    of other frames are followed anew. scores: frames between two descriptors of a rendered face, 0 for none, where
    frames are scored; None: they are not.
    """

    clip: Clip
    encoding: Encoding
    casting: Casting
    registry: Registry
    stack: FaceStack
    drawn: tuple[DrawnFace, ...] = ()
    retiming: Retiming | None = None
    lone: bool = False
    admission: Admission = NOTHING
    models: Models = field(default_factory=NoModels)
    guard: Guard | None = None
    backdrop: Backdrop | None = None
    known: Decided | None = None
    scores: int | None = None

    @property
    def waiting(self) -> int:
        """Frames that may wait between two stages."""
        clip = self.clip
        return depth_for(clip.stored[0] * clip.stored[1] * 3 // 2 * (1 if clip.depth <= 8 else 2))

    @property
    def search(self) -> Search:
        looking = self.casting.recipe.looking
        return Search(small=looking.small, turned=looking.turned)


SCAN_SECONDS = 2
"""Looked at before and behind a part where somebody is hidden: who is lost or found near its border is carried over it.
"""

WARM_UP = 8
"""Frames before a part on which the chain runs already: rims and forehead are means over frames, and would begin anew.
Measured on Hopper's spectacles: what two parts make of one frame differs by 2.5 levels without, 2.1 with 8 or more."""

Tell = Callable[[ClipFrame], None]
"""Told of every finished frame."""


@dataclass(slots=True)
class Tally:
    """What happened in a part so far."""

    frames: int = 0
    changed: int = 0
    people: Counter[int] = field(default_factory=Counter)
    remarks: dict[int, dict[str, Remark]] = field(default_factory=dict)
    ran: dict[tuple[str, str], None] = field(default_factory=dict)

    def remark(self, number: int, remarks: Iterable[Remark]) -> None:
        for remark in remarks:
            self.remarks.setdefault(number, {}).setdefault(remark.code, remark)


def render_part(work: Work, part: PlannedPart, path: Path, *, check: Callable[[], None], tell: Tell) -> DonePart:
    """Writes the part to `path`, whole or not at all. check: called between frames; it raises to stop, and may wait.

    Raises MediaDamaged where the clip is damaged and the recipe refuses that or no frame of the part is good,
    OutputError, ProcessorError, Cancelled.
    """
    began = time.monotonic()
    tally, damaged = Tally(), None
    draw = Drawer(work, part, tally, check) if part.touched else None
    durations = _Durations(work.clip)
    with PartWriter(path, work.encoding, work.clip) as writer, _encoder(work, writer) as out, \
            contextlib.closing(ahead(_frames(work, part, draw.pre_roll if draw else 0), work.waiting)) as frames:
        try:
            for frame in frames:
                check()
                if frame.ticks < part.start:
                    assert draw is not None
                    draw.look(frame)
                    continue
                done = draw.draw(frame) if draw else frame
                out.put(Timed(done.video_frame(), done.ticks, durations.of(frame)))
                tally.frames += 1
                tell(done)
        except MediaDamaged as error:
            if work.casting.recipe.output.clip.damaged == "refuse" or not tally.frames:
                raise
            damaged = error.ticks
    scored = draw is not None and draw.scorer is not None
    if draw is not None and draw.scorer is not None:
        with in_words(path):
            draw.scorer.sheet().write(path.with_name(scores_of(path.name)))
    return DonePart(part.key, path.name, tally.frames, time.monotonic() - began, tally.changed, dict(tally.people),
                    {number: tuple(found.values()) for number, found in tally.remarks.items()},
                    doubts_of(work.clip, draw.scan if draw else None), tuple(tally.ran), damaged,
                    empty=not writer.frames, scored=scored)


def _encoder(work: Work, writer: PartWriter) -> Behind[Timed]:
    """What runs behind the chain: deinterlacing, scale, tone, another number of frames a second, and the encoder."""
    def consume(frames: Iterator[Timed]) -> None:
        made: Iterable[Timed] = filtered(frames, work.clip, work.encoding)
        if work.retiming is not None:
            made = retimed(made, work.retiming)
        for timed in made:
            writer.write(timed.frame, timed.ticks, timed.duration)

    return Behind(consume, work.waiting)


def _frames(work: Work, part: PlannedPart, before: int, behind: int = 0) -> Generator[ClipFrame, None, None]:
    """The part's frames, and so many before and behind it."""
    pts = work.clip.pts
    start = part.start if before == 0 else min(int(pts[max(part.first - before, 0)]), part.start)
    last = part.first + part.frames + behind
    stop = part.stop if behind == 0 or last >= len(pts) else int(pts[last])
    try:
        yield from read_frames(work.clip, start, max(stop, part.stop))
    except MediaDamaged as error:
        if error.ticks >= part.start:
            raise
        # In front of the span that was asked for: nobody misses anything there.
        yield from read_frames(work.clip, part.start, max(stop, part.stop))


class _Durations:
    """How long each frame is shown, in ticks: until the next one; the last as long as the one before, or its own."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip

    def of(self, frame: ClipFrame) -> int:
        pts = self._clip.pts
        place = int(np.searchsorted(pts, frame.ticks, side="right"))
        if place < len(pts):
            return int(pts[place]) - frame.ticks
        end = int(pts[0]) + round(self._clip.duration / self._clip.time_base)
        return max(end - frame.ticks, 1)


class Drawer:
    """Follows the faces of one part and runs the chain on each frame. scan: where heads are covered, None where nobody
    is hidden; it is made before the first frame is drawn."""

    def __init__(self, work: Work, part: PlannedPart, tally: Tally, check: Callable[[], None]) -> None:
        self._casting, self._tally = work.casting, tally
        self._fixing = Fixing(placed(work.casting.recipe.fixes, work.clip, lambda at: ticks_of(work.clip, at)),
                              part.first, part.first + part.frames - 1)
        self.scan = scan = _scan(work, part, check) if work.casting.hides else None
        steps = make_steps(part.effects, work.registry, work.admission, supplies_of(work.clip, work.backdrop))
        # Faces, fixes and scores are in the clip's own pixels: what makes the frame larger, and all behind it, is last.
        self._steps, self._larger = halves(steps, work.clip)
        self._covers = {style: cover_steps(style, work.registry) for style in ("blur", "pixelate", "solid")} \
            if scan is not None else {}
        self._chained = bool(steps) and (self._casting.changes(part.effects) or any(s.role == "frame" for s in steps))
        last = part.first + part.frames - 1
        self._known = work.known if work.known is not None and work.known.known.holds(part.first, last) else None
        self._memories: dict[int, dict[str, Any]] = {}
        # What is to be hidden was looked for already, and everybody else was followed on the way.
        shots = self._known.known.shots if self._known is not None else ()
        self._shots = frozenset(shot.first for shot in shots)
        self._table = self._look_ahead(work, part, check)
        self._work = work
        self._follower = self._begun() if self._chained and scan is None and self._known is None and not self._table \
            and self._asks_who(steps, part) else None
        # One seed for the whole clip: grain that is drawn anew in every frame would flicker in the face alone.
        self._seed = zlib.crc32(work.clip.id.encode())
        self._kept: dict[str, Any] = {}
        self._ctx = Context(cancelled=lambda: _asked(check), moving=True, models=work.models, kept=self._kept)
        self._cuts = CutTest() if any(step.needs.state == "shot" for step in steps) else None
        gated = self._chained and any(is_gated(step) for step in steps)
        if gated and work.guard is None:
            raise AssertionError("effects behind the gate were admitted without a guard")
        self._watch = Watch(work.clip, work.guard) if gated and work.guard is not None else None
        held = self._fixing.begins
        self._settling = max((WARM_UP, *(step.needs.pre_roll for step in steps)))
        self._warm_from = (part.first if held is None else min(part.first, held)) - self._settling
        self._first = part.first
        self._hears = max((step.needs.sound for step in steps), default=0.0)
        self._heard = _heard(work.clip, part, self.pre_roll, self._hears, check) if self._hears else None
        self._clip, self._backdrop = work.clip, work.backdrop
        self.scorer = Scorer(work.stack, work.scores) if work.scores is not None and self._chained else None
        self._swaps = any(step.needs.source for step in (*self._steps, *self._larger))
        self._begins = False

    def _asks_who(self, steps: Sequence[Step], part: PlannedPart) -> bool:
        """Whether it matters to anything who is in a frame. Effects on whole frames mostly do not ask; of a finished
        clip's faces the scores tell what became of them, whoever drew on them."""
        return (self._work.scores is not None or bool(self._fixing) or self._casting.changes(part.effects)
                or any(step.role == "frame" and step.needs.faces for step in steps))

    def _begun(self) -> Follower:
        work = self._work
        return Follower(work.stack, people=work.casting.recipe.people, search=work.search, rate=work.clip.rate,
                        embed=work.casting.knows, lone=work.lone)

    @property
    def pre_roll(self) -> int:
        """Frames that are looked at before the part's first."""
        if not self._chained:
            return 0
        return max(self._first - self._warm_from, 0 if self._follower is None else PRE_ROLL)

    def look(self, frame: ClipFrame) -> None:
        """A frame of the pre-roll."""
        self._forget_at_cuts(frame)
        faces = self._followed(frame)
        if frame.index >= self._warm_from:  # for what processors remember of a face; the picture is thrown away
            done = self._made(frame, faces)
            self._score(frame, done.frame, faces, done.regions, keep=False)
            if any(step.needs.state != "none" for step in self._larger):
                self._enlarged(done, faces)

    def recall(self, frame_at: Callable[[int], ClipFrame]) -> None:
        """For a frame that is drawn by itself: draws those whose look is held in it, and nothing between. frame_at:
        gets a frame by its number."""
        for index in self._fixing.looks if self._chained else ():
            if self._known is None or index in self._table or self._known.known.holds(index, index):
                self.look(frame_at(index))
                self._follower = self._begun() if self._follower is not None else None

    def faces(self, frame: ClipFrame) -> tuple[FollowedFace, ...]:
        """Who is in the next frame, as the chain would see them; nothing is drawn."""
        return self._followed(frame)

    def _made(self, frame: ClipFrame, faces: tuple[FollowedFace, ...]) -> Done[ClipFrame]:
        """The chain on everybody who gets something, as far as no fix has the last word."""
        everyone = [followed.face for followed in faces]
        jobs = self._casting.jobs(everyone)
        if not self._fixing:
            return run_chain(frame, jobs, self._steps, self._at(frame), self._seed, everyone)
        index = frame.index
        drawn = [job for job in jobs if not self._fixing.leaves(index, job.face)]
        step = self._fixing.step(index, [job.face for job in drawn])
        steps = self._steps if step is None else _before_blenders(self._steps, step)
        done = run_chain(frame, drawn, steps, self._at(frame), self._seed, everyone)
        laid, regions = self._fixing.lay(done.frame, [job.face for job in jobs])
        done = replace(done, frame=laid, regions=(*done.regions, *regions))
        self._fixing.remember(frame, done.frame, [job.face for job in drawn], done.regions)
        return done

    def _enlarged(self, done: Done[ClipFrame], faces: tuple[FollowedFace, ...]) -> Done[ClipFrame]:
        """The rest of the chain, from the effect on that makes the frame larger; faces are as `done.frame` has them."""
        if not self._larger:
            return done
        everyone = [followed.face for followed in faces]
        index = done.frame.index
        jobs = [job for job in self._casting.jobs(everyone)
                if not self._fixing or not self._fixing.leaves(index, job.face)]
        more = run_chain(done.frame, jobs, self._larger, self._at(done.frame), self._seed, everyone)
        remarks = {number: (*done.remarks.get(number, ()), *more.remarks.get(number, ()))
                   for number in (*done.remarks, *more.remarks)}
        return Done(more.frame, (*done.regions, *more.regions), remarks, (*done.ran, *more.ran), more.scale)

    def _score(self, frame: ClipFrame, drawn: ClipFrame, faces: tuple[FollowedFace, ...],
               regions: tuple[Region, ...], *, keep: bool = True) -> None:
        """Of those that are not to be unrecognisable: what hides somebody is not to look like anybody."""
        if self.scorer is None:
            return
        scored = []
        for followed in faces:
            job = self._casting.job_for(followed.face)
            if job is not None or not self._casting.is_hidden(followed.face.number):
                source = job.sources[0].embedding if job is not None and job.sources and self._swaps else None
                scored.append(Scored(followed, source, meant=job is not None))
        self.scorer.look(frame, drawn, scored, regions, cut=self._begins, keep=keep)

    def _at(self, frame: ClipFrame) -> Context:
        """What the engine supplies at one frame."""
        ctx = self._ctx
        if self._heard is not None:
            ctx = replace(ctx, sound=self._heard.around(self._clip.seconds(frame.ticks), self._hears))
        if self._backdrop is not None:
            ctx = replace(ctx, backdrop=self._backdrop.at(self._clip.seconds(frame.ticks - int(self._clip.pts[0]))))
        return ctx

    def _followed(self, frame: ClipFrame) -> tuple[FollowedFace, ...]:
        if self._follower is not None:
            found = self._follower.step(frame)
            self._begins, faces = found.cut, found.faces
        else:
            self._begins, faces = frame.index in self._shots, self._known_at(frame.index)
        return self._fixing.moved(frame.index, faces)

    def _known_at(self, index: int) -> tuple[FollowedFace, ...]:
        """Who is in a frame that was looked at before."""
        if index in self._table:
            return self._table[index]
        if self.scan is None and self._known is not None:
            return self._known.faces_at(index, self._memories)
        return self.scan.followed.get(index, ()) if self.scan is not None else ()

    def _look_ahead(self, work: Work, part: PlannedPart, check: Callable[[], None],
                    ) -> dict[int, tuple[FollowedFace, ...]]:
        """Who is in frames of which some take their faces from their neighbours; empty where none do."""
        span = self._fixing.ahead if self._chained else None
        if span is None:
            return {}
        if self.scan is not None:
            found = dict(self.scan.followed)
        elif self._known is not None:
            found = {index: self._known.faces_at(index, self._memories) for index in range(span[0], span[1] + 1)
                     if self._known.known.holds(index, index)}
        else:
            found, self._shots = _look_ahead(work, part, span, check)
        return self._fixing.from_neighbours(found, self._shots)

    def _forget_at_cuts(self, frame: ClipFrame) -> None:
        """What effects keep is of one shot."""
        if self._cuts is not None and self._cuts.step(small(frame.grey8())):
            self._kept.clear()

    def draw(self, frame: ClipFrame) -> ClipFrame:
        self._forget_at_cuts(frame)
        canvas, touched = frame, False
        looked_at = self._watch is not None and self._watch.is_due(frame)
        if self._watch is not None and looked_at:
            self._watch.look(frame)
        if self._chained:
            canvas, touched = self._chain(frame, self._followed(frame))
        if self.scan is not None:
            canvas, covered = self._cover(canvas, (*self.scan.covers.get(frame.index, ()), *self._more(frame)))
            touched |= covered
        if self._watch is not None and looked_at and touched:
            self._watch.look(canvas)
        self._tally.changed += touched
        return canvas

    def _more(self, frame: ClipFrame) -> Iterator[Cover]:
        """Whom the analysis knows to be hidden: covered besides what the scan covers, never instead."""
        if self._known is None or not self._casting.hides_people:
            return
        for followed in self._known.faces_at(frame.index, self._memories):
            if self._casting.is_hidden(followed.face.number):
                yield Cover(replace(followed.face, memory=None))

    def _chain(self, frame: ClipFrame, faces: tuple[FollowedFace, ...]) -> tuple[ClipFrame, bool]:
        everyone = [followed.face for followed in faces]
        for followed in faces:
            self._tally.remark(followed.face.number, followed.remarks)
        done = self._made(frame, faces)
        self._score(frame, done.frame, faces, done.regions)
        done = self._enlarged(done, faces)
        self._count(done, self._casting.jobs(everyone))
        return done.frame, bool(done.regions)

    def _cover(self, frame: ClipFrame, covers: tuple[Cover, ...]) -> tuple[ClipFrame, bool]:
        by_style: dict[AnonymiseStyle, list[FaceJob]] = {}
        scale = frame.width / self._clip.width, frame.height / self._clip.height
        for cover in covers:
            style = cover.style or self._casting.style_for(cover.face.number)
            by_style.setdefault(style, []).append(FaceJob(enlarged_face(cover.face, scale)))
        touched = False
        for style, jobs in by_style.items():
            done = self._run(frame, jobs, self._covers[style], [])
            frame, touched = done.frame, touched or bool(done.regions)
        return frame, touched

    def _run(self, frame: ClipFrame, jobs: list[FaceJob], steps: tuple[Step, ...], everyone: list[Face],
             ) -> Done[ClipFrame]:
        done = run_chain(frame, jobs, steps, self._at(frame), self._seed, everyone)
        self._count(done, jobs)
        return done

    def _count(self, done: Done[ClipFrame], jobs: list[FaceJob]) -> None:
        for number, remarks in done.remarks.items():
            self._tally.remark(number, remarks)
        for effect in done.ran:
            if effect.processor == RETOUCH:
                continue
            self._tally.ran[effect.processor, effect.version] = None
        if done.regions:
            self._tally.people.update({job.face.number for job in jobs})


def _before_blenders(steps: tuple[Step, ...], extra: Step) -> tuple[Step, ...]:
    """A mask step in front of every blender, or behind the last step of a chain that has none."""
    made = [one for step in steps for one in ((extra, step) if step.role == "blender" else (step,))]
    return tuple(made) if extra in made else (*made, extra)


def _look_ahead(work: Work, part: PlannedPart, span: tuple[int, int], check: Callable[[], None],
                ) -> tuple[dict[int, tuple[FollowedFace, ...]], frozenset[int]]:
    """Who is in the part's frames, and in those of the span (first and last) beyond them; and where shots begin."""
    follower = Follower(work.stack, people=work.casting.recipe.people, search=work.search, rate=work.clip.rate,
                        embed=work.casting.knows)
    before = max(part.first - span[0], 0) + PRE_ROLL
    behind = max(span[1] - (part.first + part.frames - 1), 0)
    found: dict[int, tuple[FollowedFace, ...]] = {}
    cuts = []
    try:
        for frame in ahead(_frames(work, part, before, behind), work.waiting):
            check()
            followed = follower.step(frame)
            found[frame.index] = followed.faces
            cuts += [frame.index] if followed.cut else []
    except MediaDamaged as error:
        if error.ticks < part.stop and work.casting.recipe.output.clip.damaged == "refuse":
            raise
    return found, frozenset(cuts)


def supplies_of(clip: Clip, backdrop: Backdrop | None) -> Supplies:
    return Supplies(sound=bool(clip.sounds()), backdrop=backdrop is not None)


def _heard(clip: Clip, part: PlannedPart, before: int, length: float, check: Callable[[], None]) -> HeardSpan:
    """The sound round every picture of a part and of what comes before it."""
    start = min(part.start, int(clip.pts[max(part.first - before, 0)]))
    reach = Fraction(length) / 2 + Fraction(1, 100)
    last = min(part.stop, int(clip.pts[-1]))
    return HeardSpan(clip, clip.seconds(start) - reach, clip.seconds(last) + reach, check)


def _asked(check: Callable[[], None]) -> bool:
    """Processors ask whether to stop; what `check` raises says so and why."""
    check()
    return False


def _scan(work: Work, part: PlannedPart, check: Callable[[], None]) -> Scan:
    """Where heads are to be covered in this part, known before its first frame is drawn."""
    roll = max(PRE_ROLL, round(SCAN_SECONDS * work.clip.rate))

    def looked() -> Generator[ClipFrame, None, None]:
        try:
            for frame in ahead(_frames(work, part, roll, roll), work.waiting):
                check()
                yield frame
        except MediaDamaged as error:
            if error.ticks < part.stop and work.casting.recipe.output.clip.damaged == "refuse":
                raise

    casting = work.casting

    def keep(face: FollowedFace) -> bool:
        return face.sure and not casting.is_hidden(face.face.number)

    return scan_part(looked(), work.stack, people=casting.recipe.people, search=work.search, rate=work.clip.rate,
                     keep=keep if casting.hides_people else None, drawn=work.drawn, first=part.first,
                     last=part.first + part.frames - 1)
