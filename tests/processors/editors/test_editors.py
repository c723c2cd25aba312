"""Editors and DeepFaceLive's models on twins, from a frame to a frame: each changes a face as its network says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.arrays import Pixels
from models.catalogue import whole_catalogue
from models.errors import ModelError, ProcessorError
from models.families.mel import RATE
from models.networks import Build, T
from models.twins import Graph
from pipeline.chain import Admission, Done, FaceJob, make_steps, plain_steps, run_chain
from pipeline.frame import Frame
from pipeline.recipe import make_effects, set_parameter
from processors.context import Context
from processors.editors.lips import _SOUND, Lips
from processors.neural.laying import in_the_light_of, soft_box
from processors.swappers.dfm import Dfm
from tests.models.families import test_lips, test_portrait
from tests.models.families.test_dfm import SIDE, person
from tests.processors.neural.twins import (
    REGISTRY,
    Twins,
    face_of,
    face_points,
    photo,
    run,
    scene,
    swapper_twin,
    twins_for,
    whole_mask,
)

FACE = face_of(face_points(200, 210, 90, roll=8))
AWAY = face_of(face_points(200, 210, 90, yaw=85))
JOB = [FaceJob(FACE)]


def plain(level: int = 100, deep: bool = False) -> Frame:
    if deep:
        return Frame(np.full((400, 400, 3), level * 257, np.uint16))
    return Frame(np.full((400, 400, 3), level, np.uint8))


def levels(frame: Frame) -> Any:
    return frame.samples.astype(np.float64) / (257 if frame.depth == 16 else 1)


def middle(done: Done[Frame]) -> Any:
    """(3,): the mean colour between eyes and mouth."""
    return levels(done.frame)[195:225, 185:215].mean(axis=(0, 1))


class Own(Twins):
    """With models of the user's own among them."""

    def get(self, slot: str, build: Build[T]) -> T:
        if not slot.startswith("dfm.") or slot not in self._graphs:
            return super().get(slot, build)
        facts = next(family.facts for family in whole_catalogue().family if family.name == "dfm")
        return build(self.manager.lease(self._graphs[slot], name=slot, rows=True), facts)


# DeepFaceLive's models

def put_on(frame: Frame, job: FaceJob, **values: Any) -> Done[Frame]:
    return run(frame, [job], Own({"dfm.ann": person(True)}), ["dfm"], dfm={"model": "ann", **values})


@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize(("values", "made"), [({}, 50), ({"morph": 0.8}, 40), ({"strength": 0.5}, 50)])
def test_a_dfm_is_laid_where_its_masks_say(deep: bool, values: dict[str, Any], made: int) -> None:
    """The twin's face is half as bright, times the morph."""
    frame = plain(deep=deep)
    done = put_on(frame, JOB[0], colour=0.0, **values)
    mask = whole_mask(done)
    assert np.abs(levels(done.frame) - (100 + (made - 100) * mask[..., None])).max() < 0.6
    assert mask[210, 200] == pytest.approx(values.get("strength", 1.0), abs=0.05)
    outside = mask == 0
    assert outside.mean() > 0.3
    assert np.array_equal(done.frame.samples[outside], frame.samples[outside])


def test_a_dfm_s_face_takes_on_the_light_of_the_one_that_was_there() -> None:
    assert np.abs(middle(put_on(plain(), JOB[0], colour=1.0)) - 100).max() < 1.5


def test_a_dfm_fades_on_a_face_that_is_turned_away() -> None:
    done = put_on(plain(), FaceJob(AWAY), colour=0.0)
    assert np.array_equal(done.frame.samples, plain().samples)
    assert [remark.code for remark in done.remarks[1]] == ["POSE.FADED"]


def test_a_dfm_is_a_model_like_any_other_to_the_gate() -> None:
    assert Dfm().needs(Dfm.Params(model="Ann 224")).models == ("dfm.Ann 224",)
    with pytest.raises(ModelError, match=r"dfm\.bob"):
        run(plain(), JOB, Own({"dfm.ann": person(True)}), ["dfm"], dfm={"model": "bob"})
    with pytest.raises(ModelError, match=r"needs the model dfm\.ann"):
        make_steps(make_effects(["dfm"], REGISTRY, {"dfm": {"model": "ann"}}), REGISTRY)
    for wrong in ("../ann", "a\\b", "a\nb"):
        with pytest.raises(ValueError, match="pattern"):
            Dfm.Params(model=wrong)
    effects = set_parameter(make_effects(["dfm"], REGISTRY), "swapper.model=224", REGISTRY)
    assert effects[0].params["model"] == "224", "a name, though it looks like a number"
    assert SIDE < 512, "the twin's face is smaller than the crop, as those of real files are"


# Age

def ages() -> bytes:
    """Red becomes the age that was, green the age that shall be, blue stays."""
    graph = Graph()
    given = graph.input("target", (1, 3, 1024, 1024))
    both = graph.op("Concat", graph.input("direction", (2,)), graph.constant([0.0]), axis=0)
    kept = graph.op("Mul", given, graph.constant(np.array([0.0, 0, 1]).reshape(1, 3, 1, 1)))
    graph.output(graph.op("Add", kept, graph.op("Reshape", both, graph.constant([1, 3, 1, 1]))), "output",
                 (1, 3, 1024, 1024))
    return graph.serialised()


def test_fran_is_told_how_old_a_face_looks_and_shall_look() -> None:
    models = Twins({"age.fran": ages()})
    done = run(plain(), JOB, models, ["age"], age={"years": 30.0, "now": 20.0, "colour": 0.0})
    assert np.abs(middle(done) - np.array([100, 127.5, 51])).max() < 1
    mask = whole_mask(done)
    assert np.array_equal(done.frame.samples[mask == 0], plain().samples[mask == 0])
    assert run(plain(), JOB, Twins({}), ["age"]).ran == (), "no years are no change"


def test_styleganex_is_told_a_step_and_has_a_crop_of_its_own() -> None:
    from tests.models.families.test_ages import styleganex

    models = Twins({"age.styleganex": styleganex()})
    done = run(plain(102), JOB, models, ["age"], age={"years": 40.0, "model": "styleganex", "colour": 0.0})
    wanted = (102 / 255 + 0.1 * 0.5) * 255
    assert np.abs(middle(done)[1:] - wanted).max() < 1, "forty years are a step back, a tenth of which is taken away"
    assert middle(done)[0] == pytest.approx(102, abs=1)


# Expression and look

def portraits(**others: bytes) -> Twins:
    graphs = {"features": test_portrait.features(), "motion": test_portrait.motion(),
              "generator": test_portrait.generator(), "stitcher": test_portrait.stitcher(), **others}
    return Twins({f"portrait.{name}": graph for name, graph in graphs.items()})


def test_a_look_changes_a_face_inside_the_crop_alone() -> None:
    """The twin shows how far the corner of the mouth moved, half of it after stitching."""
    frame = plain()
    done = run(frame, JOB, portraits(), ["portrait"], portrait={"pitch": 1.0})
    motion = test_portrait.portrait().motions([np.full((512, 512, 3), 100, np.uint8)])[0]
    moved = replace(motion, pitch=motion.pitch - 20).placed - motion.placed
    assert np.abs(middle(done)[::-1] - (100 + moved[20] * 255 / 2)).max() < 0.6
    assert np.abs(moved[20]).max() > 0.02
    mask = whole_mask(done)
    assert np.array_equal(done.frame.samples[mask == 0], frame.samples[mask == 0])
    assert run(frame, JOB, Twins({}), ["portrait"]).ran == ()


def test_eyes_and_lips_ask_for_their_networks_only_where_they_are_moved() -> None:
    cls = REGISTRY.get("portrait")
    asked = {word: set(cls().needs(cls.Params(**{word: 0.5})).models) for word in ("smile", "eyes", "lips")}
    assert asked["eyes"] - asked["smile"] == {"portrait.eyes"}
    assert asked["lips"] - asked["smile"] == {"portrait.lips"}
    models = portraits(lips=test_portrait.retargeter(65))
    done = run(plain(), JOB, models, ["portrait"], portrait={"lips": 0.5})
    assert middle(done)[2] == pytest.approx(100 + 0.5 * 1.0 * 255 / 2, abs=1), "wide open, half of it, half stitched"


def test_an_expression_is_restored_on_a_face_that_was_swapped_and_on_no_other() -> None:
    frame = scene()
    assert np.array_equal(run(frame, JOB, portraits(), ["expression"]).frame.samples, frame.samples)
    swapper = twins_for(["swapper.hyperswap_1a"])
    models = Twins({**portraits()._graphs, **swapper._graphs})
    job = [FaceJob(FACE, (photo((120, 40, 200)),))]
    swapped = run(frame, job, models, ["hyperswap"])
    both = run(frame, job, models, ["hyperswap", "expression"], expression={"strength": 1.0})
    red = (levels(frame)[195:225, 185:215] - levels(swapped.frame)[195:225, 185:215])[..., 2].mean()
    assert abs(red) > 10, "the swap made the face redder, which the twin takes for another expression"
    step = (middle(both) - middle(swapped)) / red
    assert np.allclose(step, test_portrait.SCALE, atol=0.25), "the mouth's corner goes back by as much, times the scale"
    assert swapper_twin("swapper.hyperswap_1a"), "made of what the catalogue says"


# Lips

def speak(sound: Any, names: Mapping[str, bytes], **values: Any) -> Done[Frame]:
    effects = make_effects(["lips"], REGISTRY, {"lips": values})
    return run_chain(plain(120), JOB, plain_steps(effects, REGISTRY), Context(models=Twins(names), sound=sound), 7,
                     [FACE])


def noise(level: float, first: float = 0.0, last: float = 1.0) -> Any:
    """What a processor is handed: noise from one share of the time to another, else silence."""
    samples = round(_SOUND * RATE)
    at = np.arange(samples) / samples
    made = level * np.random.default_rng(3).standard_normal(samples) * ((at >= first) & (at < last))
    return made.astype(np.float32)


@pytest.mark.parametrize(("slot", "graph", "model"), [
    ("lips.wav2lip", test_lips.wav2lip, "wav2lip"), ("lips.edtalk", test_lips.edtalk, "edtalk")])
def test_a_mouth_moves_with_the_sound_at_the_picture_s_time(slot: str, graph: Any, model: str) -> None:
    """Both twins are brighter the louder the sound is; silence is -4 in every band, a tenth of which is -102 levels."""
    mouth = (slice(232, 240), slice(190, 210))
    silent, loud, before, behind = (speak(sound, {slot: graph()}, model=model) for sound in (
        noise(0.0), noise(0.3), noise(0.3, last=0.4), noise(0.3, first=0.5)))
    quiet, heard, early, late = (levels(done.frame)[mouth].mean() for done in (silent, loud, before, behind))
    assert heard > quiet + 30
    assert early == quiet, "what was said before has been said"
    assert late == pytest.approx(heard, abs=6)
    mask = whole_mask(loud)
    assert np.array_equal(loud.frame.samples[mask == 0], plain(120).samples[mask == 0])
    assert mask[mouth].min() > 0.9


def test_wav2lip_changes_the_lower_face_alone() -> None:
    done = speak(noise(0.3), {"lips.wav2lip_gan": test_lips.wav2lip()})
    changed = (done.frame.samples != 120).any(axis=2)
    rows = np.flatnonzero(changed.any(axis=1))
    nose = FACE.points[30, 1]
    assert rows.min() > nose - 12, "nothing above the tip of the nose"
    assert rows.max() > FACE.points[57, 1]


def test_without_sound_there_is_nothing_to_say() -> None:
    with pytest.raises(ProcessorError, match=r"PROCESSOR\.NO_SOUND"):
        speak(None, {"lips.wav2lip_gan": test_lips.wav2lip()})
    assert _SOUND >= 2 * (15 * 200 + 400) / RATE
    assert Lips().needs(Lips.Params()).sound == _SOUND


# What they share

def test_a_box_is_soft_and_lies_inside_the_crop() -> None:
    box = soft_box(128)
    assert box[64, 64] == 1
    assert box[0].max() < 0.005
    assert np.allclose(box, box.T)
    assert (np.diff(box[64, :64]) >= 0).all()


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_light_is_taken_over_and_detail_stays(kind: type) -> None:
    rng = np.random.default_rng(2)
    detail = rng.integers(-20, 21, (128, 128, 3))
    made: Pixels = (60 + detail).astype(kind)
    old: Pixels = np.full((128, 128, 3), 150, kind)
    found = in_the_light_of(made, old, soft_box(128), 1.0)
    assert found.dtype == kind
    assert np.abs(found.astype(float)[32:96, 32:96].mean() - 150) < 2
    assert np.corrcoef(found[32:96, 32:96].ravel(), detail[32:96, 32:96].ravel())[0, 1] > 0.95
    assert np.array_equal(in_the_light_of(made, old, soft_box(128), 0.0), made)


def test_an_admission_is_needed_for_every_editor() -> None:
    for name in ("age", "portrait", "lips"):
        cls = REGISTRY.get(name)
        assert cls.spec.role == "editor"
    effects = make_effects(["age"], REGISTRY, {"age": {"years": 5.0}})
    with pytest.raises(ModelError):
        make_steps(effects, REGISTRY, Admission(frozenset({"age.fran"}), looked_at=False))
