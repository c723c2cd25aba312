"""What a screen asks of a clip: frames, people, previews, estimates. One desk belongs to one engine."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import Cancelled
from models.face import Box, Face
from models.interfaces import Search
from pipeline.analysis.known import frame_at
from pipeline.clips.clip import Clip
from pipeline.clips.encoding import own_container, resolve
from pipeline.clips.estimating import estimate_bytes
from pipeline.clips.planes import ClipFrame
from pipeline.clips.seeker import Seeker
from pipeline.findings.scoring import EVERY
from pipeline.pictures.preview import Encoded
from pipeline.recipe import ClipOutput, DrawnBox, Effect, Looking, Merged, Output, Person, Recipe, Span, Whose
from pipeline.rendering.analysing import busy_for
from pipeline.rendering.casting import Casting
from pipeline.rendering.control import ClipProgress, Control
from pipeline.rendering.larger import factor_of
from pipeline.rendering.part import SCAN_SECONDS, Drawer, Tally, Work, render_part
from pipeline.rendering.plan import PlannedPart, length_of, make_plan, ticks_of
from pipeline.rendering.request import ClipRequest
from pipeline.rendering.run import render_clip
from pipeline.tracking.drawn import DrawnFace, drawn_faces
from pipeline.tracking.follow import Follower
from processors.batches import Remark

if TYPE_CHECKING:
    from pipeline.engine import Engine, Source

SEEKERS = 6
"""Decoders that stay open: one for each who looks at a clip, and one for work. Idle ones close by themselves."""

DRAWN = 16
"""Sets of boxes whose way through their shots is kept: a few kilobytes each."""

TRIAL = 12
"""Frames that are rendered to learn how long all of them will take: about a second with the built-in chain."""

PREVIEW_HEIGHT = 720
"""Lines of a moving preview: what a viewer on a page shows."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """frames: of the output. seconds: they will take, from a trial of a few of them; copied ones take none. bytes: the
    output's rough size. free: bytes on its disk. copied: frames that are the clip's own."""

    frames: int
    seconds: float
    bytes: int
    free: int
    copied: int = 0


@dataclass(frozen=True, slots=True)
class FaceThere:
    """A face in one frame. number: the person's, 0 where it is nobody's. box: pixels of the upright frame."""

    number: int
    box: Box
    sure: bool


@dataclass(frozen=True, slots=True)
class Drawn:
    """A frame with the recipe's effects. remarks: by person."""

    frame: ClipFrame
    remarks: dict[int, tuple[Remark, ...]]


class Desk:
    """Keeps decoders open, and how long frames took. Safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._seekers: OrderedDict[tuple[str, Path, str | None], Seeker] = OrderedDict()
        self._one_at_a_time = threading.Lock()
        self._drawn: OrderedDict[tuple[str, tuple[DrawnBox, ...]], tuple[DrawnFace, ...]] = OrderedDict()
        self._pace: dict[tuple[str, str, bool], float] = {}
        self._lock = threading.Lock()

    def look(self, clip: Clip, seconds: Fraction, viewer: str) -> ClipFrame | None:
        """The frame that is shown at a time counted from the first picture; None where this viewer has asked for
        another one since."""
        return self._seeker(clip, viewer).frame(index_at(clip, seconds))

    def frame(self, clip: Clip, seconds: Fraction) -> ClipFrame:
        """The same for work, which waits its turn: of several who ask at once each gets its frame."""
        with self._one_at_a_time:
            found = self._seeker(clip, None).frame(index_at(clip, seconds))
        if found is None:
            raise Cancelled("The clip was closed.", subject=clip.name, remedy="Open it again.")
        return found

    def _seeker(self, clip: Clip, viewer: str | None) -> Seeker:
        gone: list[Seeker] = []
        # By its place too: the same clip may lie in two, and the one that was opened first may be deleted.
        key = (clip.id, clip.path, viewer)
        with self._lock:
            seeker = self._seekers.pop(key, None) or Seeker(clip)
            self._seekers[key] = seeker
            while len(self._seekers) > SEEKERS:
                gone.append(self._seekers.popitem(last=False)[1])
        for old in gone:
            old.close()
        return seeker

    def close(self) -> None:
        with self._lock:
            seekers, self._seekers = list(self._seekers.values()), OrderedDict()
        for seeker in seekers:
            seeker.close()

    def drawn_faces(self, recipe: Recipe, clip: Clip, check: Callable[[], None]) -> tuple[DrawnFace, ...]:
        """The recipe's drawn boxes through their shots; remembered, because a shot has to be decoded for it."""
        if not recipe.covers:
            return ()
        key = (clip.id, recipe.covers)
        with self._lock:
            known = self._drawn.get(key)
        if known is None:
            known = drawn_faces(recipe.covers, clip, check)
            with self._lock:
                self._drawn[key] = known
                while len(self._drawn) > DRAWN:
                    self._drawn.popitem(last=False)
        return known

    def faces_at(self, clip: Clip, seconds: Fraction, people: tuple[Person, ...], looking: Looking,
                 whose: Sequence[Whose] = (), merged: Sequence[Merged] = ()) -> tuple[FaceThere, ...]:
        """Faces of one frame and whose they are, as a part that began here would see them. whose: counts where the
        frame is known already."""
        known = self._engine.known(clip, looking, people)
        at = index_at(clip, seconds)
        if known is not None and known.holds(at, at):
            return tuple(FaceThere(one.face.number, one.face.box, one.sure)
                         for one in known.decided(people, whose, merged).faces_at(at, {}))
        search = Search(small=looking.small, turned=looking.turned)
        follower = Follower(self._engine.faces_for(people), people=people, search=search, rate=clip.rate,
                            embed=bool(people), lone=True)
        into = {one.number: one.into for one in merged}
        return tuple(FaceThere(into.get(one.face.number, one.face.number), one.face.box, one.sure)
                     for one in follower.step(self.frame(clip, seconds)).faces)

    def drawn(self, recipe: Recipe, clip: Clip, sources: Mapping[str, Source], seconds: Fraction,
              check: Callable[[], None]) -> Drawn:
        """One frame with its segment's effects, and with what fixes bring from frames around it. Raises OutputError
        where effects make it larger than can be written, before it is drawn."""
        self._check_size(recipe, clip)
        frame, tally = self.frame(clip, seconds), Tally()
        draw = self._drawer(recipe, clip, sources, frame, tally, check)
        draw.recall(lambda index: self.frame(clip, clip.seconds(int(clip.pts[index]) - int(clip.pts[0]))))
        drawn = draw.draw(frame)
        return Drawn(drawn, {n: tuple(found.values()) for n, found in tally.remarks.items()})

    def faces_drawn(self, recipe: Recipe, clip: Clip, sources: Mapping[str, Source], seconds: Fraction,
                    check: Callable[[], None]) -> tuple[Face, ...]:
        """The faces that `drawn` would draw on, with their points, where fixes have put them."""
        frame = self.frame(clip, seconds)
        draw = self._drawer(recipe, clip, sources, frame, Tally(), check)
        return tuple(followed.face for followed in draw.faces(frame))

    def _drawer(self, recipe: Recipe, clip: Clip, sources: Mapping[str, Source], frame: ClipFrame, tally: Tally,
                check: Callable[[], None]) -> Drawer:
        """For this one frame."""
        how = _for_pages(clip, self._factor(recipe, clip))
        work = replace(self._work(recipe, clip, sources, Path("preview.mp4"), how, check), lone=True)
        effects = effects_at(recipe, clip, frame.ticks)
        part = PlannedPart(1, frame.ticks, frame.ticks + 1, frame.index, 1, effects, True, "")
        return Drawer(work, part, tally, check)

    def _work(self, recipe: Recipe, clip: Clip, sources: Mapping[str, Source], output: Path, how: ClipOutput,
              check: Callable[[], None]) -> Work:
        engine = self._engine
        admission = engine.admit(recipe)
        casting = Casting(recipe, {name: engine.source_faces(source) for name, source in sources.items()})
        encoding = resolve(clip, output, how, factor=self._factor(recipe, clip))
        return Work(clip, encoding, casting, engine.registry, engine.faces_for(recipe.people),
                    self.drawn_faces(recipe, clip, check), admission=admission, models=engine.models,
                    guard=engine.guard if admission.looked_at else None, backdrop=engine.backdrop(recipe),
                    known=engine.decided(recipe, clip))

    def _factor(self, recipe: Recipe, clip: Clip) -> Fraction:
        return factor_of(recipe, self._engine.registry, clip)

    def _check_size(self, recipe: Recipe, clip: Clip) -> None:
        """A page shows frames small, but they are drawn as large as the output's: which may take minutes for one, and
        gigabytes."""
        factor = self._factor(recipe, clip)
        if factor != 1:
            resolve(clip, own_container(clip), recipe.output.clip, factor=factor)  # type: ignore[arg-type]

    def span(self, recipe: Recipe, clip: Clip, sources: Mapping[str, Source], start: Fraction, seconds: Fraction,
             folder: Path, control: Control) -> Path:
        """A few rendered seconds as an MP4 for the page, with sound. Doubtful spans do not hold it: it is looked at.
        Raises as `drawn`."""
        self._check_size(recipe, clip)
        stop = min(start + seconds, clip.duration)
        asked = recipe.model_copy(update={"trim": Span(start=str(start), stop=str(stop)), "accepted": (Span(),),
                                          "output": Output(clip=_for_pages(clip, self._factor(recipe, clip)))})
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"preview-{time.monotonic_ns():x}.mp4"
        began = time.monotonic()
        written = render_clip(self._engine, ClipRequest(recipe=asked, output=path), control, clip=clip, sources=sources,
                              look_first=False)
        if written.changed and written.frames > written.copied:
            self._learn(recipe, clip, (time.monotonic() - began) / (written.frames - written.copied))
        return path

    def estimate(self, recipe: Recipe, clip: Clip, sources: Mapping[str, Source], output: Path,
                 check: Callable[[], None]) -> Estimate:
        """Frames × measured time: a few frames are rendered where that is not known yet."""
        encoding = resolve(clip, output, recipe.output.clip, factor=self._factor(recipe, clip))
        engine = self._engine
        plan = make_plan(recipe, clip, encoding,
                         busy=busy_for(engine.decided(recipe, clip), recipe, engine.admit(recipe)))
        work = 0.0
        for touched in (True, False):  # frames that only pass through are decoded and encoded, and take far less
            parts = [part for part in plan.parts if not part.copied and part.touched == touched]
            if parts:
                pace = self._pace.get(_key(recipe, clip, touched))
                work += sum(part.frames for part in parts) * (
                    self._try(recipe, clip, sources, output, parts, check) if pace is None else pace)
        seconds = [float(sum(length_of(clip, part) for part in plan.parts if part.copied == copied))
                   for copied in (False, True)]
        own = round(seconds[1] * clip.bytes / float(clip.duration)) if plan.copied else 0
        place = output.parent
        while not place.exists():
            place = place.parent
        return Estimate(plan.frames, work, estimate_bytes(clip, encoding, seconds[0]) + own,
                        shutil.disk_usage(place).free, plan.copied)

    def _try(self, recipe: Recipe, clip: Clip, sources: Mapping[str, Source], output: Path,
             parts: Sequence[PlannedPart], check: Callable[[], None]) -> float:
        """Seconds a frame of these parts takes, which are all touched or all not, from a few in the middle."""
        middle = parts[len(parts) // 2]
        frames = min(TRIAL, middle.frames)
        first = middle.first + (middle.frames - frames) // 2
        behind = first + frames
        stop = int(clip.pts[behind]) if behind < clip.frames else int(clip.pts[-1]) + 1
        part = PlannedPart(1, int(clip.pts[first]), stop, first, frames, middle.effects, middle.touched, "trial")
        # Scored, as the render's frames are: that, and finding the faces for it, takes its time too.
        work = replace(self._work(recipe, clip, sources, output, recipe.output.clip, check), scores=EVERY)
        marks: list[float] = []
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="likeness-") as folder:
            render_part(work, part, Path(folder) / "trial.nut", check=check,
                        tell=lambda _frame: marks.append(time.monotonic()))
        # From frame to frame: starting takes time that a long render spends once.
        pace = (marks[-1] - marks[0]) / (len(marks) - 1) if len(marks) > 2 else 0.1
        if work.casting.hides and marks:
            # Where somebody is hidden, a part is looked at before it is drawn, with what lies round it.
            roll = 2 * round(SCAN_SECONDS * clip.rate)
            a_look = (marks[0] - began) / min(frames + roll, clip.frames)
            mean = sum(part.frames for part in parts) / len(parts)
            pace += a_look * min(mean + roll, clip.frames) / mean
        self._learn(recipe, clip, pace, touched=middle.touched)
        return pace

    def _learn(self, recipe: Recipe, clip: Clip, pace: float, *, touched: bool = True) -> None:
        with self._lock:
            if len(self._pace) > 256:
                self._pace.clear()
            self._pace[_key(recipe, clip, touched)] = pace


def _key(recipe: Recipe, clip: Clip, touched: bool) -> tuple[str, str, bool]:
    return clip.id, recipe.model_dump_json(include={"segments", "cast", "everyone", "covers", "output"}), touched


def _for_pages(clip: Clip, factor: Fraction) -> ClipOutput:
    """Small, quick, and what every browser plays. factor: how many times as large the effects make it."""
    return ClipOutput(codec="h264", crf=20, speed="veryfast", sdr=clip.colour.transfer != "sdr",
                      height=PREVIEW_HEIGHT if clip.height * factor > PREVIEW_HEIGHT else None)


def index_at(clip: Clip, seconds: Fraction) -> int:
    """The number of the frame that is shown at a time; before and after the clip, its first and last."""
    return frame_at(clip, seconds)


def effects_at(recipe: Recipe, clip: Clip, ticks: int) -> tuple[Effect, ...]:
    """The chain of the segment that a frame lies in; none where no segment does."""
    for segment in recipe.segments:
        low = ticks_of(clip, segment.start) if segment.start is not None else None
        high = ticks_of(clip, segment.stop) if segment.stop is not None else None
        if (low is None or low <= ticks) and (high is None or ticks < high):
            return segment.effects
    return ()


def stopper(cancelled: Callable[[], bool]) -> Callable[[], None]:
    """What raises Cancelled where the user asked to stop."""
    def check() -> None:
        if cancelled():
            raise Cancelled("Stopped at your request.", remedy="Nothing was written.")

    return check


def shown(frame: ClipFrame, width: int | None = None) -> Encoded:
    """A frame for a screen."""
    return Encoded(frame.picture(width), "image/jpeg")


def progress_of(tell: Callable[[float, str], None]) -> Callable[[ClipProgress], None]:
    """A picture's kind of progress from a clip's."""
    return lambda progress: tell(progress.done / max(progress.total, 1), progress.stage)
