"""Flicker and jitter are measured as what they are; the natural preset flickers no more than its target."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from models.arrays import Mask, Pixels
from models.face import Face
from models.interfaces import FaceStack, Search
from pipeline.chain import FaceJob, make_steps, run_chain
from pipeline.clips.example import Light, moving_still, project, wander
from pipeline.crops import cut
from pipeline.frame import Frame
from pipeline.measure.flicker import flicker
from pipeline.measure.jitter import jitter
from pipeline.presets import preset
from pipeline.tracking.follow import Follower
from processors.batches import Native, SourceFace
from processors.context import Context
from processors.registry import load_registry
from tests.pipeline.tracking.making import frames_of

SIZE = (320, 280)


def moved(picture: Pixels, frames: int, noise: float = 1.5) -> list[Pixels]:
    return [pixels for pixels, _ in moving_still(
        picture, frames, lambda i: wander(i, (224, 150), (160, 140), shift=8, roll=3, grow=0.03, scale=1.2),
        size=SIZE, noise=noise)]


def oval() -> Mask:
    ys, xs = np.ogrid[:SIZE[1], :SIZE[0]]
    return (((xs - 160) / 60.0) ** 2 + ((ys - 140) / 80.0) ** 2 < 1).astype(np.float32)


def test_an_untouched_clip_has_no_excess(astronaut: Pixels) -> None:
    found = flicker((pixels, pixels, oval()) for pixels in moved(astronaut, 6))
    assert found.excess == 0
    assert found.share > 0.9
    assert found.target < 3


@pytest.mark.parametrize("depth", [2.0, 6.0])
def test_brightness_that_jumps_up_and_down_is_flicker_of_that_depth(depth: float, astronaut: Pixels) -> None:
    dark = (astronaut * 0.6 + 30).astype(np.uint8)
    frames = [(target, np.clip(target + depth * (index % 2), 0, 255).astype(np.uint8), oval())
              for index, target in enumerate(moved(dark, 6, noise=0))]
    found = flicker(frames)
    assert abs(found.excess - depth) < 0.35 * depth
    assert found.result > found.target


def test_a_face_of_another_colour_that_moves_along_does_not_flicker(astronaut: Pixels) -> None:
    frames = [(target, np.asarray(255 - target, np.uint8), oval()) for target in moved(astronaut, 6)]
    assert abs(flicker(frames).excess) < 0.05


def test_a_texture_that_stays_while_the_face_moves_flickers(astronaut: Pixels) -> None:
    texture = np.random.default_rng(1).normal(0, 8, (SIZE[1], SIZE[0], 1))
    frames = [(target, np.clip(target + texture, 0, 255).astype(np.uint8), oval()) for target in moved(astronaut, 6)]
    assert flicker(frames).excess > 3


def test_nothing_to_compare_is_said(astronaut: Pixels) -> None:
    frames = [(target, target, np.zeros((SIZE[1], SIZE[0]), np.float32)) for target in moved(astronaut, 2)]
    with pytest.raises(ValueError, match="no pixel"):
        flicker(frames)


def test_jitter_is_the_planted_one_and_motion_is_none() -> None:
    random = np.random.default_rng(2)
    still = random.uniform(100, 200, (68, 2))
    still[36], still[45] = (100, 150), (200, 150)
    warps = [wander(i, (150, 150), (160, 140), shift=12, roll=4, yaw=10) for i in range(200)]
    clean = [project(warp, still) for warp in warps]
    assert max(jitter(clean, warps)) < 1e-6
    noisy = [project(warp, still + random.normal(0, 0.1, still.shape)) for warp in warps]
    found = jitter(noisy, warps)
    assert abs(found.rms - 0.1 * np.sqrt(2)) < 0.01
    assert abs(found.frame_to_frame - 0.2) < 0.01
    late = jitter([clean[0], *clean[:-1]], warps)  # a frame late
    assert late.rms > 0.5
    with pytest.raises(ValueError, match="two frames"):
        jitter(clean[:1], warps[:1])


def swapped(picture: Pixels, centre: tuple[float, float], scale: float, source: SourceFace, stack: FaceStack,
            frames: int) -> list[tuple[Pixels, Pixels, Mask]]:
    """Target, result and mask of a clip through the natural preset."""
    registry = load_registry()
    steps = make_steps(preset("natural").chain(registry), registry)
    follower = Follower(stack, people=(), search=Search(), rate=Fraction(30), embed=False)
    made = []
    for frame, _ in frames_of(moving_still(
            picture, frames, lambda i: wander(i, centre, (200, 170), shift=12, roll=4, grow=0.04, scale=scale),
            size=(400, 340), noise=1.5, light=lambda i: Light(i / 17, 0.28))):
        face = follower.step(frame).faces[0].face
        done = run_chain(Frame(frame.pixels), [FaceJob(face, (source,))], steps, Context(moving=True), 7)
        mask = np.zeros((frame.height, frame.width), np.float32)
        for region in done.regions:
            mask[region.rect.y0:region.rect.y1, region.rect.x0:region.rect.x1] = region.mask
        made.append((frame.pixels, done.frame.samples, mask))
    return made


def source_of(picture: Pixels, face: Face) -> SourceFace:
    return SourceFace(cut(Frame(picture), face, Native(1.2)))


def test_a_swapped_face_flickers_no_more_than_its_target(
    astronaut: Pixels, hopper: Pixels, astronaut_face: Face, stack: FaceStack,
) -> None:
    """Spectacles and coarse grain on the face that is replaced: what flickered most (2.8 levels)."""
    frames = swapped(hopper, (252, 246), 0.9, source_of(astronaut, astronaut_face), stack, 12)
    found = flicker(frames)
    assert found.excess <= 0.2
    assert found.share > 0.9
    assert np.mean([np.abs(a.astype(int) - b).mean() for a, b, _ in frames]) > 1  # it was swapped


@pytest.mark.long
def test_a_swapped_face_flickers_no_more_than_its_target_the_other_way_round(
    astronaut: Pixels, hopper: Pixels, stack: FaceStack,
) -> None:
    face = stack.landmarker.landmarks(hopper, stack.detector.detect(hopper, Search()))[0]
    assert flicker(swapped(astronaut, (224, 150), 1.8, source_of(hopper, face), stack, 40)).excess <= 0.2
