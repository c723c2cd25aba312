"""The one thing that screens, API and command line talk to: open, analyse, render, save."""

from __future__ import annotations

import contextlib
import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import numpy as np

from models.arrays import Mask
from models.errors import Cancelled, NoFace, RecipeError
from models.face import Box
from models.families.dlib_faces import dlib_stack
from models.interfaces import FaceStack, Search
from models.networks import Networks
from models.sessions import DeviceLost, Priority
from models.stacks import stack_of
from pipeline.analysis import Analysis, FaceReport, analyse_frame
from pipeline.analysis.found import Glimpse
from pipeline.analysis.known import Decided, Known
from pipeline.analysis.store import EVERYTHING, Analyses, Wanted
from pipeline.backdrop import Backdrop, open_backdrop
from pipeline.chain import Admission, FaceJob, Step, Supplies, make_steps, run_chain
from pipeline.clips.clip import Clip
from pipeline.clips.probe import is_clip, open_clip
from pipeline.clips.reader import read_frames
from pipeline.crops import cut
from pipeline.edits import edit_of
from pipeline.enlarging import enlarged_face
from pipeline.findings.store import Versions
from pipeline.frame import Frame
from pipeline.gate import Guard, admit, effects_of, unspoken_of
from pipeline.meant import check_cast, pick
from pipeline.pictures import Edit, Picture, Written, check_output, in_colours, read_picture, write_picture
from pipeline.pictures.preview import Encoded, encode_portrait
from pipeline.recipe import (
    Anonymise,
    Keep,
    Looking,
    Merged,
    Person,
    Recipe,
    RunEffects,
    Span,
    UseSource,
    Whose,
    make_effects,
    works_on_frames,
)
from pipeline.refusals import Refused
from pipeline.remembering import Remembered
from pipeline.rendering.analysing import analyse
from pipeline.rendering.control import Control
from pipeline.rendering.desk import Desk, Drawn, Estimate, FaceThere, progress_of, shown, stopper
from pipeline.rendering.kept import KeptParts
from pipeline.rendering.plan import ticks_of
from pipeline.rendering.request import ClipRequest, ClipWritten
from pipeline.rendering.run import render_clip
from pipeline.tracking.heads import face_in_box
from pipeline.tracking.people import PersonFound, best_face, look_through
from processors.batches import Native, Region, Remark, SourceFace
from processors.context import Context
from processors.registry import Registry, load_registry

T = TypeVar("T")
Progress = Callable[[float, str], None]
"""Told a share (0..1) and what is being done, in a word: `find`, `swap`, `write`."""

# Margin of source crops in eye distances: forehead and hair line have to be in it (the forehead reaches about one eye
# distance over the brows).
SOURCE_MARGIN = 1.2
# Pictures whose analysis is kept. One is a few kilobytes a face.
KEPT_ANALYSES = 64
# Frames of a clip that are looked at to know its people: two a second find everybody who is there for half a second;
# a look takes about 0.2 s (detector, points, descriptor), so that a long clip takes ten seconds and a short one two.
LOOKS_A_SECOND, LEAST_LOOKS, MOST_LOOKS = 2, 12, 48
# Source faces whose pixels are kept: a crop of a 24-megapixel portrait is about 30 MB.
KEPT_SOURCES = 16
KEPT_BACKDROPS = 2


@dataclass(frozen=True, slots=True)
class Source:
    """An identity: the pictures that show it, and which face of each is meant. remarks: what was chosen, in words."""

    name: str
    photos: tuple[tuple[Picture, FaceReport], ...]
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class Rendered:
    """A finished picture, not yet written. regions: every rectangle that was written and its mask. remarks: by person;
    0 is the picture as a whole."""

    frame: Frame
    target: Picture
    recipe: Recipe
    edit: Edit
    regions: tuple[Region, ...] = ()
    remarks: dict[int, tuple[Remark, ...]] = field(default_factory=dict)

    def mask(self) -> Mask:
        """(H, W) float32: the strongest mask of any effect at each pixel; 0 where nothing was touched."""
        whole = np.zeros((self.frame.height, self.frame.width), np.float32)
        for region in self.regions:
            x0, y0, x1, y1 = region.rect
            window = whole[y0:y1, x0:x1]
            np.maximum(window, region.mask, out=window)
        return whole


_AT_ONCE = Control()


def _silent(_share: float, _stage: str) -> None:
    return None


def _never() -> bool:
    return False


class Engine:
    """Owns the registry, the face stack, the networks and what was learned of pictures. Safe to share between threads;
    holds nothing of any one user's project."""

    def __init__(self, *, registry: Registry | None = None, faces: FaceStack | None = None,
                 networks: Networks | None = None, analyses: Analyses | None = None) -> None:
        """analyses: where it is kept who is where in clips; without, faces are followed as they are drawn."""
        self.registry = registry or load_registry()
        self.networks = networks or Networks()
        self._given = faces
        self.analyses = analyses
        self._found: tuple[tuple[int, bool], dict[str, FaceStack]] | None = None
        self._finding = threading.Lock()
        self.models = self.networks.for_owner("looked at", Priority.PREVIEW)
        self.guard = Guard(self.networks, self.models)
        self._analyses = Remembered(KEPT_ANALYSES)
        self._sources = Remembered(KEPT_SOURCES)
        self._people = Remembered(KEPT_ANALYSES)
        self._backdrops = Remembered(KEPT_BACKDROPS)
        self.desk = Desk(self)

    @property
    def faces(self) -> FaceStack:
        """What finds and knows faces: the best that is there. Another one after models have come or gone; whoever works
        on a whole keeps the one that it began with."""
        return self._stack("")

    def faces_for(self, people: Sequence[Person]) -> FaceStack:
        """`faces`, with the recogniser that these people are known by, which need not be the best any more. Raises
        ModelError MODEL.MISSING where it is gone."""
        best = self.faces
        if not people or best.recogniser.name in {person.recogniser for person in people}:
            return best
        return self._stack(people[0].recogniser)

    def _stack(self, recogniser: str) -> FaceStack:
        if self._given is not None:
            return self._given
        with self._finding:
            networks = self.networks
            key = networks.changes, networks.is_safe
            if self._found is None or self._found[0] != key:
                self._found = key, {}
            made = self._found[1]
            if recogniser not in made:
                made[recogniser] = stack_of(networks.store, networks.manager, allowed=networks.may_take,
                                            otherwise=lambda: dlib_stack(), recogniser=recogniser)
            return made[recogniser]

    def open(self, path: Path, *, name: str | None = None) -> Picture:
        """Reads a picture. name: what the user calls it, for messages. Raises MissingInput, MediaError, InputError."""
        return read_picture(path, name=name)

    def analyse(self, picture: Picture, looking: Looking = Looking(), *,
                progress: Progress = _silent, cancelled: Callable[[], bool] = _never) -> Analysis:
        """Faces of a picture; remembered by its content, so that no face is looked for twice."""
        search = Search(small=looking.small, turned=looking.turned)
        faces = self.faces
        return self._analyses.get((picture.id, search, faces.name), lambda: analyse_frame(
            picture.frame, faces, search, lambda share: progress(share, "find"), lambda: _check(cancelled)))

    def source(self, name: str, photos: Sequence[tuple[Picture, int | None]],
               looking: Looking = Looking()) -> Source:
        """An identity from photos, each with the number of the face that is meant or None for the largest.

        Raises NoFace where a photo has no face, InputError (`INPUT.NO_SUCH_FACE`) where it lacks that number.
        """
        chosen: list[tuple[Picture, FaceReport]] = []
        remarks: list[Remark] = []
        for picture, number in photos:
            reports = self.analyse(picture, looking).faces
            if not reports:
                raise NoFace(f"No face can be found in {picture.name}.", subject=picture.name,
                             remedy="Choose a photo that shows one face from the front, at least 80 pixels wide.")
            report = pick(picture, reports, number)
            if number is None and len(reports) > 1:
                remarks.append(Remark("SOURCE.SEVERAL", f"{picture.name} shows {len(reports)} faces; the largest "
                                                        f"(number {report.number}) is used.",
                                      {"faces": len(reports), "number": report.number}))
            chosen.append((picture, report))
        return Source(name, tuple(chosen), tuple(remarks))

    def render(self, recipe: Recipe, target: Picture, sources: Mapping[str, Source] = {}, *,
               progress: Progress = _silent, cancelled: Callable[[], bool] = _never) -> Rendered:
        """The recipe's picture. sources: by name, those that the recipe's cast uses.

        Raises NoFace where the target has none that the recipe could change, RecipeError (`RECIPE.NO_SUCH_PERSON`,
        `RECIPE.NO_SOURCE`) where the cast names what is not there, ProcessorError, Cancelled; what `admit` raises, and
        Refused where the content analyser looks at pictures and refuses this one, or what it became.
        """
        arguments = recipe, target, sources, progress, cancelled
        try:
            return self._render(*arguments)
        except DeviceLost:
            if not self.models.elsewhere():
                raise
            self.networks.forget()  # what finds faces was leased where the device failed, too
            return self._render(*arguments)

    def _render(self, recipe: Recipe, target: Picture, sources: Mapping[str, Source], progress: Progress,
                cancelled: Callable[[], bool]) -> Rendered:
        admission = self.admit(recipe)
        if admission.looked_at and self.guard.refuses(target.frame.bgr8(), target.id):
            raise _refused(target, "the picture")
        analysis = self.analyse(target, recipe.looking, progress=lambda share, stage: progress(share / 2, stage),
                                cancelled=cancelled)
        check_cast(recipe, target, analysis, sources, self.registry)
        _check(cancelled)
        seed = zlib.crc32(target.id.encode())
        everyone = [report.face for report in analysis.faces]
        frame, regions, remarks, ran = target.frame, [], {0: analysis.remarks}, []
        passes = self._passes(recipe, analysis, target, sources, admission)
        backdrop = self.backdrop(recipe)
        for number, (jobs, steps) in enumerate(passes):
            # Whom to hide has to be found where the chain before has brought them.
            grown = frame.width / target.frame.width, frame.height / target.frame.height
            jobs = [replace(job, face=enlarged_face(job.face, grown)) for job in jobs]
            ctx = Context(cancelled=cancelled, models=self.models, progress=lambda share, done=number: progress(  # type: ignore[misc]
                0.5 + (done + share) / len(passes) / 2, "swap"), backdrop=backdrop.at() if backdrop else None)
            done = run_chain(frame, jobs, steps, ctx, seed, everyone)
            frame = done.frame
            regions += list(done.regions)
            ran += list(done.ran)
            remarks.update({n: (*remarks.get(n, ()), *found) for n, found in done.remarks.items()})
        if admission.looked_at and regions and self.guard.refuses(frame.bgr8()):
            raise _refused(target, "what became of")
        progress(1.0, "swap")
        edit = edit_of([(effect.processor, effect.version) for effect in ran], self.registry,
                       hides=any(effect.processor == "anonymise" for effect in ran), analysed=admission.looked_at)
        return Rendered(frame, target, recipe, edit, tuple(regions), remarks)

    def save(self, rendered: Rendered, output: Path, *, overwrite: bool = False,
             inputs: Sequence[Path] = (), companions: Sequence[tuple[Path, bytes]] = ()) -> Written:
        """Writes a rendered picture, and its companions, whole or not at all. Raises OutputError."""
        settings = rendered.recipe.output
        return write_picture(rendered.frame, rendered.target, output, edit=rendered.edit, format=settings.format,
                             quality=settings.quality, overwrite=overwrite, inputs=inputs, companions=companions)

    def check_output(self, output: Path, *, overwrite: bool = False, inputs: Sequence[Path] = ()) -> None:
        """What `save` would refuse, before any work is done. Raises OutputError."""
        check_output(output, overwrite, inputs)

    def admit(self, recipe: Recipe) -> Admission:
        """Leave for a recipe's effects to run. Raises GateMissing, ConsentMissing, ModelError; see `pipeline.gate`."""
        return admit(effects_of(recipe), self.registry, self.networks, unspoken_of(recipe),
                     self.faces.slots if recipe.commercial_safe else None)

    def backdrop(self, recipe: Recipe) -> Backdrop | None:
        """What the recipe names to lie behind people, open; kept, so that previews need not read it again. Raises what
        `open_backdrop` raises."""
        named = recipe.backdrop
        return None if named is None else self._backdrops.get((named.id, named.path), lambda: open_backdrop(named))

    def _passes(self, recipe: Recipe, analysis: Analysis, target: Picture, sources: Mapping[str, Source],
                admission: Admission) -> list[tuple[list[FaceJob], tuple[Step, ...]]]:
        """The chain over those who get it, then one anonymising pass a style: last, so that nothing is laid over it."""
        jobs: list[FaceJob] = []
        hidden: dict[str, list[FaceJob]] = {}
        for report in analysis.faces:
            choice = recipe.choice_for(report.number)
            if isinstance(choice, UseSource):
                jobs.append(FaceJob(report.face, self._source_faces(sources[choice.source], target.icc)))
            elif isinstance(choice, RunEffects):
                jobs.append(FaceJob(report.face))
            elif isinstance(choice, Anonymise):
                hidden.setdefault(choice.style, []).append(FaceJob(report.face))
        for cover in recipe.covers:
            box = Box(cover.x * target.frame.width, cover.y * target.frame.height,
                      (cover.x + cover.width) * target.frame.width, (cover.y + cover.height) * target.frame.height)
            hidden.setdefault(cover.style, []).append(FaceJob(face_in_box(box)))
        supplies = Supplies(backdrop=recipe.backdrop is not None)
        passes = [(jobs, make_steps(recipe.effects, self.registry, admission, supplies))]
        for style, covered in hidden.items():
            effects = make_effects(["anonymise", "feather"], self.registry, {"anonymise": {"style": style}})
            passes.append((covered, make_steps(effects, self.registry)))
        return passes

    # Clips --------------------------------------------------------------------------------------------------------

    def open_clip(self, path: Path, *, name: str | None = None) -> Clip:
        """Probes a clip. Raises MissingInput, MediaError."""
        return open_clip(path, name=name)

    def look_through(self, clip: Clip, looking: Looking = Looking(), trim: Span = Span(), *,
                     progress: Progress = _silent, cancelled: Callable[[], bool] = _never) -> tuple[PersonFound, ...]:
        """Who is in a clip, from frames all over its span; remembered."""
        faces = self.faces

        def look() -> tuple[PersonFound, ...]:
            start = ticks_of(clip, trim.start) if trim.start is not None else int(clip.pts[0])
            stop = ticks_of(clip, trim.stop) if trim.stop is not None else None
            end = stop if stop is not None else start + round(clip.duration / clip.time_base)
            wanted = round((end - start) * clip.time_base * LOOKS_A_SECOND)
            return look_through(clip, faces, looking, start=start, stop=stop,
                                samples=min(max(wanted, LEAST_LOOKS), MOST_LOOKS),
                                progress=lambda share: progress(share, "look"), check=stopper(cancelled))

        return self._people.get((clip.id, looking, trim, faces.name), look)

    def analyse_clip(self, clip: Clip, looking: Looking = Looking(), control: Control = _AT_ONCE,
                     wanted: Wanted = EVERYTHING, people: Sequence[Person] = ()) -> Known:
        """Who is where in every frame of a clip; made where it is not there yet. people: as in `faces_for`. Raises
        Cancelled, and what is known by then stays; OutputError where it cannot be kept; what reading the clip raises.
        Needs `analyses`."""
        assert self.analyses is not None
        while True:
            try:
                return analyse(self.analyses, clip, self.faces_for(people), looking, wanted, control)
            except DeviceLost:
                if not self.models.elsewhere():
                    raise
                self.networks.forget()

    def known(self, clip: Clip, looking: Looking = Looking(), people: Sequence[Person] = ()) -> Known | None:
        """What is known of it already."""
        return None if self.analyses is None else self.analyses.known(clip, self.faces_for(people), looking)

    def decided(self, recipe: Recipe, clip: Clip) -> Decided | None:
        """The same, with whose each face is by a recipe."""
        known = self.known(clip, recipe.looking, recipe.people)
        return None if known is None else known.decided(recipe.people, recipe.whose, recipe.merged)

    def people_of(self, clip: Clip, looking: Looking, trim: Span, control: Control) -> tuple[PersonFound, ...]:
        """Who is in a clip, by the numbers that everybody uses: of the whole clip's analysis where analyses are kept,
        else of frames all over the span."""
        if self.analyses is not None:
            return self.analyse_clip(clip, looking, control).people()
        return self.look_through(clip, looking, trim, cancelled=control.cancelled)

    def portrait(self, clip: Clip, found: PersonFound) -> Encoded:
        """A person's clearest frame, cut round the face."""
        frame = self.desk.frame(clip, clip.seconds(found.ticks - int(clip.pts[0])))
        return encode_portrait(Frame(frame.on_screen(frame.bgr8())), found.face.box, found.face.turn)

    def portrait_of(self, clip: Clip, known: Known, glimpse: Glimpse) -> Encoded:
        """The same of a glimpse of an analysis. It has a decoder of its own: no preview waits for it."""
        ticks = int(clip.pts[glimpse.frame])
        with contextlib.closing(read_frames(clip, ticks, ticks + 1)) as frames:
            frame = next(frames)
            return encode_portrait(Frame(frame.on_screen(frame.bgr8())), glimpse.box, known.turn_of(glimpse))

    def clip_picture(self, clip: Clip, seconds: Fraction, *, width: int | None = None, viewer: str = "",
                     ) -> tuple[Encoded, int, int] | None:
        """The exact frame at a time as a JPEG, with its ticks and its index. viewer: who looks; None where that one has
        asked for another frame since."""
        frame = self.desk.look(clip, seconds, viewer)
        return None if frame is None else (shown(frame, width), frame.ticks, frame.index)

    def faces_at(self, clip: Clip, seconds: Fraction, people: tuple[Person, ...], looking: Looking = Looking(),
                 whose: Sequence[Whose] = (), merged: Sequence[Merged] = ()) -> tuple[FaceThere, ...]:
        return self.desk.faces_at(clip, seconds, people, looking, whose, merged)

    def clip_preview(self, recipe: Recipe, clip: Clip, sources: Mapping[str, Source], seconds: Fraction, *,
                     width: int | None = None, cancelled: Callable[[], bool] = _never) -> tuple[Encoded, Drawn]:
        """The frame at a time with the recipe's effects, as a JPEG and as it is."""
        drawn = self.desk.drawn(recipe, clip, sources, seconds, stopper(cancelled))
        return shown(drawn.frame, width), drawn

    def clip_span(self, recipe: Recipe, clip: Clip, sources: Mapping[str, Source], start: Fraction, folder: Path, *,
                  seconds: Fraction = Fraction(3), progress: Progress = _silent,
                  cancelled: Callable[[], bool] = _never) -> Path:
        """A few rendered seconds as an MP4 in `folder`."""
        control = Control(cancelled=cancelled, progress=progress_of(progress))
        return self.desk.span(recipe, clip, sources, start, seconds, folder, control)

    def estimate(self, recipe: Recipe, clip: Clip, sources: Mapping[str, Source], output: Path, *,
                 cancelled: Callable[[], bool] = _never) -> Estimate:
        """What a render would take. Raises OutputError for what cannot be written."""
        return self.desk.estimate(recipe, clip, sources, output, stopper(cancelled))

    def render_clip(self, request: ClipRequest, control: Control, *, clip: Clip | None = None,
                    sources: Mapping[str, Source] | None = None, kept: KeptParts | None = None,
                    versions: Versions | None = None) -> ClipWritten:
        """See `pipeline.rendering.run.render_clip`."""
        return render_clip(self, request, control, clip=clip, sources=sources, kept=kept, versions=versions)

    def source_pictures(self, path: Path, *, name: str | None = None) -> tuple[str, tuple[Picture, ...]]:
        """A source's file by its content's id, and what it shows: a photo, or the best faces of a clip. Raises NoFace
        for a clip without any."""
        if not is_clip(path):
            picture = self.open(path, name=name)
            return picture.id, (picture,)
        clip = self.open_clip(path, name=name)
        faces = self.faces
        return clip.id, self._people.get((clip.id, "source", faces.name), lambda: best_face(clip, faces))

    def open_sources(self, recipe: Recipe) -> dict[str, Source]:
        """The recipe's sources, read from where they were last seen. Raises RecipeError `RECIPE.INPUT_CHANGED` where
        another file is there now."""
        sources = {}
        for source in recipe.sources:
            photos: list[tuple[Picture, int | None]] = []
            for photo in source.photos:
                found, pictures = self.source_pictures(Path(photo.path or photo.name), name=photo.name)
                if found != photo.id:
                    raise RecipeError(f"{photo.name} is not the file that the recipe was made with: its content "
                                      "differs.", subject=photo.name, code="RECIPE.INPUT_CHANGED",
                                      remedy="Give the recipe's own file, or choose the photo anew.")
                photos += [(picture, photo.face) for picture in pictures]
            sources[source.name] = self.source(source.name, photos)
        return sources

    def source_faces(self, source: Source) -> tuple[SourceFace, ...]:
        """The source's photos in sRGB, which is what clips are taken for; each the same object while it is kept."""
        return self._source_faces(source, None)

    def close(self) -> None:
        """Lets go of open decoders and networks."""
        self.desk.close()
        self.networks.close()

    def rest(self) -> None:
        """Lets go of what can be had again: models, decoders, source faces. For a studio that nobody uses just now."""
        self.faces.rest()
        self.models.close()
        self.networks.rest()
        self.desk.close()
        self._sources.clear()

    def _source_faces(self, source: Source, icc: bytes | None) -> tuple[SourceFace, ...]:
        """The source's photos in the colours of a profile, each the same object for as long as it is kept."""
        embedding = np.mean([report.face.embedding for _, report in source.photos
                             if report.face.embedding is not None], axis=0)
        identity = zlib.crc32(embedding.tobytes())
        colours = zlib.crc32(icc or b"")

        def make(picture: Picture, report: FaceReport) -> SourceFace:
            frame = in_colours(picture, icc).frame
            return SourceFace(cut(frame, report.face, Native(SOURCE_MARGIN)), embedding)

        return tuple(self._sources.get((picture.id, report.face.centre, identity, colours),
                                       lambda p=picture, r=report: make(p, r))  # type: ignore[misc]
                     for picture, report in source.photos)


def _check(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise Cancelled("Stopped at your request.", remedy="Nothing was written.")


def _refused(picture: Picture, what: str) -> Refused:
    return Refused(picture.name, f"The content analyser refuses {what} {picture.name}.",
                   "Choose another picture; nothing was written.")


def changes_anybody(recipe: Recipe) -> bool:
    """False where every person is kept as they are."""
    return any(not isinstance(choice, Keep) for choice in (*recipe.cast.values(), recipe.everyone))


def changes_anything(recipe: Recipe) -> bool:
    """False where every person is kept, no box is drawn, and no effect works on whole frames."""
    return changes_anybody(recipe) or bool(recipe.covers) or works_on_frames(effects_of(recipe))


__all__ = ["Analysis", "Clip", "ClipRequest", "ClipWritten", "Control", "Drawn", "Engine", "Estimate", "FaceReport",
           "FaceThere", "PersonFound", "Progress", "Rendered", "Source", "changes_anybody", "changes_anything"]
