"""Neural swappers on twins, from a frame to a frame: each changes a face as its network says, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.chain import FaceJob
from processors.batches import Template
from processors.neural.rows import template_of
from processors.neural.swap import NetworkSwapper
from tests.processors.neural.twins import (
    REGISTRY,
    SHARE,
    face_of,
    face_points,
    levels,
    photo,
    run,
    scene,
    twins_for,
    whole_mask,
)

MODELS = [(cls.spec.name, word) for cls in REGISTRY.of_role("swapper") if issubclass(cls, NetworkSwapper)
          for word in cls.networks]
BLUE_GREY = (120, 40, 200)
ONTO = ("ellipse", "feather")
TILTED = face_of(face_points(190, 210, 90, roll=25))


def slot_of(name: str, word: str) -> str:
    cls = REGISTRY.get(name)
    assert issubclass(cls, NetworkSwapper)
    return cls.networks[word]


def params(word: str, **more: Any) -> dict[str, Any]:
    return {"boost": "1", **more, **({"model": word} if word else {})}


def direction(colour: tuple[int, ...]) -> np.ndarray:
    """What the twin of the recogniser says of a colour, of length 1: red first."""
    found = np.array(colour[::-1]) / 127.5 - 1
    return np.asarray(found / np.linalg.norm(found))


def shift_of(name: str, colour: tuple[int, ...]) -> np.ndarray:
    """Levels that each of blue, green and red is moved by."""
    red_first = direction(colour)
    if name in ("blendswap", "uniface"):
        red_first = np.array(colour[::-1]) / 255 - 0.5
    elif name == "ghost":  # a tenth of what the recogniser gives, which is twenty times -1..1
        red_first = (np.array(colour[::-1]) / 127.5 - 1) * 20 * 0.1
    return red_first[::-1] * SHARE * 255


@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize(("name", "word"), MODELS)
def test_a_face_becomes_what_the_network_makes_of_it_and_the_source(name: str, word: str, deep: bool) -> None:
    frame = scene(deep)
    models = twins_for([slot_of(name, word)])
    done = run(frame, [FaceJob(TILTED, (photo(BLUE_GREY),))], models, (name, *ONTO), **{name: params(word)})
    mask = whole_mask(done)
    shift = shift_of(name, BLUE_GREY)
    assert np.abs(shift).max() > 10
    wanted = np.clip(levels(frame) + mask[..., None] * shift, 0, 255)
    assert (mask == 1).sum() > 5000
    # Eight bits are rounded in the crop, by the network, in the frame and where they are mixed.
    assert np.abs(levels(done.frame) - wanted).max() <= (0.6 if deep else 2.1)
    assert np.array_equal(done.frame.samples[mask == 0], frame.samples[mask == 0])
    assert done.frame.depth == frame.depth
    assert models.batches(slot_of(name, word)) == {1: 1}


@pytest.mark.parametrize("name", ["inswapper", "blendswap"])
def test_a_face_without_a_source_is_left_alone_and_no_network_runs(name: str) -> None:
    frame, word = scene(), next(word for one, word in MODELS if one == name)
    models = twins_for([slot_of(name, word)])
    done = run(frame, [FaceJob(TILTED)], models, (name, *ONTO), **{name: params(word)})
    assert done.frame is frame
    assert models.batches(slot_of(name, word)) == {}


@pytest.mark.parametrize(("boost", "rows"), [("1", 1), ("2", 4), ("8", 64)])
def test_all_faces_go_through_in_one_batch_with_all_their_parts_whoever_goes_on_them(boost: str, rows: int) -> None:
    frame = scene()
    colours = [(120, 40, 200), (200, 60, 40)]
    faces = [face_of(face_points(x, 200, 60, roll=roll), number)
             for number, (x, roll) in enumerate([(110, -10), (290, 15)], start=1)]
    models = twins_for(["swapper.inswapper"])
    done = run(frame, [FaceJob(face, (photo(colour),)) for face, colour in zip(faces, colours, strict=True)], models,
               ("inswapper", *ONTO), inswapper={"boost": boost})
    sizes = models.batches("swapper.inswapper")
    assert sum(rows * times for rows, times in sizes.items()) == 2 * rows
    assert len(sizes) == 1, "all parts together, up to as many as a run may have"
    for face, colour in zip(faces, colours, strict=True):
        x, y = (round(v) for v in face.points[30])
        moved = levels(done.frame)[y, x] - levels(frame)[y, x]
        assert np.abs(moved - shift_of("inswapper", colour)).max() <= 1.6


def test_boosts_are_as_large_as_makes_sense() -> None:
    assert template_of("swapper.inswapper", 8).size == 1024
    assert template_of("swapper.simswap_512", 4).size == 1024
    assert template_of("swapper.hyperswap_1a", 4).size == 1024
    assert isinstance(template_of("swapper.ghost_1"), Template)


def test_strength_mixes_with_the_face_that_is_there() -> None:
    frame = scene()
    models = twins_for(["swapper.inswapper"])
    x, y = (round(v) for v in TILTED.points[30])
    done = run(frame, [FaceJob(TILTED, (photo(BLUE_GREY),))], models, ("inswapper", *ONTO),
               inswapper={"strength": 0.5})
    moved = levels(done.frame)[y, x] - levels(frame)[y, x]
    assert np.abs(moved - shift_of("inswapper", BLUE_GREY) / 2).max() <= 1.6
    assert run(frame, [FaceJob(TILTED, (photo(BLUE_GREY),))], models, ("inswapper", *ONTO),
               inswapper={"strength": 0.0}).frame is frame


@pytest.mark.parametrize("name", ["inswapper", "ghost", "simswap"])
def test_a_weight_above_a_half_moves_away_from_who_is_shown(name: str) -> None:
    """Who is shown is grey, and darker than half: a descriptor below 0 in every colour."""
    frame, word = scene(), next(word for one, word in MODELS if one == name)
    models = twins_for([slot_of(name, word)])
    x, y = (round(v) for v in TILTED.points[30])
    moved = [levels(run(frame, [FaceJob(TILTED, (photo((200, 110, 160)),))], models, (name, *ONTO),
                        **{name: params(word, weight=weight)}).frame)[y, x] - levels(frame)[y, x]
             for weight in (0.0, 0.5, 1.0)]
    less, plain, more = moved
    assert (more - plain)[0] > 5, "blue: the source has much of it"
    assert np.abs((more - plain) + (less - plain)).max() <= 2, "as far to one side as to the other"


# Several photos

def test_photos_of_one_person_count_the_same() -> None:
    frame, models = scene(), twins_for(["swapper.inswapper"])
    colours = [(120, 40, 200), (160, 60, 220)]
    job = FaceJob(TILTED, tuple(photo(colour) for colour in colours))
    done = run(frame, [job], models, ("inswapper", *ONTO))
    mean = np.sum([direction(colour) for colour in colours], axis=0)
    x, y = (round(v) for v in TILTED.points[30])
    wanted = (mean / np.linalg.norm(mean))[::-1] * SHARE * 255
    assert np.abs(levels(done.frame)[y, x] - levels(frame)[y, x] - wanted).max() <= 1.6
    assert done.remarks == {1: ()}
    run(frame, [job], models, ("inswapper", *ONTO))
    assert models.batches("recogniser.arcface") == {2: 1}, "both photos in one run, and never again"


def test_a_photo_of_somebody_else_is_left_out_and_said_so() -> None:
    frame, models = scene(), twins_for(["swapper.inswapper"])
    own, other = (120, 40, 200), (135, 215, 55)
    photos = tuple(photo(colour) for colour in (own, other, own))
    done = run(frame, [FaceJob(TILTED, photos)], models, ("inswapper", *ONTO))
    x, y = (round(v) for v in TILTED.points[30])
    moved = levels(done.frame)[y, x] - levels(frame)[y, x]
    assert np.abs(moved - shift_of("inswapper", own)).max() <= 1.6
    assert [(remark.code, dict(remark.values)) for remark in done.remarks[1]] == [
        ("SOURCE.OUTLIERS", {"left_out": 1, "photos": 3})]


def test_of_two_photos_that_differ_both_are_used_and_it_is_said() -> None:
    models = twins_for(["swapper.inswapper"])
    photos = (photo((120, 40, 200)), photo((200, 215, 55)))
    done = run(scene(), [FaceJob(TILTED, photos)], models, ("inswapper", *ONTO))
    assert [remark.code for remark in done.remarks[1]] == ["SOURCE.DIFFERS"]


@pytest.mark.parametrize("name", ["inswapper", "uniface"])
def test_the_photo_that_is_turned_as_the_face_counts_most(name: str) -> None:
    frame, word = scene(), next(word for one, word in MODELS if one == name)
    models = twins_for([slot_of(name, word)])
    front, side = (120, 40, 200), (180, 60, 180)
    photos = (photo(front), photo(side, yaw=-40))
    nearest = {} if name == "uniface" else {"photos": "nearest"}
    for yaw, colour in ((0, front), (40, side), (-40, side)):
        face = face_of(face_points(190, 210, 90, yaw=yaw))
        done = run(frame, [FaceJob(face, photos)], models, (name, *ONTO), **{name: params(word, **nearest)})
        inside = whole_mask(done) == 1
        moved = np.median((levels(done.frame) - levels(frame))[inside], axis=0)
        assert np.abs(moved - shift_of(name, colour)).max() <= 2.5


# Poses

@pytest.mark.parametrize(("yaw", "pitch", "left"), [(0, 0, 1.0), (-48, 0, 1.0), (60, 0, 0.5), (-60, 0, 0.5),
                                                     (0, 45, 0.5), (75, 0, 0.0)])
def test_beyond_a_pose_the_swap_fades(yaw: float, pitch: float, left: float) -> None:
    frame, models = scene(), twins_for(["swapper.inswapper"])
    face = face_of(face_points(200, 200, 90, yaw=yaw, pitch=pitch))
    done = run(frame, [FaceJob(face, (photo(BLUE_GREY),))], models, ("inswapper",))
    shift = shift_of("inswapper", BLUE_GREY)
    x, y = (round(v) for v in face.points[31])
    moved = levels(done.frame)[y, x] - levels(frame)[y, x]
    assert np.abs(moved - left * shift).max() <= 3, "the fit of the pose may be off by a degree"
    codes = [remark.code for remark in done.remarks[1]]
    assert codes == ([] if left == 1 else ["POSE.FADED"])
    if left == 0:
        assert done.frame is frame
    further = run(frame, [FaceJob(face, (photo(BLUE_GREY),))], models, ("inswapper",), inswapper={"turned": 90.0})
    assert further.remarks == {1: ()}
