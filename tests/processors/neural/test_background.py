"""People before another backdrop, on twins whose matte is known; and what is kept from frame to frame of a clip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.errors import RecipeError
from models.interfaces import FaceStack
from pipeline.chain import Admission, Supplies, make_steps, run_chain
from pipeline.clips.encoding import resolve
from pipeline.clips.probe import open_clip
from pipeline.frame import Frame
from pipeline.recipe import Recipe, RunEffects, Segment, make_effects
from pipeline.rendering.casting import Casting
from pipeline.rendering.part import WARM_UP, Work, render_part
from pipeline.rendering.plan import PlannedPart
from processors.base import Needs, Processor
from processors.batches import FrameView, RegionBatch
from processors.context import Context
from processors.registry import Registry, processor
from tests.door.making import write_clip
from tests.models.families.test_mattes import remembering
from tests.processors.neural.twins import REGISTRY, Twins, levels, run

FRONT, BEHIND = np.array([30.0, 60.0, 255.0]), np.array([200.0, 100.0, 0.0])


def red_matte() -> bytes:
    """As modnet: the matte is the red that goes in, 0..1."""
    from models.twins import Graph

    graph = Graph()
    given = graph.op("Slice", graph.input("input", (1, 3, 512, 512)), *(graph.constant([n]) for n in (0, 1, 1)))
    half = graph.op("Mul", given, graph.constant(0.5))
    graph.output(graph.op("Add", half, graph.constant(0.5)), "output", (1, 1, 512, 512))
    return graph.serialised()


def portrait(deep: bool = False) -> tuple[Frame, np.ndarray]:
    """A red disc with a soft edge before blue, of the twin's own size, and its alpha."""
    disc = np.zeros((512, 512), np.float32)
    cv2.circle(disc, (256, 256), 130, 1.0, -1)
    alpha = np.asarray(cv2.GaussianBlur(disc, (0, 0), 3.0), np.float64)[..., None]
    picture = alpha * FRONT + (1 - alpha) * BEHIND
    samples = np.rint(picture * 257).astype(np.uint16) if deep else np.rint(picture).astype(np.uint8)
    return Frame(samples), alpha


@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "16 bits"])
def test_people_come_before_a_colour_and_bring_nothing_of_the_old_backdrop(deep: bool) -> None:
    frame, alpha = portrait(deep)
    done = run(frame, [], Twins({"matte.modnet": red_matte()}), ("background",),
               background={"behind": "colour", "colour": "#10c040"})
    new = np.array([0x40, 0xc0, 0x10])
    wanted = alpha * FRONT + (1 - alpha) * new
    off = np.abs(levels(done.frame) - wanted)
    sure = (alpha[..., 0] > 0.06) | (alpha[..., 0] < 0.001)
    assert off[sure].max() <= 4, "soft edges, too"
    assert off.max() <= 6, "a trace of alpha is taken for none"
    inside = alpha[..., 0] == 1
    assert np.array_equal(done.frame.samples[inside], frame.samples[inside]), "bit for bit"


def test_a_blurred_backdrop_is_its_own_and_people_do_not_bleed_into_it() -> None:
    frame, alpha = portrait()
    samples = frame.samples.copy()
    stripes = np.arange(512) // 4 % 2 == 0
    samples[:100, stripes] = (240, 140, 0)
    done = run(Frame(samples), [], Twins({"matte.modnet": red_matte()}), ("background",), background={"blur": 1.0})
    assert levels(done.frame)[20:60].std(axis=(0, 1)).max() < 3, "the stripes are gone"
    ring = (alpha[..., 0] < 0.001) & (cv2.dilate((alpha[..., 0] > 0.5).astype(np.uint8), np.ones((41, 41))) > 0)
    assert levels(done.frame)[ring][:, 2].max() <= 3, "no red round the disc"


def test_a_named_picture_comes_behind_people_at_their_picture_s_size() -> None:
    frame, alpha = portrait()
    asked: list[tuple[int, int]] = []

    def backdrop(height: int, width: int) -> Any:
        asked.append((height, width))
        return np.full((height, width, 3), (10, 220, 130), np.uint8)

    effects = make_effects(["background"], REGISTRY, {"background": {"behind": "picture"}})
    admission = Admission(frozenset({"matte.modnet"}))
    with pytest.raises(RecipeError, match=r"RECIPE\.NO_BACKDROP"):
        make_steps(effects, REGISTRY, admission)
    ctx = Context(models=Twins({"matte.modnet": red_matte()}), backdrop=backdrop)
    done = run_chain(frame, [], make_steps(effects, REGISTRY, admission, Supplies(backdrop=True)), ctx)
    assert asked == [(512, 512)]
    assert np.abs(levels(done.frame)[alpha[..., 0] < 0.001] - (10, 220, 130)).max() <= 1
    assert np.array_equal(done.frame.samples[alpha[..., 0] == 1], frame.samples[alpha[..., 0] == 1])


def test_tight_leaves_more_to_the_backdrop() -> None:
    frame, alpha = portrait()
    made = [run(frame, [], Twins({"matte.modnet": red_matte()}), ("background",),
                background={"behind": "colour", "colour": "#000000", "tight": tight}).frame for tight in (0.0, 0.4)]
    edge = (alpha[..., 0] > 0.1) & (alpha[..., 0] < 0.5)
    assert levels(made[1])[edge].mean() < 0.6 * levels(made[0])[edge].mean()


def test_a_clip_s_matte_goes_on_from_the_frame_before_and_anew_without_one() -> None:
    effects = make_effects(["background"], REGISTRY, {"background": {"model": "rvm", "behind": "colour",
                                                                    "colour": "#000000"}})
    steps = make_steps(effects, REGISTRY, Admission(frozenset({"matte.rvm"})))
    assert (steps[0].needs.state, steps[0].needs.pre_roll) == ("shot", 15)
    models = Twins({"matte.rvm": remembering()})
    frame = Frame(np.full((60, 80, 3), (0, 51, 0), np.uint8))  # green: .2 of a matte, and what is remembered
    shot: dict[str, Any] = {}
    greens = [float(levels(run_chain(frame, [], steps, Context(models=models, kept=shot)).frame)[..., 1].mean())
              for _ in range(3)]
    alone = float(levels(run_chain(frame, [], steps, Context(models=models)).frame)[..., 1].mean())
    assert greens[0] == alone
    assert greens[0] < greens[1] < greens[2], "a matte of .3, .35 and .375 of the same green"


# The engine's part

class Nobody:
    """Finds no face."""

    name, same_person = "nobody", 1.0

    def detect(self, *_: object) -> list[Any]:
        return []

    def side(self, *_: object) -> None:
        return None

    def landmarks(self, *_: object) -> list[Any]:
        return []

    follow = embed = landmarks


@pytest.mark.parametrize("settling", [3, 12])
def test_what_an_effect_keeps_is_of_one_shot_and_settles_before_a_part_s_first_frame(settling: int, tmp_path: Path,
                                                                                     ) -> None:
    seen: list[int] = []

    @processor("counter", title="Counter", role="frame", version="1.0")
    class Counter(Processor):
        """Counts the frames of a shot."""

        def needs(self, params: Any) -> Needs:
            return Needs(state="shot", pre_roll=settling)

        def process(self, batch: FrameView, params: Any, ctx: Context) -> RegionBatch:
            ctx.kept["frames"] = ctx.kept.get("frames", 0) + 1
            seen.append(ctx.kept["frames"])
            return ()

    random = np.random.default_rng(1)
    shots = [cv2.resize(random.integers(0, 255, (9, 16, 3)).astype(np.uint8), (160, 90)) for _ in range(2)]
    path = write_clip(tmp_path / "in.mp4", [shots[0]] * 20 + [shots[1]] * 6, sound=False)
    clip, registry = open_clip(path), Registry([Counter])
    recipe = Recipe(everyone=RunEffects(), segments=(Segment(effects=make_effects(["counter"], registry)),))
    stack = FaceStack(Nobody(), Nobody(), Nobody())
    work = Work(clip, resolve(clip, tmp_path / "out.mp4", recipe.output.clip), Casting(recipe, {}), registry, stack)
    part = PlannedPart(1, int(clip.pts[16]), int(clip.pts[25]) + 1, 16, 10, recipe.effects, True, "k")
    done = render_part(work, part, tmp_path / "p.nut", check=lambda: None, tell=lambda _frame: None)
    assert done.frames == 10
    before = max(settling, WARM_UP)
    assert seen == [*range(1, before + 5), *range(1, 7)], "four frames of the first shot, six of the second"
