"""Walks the faces of one frame through a chain of effects.

Effects run in the listed order. Swappers and enhancers change a patch's pixels, masks multiply its mask; a blender lays
the patch onto the frame and closes the layer, and what follows starts on the result. A layer that nobody closes is laid
with plain alpha.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import numpy as np

from models.arrays import Mask
from models.errors import LikenessError, ModelError, ProcessorError, RecipeError
from models.face import Face
from pipeline.crops import cut, lay, move_mask, recut
from pipeline.enlarging import SAME, Scale, enlarged_face, enlarged_region, scale_of
from pipeline.frame import Canvas, Sketch
from pipeline.recipe import Effect, params_of
from processors.base import PATCHING, Needs, Processor, Role
from processors.batches import (
    FrameView,
    Lay,
    LayBatch,
    Native,
    Patch,
    PatchBatch,
    Rect,
    Region,
    RegionBatch,
    Remark,
    SourceFace,
    Template,
)
from processors.blenders.edges import mix
from processors.context import Context
from processors.params import ProcessorParams
from processors.registry import Registry

C = TypeVar("C", bound=Canvas)


@dataclass(frozen=True, slots=True)
class Step:
    """One effect, ready to run."""

    effect: Effect
    processor: Processor
    params: ProcessorParams

    @property
    def role(self) -> Role:
        return self.processor.spec.role

    @property
    def needs(self) -> Needs:
        return self.processor.needs(self.params)


@dataclass(frozen=True, slots=True)
class FaceJob:
    """One face and the photos of the identity that goes on it (none for effects that need no source)."""

    face: Face
    sources: tuple[SourceFace, ...] = ()


@dataclass(frozen=True, slots=True)
class Done(Generic[C]):
    """frame: the result. regions: what was written, for masks and measures. remarks: by the face's number. ran: the
    effects that had a face to work on. scale: how much larger the frame became; regions are where they are now."""

    frame: C
    regions: tuple[Region, ...] = ()
    remarks: dict[int, tuple[Remark, ...]] = field(default_factory=dict)
    ran: tuple[Effect, ...] = ()
    scale: Scale = SAME


@dataclass(frozen=True, slots=True)
class Admission:
    """What `pipeline.gate.admit` found: that the networks of these slots are there, and whether what runs on them is
    behind the gate, so that pictures are looked at before and after."""

    slots: frozenset[str] = frozenset()
    looked_at: bool = False


NOTHING = Admission()
GATED: frozenset[Role] = frozenset({"swapper", "editor"})
"""Roles that change who is seen, or what they do: those of them that ask for a network run behind the gate."""


def is_gated(step: Step) -> bool:
    return step.role in GATED and bool(step.needs.models)


def plain_steps(effects: Sequence[Effect], registry: Registry) -> tuple[Step, ...]:
    """The effects that are on and change something, in order, whether or not they can run here."""
    made = (Step(effect, registry.get(effect.processor)(), params_of(effect, registry))
            for effect in effects if effect.on)
    return tuple(step for step in made if not step.processor.is_identity(step.params))


def asks_for_backdrop(effects: Sequence[Effect], registry: Registry) -> bool:
    """Whether one of the effects that are on lays people before what the recipe names as the backdrop."""
    return any(step.needs.backdrop for step in plain_steps(effects, registry))


@dataclass(frozen=True, slots=True)
class Supplies:
    """What else the engine has for effects. sound: whether the clip has any; None for a picture. backdrop: whether one
    was named."""

    sound: bool | None = None
    backdrop: bool = False


PLAIN = Supplies()


def make_steps(effects: Sequence[Effect], registry: Registry, admission: Admission = NOTHING,
               supplies: Supplies = PLAIN) -> tuple[Step, ...]:
    """The same, ready to run. Raises ModelError for one whose networks were not admitted, ProcessorError for one that
    works on clips alone, or with sound that is not there, RecipeError for one whose backdrop nobody named."""
    steps = plain_steps(effects, registry)
    for step in steps:
        _refuse_unmet(step, admission, supplies)
    return steps


def _refuse_unmet(step: Step, admission: Admission, supplies: Supplies) -> None:
    """Says so where a processor asks for what this engine cannot supply, rather than running it without."""
    needs = step.needs
    lacking = [slot for slot in needs.models if slot not in admission.slots]
    if lacking or (is_gated(step) and not admission.looked_at):
        slot = (lacking or needs.models)[0]
        raise ModelError(f"The effect {step.effect.id} ({step.processor.spec.title}) needs the model {slot}.",
                         subject=slot, remedy=f"`models get {slot}`, or choose an effect that needs none.")
    if needs.backdrop and not supplies.backdrop:
        raise RecipeError(f"The effect {step.effect.id} ({step.processor.spec.title}) lays people before a picture or "
                          "clip that is not named.", subject=step.processor.spec.name, code="RECIPE.NO_BACKDROP",
                          remedy="Choose one on its card (--backdrop on the command line), or take a plain colour.")
    if needs.sound and supplies.sound is False:
        raise ProcessorError(f"The effect {step.effect.id} ({step.processor.spec.title}) works with sound, and the "
                             "clip has none.", subject=step.processor.spec.name, code="PROCESSOR.NO_SOUND",
                             remedy="Choose a clip with a sound track, or leave this effect out.")
    if (needs.sound and supplies.sound is None) or needs.neighbours != (0, 0) or needs.state == "track":
        raise ProcessorError(f"The effect {step.effect.id} ({step.processor.spec.title}) works on clips.",
                             subject=step.processor.spec.name, code="PROCESSOR.NEEDS_CLIP",
                             remedy="Choose another effect for pictures.")


def make_layers(steps: Sequence[Step]) -> list[tuple[Step, ...]]:
    """The chain cut after every blender and round every frame effect."""
    layers: list[list[Step]] = [[]]
    for step in steps:
        if step.role == "frame":
            layers += [[step], []]
        else:
            layers[-1].append(step)
            if step.role == "blender":
                layers.append([])
    return [tuple(layer) for layer in layers if layer]


def run_chain(frame: C, jobs: Sequence[FaceJob], steps: Sequence[Step], ctx: Context, seed: int = 0,
              everyone: Sequence[Face] = ()) -> Done[C]:
    """Runs one chain over some of a frame's faces. Effects that need a source leave jobs without one alone.

    seed: what grain is drawn from, with the effect's id. everyone: all faces of the frame, for frame effects.

    Raises ProcessorError that names the effect where one fails, Cancelled where ctx says so.
    """
    run = _Run(frame.edit(), seed, ctx, len(steps))
    for layer in make_layers(steps):
        ctx.check()
        if layer[0].role == "frame":
            scale = _run_frame_effect(run, everyone, layer[0])
            if scale != SAME:
                everyone = [enlarged_face(face, scale) for face in everyone]
                jobs = [replace(job, face=enlarged_face(job.face, scale)) for job in jobs]
        elif jobs and any(step.role in PATCHING for step in layer):
            run.regions += _run_layer(run, jobs, layer)
        else:
            run.begun += len(layer)
    return Done(run.draft.frame, tuple(run.regions), run.remarks, tuple(run.ran), run.scale)


@dataclass(slots=True)
class _Run(Generic[C]):
    """What one run of a chain has done so far. begun: effects begun, of `total`. scale: see `Done`."""

    draft: Sketch[C]
    seed: int
    ctx: Context
    total: int
    begun: int = 0
    regions: list[Region] = field(default_factory=list)
    remarks: dict[int, tuple[Remark, ...]] = field(default_factory=dict)
    ran: list[Effect] = field(default_factory=list)
    scale: Scale = SAME

    def begin(self, step: Step) -> Context:
        """The step's own context: its random generator, its share of the progress, and what it kept."""
        first, each = self.begun / self.total, 1 / self.total
        self.begun += 1
        report = self.ctx.progress
        report(first)
        return replace(self.ctx, random=np.random.default_rng([self.seed, zlib.crc32(step.effect.id.encode())]),
                       progress=lambda share: report(first + each * share),
                       kept=self.ctx.kept.setdefault(step.effect.id, {}))


def _run_layer(run: _Run[C], jobs: Sequence[FaceJob], layer: Sequence[Step]) -> list[Region]:
    frame = run.draft.frame
    makers = [step for step in layer if step.role != "blender"]
    shape = _shape_of(makers)
    batch: PatchBatch = tuple(_begin(frame, job, shape) for job in jobs)
    for step in makers:
        wanted = step.needs.crop
        if step.role == "mask" and isinstance(wanted, Template) and wanted != shape:
            batch = _mask_beside(run, step, batch, frame, wanted)
            continue
        if isinstance(wanted, Template) and wanted != shape:
            shape = wanted
            batch = tuple(recut(frame, patch, shape) for patch in batch)
        elif isinstance(wanted, Native) and not isinstance(shape, Native) and step.role != "mask":
            shape = _native_of(makers)
            batch = tuple(recut(frame, patch, shape) for patch in batch)
        batch = _run_patches(run, step, batch)
    for patch in batch:
        number = patch.crop.face.number
        known = run.remarks.get(number, ())
        run.remarks[number] = (*known, *(remark for remark in patch.remarks if remark not in known))
    closing = layer[-1] if layer[-1].role == "blender" else None
    ctx = run.begin(closing) if closing else run.ctx
    written = []
    for patch in batch:  # one by one: faces may overlap, and each is laid on what the one before left
        if patch.pixels is patch.crop.pixels:
            continue  # nobody changed it: it must not be blended with itself, which rounds
        piece = lay(run.draft.frame, patch, native=isinstance(shape, Native), tight=closing is None)
        if piece.mask.size and piece.mask.any():
            region = _blend(closing, piece, ctx)
            run.draft.write(region.rect, region.pixels, region.mask)
            written.append(region)
    if closing and written:
        run.ran.append(closing.effect)
    return written


def _shape_of(steps: Sequence[Step]) -> Native | Template:
    """The crop that a layer begins with: that of the first processor that makes pixels; native ones share the widest
    margin asked for."""
    first = next((s for s in steps if s.role in PATCHING), steps[0]).needs.crop
    return first if isinstance(first, Template) else _native_of(steps)


def _native_of(steps: Sequence[Step]) -> Native:
    return Native(max(s.needs.crop.margin for s in steps if isinstance(s.needs.crop, Native)))


def _mask_beside(run: _Run[C], step: Step, batch: PatchBatch, frame: Canvas, shape: Template) -> PatchBatch:
    """A mask that looks at a crop of its own: it is told what the frame shows there, and its answer is brought into the
    crop that the pixels are in, which are not touched."""
    beside = tuple(replace(_begin(frame, FaceJob(patch.crop.face, patch.sources), shape), exact=patch.exact)
                   for patch in batch)
    made = _run_patches(run, step, beside)
    return tuple(_masked(patch, move_mask(other.mask, other.crop, patch.crop)) if other.mask is not None else patch
                 for patch, other in zip(batch, made, strict=True))


def _masked(patch: Patch, mask: Mask) -> Patch:
    return replace(patch, mask=mask if patch.mask is None else patch.mask * mask)


def _begin(frame: Canvas, job: FaceJob, shape: Native | Template) -> Patch:
    crop = cut(frame, job.face, shape)
    return Patch(crop, crop.pixels, sources=job.sources)


def _run_patches(run: _Run[C], step: Step, batch: PatchBatch) -> PatchBatch:
    ctx = run.begin(step)
    takes = [not (step.role == "mask" and patch.exact) and (bool(patch.sources) or not step.needs.source)
             for patch in batch]
    given = tuple(patch for patch, taken in zip(batch, takes, strict=True) if taken)
    if not given:
        return batch
    made: tuple[Patch, ...] = _call(step, given, ctx)
    run.ran.append(step.effect)
    if len(made) != len(given):
        raise _broken(step, f"it gave {len(made)} patches for {len(given)}")
    for before, after in zip(given, made, strict=True):
        if after.pixels.shape != before.pixels.shape or after.pixels.dtype != before.pixels.dtype:
            raise _broken(step, f"it gave pixels {after.pixels.shape} {after.pixels.dtype} for "
                                f"{before.pixels.shape} {before.pixels.dtype}")
        mask = after.mask
        if mask is not None and (mask.shape != before.pixels.shape[:2] or not np.isfinite(mask).all()):
            raise _broken(step, f"it gave a mask of shape {mask.shape}, or one that is not finite")
        if after.pixels.dtype != np.uint8 and not np.isfinite(after.pixels).all():
            raise _broken(step, "it gave pixels that are not finite")
    results = iter(made)
    return tuple(next(results) if taken else patch for patch, taken in zip(batch, takes, strict=True))


def _blend(step: Step | None, piece: Lay, ctx: Context) -> Region:
    if step is None:
        return Region(mix(piece.background, piece.pixels, piece.mask), piece.rect, piece.mask)
    batch: LayBatch = (piece,)
    made: RegionBatch = _call(step, batch, ctx)
    region = made[0] if len(made) == 1 else None
    if region is None or region.pixels.shape != piece.pixels.shape or region.mask.shape != piece.mask.shape:
        raise _broken(step, "it did not give one region of the size that it was handed")
    if not all(array.dtype == np.uint8 or np.isfinite(array).all() for array in (region.pixels, region.mask)):
        raise _broken(step, "it gave pixels or a mask that are not finite")
    return replace(region, rect=piece.rect)


def _run_frame_effect(run: _Run[C], everyone: Sequence[Face], step: Step) -> Scale:
    """How much larger it made the frame."""
    frame = run.draft.frame
    scale = scale_of(step.processor, step.params, frame.width, frame.height)
    whole = frame.region(Rect(0, 0, frame.width, frame.height))
    view = FrameView(whole, tuple(everyone), tuple(run.regions))
    made: RegionBatch = _call(step, view, run.begin(step))
    run.ran.append(step.effect)
    for region in made:
        width, height = region.rect.x1 - region.rect.x0, region.rect.y1 - region.rect.y0
        if region.pixels.shape[:2] != (height, width) or region.mask.shape != (height, width):
            raise _broken(step, "it gave a region whose pixels do not fill its rectangle")
    if scale != SAME:
        size = round(frame.width * scale[0]), round(frame.height * scale[1])
        if [region.rect for region in made] != [Rect(0, 0, *size)]:
            raise _broken(step, "it changes the picture's size and did not give the whole of it")
        run.draft.enlarge(made[0].pixels)
        run.regions = [enlarged_region(region, scale) for region in run.regions]
        run.scale = run.scale[0] * scale[0], run.scale[1] * scale[1]
    else:
        for region in made:
            run.draft.write(region.rect, region.pixels, region.mask)
    run.regions += made
    return scale


def _call(step: Step, batch: Any, ctx: Context) -> Any:
    process: Callable[[Any, Any, Context], Any] = step.processor.process
    try:
        return process(batch, step.params, ctx)
    except LikenessError:
        raise
    except Exception as error:  # a foreign processor may raise anything; what it was is named and chained
        raise _broken(step, f"{type(error).__name__}: {error}") from error


def _broken(step: Step, reason: str) -> ProcessorError:
    spec = step.processor.spec
    return ProcessorError(f"The effect {step.effect.id} ({spec.title}) failed: {reason}.", subject=spec.name,
                          remedy="Switch it off or change its settings; nothing was written.")
