"""Effects run in the listed order, layers close at blenders, and a processor that fails is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest

from models.errors import Cancelled, LikenessError, ProcessorError
from models.face import Face
from pipeline.chain import FaceJob, make_layers, make_steps, run_chain
from pipeline.frame import Frame
from pipeline.recipe import Effect, make_effects
from processors.base import Needs, Processor
from processors.batches import (
    FrameView,
    LayBatch,
    Native,
    PatchBatch,
    Rect,
    Region,
    RegionBatch,
    Remark,
    SourceFace,
)
from processors.context import Context
from processors.params import Choice, ProcessorParams, Slider
from processors.registry import Registry, processor
from tests.pipeline.test_frame_and_crops import ARCFACE, face_at


@processor("lighten", title="Lighten", role="enhancer", version="1.0")
class Lighten(Processor):
    """Adds to every pixel."""

    class Params(ProcessorParams):
        amount: float = Slider(20, ge=0, le=100, help="How much.")

    def is_identity(self, params: Any) -> bool:
        return bool(params.amount == 0)

    def process(self, batch: PatchBatch, params: Any, ctx: Context) -> PatchBatch:
        return tuple(replace(p, pixels=np.clip(p.pixels.astype(np.float32) + params.amount, 0, 255)
                             .astype(p.pixels.dtype), remarks=(*p.remarks, Remark("LIT", "Lit."))) for p in batch)


@processor("paint", title="Paint", role="swapper", version="1.0")
class Paint(Processor):
    """Brings the source's mean colour."""

    def needs(self, params: Any) -> Needs:
        return Needs(source=True)

    def process(self, batch: PatchBatch, params: Any, ctx: Context) -> PatchBatch:
        return tuple(replace(p, pixels=np.full_like(p.pixels, p.sources[0].crop.pixels.mean())) for p in batch)


@processor("aligned", title="Aligned", role="enhancer", version="1.0")
class Aligned(Lighten):
    """Lightens an aligned square."""

    def needs(self, params: Any) -> Needs:
        return Needs(crop=ARCFACE)


@processor("half", title="Half", role="mask", version="1.0")
class Half(Processor):
    """Keeps the left half."""

    def process(self, batch: PatchBatch, params: Any, ctx: Context) -> PatchBatch:
        made = []
        for p in batch:
            mask = np.ones(p.pixels.shape[:2], np.float32) if p.mask is None else p.mask.copy()
            mask[:, mask.shape[1] // 2:] = 0
            made.append(replace(p, mask=mask))
        return tuple(made)


@processor("plain", title="Plain", role="blender", version="1.0")
class Plain(Processor):
    """Alpha."""

    def process(self, batch: LayBatch, params: Any, ctx: Context) -> RegionBatch:
        return tuple(Region(x.background * (1 - x.mask[..., None]) + x.pixels * x.mask[..., None], x.rect, x.mask)
                     for x in batch)


@processor("dots", title="Dots", role="frame", version="1.0")
class Dots(Processor):
    """Marks each face's centre."""

    def process(self, batch: FrameView, params: Any, ctx: Context) -> RegionBatch:
        made = []
        for face in batch.faces:
            x, y = (round(v) for v in face.centre)
            made.append(Region(np.zeros((1, 1, 3), np.float32), Rect(x, y, x + 1, y + 1), np.ones((1, 1), np.float32)))
        return tuple(made)


@processor("grain", title="Grain", role="enhancer", version="1.0")
class Grain(Processor):
    """Random."""

    def process(self, batch: PatchBatch, params: Any, ctx: Context) -> PatchBatch:
        return tuple(replace(p, pixels=ctx.random.integers(0, 255, p.pixels.shape, np.uint8)) for p in batch)


@processor("broken", title="Broken thing", role="enhancer", version="1.0")
class Broken(Processor):
    """Fails in a chosen way."""

    class Params(ProcessorParams):
        how: Literal["raise", "fewer", "shape", "nan"] = Choice("raise", help="How.")

    def process(self, batch: PatchBatch, params: Any, ctx: Context) -> PatchBatch:
        if params.how == "raise":
            raise ZeroDivisionError("no reason")
        if params.how == "fewer":
            return ()
        if params.how == "shape":
            return tuple(replace(p, pixels=p.pixels[1:]) for p in batch)
        return tuple(replace(p, mask=np.full(p.pixels.shape[:2], np.nan, np.float32)) for p in batch)


REGISTRY = Registry([Lighten, Paint, Aligned, Half, Plain, Dots, Grain, Broken])
GREY = 100


def frame() -> Frame:
    return Frame(np.full((200, 300, 3), GREY, np.uint8))


def run(effects: tuple[Effect, ...], *faces: Face, given: Frame | None = None, sources: tuple[SourceFace, ...] = (),
        ctx: Context | None = None) -> Any:
    jobs = [FaceJob(face, sources) for face in faces]
    return run_chain(given or frame(), jobs, make_steps(effects, REGISTRY), ctx or Context(), 7, faces)


def chain(*names: str, **values: Any) -> tuple[Effect, ...]:
    return make_effects(names, REGISTRY, values)


def test_masked_pixels_change_and_all_others_keep_their_bits() -> None:
    face = face_at(100, 100)
    done = run(chain("lighten", "half", "plain"), face)
    region, = done.regions
    x0, y0, x1, y1 = region.rect
    middle = (x1 - x0) // 2
    wanted = np.full((200, 300, 3), GREY, np.uint8)
    wanted[y0:y1, x0:x0 + middle] = GREY + 20
    assert np.array_equal(done.frame.samples, wanted)
    assert done.remarks == {1: (Remark("LIT", "Lit."),)}


def test_a_layer_nobody_closes_is_laid_all_the_same() -> None:
    done = run(chain("lighten"), face_at(100, 100))
    assert (done.frame.samples == GREY + 20).any()


def test_what_follows_a_blender_starts_on_the_result() -> None:
    face = face_at(100, 100)
    once = run(chain("lighten", "plain"), face).frame
    twice = run(chain("lighten", "plain", "lighten", "plain"), face).frame
    assert once.samples.max() == GREY + 20
    assert twice.samples.max() == GREY + 40


def test_layers_are_cut_after_blenders_and_round_frame_effects() -> None:
    steps = make_steps(chain("lighten", "half", "plain", "dots", "lighten"), REGISTRY)
    assert [[s.effect.id for s in layer] for layer in make_layers(steps)] == [
        ["enhancer", "mask", "blender"], ["frame"], ["enhancer.2"]]


def test_effects_that_are_off_or_change_nothing_are_left_out() -> None:
    effects = chain("lighten", "half", "plain", lighten={"amount": 0})
    off = tuple(e.model_copy(update={"on": False}) for e in chain("lighten"))
    given = frame()
    assert run(effects, face_at(100, 100), given=given).frame is given
    assert run(off, face_at(100, 100), given=given).frame is given


def test_an_effect_that_needs_a_source_leaves_faces_without_one_alone() -> None:
    from pipeline.crops import cut

    white = Frame(np.full((200, 300, 3), 250, np.uint8))
    source = SourceFace(cut(white, face_at(100, 100), Native(0.5)))
    given = frame()
    assert run(chain("paint", "plain"), face_at(100, 100), given=given).frame is given
    assert run(chain("paint", "plain"), face_at(100, 100), sources=(source,)).frame.samples.max() == 250


def test_neighbours_may_want_different_crops() -> None:
    done = run(chain("lighten", "aligned", "half", "plain"), face_at(150, 100, 50))
    assert (done.frame.samples == GREY + 40).sum() > 1000
    native = run(chain("lighten", "half", "plain"), face_at(150, 100, 50))
    assert native.frame.samples.max() == GREY + 20


def test_overlapping_faces_are_laid_one_on_the_other() -> None:
    done = run(chain("lighten", "plain"), face_at(100, 100), face_at(120, 100).numbered(2))
    assert done.frame.samples.max() == GREY + 20, "both were cut from the frame before, so nobody is lit twice"
    assert set(done.remarks) == {1, 2}


def test_frame_effects_see_every_face_even_those_that_nothing_else_touches() -> None:
    face = face_at(100, 100)
    done = run_chain(frame(), [], make_steps(chain("dots"), REGISTRY), Context(), 0, [face])
    x, y = (round(v) for v in face.centre)
    assert (done.frame.samples == 0).all(axis=2).sum() == 1
    assert (done.frame.samples[y, x] == 0).all()


def test_grain_is_the_same_in_every_render_and_differs_between_effects() -> None:
    face = face_at(100, 100)
    first, again = (run(chain("grain", "plain"), face).frame.samples for _ in range(2))
    assert np.array_equal(first, again)
    second = run(chain("lighten", "grain", "plain", "grain", "plain"), face).frame.samples
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(("how", "said"), [
    ("raise", "ZeroDivisionError: no reason"), ("fewer", "0 patches for 1"), ("shape", "pixels"), ("nan", "mask"),
])
def test_a_processor_that_fails_is_named(how: str, said: str) -> None:
    with pytest.raises(ProcessorError, match=r"enhancer.*Broken thing") as raised:
        run(chain("broken", "plain", broken={"how": how}), face_at(100, 100))
    assert said in raised.value.message
    assert raised.value.code == "PROCESSOR.FAILED"


def test_cancelling_stops_between_layers() -> None:
    with pytest.raises(Cancelled):
        run(chain("lighten", "plain"), face_at(100, 100), ctx=Context(cancelled=lambda: True))


def test_a_face_wholly_outside_changes_nothing() -> None:
    given = frame()
    assert run(chain("lighten", "plain"), face_at(-500, -500), given=given).frame is given


def test_neighbours_that_want_the_same_template_share_one_crop() -> None:
    """Two aligned effects on noise: warped in and out once, it is what one effect of twice the amount gives."""
    given = Frame(np.random.default_rng(3).integers(60, 180, (200, 300, 3), np.uint8))
    twice = run(chain("aligned", "aligned", "half", "plain"), face_at(150, 100, 50), given=given)
    once = run(chain("aligned", "half", "plain", aligned={"amount": 40}), face_at(150, 100, 50), given=given)
    assert not np.array_equal(once.frame.samples, given.samples)
    assert np.array_equal(twice.frame.samples, once.frame.samples)


@processor("hungry", title="Hungry", role="enhancer", version="1.0")
class Hungry(Lighten):
    """Asks for more than a picture has."""

    class Params(ProcessorParams):
        what: Literal["model", "sound"] = Choice("model", help="Which.")

    def is_identity(self, params: Any) -> bool:
        return False

    def needs(self, params: Any) -> Needs:
        return Needs(models=("gfpgan",)) if params.what == "model" else Needs(sound=1.0)


@pytest.mark.parametrize(("what", "code"), [("model", "MODEL.MISSING"), ("sound", "PROCESSOR.NEEDS_CLIP")])
def test_what_a_processor_asks_for_and_cannot_have_is_said(what: str, code: str) -> None:
    registry = Registry([Hungry])
    with pytest.raises(LikenessError, match="enhancer") as raised:
        make_steps(make_effects(["hungry"], registry, {"hungry": {"what": what}}), registry)
    assert raised.value.code == code
